"""What the parts of the ``nightshift`` command share: their options, a home opened, their voice."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.errors import NightshiftError

if TYPE_CHECKING:
    from rich.console import Console

    from assets.home import Home
    from assets.ingestion.vault import Vault
    from orchestration.session import Session

HomeOption = Annotated[
    Path, typer.Option("--home", envvar="NIGHTSHIFT_HOME", help="Where everything lives.")
]
UseCasesOption = Annotated[
    list[Path] | None,
    typer.Option("--use-cases", help="Folder with a defs.yaml of your own; may be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
UseCaseArgument = Annotated[str, typer.Argument(help="Name of the use case.")]
HOME = Path(".nightshift")


@contextmanager
def opened(home: Path, use_cases: list[Path] | None) -> "Iterator[Session]":
    """The home, ready for work."""
    from orchestration.session import open_home

    yield open_home(home, use_cases or [])


COLLECTION = (50_000, 20, 100)
"""Thresholds of Python's garbage collector. The heavy libraries leave a million objects alive,
which it looks through again and again: measured with its own, 5 to 8 % of a night."""


def tell(text: str) -> None:
    """Progress goes to the error stream, so that --json leaves the output clean."""
    typer.echo(text, err=True)


def console() -> "Console":
    """Where tables are printed."""
    from rich.console import Console

    # A pipe or a log has no width of its own, and 80 columns would cut the words.
    return Console(width=None if sys.stdout.isatty() else 120)


def key_of(home: "Home") -> bytes:
    """The installation's key, which must be there: a new one opens nothing."""
    from assets.ingestion.pseudonym import load_key
    from orchestration.resources.installation import KEY_VARIABLE

    given = os.environ.get(KEY_VARIABLE)
    if given is None and not home.pseudonym_key.exists():
        raise NightshiftError(
            f"there is no key: neither {home.pseudonym_key} nor {KEY_VARIABLE}. Personal values "
            "open only with the key they were sealed with."
        )
    return load_key(home.pseudonym_key, given)


def vault_of(home: "Home") -> "Vault":
    """The home's vault, to be opened with its key."""
    from assets.ingestion.vault import Vault

    return Vault(home.vault, key_of(home))


def shown(text: str) -> str:
    """The text without anything a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

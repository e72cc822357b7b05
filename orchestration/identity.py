"""Who is at the terminal: a private key in a file, the system user, the tag that says who asked."""

import os
import pwd
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.signing import SigningKeyError, load_private_key, public_key
from orchestration.command import tell

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from orchestration.session import Session

IDENTITY_VARIABLE = "NIGHTSHIFT_IDENTITY"
PASSPHRASE_VARIABLE = "NIGHTSHIFT_PASSPHRASE"  # noqa: S105 (its name, not its value)
REQUESTED_BY = "nightshift/requested_by"
"""Tag of a training run: an enrolled name, or ``user:<login>``. Schedules set none."""

IdentityOption = Annotated[
    Path | None,
    typer.Option(
        "--identity",
        help=f"Private key. Default: ${IDENTITY_VARIABLE}, or ~/.config/nightshift/identity.key.",
    ),
]


def identity_file(given: Path | None = None) -> Path:
    """The file of the private key: as given, as the environment names it, or the usual one."""
    if given is not None:
        return given
    named = os.environ.get(IDENTITY_VARIABLE)
    return Path(named) if named else Path.home() / ".config" / "nightshift" / "identity.key"


def system_user() -> str:
    """Login of this process, by its user number: the environment could say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid{os.getuid()}"


def open_identity(path: Path, *, ask: bool = True) -> "Ed25519PrivateKey":
    """The private key in a file; the passphrase from the environment, or asked for.

    Raises SigningKeyError, saying what to do; without ``ask`` or a terminal also when the
    passphrase is not in the environment.
    """
    if not path.is_file():
        raise SigningKeyError(
            f"there is no identity at {path}: `nightshift people enrol NAME` makes one, --identity "
            f"or {IDENTITY_VARIABLE} names another"
        )
    if b"ENCRYPTED" not in path.read_bytes()[:64]:
        return load_private_key(path)
    passphrase = os.environ.get(PASSPHRASE_VARIABLE)
    if passphrase is None and ask and sys.stdin.isatty():
        passphrase = typer.prompt(f"passphrase of {path}", hide_input=True, err=True)
    if passphrase is None:
        raise SigningKeyError(f"{path} is locked: set {PASSPHRASE_VARIABLE} to its passphrase")
    return load_private_key(path, passphrase)


def who_asks(session: "Session", now: datetime) -> str:
    """Who starts a training: the enrolled person whose key is at hand, else ``user:<login>``.

    A key that cannot be opened without asking is not used, and a name not proven by its key is not
    taken. ``now``: UTC.
    """
    from assets.release.people import read_people

    path, login = identity_file(), f"user:{system_user()}"
    if not path.exists():
        return login
    try:
        key = public_key(open_identity(path, ask=False))
    except SigningKeyError as error:
        tell(f"asked for by {login}, for the identity cannot be used: {error}")
        return login
    return read_people(session.lake, session.home).holder(key, now) or login


def requested_by(tags: Mapping[str, str]) -> str:
    """Who asked for a run, by its tags; the system where nobody did."""
    from assets.release.events import SYSTEM

    return tags.get(REQUESTED_BY) or SYSTEM

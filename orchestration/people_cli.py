"""``nightshift people ...``: who may approve models, and the keys they sign with."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from assets.signing import SigningKeyError, create_private_key, public_key
from orchestration.command import HOME, HomeOption, JsonOption, console, opened, shown, tell
from orchestration.identity import (
    PASSPHRASE_VARIABLE,
    IdentityOption,
    identity_file,
    open_identity,
    system_user,
)

people_app = typer.Typer(help="People who may approve models.", no_args_is_help=True)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Lower-case, parts joined by dots: jo.smith.")
]


@people_app.command("enrol")
def enrol_person(
    name: NameArgument,
    identity: IdentityOption = None,
    passphrase: Annotated[
        bool,
        typer.Option(
            "--passphrase",
            help=f"Lock the key with a passphrase: asked for, or from ${PASSPHRASE_VARIABLE}.",
        ),
    ] = False,
    home: HomeOption = HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a person's key pair and put them on record; a key that is there already is used.

    The private key stays in its file, which only this user may read: it is the person's, and who
    holds it decides in their name. Give everyone a file of their own.
    """
    from assets.release.people import enrol, read_people, require_free, require_name

    path = identity_file(identity)
    with opened(home, None) as session:
        require_name(name)
        made = not path.exists()
        if made:
            require_free(read_people(session.lake, session.home), name)
            key = create_private_key(path, _new_passphrase(path) if passphrase else None)
        else:
            key = public_key(open_identity(path))
        by = f"user:{system_user()}"
        new = enrol(session.lake, session.home, name, key, at=datetime.now(UTC), by=by)
        if as_json:
            said = {"name": name, "public_key": key, "identity": str(path), "enrolled": new}
            typer.echo(json.dumps(said, indent=2))
            return
        typer.echo(f"{name} is enrolled" if new else f"{name} was enrolled with this key before")
        typer.echo(f"private key: {path}{' (new)' if made else ''}")


def _new_passphrase(path: Path) -> str:
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is None and sys.stdin.isatty():
        given = typer.prompt(
            f"passphrase for {path}", hide_input=True, confirmation_prompt=True, err=True
        )
    if not given:
        raise SigningKeyError(
            f"there is no passphrase: set {PASSPHRASE_VARIABLE}, or run this at a terminal"
        )
    return given


@people_app.command("list")
def list_people(home: HomeOption = HOME, as_json: JsonOption = False) -> None:
    """Show everyone ever enrolled, and rows on record that do not count."""
    from assets.release.people import read_people

    with opened(home, None) as session:
        people = read_people(session.lake, session.home)
    if as_json:
        listed = [
            {
                "name": p.name,
                "public_key": p.public_key,
                "enrolled_at": p.enrolled_at.isoformat(),
                "enrolled_by": p.enrolled_by,
                "removed_at": p.removed_at.isoformat() if p.removed_at else None,
                "removed_by": p.removed_by,
            }
            for p in people.enrolments
        ]
        typer.echo(json.dumps({"people": listed, "problems": list(people.problems)}, indent=2))
        return
    if not people.enrolments:
        typer.echo("nobody is enrolled: `nightshift people enrol NAME`")
    else:
        from rich.table import Table
        from rich.text import Text

        table = Table(title="People who may approve models")
        for heading in ("name", "enrolled", "by", "removed", "by whom and why", "public key"):
            table.add_column(heading, overflow="fold")
        for p in people.enrolments:
            removed = f"{p.removed_at:%Y-%m-%d %H:%M}" if p.removed_at else "-"
            cells = (
                p.name,
                f"{p.enrolled_at:%Y-%m-%d %H:%M}",
                p.enrolled_by,
                removed,
                p.removed_by or "-",
                p.public_key,
            )
            table.add_row(*(Text(shown(cell)) for cell in cells))
        console().print(table)
    for problem in people.problems:
        tell(f"people: {shown(problem)}")


@people_app.command("remove")
def remove_person(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; stays on record.")],
    home: HomeOption = HOME,
    as_json: JsonOption = False,
) -> None:
    """End a person's enrolment: from now on their key signs nothing that counts.

    What they approved before keeps its place; reject the version if it should not.
    """
    from assets.release.people import remove

    with opened(home, None) as session:
        at = datetime.now(UTC)
        by = f"user:{system_user()}"
        remove(session.lake, session.home, name, at=at, by=by, reason=reason)
    if as_json:
        typer.echo(json.dumps({"name": name, "removed_at": at.isoformat()}, indent=2))
    else:
        typer.echo(f"{name} is removed and approves nothing from now on")

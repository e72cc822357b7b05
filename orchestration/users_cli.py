"""``nightshift users ...``: who may sign in to the review desk, and as what."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.command import HOME, HomeOption, JsonOption, console, opened, shown
from orchestration.identity import PASSPHRASE_VARIABLE, system_user

if TYPE_CHECKING:
    from assets.desk.users import Account

users_app = typer.Typer(help="People who sign in to the review desk.", no_args_is_help=True)

PASSWORD_VARIABLE = "NIGHTSHIFT_PASSWORD"  # noqa: S105 (its name, not its value)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Lower-case, parts joined by dots: jo.smith.")
]
RoleOption = Annotated[
    list[str],
    typer.Option("--role", help="reviewer, owner, auditor or analyst; may be repeated."),
]


@users_app.command("add")
def add_user(
    name: NameArgument, role: RoleOption, home: HomeOption = HOME, as_json: JsonOption = False
) -> None:
    """Let somebody sign in. Their password is asked for, or taken from NIGHTSHIFT_PASSWORD.

    reviewer: decides cases. owner: approves versions, with an identity of their own (`nightshift
    users identity NAME`). auditor: reads everything and decides nothing. analyst: reads how nights
    went, and no case.
    """
    from assets.desk.users import Users
    from assets.release.people import require_name

    with opened(home, None) as session:
        require_name(name)
        password = _new_secret(f"password of {name}", PASSWORD_VARIABLE)
        by = f"user:{system_user()}"
        user = Users(session.home).add(name, password, role, now=datetime.now(UTC), by=by)
    roles = sorted(user.roles)
    if as_json:
        typer.echo(json.dumps({"name": name, "roles": roles}, indent=2))
        return
    typer.echo(f"{name} may sign in as {', '.join(roles)}")
    if "owner" in roles:
        typer.echo(f"to approve versions they need an identity: `nightshift users identity {name}`")


@users_app.command("password")
def change_password(name: NameArgument, home: HomeOption = HOME) -> None:
    """Give a user another password; wherever they are signed in, they no longer are."""
    from assets.desk.users import Users

    with opened(home, None) as session:
        password = _new_secret(f"new password of {name}", PASSWORD_VARIABLE)
        Users(session.home).set_password(name, password)
    typer.echo(f"{name} has a new password; sessions with the old one have ended")


@users_app.command("roles")
def change_roles(name: NameArgument, role: RoleOption, home: HomeOption = HOME) -> None:
    """Give a user other roles, in place of those they have; they sign in again."""
    from assets.desk.users import Users

    with opened(home, None) as session:
        user = Users(session.home).set_roles(name, role)
    typer.echo(f"{name} may sign in as {', '.join(sorted(user.roles))}")


@users_app.command("identity")
def identity_user(name: NameArgument, home: HomeOption = HOME) -> None:
    """Make the key an owner approves with, locked by a passphrase, and enrol them with it.

    The passphrase is asked for, or taken from NIGHTSHIFT_PASSPHRASE. It is theirs alone: who has
    it approves in their name.
    """
    from assets.desk.identity import make_identity

    with opened(home, None) as session:
        passphrase = _new_secret(f"passphrase of {name}'s identity", PASSPHRASE_VARIABLE)
        by = f"user:{system_user()}"
        path = make_identity(
            session.lake, session.home, name, passphrase, now=datetime.now(UTC), by=by
        )
    typer.echo(f"{name} is enrolled and can approve versions; private key: {path}")


@users_app.command("remove")
def remove_user(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; stays on record.")],
    home: HomeOption = HOME,
    as_json: JsonOption = False,
) -> None:
    """End a user: their sessions end at once and they cannot sign in. Their reviews stay."""
    from assets.desk.users import Users
    from assets.release.people import read_people

    with opened(home, None) as session:
        at = datetime.now(UTC)
        Users(session.home).remove(name, now=at, by=f"user:{system_user()}", reason=reason)
        enrolled = read_people(session.lake, session.home).named(name) is not None
    if as_json:
        said = {"name": name, "removed_at": at.isoformat(), "still_enrolled": enrolled}
        typer.echo(json.dumps(said, indent=2))
        return
    typer.echo(f"{name} is removed and signed out everywhere")
    if enrolled:
        typer.echo(
            f"their key is still enrolled and approves from the command line: "
            f"`nightshift people remove {name} --reason TEXT`"
        )


@users_app.command("list")
def list_users(home: HomeOption = HOME, as_json: JsonOption = False) -> None:
    """Show everyone who may sign in, and who once could."""
    from assets.desk.users import Users

    with opened(home, None) as session:
        accounts = Users(session.home).accounts()
    if as_json:
        typer.echo(json.dumps({"users": [_as_json(one) for one in accounts]}, indent=2))
        return
    if not accounts:
        typer.echo("there are no users: `nightshift users add NAME --role reviewer`")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Users of the review desk")
    for heading in ("name", "roles", "added", "by", "removed", "by whom and why"):
        table.add_column(heading, overflow="fold")
    for one in accounts:
        gone = f"{one.removed_by}: {one.removed_reason}" if one.removed_at else "-"
        cells = (
            one.name,
            ", ".join(sorted(one.roles)),
            f"{one.added_at:%Y-%m-%d %H:%M}",
            one.added_by,
            f"{one.removed_at:%Y-%m-%d %H:%M}" if one.removed_at else "-",
            gone,
        )
        table.add_row(*(Text(shown(cell)) for cell in cells))
    console().print(table)


def _as_json(one: "Account") -> dict[str, Any]:
    return {
        "name": one.name,
        "roles": sorted(one.roles),
        "added_at": one.added_at.isoformat(),
        "added_by": one.added_by,
        "removed_at": one.removed_at.isoformat() if one.removed_at else None,
        "removed_by": one.removed_by,
        "removed_reason": one.removed_reason,
    }


def _new_secret(what: str, variable: str) -> str:
    """From the environment, or typed twice at a terminal; never from an argument, which others on
    the machine could read."""
    from assets.desk.users import UsersError

    given = os.environ.get(variable)
    if given is None and sys.stdin.isatty():
        given = str(typer.prompt(what, hide_input=True, confirmation_prompt=True, err=True))
    if not given:
        raise UsersError(f"there is no {what}: set {variable}, or run this at a terminal")
    return given

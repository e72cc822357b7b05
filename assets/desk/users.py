"""The people who sign in to the review desk: names, roles, passwords, sessions that end."""

import secrets
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from assets.desk.attempts import TooManyAttempts, reserve, succeeded
from assets.desk.database import DUMMY, UsersError, changing, opened
from assets.desk.passwords import BadPassword, hashed, matches, outdated, require_password
from assets.errors import NightshiftError
from assets.release.people import require_name

if TYPE_CHECKING:
    from assets.home import Home

__all__ = [
    "ROLES",
    "Account",
    "BadPassword",
    "Role",
    "SignInRefused",
    "TooManyAttempts",
    "User",
    "Users",
    "UsersError",
]

Role = Literal["reviewer", "owner", "auditor", "analyst"]
ROLES: tuple[Role, ...] = ("reviewer", "owner", "auditor", "analyst")
"""reviewer: decides cases. owner: approves versions. auditor: reads everything, decides nothing.
analyst: reads how nights went, and no case."""


class SignInRefused(NightshiftError):
    """Wrong name or password; nobody is told which."""


@dataclass(frozen=True)
class User:
    """Someone who may sign in."""

    name: str
    roles: frozenset[Role]
    epoch: str
    """Of their sessions: random, another one after a change of password or roles, a sign-out or a
    removal. Keep it in the session and ask :meth:`Users.session` with every request."""


@dataclass(frozen=True)
class Account:
    """A user as ``nightshift users list`` shows them. Times are UTC."""

    name: str
    roles: frozenset[Role]
    added_at: datetime
    added_by: str
    removed_at: datetime | None
    removed_by: str | None
    removed_reason: str | None


class Users:
    """The users of a home, in ``home.desk/users.db``. Safe for several processes at once."""

    def __init__(self, home: "Home") -> None:
        self._path = home.desk / "users.db"

    def add(
        self, name: str, password: str, roles: Collection[str], *, now: datetime, by: str
    ) -> User:
        """A new user; also one who was removed and comes back. ``now``: UTC; ``by``: who adds them.

        Raises PeopleError for what is no name, BadPassword for what will not do as a password,
        UsersError for a role that is none or a name in use.
        """
        require_name(name)
        known = _roles(roles)
        require_password(name, password)
        row = [name, hashed(password), _text(known), _epoch(), _utc(now).isoformat(), by]
        with opened(self._path) as connection, changing(connection):
            _renew_dummy(connection)
            if _row(connection, name) is not None:
                raise UsersError(
                    f"there is a user {name} already: `nightshift users password {name}` gives "
                    "them another password"
                )
            connection.execute(
                "INSERT INTO users (name, password, roles, epoch, added_at, added_by) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
        return User(name, known, row[3])

    def remove(self, name: str, *, now: datetime, by: str, reason: str) -> None:
        """End a user and every session of theirs; what they reviewed stays.

        Raises UsersError when there is none of this name, or without a reason.
        """
        if not reason.strip():
            raise UsersError("a removal needs a reason")
        with self._changed(name) as (connection, row):
            connection.execute(
                "UPDATE users SET removed_at = ?, removed_by = ?, removed_reason = ?, epoch = ? "
                "WHERE id = ?",
                [_utc(now).isoformat(), by, reason.strip(), _epoch(), row["id"]],
            )

    def set_password(self, name: str, password: str) -> User:
        """Another password; ends every session of theirs. Raises UsersError and BadPassword."""
        require_password(name, password)
        hash_ = hashed(password)
        with self._changed(name) as (connection, row):
            _renew_dummy(connection)
            new = {"password": hash_, "epoch": _epoch()}
            connection.execute(
                "UPDATE users SET password = ?, epoch = ? WHERE id = ?", [*new.values(), row["id"]]
            )
        return _user({**row, **new})

    def set_roles(self, name: str, roles: Collection[str]) -> User:
        """Other roles; ends every session of theirs. Raises UsersError."""
        new = {"roles": _text(_roles(roles)), "epoch": _epoch()}
        with self._changed(name) as (connection, row):
            connection.execute(
                "UPDATE users SET roles = ?, epoch = ? WHERE id = ?", [*new.values(), row["id"]]
            )
        return _user({**row, **new})

    def end_sessions(self, name: str) -> None:
        """End every session of a user, wherever it is. Raises UsersError."""
        with self._changed(name) as (connection, row):
            connection.execute("UPDATE users SET epoch = ? WHERE id = ?", [_epoch(), row["id"]])

    def verify(self, name: str, password: str, now: datetime, *, address: str = "") -> User:
        """Who signs in. ``now``: UTC; ``address``: of the client, where there is one.

        Raises TooManyAttempts before anything is tried, and SignInRefused; neither the words nor
        the time taken tell whether there is such a user.
        """
        with opened(self._path) as connection:
            reserve(connection, _utc(now), name=name, address=address)
            row = _row(connection, name)
            hash_ = row["password"] if row else _known(connection, DUMMY)
        # An argon2 hash takes a while: nobody waits for the database meanwhile.
        if not matches(hash_, password) or row is None:
            raise SignInRefused("this name and password do not go together")
        renewed = hashed(password) if outdated(hash_) else hash_
        with opened(self._path) as connection:
            succeeded(connection, name=name, **({"address": address} if address else {}))
            with changing(connection):
                there = _row(connection, name)
                if there is None or there["epoch"] != row["epoch"]:
                    raise SignInRefused("this name and password do not go together")
                if renewed != hash_:
                    connection.execute(
                        "UPDATE users SET password = ? WHERE id = ?", [renewed, row["id"]]
                    )
        return _user(row)

    def session(self, name: str, epoch: str) -> User | None:
        """The user of a session, with the roles of now; None when it has ended."""
        user = self.named(name)
        return user if user and secrets.compare_digest(user.epoch, epoch) else None

    def named(self, name: str) -> User | None:
        """The user of this name who is not removed."""
        with opened(self._path) as connection:
            row = _row(connection, name)
        return _user(row) if row else None

    def accounts(self) -> list[Account]:
        """Everyone ever added, by name and time."""
        with opened(self._path) as connection:
            rows = _rows(connection, "SELECT * FROM users ORDER BY name, id")
        return [
            Account(
                row["name"],
                _user(row).roles,
                datetime.fromisoformat(row["added_at"]),
                row["added_by"],
                datetime.fromisoformat(row["removed_at"]) if row["removed_at"] else None,
                row["removed_by"],
                row["removed_reason"],
            )
            for row in rows
        ]

    @contextmanager
    def _changed(self, name: str) -> Iterator[tuple[sqlite3.Connection, dict[str, Any]]]:
        with opened(self._path) as connection, changing(connection):
            row = _row(connection, name)
            if row is None:
                raise UsersError(f"there is no user {name!r}: see `nightshift users list`")
            yield connection, row


def _row(connection: sqlite3.Connection, name: str) -> dict[str, Any] | None:
    try:
        name.encode()
    except UnicodeEncodeError:  # half a character: nobody's name, and nothing SQLite takes
        return None
    found = _rows(connection, "SELECT * FROM users WHERE name = ? AND removed_at IS NULL", name)
    return found[0] if found else None


def _rows(connection: sqlite3.Connection, query: str, *given: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query, given)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _known(connection: sqlite3.Connection, name: str) -> str:
    found = connection.execute("SELECT value FROM known WHERE name = ?", [name]).fetchone()
    return str(found[0])


def _renew_dummy(connection: sqlite3.Connection) -> None:
    """Keep the hash tried for names nobody has as dear as those of users."""
    if outdated(_known(connection, DUMMY)):
        new = hashed(secrets.token_hex(16))
        connection.execute("UPDATE known SET value = ? WHERE name = ?", [new, DUMMY])


def _user(row: dict[str, Any]) -> User:
    return User(
        row["name"], frozenset(r for r in ROLES if r in row["roles"].split(",")), row["epoch"]
    )


def _roles(roles: Collection[str]) -> frozenset[Role]:
    strange = sorted(set(roles) - set(ROLES))
    if strange or not roles:
        said = f"'{strange[0]}' is no role" if strange else "a user needs a role"
        raise UsersError(f"{said}: one or more of {', '.join(ROLES)}")
    return frozenset(role for role in ROLES if role in roles)


def _text(roles: frozenset[Role]) -> str:
    return ",".join(sorted(roles))


def _epoch() -> str:
    return secrets.token_hex(16)


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError(f"{time} has no zone: times are UTC")
    return time.astimezone(UTC)

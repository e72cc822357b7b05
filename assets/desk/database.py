"""``users.db``: one SQLite file, readable by this user alone, every change a synced transaction."""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from assets.desk.passwords import hashed
from assets.durable import make_folder
from assets.errors import NightshiftError

VERSION = 1
BUSY = 30.0
"""Seconds to wait for another process that is writing."""

TABLES = (
    # An account is never deleted: who once reviewed must stay somebody.
    """CREATE TABLE users (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, password TEXT NOT NULL, roles TEXT NOT NULL,
        epoch TEXT NOT NULL, added_at TEXT NOT NULL, added_by TEXT NOT NULL,
        removed_at TEXT, removed_by TEXT, removed_reason TEXT) STRICT""",
    "CREATE UNIQUE INDEX one_of_a_name ON users (name) WHERE removed_at IS NULL",
    # ``who`` is a keyed hash: what people type into a sign-in form is nobody else's business.
    "CREATE TABLE attempts (id INTEGER PRIMARY KEY, kind TEXT, who TEXT, at INTEGER) STRICT",
    "CREATE INDEX recent ON attempts (kind, who, at)",
    "CREATE TABLE known (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
)

DUMMY, PEPPER = "dummy", "pepper"


class UsersError(NightshiftError):
    """A user cannot be added, changed or removed, or users.db cannot be used."""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, made on first use. Raises UsersError when it cannot be used."""
    try:
        if not path.exists():
            _make(path)
        with _connected(path) as connection:
            if not _is_ours(connection):
                with changing(connection):
                    if not _is_ours(connection):  # nobody was quicker
                        _fill(connection)
            yield connection
    except (sqlite3.Error, OSError) as error:
        raise UsersError(
            f"{path} cannot be used: {error}. If it is damaged, restore it from a backup, or move "
            "it away and add everyone again: `nightshift users add NAME --role ROLE`"
        ) from error


@contextmanager
def changing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction: all of it, on the disk when the block ends, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    if path.stat().st_mode & 0o077:
        raise UsersError(f"{path} may be read by others: chmod 600 it")
    address = f"file:{quote(str(path.absolute()))}?mode=rw"
    with closing(
        sqlite3.connect(address, uri=True, timeout=BUSY, isolation_level=None)
    ) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA secure_delete = ON")
        yield connection


def _is_ours(connection: sqlite3.Connection) -> bool:
    """False of an empty file. Raises UsersError for one of another version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, VERSION):
        raise UsersError(
            f"users.db is of version {version}, this is for version {VERSION}: use the Nightshift "
            "it was made with"
        )
    return bool(version == VERSION)


def _make(path: Path) -> None:
    make_folder(path.parent, 0o700)
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600))


def _fill(connection: sqlite3.Connection) -> None:
    for statement in TABLES:
        connection.execute(statement)
    # Tried for names nobody has, so that they take as long as others.
    dummy = hashed(secrets.token_hex(16))
    known = [(DUMMY, dummy), (PEPPER, secrets.token_hex(32))]
    connection.executemany("INSERT INTO known VALUES (?, ?)", known)
    connection.execute(f"PRAGMA user_version = {VERSION}")

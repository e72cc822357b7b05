"""``queue.db``: a SQLite file that may be lost, shared by processes, made anew when it is torn.

Whoever works with it holds the desk's folder for reading; who makes it anew holds it alone, so that
nobody's file is taken from under them.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from assets.durable import make_folder
from assets.errors import NightshiftError
from assets.storage_errors import storing

if TYPE_CHECKING:
    from assets.home import Home

T = TypeVar("T")
Ask = Callable[[sqlite3.Connection], T]

VERSION = 1
BUSY = 60.0
"""Seconds to wait for another process that is bringing it up to date."""

CACHE = 64 * 1024
"""KiB of pages held, no more than are needed: a night is 100,000 rows in six trees,
and with SQLite's own 2 MiB each page would be written many times over."""

CASES = """CREATE TABLE cases (
    decision_id TEXT PRIMARY KEY, use_case TEXT NOT NULL, day TEXT NOT NULL,
    revision INTEGER NOT NULL, case_key TEXT, event_at INTEGER NOT NULL, due INTEGER NOT NULL,
    overflow INTEGER NOT NULL, risk REAL NOT NULL, doubt REAL NOT NULL, blind INTEGER NOT NULL,
    closed INTEGER NOT NULL, state TEXT NOT NULL, reviews INTEGER NOT NULL, voices TEXT NOT NULL,
    outcome TEXT, decided_by TEXT NOT NULL, decided_at INTEGER) STRICT, WITHOUT ROWID"""
"""Times are microseconds since 1970, UTC. ``risk`` and ``doubt``: value at risk and score, negated,
infinite where there is none, so that all orders rise. ``voices``: reviewers of this revision, each
between bars."""

TABLES = (
    CASES,
    "CREATE INDEX by_risk ON cases (use_case, closed, overflow, risk, doubt, decision_id)",
    "CREATE INDEX by_due ON cases (use_case, closed, due, overflow, risk, doubt, decision_id)",
    "CREATE INDEX by_event ON cases (use_case, closed, event_at, decision_id)",
    "CREATE INDEX by_day ON cases (use_case, closed, day, due)",
    "CREATE INDEX second ON cases (use_case, voices) WHERE state = 'second awaited'",
    # What the rows were made from: the tables' versions, and the files of each day.
    "CREATE TABLE marks (use_case TEXT, name TEXT, value TEXT, PRIMARY KEY (use_case, name)) "
    "STRICT, WITHOUT ROWID",
    # Rows by ``closed``, so that nobody has to count them for every page.
    "CREATE TABLE totals (use_case TEXT, closed INTEGER, cases INTEGER, "
    "PRIMARY KEY (use_case, closed)) STRICT, WITHOUT ROWID",
    "CREATE TABLE days (use_case TEXT, name TEXT, day TEXT, files TEXT, "
    "PRIMARY KEY (use_case, name, day)) STRICT, WITHOUT ROWID",
)


class QueueError(NightshiftError):
    """The queue cannot be read. It is only an index: says what to do."""


class QueueStore:
    """The file of a home's queue."""

    def __init__(self, home: "Home") -> None:
        self.path = home.desk / "queue.db"

    def read(self, ask: Ask[T]) -> T:
        """What ``ask`` finds. Raises QueueError; a torn file is then made anew, empty."""
        return self._with(ask)

    def write(self, ask: Ask[T]) -> T:
        """As :meth:`read`, in one transaction, one process at a time."""

        def change(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN IMMEDIATE")
            try:
                found = ask(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            return found

        return self._with(change)

    def mend(self) -> None:
        """Make the file anew unless it is whole, by SQLite's own quick check."""

        def check(connection: sqlite3.Connection) -> str:
            return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])

        try:
            said = self._with(check)
        except QueueError as error:
            if not _is_torn(error.__cause__):
                raise
            return  # it has just been made anew
        if said != "ok":
            self._make_anew(unless_ours=False)

    def _with(self, ask: Ask[T]) -> T:
        if not self._is_ours():
            self._make_anew()
        try:
            with storing(self.path), self._held(fcntl.LOCK_SH), self._connected() as connection:
                return ask(connection)
        except (sqlite3.Error, OSError) as error:
            if _is_torn(error):
                self._make_anew(unless_ours=False)
                raise QueueError(
                    f"{self.path} was torn and has been made anew, empty: load the page again, "
                    "which fills it from the lake"
                ) from error
            raise QueueError(
                f"{self.path} cannot be used: {error}. It is an index over the lake: stop whoever "
                "holds it, or delete it, and it is made anew"
            ) from error

    def _is_ours(self) -> bool:
        if not self.path.exists():
            return False
        try:
            with self._held(fcntl.LOCK_SH), self._connected() as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
        except (sqlite3.Error, OSError) as error:
            if _is_torn(error) or isinstance(error, FileNotFoundError):
                return False
            raise QueueError(f"{self.path} cannot be used: {error}") from error
        return bool(version == VERSION)

    def _make_anew(self, *, unless_ours: bool = True) -> None:
        """Delete what is there and make the tables. ``unless_ours``: but not what another process
        made in the meantime."""
        make_folder(self.path.parent, 0o700)
        with storing(self.path), self._held(fcntl.LOCK_EX):
            if unless_ours and self._version() == VERSION:
                return
            for end in ("", "-wal", "-shm", "-journal"):
                self.path.with_name(self.path.name + end).unlink(missing_ok=True)
            os.close(os.open(self.path, os.O_RDONLY | os.O_CREAT, 0o600))
            try:
                self._make_tables()
            except sqlite3.Error as error:
                raise QueueError(
                    f"{self.path} could not be made anew: {error}. Nothing of ours writes into it "
                    "at that moment: stop who does, and load the page again"
                ) from error

    def _make_tables(self) -> None:
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")

    def _version(self) -> int | None:
        """Of the file as it is; None of none, or of one that is torn."""
        if not self.path.exists():
            return None
        try:
            with self._connected() as connection:
                return int(connection.execute("PRAGMA user_version").fetchone()[0])
        except sqlite3.DatabaseError:
            return None

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        address = f"file:{quote(str(Path(self.path).absolute()))}?mode=rw"
        with closing(
            sqlite3.connect(address, uri=True, timeout=BUSY, isolation_level=None)
        ) as connection:
            # Losing the last changes in a power cut loses nothing: they follow from the lake.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute(f"PRAGMA cache_size = -{CACHE}")
            yield connection


def _is_torn(error: BaseException | None) -> bool:
    """Does SQLite say that the file is none of its own, or damaged?"""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

"""Dagster's SQLite event log, kept open for the length of a run."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from assets.home import Home

INDEX = "index"


@contextmanager
def event_log_held_open(home: Home, run_id: str) -> Iterator[None]:
    """Keep a connection to the log of all runs and to that of ``run_id`` inside the block.

    Dagster opens and closes a connection for every event. SQLite writes its write-ahead log back
    and deletes it whenever the last connection closes, with all the waiting for the disk that
    takes; as long as one stays open it does not. Measured on a history of 62 days: 20 s instead
    of 35. These connections read nothing and lock nothing. Does nothing where the event log is
    kept elsewhere, as with PostgreSQL.
    """
    folder = home.dagster / "history" / "runs"
    with ExitStack() as held:
        if (folder / f"{INDEX}.db").exists():
            for name in (INDEX, run_id):
                log = held.enter_context(closing(sqlite3.connect(folder / f"{name}.db")))
                # A database that is not there yet is made one with a write-ahead log.
                log.execute("PRAGMA journal_mode=WAL").fetchall()
                log.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield

"""Dagster's SQLite event log, without the price it pays for every event.

Dagster makes a database engine for each event it stores, so SQLAlchemy compiles each statement anew
and SQLite waits for the disk after each. :class:`SqliteEventLog` keeps an engine per database file,
and stores what a range of days materialises in one transaction; ``dagster.yaml`` names it. Measured
on a history of 185 days of two files each: 35 s instead of 62 by the first; of 366 days: 45 s
instead of 65 by the second.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

from assets.home import Home

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine

INDEX = "index"

TOGETHER = frozenset(
    {
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_OBSERVATION,
    }
)
"""Events of assets: what Dagster hands over in batches, if DAGSTER_EVENT_BATCH_SIZE says so."""

BATCH_VARIABLE, BATCH = "DAGSTER_EVENT_BATCH_SIZE", 1000

ENGINES = 16
"""Kept at most: a run has a database of its own, and a web server reads many runs."""


class SqliteEventLog(SqliteEventLogStorage):
    """Dagster's own event log, in its own files, with one engine a file.

    Connections are opened and closed as before (``NullPool``), so nothing is shared between threads
    or left behind by a fork. ``synchronous = NORMAL`` is SQLite's advice with a write-ahead log: a
    killed process loses nothing; after a power cut the last events may be missing, never torn
    (https://sqlite.org/pragma.html#pragma_synchronous). What happened stands in the lake, which is
    fsynced.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """``base_dir`` is DAGSTER_HOME; the files lie where Dagster's default has them."""
        folder = Path(config_value["base_dir"]) / "history" / "runs"
        return cls(str(folder), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> "Iterator[Connection]":
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store a run's asset events in one transaction a file, as :meth:`store_event` each.

        The index first: where it fails nothing is stored, and Dagster stores them one by one.
        """
        if len({one.run_id for one in events}) != 1 or not all(map(_of_asset, events)):
            super().store_event_batch(events)
            return
        statements = [self.prepare_insert_event(one) for one in events]
        with self.index_transaction() as connection:
            ids = [_inserted(connection.execute(one)) for one in statements]
            self._store_asset_event_tags(connection, events, ids)
            # Of an asset the row says what came last.
            last = {
                (one.get_dagster_event().asset_key, one.dagster_event_type): (one, number)
                for one, number in zip(events, ids, strict=True)
            }
            for one, number in sorted(last.values(), key=lambda found: found[1]):
                self._store_asset_event(connection, one, number)
        with self.run_connection(events[0].run_id) as connection:
            for statement in statements:
                connection.execute(statement)

    def _engine(self, shard: str) -> "Engine":
        engine = self._engines.get(shard)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=NullPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            event.listen(engine, "connect", _synchronous_normal)
            self._engines[shard] = engine
            if len(self._engines) > ENGINES:
                self._engines.popitem(last=False)
        self._engines.move_to_end(shard)
        return engine


def _synchronous_normal(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")


def _inserted(result: "CursorResult[Any]") -> int:
    return int(next(iter(result.inserted_primary_key or ())))


def _of_asset(event: EventLogEntry) -> bool:
    return event.is_dagster_event and event.dagster_event_type in TOGETHER


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

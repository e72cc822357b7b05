"""The event log: Dagster's own records, with one engine a file, whoever reads along."""

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from orchestration.event_log import BATCH_VARIABLE, ENGINES, SqliteEventLog
from orchestration.session import Session, open_home


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    for name in ("DAGSTER_HOME", "NIGHTSHIFT_HOME", "OMP_WAIT_POLICY", BATCH_VARIABLE):
        monkeypatch.setenv(name, "")  # so that what is set is taken back
        monkeypatch.delenv(name)
    return open_home(tmp_path / "home")


@dg.asset
def counted() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 3})


def run(session: Session) -> str:
    result = dg.materialize([counted], instance=session.instance)
    assert result.success
    return result.run_id


def test_a_home_keeps_its_events_where_dagster_has_them(opened: Session) -> None:
    run_id = run(opened)
    log = opened.instance.event_log_storage
    assert isinstance(log, SqliteEventLog)
    assert (opened.home.dagster / "history" / "runs" / f"{run_id}.db").is_file()
    record = opened.instance.get_latest_materialization_event(counted.key)
    assert record is not None
    assert record.run_id == run_id


def test_another_process_reads_what_was_written(opened: Session) -> None:
    run_id = run(opened)
    reader = (
        "import dagster as dg, sys\n"
        "from dagster._core.storage.event_log import SqliteEventLogStorage\n"
        "log = SqliteEventLogStorage(sys.argv[1])\n"
        "print(sum(1 for _ in log.get_logs_for_run(sys.argv[2])))\n"
    )
    folder = str(opened.home.dagster / "history" / "runs")
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", reader, folder, run_id],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(found.stdout) == len(opened.instance.all_logs(run_id)) > 10


def test_a_file_has_one_engine_and_few_are_kept(opened: Session) -> None:
    log = opened.instance.event_log_storage
    assert isinstance(log, SqliteEventLog)
    index = log._engine("index")
    assert log._engine("index") is index
    for number in range(3 * ENGINES):
        log._engine(f"run{number}")
    assert len(log._engines) == ENGINES
    assert log._engine("index") is not index


def test_a_commit_does_not_wait_for_the_disk(opened: Session) -> None:
    log = opened.instance.event_log_storage
    assert isinstance(log, SqliteEventLog)
    with log.index_connection() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def counted_by_day() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 3}, tags={"kind": "counted"})


def stored(session: Session) -> dict[str, object]:
    """What the log says of a range run: events of the run, of the index, and what reads of it."""
    tags = {"dagster/asset_partition_range_start": "2026-01-03"}
    tags |= {"dagster/asset_partition_range_end": "2026-01-20"}
    instance, key = session.instance, counted_by_day.key
    for _ in range(2):
        job = dg.Definitions([counted_by_day]).get_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, tags=tags)
        assert result.success
    folder = session.home.dagster / "history" / "runs"
    said: dict[str, object] = {}
    for name in (result.run_id, "index"):
        with closing(sqlite3.connect(folder / f"{name}.db")) as log:
            query = (
                "SELECT dagster_event_type, asset_key, partition, count(*) FROM event_logs "
                "WHERE asset_key IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
            )
            said["index" if name == "index" else "run"] = log.execute(query).fetchall()
            if name == "index":
                query = "SELECT key, count(*) FROM asset_event_tags GROUP BY 1"
                said["tags"] = sorted(log.execute(query).fetchall())
                said["asset keys"] = log.execute("SELECT asset_key FROM asset_keys").fetchall()
    newest = instance.get_latest_materialization_event(key)
    assert newest is not None
    assert newest.asset_materialization is not None
    said["newest"] = (newest.asset_materialization.partition, newest.run_id == result.run_id)
    said["partitions"] = sorted(instance.get_materialized_partitions(key))
    said["status"] = instance.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION
    ).keys()
    return said


def test_events_stored_together_say_what_they_say_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    batches: list[int] = []
    together = SqliteEventLog.store_event_batch

    def counting(self: SqliteEventLog, events: Sequence[dg.EventLogEntry]) -> None:
        batches.append(len(events))
        together(self, events)

    monkeypatch.setattr(SqliteEventLog, "store_event_batch", counting)
    for name in ("DAGSTER_HOME", "NIGHTSHIFT_HOME", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
    found = []
    for size in ("0", "1000", "7"):
        monkeypatch.setenv(BATCH_VARIABLE, size)
        found.append(stored(open_home(tmp_path / size)))
        assert bool(batches) == (size != "0")
    assert found[0] == found[1] == found[2]
    assert max(batches) >= 18
    assert "one by one" not in capfd.readouterr().err
    assert "Falling back" not in capfd.readouterr().err

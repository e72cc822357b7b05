"""The event log: Dagster's own records, with one engine a file, whoever reads along."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from orchestration.event_log import ENGINES, SqliteEventLog
from orchestration.session import Session, open_home


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    for name in ("DAGSTER_HOME", "NIGHTSHIFT_HOME", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")  # so that what is set is taken back
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

"""kill -9 in the midst of a night: tables show the old state or the new, and a re-run mends it."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from assets.content import content_digest
from assets.home import Home
from assets.ingestion.source_days import PENDING
from assets.lake import Lake
from assets.marts.build import build, prepare, publish
from tests.small_case import START, land_days, small_spec, take

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
SPEC = small_spec()
DAYS = 3
LAST = START + timedelta(days=DAYS - 1)
COLD, HOT = 0.0, 100.0

# On a busy machine the work may be done before the signal comes: then it is tried again.
ENOUGH, MANY = 3, 12

WORK = """
import sys
from pathlib import Path
import duckdb, deltalake
from assets.home import Home
from assets.lake import Lake
from tests.faults.test_killed import ingest_all, marts_all
home = Home(Path(sys.argv[2]))
if sys.argv[1] == "marts":
    import dbt.cli.main
    import dbt.adapters.duckdb.impl
print("ready", flush=True)
(ingest_all if sys.argv[1] == "ingest" else marts_all)(home)
print("done", flush=True)
"""


def ingest_all(home: Home) -> None:
    """What a night does at the door."""
    for source in SPEC.sources:
        take(SPEC, home, source, START, LAST)


def marts_all(home: Home) -> None:
    """What a night does with its marts."""
    prepare(SPEC, home)
    build(SPEC, home, START, LAST, lambda _: None)
    publish(SPEC, home, Lake(home.lake), START, LAST, "run")


def state(home: Home) -> dict[str, str]:
    """Content of every table of the lake."""
    lake = Lake(home.lake)
    tables = sorted(path.name for path in (home.lake / "plant").iterdir())
    return {table: content_digest(lake.read("plant", table)) for table in tables}


def pending(home: Home, table: str) -> bool:
    """Does a profile say of each day that its rows are about to change?"""
    if not table.startswith("profile_"):
        return False
    return set(Lake(home.lake).read("plant", table)["input_digest"].to_pylist()) == {PENDING}


def started(work: str, home: Home) -> subprocess.Popen[str]:
    """A process about to do its work, all imports paid."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, work, str(home.root)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def killed(process: subprocess.Popen[str], moment: Callable[[], bool]) -> bool:
    """Kill at the moment, or not at all when the work is done before. True when it was killed."""
    while not moment() and process.poll() is None:
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    return "done" not in said


def after(seconds: float) -> Callable[[], bool]:
    """So many seconds from now."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until


def when_written(folder: Path, number: int) -> Callable[[], bool]:
    """When this many files more than now lie under a folder."""

    def count() -> int:
        return sum(len(files) for _, _, files in os.walk(folder))

    wanted = count() + number
    return lambda: count() >= wanted


def when_changed(path: Path) -> Callable[[], bool]:
    """When a file is another than now, and there."""
    before = path.stat().st_ino
    return lambda: path.exists() and path.stat().st_ino != before


def worked_through(work: str, home: Home) -> float:
    """Seconds the undisturbed work takes in a process of its own."""
    process = started(work, home)
    begun = time.monotonic()
    said, _ = process.communicate(timeout=120)
    assert said == "done\n"
    return time.monotonic() - begun


def test_a_killed_ingest_leaves_the_old_rows_or_the_new_and_is_mended_by_a_run(
    tmp_path: Path,
) -> None:
    wanted = {}
    for heat in (COLD, HOT):
        undisturbed = Home(tmp_path / f"undisturbed-{heat}")
        land_days(undisturbed, DAYS, cases=100, heat=heat)
        ingest_all(undisturbed)
        wanted[heat] = state(undisturbed)
    assert wanted[COLD] != wanted[HOT]

    home = Home(tmp_path / "home")
    land_days(home, DAYS, cases=100, heat=HOT)
    seconds = worked_through("ingest", home)
    assert state(home) == wanted[HOT]
    readings = home.lake / "plant" / "validated_readings"
    chance = random.Random(7)
    cut_short = 0
    old, new = HOT, COLD
    for attempt in range(MANY):
        land_days(home, DAYS, cases=100, heat=new)
        process = started("ingest", home)
        # By turns at any moment, and once the first data file lies there without its commit.
        moment = when_written(readings, 1) if attempt % 2 else after(chance.uniform(0, seconds))
        cut_short += killed(process, moment)
        for table, digest in state(home).items():
            known = (wanted[old][table], wanted[new][table])
            assert digest in known or pending(home, table), (attempt, table)
        ingest_all(home)
        assert state(home) == wanted[new], attempt
        versions = Lake(home.lake).version("plant", "validated_readings")
        ingest_all(home)
        assert Lake(home.lake).version("plant", "validated_readings") == versions
        old, new = new, old
        if cut_short >= ENOUGH:
            break
    assert cut_short >= ENOUGH


def test_a_killed_first_run_leaves_nothing_half_made(tmp_path: Path) -> None:
    """Tables that were about to be created count as not there, or as empty."""
    undisturbed = Home(tmp_path / "undisturbed")
    land_days(undisturbed, DAYS)
    ingest_all(undisturbed)
    for number in (1, 2, 4):
        home = Home(tmp_path / f"home-{number}")
        land_days(home, DAYS)
        process = started("ingest", home)
        assert killed(process, when_written(home.root / "lake", number))
        ingest_all(home)
        assert state(home) == state(undisturbed)


def test_killed_marts_leave_the_old_days_or_the_new_and_are_mended_by_a_run(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "home")
    wanted = {}
    for heat in (HOT, COLD):
        land_days(home, DAYS, heat=heat)
        ingest_all(home)
        marts_all(home)
        wanted[heat] = state(home)
    begun = time.monotonic()
    marts_all(home)
    seconds = time.monotonic() - begun
    published = home.lake / "plant" / "features_readings"
    old, new = COLD, HOT
    cut_short = 0
    for attempt in range(MANY):
        land_days(home, DAYS, heat=new)
        ingest_all(home)
        process = started("marts", home)
        moment = (
            when_written(published, 1),
            when_changed(home.marts_database("plant")),
            after(random.Random(attempt).uniform(0, seconds)),
        )[attempt % 3]
        cut_short += killed(process, moment)
        found = state(home)
        for table in ("population", "features_readings", "labels"):
            assert found[table] in (wanted[old][table], wanted[new][table]), (attempt, table)
        marts_all(home)
        assert state(home) == wanted[new], attempt
        old, new = new, old
        if cut_short >= ENOUGH:
            break
    assert cut_short >= ENOUGH


def test_half_written_files_of_dbt_do_not_stop_the_next_run(home: Home) -> None:
    land_days(home, DAYS)
    ingest_all(home)
    marts_all(home)
    before = state(home)
    target = home.dbt_project("plant") / "target"
    for name in ("manifest.json", "partial_parse.msgpack", "run_results.json"):
        (target / name).write_bytes(b'{"metadata": {"dbt_sch')
    process = started("marts", home)
    said, _ = process.communicate(timeout=120)
    assert said == "done\n"
    assert state(home) == before

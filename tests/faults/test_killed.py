"""kill -9 in the midst of a night: tables show the old state or the new, and a re-run mends it."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from assets.content import content_digest
from assets.home import Home
from assets.ingestion.source_days import PENDING
from assets.lake import Lake
from assets.marts.build import build, prepare, publish
from tests.faults.forked import Work
from tests.small_case import START, land_days, small_spec, take

pytestmark = pytest.mark.slow

SPEC = small_spec()
DAYS = 3
LAST = START + timedelta(days=DAYS - 1)
COLD, HOT = 0.0, 100.0

# On a busy machine the work may be done before the signal comes: then it is tried again.
ENOUGH, MANY = 3, 12

HERE = "tests.faults.test_killed"
LIBRARIES = (
    "duckdb",
    "deltalake",
    "pyarrow.dataset",
    "pyarrow.compute",
    "dbt.cli.main",
    "dbt.adapters.duckdb.impl",
    "google.protobuf.json_format",
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    with Work(tmp_path_factory.mktemp("work"), HERE, *LIBRARIES) as work:
        yield work


def ingest_all(home: str) -> None:
    """What a night does at the door."""
    for source in SPEC.sources:
        take(SPEC, Home(Path(home)), source, START, LAST)


def marts_all(home: str) -> None:
    """What a night does with its marts."""
    place = Home(Path(home))
    prepare(SPEC, place)
    build(SPEC, place, START, LAST, lambda _: None)
    publish(SPEC, place, Lake(place.lake), START, LAST, "run")


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


def killed(work: Work, what: str, home: Home, moment: Callable[[], bool]) -> bool:
    """Kill at the moment, or not at all when the work is done before. True when it was killed."""
    child = work.start(HERE, what, str(home.root))
    process = psutil.Process(child)
    while not moment() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    outcome = work.end(child)
    assert outcome.code in (0, -signal.SIGKILL), outcome.said
    return outcome.code != 0


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


def worked_through(work: Work, what: str, home: Home) -> float:
    """Seconds the undisturbed work takes in a process of its own."""
    begun = time.monotonic()
    outcome = work.do(HERE, what, str(home.root))
    assert outcome.code == 0, outcome.said
    return time.monotonic() - begun


def test_a_killed_ingest_leaves_the_old_rows_or_the_new_and_is_mended_by_a_run(
    work: Work, tmp_path: Path
) -> None:
    wanted = {}
    for heat in (COLD, HOT):
        undisturbed = Home(tmp_path / f"undisturbed-{heat}")
        land_days(undisturbed, DAYS, cases=100, heat=heat)
        ingest_all(str(undisturbed.root))
        wanted[heat] = state(undisturbed)
    assert wanted[COLD] != wanted[HOT]

    home = Home(tmp_path / "home")
    land_days(home, DAYS, cases=100, heat=HOT)
    seconds = worked_through(work, "ingest_all", home)
    assert state(home) == wanted[HOT]
    readings = home.lake / "plant" / "validated_readings"
    chance = random.Random(7)
    cut_short = 0
    old, new = HOT, COLD
    for attempt in range(MANY):
        land_days(home, DAYS, cases=100, heat=new)
        # By turns at any moment, and once the first data file lies there without its commit.
        moment = when_written(readings, 1) if attempt % 2 else after(chance.uniform(0, seconds))
        cut_short += killed(work, "ingest_all", home, moment)
        for table, digest in state(home).items():
            known = (wanted[old][table], wanted[new][table])
            assert digest in known or pending(home, table), (attempt, table)
        ingest_all(str(home.root))
        assert state(home) == wanted[new], attempt
        versions = Lake(home.lake).version("plant", "validated_readings")
        ingest_all(str(home.root))
        assert Lake(home.lake).version("plant", "validated_readings") == versions
        old, new = new, old
        if cut_short >= ENOUGH:
            break
    assert cut_short >= ENOUGH


def test_a_killed_first_run_leaves_nothing_half_made(work: Work, tmp_path: Path) -> None:
    """Tables that were about to be created count as not there, or as empty."""
    undisturbed = Home(tmp_path / "undisturbed")
    land_days(undisturbed, DAYS)
    ingest_all(str(undisturbed.root))
    for number in (1, 2, 4):
        home = Home(tmp_path / f"home-{number}")
        land_days(home, DAYS)
        assert killed(work, "ingest_all", home, when_written(home.root / "lake", number))
        ingest_all(str(home.root))
        assert state(home) == state(undisturbed)


def test_killed_marts_leave_the_old_days_or_the_new_and_are_mended_by_a_run(
    work: Work, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    wanted = {}
    for heat in (HOT, COLD):
        land_days(home, DAYS, heat=heat)
        ingest_all(str(home.root))
        marts_all(str(home.root))
        wanted[heat] = state(home)
    begun = time.monotonic()
    marts_all(str(home.root))
    seconds = time.monotonic() - begun
    published = home.lake / "plant" / "features_readings"
    old, new = COLD, HOT
    cut_short = 0
    for attempt in range(MANY):
        land_days(home, DAYS, heat=new)
        ingest_all(str(home.root))
        moment = (
            when_written(published, 1),
            when_changed(home.marts_database("plant")),
            after(random.Random(attempt).uniform(0, seconds)),
        )[attempt % 3]
        cut_short += killed(work, "marts_all", home, moment)
        found = state(home)
        for table in ("population", "features_readings", "labels"):
            assert found[table] in (wanted[old][table], wanted[new][table]), (attempt, table)
        marts_all(str(home.root))
        assert state(home) == wanted[new], attempt
        old, new = new, old
        if cut_short >= ENOUGH:
            break
    assert cut_short >= ENOUGH


def test_half_written_files_of_dbt_do_not_stop_the_next_run(work: Work, home: Home) -> None:
    land_days(home, DAYS)
    ingest_all(str(home.root))
    marts_all(str(home.root))
    before = state(home)
    target = home.dbt_project("plant") / "target"
    for name in ("manifest.json", "partial_parse.msgpack", "run_results.json"):
        (target / name).write_bytes(b'{"metadata": {"dbt_sch')
    worked_through(work, "marts_all", home)
    assert state(home) == before

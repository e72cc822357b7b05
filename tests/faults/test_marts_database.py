"""The marts' DuckDB file is a cache: damaged it is built afresh, held by another it is refused."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from assets.content import content_digest
from assets.home import Home
from assets.lake import Lake
from assets.marts.build import MartsError, build, prepare, publish
from tests.small_case import START, land_days, small_spec, take

SPEC = small_spec()


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A day built and published."""
    home = Home(tmp_path_factory.mktemp("plant"))
    land_days(home, 1)
    for source in SPEC.sources:
        take(SPEC, home, source)
    prepare(SPEC, home)
    night(home)
    return home


def night(home: Home) -> None:
    build(SPEC, home, START, START, lambda _: None)
    publish(SPEC, home, Lake(home.lake), START, START, "run")


def contents(home: Home) -> dict[str, tuple[int, str]]:
    lake = Lake(home.lake)
    return {
        table: (lake.version("plant", table), content_digest(lake.read("plant", table)))
        for table in ("population", "features_readings", "labels")
    }


HOLDER = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"


def test_a_database_another_process_holds_is_refused_by_name_and_nothing_is_written(
    plant: Home,
) -> None:
    before = contents(plant)
    database = plant.marts_database("plant")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        for refused in (
            lambda: build(SPEC, plant, START, START, lambda _: None),
            lambda: publish(SPEC, plant, Lake(plant.lake), START, START, "run"),
        ):
            with pytest.raises(MartsError) as error:
                refused()
            said = str(error.value)
            assert str(database) in said
            assert f"PID {holder.pid}" in said
            assert "wait for it, and run the partition again" in said
    finally:
        holder.communicate("\n", timeout=30)
    assert contents(plant) == before
    night(plant)
    assert contents(plant) == before


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _: b"",
    "overwritten": lambda good: b"\0" * len(good),
    "cut off": lambda good: good[: len(good) // 2],
    "holed": lambda good: good[:13_000] + b"\xff" * 5_000 + good[18_000:],
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_database_is_built_afresh(plant: Home, how: str) -> None:
    before = contents(plant)
    database = plant.marts_database("plant")
    database.write_bytes(DAMAGE[how](database.read_bytes()))
    database.with_name(f"{database.name}.wal").write_bytes(b"left by a killed run")
    night(plant)
    assert contents(plant) == before


def test_a_database_that_is_gone_is_said_to_be_by_publish_and_built_by_build(plant: Home) -> None:
    before = contents(plant)
    plant.marts_database("plant").unlink()
    with pytest.raises(MartsError, match="cannot be opened"):
        publish(SPEC, plant, Lake(plant.lake), START, START, "run")
    night(plant)
    assert contents(plant) == before

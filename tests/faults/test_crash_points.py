"""kill -9 at every crash point of the door, the marts and the features, and a run afterwards."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from assets.crash_points import POINTS
from assets.home import Home
from assets.ingestion.pseudonym import load_key
from assets.lake import PARTITION, Lake
from assets.marts.build import mart_schemas
from tests.faults.forked import Work
from tests.faults.plant import (
    DOOR,
    HERE,
    NEW,
    OLD,
    SPEC,
    before_and_after,
    copied,
    day_files,
    door,
    features,
    input_digests,
    land_all,
    marts_published,
    require_whole,
    tables,
)
from tests.small_case import START

KILLED = -signal.SIGKILL
LIBRARIES = (
    "duckdb",
    "deltalake",
    "pyarrow.dataset",
    "pyarrow.compute",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.hazmat.primitives.kdf.hkdf",
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    with Work(tmp_path_factory.mktemp("work"), HERE, *LIBRARIES) as work:
        yield work


def done(work: Work, what: str, home: Home) -> None:
    outcome = work.do(HERE, what, str(home.root))
    assert outcome.code == 0, outcome.said


def each_time(
    work: Work, what: str, before: Home, point: str, room: Path, most: int = 99
) -> Iterator[tuple[int, Home]]:
    """Homes in which the work was killed the first, second ... time it came by the point."""
    for number in range(1, most + 1):
        home = copied(before, room / f"{point}-{number}")
        outcome = work.do(HERE, what, str(home.root), at=f"{point}:{number}")
        if outcome.code == 0 and number > 1:
            return
        assert outcome.code == KILLED, (point, number, outcome.said)
        yield number, home
        shutil.rmtree(home.root)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Home]:
    return before_and_after(tmp_path_factory.mktemp("landed"))


CREATION = ["lake.creating", "lake.created"]
DOOR_POINTS = [p for p in POINTS if p.startswith(("door.", "lake.")) and p not in CREATION]


@pytest.mark.parametrize("point", DOOR_POINTS)
def test_the_door_killed_at_a_point(
    work: Work, landed: tuple[Home, Home], point: str, tmp_path: Path
) -> None:
    before, after = landed
    new = tables(after, DOOR)
    # Before one commit is after another: of these some are enough. The rest is passed once, but
    # for the profile, which is pending first.
    most = {"lake.committed": 5}.get(point, 2 if point.startswith("lake.") else 1)
    most = 2 if point == "door.profile" else most
    for number, home in each_time(work, "door", before, point, tmp_path, most):
        at = (point, number)
        require_whole(home, before, after, at)
        door(str(home.root))
        assert tables(home, DOOR) == new, at
        assert input_digests(home) == input_digests(after), at


@pytest.mark.parametrize("point", CREATION)
def test_the_first_run_killed_at_a_point(
    work: Work, landed: tuple[Home, Home], point: str, tmp_path: Path
) -> None:
    first = Home(tmp_path / "first")
    land_all(first, NEW)
    new = tables(landed[1], DOOR)
    times = 0
    for number, home in each_time(work, "door", first, point, tmp_path):
        times = number
        lake = Lake(home.lake)
        for table in tables(home):
            assert lake.read("plant", table).num_rows == 0, (point, number, table)
        door(str(home.root))
        assert tables(home) == new, (point, number)
    assert times == len(DOOR)


@pytest.fixture(scope="module")
def viewed(work: Work, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Home]:
    """A home whose view's facts changed since its files were published; the same afterwards.

    Of three days one is gone, one differs and one came.
    """
    before = Home(tmp_path_factory.mktemp("viewed") / "before")
    lake = Lake(before.lake)
    schema = mart_schemas(SPEC)["features_readings"].append(pa.field(PARTITION, pa.date32()))
    lake.ensure("plant", "features_readings", schema)

    def facts(heats: dict[int, float]) -> pa.Table:
        rows = [
            {
                "unit": f"u{unit}",
                "read_at": f"2026-03-{day:02}T00:00:00Z",
                "loaded_at": f"2026-03-{day:02}T01:00:00Z",
                "heat": heat + unit,
                PARTITION: START.replace(day=day),
            }
            for day, heat in heats.items()
            for unit in range(5)
        ]
        columns = {name: [row[name] for row in rows] for name in (*schema.names[:-1], PARTITION)}
        return pa.table({n: pa.array(v) for n, v in columns.items()}).select(schema.names)

    span = (START, START.replace(day=3))
    lake.replace_days("plant", "features_readings", *span, facts({1: OLD, 2: OLD}))
    done(work, "features", before)
    lake.replace_days("plant", "features_readings", *span, facts({2: NEW, 3: NEW}))
    after = copied(before, before.root.with_name("after"))
    done(work, "features", after)
    return before, after


FILE_POINTS = [point for point in POINTS if point.startswith("file.")]


@pytest.mark.parametrize("point", ["features.changing", *FILE_POINTS])
def test_the_features_killed_at_a_point(
    work: Work, viewed: tuple[Home, Home], point: str, tmp_path: Path
) -> None:
    before, after = viewed
    old, new = day_files(before), day_files(after)
    gone, came = set(old) - set(new), set(new) - set(old)
    assert len(gone) == len(came) == 1
    for number, home in each_time(work, "features", before, point, tmp_path):
        found = day_files(home)
        for name in {*old, *new}:
            assert found.get(name) in (old.get(name), new.get(name)), (point, number, name)
        features(str(home.root))
        assert day_files(home) == new, (point, number)
        left = [p.name for p in home.feature_view("plant", "readings").iterdir()]
        assert sorted(left) == sorted(new), (point, number)


@pytest.mark.parametrize("point", [point for point in FILE_POINTS if point != "file.removed"])
def test_a_key_killed_in_the_making_is_there_or_not(work: Work, point: str, tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    outcome = work.do(HERE, "key", str(path), at=point)
    assert outcome.code == KILLED
    assert not path.exists() or len(path.read_bytes()) == 64
    key = load_key(path)
    assert len(key) == 64
    assert load_key(path) == key


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, landed: tuple[Home, Home]
) -> Iterator[tuple[Work, Home, Home]]:
    """dbt at the ready; a home whose marts are built anew but not published; the same published."""
    room = tmp_path_factory.mktemp("built")
    modules = ("dbt.cli.main", "dbt.adapters.duckdb.impl", "google.protobuf.json_format")
    with Work(room, HERE, *LIBRARIES, *modules) as dbt:
        before = Home(room / "before")
        land_all(before, OLD)
        for what in ("doors", "project", "marts_built", "marts_published"):
            done(dbt, what, before)
        land_all(before, NEW)
        for what in ("doors", "marts_built"):
            done(dbt, what, before)
        after = copied(before, room / "after")
        done(dbt, "marts_published", after)
        yield dbt, before, after


@pytest.mark.slow
@pytest.mark.parametrize("point", ["lake.writing", "lake.committed", "lake.synced"])
def test_the_marts_killed_at_a_point(
    built: tuple[Work, Home, Home], point: str, tmp_path: Path
) -> None:
    dbt, before, after = built
    old, new = tables(before), tables(after)
    assert old != new
    for number, home in each_time(dbt, "marts_published", before, point, tmp_path):
        for table, digest in tables(home).items():
            assert digest in (old[table], new[table]), (point, number, table)
        marts_published(str(home.root))
        assert tables(home) == new, (point, number)


@pytest.mark.slow
def test_the_dbt_project_killed_again_and_again(
    built: tuple[Work, Home, Home], tmp_path: Path
) -> None:
    dbt, _, after = built

    def texts(home: Home) -> dict[str, str]:
        root = home.dbt_project("plant")
        names = [
            root / "dbt_project.yml",
            *(p for p in (root / "models").rglob("*") if p.is_file()),
        ]
        return {str(path.relative_to(root)): path.read_text() for path in names}

    home = Home(tmp_path / "home")
    for at in ("file.begun", "file.written:3", "file.renamed:5", "marts.project", "file.written"):
        outcome = dbt.do(HERE, "project", str(home.root), at=at)
        assert outcome.code == KILLED, (at, outcome.said)
        # The last time the project was there, and only the manifest was to be written.
        assert not home.dbt_manifest("plant").exists()
    done(dbt, "project", home)
    assert texts(home).keys() == texts(after).keys()
    assert "model.plant.population" in json.loads(home.dbt_manifest("plant").read_text())["nodes"]
    assert not list(home.root.rglob("*.part"))

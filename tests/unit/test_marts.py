"""The marts: dbt builds and tests them from the spec, and only what passed is published."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.content import content_digest
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.marts.build import MartsError, _parsed, build, mart_schemas, prepare, publish
from assets.marts.dbt_files import project_files, write_project
from assets.spec import UseCaseSpec
from assets.spec_files import load_specs
from assets.tables import LABELS, POPULATION, features
from tests.small_case import START, csv_text, event, land, land_days, land_events, small_spec, take

LAST = START + timedelta(days=1)
SPEC = small_spec()


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two days ingested, the dbt project parsed; tests of this module land days of their own."""
    home = Home(tmp_path_factory.mktemp("plant"))
    land_days(home, 2)
    for source in SPEC.sources:
        take(SPEC, home, source, START, LAST)
    prepare(SPEC, home)
    return home


def ignore(_: object) -> None:
    """For events nobody looks at."""


def built(
    home: Home, first: date = START, last: date = LAST, run_id: str = "run"
) -> dict[str, Any]:
    build(SPEC, home, first, last, ignore)
    return publish(SPEC, home, Lake(home.lake), first, last, run_id)


def digests(home: Home) -> dict[str, tuple[int, str]]:
    """Version and content of each mart."""
    lake = Lake(home.lake)
    return {
        name: (lake.version("plant", name), content_digest(lake.read("plant", name)))
        for name in mart_schemas(SPEC)
    }


def test_the_marts_hold_what_was_validated_and_say_so_in_the_lake(plant: Home) -> None:
    published = built(plant)
    assert {name: one.rows for name, one in published.items()} == {
        POPULATION: 40,
        features("readings"): 14,
        LABELS: 40,
    }
    lake = Lake(plant.lake)
    for name, schema in mart_schemas(SPEC).items():
        there = lake.read("plant", name)
        assert there.schema.names == [*schema.names, PARTITION]
        assert [there.schema.field(n).type for n in schema.names] == list(schema.types)
    population = lake.read_day("plant", POPULATION, START).sort_by("event_id")
    assert population.column_names == [
        "event_id",
        "unit",
        "happened_at",
        "load",
        "shift",
        "crew",
        PARTITION,
    ]
    first = population.to_pylist()[0]
    assert (first["event_id"], first["load"], first["shift"]) == ("e03010000", 0.5, "early")
    assert first["happened_at"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert lake.days("plant", POPULATION) == [START, LAST]


def test_building_the_same_days_again_changes_nothing(plant: Home) -> None:
    built(plant)
    before = digests(plant)
    again = built(plant, run_id="another")
    assert not any(one.commit.changed for one in again.values())
    assert digests(plant) == before


def test_one_day_is_built_without_touching_its_neighbour(plant: Home) -> None:
    built(plant)
    before = Lake(plant.lake).read_day("plant", POPULATION, START)
    land_events(plant, LAST, [event(n, LAST, load=50) for n in range(20)])
    take(SPEC, plant, "events", LAST)
    published = built(plant, LAST, LAST)
    assert published[POPULATION].commit.changed
    assert not published[LABELS].commit.changed
    lake = Lake(plant.lake)
    assert content_digest(lake.read_day("plant", POPULATION, START)) == content_digest(before)
    assert set(lake.read_day("plant", POPULATION, LAST).column("load").to_pylist()) == {50.0}


def test_facts_about_nobody_and_outcomes_not_known_are_left_out(plant: Home) -> None:
    day = START + timedelta(days=5)
    readings = [
        {"unit": unit, "read_at": f"{day}T00:00Z", "loaded_at": f"{day}T00:00Z", "heat": 1}
        for unit in ("u1", "")
    ]
    land(plant, "readings", f"readings_{day}.csv", csv_text(readings))
    outcomes = [
        {"event_id": f"x{n}", "failed": failed, "seen_at": f"{day}T00:00Z"}
        for n, failed in enumerate((1, 0, 7, ""))
    ]
    land(plant, "outcomes", f"outcomes_{day}.csv", csv_text(outcomes))
    land_events(plant, day, [event(1, day)])
    for source in SPEC.sources:
        take(SPEC, plant, source, day)
    published = built(plant, day, day)
    assert published[features("readings")].rows == 1
    labels = Lake(plant.lake).read_day("plant", LABELS, day).to_pylist()
    assert {row["event_id"]: row["label"] for row in labels} == {"x0": 1, "x1": 0, "x2": 0}


def test_a_case_twice_fails_the_test_by_name_and_nothing_is_published(plant: Home) -> None:
    built(plant)
    before = digests(plant)
    day = START + timedelta(days=8)
    land_events(plant, day, [event(1, day), event(2, day)])
    land(plant, "events", f"again_{day}.csv", csv_text([event(1, day)]))
    for source in SPEC.sources:
        take(SPEC, plant, source, day)
    events: list[Any] = []
    with pytest.raises(MartsError) as failed:
        build(SPEC, plant, day, day, events.append)
    said = str(failed.value)
    assert "1 rows fail the test population_event_id_unique" in said
    assert f"'plant' for {day} to {day}" in said
    assert "Nothing was published; earlier days are untouched" in said
    assert digests(plant) == before
    results = {
        event["data"]["name"]: event["data"]["status"]
        for event in events
        if event["info"]["name"] == "LogTestResult"
    }
    assert results["population_event_id_unique"] == "fail"
    assert results["population_event_id_not_null"] == "pass"
    assert results["labels_label_accepted_values"] == "pass"
    # The days before can still be built: what was left of the failed build is no hindrance.
    built(plant)
    assert digests(plant) == before


def test_a_day_without_rows_is_built_empty(plant: Home) -> None:
    day = START + timedelta(days=12)
    land(plant, "events", f"events_{day}.csv", csv_text([event(1, day)]).splitlines()[0] + "\n")
    for source in SPEC.sources:
        take(SPEC, plant, source, day)
    assert {one.rows for one in built(plant, day, day).values()} == {0}
    assert day not in Lake(plant.lake).days("plant", POPULATION)


def test_preparing_again_is_no_work_and_a_changed_spec_is(plant: Home) -> None:
    manifest = plant.dbt_manifest("plant")
    before = manifest.stat().st_mtime_ns
    assert prepare(SPEC, plant) is False
    assert manifest.stat().st_mtime_ns == before
    changed = small_spec(population__event_timestamp="happened_at", features__request=["load"])
    assert write_project(changed, plant) is True
    assert write_project(SPEC, plant) is True
    assert write_project(SPEC, plant) is False


def test_the_project_files_depend_on_the_spec_and_the_home_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    files = project_files(SPEC, home)
    assert project_files(small_spec(), home) == files
    assert not home.root.exists()
    assert write_project(SPEC, home) is True
    root = home.dbt_project("plant")
    written = {
        str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()
    }
    assert written == files


@pytest.mark.parametrize(
    ("task", "type_", "positive", "cells", "labels"),
    [
        ("binary", "int", 2, ["2", "1", "0"], [1, 0, 0]),
        ("binary", "bool", True, ["true", "false", "1"], [1, 0, 1]),
        ("binary", "bool", False, ["true", "false", "0"], [0, 1, 1]),
        ("binary", "string", "yes", ["yes", "no", "Yes"], [1, 0, 0]),
        ("binary", "string", "it's so", ["it's so", "its so", "no"], [1, 0, 0]),
        ("binary", "string", "\u00fcbel", ["\u00fcbel", "ubel", "no"], [1, 0, 0]),
        ("binary", "int", 1, ["1", None, "0"], [1, 0]),
        ("multiclass", "string", None, ["worn", None, "it's"], ["worn", "it's"]),
        ("multiclass", "int", None, ["3", "-1", "3"], ["3", "-1", "3"]),
        ("multiclass", "bool", None, ["true", "false", "1"], ["true", "false", "true"]),
        ("regression", "int", None, ["3", "-1", None], [3.0, -1.0]),
        ("regression", "float", None, ["2.5", "1e-9", "0"], [2.5, 1e-9, 0.0]),
    ],
)
def test_the_label_is_what_the_task_wants(
    task: str, type_: str, positive: object, cells: list[str | None], labels: list[object]
) -> None:
    """The generated SQL on DuckDB, without dbt around it."""
    import duckdb
    from jinja2 import Environment

    from assets.ingestion.values import DUCKDB
    from assets.marts.dbt_files import MACROS

    spec = small_spec(
        sources__outcomes__columns__failed={"type": type_, "required": False},
        label__positive=positive,
        model={"task": task},
    )
    model = project_files(spec, Home(Path("nowhere")))["models/marts/labels.sql"]

    class Adapter:
        @staticmethod
        def quote(name: str) -> str:
            return f'"{name}"'

    sql = (
        Environment(autoescape=False)
        .from_string((MACROS / "labels.sql").read_text() + model)
        .render(adapter=Adapter, ref=lambda name: name)
    )
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE stg_outcomes (n INT, event_id VARCHAR, failed {DUCKDB[type_]}, "  # type: ignore[index]
            "seen_at TIMESTAMPTZ, partition_date DATE)"
        )
        for number, cell in enumerate(cells):
            connection.execute(
                "INSERT INTO stg_outcomes VALUES (?, ?, ?, '2026-03-01', '2026-03-01')",
                [number, f"e{number}", cell],
            )
        found = [row[1] for row in sorted(connection.execute(sql).fetchall())]
    assert found == labels
    assert [type(one) for one in found] == [type(one) for one in labels]


def test_published_rows_of_another_day_are_refused(plant: Home) -> None:
    """What lies in the marts database must be of the days it is published for."""
    build(SPEC, plant, START, LAST, ignore)
    before = digests(plant)
    with pytest.raises(Exception, match=r"rows of 2026-03-01\.\.2026-03-02 offered"):
        publish(SPEC, plant, Lake(plant.lake), LAST, LAST, "run")
    assert digests(plant) == before


@pytest.fixture
def rewritten(plant: Home) -> Iterator[Callable[[str, str], None]]:
    """Replace the SQL of a mart in the project, and put it back."""
    restore: list[tuple[Path, str]] = []

    def rewrite(mart: str, sql: str) -> None:
        path = plant.dbt_project("plant") / "models" / "marts" / f"{mart}.sql"
        restore.append((path, path.read_text()))
        path.write_text(sql)
        _parsed.cache_clear()

    yield rewrite
    for path, text in restore:
        path.write_text(text)
    _parsed.cache_clear()


def test_a_mart_of_another_type_breaks_its_contract(
    plant: Home, rewritten: Callable[[str, str], None]
) -> None:
    built(plant)
    before = digests(plant)
    rewritten(
        LABELS,
        "select event_id, 1.5::double as label, seen_at as observed_at, partition_date "
        "from {{ ref('stg_outcomes') }}",
    )
    with pytest.raises(MartsError, match=r"labels: (.|\n)*contract"):
        build(SPEC, plant, START, LAST, ignore)
    assert digests(plant) == before


def test_a_snapshot_view_is_published_whole(tmp_path: Path) -> None:
    spec: UseCaseSpec = small_spec(sources__readings__arrival="snapshot")
    assert pa.types.is_float64(mart_schemas(spec)[features("readings")].field("heat").type)
    home = Home(tmp_path / "home")
    land_days(home, 1)
    header = "unit,read_at,loaded_at,heat\n"
    for path in home.landing_source("plant", "readings").iterdir():
        path.unlink()
    land(
        home, "readings", "r_2026-01-05.csv", f"{header}u1,2026-01-05T00:00Z,2026-01-05T00:00Z,4\n"
    )
    for source in spec.sources:
        take(spec, home, source)
    prepare(spec, home)
    build(spec, home, START, START, ignore)
    lake = Lake(home.lake)
    publish(spec, home, lake, START, START, "run")
    facts = lake.read("plant", features("readings")).to_pylist()
    assert [(row["heat"], row[PARTITION]) for row in facts] == [(4.0, date(2026, 1, 5))]


def test_a_manifest_is_made_again_when_a_kill_left_none_or_part_of_dbts_own(plant: Home) -> None:
    prepare(SPEC, plant)
    manifest = plant.dbt_manifest("plant")
    before = manifest.read_text()
    (plant.dbt_project("plant") / "target" / "manifest.json").write_text(before[:100])
    assert prepare(SPEC, plant) is False
    assert manifest.read_text() == before
    manifest.unlink()
    assert prepare(SPEC, plant) is True
    assert manifest.exists()


def test_what_the_spec_no_longer_has_leaves_the_project(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    models = home.dbt_project("plant") / "models"
    write_project(SPEC, home)
    home.dbt_manifest("plant").touch()
    assert (models / "marts" / "features_readings.sql").exists()
    assert write_project(small_spec(features__views={}), home) is True
    assert not (models / "marts" / "features_readings.sql").exists()
    assert not home.dbt_manifest("plant").exists()


def valid_spec(name: str, folder: Path) -> UseCaseSpec:
    """One of the valid specs of the component's tests."""
    folder.mkdir()
    path = Path(__file__).parents[1] / "components" / "valid" / f"{name}.yaml"
    (folder / "defs.yaml").write_text(path.read_text())
    (spec,) = load_specs([folder])
    return spec


@pytest.mark.parametrize(
    ("name", "outcome", "kind", "labels"),
    [
        ("multiclass", ("cause", ["worn", "heat"]), pa.string(), ["heat", "worn"]),
        ("regression", ("Wear [mm]", ["0.5", "2"]), pa.float64(), [0.5, 2.0]),
    ],
)
def test_a_file_without_time_or_key_gives_cases_and_labels_of_its_task(
    tmp_path: Path, name: str, outcome: tuple[str, list[str]], kind: pa.DataType, labels: list[Any]
) -> None:
    spec = valid_spec(name, tmp_path / "spec")
    home = Home(tmp_path / "home")
    header, values = outcome
    rows = [{"Load [kN]": n // 4, "kind": "a", header: values[n % 2]} for n in range(12)]
    land(home, "runs", f"runs_{START}.csv", csv_text(rows))
    take(spec, home, "runs")
    prepare(spec, home)
    events: list[Any] = []
    build(spec, home, START, START, events.append)
    lake = Lake(home.lake)
    publish(spec, home, lake, START, START, "run")
    cases = lake.read_day("plant", POPULATION, START)
    told = lake.read_day("plant", LABELS, START)
    assert cases.column_names == ["run_id", "recorded_on", "load", "kind", PARTITION]
    assert cases.num_rows == 12
    assert set(told.column("run_id").to_pylist()) == set(cases.column("run_id").to_pylist())
    assert told.schema.field("label").type == kind == mart_schemas(spec)[LABELS].field("label").type
    assert sorted(set(told.column("label").to_pylist())) == labels
    assert set(told.column("observed_at").to_pylist()) == {datetime(2026, 3, 1, tzinfo=UTC)}
    tests = {e["data"]["name"] for e in events if e["info"]["name"] == "LogTestResult"}
    assert "labels_label_not_null" in tests
    assert "labels_label_accepted_values" not in tests


def test_one_csv_is_source_population_and_labels_at_once(tmp_path: Path) -> None:
    """The smallest spec there is: what is not known yet about a case is no outcome."""
    spec = valid_spec("one_csv", tmp_path / "spec")
    home = Home(tmp_path / "home")
    rows = [
        {
            "event_id": f"e{number}",
            "happened_at": f"{START}T0{number}:00:00Z",
            "load": number,
            "failed": ("true", "false", "")[number % 3],
            "seen_at": f"{LAST}T00:00:00Z" if number % 3 < 2 else "",
        }
        for number in range(6)
    ]
    land(home, "events", f"events_{START}.csv", csv_text(rows))
    take(spec, home)
    prepare(spec, home)
    build(spec, home, START, START, ignore)
    lake = Lake(home.lake)
    publish(spec, home, lake, START, START, "run")
    assert lake.read_day("plant", POPULATION, START).num_rows == 6
    labels = lake.read_day("plant", LABELS, START).to_pylist()
    assert {row["event_id"]: row["label"] for row in labels} == {"e0": 1, "e1": 0, "e3": 1, "e4": 0}

"""The sensors in Dagster, on a use case of one's own: what they ask for is then run for real."""

import json
import os
import shutil
from collections.abc import Iterator
from copy import deepcopy
from datetime import date, timedelta

import dagster as dg
import pyarrow as pa
import pytest
import yaml
from dagster._core.definitions.sensor_definition import SensorExecutionData

from assets.ingestion.revisions import stale_days
from assets.tables import DECISIONS, DECISIONS_SCHEMA, files, validated
from orchestration.partitions import RANGE_END, RANGE_START
from orchestration.session import Outcome, Session
from tests.small_case import ATTRIBUTES, START, csv_text, event, land, land_days, small_spec

pytestmark = pytest.mark.slow


def day_after(days: int) -> date:
    return START + timedelta(days=days)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """The small use case with events whose late rows ask for the night again."""
    from orchestration.session import open_home

    before = dict(os.environ)
    attributes = deepcopy(ATTRIBUTES)
    attributes["sources"]["events"]["late"] = {"within": "3d", "then": "rerun"}
    folder = tmp_path_factory.mktemp("use_cases")
    content = {"type": "orchestration.components.use_case.UseCase", "attributes": attributes}
    (folder / "defs.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    yield open_home(tmp_path_factory.mktemp("plant"), [folder])
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def plant(opened: Session) -> Session:
    """Nothing landed, nothing in the lake."""
    for folder in (opened.home.landing, opened.home.lake):
        shutil.rmtree(folder, ignore_errors=True)
    return opened


def tick(session: Session, sensor: str, cursor: str | None) -> SensorExecutionData:
    """What Dagster gets of one look; resources and jobs are those of the code location."""
    repository = session.definitions.get_repository_def()
    context = dg.build_sensor_context(
        instance=session.instance,
        cursor=cursor,
        repository_def=repository,
        resources={"installation": repository.get_top_level_resources()["installation"]},
    )
    return repository.get_sensor_def(sensor).evaluate_tick(context)


def run(session: Session, request: dg.RunRequest) -> Outcome:
    """Run what was asked for, as the daemon would, in this process."""
    job = str(request.job_name)
    if request.partition_key:
        return session.run(job, day=date.fromisoformat(request.partition_key))
    first, last = (date.fromisoformat(request.tags[tag]) for tag in (RANGE_START, RANGE_END))
    return session.run(job, days=(first, last))


def test_sensors_ship_stopped_and_only_where_they_have_something_to_do(plant: Session) -> None:
    from orchestration.jobs import jobs_and_schedules
    from orchestration.sensors import late_rows_sensor

    sensors = {one.name: one for one in plant.definitions.get_repository_def().sensor_defs}
    assert {"plant_arrival", "plant_late_rows"} <= set(sensors)
    assert "loan_approval_late_rows" not in sensors
    for sensor in sensors.values():
        assert sensor.default_status == dg.DefaultSensorStatus.STOPPED, sensor.name
    assert {job.name for job in sensors["plant_late_rows"].jobs} == {
        "plant_history",
        "plant_nightly",
    }
    spec = small_spec()
    assert late_rows_sensor(spec, jobs_and_schedules(spec)[0]) is None


def test_files_that_came_are_ingested_by_the_run_asked_for_and_not_again(plant: Session) -> None:
    def look() -> SensorExecutionData:
        nonlocal cursor
        found = tick(plant, "plant_arrival", cursor)
        cursor = found.cursor
        return found

    cursor: str | None = None
    assert look().skip_message == "no new files"
    land_days(plant.home, 1)
    land(plant.home, "events", "events_2999-01-01.csv", "not yet")
    first = look()
    assert first.run_requests == []
    assert "events_2026-03-01.csv" in (first.skip_message or "")
    assert "events_2999-01-01.csv wait: their day has not closed" in (first.skip_message or "")
    second = look()
    (request,) = second.run_requests or []
    assert (request.partition_key, request.job_name) == ("2026-03-01", "plant_ingestion")
    assert look().run_requests == []
    done = run(plant, request)
    assert done.succeeded, done.problems
    assert plant.lake.read_day("plant", validated("events"), START).num_rows == 20
    assert plant.lake.read_day("plant", files("events"), START).num_rows == 1
    # The same files again, with another change time and under another name.
    land_days(plant.home, 1)
    again = plant.home.landing_source("plant", "events") / "again_2026-03-01.csv"
    shutil.copyfile(again.with_name("events_2026-03-01.csv"), again)
    assert [look().run_requests, look().run_requests] == [[], []]
    # A corrected one.
    rows = csv_text([event(number) for number in range(30)])
    again.unlink()
    land(plant.home, "events", "events_2026-03-01.csv", rows)
    assert look().run_requests == []
    (request,) = look().run_requests or []
    done = run(plant, request)
    assert done.succeeded, done.problems
    assert plant.lake.read_day("plant", validated("events"), START).num_rows == 30


def test_many_days_come_in_one_range(plant: Session) -> None:
    land_days(plant.home, 12)
    cursor = tick(plant, "plant_arrival", None).cursor
    found = tick(plant, "plant_arrival", cursor)
    (request,) = found.run_requests or []
    assert request.partition_key is None
    assert {tag: request.tags[tag] for tag in (RANGE_START, RANGE_END)} == {
        RANGE_START: "2026-03-01",
        RANGE_END: "2026-03-12",
    }
    done = run(plant, request)
    assert done.succeeded, done.problems
    assert len(plant.lake.days("plant", validated("events"))) == 12
    # All forgotten, what is in the lake still asks for nothing.
    cursor = tick(plant, "plant_arrival", None).cursor
    assert tick(plant, "plant_arrival", cursor).run_requests == []


def test_a_mistake_is_a_message_and_the_look_before_is_remembered(plant: Session) -> None:
    folder = plant.home.landing_source("plant", "events")
    land_days(plant.home, 1)
    cursor = tick(plant, "plant_arrival", None).cursor
    folder.rename(folder.with_name("_aside"))
    folder.write_text("a file in place of the folder")
    for _ in range(2):
        found = tick(plant, "plant_arrival", cursor)
        assert found.run_requests == []
        assert "events cannot be looked into (Not a directory)" in (found.skip_message or "")
        assert found.cursor == cursor
    folder.unlink()
    folder.with_name("_aside").rename(folder)
    assert len(tick(plant, "plant_arrival", cursor).run_requests or []) == 1


def test_late_rows_have_their_day_built_again_once(plant: Session) -> None:
    spec = plant.spec("plant")

    def look() -> SensorExecutionData:
        nonlocal cursor
        found = tick(plant, "plant_late_rows", cursor)
        cursor = found.cursor
        return found

    cursor: str | None = None
    assert look().run_requests == []
    land_days(plant.home, 3)
    done = plant.run("plant_history", days=(START, day_after(2)))
    assert done.succeeded, done.problems
    assert look().skip_message == "no day is stale"
    assert look().skip_message == "nothing was ingested or built since the last look"

    # The file of the fourth day brings a row of the second.
    land_days(plant.home, 4)
    late = [event(90, day_after(1)), event(92, day_after(3))]
    land(plant.home, "events", f"events_late_{day_after(3)}.csv", csv_text(late))
    done = plant.run("plant_ingestion", day=day_after(3))
    assert done.succeeded, done.problems
    assert [one.day for one in stale_days(plant.lake, spec)] == [day_after(1)]
    (request,) = look().run_requests or []
    assert request.job_name == "plant_history"  # there are no decisions to make again
    assert look().run_requests == []
    done = run(plant, request)
    assert done.succeeded, done.problems
    assert stale_days(plant.lake, spec) == []
    population = plant.lake.read_day("plant", "population", day_after(1))
    assert event(90, day_after(1))["event_id"] in population.column("event_id").to_pylist()
    assert look().skip_message == "no day is stale"


def test_a_decided_day_is_run_again_as_a_night(plant: Session) -> None:
    land_days(plant.home, 3)
    done = plant.run("plant_history", days=(START, day_after(2)))
    assert done.succeeded, done.problems
    plant.lake.ensure("plant", DECISIONS, DECISIONS_SCHEMA)
    row = {**dict.fromkeys(DECISIONS_SCHEMA.names), "decision_id": "d"}
    decided = pa.Table.from_pylist([row], schema=DECISIONS_SCHEMA)
    plant.lake.replace_day("plant", DECISIONS, day_after(1), decided)
    rows = [event(number, day_after(1)) for number in range(21)]
    land(plant.home, "events", f"events_{day_after(1)}.csv", csv_text(rows))
    done = plant.run("plant_ingestion", day=day_after(1))
    assert done.succeeded, done.problems
    for cursor in (None, "no json", json.dumps({"asked": 1})):
        (request,) = tick(plant, "plant_late_rows", cursor).run_requests or []
        assert (request.job_name, request.partition_key) == ("plant_nightly", "2026-03-02")

"""Alarms in Dagster: runs that failed, sat or came through, nights that never came, trainings."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
import yaml
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._daemon.monitoring.run_monitoring import check_run_timeout

from assets.alerts import door_alert, raise_alert
from assets.gate_results import GateResult
from assets.home import Home
from assets.incidents.publish import record_night
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, DECISIONS_SCHEMA
from orchestration.incident_sensors import incident_sensors
from orchestration.jobs import jobs_and_schedules, nightly_job, training_job
from orchestration.missing_nights import due_night
from orchestration.partitions import RANGE_END, RANGE_START
from orchestration.resources.installation import Installation
from tests.conftest import PROJECT
from tests.incident_nights import drift, measured, night
from tests.released import NAME, make_spec, put, registered

RUNS = {"door": False, "scores": False}
"""What goes wrong, by step."""


@dg.op(name=f"{NAME}_door")
def door(context: dg.OpExecutionContext) -> int:
    if RUNS["door"]:
        raise dg.Failure("amount looks multiplied by 100", allow_retries=False)
    return 1


@dg.op(name="scores")
def scores(context: dg.OpExecutionContext, given: int) -> None:
    if RUNS["scores"]:
        raise dg.Failure("the disk is full: free some space", allow_retries=False)


def job(name: str) -> dg.JobDefinition:
    @dg.job(
        name=name,
        partitions_def=dg.DailyPartitionsDefinition("2026-01-01"),
        tags={"use_case": NAME},
    )
    def steps() -> None:
        scores(door())

    return steps


NIGHTLY, TRAINING = job(nightly_job(NAME)), job(training_job(NAME))
DAY = night(0)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    RUNS.update(door=False, scores=False)
    with dg.DagsterInstance.ephemeral() as found:
        yield found


class Watch:
    """The sensors of the boats, looked at as the daemon does."""

    def __init__(self, home: Home, instance: dg.DagsterInstance, now: datetime) -> None:
        self.home, self.lake, self.instance = home, Lake(home.lake), instance
        self.now, self.spec = now, make_spec()
        self.cursors: dict[str, str | None] = {}
        found = incident_sensors(self.spec, lambda: self.now)
        self.sensors = {one.name.removeprefix(f"{NAME}_"): one for one in found}

    def look(self, name: str) -> SensorExecutionData:
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            definitions=dg.Definitions(jobs=[NIGHTLY, TRAINING], sensors=[*self.sensors.values()]),
            resources={"installation": Installation(root=str(self.home.root))},
        )
        found = self.sensors[name].evaluate_tick(context)
        self.cursors[name] = found.cursor or self.cursors.get(name)
        return found

    def told(self) -> list[dict[str, str]]:
        if not self.home.alert_log.exists():
            return []
        return [json.loads(line) for line in self.home.alert_log.read_text().splitlines()]

    def run(self, what: dg.JobDefinition = NIGHTLY, day: date = DAY, **wrong: bool) -> str:
        RUNS.update({"door": False, "scores": False, **wrong})
        result = what.execute_in_process(
            instance=self.instance, partition_key=str(day), raise_on_error=False
        )
        return result.run_id


@pytest.fixture
def watch(home: Home, instance: dg.DagsterInstance) -> Watch:
    found = Watch(home, instance, datetime.now(UTC))
    assert found.look("run_alarm").skip_message == "looks at runs from now on"
    return found


def test_they_ship_stopped() -> None:
    for sensor in incident_sensors(make_spec()):
        assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
        assert sensor.description


def test_a_run_that_failed_is_told_once_and_once_more_when_it_came_through(watch: Watch) -> None:
    failed = watch.run(scores=True)
    watch.run(scores=True)
    watch.look("run_alarm")
    watch.run(scores=True)
    watch.look("run_alarm")
    (alert,) = watch.told()
    assert (alert["use_case"], alert["day"]) == (NAME, str(DAY))
    assert alert["happened"] == (
        "The night of boats for 2026-03-02 failed at scores: the disk is full: free some space"
    )
    assert "no case of these days is decided" in alert["road_did"]
    assert "/runs/" in alert["person_should"]
    assert "`nightshift run boats --from 2026-03-02 --to 2026-03-02`" in alert["person_should"]
    assert failed
    watch.run()
    watch.look("run_alarm")
    watch.run()
    watch.look("run_alarm")
    assert [one["happened"] for one in watch.told()[1:]] == [
        "The night of boats for 2026-03-02 came through after all."
    ]
    # What fails again is news again, and so is its end.
    watch.run(scores=True)
    watch.look("run_alarm")
    watch.run()
    watch.look("run_alarm")
    assert [one["incident"] for one in watch.told()] == [
        "run failed: boats_nightly",
        "run recovered: boats_nightly after 1",
        "run failed: boats_nightly after 1",
        "run recovered: boats_nightly after 2",
    ]


def test_what_came_through_between_two_looks_is_no_alarm(watch: Watch) -> None:
    watch.run(scores=True)
    watch.run()
    assert watch.look("run_alarm").skip_message == "nothing to tell"
    assert watch.told() == []


def test_a_training_a_gate_stopped_is_told_too(watch: Watch) -> None:
    watch.run(TRAINING, scores=True)
    watch.run(NIGHTLY)
    watch.look("run_alarm")
    (alert,) = watch.told()
    assert alert["happened"].startswith(
        "The training of boats on what was known at the end of 2026-03-02 failed at scores"
    )
    assert "Nights go on as before" in alert["road_did"]
    assert "`nightshift train boats --as-of 2026-03-03`" in alert["person_should"]


def test_of_a_shut_door_people_are_told_once_by_the_run_itself(watch: Watch) -> None:
    gate = GateResult("trips.unit", "validated_trips", "fail", "multiplied by 100", {}, {}, "d")
    raise_alert(watch.home, watch.lake, door_alert(watch.spec, DAY, [gate]), "an ingestion")
    watch.run(door=True)
    watch.look("run_alarm")
    assert len(watch.told()) == 1
    # Another step that fails is another matter.
    watch.run(scores=True)
    watch.look("run_alarm")
    assert watch.told()[1]["happened"].endswith("free some space")
    watch.run()
    watch.look("run_alarm")
    assert [one["incident"] for one in watch.told()[2:]] == ["run recovered: boats_nightly after 2"]


def test_what_is_decided_already_is_said(watch: Watch) -> None:
    put_decisions(watch.lake, DAY, 3)
    watch.run(scores=True)
    watch.look("run_alarm")
    assert "3 cases are decided and stand" in watch.told()[0]["road_did"]


def test_a_range_of_days_is_one_piece_of_work(watch: Watch) -> None:
    RUNS.update(scores=True)
    past = job(f"{NAME}_history")
    tags = {RANGE_START: str(DAY), RANGE_END: str(night(4))}
    past.execute_in_process(instance=watch.instance, raise_on_error=False, tags=tags)
    watch.look("run_alarm")
    (alert,) = watch.told()
    assert alert["incident"] == "run failed: boats_history 2026-03-02 to 2026-03-06"
    assert "`nightshift history boats --from 2026-03-02 --to 2026-03-06`" in alert["person_should"]


def test_an_alert_that_could_not_be_raised_is_raised_at_the_next_look(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assets.storage_errors import StorageError

    def full(*_: Any) -> bool:
        raise StorageError("the disk is full")

    watch.run(scores=True)
    with monkeypatch.context() as broken:
        broken.setattr("orchestration.run_alarms.raise_alert", full)
        assert "the disk is full" in str(watch.look("run_alarm").skip_message)
    watch.look("run_alarm")
    assert len(watch.told()) == 1


def test_a_run_that_sits_is_ended_and_told(watch: Watch) -> None:
    """As the daemon ends it, which has the time a run may take from the job's own tag."""
    for one in jobs_and_schedules(make_spec())[0]:
        assert int((one.tags or {})["dagster/max_runtime"]) == 7200, one.name
    monitoring = yaml.safe_load((PROJECT / "dagster.yaml").read_text())["run_monitoring"]
    assert monitoring["enabled"]
    assert 0 < monitoring["max_runtime_seconds"] <= 4 * 3600
    tags = {"dagster/partition": str(DAY), "dagster/max_runtime": "7200"}
    run = watch.instance.create_run_for_job(NIGHTLY, tags=tags)
    three_hours_ago = (datetime.now(UTC) - timedelta(hours=3)).timestamp()
    watch.instance.report_dagster_event(
        dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.RUN_START.value, job_name=run.job_name
        ),
        run.run_id,
        timestamp=three_hours_ago,
    )
    record = watch.instance.get_run_record_by_id(run.run_id)
    assert record is not None
    assert record.dagster_run.status == dg.DagsterRunStatus.STARTED
    watch.look("run_alarm")
    assert watch.told() == []
    check_run_timeout(watch.instance, record, logging.getLogger("monitor"), 14400.0)
    ended = watch.instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status == dg.DagsterRunStatus.FAILURE
    watch.look("run_alarm")
    (alert,) = watch.told()
    assert "exceeding maximum runtime of 7200 seconds" in alert["happened"]


def put_decisions(lake: Lake, day: date, count: int) -> None:
    lake.ensure(NAME, DECISIONS, DECISIONS_SCHEMA)
    rows = [{**dict.fromkeys(DECISIONS_SCHEMA.names), "decision_id": str(n)} for n in range(count)]
    lake.replace_day(NAME, DECISIONS, day, pa.Table.from_pylist(rows, schema=DECISIONS_SCHEMA))


def test_when_a_night_is_due() -> None:
    spec = make_spec()  # at two in the morning
    at = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
    assert due_night(spec, at) == (date(2026, 3, 2), datetime(2026, 3, 3, 2, tzinfo=UTC))
    assert due_night(spec, at - timedelta(minutes=1))[0] == date(2026, 3, 1)
    weekly = UseCaseSpec.model_validate({**spec.model_dump(), "schedule": "30 4 * * 1"})
    assert due_night(weekly, at)[0] == date(2026, 3, 1)


def test_a_night_that_never_came_is_told_and_told_when_it_came(watch: Watch) -> None:
    watch.now = datetime(2026, 3, 3, 7, 59, tzinfo=UTC)
    put_decisions(watch.lake, night(-1), 1)
    assert watch.look("missing_night").skip_message == "nothing to tell"
    for _ in range(3):
        watch.now += timedelta(hours=1)
        watch.look("missing_night")
    (alert,) = watch.told()
    assert alert["happened"] == (
        "The night of boats for 2026-03-02 never came: it was due at 2026-03-03 02:00 UTC, and 6 "
        "hours later it is not on record. No run of it is on record. None was ever scored."
    )
    watch.now += timedelta(days=2)
    put_decisions(watch.lake, DAY, 4)
    put_decisions(watch.lake, night(2), 4)
    watch.look("missing_night")
    watch.look("missing_night")
    assert [one["happened"] for one in watch.told()[1:]] == [
        "The night of boats for 2026-03-02 came after all: 4 cases are decided."
    ]


@pytest.mark.parametrize(("wrong", "told"), [({"scores": True}, 0), ({}, 0), (None, 1)])
def test_a_night_whose_run_ended_came(
    watch: Watch, wrong: dict[str, bool] | None, told: int
) -> None:
    """One that failed is told of as such, a day may have no case; one that waits is missing."""
    watch.now = datetime(2026, 3, 3, 9, tzinfo=UTC)
    if wrong is None:
        watch.instance.create_run_for_job(NIGHTLY, tags={"dagster/partition": str(DAY)})
    else:
        watch.run(**wrong)
    watch.look("missing_night")
    assert len(watch.told()) == told
    if told:
        assert "Its last run is not started: http" in watch.told()[0]["happened"]


def test_nothing_is_missed_before_the_use_case_began(watch: Watch) -> None:
    watch.now = datetime(2025, 12, 31, 9, tzinfo=UTC)
    assert watch.look("missing_night").skip_message == "nothing to tell"


def test_a_training_that_is_asked_for_is_run_once_in_the_name_of_the_system(watch: Watch) -> None:
    assert watch.look("retraining").skip_message == "no incident was ever recorded"
    measured(watch.lake, NAME, DAY, drift=drift("matters"))
    (one,) = record_night(watch.spec, watch.home, watch.lake, DAY, "r").incidents
    (request,) = watch.look("retraining").run_requests or []
    assert (request.job_name, request.partition_key) == ("boats_training", str(DAY))
    assert request.run_key == f"{one.incident_id}:{DAY}"
    assert request.tags["nightshift/requested_by"] == "system:nightshift"
    assert watch.look("retraining").skip_message == "nothing was recorded since the last look"
    # The cursor forgotten, the run key is the same: Dagster starts no second run of it.
    watch.cursors["retraining"] = None
    (again,) = watch.look("retraining").run_requests or []
    assert again.run_key == request.run_key
    # Whoever trained since has answered it.
    put(watch.lake, watch.spec, registered(1, as_of=datetime(2026, 3, 3, tzinfo=UTC)))
    watch.cursors["retraining"] = None
    assert watch.look("retraining").skip_message == "no training is asked for"


def test_a_closed_incident_asks_for_nothing(watch: Watch) -> None:
    for number, verdict in enumerate(["matters", "stable", "stable"]):
        measured(watch.lake, NAME, night(number), drift=drift(verdict))
        record_night(watch.spec, watch.home, watch.lake, night(number), "r")
    assert watch.look("retraining").skip_message == "no training is asked for"

"""What the machine was paid for: every second on one bill, none on two."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.economics.compute import (
    BETWEEN,
    RUNS_SCHEMA,
    STEPS_SCHEMA,
    Bill,
    by_stage,
    charge,
    closed_runs,
    measures,
    unbilled,
)
from assets.economics.measure import named
from assets.lake import Lake
from assets.monitoring_spec import EconomicsSpec
from assets.tables import COMPUTE, COMPUTE_SCHEMA
from tests.reviewed import NIGHT, review_spec

SPEC = review_spec()
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOON + timedelta(seconds=seconds)


def runs(*rows: tuple[str, str, date, float | None]) -> pa.Table:
    """Run, job, day and when it ended; each began at 0."""
    return pa.Table.from_pylist(
        [
            {"run_id": run, "job": job, "day": day, "started": at(0), "ended": at(ended)}
            for run, job, day, ended in rows
        ],
        schema=RUNS_SCHEMA,
    )


def steps(run: str, *rows: tuple[str, float, float | None]) -> pa.Table:
    """Step, begin, end; the stage is the first word of the step."""
    return pa.Table.from_pylist(
        [
            {
                "run_id": run,
                "step": step,
                "stage": step.split("_")[0],
                "started": at(begin),
                "ended": at(end),
            }
            for step, begin, end in rows
        ],
        schema=STEPS_SCHEMA,
    )


def told(rows: pa.Table) -> dict[tuple[str, str], float]:
    keys = zip(rows["run_id"].to_pylist(), rows["step"].to_pylist(), strict=True)
    return dict(zip(keys, rows["seconds"].to_pylist(), strict=True))


def test_a_run_that_goes_on_is_charged_for_the_steps_that_are_done() -> None:
    own = runs(("r1", "nightly", NIGHT, None))
    found = unbilled(
        own,
        steps("r1", ("ingestion_a", 0, 2), ("scoring_b", 2, 3.5), ("monitoring_c", 4, None)),
        COMPUTE_SCHEMA.empty_table(),
    )
    assert found.schema == COMPUTE_SCHEMA
    assert told(found) == {("r1", "ingestion_a"): 2.0, ("r1", "scoring_b"): 1.5}
    assert closed_runs(found) == set()


def test_a_run_that_ended_is_charged_to_its_last_second() -> None:
    """Steps side by side take their time each; between them is what none of them took; a step that
    was killed counts up to the end of its run."""
    found = unbilled(
        runs(("r1", "training", NIGHT, 20.0), ("r2", "training", NIGHT, 5.0)),
        pa.concat_tables(
            [
                steps("r1", ("a_1", 1, 4), ("a_2", 2, 5), ("b_1", 10, None)),
                steps("somebody else's", ("a_1", 1, 4)),
            ]
        ),
        COMPUTE_SCHEMA.empty_table(),
    )
    assert told(found) == {
        ("r1", "a_1"): 3.0,
        ("r1", "a_2"): 3.0,
        ("r1", "b_1"): 10.0,
        ("r1", BETWEEN): pytest.approx(20 - 4 - 10),
        ("r2", BETWEEN): 5.0,
    }
    assert closed_runs(found) == {"r1", "r2"}


def test_a_clock_put_back_takes_nothing_off() -> None:
    found = unbilled(
        runs(("r1", "nightly", NIGHT, -4.0)),
        steps("r1", ("a_1", 3, 1)),
        COMPUTE_SCHEMA.empty_table(),
    )
    assert told(found) == {("r1", "a_1"): 0.0, ("r1", BETWEEN): 0.0}


def test_the_same_run_is_charged_once_and_a_night_run_again_twice(lake: Lake) -> None:
    first, done = runs(("r1", "nightly", NIGHT, None)), steps("r1", ("a_1", 0, 2))
    bill, new = charge(lake, SPEC, NIGHT, first, done)
    assert (bill.seconds, new) == (2.0, 1)
    version = lake.version(SPEC.name, COMPUTE)
    # The step is tried again after its rows were appended.
    again, new = charge(lake, SPEC, NIGHT, first, done)
    assert (new, lake.version(SPEC.name, COMPUTE)) == (0, version)
    assert told(again.rows) == told(bill.rows)
    both = runs(("r1", "nightly", NIGHT, 5.0), ("r2", "nightly", NIGHT, None))
    more = pa.concat_tables([steps("r1", ("a_1", 0, 2), ("b_1", 2, 4)), steps("r2", ("a_1", 0, 3))])
    twice, new = charge(lake, SPEC, NIGHT, both, more)
    assert (twice.seconds, new) == (2.0 + 2.0 + 1.0 + 3.0, 3)
    overall = named(measures(SPEC.economics, twice, 10), "compute_seconds")
    assert (overall.detail["runs"], overall.detail["own_runs"]) == (2, 2)
    assert lake.read(SPEC.name, COMPUTE).num_rows == 4


def test_what_came_after_a_bill_is_on_the_next_nights_and_never_on_two(lake: Lake) -> None:
    """The last steps of a night, and a training as of its day that began when it was over."""
    eve, next_night = NIGHT, NIGHT + timedelta(days=1)
    charge(lake, SPEC, eve, runs(("n1", "nightly", eve, None)), steps("n1", ("a_1", 0, 2)))
    later = runs(
        ("n1", "nightly", eve, 3.0),
        ("t1", "training", eve, 60.0),
        ("n2", "nightly", next_night, None),
    )
    of_all = pa.concat_tables(
        [
            steps("n1", ("a_1", 0, 2), ("z_1", 2, 3)),
            steps("t1", ("training_model", 0, 60)),
            steps("n2", ("a_1", 0, 4)),
        ]
    )
    bill, _ = charge(lake, SPEC, next_night, later, of_all)
    assert told(bill.rows) == {
        ("n1", "z_1"): 1.0,
        ("n1", BETWEEN): 0.0,
        ("t1", "training_model"): 60.0,
        ("t1", BETWEEN): 0.0,
        ("n2", "a_1"): 4.0,
    }
    found = measures(SPEC.economics, bill, 100)
    assert named(found, "compute_seconds").detail["earlier_days_seconds"] == 61.0
    assert by_stage(found) == {"training": 60.0, "a": 4.0, "z": 1.0, "orchestration": 0.0}
    # Nor when the earlier night is run again, or a later one looks back.
    for day in (eve, next_night + timedelta(days=5)):
        _, new = charge(lake, SPEC, day, later, of_all)
        assert new == 0
    assert lake.read(SPEC.name, COMPUTE).num_rows == 6


def test_seconds_become_money_by_stage_overall_and_per_prediction(lake: Lake) -> None:
    said = EconomicsSpec(compute_hour=3.6)
    bill, _ = charge(
        lake,
        SPEC,
        NIGHT,
        runs(("r1", "nightly", NIGHT, None)),
        steps("r1", ("a_1", 0, 10), ("a_2", 10, 20), ("b_1", 20, 50)),
    )
    found = measures(said, bill, 200)
    assert named(found, "compute_seconds", "a").value == 20.0
    assert named(found, "compute_cost", "b").value == pytest.approx(0.03)
    assert named(found, "compute_cost").value == pytest.approx(0.05)
    each = named(found, "cost_per_prediction")
    assert (each.value, each.n) == (pytest.approx(0.05 / 200), 200)
    assert each.detail["seconds"] == 0.25
    assert named(measures(said, bill, 0), "cost_per_prediction").detail["why"]


def test_without_a_measured_step_nothing_is_made_up() -> None:
    found = measures(EconomicsSpec(), Bill(), 100)
    assert {one.value for one in found} == {None}
    assert all(one.detail["why"] == "no step was measured" for one in found)


a_step = st.tuples(st.integers(0, 5), st.integers(1, 9))
a_run = st.tuples(st.lists(a_step, max_size=4), st.integers(0, 5))


@settings(max_examples=40, deadline=None)
@given(st.lists(a_run, min_size=1, max_size=3), st.lists(st.integers(1, 60), max_size=4))
def test_whenever_bills_are_made_every_second_is_on_exactly_one(
    planned: list[tuple[list[tuple[int, int]], int]], looks: list[int]
) -> None:
    """Runs of steps one after the other, with pauses; bills made at any moments."""
    there = COMPUTE_SCHEMA.empty_table()
    spans: list[tuple[str, list[tuple[str, float, float]], float]] = []
    for number, (parts, rest) in enumerate(planned):
        clock, own = 0.0, []
        for place, (pause, spent) in enumerate(parts):
            own.append((f"s_{place}", clock + pause, clock + pause + spent))
            clock += pause + spent
        spans.append((f"r{number}", own, clock + rest))
    for now in [*sorted(looks), 1000]:
        known: list[Any] = [
            (run, "job", NIGHT, ended if ended <= now else None) for run, _, ended in spans
        ]
        done = [
            steps(run, *((s, b, e if e <= now else None) for s, b, e in own if b <= now))
            for run, own, _ in spans
        ]
        there = pa.concat_tables([there, unbilled(runs(*known), pa.concat_tables(done), there)])
    assert len(told(there)) == there.num_rows
    for run, _, ended in spans:
        own_rows = there.filter(pc.equal(there["run_id"], run))
        assert pc.sum(own_rows["seconds"]).as_py() == pytest.approx(ended)

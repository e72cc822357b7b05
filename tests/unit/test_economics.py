"""What decisions are worth, what reviewers do, what waits: of small nights, by hand."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.economics import kpis, value
from assets.economics.cases import STAKE, decisions_of
from assets.economics.compute import Bill
from assets.economics.measure import Measure, measures_table, named
from assets.economics.queue import standings
from assets.economics.review_work import expected_reviews
from assets.economics.value import FINAL, expected, realised
from assets.features.columns import LABEL
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.monitoring_spec import EconomicsSpec
from assets.reviews.queue import Queue
from assets.reviews.standing import standing, voices_of
from assets.spec import UseCaseSpec, closes_at
from assets.tables import (
    LABELS,
    MEASURES_SCHEMA,
    REVIEWS,
    REVIEWS_SCHEMA,
    SCORING_SET,
    TIMESTAMP,
)
from tests.reviewed import NIGHT, decided, put
from tests.widgets import widgets_spec

WORTH = {"approve": {"good": 0.1, "bad": -0.5}, "value": "weight"}
APPROVED = {"decision": "approve", "advice": "approve", "score": 0.05, "reasons": []}
DECLINED = {"decision": "decline", "advice": "decline", "score": 0.9}


def spec_of(task: str = "binary", **blocks: Any) -> UseCaseSpec:
    """Widgets with an economics block (shares of the weight); ``blocks`` replace blocks."""
    given = widgets_spec(task=task).model_dump()
    given["economics"] = WORTH if task == "binary" else {}
    given["review"] = {"blind_sample": 0.0, "due": "2d"}
    return UseCaseSpec.model_validate({**given, **blocks})


def night(
    lake: Lake,
    spec: UseCaseSpec,
    cases: Sequence[dict[str, Any]],
    day: date = NIGHT,
    weights: Sequence[float | None] | None = None,
) -> list[str]:
    """Decisions of a day and the values they were made of; their ids."""
    keys = [f"{day:%m%d}-{n}" for n in range(len(cases))]
    rows = [{"case_key": key, **case} for key, case in zip(keys, cases, strict=True)]
    stakes = [100.0] * len(cases) if weights is None else list(weights)
    values = pa.table({"order_id": keys, "weight": pa.array(stakes, pa.float64())})
    lake.ensure(spec.name, SCORING_SET, values.schema)
    lake.replace_day(spec.name, SCORING_SET, day, values)
    return put(lake, spec, decided(spec, day, rows), day)


def outcomes(lake: Lake, spec: UseCaseSpec, day: date, labels: Sequence[int | None]) -> None:
    """Labels of a day's cases, observed and arrived when they mature; of None nothing arrives."""
    at = closes_at(day) + spec.label.maturity
    rows = pa.table(
        {
            "order_id": [f"{day:%m%d}-{n}" for n, one in enumerate(labels) if one is not None],
            LABEL: pa.array([one for one in labels if one is not None], pa.int64()),
            "observed_at": pa.repeat(
                pa.scalar(at, TIMESTAMP), sum(one is not None for one in labels)
            ),
        }
    )
    lake.ensure(spec.name, LABELS, rows.schema)
    lake.replace_day(spec.name, LABELS, at.date() - timedelta(days=1), rows)


def reviewed(
    lake: Lake, spec: UseCaseSpec, day: date, *said: tuple[str, str, str, datetime]
) -> None:
    """Reviews (decision, reviewer, outcome, time) of a day's decisions, of revision 1."""
    lake.ensure(spec.name, REVIEWS, REVIEWS_SCHEMA, append_only=True)
    rows = [
        {
            **dict.fromkeys(REVIEWS_SCHEMA.names, ""),
            "decision_id": one,
            "revision": 1,
            "sequence": number + 1,
            "kind": "review",
            "outcome": outcome,
            "reviewer": who,
            "at": at,
            PARTITION: day,
        }
        for number, (one, who, outcome, at) in enumerate(said)
    ]
    schema = REVIEWS_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    lake.append(spec.name, REVIEWS, pa.Table.from_pylist(rows, schema=schema))


def measured(lake: Lake, spec: UseCaseSpec, day: date = NIGHT) -> list[Measure]:
    return kpis.measures(spec, kpis.read_night(lake, spec, day), Bill())


def cases(**columns: Any) -> pa.Table:
    """Cases for the sums: what is not given is the same for all."""
    n = len(next(iter(columns.values())))
    same = {"entity_key": pa.array([f"e{i}" for i in range(n)]), STAKE: pa.repeat(1.0, n)}
    same["score"] = pa.nulls(n, pa.float64())
    return pa.table({**same, FINAL: pa.repeat("approve", n), **columns})


def test_a_night_is_worth_what_its_scores_say(lake: Lake) -> None:
    """100 at stake: 10 where it goes well, -50 where it does not; who waits is worth nothing."""
    spec = spec_of(economics={**WORTH, "decline": {"good": -0.01, "bad": 0.02}})
    night(
        lake,
        spec,
        [
            APPROVED,
            {**APPROVED, "score": 0.2},
            DECLINED,
            {},
            {**APPROVED, "score": None, "fallback": "no champion"},
            {**APPROVED, "score": 7.0},
            APPROVED,
            {**APPROVED},
        ],
        weights=[100, 200, 50, 1000, 100, 100, None, float("nan")],
    )
    found = named(measured(lake, spec), "expected_value")
    by_hand = 100 * (0.1 * 0.95 - 0.5 * 0.05) + 200 * (0.1 * 0.8 - 0.5 * 0.2)
    by_hand += 50 * (-0.01 * 0.1 + 0.02 * 0.9)
    assert found.value == pytest.approx(by_hand)
    assert (found.n, found.low) == (4, None)
    counted = ("approved", "declined", "referred_at_0", "without_score", "without_value")
    assert [found.detail[name] for name in counted] == [6, 1, 1, 2, 2]


def test_a_value_that_is_no_column_of_the_model_is_read_at_the_door(lake: Lake) -> None:
    given = spec_of().model_dump()
    given["sources"]["orders"]["columns"]["price"] = {"type": "int"}
    spec = UseCaseSpec.model_validate({**given, "economics": {**WORTH, "value": "price"}})
    rows = pa.table({"order_id": ["c1", "c0"], "price": [30, 10]})
    lake.ensure(spec.name, "validated_orders", rows.schema)
    lake.replace_day(spec.name, "validated_orders", NIGHT, rows)
    # The same case with another price on another day.
    other = pa.table({"order_id": ["c0"], "price": [999]})
    lake.replace_day(spec.name, "validated_orders", NIGHT - timedelta(days=1), other)
    put(lake, spec, decided(spec, NIGHT, [APPROVED, APPROVED, APPROVED]))
    found = decisions_of(lake, spec, (NIGHT, NIGHT))
    assert found.column(STAKE).to_pylist() == [10.0, 30.0, None]


def test_promises_of_calibrated_scores_are_kept_19_times_in_20() -> None:
    said = EconomicsSpec.model_validate({"approve": {"good": 0.06, "bad": -0.45}})
    draw = np.random.default_rng(7)
    nights, kept, covered = 300, 0, 0
    for _ in range(nights):
        score = draw.beta(1, 12, 150)
        happened = (draw.random(150) < score).astype("int64")
        rows = cases(score=score, label=happened, stake=draw.lognormal(9, 0.6, 150))
        found = realised(said, 150, rows)
        kept += bool(found.detail["kept"])
        promised = expected(said, rows)
        assert promised.low is not None
        assert promised.high is not None
        covered += promised.low <= (found.value or 0.0) <= promised.high
    assert kept == covered
    assert 0.92 <= kept / nights <= 0.985


def test_a_model_that_promises_too_much_is_seen() -> None:
    said = EconomicsSpec.model_validate({"approve": {"good": 0.06, "bad": -0.45}})
    happened = pa.array([1] * 40 + [0] * 160, pa.int64())
    found = realised(said, 250, cases(score=pa.repeat(0.05, 200), label=happened))
    assert found.value == pytest.approx(160 * 0.06 - 40 * 0.45)
    assert found.detail["expected"] == pytest.approx(200 * (0.95 * 0.06 - 0.05 * 0.45))
    assert found.detail["kept"] is False
    assert (found.n, found.detail["matured"], found.detail["without_outcome"]) == (200, 250, 50)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high < found.detail["expected_low"]


def test_cases_of_one_entity_tell_less() -> None:
    said = EconomicsSpec.model_validate({"approve": {"good": 1.0, "bad": -1.0}})
    happened = pa.array([1] * 60 + [0] * 60, pa.int64())
    alike = pa.array([f"e{i // 10}" for i in range(120)])
    apart = realised(said, 120, cases(score=pa.repeat(0.5, 120), label=happened))
    together = realised(
        said, 120, cases(score=pa.repeat(0.5, 120), label=happened, entity_key=alike)
    )
    assert apart.high is not None
    assert together.high is not None
    assert together.high > 2 * apart.high


def test_realised_is_what_matured_of_late_and_people_decide_the_rest(lake: Lake) -> None:
    """Maturity is 10 days: on NIGHT the outcomes of cases from 38 to 10 days before count."""
    spec = spec_of()
    day, early = NIGHT - timedelta(days=20), NIGHT - timedelta(days=60)
    ids = night(lake, spec, [APPROVED, APPROVED, APPROVED, {}, {}, {}, DECLINED], day)
    outcomes(lake, spec, day, [0, 1, None, 0, 1, 1, 1])
    night(lake, spec, [APPROVED] * 5, early)
    outcomes(lake, spec, early, [1] * 5)
    night(lake, spec, [APPROVED] * 3, NIGHT - timedelta(days=9))
    in_time, late = closes_at(NIGHT) - timedelta(hours=1), closes_at(NIGHT)
    reviewed(
        lake,
        spec,
        day,
        (ids[3], "ann", "approve", in_time),
        (ids[4], "ann", "decline", in_time),
        (ids[5], "ann", "approve", late),
    )
    found = named(measured(lake, spec), "realised_value")
    # Approved: 10 of the good one and -50 of the bad one; by a person: another 10, and 0 declined.
    assert (found.value, found.n) == (pytest.approx(10 - 50 + 10), 6)
    assert found.detail["still_waiting_at_0"] == 1
    assert (found.detail["matured"], found.detail["without_outcome"]) == (7, 1)
    of_scores = 2 * 100 * (0.1 * 0.95 - 0.5 * 0.05) + 100 * (0.1 * 0.4 - 0.5 * 0.6)
    assert found.detail["expected"] == pytest.approx(of_scores)
    assert found.detail["kept"] is None  # of six cases nobody can say


def test_a_review_counts_however_long_an_outcome_takes(lake: Lake) -> None:
    given = spec_of().model_dump()
    given["label"]["matures_after"] = "200d"
    spec = UseCaseSpec.model_validate(given)
    day = NIGHT - timedelta(days=210)
    (one,) = night(lake, spec, [{}], day)
    outcomes(lake, spec, day, [0])
    reviewed(lake, spec, day, (one, "ann", "approve", closes_at(day) + timedelta(hours=8)))
    found = named(measured(lake, spec), "realised_value")
    assert (found.value, found.detail["still_waiting_at_0"]) == (pytest.approx(10.0), 0)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_what_has_no_price_is_measured_all_the_same(lake: Lake, task: str) -> None:
    spec = spec_of(task)
    night(lake, spec, [{**APPROVED, "score": 0.9}, {}])
    found = measured(lake, spec)
    for name in ("expected_value", "realised_value"):
        assert named(found, name).value is None
        assert "economics.approve" in named(found, name).detail["why"]
    assert named(found, "automation_rate").value == 0.5
    assert named(found, "review_minutes").value == 12.0
    assert {one.verdict for one in found} == {"", "pass"}


def test_a_night_of_the_fallback_is_worth_nothing_yet_and_costs_people(lake: Lake) -> None:
    spec = spec_of()
    night(lake, spec, [{"score": None, "advice": "refer", "fallback": "no champion"}] * 40)
    found = measured(lake, spec)
    worth = named(found, "expected_value")
    assert (worth.value, worth.n, worth.detail["referred_at_0"]) == (0.0, 40, 40)
    assert named(found, "automation_rate").value == 0.0
    assert named(found, "night_cost").value == 40 * 12 / 60 * 45
    assert named(found, "cases").detail["fallback"] == 40


def test_nothing_on_record_is_no_error(lake: Lake) -> None:
    found = measured(lake, spec_of())
    table = measures_table(found, "r")
    assert table.schema == MEASURES_SCHEMA
    assert named(found, "cases").value == 0.0
    unknown = [one for one in found if one.value is None]
    assert all(one.detail["why"] for one in unknown)
    assert {one.verdict for one in found} == {"", "insufficient"}
    with pytest.raises(ValueError, match="same measure"):
        measures_table([*found, found[0]], "r")


def test_rates_have_wilsons_interval(lake: Lake) -> None:
    spec = spec_of()
    rows = [{**APPROVED, "entity_key": f"e{n}"} for n in range(90)]
    night(lake, spec, [*rows, *({"entity_key": f"x{n}"} for n in range(10))])
    found = measured(lake, spec)
    approved, automatic = named(found, "approval_rate"), named(found, "automation_rate")
    assert (approved.value, approved.n) == (0.9, 100)
    # Wilson (1927) of 90 of 100, as published tables have it.
    assert (approved.low, approved.high) == (
        pytest.approx(0.8256, abs=1e-4),
        pytest.approx(0.9448, abs=1e-4),
    )
    assert (automatic.value, named(found, "referral_rate").value) == (0.9, pytest.approx(0.1))


def test_work_of_reviewers(lake: Lake) -> None:
    """Where declines are confirmed: two reviews where the machine advises one, else one."""
    spec = spec_of(review={"blind_sample": 0.5, "second_review": "declines", "due": "2d"})
    eve = NIGHT - timedelta(days=1)
    unsure = {"advice": "refer"}
    night(lake, spec, [{}, unsure, unsure, *([APPROVED] * 4)])
    before = night(lake, spec, [unsure, {}, {}], eve)
    on_the_day = closes_at(NIGHT) - timedelta(hours=3)
    reviewed(
        lake,
        spec,
        eve,
        (before[0], "ann", "approve", on_the_day),
        (before[1], "ann", "decline", on_the_day),
        (before[2], "ann", "decline", closes_at(NIGHT)),
    )
    found = measured(lake, spec)
    tonight = named(found, "review_minutes")
    assert (tonight.value, tonight.n) == ((2 + 1 + 1 + 0.5 * 4) * 12, 3)
    assert tonight.detail["blind_expected"] == 2.0
    assert named(found, "review_minutes", "done").value == 2 * 12
    # Tonight's four, one more voice for the first of the eve and both for the last.
    waits = named(found, "review_minutes", "waiting")
    assert (waits.value, waits.n) == ((4 + 1 + 2) * 12, 5)
    assert named(found, "review_cost").value == pytest.approx(6 * 12 / 60 * 45)


def test_reviews_and_outcomes_that_come_later_change_no_night(lake: Lake) -> None:
    """Run again a month on, a night says of its decisions what it said."""
    spec = spec_of()
    day = NIGHT - timedelta(days=20)
    ids = night(lake, spec, [APPROVED, {}, {}], day)
    night(lake, spec, [APPROVED, {}])
    first = measures_table(measured(lake, spec), "r1")
    reviewed(
        lake,
        spec,
        day,
        *((one, "ann", "approve", closes_at(NIGHT) + timedelta(days=9)) for one in ids[1:]),
    )
    given = spec.model_dump()
    outcomes(lake, UseCaseSpec.model_validate(given), NIGHT, [1, 1])
    night(lake, spec, [APPROVED] * 4, NIGHT + timedelta(days=1))
    again = measures_table(measured(lake, spec), "r2")
    assert again.drop_columns(["run_id"]).equals(first.drop_columns(["run_id"]))


def test_the_queue_is_the_desks_at_the_close(lake: Lake, home: Home) -> None:
    spec = spec_of(review={"blind_sample": 0.0, "second_review": "declines", "due": "2d"})
    for back in range(4):
        day = NIGHT - timedelta(days=back)
        ids = night(lake, spec, [{}, {}, {}, APPROVED], day)
        if back:
            when = closes_at(NIGHT) - timedelta(hours=2)
            said = [(ids[0], "ann", "approve", when), (ids[1], "ann", "decline", when)]
            reviewed(lake, spec, day, *said)
    found = measured(lake, spec)
    queue = Queue(home)
    queue.refresh(lake, spec)
    desk = queue.counts(spec.name, closes_at(NIGHT))
    waits = named(found, "queue_open")
    assert (waits.value, named(found, "queue_overdue").value) == (desk.open, desk.overdue) == (9, 2)
    assert waits.detail["by_age"] == desk.by_age
    assert waits.detail["second_awaited"] == desk.second_awaited == 3
    assert named(found, "queue_oldest_days").value == 3.0


a_review = st.tuples(
    st.integers(0, 3),  # decision
    st.sampled_from(["ann", "bob", "cy"]),
    st.sampled_from(["approve", "decline"]),
    st.sampled_from(["review", "second", "blind"]),
    st.integers(1, 2),  # revision
)


@settings(max_examples=60, deadline=None)
@given(st.lists(a_review, max_size=9), st.sampled_from(["never", "declines", "always"]))
def test_standings_are_those_of_each_case(
    said: list[tuple[int, str, str, str, int]], second: str
) -> None:
    spec = spec_of(review={"second_review": second})
    referred = pa.table(
        {"decision_id": ["d0", "d1", "d2", "d3"], "revision": [1, 1, 2, 2], "advice": ["refer"] * 4}
    )
    at = datetime(2026, 3, 13, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {
            "decision_id": f"d{number}",
            "revision": revision,
            "sequence": place,
            "kind": kind,
            "outcome": outcome,
            "reviewer": who,
            "at": at,
        }
        for place, (number, who, outcome, kind, revision) in enumerate(said)
    ]
    names = ("decision_id", "revision", "sequence", "kind", "outcome", "reviewer", "at")
    schema = pa.schema([REVIEWS_SCHEMA.field(name) for name in names])
    found = standings(spec, referred, pa.Table.from_pylist(rows, schema=schema))
    for one in found.to_pylist():
        own = [row for row in rows if row["decision_id"] == one["decision_id"]]
        decision = {"decision": "refer", "revision": one["revision"]}
        wanted = standing(spec, decision, own)
        assert (one["state"], one["outcome"]) == (wanted.state, wanted.outcome)
        assert one["voices"] == len(voices_of(decision, own))
    left = expected_reviews(spec, found)
    waits = sum(state != "decided" for state in found.column("state").to_pylist())
    assert waits <= left <= 2 * waits


def test_a_year_of_nights_is_one_picture(lake: Lake, tmp_path: Path) -> None:
    from assets.economics.plots import DRAWN, economics_figure, history, trend
    from assets.figures import png_bytes
    from assets.tables import ECONOMICS

    spec = spec_of()
    lake.ensure(spec.name, ECONOMICS, MEASURES_SCHEMA)
    for back in (100, 60, 3, 2, 0):
        rows = measures_table(
            [
                Measure("expected_value", 100.0 + back, low=50.0, high=150.0, n=30),
                Measure("realised_value", 90.0, n=30, detail={"expected": 95.0}),
                Measure("night_cost", 12.5, n=30, limit=20.0),
                Measure("automation_rate", None, n=0, detail={"why": "no case"}),
                Measure("automation_rate", 0.5, subject="other"),
            ],
            "r",
        )
        lake.replace_day(spec.name, ECONOMICS, NIGHT - timedelta(days=back), rows)
    rows = history(lake, spec, NIGHT)
    assert rows.num_rows == 4 * len(DRAWN)
    first = NIGHT - timedelta(days=60)
    value_ = trend(rows, "expected_value", first, NIGHT)
    assert np.isfinite(value_.value).sum() == 4
    assert np.isnan(value_.value[-2])  # a night that was not run is a gap
    assert trend(rows, "realised_value", first, NIGHT).expected[-1] == 95.0
    figure = economics_figure(spec, rows, NIGHT)
    said = [text.get_text() for text in figure.texts]
    assert said[0].endswith("4 nights to 2026-03-12")
    assert "n = 30 cases" in said[1]
    assert png_bytes(figure, dpi=80).startswith(b"\x89PNG")
    assert economics_figure(spec, rows.slice(0, 0), NIGHT).axes


def test_money_is_told_as_people_write_it() -> None:
    from assets.economics.advice import money

    told = [money(one, "EUR") for one in (1234567.8, 99.5, -0.25, 0.00044, 0.0)]
    assert told == ["1,234,568 EUR", "99.50 EUR", "-0.25 EUR", "0.00044 EUR", "0 EUR"]


def test_details_are_json_with_sorted_keys(lake: Lake) -> None:
    spec = spec_of()
    night(lake, spec, [APPROVED, {}])
    for row in measures_table(measured(lake, spec), "r").to_pylist():
        said = json.loads(row["detail"])
        assert list(said) == sorted(said)
        assert "0312-" not in row["detail"]  # no case is named


def test_the_span_that_matured_is_whole_days_of_events() -> None:
    spec = spec_of()
    after, newest = value.matured_span(spec, NIGHT)
    assert newest == closes_at(NIGHT) - timedelta(days=10)
    assert newest - after == timedelta(days=28)
    at = pa.array([after, after + timedelta(microseconds=1), newest], TIMESTAMP)
    assert value.matured(spec, NIGHT, pa.table({"event_timestamp": at})).num_rows == 2

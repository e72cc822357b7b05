"""What holds for any scores, keys and thresholds."""

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.decisions.counts import summary
from assets.decisions.policy import NAMESPACE, decide, decision_ids
from assets.spec import UseCaseSpec
from assets.tables import PREDICTIONS_SCHEMA

PROBABILITIES = st.floats(0, 1)
KEYS = st.text(st.characters(codec="utf-8"), max_size=12)
CASES = st.dictionaries(KEYS, PROBABILITIES, max_size=40)
DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))
ORDER = {"approve": 0, "refer": 1, "decline": 2}
COLUMNS = {
    "thing": {"type": "string"},
    "owner": {"type": "string"},
    "at": {"type": "timestamp"},
    "bad": {"type": "bool"},
    "size": {"type": "float", "required": False},
}


def capacity(referrals: int) -> dict[str, Any]:
    return {"referrals": referrals, "value": "size"}


@st.composite
def specs(draw: st.DrawFn) -> UseCaseSpec:
    low, high = sorted([draw(PROBABILITIES), draw(PROBABILITIES)])
    return UseCaseSpec.model_validate(
        {
            "name": "things",
            "start": "2026-01-01",
            "sources": {"things": {"columns": COLUMNS}},
            "population": {
                "source": "things",
                "key": "thing",
                "entity": "owner",
                "event_timestamp": "at",
            },
            "label": {
                "source": "things",
                "column": "bad",
                "positive": True,
                "observed_at": "at",
                "matures_after": "1d",
            },
            "features": {"request": ["size"]},
            "policy": {
                "capacity": draw(st.none() | st.builds(capacity, st.integers(0, 20))),
                "approve_below": low,
                "decline_above": high,
                "automatic_decline": draw(st.booleans()),
            },
        }
    )


def predictions(scored: list[tuple[str, float]], digest: str = "d") -> pa.Table:
    rows = len(scored)
    columns = {
        "case_key": [key for key, _ in scored],
        "entity_key": ["o"] * rows,
        "event_timestamp": [datetime(2026, 5, 4, tzinfo=UTC)] * rows,
        "score": [score for _, score in scored],
        "prediction": [None] * rows,
        "missing": [0.0] * rows,
        "reasons": [[{"feature": "size", "weight": 0.5}]] * rows,
        "arm": ["champion"] * rows,
        "cheap": [False] * rows,
        "model_version": [1] * rows,
        "model_digest": [digest] * rows,
        "fallback": [None] * rows,
    }
    return pa.table(columns, PREDICTIONS_SCHEMA)


def scoring_set(keys: Iterable[str]) -> pa.Table:
    keys = list(keys)
    return pa.table(
        {
            "thing": pa.array(keys, pa.string()),
            "owner": pa.array(["o"] * len(keys), pa.string()),
            "size": pa.array([float(len(key)) for key in keys], pa.float64()),
        }
    )


def night(
    spec: UseCaseSpec,
    scored: list[tuple[str, float]],
    day: date,
    run: str = "run",
    there: pa.Table | None = None,
) -> pa.Table:
    cases = scoring_set(key for key, _ in scored)
    return decide(spec, predictions(scored), cases, day, run, there=there)


@given(specs(), CASES, DAYS)
@settings(max_examples=60, deadline=None)
def test_one_decision_per_case_by_the_documented_thresholds(
    spec: UseCaseSpec, cases: dict[str, float], day: date
) -> None:
    decisions = night(spec, list(cases.items()), day)
    assert decisions.column("case_key").to_pylist() == list(cases)
    assert len(set(decisions.column("decision_id").to_pylist())) == len(cases)
    for row in decisions.to_pylist():
        score = cases[row["case_key"]]
        if score < spec.policy.approve_below:
            assert (row["decision"], row["rule"]) == ("approve", "approve_below")
        elif score > spec.policy.decline_above:
            automatic = spec.policy.automatic_decline
            assert row["advice"] == "decline"
            assert row["decision"] == ("decline" if automatic else "refer")
        else:
            assert (row["decision"], row["rule"]) == ("refer", "between")
    counts = summary(decisions)
    assert counts["approve"] + counts["refer"] + counts["decline"] == counts["cases"] == len(cases)


@given(specs(), CASES, DAYS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_a_rerun_in_any_order_decides_the_same(
    spec: UseCaseSpec, cases: dict[str, float], day: date, random: Random
) -> None:
    shuffled = list(cases.items())
    random.shuffle(shuffled)
    first = night(spec, list(cases.items()), day, "run 1").drop_columns(["run_id"])
    again = night(spec, shuffled, day, "run 2").drop_columns(["run_id"])
    assert sorted(map(repr, first.to_pylist())) == sorted(map(repr, again.to_pylist()))


@given(specs(), st.lists(PROBABILITIES, min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_higher_score_is_never_decided_more_kindly(
    spec: UseCaseSpec, scores: list[float]
) -> None:
    rising = [(f"k{i}", score) for i, score in enumerate(sorted(scores))]
    decisions = night(spec, rising, date(2026, 5, 4))
    for column in ("decision", "advice"):
        ranks = [ORDER[value] for value in decisions.column(column).to_pylist()]
        assert ranks == sorted(ranks)


@given(KEYS, DAYS)
@settings(max_examples=200, deadline=None)
def test_ids_are_version_5_uuids_of_the_documented_name(key: str, day: date) -> None:
    expected = uuid.uuid5(NAMESPACE, f"things|{key}|{day}|decision")
    assert decision_ids("things", [key], day) == [str(expected)]
    assert decision_ids("other", [key], day) != [str(expected)]


def by_id(decisions: pa.Table) -> dict[str, dict[str, Any]]:
    return {row["decision_id"]: row for row in decisions.to_pylist()}


@given(specs(), CASES, DAYS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_deciding_again_changes_nothing(
    spec: UseCaseSpec, cases: dict[str, float], day: date, random: Random
) -> None:
    first = night(spec, list(cases.items()), day, "run 1")
    shuffled = list(cases.items())
    random.shuffle(shuffled)
    assert by_id(night(spec, shuffled, day, "run 2", first)) == by_id(first)


@given(specs(), st.lists(CASES, min_size=2, max_size=5), DAYS)
@settings(max_examples=40, deadline=None)
def test_revisions_only_grow_and_no_decision_is_ever_lost(
    spec: UseCaseSpec, nights: list[dict[str, float]], day: date
) -> None:
    """Whatever cases come, go, come back, and are scored otherwise."""
    there = None
    for number, cases in enumerate(nights):
        before = by_id(there) if there is not None else {}
        there = night(spec, list(cases.items()), day, f"run {number}", there)
        now = by_id(there)
        ids = set(decision_ids("things", cases, day))
        assert set(now) == ids | set(before)
        assert {i for i, row in now.items() if row["rule"] == "withdrawn"} == set(before) - ids
        for one, row in now.items():
            old = before.get(one)
            if old is None:
                assert (row["revision"], row["run_id"]) == (1, f"run {number}")
            elif row != old:
                assert (row["revision"], row["run_id"]) == (old["revision"] + 1, f"run {number}")
                said = {"revision", "run_id"}
                assert any(row[key] != old[key] for key in row if key not in said)


@given(specs(), CASES, DAYS)
@settings(max_examples=60, deadline=None)
def test_capacity_decides_nothing_and_marks_what_is_over(
    spec: UseCaseSpec, cases: dict[str, float], day: date
) -> None:
    found = night(spec, list(cases.items()), day).to_pylist()
    free = spec.model_copy(update={"policy": spec.policy.model_copy(update={"capacity": None})})
    freely = night(free, list(cases.items()), day).to_pylist()
    assert [row["decision"] for row in found] == [row["decision"] for row in freely]
    referred = [row for row in found if row["decision"] == "refer"]
    over = [row for row in found if row["overflow"]]
    allowed = spec.policy.capacity
    expected = max(0, len(referred) - allowed.referrals) if allowed is not None else 0
    assert len(over) == expected
    assert all(row["decision"] == "refer" for row in over)
    kept = [row["value_at_risk"] for row in referred if not row["overflow"]]
    if over and kept:
        assert max(row["value_at_risk"] for row in over) <= min(kept)

"""What holds for any scores, keys and thresholds."""

import uuid
from datetime import UTC, date, datetime
from random import Random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.decisions.policy import NAMESPACE, decide, decision_ids, summary
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
}


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
            "policy": {
                "approve_below": low,
                "decline_above": high,
                "automatic_decline": draw(st.booleans()),
            },
        }
    )


def predictions(cases: list[tuple[str, float]]) -> pa.Table:
    rows = len(cases)
    return pa.table(
        {
            "case_key": pa.array([key for key, _ in cases], pa.string()),
            "entity_key": pa.array(["o"] * rows, pa.string()),
            "event_timestamp": pa.array(
                [datetime(2026, 5, 4, tzinfo=UTC)] * rows, pa.timestamp("us", "UTC")
            ),
            "score": pa.array([score for _, score in cases], pa.float64()),
            "prediction": pa.nulls(rows, pa.string()),
            "missing": pa.array([0.0] * rows, pa.float64()),
            "model_version": pa.array([1] * rows, pa.int64()),
            "model_digest": pa.array(["d"] * rows, pa.string()),
            "fallback": pa.nulls(rows, pa.string()),
        }
    ).cast(PREDICTIONS_SCHEMA)


@given(specs(), CASES, DAYS)
def test_one_decision_per_case_by_the_documented_thresholds(
    spec: UseCaseSpec, cases: dict[str, float], day: date
) -> None:
    decisions = decide(spec, predictions(list(cases.items())), day, "run")
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
def test_a_rerun_in_any_order_decides_the_same(
    spec: UseCaseSpec, cases: dict[str, float], day: date, random: Random
) -> None:
    shuffled = list(cases.items())
    random.shuffle(shuffled)
    first = decide(spec, predictions(list(cases.items())), day, "run 1").drop_columns(["run_id"])
    again = decide(spec, predictions(shuffled), day, "run 2").drop_columns(["run_id"])
    assert sorted(map(repr, first.to_pylist())) == sorted(map(repr, again.to_pylist()))


@given(specs(), st.lists(PROBABILITIES, min_size=2, max_size=40))
def test_a_higher_score_is_never_decided_more_kindly(
    spec: UseCaseSpec, scores: list[float]
) -> None:
    rising = [(f"k{i}", score) for i, score in enumerate(sorted(scores))]
    decisions = decide(spec, predictions(rising), date(2026, 5, 4), "run")
    for column in ("decision", "advice"):
        ranks = [ORDER[value] for value in decisions.column(column).to_pylist()]
        assert ranks == sorted(ranks)


@given(KEYS, DAYS)
@settings(max_examples=200)
def test_ids_are_version_5_uuids_of_the_documented_name(key: str, day: date) -> None:
    expected = uuid.uuid5(NAMESPACE, f"things|{key}|{day}|decision")
    assert decision_ids("things", [key], day) == [str(expected)]
    assert decision_ids("other", [key], day) != [str(expected)]

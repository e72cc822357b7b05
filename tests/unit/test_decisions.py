"""Decisions: the policy's table, line by line."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from assets.decisions.plots import score_histogram
from assets.decisions.policy import DecisionRefused, decide, summary
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS_SCHEMA, PREDICTIONS_SCHEMA

DAY = date(2026, 5, 4)


def make_spec(model: dict[str, object] | None = None, **policy: object) -> UseCaseSpec:
    seeds = {
        "seed": {"type": "string"},
        "tray": {"type": "string"},
        "sown_at": {"type": "timestamp"},
    }
    sprouts = {
        "seed": {"type": "string"},
        "dead": {"type": "bool"},
        "colour": {"type": "string"},
        "seen_at": {"type": "timestamp"},
    }
    return UseCaseSpec.model_validate(
        {
            "name": "seeds",
            "start": "2026-01-01",
            "sources": {"seeds": {"columns": seeds}, "sprouts": {"columns": sprouts}},
            "population": {
                "source": "seeds",
                "key": "seed",
                "entity": "tray",
                "event_timestamp": "sown_at",
            },
            "label": {
                "source": "sprouts",
                "column": "dead" if model is None else "colour",
                **({"positive": True} if model is None else {}),
                "observed_at": "seen_at",
                "matures_after": "7d",
            },
            "policy": {"approve_below": 0.2, "decline_above": 0.6, **policy},
            "model": model or {},
        }
    )


def predictions(
    scores: list[float | None],
    keys: list[str | None] | None = None,
    missing: float | None = 0.0,
    fallback: str | None = None,
) -> pa.Table:
    rows = len(scores)
    return pa.table(
        {
            "case_key": pa.array(keys or [f"s{i}" for i in range(rows)], pa.string()),
            "entity_key": pa.array(["t"] * rows, pa.string()),
            "event_timestamp": [datetime(2026, 5, 4, 9, tzinfo=UTC)] * rows,
            "score": pa.array(scores, pa.float64()),
            "prediction": pa.nulls(rows, pa.string()),
            "missing": pa.array([missing] * rows, pa.float64()),
            "model_version": [2] * rows,
            "model_digest": ["d"] * rows,
            "fallback": pa.array([fallback] * rows, pa.string()),
        }
    ).cast(PREDICTIONS_SCHEMA)


@pytest.mark.parametrize(
    ("score", "automatic", "decision", "advice", "rule"),
    [
        (0.0, False, "approve", "approve", "approve_below"),
        (0.1999, False, "approve", "approve", "approve_below"),
        (0.2, False, "refer", "refer", "between"),
        (0.6, False, "refer", "refer", "between"),
        (0.6001, False, "refer", "decline", "decline_above"),
        (0.6001, True, "decline", "decline", "decline_above"),
        (0.6, True, "refer", "refer", "between"),
        (1.0, True, "decline", "decline", "decline_above"),
        (None, True, "refer", "refer", "no_score"),
        (float("nan"), True, "refer", "refer", "no_score"),
        (float("inf"), True, "refer", "refer", "no_score"),
        (float("-inf"), True, "refer", "refer", "no_score"),
    ],
)
def test_policy_table(
    score: float | None, automatic: bool, decision: str, advice: str, rule: str
) -> None:
    spec = make_spec(automatic_decline=automatic)
    row = decide(spec, predictions([score]), DAY, "run").to_pylist()[0]
    assert (row["decision"], row["advice"], row["rule"]) == (decision, advice, rule)


@pytest.mark.parametrize(
    ("share", "limit", "rule"),
    [
        (1.0, 1.0, "missing"),
        (0.99, 1.0, "approve_below"),
        (0.5, 0.5, "missing"),
        (1.0, None, "approve_below"),
        (None, 0.5, "approve_below"),
    ],
)
def test_a_case_of_which_nothing_is_known_goes_to_a_person(
    share: float | None, limit: float | None, rule: str
) -> None:
    spec = make_spec(refer_missing=limit, automatic_decline=True)
    row = decide(spec, predictions([0.1], missing=share), DAY, "run").to_pylist()[0]
    assert row["rule"] == rule
    assert row["decision"] == row["advice"] == ("refer" if rule == "missing" else "approve")


@pytest.mark.parametrize("score", [0.0, 0.9, None])
def test_a_case_no_model_scored_goes_to_a_person_and_says_why(score: float | None) -> None:
    """Also where a score stands in its row, whoever put it there."""
    spec = make_spec(automatic_decline=True)
    found = decide(spec, predictions([score], missing=None, fallback="no champion"), DAY, "run")
    row = found.to_pylist()[0]
    assert (row["decision"], row["advice"], row["rule"]) == ("refer", "refer", "fallback")
    assert row["fallback"] == "no champion"
    assert summary(found)["fallback"] == 1


@pytest.mark.parametrize(
    ("score", "decision", "rule"),
    [
        (0.8, "approve", "accept_above"),
        (0.79, "refer", "below_accept"),
        (None, "refer", "no_score"),
    ],
)
def test_a_class_is_taken_when_it_is_probable_enough(
    score: float | None, decision: str, rule: str
) -> None:
    spec = make_spec(model={"task": "multiclass"})
    row = decide(spec, predictions([score]), DAY, "run").to_pylist()[0]
    assert (row["decision"], row["advice"], row["rule"]) == (decision, decision, rule)


def test_decisions_carry_what_they_were_made_of() -> None:
    spec = make_spec()
    decisions = decide(spec, predictions([0.1, 0.7]), DAY, "run-7")
    assert decisions.schema.equals(DECISIONS_SCHEMA)
    assert set(decisions.column("spec_version").to_pylist()) == {spec.version}
    assert set(decisions.column("run_id").to_pylist()) == {"run-7"}
    assert set(decisions.column("model_version").to_pylist()) == {2}


def test_one_case_gets_one_decision() -> None:
    with pytest.raises(DecisionRefused, match="2 predictions for 1 cases"):
        decide(make_spec(), predictions([0.1, 0.2], ["a", "a"]), DAY, "run")
    with pytest.raises(DecisionRefused, match="one case gets one decision"):
        decide(make_spec(), predictions([0.1, 0.2], ["a", None]), DAY, "run")


def test_summary_counts() -> None:
    decisions = decide(make_spec(), predictions([0.1, 0.1, 0.3, 0.9, None]), DAY, "run")
    assert summary(decisions) == {
        "cases": 5,
        "approve": 2,
        "refer": 3,
        "decline": 0,
        "advised_decline": 1,
        "fallback": 0,
    }
    assert set(summary(decide(make_spec(), predictions([]), DAY, "run")).values()) == {0}


@pytest.mark.parametrize("scores", [[0.1, 0.3, 0.9, None], [], [0.0]])
def test_histogram_shows_every_score(scores: list[float | None]) -> None:
    from assets.figures import png_bytes

    spec = make_spec()
    figure = score_histogram(spec, decide(spec, predictions(scores), DAY, "run"), DAY)
    axes = figure.axes[0]
    assert f"n = {len(scores)}:" in axes.get_title(loc="left")
    drawn = sum(patch.get_height() for patch in axes.patches)
    assert drawn == sum(score is not None for score in scores)
    assert png_bytes(figure, dpi=50).startswith(b"\x89PNG")

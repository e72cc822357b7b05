"""The behaviour gate: declared directions, invariances, and what an empty case comes to."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from assets.decisions.policy import advice_of
from assets.spec import UseCaseSpec
from assets.tables import PREDICTIONS_SCHEMA
from assets.training.gates.behaviour import _decision, behaviour_gate
from assets.training.gates.finding import Finding
from tests.judged_models import kiln, kiln_spec, model_of


def judged(spec: UseCaseSpec, pipeline: Any = None) -> Finding:
    quiet = kiln(rows=1000)
    return behaviour_gate(spec, model_of(spec, quiet.table, quiet.chance, pipeline=pipeline))


class Odd(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier whose probability of label 1 is whatever the function says."""

    def __init__(self, of: Any) -> None:
        self.of = of
        self.classes_ = np.array([0, 1])

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        found = np.asarray(self.of(frame), dtype=float)
        return np.column_stack([1 - found, found])


def steady(frame: pd.DataFrame) -> Any:
    return 0.3 + 0.1 * np.tanh(frame["heat"].fillna(0.0))


def test_a_model_that_behaves_passes() -> None:
    spec = kiln_spec(model__monotone={"heat": "increasing"})
    found = judged(spec)
    assert found.verdict == "pass"
    assert found.figures["direction"]["heat"]["cases_against"] == 0
    assert found.figures["missing_everything"]["decision"] == "refer"


def test_a_direction_that_is_broken_is_refused() -> None:
    found = judged(kiln_spec(model__monotone={"heat": "decreasing"}))
    assert found.verdict == "fail"
    assert "heat is declared decreasing" in found.message
    assert found.figures["direction"]["heat"]["cases_against"] == 300


def test_a_dent_in_the_direction_is_seen() -> None:
    def dented(frame: pd.DataFrame) -> Any:
        return steady(frame) - 0.05 * (frame["heat"] > 1.0)

    spec = kiln_spec(model__monotone={"heat": "increasing"})
    assert judged(spec, Odd(steady)).verdict == "pass"
    assert judged(spec, Odd(dented)).verdict == "fail"


@pytest.mark.parametrize("column", ["clay", "damp"])
def test_an_attribute_that_moves_the_score_is_refused(column: str) -> None:
    spec = kiln_spec(model__gates={"invariant_to": [column]})
    found = judged(spec)
    assert found.verdict == "fail"
    assert f"another value of {column} alone moves" in found.message
    assert judged(spec, Odd(steady)).verdict == "pass"


def by_dryness(frame: pd.DataFrame) -> Any:
    return 0.3 - 0.1 * np.tanh(frame["dryness"].fillna(0.0))


def test_what_is_derived_from_a_feature_moves_with_it() -> None:
    derived = {"dryness": {"difference": ["heat", "damp"]}}
    quiet = kiln(rows=1000)
    heat, damp = (quiet.table.column(name).to_numpy() for name in ("heat", "damp"))
    table = quiet.with_column("dryness", heat - damp).table

    def found(pipeline: Any, **changes: Any) -> Finding:
        spec = kiln_spec(features__derived=derived, **changes)
        return behaviour_gate(spec, model_of(spec, table, quiet.chance, pipeline=pipeline))

    # The model sees neither heat nor damp, only what is made of the two.
    moved = found(Odd(by_dryness), model__gates={"invariant_to": ["damp"]})
    assert "another value of damp alone moves" in moved.message
    against = found(Odd(by_dryness), model__monotone={"heat": "increasing"})
    assert "heat is declared increasing" in against.message
    assert against.figures["direction"]["heat"]["cases_against"] == 300
    assert found(Odd(by_dryness), model__monotone={"damp": "increasing"}).verdict == "pass"
    assert found(Odd(by_dryness), model__monotone={"dryness": "decreasing"}).verdict == "pass"
    unmoved = {"invariant_to": ["damp", "clay"]}
    assert found(Odd(steady), model__gates=unmoved).verdict == "pass"


def test_a_direction_nobody_can_try_is_insufficient() -> None:
    spec = kiln_spec(model__monotone={"heat": "increasing", "damp": "increasing"})
    still = kiln(rows=1000).with_column("damp", np.ones(1000))
    trained = model_of(spec, still.table, still.chance, pipeline=Odd(steady))
    found = behaviour_gate(spec, trained)
    assert found.verdict == "insufficient"
    assert "directions of damp hold" in found.message


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("score", [0.0, 0.2, 0.3, 0.6, 0.61, 0.8, 1.0, float("nan")])
def test_what_an_empty_case_would_come_to_is_what_the_policy_decides(
    score: float, automatic: bool, task: str
) -> None:
    spec = kiln_spec(
        model__task=task,
        label__positive=1 if task == "binary" else None,
        policy__automatic_decline=automatic,
        policy__refer_missing=None,
    )
    case: dict[str, Any] = dict.fromkeys(PREDICTIONS_SCHEMA.names)
    case |= {"case_key": "c", "score": score, "missing": 1.0}
    predictions = pa.Table.from_pylist([case], PREDICTIONS_SCHEMA)
    _, _, decided = advice_of(spec, predictions.column("score"), predictions)
    assert decided.to_pylist() == [_decision(spec, np.array(score))]


@pytest.mark.parametrize(
    ("score", "decided"), [(0.05, "approve"), (0.2, "refer"), (0.6, "refer"), (0.9, "decline")]
)
def test_an_empty_case_must_end_with_a_person(score: float, decided: str) -> None:
    spec = kiln_spec(policy__automatic_decline=True, policy__refer_missing=None)

    def blank(frame: pd.DataFrame) -> Any:
        return np.where(frame.isna().all(axis=1), score, 0.3)

    found = judged(spec, Odd(blank))
    assert found.figures["missing_everything"]["decision"] == decided
    assert found.verdict == ("pass" if decided == "refer" else "fail")
    # By default the policy sees to it, whatever the model makes of nothing.
    assert judged(kiln_spec(policy__automatic_decline=True), Odd(blank)).verdict == "pass"


def test_a_decline_that_a_person_confirms_is_a_referral() -> None:
    def blank(frame: pd.DataFrame) -> Any:
        return np.where(frame.isna().all(axis=1), 0.9, 0.3)

    assert judged(kiln_spec(policy__refer_missing=None), Odd(blank)).verdict == "pass"


def test_strange_values_must_give_a_probability() -> None:
    def wild(frame: pd.DataFrame) -> Any:
        return np.where(frame["heat"] > 1e6, np.nan, 0.3)

    def over(frame: pd.DataFrame) -> Any:
        return np.where(frame["clay"].isin(["red", "white", "grey"]) | frame["clay"].isna(), 0.3, 2)

    found = judged(kiln_spec(), Odd(wild))
    assert found.figures["strange_values"]["very large numbers"] == 300
    assert "very large numbers" in found.message
    assert "unknown category" in judged(kiln_spec(), Odd(over)).message


def test_a_score_that_depends_on_its_neighbours_is_refused() -> None:
    def ranked(frame: pd.DataFrame) -> Any:
        return 0.3 + 0.1 * frame["heat"].rank(pct=True).fillna(0.5)

    def placed(frame: pd.DataFrame) -> Any:
        return 0.3 + 0.1 * np.arange(len(frame)) / 1000

    for odd in (ranked, placed):
        found = judged(kiln_spec(), Odd(odd))
        assert found.verdict == "fail"
        assert "another order or batch" in found.message

"""Scoring: predictions in the cases' order, and a refusal of every score nobody may act on."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.model_spec import Task
from assets.release.events import Champion
from assets.scoring.loader import ModelRefused, VerifiedModel
from assets.scoring.score import ScoringRefused, fallback_predictions, require_scores, score
from assets.spec import UseCaseSpec
from assets.tables import PREDICTIONS_SCHEMA
from assets.training.frame import FeatureError, feature_frame
from assets.training.predict import predict
from tests.registered_models import model_spec, trained
from tests.registered_models import night as widgets_night

SEEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHAMPION = Champion("parcels", 4, "d" * 64, date(2026, 3, 1), SEEN, {})


def make_spec() -> UseCaseSpec:
    parcels = {
        "parcel": {"type": "int"},
        "depot": {"type": "int"},
        "sent_at": {"type": "timestamp"},
        "grams": {"type": "float", "required": False},
    }
    losses = {
        "parcel": {"type": "int"},
        "lost": {"type": "bool"},
        "known_at": {"type": "timestamp"},
    }
    return UseCaseSpec.model_validate(
        {
            "name": "parcels",
            "start": "2026-01-01",
            "sources": {"parcels": {"columns": parcels}, "losses": {"columns": losses}},
            "population": {
                "source": "parcels",
                "key": "parcel",
                "entity": "depot",
                "event_timestamp": "sent_at",
            },
            "label": {
                "source": "losses",
                "column": "lost",
                "positive": True,
                "observed_at": "known_at",
                "matures_after": "7d",
            },
            "features": {"request": ["grams"]},
        }
    )


class Model:
    """A stand-in whose probability of label 1 is what it is told; column 1 is label 0."""

    classes_ = np.array([1, 0])

    def __init__(self, scores: list[float]) -> None:
        self.scores = scores

    def predict_proba(self, frame: Any) -> np.ndarray:
        positive = np.array(self.scores)
        return np.column_stack([positive, 1 - positive])


def night(keys: list[int | None]) -> pa.Table:
    return pa.table(
        {
            "parcel": pa.array(keys, pa.int64()),
            "depot": pa.array([9] * len(keys), pa.int64()),
            "sent_at": pa.array([SEEN] * len(keys), pa.timestamp("us", "UTC")),
            "grams": pa.array([None, *[1.0] * len(keys)][: len(keys)], pa.float64()),
        }
    )


def run(model: Model, rows: pa.Table) -> pa.Table:
    verified = VerifiedModel(model, pa.table({}))
    return score(make_spec(), verified, rows, CHAMPION)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_one_row_per_case_in_order(task: Task) -> None:
    spec, model = model_spec(task), trained(task)
    cases = widgets_night(30, task=task)
    verified = VerifiedModel(model.pipeline, model.golden)
    predictions = score(spec, verified, cases, CHAMPION)
    assert predictions.schema.equals(PREDICTIONS_SCHEMA)
    assert predictions.column("case_key").equals(cases.column("order_id"))
    assert predictions.column("entity_key").equals(cases.column("maker"))
    scores = predict(spec, model.pipeline, feature_frame(spec, cases))
    if task == "multiclass":
        classes = [model.classes[place] for place in scores.argmax(axis=1)]
        assert predictions.column("prediction").to_pylist() == classes
        scores = scores.max(axis=1)
    assert predictions.column("score").to_pylist() == scores.tolist()
    absent = [sum(row[name] is None for name in spec.feature_names) for row in cases.to_pylist()]
    assert predictions.column("missing").to_pylist() == [n / 4 for n in absent]
    assert predictions.column("fallback").null_count == 30
    assert set(predictions.column("model_version").to_pylist()) == {4}
    assert set(predictions.column("model_digest").to_pylist()) == {"d" * 64}
    assert set(predictions.column("arm").to_pylist()) == {"champion"}
    assert not any(predictions.column("cheap").to_pylist())


def test_what_is_no_number_is_missing_and_so_is_a_null() -> None:
    spec, model = model_spec(), trained()
    cases = widgets_night(3)
    weight = pa.array([float("inf"), None, 1.0])
    cases = cases.set_column(cases.column_names.index("weight"), "weight", weight)
    for name, value in (("parts", 1.0), ("rushed", True), ("colour", "red")):
        column = pa.array([value] * 3)
        cases = cases.set_column(cases.column_names.index(name), name, column)
    verified = VerifiedModel(model.pipeline, model.golden)
    predictions = score(spec, verified, cases, CHAMPION)
    assert predictions.column("missing").to_pylist() == [0.25, 0.25, 0.0]


def test_a_night_without_cases_gives_no_rows() -> None:
    predictions = run(Model([]), night([]))
    assert predictions.num_rows == 0
    assert predictions.schema.equals(PREDICTIONS_SCHEMA)


@pytest.mark.parametrize("strange", [float("nan"), float("inf"), -0.001, 1.001])
def test_a_score_that_is_no_probability_is_refused(strange: float) -> None:
    with pytest.raises(ModelRefused, match="1 of 3 scores are not a number from 0 to 1"):
        run(Model([0.5, strange, 0.5]), night([1, 2, 3]))


def test_a_missing_score_is_refused() -> None:
    with pytest.raises(ModelRefused, match=r"gave \(2,\) scores for 3 cases"):
        run(Model([0.5, 0.5]), night([1, 2, 3]))
    require_scores("binary", "parcels", np.array([0.0, 0.5, 1.0]), 3)


def test_a_regression_may_give_any_finite_number() -> None:
    require_scores("regression", "parcels", np.array([-7.0, 1e9]), 2)
    with pytest.raises(ModelRefused, match="1 of 2 scores are no finite number"):
        require_scores("regression", "parcels", np.array([0.0, np.nan]), 2)


def test_a_model_that_fails_on_a_case_does_not_tell_its_values() -> None:
    class Fails(Model):
        def predict_proba(self, frame: Any) -> np.ndarray:
            raise ValueError("could not read 'Mr Secret'")

    with pytest.raises(ModelRefused, match=r"fails on the cases of this night \(ValueError\)") as e:
        run(Fails([]), night([1]))
    assert "Secret" not in str(e.value)


def test_without_a_model_every_case_is_there_and_says_why() -> None:
    predictions = fallback_predictions(make_spec(), night([30, 10]), "no champion")
    assert predictions.schema.equals(PREDICTIONS_SCHEMA)
    assert predictions.column("case_key").to_pylist() == ["30", "10"]
    assert set(predictions.column("fallback").to_pylist()) == {"no champion"}
    for column in ("score", "prediction", "missing", "model_version", "model_digest"):
        assert predictions.column(column).null_count == 2


def test_cases_that_are_not_one_each_are_refused() -> None:
    with pytest.raises(ScoringRefused, match="3 rows, but 1 repeat a 'parcel'"):
        run(Model([0.5] * 3), night([1, 2, 2]))
    with pytest.raises(ScoringRefused, match="1 of 2 cases have no 'parcel'"):
        run(Model([0.5] * 2), night([1, None]))


def test_a_night_that_lacks_a_feature_is_refused() -> None:
    with pytest.raises(FeatureError, match=r"no column \['grams'\]"):
        run(Model([0.5]), night([1]).drop_columns(["grams"]))

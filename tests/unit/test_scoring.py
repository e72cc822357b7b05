"""Scoring: predictions in the cases' order, and a refusal of every score nobody may act on."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.release.events import Champion
from assets.scoring.score import ScoringRefused, require_probabilities, score
from assets.spec import UseCaseSpec
from assets.tables import PREDICTIONS_SCHEMA
from assets.training.frame import FeatureError

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

    def __init__(self, scores: list[float], features: list[str] | None = None) -> None:
        self.scores = scores
        self.feature_names_in_ = np.array(features or ["grams"])

    def predict_proba(self, frame: Any) -> np.ndarray:
        positive = np.array(self.scores)
        return np.column_stack([positive, 1 - positive])


def night(keys: list[int | None]) -> pa.Table:
    return pa.table(
        {
            "parcel": pa.array(keys, pa.int64()),
            "depot": pa.array([9] * len(keys), pa.int64()),
            "sent_at": pa.array([SEEN] * len(keys), pa.timestamp("us", "UTC")),
            "grams": pa.array([1.0] * len(keys), pa.float64()),
        }
    )


def run(model: Model, rows: pa.Table) -> pa.Table:
    return score(make_spec(), model, rows, CHAMPION)  # type: ignore[arg-type]


def test_one_row_per_case_in_order() -> None:
    predictions = run(Model([0.0, 1.0, 0.25]), night([30, 10, 20]))
    assert predictions.schema.equals(PREDICTIONS_SCHEMA)
    assert predictions.column("case_key").to_pylist() == ["30", "10", "20"]
    assert predictions.column("entity_key").to_pylist() == ["9"] * 3
    assert predictions.column("score").to_pylist() == [0.0, 1.0, 0.25]
    assert set(predictions.column("model_version").to_pylist()) == {4}
    assert set(predictions.column("model_digest").to_pylist()) == {"d" * 64}


def test_a_night_without_cases_gives_no_rows() -> None:
    predictions = run(Model([]), night([]))
    assert predictions.num_rows == 0
    assert predictions.schema.equals(PREDICTIONS_SCHEMA)


@pytest.mark.parametrize("strange", [float("nan"), float("inf"), -0.001, 1.001])
def test_a_score_that_is_no_probability_is_refused(strange: float) -> None:
    with pytest.raises(ScoringRefused, match="1 of 3 scores are not a number from 0 to 1"):
        run(Model([0.5, strange, 0.5]), night([1, 2, 3]))


def test_a_missing_score_is_refused() -> None:
    with pytest.raises(ScoringRefused, match=r"gave \(2,\) scores for 3 cases"):
        run(Model([0.5, 0.5]), night([1, 2, 3]))
    require_probabilities(make_spec(), np.array([0.0, 0.5, 1.0]), 3)


def test_cases_that_are_not_one_each_are_refused() -> None:
    with pytest.raises(ScoringRefused, match="3 rows, but 1 repeat a 'parcel'"):
        run(Model([0.5] * 3), night([1, 2, 2]))
    with pytest.raises(ScoringRefused, match="1 of 2 cases have no 'parcel'"):
        run(Model([0.5] * 2), night([1, None]))


def test_a_model_of_other_features_is_refused() -> None:
    with pytest.raises(ScoringRefused, match=r"other features .*differing: \['colour'\]"):
        run(Model([0.5], ["grams", "colour"]), night([1]))
    with pytest.raises(FeatureError, match=r"no column \['grams'\]"):
        run(Model([0.5]), night([1]).drop_columns(["grams"]))

"""Enough to learn from: training refuses with figures when there is not, else is silent."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.spec import UseCaseSpec
from assets.training.sufficiency import Evidence, TrainingRefused, require_enough
from assets.training.train import train

WILTED = {"multiclass": "string", "regression": "float"}


def make_spec(**model: Any) -> UseCaseSpec:
    columns = {
        "plant_id": {"type": "string"},
        "bed": {"type": "string"},
        "sown_at": {"type": "timestamp"},
        "depth": {"type": "float", "required": False},
    }
    results = {
        "plant_id": {"type": "string"},
        "wilted": {"type": WILTED.get(str(model.get("task")), "bool")},
        "checked_at": {"type": "timestamp"},
    }
    return UseCaseSpec.model_validate(
        {
            "name": "garden",
            "start": "2026-01-01",
            "sources": {"plants": {"columns": columns}, "checks": {"columns": results}},
            "population": {
                "source": "plants",
                "key": "plant_id",
                "entity": "bed",
                "event_timestamp": "sown_at",
            },
            "label": {
                "source": "checks",
                "column": "wilted",
                "positive": None if "task" in model else True,
                "observed_at": "checked_at",
                "matures_after": "20d",
            },
            "features": {"request": ["depth"]},
            "model": {
                "candidates": ["logistic_regression"],
                "embargo": "0d",
                "calibration": "none",
                **model,
            },
        }
    )


def plants(labels: Sequence[int | None]) -> pa.Table:
    start, rows = datetime(2026, 1, 1, tzinfo=UTC), len(labels)
    return pa.table(
        {
            "plant_id": [f"p{i}" for i in range(rows)],
            "bed": ["b"] * rows,
            "sown_at": pa.array(
                [start + timedelta(hours=i) for i in range(rows)], pa.timestamp("us", "UTC")
            ),
            "depth": np.linspace(0, 1, rows),
            "label": pa.array(labels, pa.int64()),
        }
    )


def test_enough_evidence_passes() -> None:
    table = plants([0, 0, 0, 0, 1] * 40)
    assert require_enough(make_spec(), table) == Evidence(200, 40, ("0", "1"))
    assert train(make_spec(), table).rows == 200


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([0, 1] * 99, "198 rows with a matured label, model.min_rows asks for 200"),
        ([0] * 181 + [1] * 19, "19 positives among 200 rows .* model.min_positives asks for 20"),
        ([1] * 194 + [0] * 6, "6 negatives among 200 rows .* model.min_positives asks for 20"),
        ([0] * 994 + [1] * 6, "6 positives among 1000 rows .* model.min_positives asks for 20"),
        ([1] * 200, "all 200 matured labels are positive"),
        ([0] * 200, "all 200 matured labels are negative"),
        ([0, 1] * 100 + [None], "1 rows of the training set have a label that is neither"),
        ([0, 1] * 100 + [2, -1], "2 rows of the training set have a label that is neither"),
        ([], "0 rows with a matured label"),
    ],
)
def test_too_little_evidence_is_refused(labels: list[int | None], says: str) -> None:
    with pytest.raises(TrainingRefused, match=says):
        train(make_spec(), plants(labels))


def test_limits_are_inclusive() -> None:
    labels = [0] * 180 + [1] * 20
    assert require_enough(make_spec(), plants(labels)).positives == 20
    assert require_enough(make_spec(), plants([1 - one for one in labels])).positives == 180


@pytest.mark.parametrize(
    ("labels", "where"),
    [
        ([0, 1] * 100 + [0] * 100, "0 positives and 75 negatives in the holdout"),
        ([0] * 235 + [0, 1] * 35, "0 positives and 228 negatives before the split"),
    ],
)
def test_both_sides_of_the_split_need_both_classes(labels: list[int | None], where: str) -> None:
    with pytest.raises(TrainingRefused, match=where):
        train(make_spec(), plants(labels))


def test_a_feature_without_any_value_is_refused() -> None:
    table = plants([0, 1] * 100)
    place = table.column_names.index("depth")
    empty = table.set_column(place, "depth", pa.nulls(200, pa.float64()))
    with pytest.raises(TrainingRefused, match=r"\['depth'\] have no value in any of the 150 rows"):
        train(make_spec(), empty)
    one = pa.array([0.5] + [None] * 199, pa.float64())
    assert train(make_spec(), table.set_column(place, "depth", one)).rows == 200


def with_labels(labels: pa.Array) -> pa.Table:
    table = plants([0, 1] * (len(labels) // 2))
    return table.set_column(table.column_names.index("label"), "label", labels)


KINDS = {"task": "multiclass", "candidates": ["logistic_regression"]}
VALUES = {"task": "regression", "candidates": ["ridge_regression"]}


@pytest.mark.parametrize(
    ("model", "labels", "says"),
    [
        (KINDS, ["a"] * 200, "all 200 matured labels are 'a'"),
        (KINDS, ["a", "b"] * 95 + ["c"] * 10, "10 rows of class 'c' among 200 rows"),
        (KINDS, ["a", "b"] * 100 + [None, None], "2 rows of the training set have a label that is"),
        (KINDS, [0, 1] * 100, "the label column is int64, a multiclass task takes text"),
        (VALUES, [4.5] * 200, "all 200 matured labels are the same number"),
        (VALUES, [1.0, float("inf")] * 100, "100 rows .* missing or no finite number"),
        (VALUES, ["a", "b"] * 100, "the label column is string, a regression task takes numbers"),
    ],
)
def test_other_tasks_are_refused_too(model: dict[str, Any], labels: list[Any], says: str) -> None:
    with pytest.raises(TrainingRefused, match=says):
        train(make_spec(**model), with_labels(pa.array(labels)))


def test_other_tasks_pass_too() -> None:
    kinds = with_labels(pa.array(["a", "b"] * 100))
    assert require_enough(make_spec(**KINDS), kinds) == Evidence(200, 100, ("a", "b"))
    assert train(make_spec(**KINDS), kinds).classes == ("a", "b")
    values = with_labels(pa.array(np.linspace(0, 1, 200)))
    assert require_enough(make_spec(**VALUES), values) == Evidence(200, 200, ())
    assert train(make_spec(**VALUES), values).rows == 200


def test_a_refusal_carries_its_figures() -> None:
    with pytest.raises(TrainingRefused) as refused:
        train(make_spec(), plants([0] * 181 + [1] * 19))
    assert refused.value.figures == {"rows": 200, "classes": {"0": 181, "1": 19}}
    assert refused.value.threshold == {"min_positives": 20}


def test_a_case_without_a_time_is_refused() -> None:
    table = plants([0, 1] * 100)
    when = pa.array([None, *table.column("sown_at").to_pylist()[1:]], pa.timestamp("us", "UTC"))
    holed = table.set_column(table.column_names.index("sown_at"), "sown_at", when)
    with pytest.raises(TrainingRefused, match="1 rows of the training set have no 'sown_at'"):
        train(make_spec(), holed)

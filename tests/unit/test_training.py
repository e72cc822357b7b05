"""Training: nothing later is learnt from, the figures repeat, the final model is the measured."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.figures import png_bytes
from assets.model_spec import CANDIDATES, Task
from assets.spec import UseCaseSpec
from assets.training import plots
from assets.training.candidates import build
from assets.training.evidence import TrainedModel
from assets.training.frame import FeatureError, feature_frame
from assets.training.measure import measure
from assets.training.predict import predict
from assets.training.train import train
from tests.widgets import orders, widgets_spec

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return train(widgets_spec(), orders())


def task_spec(task: Task) -> UseCaseSpec:
    return widgets_spec(task=task, search={"trials": 2}, calibration="sigmoid", golden_rows=30)


@cache
def of_task(task: Task) -> TrainedModel:
    return train(task_spec(task), orders(task=task))


def shuffled(table: pa.Table) -> pa.Table:
    return table.take(pa.array(np.random.default_rng(3).permutation(table.num_rows)))


def test_frame_casts_and_orders() -> None:
    table = pa.table(
        {
            "colour": ["red", None],
            "rushed": pa.array([True, None]),
            "parts": pa.array([3, None], pa.int64()),
            "weight": pa.array([float("inf"), 2.5]),
            "order_id": ["a", "b"],
        }
    )
    frame = feature_frame(widgets_spec(), table)
    assert list(frame.columns) == ["weight", "parts", "rushed", "colour"]
    assert [str(t) for t in frame.dtypes] == ["float64", "float64", "float64", "object"]
    assert frame["parts"].tolist()[0] == 3.0
    assert frame["rushed"].tolist()[0] == 1.0
    assert frame["weight"].isna().tolist() == [True, False]
    assert isinstance(frame["colour"][1], float)
    assert np.isnan(frame["colour"][1])


def test_frame_is_the_same_however_the_table_is_chunked() -> None:
    spec, table = widgets_spec(), orders(100)
    pieces = pa.concat_tables([table.slice(0, 37), table.slice(37)])
    assert feature_frame(spec, pieces).equals(feature_frame(spec, table))
    assert len(feature_frame(spec, table.slice(0, 0))) == 0


def test_frame_says_which_column_is_missing() -> None:
    with pytest.raises(FeatureError, match=r"\['colour'\].*Rebuild"):
        feature_frame(widgets_spec(), orders(50).drop_columns(["colour"]))


def test_a_timestamp_is_no_feature() -> None:
    raw = widgets_spec().model_dump()
    raw["features"]["request"].append("ordered_at")
    with pytest.raises(FeatureError, match="'ordered_at' of use case 'widgets' is a timestamp"):
        feature_frame(UseCaseSpec.model_validate(raw), orders(50))


def test_measured_rows_are_the_latest_and_none_fitted_on_is_within_the_embargo(
    trained: TrainedModel,
) -> None:
    times = orders().column("ordered_at")
    measured = trained.evaluation.column("ordered_at")
    assert trained.split_at is not None
    assert trained.embargo == timedelta(days=10)  # by default, as long as a label takes to mature
    assert pc.min(measured).as_py() >= trained.split_at
    held_out = pc.greater_equal(times, pa.scalar(trained.split_at))
    assert len(measured) == len(trained.labels) == pc.sum(held_out).as_py()
    known = pc.less_equal(times, pa.scalar(trained.split_at - trained.embargo))
    assert trained.fitted_rows == pc.sum(known).as_py()
    assert trained.fitted_rows + trained.embargoed_rows + len(measured) == trained.rows == 1200
    span = trained.last - trained.first
    assert (trained.last - trained.split_at) / span == pytest.approx(0.25)


@pytest.mark.parametrize("task", TASKS)
def test_nothing_after_the_embargo_is_learnt_from(task: Task) -> None:
    """Other outcomes of the embargoed and the held-out rows change no score they are given."""
    spec, table, first = task_spec(task), orders(task=task), of_task(task)
    assert first.split_at is not None
    later = pc.greater(table.column("ordered_at"), pa.scalar(first.split_at - first.embargo))
    places = np.flatnonzero(later.to_numpy())
    changed = np.arange(table.num_rows)
    changed[places] = np.random.default_rng(1).permutation(places)
    labels = table.column("label").take(pa.array(changed))
    again = train(spec, table.set_column(table.column_names.index("label"), "label", labels))
    assert not np.array_equal(again.labels, first.labels)
    for name, candidate in first.candidates.items():
        assert np.array_equal(again.candidates[name].scores, candidate.scores)
        assert again.candidates[name].parameters == candidate.parameters
        assert again.candidates[name].calibration == candidate.calibration


def test_figures_are_those_of_the_settings_on_record() -> None:
    """Fitted by hand with the parameters found: the same scores, and figures of them."""
    spec, table = widgets_spec(calibration="none", search={"trials": 2}), orders()
    result = train(spec, table)
    assert result.split_at is not None
    known = pc.less_equal(
        table.column("ordered_at"), pa.scalar(result.split_at - result.embargo)
    ).to_numpy()
    for name, candidate in result.candidates.items():
        pipeline = build(name, spec, candidate.parameters)
        pipeline.fit(feature_frame(spec, table)[known], table.column("label").to_numpy()[known])
        scores = predict(spec, pipeline, feature_frame(spec, result.evaluation))
        assert np.array_equal(scores, candidate.scores)
        assert measure("binary", result.labels, scores) == candidate.metrics
        assert candidate.trials == 2
        interval = candidate.intervals["roc_auc"]
        assert interval.low <= candidate.metrics["roc_auc"] == interval.value <= interval.high
        assert 0 < candidate.standard_error < interval.high - interval.low


def same(first: TrainedModel, again: TrainedModel) -> None:
    assert again.golden.equals(first.golden)
    assert again.evaluation.equals(first.evaluation)
    assert again.importance == first.importance
    assert (again.why, again.notes) == (first.why, first.notes)
    for name, candidate in first.candidates.items():
        assert again.candidates[name].metrics == candidate.metrics
        assert again.candidates[name].intervals == candidate.intervals
        assert again.candidates[name].parameters == candidate.parameters
        assert again.candidates[name].calibration == candidate.calibration


@pytest.mark.parametrize("task", TASKS)
def test_training_repeats_whatever_the_row_order(task: Task) -> None:
    same(of_task(task), train(task_spec(task), shuffled(orders(task=task))))


FIGURES = """
import hashlib, json, sys
from assets.content import content_digest
from assets.model_spec import CANDIDATES
from assets.training.train import train
from tests.widgets import orders, widgets_spec
said = {}
for task in sys.argv[1:]:
    names = list(CANDIDATES[task])
    quick = {"candidates": names, "search": {"trials": 2}, "golden_rows": 30}
    spec = widgets_spec(text=True, task=task, **quick)
    found = train(spec, orders(500, task))
    said[task] = {
        "golden": content_digest(found.golden),
        "metrics": {name: one.metrics for name, one in found.candidates.items()},
        "scores": {
            name: hashlib.sha256(one.scores.tobytes()).hexdigest()
            for name, one in found.candidates.items()
        },
        "importance": [[one.feature, one.mean] for one in found.importance],
    }
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def elsewhere() -> list[dict[Task, Any]]:
    """Figures by task of two processes: other hashes of strings, another number of threads."""
    said = []
    for seed, threads in (("1", "1"), ("2", "2")):
        changed = {"PYTHONHASHSEED": seed} | dict.fromkeys(THREADS, threads)
        done = subprocess.run(
            [sys.executable, "-c", FIGURES, *TASKS],
            env=os.environ | changed,
            capture_output=True,
            text=True,
            check=True,
        )
        said.append(json.loads(done.stdout))
    return said


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_training_repeats_in_another_process(elsewhere: list[dict[Task, Any]], task: Task) -> None:
    """Every candidate, to the same bits."""
    one, other = elsewhere
    assert one[task] == other[task]
    assert one[task]["golden"]
    assert one[task]["scores"].keys() == set(CANDIDATES[task])


def test_cross_validation_repeats_whatever_the_row_order() -> None:
    spec = widgets_spec(validation="cross_validation", folds=2, search={"trials": 2})
    same(train(spec, orders(400)), train(spec, shuffled(orders(400))))


@pytest.mark.parametrize("task", TASKS)
def test_golden_rows_are_scored_by_the_final_pipeline(task: Task) -> None:
    spec, result = task_spec(task), of_task(task)
    scores = predict(spec, result.pipeline, feature_frame(spec, result.golden))
    columns = ["score_0", "score_1", "score_2"] if task == "multiclass" else ["score"]
    assert result.golden.column_names == ["case_key", *spec.feature_names, *columns]
    kept = np.column_stack([result.golden.column(c).to_numpy() for c in columns])
    assert result.golden.num_rows == 30
    assert np.array_equal(kept, scores.reshape(kept.shape))
    if task == "multiclass":
        assert result.classes == ("bent", "broken", "lost")
        assert list(result.pipeline.classes_) == list(result.classes)
        assert scores.sum(axis=1) == pytest.approx(1)


def test_it_learns_what_there_is_to_learn() -> None:
    """Regression and classes: better than the naive guess, by what the data were made of."""
    numbers, kinds = of_task("regression"), of_task("multiclass")
    assert numbers.metrics["r2"] > 0.7
    assert numbers.importance[0].feature == "weight"
    largest = np.bincount(kinds.labels).max() / len(kinds.labels)
    assert kinds.metrics["accuracy"] > largest
    assert numbers.positives == 1200
    counts = orders(task="multiclass").column("label").value_counts().field("counts")
    assert kinds.positives == min(counts.to_pylist())


def test_words_tell_classes_apart() -> None:
    spec = widgets_spec(text=True, task="multiclass", candidates=["tfidf_linear"])
    result = train(spec, orders(600, "multiclass"))
    assert result.metrics["macro_f1"] > 0.95
    assert result.importance[0].feature == "complaint"


def test_cross_validation_measures_every_row_once() -> None:
    spec = widgets_spec(validation="cross_validation", folds=3, search={"trials": 1})
    table = orders(600)
    result = train(spec, table)
    assert result.split_at is None
    assert result.evaluation.num_rows == result.rows == 600
    assert (result.embargo, result.embargoed_rows) == (timedelta(), 0)
    assert result.fitted_rows == pytest.approx(400, abs=20)
    assert all(np.isfinite(c.scores).all() for c in result.candidates.values())
    assert result.metrics["roc_auc"] > 0.65


def test_only_the_window_is_trained_on() -> None:
    result = train(widgets_spec(window="40d", search={"trials": 1}), orders())
    assert timedelta(days=39) < result.last - result.first <= timedelta(days=40)
    assert result.rows < 1200
    assert result.evaluation.num_rows + result.fitted_rows + result.embargoed_rows == result.rows


def test_a_spent_budget_is_told_and_ends_the_search() -> None:
    seconds = count(0, 40)
    spec = widgets_spec(search={"trials": 4, "minutes": 1}, embargo="0d")
    said: list[str] = []
    result = train(spec, orders(600), progress=said.append, clock=lambda: float(next(seconds)))
    # A trial takes 40 of the 60 seconds: one per candidate, the defaults.
    assert [c.trials for c in result.candidates.values()] == [1, 1]
    assert any("budget of 1 minutes was spent" in note for note in result.notes)
    assert any("trial 1 of 4" in line and "67 % of the search budget" in line for line in said)
    ample = train(spec, orders(600), clock=lambda: 0.0)
    assert [c.trials for c in ample.candidates.values()] == [4, 4]
    assert ample.notes == []


def test_a_linear_winner_is_said_not_to_be_held_to_directions() -> None:
    spec = widgets_spec(monotone={"weight": "increasing"}, candidates=["logistic_regression"])
    assert any("cannot be held" in note for note in train(spec, orders(600)).notes)


def test_rounds_are_found_on_a_later_slice(trained: TrainedModel) -> None:
    boosted = trained.candidates["hist_gradient_boosting"]
    assert boosted.iterations == boosted.parameters["max_iter"]
    assert 1 <= boosted.iterations < 600
    assert trained.candidates["logistic_regression"].iterations is None


@pytest.mark.parametrize("task", TASKS)
def test_figures_fit_the_task(task: Task) -> None:
    spec, result = task_spec(task), of_task(task)
    figures = plots.figures_for(spec, result)
    assert (
        set(figures)
        == {
            "binary": {"ROC", "calibration", "importance"},
            "multiclass": {"confusion", "calibration", "importance"},
            "regression": {"predicted", "importance"},
        }[task]
    )
    for name, figure in figures.items():
        assert png_bytes(figure, dpi=50).startswith(b"\x89PNG"), name
    shown = figures["predicted" if task == "regression" else "calibration"]
    assert f"n = {len(result.labels):,}" in shown.axes[0].get_title(loc="left")


def test_reliability_groups_hold_every_row() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    x, y = plots.reliability(labels, scores)
    assert x.tolist() == scores.tolist()
    assert y.tolist() == [0, 0, 1, 1]
    several = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4]])
    right, sure = plots.top_label(np.array([0, 2]), several)
    assert (right.tolist(), sure.tolist()) == ([1, 0], [0.7, 0.5])

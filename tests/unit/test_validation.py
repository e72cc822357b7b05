"""Which rows are fitted on: never a later one first, and nothing of the measured ones."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.model_spec import Task
from assets.training.calibration import calibrated, kept_method
from assets.training.candidates import build
from assets.training.measure import measure
from assets.training.predict import predict
from assets.training.rows import TrainingRows, training_rows
from assets.training.sufficiency import TrainingRefused
from assets.training.threads import threads_for
from assets.training.validation import Plan, plan
from tests.widgets import orders, widgets_spec

CLASSES: dict[Task, tuple[str, ...]] = {
    "binary": ("0", "1"),
    "multiclass": ("bent", "broken", "lost"),
    "regression": (),
}


def planned(task: Task = "binary", rows: int = 1200, **model: Any) -> tuple[TrainingRows, Plan]:
    spec = widgets_spec(task=task, **model)
    taken = training_rows(spec, orders(rows, task), CLASSES[task])
    return taken, plan(spec, taken)


@settings(max_examples=25, deadline=None)
@example(10, 0.4921875, "multiclass")
@given(st.integers(0, 20), st.floats(0.1, 0.5), st.sampled_from(sorted(CLASSES)))
def test_time_only_goes_forward(embargo: int, holdout: float, task: Task) -> None:
    rows, found = planned(task, embargo=f"{embargo}d", holdout=holdout)
    (fold,) = found.folds
    gap = int(timedelta(days=embargo).total_seconds() * 1e6)
    assert rows.times[fold.fitted].max() + gap <= rows.times[fold.measured].min()
    assert found.embargoed_rows == len(rows) - len(fold.fitted) - len(fold.measured)
    if fold.inner is None:
        # Only where a class has hardly a row to spare: 1200 rows less holdout and embargo.
        assert len(fold.fitted) < 600
        assert "are too few to be cut once more" in found.notes[0]
        return
    earlier, later = fold.inner.earlier, fold.inner.later
    assert set(earlier) | set(later) <= set(fold.fitted)
    within = rows.times[earlier].max() + (0 if found.notes else gap)
    assert within < rows.times[later].min() or gap > 0
    assert within <= rows.times[later].min()


def test_without_an_embargo_every_row_is_used() -> None:
    rows, found = planned(embargo="0d")
    (fold,) = found.folds
    assert len(fold.fitted) + len(fold.measured) == len(rows)
    assert found.embargoed_rows == 0
    assert found.notes == []


def test_an_embargo_that_leaves_too_little_is_refused_with_figures() -> None:
    with pytest.raises(TrainingRefused) as refused:
        planned(embargo="44d")
    assert "before the embargo, at least 10 of each are needed" in str(refused.value)
    assert "The rows span 59.8 days" in str(refused.value)
    assert "shorten model.embargo" in str(refused.value)
    assert refused.value.figures["embargo_days"] == 44
    assert refused.value.threshold == {"fewest_of_each": 10}


@pytest.mark.parametrize("part", ["before the split", "in the holdout"])
def test_numbers_that_are_all_the_same_on_one_side_are_refused(part: str) -> None:
    """R squared of them is no number, and nobody could choose a candidate by it."""
    spec = widgets_spec(task="regression", embargo="0d")
    table = orders(1200, "regression")
    labels = table.column("label").to_numpy().copy()
    labels[:950] = 7.5
    if part == "in the holdout":
        labels = labels[::-1]
    table = table.set_column(table.column_names.index("label"), "label", [labels])
    with pytest.raises(TrainingRefused, match=r"have the same label \(7.5\)") as refused:
        plan(spec, training_rows(spec, table, ()))
    assert refused.value.figures["part"] == part
    assert refused.value.threshold == {"different_labels": 2}


def test_a_fold_of_numbers_that_are_all_the_same_is_refused() -> None:
    spec = widgets_spec(task="regression", validation="cross_validation", folds=2)
    table = orders(1200, "regression")
    makers = ["m0"] * 600 + ["m1"] * 600
    labels = [3.0] * 600 + list(np.linspace(0, 1, 600))
    table = table.set_column(table.column_names.index("maker"), "maker", [makers])
    table = table.set_column(table.column_names.index("label"), "label", [labels])
    with pytest.raises(TrainingRefused, match=r"a fold of cross-validation .* same label"):
        plan(spec, training_rows(spec, table, ()))


def test_too_little_for_an_inner_embargo_is_noted() -> None:
    _, found = planned(embargo="25d")
    assert "Settings were searched without an embargo" in found.notes[0]
    assert planned(embargo="3d")[1].notes == []


def test_too_little_for_a_search_is_noted() -> None:
    _, found = planned(rows=120, embargo="0d")
    assert found.folds[0].inner is None
    assert "Nothing was searched or calibrated" in found.notes[0]


def test_a_snapshot_has_no_later_part() -> None:
    spec, table = widgets_spec(), orders(300)
    same = table.column("ordered_at").take(np.zeros(300, dtype="int64"))
    still = table.set_column(table.column_names.index("ordered_at"), "ordered_at", same)
    rows = training_rows(spec, still, ("0", "1"))
    with pytest.raises(TrainingRefused, match=r"set model\.validation to cross_validation"):
        plan(spec, rows)
    assert len(plan(widgets_spec(validation="cross_validation"), rows).folds) == 5


@pytest.mark.parametrize("task", sorted(CLASSES))
def test_folds_measure_each_row_once_and_keep_an_entity_together(task: Task) -> None:
    rows, found = planned(task, validation="cross_validation", folds=4)
    measured = np.concatenate([fold.measured for fold in found.folds])
    assert np.array_equal(np.sort(measured), np.arange(len(rows)))
    for fold in found.folds:
        assert not set(rows.entities[fold.fitted]) & set(rows.entities[fold.measured])
        assert fold.inner is not None
        assert not set(rows.entities[fold.inner.earlier]) & set(rows.entities[fold.inner.later])
        assert set(fold.inner.earlier) | set(fold.inner.later) == set(fold.fitted)


def test_too_few_of_a_class_for_the_folds_is_refused() -> None:
    with pytest.raises(TrainingRefused, match=r"needed for 20 folds \(model.folds\)"):
        planned(rows=60, validation="cross_validation", folds=20)


def halves(seed: int) -> tuple[TrainingRows, np.ndarray, np.ndarray]:
    rows = training_rows(widgets_spec(), orders(1600, seed=seed), ("0", "1"))
    return rows, np.arange(800), np.arange(800, 1600)


def test_probabilities_that_are_right_are_mostly_left_alone() -> None:
    """A fall of more than one standard error comes by chance one time in six."""
    spec, kept = widgets_spec(), []
    for seed in range(12):
        rows, half, later = halves(seed)
        plain = rows.fit(build("logistic_regression", spec), half)
        kept.append(kept_method(spec, plain, rows, later))
    assert kept.count("none") >= 7


def test_probabilities_that_are_wrong_are_put_right() -> None:
    rows, half, later = halves(0)
    spec = widgets_spec()
    settings_ = {"max_iter": 300, "learning_rate": 0.12, "l2_regularization": 0.0}
    with threads_for(len(rows)):
        overfitted = rows.fit(build("hist_gradient_boosting", spec, settings_), half)
        kept = kept_method(spec, overfitted, rows, later)
        assert kept == "sigmoid"  # too few rows for isotonic
        right = calibrated(overfitted, overfitted, rows, later[:400], kept)
        before, after = (
            measure("binary", rows.labels[later[400:]], predict(spec, one, rows.frame[1200:]))
            for one in (overfitted, right)
        )
    assert after["log_loss"] < before["log_loss"]
    assert after["roc_auc"] == pytest.approx(before["roc_auc"])


def test_a_declared_calibration_is_taken_where_there_are_rows_for_it() -> None:
    rows, half, later = halves(0)
    plain = rows.fit(build("logistic_regression", widgets_spec()), half)
    for method in ("none", "sigmoid", "isotonic"):
        spec = widgets_spec(calibration=method)
        assert kept_method(spec, plain, rows, later) == method
        assert kept_method(spec, plain, rows, later[:20]) == "none"

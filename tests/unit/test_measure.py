"""Figures: those of scikit-learn, also where rows count more than once or not at all."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.training.measure import counted as figures_by_counts
from assets.training.measure import (
    draws,
    intervals,
    measure,
    recall_name,
    resampled,
    standard_error,
)

CLASSES = ("a", "b", "c")


@st.composite
def case(draw: st.DrawFn) -> tuple[np.random.Generator, int]:
    return np.random.default_rng(draw(st.integers(0, 10**6))), draw(st.integers(8, 60))


@settings(max_examples=40, deadline=None)
@given(case(), st.booleans())
def test_binary_figures_are_those_of_scikit_learn(
    given_case: tuple[np.random.Generator, int], ties: bool
) -> None:
    from sklearn import metrics

    random, rows = given_case
    labels = random.integers(0, 2, rows)
    labels[:4] = [0, 1, 0, 1]
    scores = random.random(rows)
    scores = np.round(scores, 1) if ties else scores
    counts = random.integers(0, 4, rows)
    counts[:4] = 1
    found = {k: v[0] for k, v in figures_by_counts("binary", labels, scores)(counts[None]).items()}
    weighted: dict[str, Any] = {"sample_weight": counts}
    clipped = np.clip(scores, np.finfo("float64").eps, 1 - np.finfo("float64").eps)
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(labels, scores, **weighted))
    assert found["average_precision"] == pytest.approx(
        metrics.average_precision_score(labels, scores, **weighted)
    )
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(labels, scores, **weighted))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, clipped, **weighted))
    assert found["rows"] == counts.sum()
    assert found["positives"] == counts[labels == 1].sum()


@settings(max_examples=30, deadline=None)
@given(case())
def test_multiclass_figures_are_those_of_scikit_learn(
    given_case: tuple[np.random.Generator, int],
) -> None:
    from sklearn import metrics

    random, rows = given_case
    labels = random.integers(0, 3, rows)
    labels[:3] = [0, 1, 2]
    scores = random.dirichlet([1, 1, 1], rows)
    counts = random.integers(0, 4, rows)
    counts[:3] = 1
    guessed = scores.argmax(axis=1)
    by_counts = figures_by_counts("multiclass", labels, scores, CLASSES)
    found = {k: v[0] for k, v in by_counts(counts[None].astype(float)).items()}
    weighted: dict[str, Any] = {"sample_weight": counts}
    assert found["macro_f1"] == pytest.approx(
        metrics.f1_score(labels, guessed, average="macro", zero_division=0, **weighted)
    )
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, guessed, **weighted))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, scores, **weighted))
    recalls = metrics.recall_score(labels, guessed, average=None, labels=[0, 1, 2], **weighted)
    assert [found[f"recall_{c}"] for c in CLASSES] == pytest.approx(list(recalls))


@settings(max_examples=30, deadline=None)
@given(case(), st.sampled_from([0.0, 1e7]))
def test_regression_figures_are_those_of_scikit_learn(
    given_case: tuple[np.random.Generator, int], offset: float
) -> None:
    from sklearn import metrics

    random, rows = given_case
    labels = random.normal(size=rows) + offset
    scores = labels + random.normal(size=rows)
    counts = random.integers(0, 4, rows)
    counts[:4] = 1
    by_counts = figures_by_counts("regression", labels, scores)
    found = {k: v[0] for k, v in by_counts(counts[None].astype(float)).items()}
    weighted: dict[str, Any] = {"sample_weight": counts}
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(labels, scores, **weighted))
    assert found["rmse"] == pytest.approx(
        metrics.root_mean_squared_error(labels, scores, **weighted)
    )
    assert found["r2"] == pytest.approx(metrics.r2_score(labels, scores, **weighted), abs=1e-6)


def test_what_cannot_be_had_is_nan_and_has_no_interval() -> None:
    labels, scores = np.zeros(20, dtype="int64"), np.linspace(0, 1, 20)
    figures = measure("binary", labels, scores)
    again = resampled("binary", labels, scores, seed=1, resamples=20)
    assert np.isnan(figures["roc_auc"])
    assert np.isnan(figures["average_precision"])
    assert set(intervals(figures, again)) == {"brier", "log_loss", "base_rate", "mean_score"}
    assert standard_error(again["roc_auc"]) == 0.0


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Mean score of uniform scores is a half: 95 % intervals miss it in about 5 of 100 samples."""
    random, held = np.random.default_rng(7), 0
    for seed in range(100):
        scores, labels = random.random(80), random.integers(0, 2, 80)
        again = resampled("binary", labels, scores, seed=seed, resamples=200)
        found = intervals(measure("binary", labels, scores), again)["mean_score"]
        held += found.low <= 0.5 <= found.high
    assert 85 <= held <= 100


def test_draws_are_seeded_and_keep_the_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draws(30, 5, 12)))
    assert whole.shape == (12, 30)
    assert (whole.sum(axis=1) == 30).all()
    monkeypatch.setattr("assets.training.measure.CELLS", 60)  # blocks of two resamples
    assert np.array_equal(np.concatenate(list(draws(30, 5, 12))), whole)
    assert not np.array_equal(np.concatenate(list(draws(30, 6, 12))), whole)


def test_recall_is_named_after_its_class_in_what_a_metric_name_may_hold() -> None:
    classes = ("a & b", "a + b", "plain")
    assert [recall_name(classes, n) for n in range(3)] == [
        "recall_a _ b_0",
        "recall_a _ b_1",
        "recall_plain",
    ]

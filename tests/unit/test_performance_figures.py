"""Metrics with intervals: equal to those of all rows, and as wide as the bootstrap of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.performance.figures import CELLS, Scored, figures, gain, measurable
from assets.performance.outcome_labels import quantile_interval
from assets.training.measure import measure, resampled


def guessed(rows: int, seed: int = 0) -> Scored:
    """Scores that mean what they say, one in seven positive."""
    random = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-random.normal(-2.4, 1.5, rows)))
    return Scored("binary", (random.random(rows) < scores).astype("int64"), scores)


def test_figures_are_those_of_the_rows_and_as_sure_as_a_bootstrap_of_rows() -> None:
    scored = guessed(4000)
    found = figures(scored, seed=1, confidence=0.95)
    exact = measure("binary", scored.labels, scored.scores)
    again = resampled("binary", scored.labels, scored.scores, seed=2)
    assert set(found) == {"roc_auc", "average_precision", "log_loss"}
    for name, one in found.items():
        assert one.value == exact[name]
        assert one.low < one.value < one.high
        # 300 resamples tell a spread to about four in a hundred.
        ratio = (one.high - one.low) / (3.92 * float(np.std(again[name])))
        assert 0.8 < ratio < 1.25, name
    stricter = figures(scored, seed=1, confidence=0.95, of_metric={"roc_auc": 0.99})
    assert stricter["roc_auc"].low < found["roc_auc"].low
    assert stricter["roc_auc"].confidence == 0.99
    assert stricter["log_loss"] == found["log_loss"]


def test_of_few_cases_each_is_its_own_cell() -> None:
    scored = guessed(CELLS)
    found = figures(scored, seed=3, confidence=0.95)["roc_auc"]
    again = resampled("binary", scored.labels, scored.scores, seed=3)["roc_auc"]
    low, high = np.quantile(again, [0.025, 0.975]) - (again.mean() - found.value)
    assert (found.low, found.high) == pytest.approx((low, min(high, 1.0)), abs=0.02)


def test_what_has_no_value_is_left_out() -> None:
    alike = Scored("binary", np.zeros(50, dtype="int64"), np.linspace(0.1, 0.4, 50))
    assert set(figures(alike, seed=1, confidence=0.95)) == {"log_loss"}
    assert figures(alike.of(np.zeros(50, dtype=bool)), seed=1, confidence=0.95) == {}
    assert alike.fewest == 0
    assert alike.of(np.arange(3)).fewest == 0
    assert measurable("multiclass") == ("macro_f1",)


def test_classes_and_values_have_theirs() -> None:
    random = np.random.default_rng(4)
    labels = random.integers(0, 3, 600)
    guesses = np.where(random.random(600) < 0.8, labels, random.integers(0, 3, 600))
    several = Scored("multiclass", labels, guesses, ("a", "b", "c"))
    (found,) = figures(several, seed=1, confidence=0.95).values()
    exact = measure("multiclass", labels, np.eye(3)[guesses], several.classes)["macro_f1"]
    assert found.value == exact
    assert found.low < exact < found.high
    values = random.normal(size=600)
    off = Scored("regression", values, values + random.normal(0, 0.3, 600))
    errors = figures(off, seed=1, confidence=0.95)
    assert set(errors) == {"mae", "rmse", "r2"}
    assert errors["r2"].high <= 1.0
    assert errors["rmse"].low < 0.3 < errors["rmse"].high


def test_a_gain_is_positive_where_the_one_is_better_and_surer_on_the_same_cases() -> None:
    good = guessed(1500)
    random = np.random.default_rng(5)
    odds = np.log(good.scores / (1 - good.scores))
    worse = 1 / (1 + np.exp(-(odds + random.normal(size=1500))))
    bad = Scored("binary", good.labels, worse)
    how = {"seed": 1, "confidence": 0.95}
    found = gain(good, bad, "roc_auc", sign=1, **how)  # type: ignore[arg-type]
    assert 0 < found.low < found.value < found.high
    alone = figures(good, seed=1, confidence=0.95)["roc_auc"]
    assert found.high - found.low < 1.4 * (alone.high - alone.low)
    loss = gain(good, bad, "log_loss", sign=-1, **how)  # type: ignore[arg-type]
    assert loss.low > 0
    same = gain(good, good, "average_precision", sign=1, **how)  # type: ignore[arg-type]
    assert (same.low, same.value, same.high) == (0.0, 0.0, 0.0)
    alike = Scored("binary", np.ones(60, dtype="int64"), good.scores[:60])
    assert gain(alike, alike, "roc_auc", sign=1, **how) is None  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(30, 400))
def test_the_order_of_the_cases_says_nothing(seed: int, rows: int) -> None:
    scored = guessed(rows, seed)
    shuffled = scored.of(np.random.default_rng(seed).permutation(rows))
    found, again = (
        {k: (v.value, v.high - v.low) for k, v in figures(s, seed=7, confidence=0.9).items()}
        for s in (scored, shuffled)
    )
    assert found.keys() == again.keys()
    for name, (value, _) in found.items():
        assert again[name][0] == pytest.approx(value)
        assert again[name][1] == pytest.approx(found[name][1])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.floats(0.05, 0.95),
    st.floats(0.6, 0.99),
)
def test_a_quantile_lies_between_its_order_statistics(
    values: list[float], q: float, confidence: float
) -> None:
    found = quantile_interval(np.array(values), q, confidence)
    assert min(values) <= found.low <= found.high <= max(values)
    assert found.low <= found.value + 1e-9 or len(values) < 10

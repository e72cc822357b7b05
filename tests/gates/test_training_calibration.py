"""The calibration gate: a score means what it says, as far as rows can tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.training.gates.calibration import (
    calibration_error,
    calibration_gate,
    equal_count_bins,
)
from tests.judged_models import kiln, kiln_spec, model_of

SPEC = kiln_spec()


def distorted(chance: np.ndarray, by: float) -> np.ndarray:
    logit = np.log(chance / (1 - chance)) + by
    return np.asarray(1 / (1 + np.exp(-logit)))


def test_true_chances_pass_and_their_reliability_is_told() -> None:
    quiet = kiln()
    found = calibration_gate(SPEC, model_of(SPEC, quiet.table, quiet.chance))
    assert found.verdict == "pass"
    bins = found.figures["bins"]
    assert sum(b["rows"] for b in bins) == 2000
    assert all(abs(b["score"] - b["rate"]) < 0.15 for b in bins)


@pytest.mark.parametrize("by", [-1.0, 1.0])
def test_distorted_chances_are_refused(by: float) -> None:
    quiet = kiln()
    found = calibration_gate(SPEC, model_of(SPEC, quiet.table, distorted(quiet.chance, by)))
    assert found.verdict == "fail"
    assert "model.calibration" in found.message


def test_too_few_rows_are_insufficient() -> None:
    few = kiln(rows=300)
    assert calibration_gate(SPEC, model_of(SPEC, few.table, few.chance)).verdict == "insufficient"


def test_what_may_be_chance_is_insufficient() -> None:
    few = kiln(rows=500)
    spec = kiln_spec(model__gates={"calibration": {"max_error": 0.04}})
    found = calibration_gate(spec, model_of(spec, few.table, distorted(few.chance, 0.4)))
    assert found.figures["error"].low <= 0.04 < found.figures["error"].value
    assert found.verdict == "insufficient"


def test_several_classes_are_judged_by_the_likeliest() -> None:
    spec = kiln_spec(model__task="multiclass", label__positive=None)
    quiet = kiln()
    table = quiet.with_column("label", np.where(quiet.labels == 1, "a", "b").tolist()).table
    honest = np.column_stack([quiet.chance, 1 - quiet.chance])
    assert calibration_gate(spec, model_of(spec, table, honest)).verdict == "pass"
    proud = np.where(honest > 0.5, 0.99, 0.01)
    assert calibration_gate(spec, model_of(spec, table, proud)).verdict == "fail"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 3), st.floats(0.2, 3))
def test_chances_that_are_true_have_a_small_error(seed: int, a: float, b: float) -> None:
    random = np.random.default_rng(seed)
    chance = random.beta(a, b, 3000)
    happened = (random.random(3000) < chance).astype("float64")
    _, error, _ = calibration_error(chance, happened, 10, seed=seed, resamples=200)
    assert error.low < 0.03
    assert 0 <= error.low <= error.value <= error.high


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.1, 0.1001, 0.5, 1.0]), min_size=1, max_size=60))
def test_equal_scores_share_a_bin_and_bins_rise(given_scores: list[float]) -> None:
    scores = np.array(given_scores)
    member = equal_count_bins(scores, 10)
    for one in np.unique(scores):
        assert len(np.unique(member[scores == one])) == 1
    order = np.argsort(scores, kind="stable")
    assert (np.diff(member[order]) >= 0).all()
    assert set(member) == set(range(member.max() + 1))


def test_one_score_for_all_is_compared_with_the_rate() -> None:
    happened = np.array([1.0] * 30 + [0.0] * 70)
    plain, _, table = calibration_error(np.full(100, 0.3), happened, 10, seed=1)
    assert plain == pytest.approx(0, abs=1e-12)
    assert len(table) == 1

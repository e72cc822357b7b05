"""Shares and differences of dependent cases: against published figures, brute force, chance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from assets.release.rates import design_effect, paired_difference, points, share_of
from assets.training.evidence import Interval

ALONE = np.arange(2000)
BITS = st.integers(1, 60).flatmap(lambda n: st.tuples(*[arrays(bool, n)] * 2))


def pairs(both: int, only_one: int, only_other: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    one = [True] * (both + only_one) + [False] * (only_other + neither)
    other = [True] * both + [False] * only_one + [True] * only_other + [False] * neither
    return np.array(one), np.array(other)


def test_the_interval_of_a_paired_difference_is_the_published_one() -> None:
    """Fagerland, Lydersen and Laake 2014, Statistics in Medicine 33:2850-2875, table V."""
    one, other = pairs(both=1, only_one=1, only_other=7, neither=12)
    found = paired_difference(one, other, ALONE[:21], 0.95)
    assert (found.low, found.high) == pytest.approx((-0.507, -0.026), abs=5e-4)


def test_of_two_scores_that_never_differ_the_difference_is_not_certain() -> None:
    one, other = pairs(both=30, only_one=0, only_other=0, neither=70)
    found = paired_difference(one, other, ALONE[:100], 0.99)
    assert found.value == 0
    assert -0.05 < found.low < -0.001 < 0.001 < found.high < 0.05


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_intervals_of_paired_differences_cover_what_they_should(share: float) -> None:
    """Two of ten scores drawn anew: 95 % intervals of 100 cases, 500 draws."""
    random, covered = np.random.default_rng(3), 0
    for _ in range(500):
        one = random.random(100) < share
        other = np.where(random.random(100) < 0.2, random.random(100) < share, one)
        found = paired_difference(one, other, ALONE[:100], 0.95)
        covered += found.low <= 0 <= found.high
    assert covered >= 0.94 * 500


@settings(deadline=None)
@given(BITS)
def test_a_paired_difference_is_that_of_the_shares_and_turns_round(
    bits: tuple[np.ndarray, np.ndarray],
) -> None:
    one, other = bits
    found = paired_difference(one, other, ALONE[: len(one)], 0.99)
    assert found.value == pytest.approx(one.mean() - other.mean())
    assert -1 - 1e-9 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1 + 1e-9
    back = paired_difference(other, one, ALONE[: len(one)], 0.99)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))


@settings(deadline=None)
@given(arrays(bool, st.integers(2, 60)), st.integers(2, 9))
def test_a_case_seen_several_times_counts_once(hits: np.ndarray, times: int) -> None:
    entities = ALONE[: len(hits)]
    again = share_of(np.repeat(hits, times), np.repeat(entities, times))
    assert again.value == pytest.approx(hits.mean())
    # But for the degrees of freedom: as many entities, one of them spent on the mean.
    assert len(hits) - 1 - 1e-9 <= again.rows <= len(hits) + 1e-9


def test_cases_of_different_entities_count_each() -> None:
    hits = np.random.default_rng(1).random(2000) < 0.3
    assert design_effect(hits.astype(float), ALONE) == pytest.approx(1)
    assert share_of(hits, ALONE).rows == pytest.approx(2000)


def test_of_one_entity_all_cases_are_one() -> None:
    hits = np.array([True, False, True, True])
    assert share_of(hits, np.zeros(4, dtype=int)).rows == 1


def test_no_case_has_no_share() -> None:
    nothing = np.zeros(0, dtype=bool)
    with pytest.raises(ValueError, match="no case"):
        share_of(nothing, ALONE[:0])
    with pytest.raises(ValueError, match="no case"):
        paired_difference(nothing, nothing, ALONE[:0], 0.95)


def test_intervals_of_dependent_cases_cover_what_they_should() -> None:
    """Ten cases an entity, which agree nine times of ten: 95 % intervals, 400 draws."""
    random, covered, naive = np.random.default_rng(2), 0, 0
    entities = np.repeat(np.arange(60), 10)
    for _ in range(400):
        own = np.repeat(random.random(60) < 0.4, 10)
        hits = np.where(random.random(600) < 0.1, random.random(600) < 0.4, own)
        found = share_of(hits, entities).interval(0.95)
        covered += found.low <= 0.4 <= found.high
        alone = share_of(hits, ALONE[:600]).interval(0.95)
        naive += alone.low <= 0.4 <= alone.high
    assert covered >= 0.92 * 400 > 0.7 * 400 > naive


def test_points_are_told_with_their_sign() -> None:
    assert points(Interval(0.2, -0.056, 0.329)) == "+20.0 points (-5.6 to +32.9)"

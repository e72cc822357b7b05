"""Effects are what they say, and noise bands are exceeded as often as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import gamma, norm, wasserstein_distance

from assets.monitoring.effect import (
    NEW,
    OTHER,
    Grid,
    bins_of,
    category_grid,
    effects,
    jensen_shannon,
    numeric_grid,
)
from assets.monitoring.noise import Quiet, band, chance, quiet_days, tail_of, upper

Floats = NDArray[np.float64]

TAIL = 0.001
SEVERAL = Grid("categorical", np.array([]), np.array([]), ("a", "b", "c", OTHER, NEW))


def counted(grid: Grid, values: NDArray[np.generic], known: frozenset[str] = frozenset()) -> Floats:
    bins = bins_of(grid, values, known)
    return np.bincount(bins, minlength=grid.size).astype(np.float64)


def number(values: Floats) -> tuple[Grid, Floats]:
    grid = numeric_grid(values)
    return grid, counted(grid, values)


def days_of(values: list[Floats]) -> tuple[Grid, Floats]:
    """Counts of each day, on the grid of all."""
    grid = numeric_grid(np.concatenate(values))
    return grid, np.array([counted(grid, one) for one in values])


# Effects


def test_shift_of_half_a_standard_deviation_is_an_effect_of_a_half() -> None:
    """Of normal values, of what an increasing function makes of them, and whatever the unit."""
    draw = np.random.default_rng(1)
    then, now = draw.normal(size=20_000), draw.normal(0.5, 1, 20_000)
    for scale in (lambda x: x, lambda x: 1000 * x - 7, np.exp):
        grid, before = number(scale(then))
        found = float(effects(grid, counted(grid, scale(now)), before))
        assert found == pytest.approx(0.5, abs=0.02)


def test_effect_is_scipys_distance_between_the_scores() -> None:
    draw = np.random.default_rng(2)
    then, now = draw.normal(size=5000), draw.normal(0.3, 1.2, 300)
    grid, before = number(then)
    ranks = (np.searchsorted(np.sort(then), np.concatenate([then, now])) + 0.5) / 5001
    scores = norm.ppf(ranks)
    found = float(effects(grid, counted(grid, now), before))
    assert found == pytest.approx(wasserstein_distance(scores[:5000], scores[5000:]), abs=0.02)


def test_jensen_shannon_is_scipys() -> None:
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.1, 0.2, 0.7])
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q))
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(
        np.sqrt(np.log(2))
    )


def test_constant_and_nothing() -> None:
    grid, before = number(np.full(100, 3.0))
    assert effects(grid, before, before) == 0
    assert effects(grid, counted(grid, np.array([3.5] * 10)), before) > 1
    assert effects(grid, counted(grid, np.array([2.5] * 10)), before) > 1
    assert effects(grid, np.zeros(grid.size), before) == 0
    nothing = numeric_grid(np.array([]))
    assert effects(nothing, counted(nothing, np.array([1.0])), np.zeros(1)) == 0


def test_categories_of_the_data_are_not_taken_for_ours() -> None:
    values = np.array([NEW] * 3 + [OTHER] * 2 + ["a"], dtype=object)
    grid = category_grid(values)
    assert grid.categories == (NEW, OTHER, "a", OTHER, NEW)
    assert counted(grid, values).tolist() == [3, 2, 1, 0, 0]
    assert counted(grid, np.array(["b"], dtype=object)).tolist() == [0, 0, 0, 0, 1]


def test_rare_categories_are_one_and_not_new() -> None:
    names = np.array([f"k{n:03}" for n in range(300)], dtype=object)
    grid = category_grid(np.concatenate([names, names[:150]]))
    assert grid.size == 202
    assert counted(grid, names, frozenset(names.tolist()))[-2:].tolist() == [100, 0]


counts = st.lists(st.integers(0, 50), min_size=5, max_size=5).filter(any)


@given(counts, counts, st.permutations(range(5)))
@settings(max_examples=60, deadline=None)
def test_categories_have_no_order_and_distances_two_equal_sides(
    one: list[int], other: list[int], order: list[int]
) -> None:
    p, q = np.array(one, dtype=float), np.array(other, dtype=float)
    found = float(effects(SEVERAL, p, q))
    assert 0 <= found <= np.sqrt(np.log(2)) + 1e-9
    assert float(effects(SEVERAL, q, p)) == pytest.approx(found)
    assert float(effects(SEVERAL, p[order], q[order])) == pytest.approx(found)
    assert float(effects(SEVERAL, p, 3 * p)) == pytest.approx(0, abs=1e-7)


@given(counts, counts, st.integers(0, 4), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_splitting_a_bin_changes_no_effect(
    one: list[int], other: list[int], at: int, part: float
) -> None:
    """Of a category in the same parts on both sides, and of a number into bins of one score."""
    p, q = np.array(one, dtype=float), np.array(other, dtype=float)
    gaps = np.array([0.5, 0.2, 1.0, 0.3])
    whole = Grid("numeric", np.array([]), gaps, ())

    def split(x: Floats) -> Floats:
        return np.concatenate([x[:at], [x[at] * part, x[at] * (1 - part)], x[at + 1 :]])

    parts = Grid("numeric", np.array([]), np.insert(gaps, at, 0.0), ())
    assert float(effects(parts, split(p), split(q))) == pytest.approx(
        float(effects(whole, p, q)), abs=1e-9
    )
    finer = Grid("categorical", np.array([]), np.array([]), (*SEVERAL.categories, "d"))
    assert float(effects(finer, split(p), split(q))) == pytest.approx(
        float(effects(SEVERAL, p, q)), abs=1e-6
    )


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_numbers_in_any_order_have_one_effect_never_negative(
    then: list[float], now: list[float]
) -> None:
    grid, before = number(np.array(then))
    after = counted(grid, np.array(now))
    found = float(effects(grid, after, before))
    assert np.isfinite(found)
    assert found >= 0
    again, same = number(np.array(then[::-1]))
    assert float(effects(again, counted(again, np.array(now[::-1])), same)) == found
    assert float(effects(grid, before, before)) == 0


# Chance


@pytest.mark.parametrize("rows", [50, 400])
@pytest.mark.parametrize("kind", ["normal", "integers"])
def test_band_of_chance_is_exceeded_as_often_as_it_says(kind: str, rows: int) -> None:
    draw = np.random.default_rng(11)
    values = draw.normal(size=4000)
    grid, before = number(values if kind == "normal" else np.round(np.exp(values)))
    one = draw.multinomial(rows, before / 4000, size=12_000).astype(float)
    other = draw.multinomial(4000, before / 4000, size=12_000).astype(float)
    seen = effects(grid, one, other)
    for tail in (0.05, TAIL):
        point = chance(grid, before, rows, 4000, tail, seed=1).upper
        often = float((seen > point).mean())
        assert 0.2 * tail < often < 2 * tail


def test_band_of_chance_of_categories() -> None:
    draw = np.random.default_rng(12)
    before = np.array([2000.0, 700.0, 290.0, 10.0, 0.0])
    found = chance(SEVERAL, before, 80, 3000, TAIL, seed=1)
    now = draw.multinomial(80, before / 3000, size=20_000).astype(float)
    then = draw.multinomial(3000, before / 3000, size=20_000).astype(float)
    seen = effects(SEVERAL, now, then)
    assert 0.2 * TAIL < float((seen > found.upper).mean()) < 3 * TAIL
    assert found.mean_square == pytest.approx(float(np.square(seen).mean()), rel=0.1)


def test_bands_of_chance_fall_with_rows_and_rise_with_certainty() -> None:
    grid, before = number(np.random.default_rng(13).normal(size=2000))
    coarse, few = number(np.random.default_rng(13).integers(0, 6, 2000).astype(float))
    for of, counts_ in ((grid, before), (coarse, few)):
        bands = [chance(of, counts_, rows, 2000, TAIL, seed=1).upper for rows in (50, 500, 5000)]
        assert bands == sorted(bands, reverse=True)
        surer = [chance(of, counts_, 100, 2000, t, seed=1).upper for t in (0.1, 0.01, 1e-3, 1e-5)]
        assert surer == sorted(surer)
        assert len(set(surer)) == 4
    assert chance(grid, before, 0, 2000, TAIL, seed=1).upper == 0
    assert chance(grid, np.zeros(grid.size), 50, 50, TAIL, seed=1).upper == 0
    constant, same = number(np.full(100, 3.0))
    assert chance(constant, same, 50, 100, TAIL, seed=1).upper == 0


def test_upper_is_the_point_of_a_gamma_distribution() -> None:
    squares = gamma(1.7, scale=0.03).rvs(50_000, random_state=14)
    assert upper(np.sqrt(squares), TAIL) == pytest.approx(
        np.sqrt(gamma(1.7, scale=0.03).isf(TAIL)), rel=0.02
    )
    assert upper(np.full(10, 0.4), TAIL) == pytest.approx(0.4)
    assert upper(np.zeros(10), TAIL) == 0


# Quiet days


def world(days: int, a_day: int, *, apart: float = 0.0, wander: float = 0.0) -> list[Floats]:
    """Days that differ independently, or of which each begins where the last one ended."""
    draw = np.random.default_rng(15)
    at = draw.normal(0, apart, days) + np.cumsum(draw.normal(0, wander, days))
    return [draw.normal(at[n], 1, a_day) for n in range(days)]


def learned(days: list[Floats], window: int = 1) -> Quiet:
    grid, by_day = days_of(days)
    return quiet_days(grid, by_day, window, TAIL, seed=1)


def test_days_that_differ_are_noise_and_a_world_that_wanders_is_not() -> None:
    """Both wander 0.3 standard deviations about their mean; one does so slowly."""
    alike, apart = learned(world(76, 200)), learned(world(76, 200, apart=0.3))
    steps = world(76, 200, wander=0.07)
    assert np.std([one.mean() for one in steps]) > 0.25
    slow = learned(steps)
    assert alike.between < 0.05
    assert apart.between == pytest.approx(0.3, abs=0.06)
    assert slow.between < 0.17
    assert alike.sure == apart.sure == 75


def test_slow_waves_show_in_blocks_of_days() -> None:
    """A week of days that differ independently lies nearer than one of them; of a wave it does
    not."""
    independent = world(140, 200, apart=0.3)
    waves = [one + 0.3 * np.sin(n / 3.5) for n, one in enumerate(world(140, 200))]
    assert learned(independent, 7).between < 0.6 * learned(independent).between
    assert learned(waves, 7).between > 0.9 * learned(waves).between


def test_few_days_teach_nothing_and_a_rump_of_a_day_is_no_day() -> None:
    assert learned(world(7, 200, apart=0.5)) == Quiet(0.0, 0.0)
    days = world(40, 200)
    rump = [days[0][:20] + 3, *days[1:]]
    assert learned(rump).sure == 38
    assert learned(rump).between < 0.2


def test_tail_is_shared_among_the_bands_of_a_night() -> None:
    assert tail_of(0.01, 40) == pytest.approx(0.00025)
    assert tail_of(0.01, 0) == 0.01


quiet = st.builds(Quiet, st.floats(0, 1), st.floats(4, 100))


@given(quiet, quiet, st.integers(0, 9), st.integers(1, 7), st.floats(0, 1), st.floats(0.01, 0.5))
@settings(max_examples=100, deadline=None)
def test_band_is_no_less_than_threshold_or_chance(
    single: Quiet, blocks: Quiet, nights: int, window: int, by_chance: float, least: float
) -> None:
    found = band(single, blocks, nights, window, by_chance, TAIL, least)
    assert found >= max(least, by_chance) - 1e-12
    more = band(single, blocks, nights + 1, window, by_chance, TAIL, least)
    assert more <= found + 1e-9
    assert band(Quiet(0, 0), Quiet(0, 0), nights, window, by_chance, TAIL, least) == max(
        least, by_chance
    )


def test_band_of_days_that_differ_is_exceeded_as_often_as_it_says() -> None:
    """Nights of many rows: what they differ by is what days differ by."""
    draw = np.random.default_rng(16)
    often = []
    for _ in range(12):
        days = [draw.normal(draw.normal(0, 0.2), 1, 300) for _ in range(60)]
        grid, by_day = days_of(days)
        all_ = by_day.sum(axis=0)
        single = quiet_days(grid, by_day, 1, 0.02, seed=1)
        by_chance = chance(grid, all_, 300, 18_000, 0.02, seed=1).upper
        limit = band(single, single, 1, 1, by_chance, 0.02, 0.1)
        new = [counted(grid, draw.normal(draw.normal(0, 0.2), 1, 300)) for _ in range(100)]
        often.append(float((effects(grid, np.array(new), all_) > limit).mean()))
    assert 0.002 < np.mean(often) < 0.04

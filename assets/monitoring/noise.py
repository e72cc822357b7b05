"""What an effect size does when nothing has happened: the noise band of a column.

Two things make a distance larger than nought though the world is as it was: few rows, and that one
quiet day is not quite like another. The first is known from the reference alone, by drawing from it
(a bootstrap). The second is learned from the reference's own days: each is held against the days
around it, a week of them for a week. What the squares of these distances have on average beyond
what so few rows explain is how much quiet days differ:

    between^2 = mean(days^2) - mean(chance^2, rows of those days)
    band^2    = upper(chance, rows of tonight)^2 + (t * between)^2

``upper`` is the point that one in many is above, and ``t`` the same of Student's distribution, for
``between`` is estimated on so many days. As many as it takes: all columns of a night together may
be called moved, unchanged, on ``false_alarms`` of the nights.

Days are held against their neighbours, not against all the rest: a world that wanders off slowly
within the training window has moved, and must not count as noise.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from assets.monitoring.effect import Grid, Kind, effects

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 2000
"""Enough for a mean, a variance and a point one in a hundred is above; what lies further out comes
from the form of the tail."""

SEEN = 0.01
"""Share of the draws beyond which the form of the tail is trusted more than the draws."""

MANY_BINS = 30
"""From as many bins on, cumulated shares are as good as normal, whatever the number of rows."""

REACH = 7
"""Days on either side that a quiet day is held against; of a longer window, twice its length."""

FEWEST = 8
"""Blocks of quiet days; of fewer nothing is learned, and the band is chance alone."""


@dataclass(frozen=True)
class Quiet:
    """What the reference's days say about one column and one length of window."""

    between: float  # effect between quiet days beyond chance, as a root mean square
    sure: float  # degrees of freedom it is estimated with; 0 where there were too few days


@dataclass(frozen=True)
class Chance:
    """The effect between two samples of the same."""

    mean_square: float
    upper: float


def quiet_days(
    grid: Grid, by_day: "NDArray[np.float64]", window: int, tail: float, seed: int
) -> Quiet:
    """How much blocks of ``window`` days differ from the days around them.

    ``by_day``: counts, days by rising date x bins. ``tail``: share of quiet blocks that may exceed.
    """
    import numpy as np

    days, reach = len(by_day), max(REACH, 2 * window)
    if days < window + 1:
        return Quiet(0.0, 0.0)
    run = np.vstack([np.zeros(by_day.shape[1]), np.cumsum(by_day, axis=0)])
    starts = np.arange(0, days - window + 1)
    block = run[starts + window] - run[starts]
    around = run[np.minimum(starts + window + reach, days)] - run[np.maximum(starts - reach, 0)]
    around = around - block
    rows, others = block.sum(axis=1), around.sum(axis=1)
    # A rump of a day, like the first of a file, is no day like the others.
    typical = float(np.median(rows))
    sound = (rows >= typical / 2) & (others >= rows) & (rows > 1)
    blocks = int(sound.sum())
    if blocks < FEWEST:
        return Quiet(0.0, 0.0)
    found = effects(grid, block[sound], around[sound])
    one, other = int(np.median(rows[sound])), int(np.median(others[sound]))
    expected = chance(grid, by_day.sum(axis=0), one, other, tail, seed).mean_square
    # Of other numbers of rows than the usual ones, in proportion.
    expected *= float((1 / rows[sound] + 1 / others[sound]).mean()) / _few(one, other)
    between = max(0.0, float(np.square(found).mean()) - expected) ** 0.5
    # Overlapping blocks are worth half as many again as those that fit side by side: Meketon and
    # Schmeiser (1984), Proceedings of the Winter Simulation Conference 227-230.
    return Quiet(between, blocks - 1.0 if window == 1 else 1.5 * blocks / window)


def chance(
    grid: Grid, counts: "NDArray[np.float64]", rows: int, others: int, tail: float, seed: int
) -> Chance:
    """The effect between samples of ``rows`` and ``others`` rows that are both drawn from
    ``counts``, and the one that ``tail`` of such pairs exceed."""
    total = float(counts.sum())
    if not total or not rows or not others:
        return Chance(0.0, 0.0)
    shares = tuple((counts / total).tolist())
    gaps = tuple(grid.gaps.tolist())
    if grid.kind == "numeric" and int((counts > 0).sum()) >= MANY_BINS:
        of_one = _limit(gaps, shares, tail, seed)
        few = _few(rows, others)
        return Chance(of_one.mean_square * few, of_one.upper * few**0.5)
    return _drawn(grid.kind, gaps, shares, rows, others, tail, seed)


def _few(rows: int, others: int) -> float:
    """What the variance of a difference between shares is proportional to."""
    return 1 / rows + 1 / others


@lru_cache(maxsize=256)
def _drawn(
    kind: Kind,
    gaps: tuple[float, ...],
    shares: tuple[float, ...],
    rows: int,
    others: int,
    tail: float,
    seed: int,
) -> Chance:
    """By drawing samples."""
    import numpy as np

    generator = np.random.default_rng(seed)
    weights = np.array(shares) / sum(shares)
    one = generator.multinomial(rows, weights, size=DRAWS).astype(np.float64)
    other = generator.multinomial(others, weights, size=DRAWS).astype(np.float64)
    none = np.array([], dtype=np.float64)
    names = tuple(map(str, range(len(shares)))) if kind != "numeric" else ()
    found = effects(Grid(kind, none, np.array(gaps), names), one, other)
    return _of(found, tail, _spread(gaps, shares) * _few(rows, others))


@lru_cache(maxsize=256)
def _limit(gaps: tuple[float, ...], shares: tuple[float, ...], tail: float, seed: int) -> Chance:
    """Of a number with many bins and a difference of variance 1: shares differ as normal deviates
    (the multivariate central limit), so that any number of rows is a matter of scale."""
    import numpy as np

    roots = np.sqrt(np.array(shares))
    deviates = np.random.default_rng(seed).normal(size=(DRAWS, len(roots)))
    apart = roots * (deviates - (deviates @ roots)[:, None] * roots)
    found = np.abs(np.cumsum(apart, axis=1))[:, :-1] @ np.array(gaps)
    return _of(found, tail, _spread(gaps, shares))


def _spread(gaps: tuple[float, ...], shares: tuple[float, ...]) -> float:
    """The variance of the scores of a number; 0 of a category."""
    import numpy as np

    if not gaps:
        return 0.0
    scores = np.concatenate([[0.0], np.cumsum(np.array(gaps))])
    mean = float(np.average(scores, weights=shares))
    return float(np.average(np.square(scores - mean), weights=shares))


def _of(found: "NDArray[np.float64]", tail: float, variance: float) -> Chance:
    import numpy as np

    square = float(np.square(found).mean())
    point = upper(found, tail)
    if variance and tail < SEEN:
        # No distance is larger than its largest part, the shift of the mean score, by much: beyond
        # what is seen its square falls off like that of a normal deviate with the variance of the
        # scores, the largest any 1-Lipschitz function of them has (Borell-TIS; Adler and Taylor
        # 2007, Random Fields and Geometry, 2.1). A fitted gamma falls off too soon.
        seen = float(np.quantile(found, 1 - SEEN))
        point = max(point, (seen**2 + 2 * variance * float(np.log(SEEN / tail))) ** 0.5)
    return Chance(square, point)


def upper(found: "NDArray[np.float64]", tail: float) -> float:
    """The point that ``tail`` of effects like these exceed, by a gamma distribution of their
    squares with the mean and variance seen: squared distances are sums of squares of nearly normal
    deviates, the scaled chi-square of Satterthwaite (1946), Biometrics Bulletin 2:110-114."""
    import numpy as np
    from scipy.special import gammainccinv

    squares = np.square(found)
    mean, variance = float(squares.mean()), float(squares.var(ddof=1))
    if mean <= 0:
        return 0.0
    if variance <= 1e-12 * mean**2:
        return float(np.sqrt(mean))
    shape, scale = mean**2 / variance, variance / mean
    return float(np.sqrt(gammainccinv(shape, tail) * scale))


def tail_of(false_alarms: float, comparisons: int) -> float:
    """The share of quiet effects that may exceed a single band, so that all bands of a night
    together are exceeded on at most ``false_alarms`` of the nights (Bonferroni)."""
    return false_alarms / max(comparisons, 1)


def band(
    single: Quiet,
    blocks: Quiet,
    nights: int,
    window: int,
    by_chance: float,
    tail: float,
    least: float,
) -> float:
    """From which effect on a column counts as moved, of ``nights`` nights in a row.

    ``single``: what quiet days show; ``blocks``: what ``window`` of them together do. A few weeks
    say little about how much weeks differ: it is never less than as if their days differed
    independently. Of fewer nights than the window has, something in between. ``least``: below it
    no effect counts.
    """
    one = single.between**2 * _times(single.sure, tail)
    whole = max(blocks.between**2 * _times(blocks.sure, tail), one / window)
    # As far between the two as 1 / nights is between 1 and 1 / window: right where days differ
    # independently, and where they do not differ within a window.
    share = (1 / min(max(nights, 1), window) - 1 / window) / (1 - 1 / window) if window > 1 else 1.0
    between = (whole + max(0.0, one - whole) * share) ** 0.5
    return float(max(least, (between**2 + by_chance**2) ** 0.5))


@lru_cache(maxsize=256)
def _times(sure: float, tail: float) -> float:
    """The square of Student's two-sided point: days differ by normal deviates, of a variance that
    is estimated with ``sure`` degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(sure, 1 - tail / 2)) ** 2 if sure > 0 else 0.0

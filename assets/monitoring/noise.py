"""What an effect size does when nothing has happened: the noise band of a column.

Two things make a distance larger than nought though the world is as it was: few rows, and that one
quiet day is not quite like another. The first is known from the reference alone, by drawing from it
(a bootstrap). The second is learned from the reference's own days: each is held against the days
around it, a week of them for a week. What the quiet days show beyond what so few rows explain is
how much they differ:

    between^2 = max(0, upper(days)^2 - upper(chance, rows of those days)^2)
    band^2    = between^2 + upper(chance, rows of tonight)^2

``upper`` is the point that one in many is above. As many as it takes: all columns of a night
together may be called moved, unchanged, on ``false_alarms`` of the nights. A hundred days cannot
show such a point, so it is read off a gamma distribution of the squared distances with their mean
and variance (squared distances are sums of squares of nearly normal deviations, the scaled
chi-square of Satterthwaite 1946, Biometrics Bulletin 2:110-114).

Days are held against their neighbours, not against all the rest: a world that wanders off slowly
within the training window has moved, and must not count as noise.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from assets.monitoring.effect import Grid, effects

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 400
"""Enough for a mean and a variance; the tail comes from the distribution fitted to them."""

REACH = 7
"""Days on either side that a quiet day is held against; of a longer window, twice its length."""

CAUTION = 3.0
"""The fitted tail is too thin at its end: simulated, bands exceeded once in a thousand by their
making are exceeded up to three times (see docs/monitoring.md)."""

FEWEST = 8
"""Blocks of quiet days; of fewer nothing is learned, and the band is chance alone."""

SURE = 2.0
"""Standard errors a learned spread is widened by."""


@dataclass(frozen=True)
class Quiet:
    """What the reference's days say about one column and one length of window."""

    between: float  # effect between quiet days beyond chance, at ``tail``
    blocks: int  # that were looked at; 0 where there were too few days
    tail: float


def quiet_days(
    grid: Grid, by_day: "NDArray[np.float64]", window: int, tail: float, seed: int
) -> Quiet:
    """How much blocks of ``window`` days differ from the days around them.

    ``by_day``: counts, days by rising date x bins. ``tail``: share of quiet blocks that may exceed.
    """
    import numpy as np

    days, reach = len(by_day), max(REACH, 2 * window)
    if days < window + 1:
        return Quiet(0.0, 0, tail)
    run = np.vstack([np.zeros(by_day.shape[1]), np.cumsum(by_day, axis=0)])
    starts = np.arange(0, days - window + 1)
    block = run[starts + window] - run[starts]
    around = run[np.minimum(starts + window + reach, days)] - run[np.maximum(starts - reach, 0)]
    around = around - block
    rows, others = block.sum(axis=1), around.sum(axis=1)
    # A rump of a day, like the first of a file, is no day like the others.
    typical = float(np.median(rows))
    sound = (rows >= typical / 2) & (others >= rows) & (rows > 1)
    if int(sound.sum()) < FEWEST:
        return Quiet(0.0, 0, tail)
    found = effects(grid, block[sound], around[sound])
    expected = chance(
        grid,
        by_day.sum(axis=0),
        int(np.median(rows[sound])),
        int(np.median(others[sound])),
        tail,
        seed,
    )
    between = float(np.sqrt(max(0.0, upper(found, tail) ** 2 - expected**2)))
    # A spread estimated on so many independent blocks may as well be this much larger: its standard
    # error is 1 / sqrt(2 n) of it.
    between *= 1 + SURE / float(np.sqrt(2 * days / window))
    return Quiet(between, int(sound.sum()), tail)


def chance(
    grid: Grid, counts: "NDArray[np.float64]", rows: int, others: int, tail: float, seed: int
) -> float:
    """The effect that ``tail`` of pairs of samples of ``rows`` and ``others`` rows exceed, both
    drawn from ``counts``."""
    total = float(counts.sum())
    if not total or not rows or not others:
        return 0.0
    shares = tuple((counts / total).tolist())
    return _chance(grid.kind, tuple(grid.gaps.tolist()), shares, rows, others, tail, seed)


@lru_cache(maxsize=256)
def _chance(
    kind: str,
    gaps: tuple[float, ...],
    shares: tuple[float, ...],
    rows: int,
    others: int,
    tail: float,
    seed: int,
) -> float:
    import numpy as np

    one, other = _drawn(shares, rows, others, seed)
    none = np.array([], dtype=np.float64)
    names = tuple(map(str, range(len(shares)))) if kind == "categorical" else ()
    grid = Grid("categorical" if names else "numeric", none, np.array(gaps), names)
    return upper(effects(grid, one, other), tail)


@lru_cache(maxsize=8)
def _drawn(
    shares: tuple[float, ...], rows: int, others: int, seed: int
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Bins of equal counts make the draws the same for every number without repeated values."""
    import numpy as np

    generator = np.random.default_rng(seed)
    weights = np.array(shares) / sum(shares)
    one = generator.multinomial(rows, weights, size=DRAWS).astype(np.float64)
    other = generator.multinomial(others, weights, size=DRAWS).astype(np.float64)
    return one, other


def upper(found: "NDArray[np.float64]", tail: float) -> float:
    """The point that ``tail`` of effects like these exceed, by a gamma distribution of their squares
    with the mean and variance seen."""
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


def tail_of(false_alarms: float, columns: int, windows: int) -> float:
    """The share of quiet effects that may exceed a single band, so that all bands of a night
    together are exceeded on ``false_alarms`` of the nights (Bonferroni, and CAUTION beside)."""
    return false_alarms / (CAUTION * max(columns, 1) * max(windows, 1))


def band(
    single: Quiet, blocks: Quiet, nights: int, window: int, by_chance: float, least: float
) -> float:
    """From which effect on a column counts as moved, of ``nights`` nights in a row.

    ``single``: what quiet days show; ``blocks``: what ``window`` of them together do. A few weeks
    say little about how much weeks differ: it is never less than as if their days differed
    independently. Of fewer nights than the window has, something in between. ``least``: below it
    no effect counts.
    """
    one, whole = single.between**2, max(blocks.between**2, single.between**2 / window)
    # As far between the two as 1 / nights is between 1 and 1 / window: right where days differ
    # independently, and where they do not differ within a window.
    share = (1 / min(max(nights, 1), window) - 1 / window) / (1 - 1 / window) if window > 1 else 1.0
    between = (whole + max(0.0, one - whole) * share) ** 0.5
    return float(max(least, (between**2 + by_chance**2) ** 0.5))

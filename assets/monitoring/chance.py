"""How far apart two samples of the *same* population land by chance alone.

A distance is never zero on a finite sample: with 100 unchanged rows, two comparisons in three
exceed a normed Wasserstein distance of 0.1. So a column counts as drifted only beyond what chance
explains for as many rows as there are. The floor is a bootstrap: both samples are redrawn from the
reference, many times, and the 99th percentile of their distances is taken.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 300
CATEGORY_DRAWS = 1000
"""More for categories: few values make few distinct distances, and drawing them is cheap."""

PERCENTILE = 99.0
BINS = 500
"""Equal-count bins a numeric reference is reduced to, which makes the cost independent of rows."""


def wasserstein_floor(reference: "NDArray[np.float64]", rows: int, seed: int) -> float:
    """99th percentile of the normed first Wasserstein distance between ``rows`` values and
    ``len(reference)`` values, both drawn from ``reference``.

    Normed by the standard deviation of the reference (0.001 at least), as Evidently does. The
    distance is the area between the two distribution functions.
    """
    import numpy as np

    if reference.size == 0 or rows == 0:
        return 0.0
    ordered = np.sort(reference)
    points = np.array([part.mean() for part in np.array_split(ordered, min(BINS, ordered.size))])
    distances = _gaps(ordered.size, rows, seed) @ np.diff(points)
    norm = max(float(np.std(reference)), 0.001)
    return float(np.percentile(distances, PERCENTILE, method="higher")) / norm


@lru_cache(maxsize=8)
def _gaps(reference_rows: int, rows: int, seed: int) -> "NDArray[np.float64]":
    """How far apart the two distribution functions are after each bin but the last, a row a draw.

    Bins of equal counts make this the same for every column with as many values: in a night that
    is most of them, and drawing costs more than the rest of the comparison.
    """
    import numpy as np

    bins = min(BINS, reference_rows)
    size = np.array([part.size for part in np.array_split(np.arange(reference_rows), bins)])
    current, redrawn = _redraw(size / reference_rows, rows, reference_rows, DRAWS, seed)
    gaps: NDArray[np.float64] = np.abs(np.cumsum(current - redrawn, axis=1))[:, :-1]
    gaps.flags.writeable = False
    return gaps


def jensen_shannon_floor(counts: "NDArray[np.float64]", rows: int, seed: int) -> float:
    """99th percentile of the Jensen-Shannon distance (natural logarithm) between ``rows`` values
    and ``counts.sum()`` values, both drawn from the categories ``counts`` counts.
    """
    import numpy as np

    total = int(counts.sum())
    if total == 0 or rows == 0:
        return 0.0
    current, redrawn = _redraw(counts / total, rows, total, CATEGORY_DRAWS, seed)
    distances = jensen_shannon(current, redrawn)
    return float(np.percentile(distances, PERCENTILE, method="higher"))


def jensen_shannon(p: "NDArray[np.float64]", q: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Jensen-Shannon distance along the last axis: the square root of the mean of both
    Kullback-Leibler divergences from the mixture, natural logarithm (0 to sqrt(ln 2) = 0.83)."""
    import numpy as np

    mixture = (p + q) / 2

    def divergence(x: "NDArray[np.float64]") -> "NDArray[np.float64]":
        ratio = np.divide(x, mixture, out=np.ones_like(mixture), where=x > 0)
        total: NDArray[np.float64] = (x * np.log(ratio)).sum(axis=-1)
        return total

    distance: NDArray[np.float64] = np.sqrt(np.maximum((divergence(p) + divergence(q)) / 2, 0.0))
    return distance


def _redraw(
    shares: "NDArray[np.float64]", rows: int, reference_rows: int, draws: int, seed: int
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    import numpy as np

    generator = np.random.default_rng(seed)
    current = generator.multinomial(rows, shares, size=draws) / rows
    redrawn = generator.multinomial(reference_rows, shares, size=draws) / reference_rows
    return current, redrawn

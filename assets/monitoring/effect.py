"""How far a distribution lies from another: effect sizes on counts, so that size costs nothing.

A column is reduced to counts once: of a number, how many values lie in each bin of the reference;
of a category, how many rows have it. Nights, weeks, quiet days of the reference and draws by chance
are then vectors of counts, and compared a thousand at a time.

- ``numeric``: first Wasserstein distance between the normal scores of the values, by the ranks of
  the reference (van der Waerden 1952, Indagationes Mathematicae 14:453-458). Of normal values that
  is the distance in standard deviations: a shift by half of one is an effect of 0.5. Of others it
  is what such a shift would be if the column were measured on the scale on which it is normal, so
  an income's few giants do not drown what happens to everybody else. What lies beyond the
  reference's range has the score of its outermost row.
- ``categorical``, ``presence`` (value against no value): Jensen-Shannon distance, natural
  logarithm, 0 to 0.83.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["numeric", "categorical", "presence"]

BINS = 100
"""Bins of equal counts a numeric reference is cut into, and one on either side for what lies beyond
it: a distance is then within a hundredth of that between the scores of the values themselves."""

CATEGORIES = 200
"""Categories told apart, the most frequent first; the others are one."""

OTHER, NEW = "(other)", "(new)"
"""Categories beyond CATEGORIES, and those the reference never had."""


@dataclass(frozen=True)
class Grid:
    """The bins of one column of the reference, and what distances are measured in."""

    kind: Kind  # numeric | categorical
    cuts: "NDArray[np.float64]"  # numeric: upper ends of all bins but the last; else empty
    gaps: "NDArray[np.float64]"  # numeric: between the scores of a bin and of the next; else empty
    categories: tuple[str, ...]  # categorical: OTHER and NEW last; else empty

    @property
    def size(self) -> int:
        return len(self.categories) if self.kind == "categorical" else len(self.gaps) + 1


def numeric_grid(values: "NDArray[np.float64]") -> Grid:
    """Bins of equal counts of the values; fewer where values repeat. ``values``: finite, any."""
    import numpy as np
    from scipy.special import ndtri

    rows = values.size
    if not rows:
        none = np.array([], dtype=np.float64)
        return Grid("numeric", none, none, ())
    ordered = np.sort(values)
    places = (np.arange(1, BINS) * rows) // BINS
    inner = np.unique(ordered[places])
    inner = inner[inner < ordered[-1]]
    ends = np.concatenate([[0], np.searchsorted(ordered, inner, side="right"), [rows]])
    shares = np.diff(ends) / rows
    scores = ndtri(np.cumsum(shares) - shares / 2)
    spread = float(np.sqrt(np.average(np.square(scores), weights=shares)))
    outermost = float(ndtri(1 - 1 / (2 * max(rows, 2))))
    scores = np.concatenate([[min(-outermost, scores[0])], scores, [max(outermost, scores[-1])]])
    below = np.nextafter(ordered[0], -np.inf)
    cuts = np.concatenate([[below], inner, [ordered[-1]]])
    # Of a constant all scores are nought: what is not the constant is as far as can be.
    return Grid("numeric", cuts, np.diff(scores) / (spread or 1.0), ())


def category_grid(values: "NDArray[np.object_]") -> Grid:
    """The categories of the values (text), the most frequent first, equals by name."""
    import numpy as np

    names, counts = np.unique(values.astype(str), return_counts=True)
    order = np.lexsort((names, -counts))[:CATEGORIES]
    none = np.array([], dtype=np.float64)
    kept = tuple(str(name) for name in names[order])
    return Grid("categorical", none, none, (*kept, OTHER, NEW))


def bins_of(grid: Grid, values: "NDArray[np.generic]", known: frozenset[str]) -> "NDArray[np.intp]":
    """The bin of each value. ``known``: of a category, all names the reference has."""
    import numpy as np

    if grid.kind == "numeric":
        found: NDArray[np.intp] = np.searchsorted(grid.cuts, values, side="left")
        return found
    names, places = np.unique(values.astype(str), return_inverse=True)
    # The last two are ours, whatever the data's own are called.
    at = {name: place for place, name in enumerate(grid.categories[:-2])}
    other, new = grid.size - 2, grid.size - 1
    codes = np.array(
        [at.get(n, other if n in known else new) for n in names.tolist()], dtype=np.intp
    )
    return codes[places] if len(codes) else np.array([], dtype=np.intp)


def effects(
    grid: Grid, one: "NDArray[np.float64]", other: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    """Distance between counts along the last axis, broadcast over the others; 0 of nothing."""
    import numpy as np

    p, q = _shares(one), _shares(other)
    some = (p.sum(axis=-1) > 0) & (q.sum(axis=-1) > 0)
    if grid.kind == "numeric":
        apart = np.abs(np.cumsum(p - q, axis=-1))[..., :-1]
        found: NDArray[np.float64] = apart @ grid.gaps
    else:
        found = jensen_shannon(p, q)
    return np.where(some, found, 0.0)


def jensen_shannon(p: "NDArray[np.float64]", q: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Jensen-Shannon distance along the last axis: the square root of the mean of both
    Kullback-Leibler divergences from the mixture, natural logarithm (0 to sqrt(ln 2) = 0.83).

    Source: Endres and Schindelin (2003), IEEE Transactions on Information Theory 49:1858-1860.
    """
    import numpy as np

    mixture = (p + q) / 2

    def divergence(x: "NDArray[np.float64]") -> "NDArray[np.float64]":
        ratio = np.divide(x, mixture, out=np.ones_like(mixture), where=x > 0)
        total: NDArray[np.float64] = (x * np.log(ratio)).sum(axis=-1)
        return total

    distance: NDArray[np.float64] = np.sqrt(np.maximum((divergence(p) + divergence(q)) / 2, 0.0))
    return distance


def _shares(counts: "NDArray[np.float64]") -> "NDArray[np.float64]":
    import numpy as np

    total = counts.sum(axis=-1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(
        counts, total, out=np.zeros_like(counts, dtype=np.float64), where=total > 0
    )
    return shares

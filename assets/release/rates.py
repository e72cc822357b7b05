"""Shares of cases where several cases may be about one entity, and differences of two of them.

Cases of one entity tell less than as many of different ones. The design effect (Rao and Scott 1992,
Biometrics 48:577-585) says how much less: hits and cases are divided by it, and what holds of
independent cases holds of the rest. Intervals are Wilson's for a share and Newcombe's for a
difference (1998, Statistics in Medicine 17:873-890, method 10, of two samples; 17:2635-2650, method
10, of the same cases twice), which know that a share of 0 is not certain to be 0.
"""

from math import sqrt
from typing import TYPE_CHECKING, cast

from assets.training.evidence import Interval
from assets.training.gates.shares import Share

if TYPE_CHECKING:
    import numpy as np


def design_effect(values: "np.ndarray", entities: "np.ndarray") -> float:
    """How many cases are worth one independent case; at least 1.

    ``values``: a number per case, like 0 or 1. ``entities``: the same whole number (from 0) for
    cases of one entity. Where all values are equal nothing shows how alike the cases of an entity
    are, and each entity counts once.
    """
    import numpy as np

    if not len(values):
        return 1.0
    apart = values - values.mean()
    within = float(np.square(apart).sum())
    clusters = len(np.unique(entities))
    if within == 0 or clusters == 1:
        return len(values) / clusters
    sums = np.bincount(entities, weights=apart)
    # Either sum of squares by its own degrees of freedom: of cases that are all of different
    # entities the effect is 1.
    between = float(np.square(sums).sum()) / (clusters - 1) * clusters
    return max(1.0, between / within * (len(values) - 1) / len(values))


def share_of(hits: "np.ndarray", entities: "np.ndarray") -> Share:
    """The share of cases with a hit (bool), counted as so many independent cases as it is worth.

    Raises ValueError without cases.
    """
    if not len(hits):
        raise ValueError("no case has no share")
    effect = design_effect(hits.astype("float64"), entities)
    # Parts of a case: the closed forms take them, as Rao and Scott use them.
    return Share(cast(int, float(hits.sum()) / effect), cast(int, len(hits) / effect))


def paired_difference(
    one: "np.ndarray", other: "np.ndarray", entities: "np.ndarray", confidence: float
) -> Interval:
    """Share of hits in ``one`` less that in ``other``, both (bool) of the same cases.

    Raises ValueError without cases.
    """
    import numpy as np

    if not len(one):
        raise ValueError("no case has no share")
    effect = design_effect(one.astype("float64") - other.astype("float64"), entities)
    counts = np.bincount(2 * one.astype("int64") + other.astype("int64"), minlength=4) / effect
    neither, only_other, only_one, both = (float(n) for n in counts)
    rows = neither + only_other + only_one + both
    a = Share(cast(int, both + only_one), cast(int, rows)).interval(confidence)
    b = Share(cast(int, both + only_other), cast(int, rows)).interval(confidence)
    alike = _correlation(both, only_one, only_other, neither)
    value = a.value - b.value

    def reach(first: float, second: float) -> float:
        squares = first**2 - 2 * alike * first * second + second**2
        return sqrt(max(0.0, squares))

    return Interval(
        value,
        value - reach(a.value - a.low, b.high - b.value),
        value + reach(a.high - a.value, b.value - b.low),
        confidence,
    )


def _correlation(both: float, only_one: float, only_other: float, neither: float) -> float:
    """Newcombe's phi with his correction for continuity; 0 where a margin is empty."""
    margins = (
        (both + only_one) * (only_other + neither) * (both + only_other) * (only_one + neither)
    )
    if margins <= 0:
        return 0.0
    product = both * neither - only_one * only_other
    if product > 0:
        product = max(0.0, product - (both + only_one + only_other + neither) / 2)
    return product / sqrt(margins)


def percent(found: Interval) -> str:
    """A share and its interval in words."""
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def points(found: Interval) -> str:
    """A difference of two shares and its interval in words."""
    return f"{100 * found.value:+.1f} points ({100 * found.low:+.1f} to {100 * found.high:+.1f})"

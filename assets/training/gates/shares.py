"""Shares of groups, how far two of them are apart, and an AUC, with intervals that hold at 0 and 1.

A bootstrap of a share that is 0 gives 0 every time, and with it a certainty nobody has; these
closed forms do not. Sources: Wilson (1927), JASA 22:209-212, for one share; Newcombe (1998),
Statistics in Medicine 17:873-890, method 10, for a difference; Donner and Zou (2012), Statistical
Methods in Medical Research 21:347-359 (MOVER), for a ratio: both recover the interval of the pair
from the two Wilson intervals. Newcombe (2006), Statistics in Medicine 25:559-573, method 5, for an
AUC, which is a share of pairs.
"""

from dataclasses import dataclass
from math import atanh, inf, sqrt, tanh
from statistics import NormalDist

from assets.training.evidence import Interval


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    rows: int

    @property
    def value(self) -> float:
        return self.hits / self.rows

    def interval(self, confidence: float) -> Interval:
        """Wilson's score interval."""
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        share, n = self.value, self.rows
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        # At 0 and 1 rounding may leave the share a hair outside its own interval.
        low, high = min(max(0.0, middle - half), share), max(min(1.0, middle + half), share)
        return Interval(share, low, high, confidence)


def difference(one: Share, other: Share, confidence: float) -> Interval:
    """``one - other`` of two independent groups (Newcombe's method 10)."""
    a, b = one.interval(confidence), other.interval(confidence)
    value = a.value - b.value
    low = value - sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)
    high = value + sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2)
    return Interval(value, low, high, confidence)


def ratio(one: Share, other: Share, confidence: float) -> Interval:
    """``one / other`` of two independent groups (MOVER-R); 1 where neither has a hit."""
    a, b = one.interval(confidence), other.interval(confidence)
    if not other.hits:
        # Nothing is known against the group with hits, or against either.
        return Interval(inf if one.hits else 1.0, 0.0, inf, confidence)
    product = a.value * b.value
    over, under = b.high * (2 * b.value - b.high), b.low * (2 * b.value - b.low)
    least, most = a.low * (2 * a.value - a.low), a.high * (2 * a.value - a.high)
    # The roots of the paper; the lower one in the form that divides by no difference.
    low = least / (product + sqrt(max(0.0, product**2 - least * over))) if one.hits else 0.0
    high = (product + sqrt(max(0.0, product**2 - most * under))) / under
    return Interval(a.value / b.value, low, high, confidence)


def auc_interval(area: float, inside: int, outside: int, confidence: float) -> Interval:
    """An AUC of so many rows on either side (Newcombe 2006, method 5).

    The values whose own standard error (Hanley and McNeil 1982, each side of the mean size) puts
    ``area`` within reach, found by halving.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    more = (inside + outside) / 2 - 1

    def holds(at: float) -> bool:
        spread = at * (1 - at) * (1 + more * ((1 - at) / (2 - at) + at / (1 + at)))
        return abs(area - at) <= z * sqrt(spread / (inside * outside))

    ends = []
    for far in (0.0, 1.0):
        near = area
        for _ in range(40):
            middle = (near + far) / 2
            near, far = (middle, far) if holds(middle) else (near, middle)
        ends.append(near)
    return Interval(area, ends[0], ends[1], confidence)


def correlation_interval(value: float, rows: int, confidence: float) -> Interval:
    """A correlation from 0 to 1 by Fisher's transformation, as Bonett and Wright (2000),
    Psychometrika 65:23-28, give its standard error for Spearman's."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    held = min(max(value, 0.0), 1 - 1e-12)
    half = z * sqrt((1 + held**2 / 2) / max(rows - 3, 1))
    low, high = max(0.0, tanh(atanh(held) - half)), tanh(atanh(held) + half)
    return Interval(value, min(low, value), max(high, value), confidence)

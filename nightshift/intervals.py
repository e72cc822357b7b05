"""Shares with the interval they come with: what every comparison of groups is told in.

Wilson (1927), JASA 22:209-212, for a share; Newcombe (1998), Statistics in Medicine 17:873-890,
method 10, for the difference of two. Cases count as independent: where many are of one entity, the
truth is less certain than the interval.
"""

from assets.training.evidence import Interval
from assets.training.gates.shares import Share
from assets.training.gates.shares import difference as newcombe
from nightshift.errors import ReadError

CONFIDENCE = 0.95

FEWEST = 30
"""Cases below which nobody should be told about a group: an interval of 30 is some 35 points wide,
and of a handful one may guess who they are."""


def share(hits: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """``hits`` of ``n`` cases as a share from 0 to 1 with Wilson's interval.

    Raises ReadError without cases.
    """
    return _share(hits, n).interval(confidence)


def difference(
    hits: int, n: int, other_hits: int, other_n: int, confidence: float = CONFIDENCE
) -> Interval:
    """Share of one group less that of another, of cases that are in one of them only (Newcombe).

    Raises ReadError where one of them has no cases.
    """
    return newcombe(_share(hits, n), _share(other_hits, other_n), confidence)


def _share(hits: int, n: int) -> Share:
    if not 0 <= hits <= n or n == 0:
        raise ReadError(f"{hits} of {n} cases is no share")
    return Share(int(hits), int(n))

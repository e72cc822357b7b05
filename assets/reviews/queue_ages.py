"""How long cases have been waiting."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

from assets.spec import closes_at

AGES = (1, 2, 3, 7)
"""Days at which a new group begins."""


def by_age(days: Sequence[tuple[str, int]], now: datetime) -> dict[str, int]:
    """Cases by time since the close of their night; ``days``: business day (ISO), cases of it."""
    ends = [timedelta(days=n) for n in AGES]
    names = [f"< {AGES[0]} day", *(f"{a}-{b} days" for a, b in pairwise(AGES))]
    groups = dict.fromkeys([*names, f"> {AGES[-1]} days"], 0)
    for day, count in days:
        age = now - closes_at(date.fromisoformat(day))
        place = sum(age >= end for end in ends)
        groups[list(groups)[place]] += count
    return groups

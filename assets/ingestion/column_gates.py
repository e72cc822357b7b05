"""Gates at the door that hold each column of a day against the days before.

They look for what is broken (an outage, another unit, another code list), not for a world that
has changed. A column that leaves its past behind every day by its nature, like a running number,
is not judged by it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from assets.ingestion.day_gates import Evidence, Finding, insufficient
from assets.ingestion.profile import QUANTILES
from assets.ingestion.source_days import SourceDay, names_of

RECENT = 8
"""Days of the history that are themselves held against the days before them."""

OFTEN = 2
"""So many of them beyond the limit, and that is how the column is."""

ROOM = 3
"""The range of the days before is widened on both sides by its size (its width, or the largest
number in it if that is more) times this over the number of days: three days have not seen all that
is usual, fifty have. A day written as 20260331 is followed by 20260401."""

MEDIAN = QUANTILES.index(0.5)

NAMED = 3
"""Columns a message spells out; the figures hold all of them."""


@dataclass
class ColumnFindings:
    """What was found of the columns of a day."""

    figures: dict[str, Any] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    too_little: list[str] = field(default_factory=list)
    by_nature: list[str] = field(default_factory=list)

    def finding(
        self, evidence: Evidence, threshold: Mapping[str, Any], fine: str, remedy: str
    ) -> Finding:
        """All columns in one verdict."""
        figures = dict(self.figures)
        if self.by_nature:
            figures["not judged, so by nature"] = self.by_nature
        if self.too_little:
            figures["not judged, too little evidence"] = self.too_little
        if self.broken:
            shown = "; ".join(f"{name} {text}" for name, text in list(self.broken.items())[:NAMED])
            others = ", ".join(list(self.broken)[NAMED:])
            return Finding(
                "fail",
                f"{shown}{f'; and so {others}' if others else ''}, in "
                f"{names_of(evidence.files)}. {remedy}",
                figures,
                threshold,
            )
        if self.too_little and not self.figures:
            limits = evidence.limits
            return insufficient(
                f"{evidence.today.validated} rows and {len(evidence.history)} days before are too "
                f"few to judge {', '.join(self.too_little[:NAMED])} ({limits.min_rows} rows with "
                f"a value and {limits.min_history} such days are needed)",
                **figures,
            )
        if not self.figures:
            fine = "by nature it leaves its past behind, or has no past to speak of"
        seen = f"{len(self.figures)} columns judged" if self.figures else "no column to judge"
        return Finding("pass", f"{seen}: {fine}", figures, threshold)


def null_share(evidence: Evidence, columns: Sequence[str]) -> Finding:
    """Rise of a column's share of nulls over its median in the days before."""
    limit, found = evidence.limits.null_share, ColumnFindings()
    days = _full_enough(evidence)
    for name in columns:
        now = _nulls(evidence.today, name)
        before = [share for d in days if (share := _nulls(d, name)) is not None]
        few = evidence.today.validated < evidence.limits.min_rows
        if now is None or few or len(before) < evidence.limits.min_history:
            found.too_little.append(name)
            continue
        usual = median(before)
        found.figures[name] = {"nulls": round(now, 4), "before": round(usual, 4)}
        if now - usual > limit:
            found.broken[name] = f"is null in {now:.0%} of the rows ({usual:.0%} before)"
    return found.finding(
        evidence,
        {"rise": limit},
        "no share of nulls has risen by more than allowed",
        f"Allowed is a rise by {limit:.0%}. Ask the source what happened to the column, drop a "
        "corrected file and run the day again; if it is right so, raise gates.null_share",
    )


def range_drift(evidence: Evidence, columns: Sequence[str]) -> Finding:
    """Share of a column's values outside the range of the days before: from the lowest of their
    1 % quantiles to the highest of their 99 % quantiles, with ROOM around it."""
    limit, found = evidence.limits.range_drift, ColumnFindings()
    for name in columns:
        days = days_with(evidence, name)
        if days is None:
            found.too_little.append(name)
        elif is_so_by_nature(_outside, days, name, limit):
            found.by_nature.append(name)
        else:
            low, high = _envelope(days, name)
            share = _outside(days, evidence.today, name)
            found.figures[name] = {"outside": round(share, 4), "range": [low, high]}
            if share > limit:
                middle = evidence.today.columns[name]["quantiles"][MEDIAN]
                found.broken[name] = (
                    f"has {share:.0%} of its values outside {low:g} to {high:g}, the range of "
                    f"{len(days)} days before with room around it (median now {middle:g})"
                )
    return found.finding(
        evidence,
        {"outside": limit},
        "their values lie where they lay before",
        f"Allowed are {limit:.0%}. Ask the source whether unit or meaning changed, drop a "
        "corrected file and run the day again; if it is right so, raise gates.range_drift",
    )


def category_drift(evidence: Evidence, columns: Sequence[str]) -> Finding:
    """Total variation distance of a column's shares to their mean in the days before, beyond what
    chance makes of so few rows."""
    limit, found = evidence.limits.category_drift, ColumnFindings()
    for name in columns:
        days = [d for d in _full_enough(evidence, name) if "shares" in d.columns[name]]
        if evidence.today.present(name) < evidence.limits.min_rows:
            found.too_little.append(name)
        elif len(days) < evidence.limits.min_history:
            # Texts that never repeat have no categories; that is nothing more days would tell.
            if days or len(_full_enough(evidence, name)) < evidence.limits.min_history:
                found.too_little.append(name)
        elif is_so_by_nature(_distance, days, name, limit):
            found.by_nature.append(name)
        else:
            distance = _distance(days, evidence.today, name)
            found.figures[name] = {"distance": round(distance, 4)}
            if distance > limit:
                found.broken[name] = _moved(days, evidence.today, name, distance)
    return found.finding(
        evidence,
        {"distance": limit},
        "their categories come about as often as before",
        f"Allowed is a distance of {limit:g}. Ask the source whether its codes changed, drop a "
        "corrected file and run the day again; if it is right so, raise gates.category_drift",
    )


Statistic = Callable[[Sequence[SourceDay], SourceDay, str], float]


def is_so_by_nature(
    statistic: Statistic, days: Sequence[SourceDay], name: str, limit: float
) -> bool:
    """Do the days before, each held against those before it, go beyond the limit as well?"""
    beyond = 0
    for at in range(max(1, len(days) - RECENT), len(days)):
        beyond += statistic(days[:at], days[at], name) > limit
    return beyond >= OFTEN


def _full_enough(evidence: Evidence, name: str | None = None) -> list[SourceDay]:
    """Days before with rows enough to say something (of a column: with values enough)."""
    return [
        d
        for d in evidence.history
        if (d.validated if name is None else d.present(name)) >= evidence.limits.min_rows
    ]


def days_with(evidence: Evidence, name: str) -> list[SourceDay] | None:
    """Days before with values enough, if there are enough of them and today has enough too."""
    days = [d for d in _full_enough(evidence, name) if d.columns[name].get("quantiles")]
    today = evidence.today
    enough = today.present(name) >= evidence.limits.min_rows and today.columns[name]["quantiles"]
    return days if enough and len(days) >= evidence.limits.min_history else None


def _nulls(day: SourceDay, name: str) -> float | None:
    nulls: float | None = day.columns.get(name, {}).get("nulls")
    return nulls


def _envelope(days: Sequence[SourceDay], name: str) -> tuple[float, float]:
    quantiles = [d.columns[name]["quantiles"] for d in days]
    low, high = min(q[0] for q in quantiles), max(q[-1] for q in quantiles)
    room = max(high - low, abs(low), abs(high)) * ROOM / len(days)
    return low - room, high + room


def _outside(days: Sequence[SourceDay], today: SourceDay, name: str) -> float:
    low, high = _envelope(days, name)
    said = today.columns[name]
    values = [said["min"], *said["quantiles"], said["max"]]
    shares = (0.0, *QUANTILES, 1.0)
    # The same on the mirrored line: what lies above is what lies below the negative.
    mirrored = [-value for value in reversed(values)]
    left = [1 - share for share in reversed(shares)]
    return _below(values, shares, low) + _below(mirrored, left, -high)


def _below(values: Sequence[float], shares: Sequence[float], bound: float) -> float:
    """Share of values below ``bound``: the quantiles joined by straight lines, ties as steps."""
    for at, value in enumerate(values):
        if value >= bound:
            if at == 0 or value == bound:
                # Whole numbers come in steps: what is surely below, not what may be.
                return shares[max(at - 1, 0)]
            step = (bound - values[at - 1]) / (value - values[at - 1])
            return shares[at - 1] + step * (shares[at] - shares[at - 1])
    return 1.0


def _mean_shares(days: Sequence[SourceDay], name: str) -> dict[str, float]:
    names = sorted({category for d in days for category in d.columns[name]["shares"]})
    return {c: fmean(d.columns[name]["shares"].get(c, 0.0) for d in days) for c in names}


def _distance(days: Sequence[SourceDay], today: SourceDay, name: str) -> float:
    """Total variation distance, less what it is on average by chance alone.

    The mean absolute deviation of a share p in n draws is about sqrt(2 p (1 - p) / (pi n)), and
    never more than 2 p (1 - p).
    """
    shares = today.columns[name].get("shares")
    if shares is None:
        # No categories any more. With far more values than ever it is another kind of column;
        # with a few more than can be kept it is not judged.
        most = max(d.columns[name]["distinct"] for d in days)
        return 1.0 if today.columns[name]["distinct"] > 2 * most else 0.0
    before = _mean_shares(days, name)
    rows = today.present(name)
    seen = sum(abs(shares.get(c, 0.0) - before.get(c, 0.0)) for c in {*shares, *before})
    chance = sum(
        min(2 * p * (1 - p), math.sqrt(2 * p * (1 - p) / (math.pi * rows))) for p in before.values()
    )
    distance: float = max(0.0, (seen - chance) / 2)
    return distance


def _moved(days: Sequence[SourceDay], today: SourceDay, name: str, distance: float) -> str:
    shares = today.columns[name].get("shares")
    if shares is None:
        return f"has {today.columns[name]['distinct']} different values and no categories any more"
    before = _mean_shares(days, name)
    most = max(sorted({*shares, *before}), key=lambda c: abs(shares.get(c, 0) - before.get(c, 0)))
    return (
        f"has moved by {distance:.2f} (most of all '{most}': {shares.get(most, 0):.0%} now, "
        f"{before.get(most, 0):.0%} before)"
    )

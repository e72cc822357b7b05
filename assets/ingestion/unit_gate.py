"""Gate at the door: has a column come in another unit, or without its decimals?"""

import math
from collections.abc import Sequence
from statistics import median

from assets.ingestion.column_gates import ColumnFindings, days_with, is_so_by_nature
from assets.ingestion.day_gates import Evidence, Finding
from assets.ingestion.profile import QUANTILES
from assets.ingestion.source_days import SourceDay

UNIT_TOLERANCE = 1.5
"""A factor of 67 to 150 is 'about 100': the quartiles of forty rows wander by a third."""

HAD_DECIMALS = 0.2
EXPECTED_DECIMALS = 10
"""So many values with a fraction should have come: that none did is then no accident (e**-10)."""

QUARTILES = tuple(QUANTILES.index(q) for q in (0.25, 0.5, 0.75))
UPPER_TAIL = tuple(QUANTILES.index(q) for q in (0.9, 0.95, 0.99))


def unit_error(evidence: Evidence, columns: Sequence[str]) -> Finding:
    """Is a column multiplied by a power of ten, or has it lost its decimals?"""
    found = ColumnFindings()
    for name in columns:
        days = days_with(evidence, name)
        if days is None:
            found.too_little.append(name)
            continue
        power = _power_of_ten(days, evidence.today, name)
        lost = _decimals_lost(days, evidence.today, name)
        if power and is_so_by_nature(_any_power, days, name, 0):
            found.by_nature.append(name)
            continue
        found.figures[name] = {"factor": 10.0**power, "decimals lost": lost}
        if power:
            found.broken[name] = _scaled(days, evidence.today, name, power)
        elif lost:
            usual = _usual_fractions(days, name)
            found.broken[name] = f"has lost its decimals ({usual:.0%} of its values had some)"
    return found.finding(
        evidence,
        {"factor": 1.0, "tolerance": UNIT_TOLERANCE, "decimals lost": False},
        "no other unit, no lost decimals",
        "Ask the source for the file in the agreed unit, drop it in its place and run the day "
        "again; if the unit is to change, change the contract and move the history away",
    )


def _any_power(days: Sequence[SourceDay], today: SourceDay, name: str) -> float:
    return abs(_power_of_ten(days, today, name))


def _power_of_ten(days: Sequence[SourceDay], today: SourceDay, name: str) -> int:
    """The power of ten by which the day's quartiles all differ from the usual ones; 0: none.

    Where most values are zero, the upper quantiles speak. A quantile where it has been before on
    some day says nothing of a unit.
    """
    now = today.columns[name]["quantiles"]
    then = [d.columns[name]["quantiles"] for d in days]
    usual = _usual(days, name)
    used = _comparable(now, usual)
    if len(used) < 2:
        return 0
    powers = set()
    for at in used:
        ratio = now[at] / usual[at]
        there_before = min(q[at] for q in then) <= now[at] <= max(q[at] for q in then)
        if ratio <= 0 or there_before:
            return 0
        power = round(math.log10(ratio))
        if abs(math.log10(ratio) - power) > math.log10(UNIT_TOLERANCE):
            return 0
        powers.add(power)
    return powers.pop() if len(powers) == 1 else 0


def _usual(days: Sequence[SourceDay], name: str) -> list[float]:
    return [median(d.columns[name]["quantiles"][at] for d in days) for at in range(len(QUANTILES))]


def _comparable(now: Sequence[float], usual: Sequence[float]) -> list[int]:
    """Which quantiles have a ratio: the quartiles, and the upper ones if most values are zero."""
    used = [at for at in QUARTILES if now[at] and usual[at]]
    if len(used) < 2:
        used += [at for at in UPPER_TAIL if now[at] and usual[at]]
    return used


def _scaled(days: Sequence[SourceDay], today: SourceDay, name: str, power: int) -> str:
    by = f"multiplied by {10**power:,}" if power > 0 else f"divided by {10**-power:,}"
    now, usual = today.columns[name]["quantiles"], _usual(days, name)
    used = _comparable(now, usual)
    at = QUARTILES[1] if QUARTILES[1] in used else used[-1]
    what = "median" if at == QUARTILES[1] else f"{QUANTILES[at]:.0%} quantile"
    return f"looks {by} ({what} {now[at]:g} now, {usual[at]:g} in {len(days)} days before)"


def _usual_fractions(days: Sequence[SourceDay], name: str) -> float:
    usual: float = median(d.columns[name]["fraction_share"] for d in days)
    return usual


def _decimals_lost(days: Sequence[SourceDay], today: SourceDay, name: str) -> bool:
    usual = _usual_fractions(days, name)
    expected = usual * today.present(name)
    lost = today.columns[name]["fraction_share"] == 0
    return bool(lost and usual >= HAD_DECIMALS and expected >= EXPECTED_DECIMALS)

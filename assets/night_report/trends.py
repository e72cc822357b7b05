"""The last nights as series: what is drawn small, many beside each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from assets.night_report.measures import OVERALL, Measure
from assets.night_report.names import ESTIMATED, Named, name_of
from assets.night_report.words import USUAL, Unit, figure, short_day, sure
from assets.release.non_inferiority import compared_by
from assets.tables import DRIFT, ECONOMICS, PERFORMANCE
from assets.training.gates.shares import Share

if TYPE_CHECKING:
    from assets.night_report.reading import Record

BROKEN = ("fail", "moved", "matters", "drifted")
"""Verdicts that a mark stands for."""


@dataclass(frozen=True)
class Point:
    """One night of a series."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    limit: float | None = None
    trained: float | None = None  # the same figure in the training of who decided that night
    broken: bool = False  # beyond its limit
    few: bool = False  # too few cases to judge it


@dataclass(frozen=True)
class Line:
    """A series; only nights that have a value. ``name``: to tell two of a picture apart."""

    points: Mapping[date, Point] = field(hash=False)
    name: str = ""


@dataclass(frozen=True)
class Trend:
    """One small picture."""

    key: str
    title: str
    unit: Unit
    lines: tuple[Line, ...]
    now: str  # tonight's figure; a dash where there is none
    sure: str  # its interval and how many cases, or why there is none
    meaning: str = ""
    currency: str = ""
    limit_name: str = "limit"
    from_zero: bool = False
    within: tuple[float, float] | None = None
    """Range of the picture, where it is to be that of others beside it."""

    @property
    def empty(self) -> bool:
        return not any(line.points for line in self.lines)


def business(record: "Record") -> list[Trend]:
    """What the business asks: how many, how many without a person, at what cost, worth what."""
    budget = replace(_trend(record, ECONOMICS, "night_cost", zero=True), limit_name="budget")
    return [
        _trend(record, ECONOMICS, "cases", zero=True),
        _trend(record, ECONOMICS, "approval_rate"),
        _trend(record, ECONOMICS, "automation_rate"),
        budget,
        _value(record),
        _trend(record, ECONOMICS, "queue_open", zero=True),
        _trend(record, ECONOMICS, "queue_oldest_days", zero=True),
    ]


def model(record: "Record") -> list[Trend]:
    """What whoever answers for the model asks: as it learnt it, as good as it was?"""
    metric = compared_by(record.spec)
    found = [
        _trend(record, DRIFT, "input_moved", zero=True),
        _trend(record, PERFORMANCE, metric, trained=_trained(metric)),
        _trend(record, DRIFT, f"{ESTIMATED}{metric}"),
    ]
    if record.spec.model.task == "binary":
        found.append(_trend(record, PERFORMANCE, "calibration_error", zero=True))
    return found


def of_subject(record: "Record", table: str, measure: str, subject: str, title: str) -> Trend:
    """A measure of one group or reason."""
    found = _trend(record, table, measure, subject)
    return replace(found, title=title, key=f"{measure} {subject}", meaning="")


def alike(trends: Sequence[Trend]) -> list[Trend]:
    """The trends, all on one scale: that of the figures, and of intervals not wider than them."""
    values = [
        value
        for shown in trends
        for line in shown.lines
        for one in line.points.values()
        for value in (one.value, one.limit)
        if value is not None
    ]
    if not values:
        return list(trends)
    low, high = min(values), max(values)
    room = (high - low) / 2 or abs(high) / 10 or 0.1
    return [replace(shown, within=(low - room, high + room)) for shown in trends]


def point(one: Measure, unit: Unit, trained: float | None = None) -> Point | None:
    """A measure as a point; None without a value. A share without an interval on record gets
    Wilson's, of its n."""
    if one.value is None:
        return None
    low, high = ends(one, unit)
    return Point(
        one.value, low, high, one.n, one.limit, trained, one.verdict in BROKEN,
        one.verdict == "insufficient",
    )  # fmt: skip


def ends(one: Measure, unit: Unit) -> tuple[float | None, float | None]:
    """The ends of a measure's interval; of a share without one Wilson's at 95 %."""
    if one.low is not None or unit != "share" or not one.n or one.value is None:
        return one.low, one.high
    if not 0 <= one.value <= 1:
        return None, None
    found = Share(round(one.value * one.n), one.n).interval(USUAL)
    return found.low, found.high


def told(record: "Record", one: Measure | None, named: Named) -> tuple[str, str]:
    """A measure's figure, and how sure it is; where there is none, why."""
    currency = record.spec.economics.currency
    if one is None:
        return figure(None, named.unit), "not on record this night"
    few = too_few(record, one, named)
    if one.value is None:
        return figure(None, named.unit), few or str(
            one.detail.get("why") or "could not be computed"
        )
    low, high = ends(one, named.unit)
    # A count that was counted is not said twice.
    n = None if named.unit == "count" and one.n == round(one.value) else one.n
    known = sure(low, high, n, named.unit, currency, named.of, one.confidence)
    return figure(one.value, named.unit, currency), "; ".join(part for part in (known, few) if part)


def too_few(record: "Record", one: Measure, named: Named) -> str:
    """``not enough known outcomes yet: 120 of 200``; empty where there is enough."""
    if one.verdict != "insufficient":
        return ""
    limits = record.spec.monitoring
    asked = {PERFORMANCE: limits.performance.min_labels, DRIFT: limits.drift.min_rows}
    needed, what = asked.get(one.table), f"{named.of}s"
    if needed is not None and one.n is not None and one.n < needed:
        return f"not enough {what} yet: {one.n} of {needed}"
    why = str(one.detail.get("why") or "")
    return f"not enough {what} yet" + (f": {why}" if why else "")


def _trend(
    record: "Record",
    table: str,
    measure: str,
    subject: str = OVERALL,
    *,
    zero: bool = False,
    trained: Callable[["Record", Measure], float | None] | None = None,
) -> Trend:
    named, over = name_of(measure), record.measures.over(table, measure, subject)
    points = {}
    for day, one in over.items():
        found = point(one, named.unit, trained(record, one) if trained else None)
        if found is not None:
            points[day] = found
    now, known = told(record, over.get(record.day), named)
    if record.day not in over and points:
        last = max(points)
        known = f"not on record this night; on {short_day(last)}: " + figure(
            points[last].value, named.unit, record.spec.economics.currency
        )
    return Trend(
        key=measure,
        title=named.title,
        unit=named.unit,
        lines=(Line(points),),
        now=now,
        sure=known,
        meaning=named.meaning,
        currency=record.spec.economics.currency if named.unit == "money" else "",
        from_zero=zero,
    )


def _value(record: "Record") -> Trend:
    """Expected and realised value in one picture."""
    expected = _trend(record, ECONOMICS, "expected_value")
    realised = _trend(record, ECONOMICS, "realised_value")
    lines = (
        replace(expected.lines[0], name="expected"),
        replace(realised.lines[0], name="realised"),
    )
    if expected.empty and realised.empty and record.spec.economics.approve is None:
        known = "the spec says nothing of what a case is worth (economics.approve)"
    else:
        known = f"expected of tonight (solid); realised {realised.now} (dashed)"
        known += f", {realised.sure}" if realised.sure else ""
    return replace(
        expected, key="value", title="Value of the decisions", lines=lines, sure=known,
        from_zero=True, meaning=f"{expected.meaning} {name_of('realised_value').meaning}",
    )  # fmt: skip


def at_training(
    record: "Record", metric: str, version: int | None, one: Measure | None
) -> float | None:
    """The metric on rows a version had not seen, when it was trained; None where nobody knows."""
    known = one.detail.get("trained") if one is not None else None
    if known is None:
        known = (record.trained.get(version or 0, {}).get("metrics") or {}).get(metric)
    return float(known) if isinstance(known, int | float) else None


def _trained(metric: str) -> Callable[["Record", Measure], float | None]:
    return lambda record, one: at_training(record, metric, one.model_version, one)

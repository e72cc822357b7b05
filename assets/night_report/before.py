"""What a figure was before the night: the middle of the nights before it."""

from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assets.night_report.measures import Measure
    from assets.night_report.reading import Record

NIGHTS = 28
"""That "before" looks back: four of each weekday."""


def before(record: "Record", table: str, measure: str, subject: str) -> tuple[float | None, int]:
    """Median of the 28 nights before, and how many of them have a value; None without any."""
    over = record.measures.over(table, measure, subject)
    return middle(over, record.day)


def middle(over: "Mapping[date, Measure]", day: date) -> tuple[float | None, int]:
    """As :func:`before`, of measures by night."""
    first = day - timedelta(days=NIGHTS)
    values = [m.value for d, m in over.items() if first <= d < day and m.value is not None]
    return (median(values), len(values)) if values else (None, 0)

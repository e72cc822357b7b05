"""Measures on record: what the tables say of a night, found by name."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from assets.lake import PARTITION
from assets.night_report.words import USUAL

OVERALL = "overall"
CHAMPION = "champion"


@dataclass(frozen=True)
class Measure:
    """A row of one of the measured tables (:data:`assets.tables.MEASURES_SCHEMA`), of one night."""

    table: str
    day: date
    measure: str
    subject: str = OVERALL
    arm: str = ""  # empty: of no arm
    model_version: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    limit: float | None = None
    verdict: str = ""  # empty: nothing judges it
    detail: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def own(self) -> bool:
        """Of whoever decides, not of a canary or a challenger beside."""
        return self.arm in ("", CHAMPION)

    @property
    def group(self) -> tuple[str, str] | None:
        """Column and group of a subject like ``age=30-45``; None of any other."""
        column, equals, value = self.subject.partition("=")
        return (column, value) if equals else None

    @property
    def confidence(self) -> float:
        """Of the interval, as its detail says it; 95 % where it says nothing."""
        found = self.detail.get("confidence")
        return float(found) if isinstance(found, int | float) else USUAL

    @property
    def times(self) -> float | None:
        """The value in multiples of its limit; None without either."""
        if self.value is None or not self.limit:
            return None
        return self.value / self.limit


class Measures:
    """Rows of several nights and tables."""

    def __init__(self, rows: Iterable[Measure]) -> None:
        self._by_name: dict[tuple[str, str], list[Measure]] = defaultdict(list)
        self._tables: dict[date, set[str]] = defaultdict(set)
        for row in sorted(rows, key=lambda row: (row.day, row.subject, row.arm)):
            self._by_name[row.table, row.measure].append(row)
            self._tables[row.day].add(row.table)

    def has(self, table: str, day: date) -> bool:
        """Is there any row of the night?"""
        return table in self._tables.get(day, ())

    def of(self, table: str, measure: str, day: date, subject: str = OVERALL) -> Measure | None:
        """The measure of a night, of whoever decides; None where it is not on record."""
        found = [m for m in self.all_of(table, measure, day) if m.subject == subject and m.own]
        return found[-1] if found else None

    def all_of(self, table: str, measure: str, day: date) -> list[Measure]:
        """The measure of a night for every subject and arm, by subject."""
        return [m for m in self._by_name.get((table, measure), ()) if m.day == day]

    def over(self, table: str, measure: str, subject: str = OVERALL) -> dict[date, Measure]:
        """The measure of every night, of whoever decides."""
        rows = self._by_name.get((table, measure), ())
        return {row.day: row for row in rows if row.subject == subject and row.own}

    def subjects(self, table: str, measure: str) -> list[str]:
        """Everything the measure was taken of, sorted."""
        return sorted({row.subject for row in self._by_name.get((table, measure), ())})

    def names(self, table: str, prefix: str) -> list[str]:
        """Measures of a table whose name begins so, sorted."""
        return sorted(n for t, n in self._by_name if t == table and n.startswith(prefix))


def measure_of(table: str, row: Mapping[str, Any]) -> Measure:
    """A row of a table, with its day. A detail that is no JSON object counts as empty."""
    try:
        detail = json.loads(row.get("detail") or "{}")
    except ValueError:
        detail = {}
    named = {name: row[name] for name in ("measure", "subject", "model_version", "value")}
    ends = {name: row[name] for name in ("low", "high", "n", "limit")}
    return Measure(
        table=table,
        day=row[PARTITION],
        arm=row["arm"] or "",
        verdict=row["verdict"] or "",
        detail=detail if isinstance(detail, dict) else {},
        **named,
        **ends,
    )

"""The nights of a use case as weeks: how each went, and the way to its page."""

from dataclasses import dataclass
from datetime import date, timedelta

from assets.night_report.reading import Record
from assets.night_report.status_line import WORDS, Tone, tones
from assets.night_report.words import day as said_day
from assets.night_report.words import short_day


@dataclass(frozen=True)
class Cell:
    """A night of the calendar. ``tone`` None: outside the nights on record."""

    day: date
    tone: Tone | None
    said: str = ""

    @property
    def short(self) -> str:
        return short_day(self.day)


def calendar(record: Record) -> list[list[Cell]]:
    """Weeks from Monday to Sunday, the newest first, that hold the record's nights."""
    found = tones(record)
    if not found:
        return []
    first = min(found) - timedelta(days=min(found).weekday())
    weeks = ((record.day - first).days // 7) + 1
    return [
        [_cell(first + timedelta(days=7 * week + place), found) for place in range(7)]
        for week in reversed(range(weeks))
    ]


def _cell(day: date, tones: dict[date, Tone]) -> Cell:
    tone = tones.get(day)
    return Cell(day, tone, f"{said_day(day)}: {WORDS[tone].lower()}" if tone else "")

"""Nights as read from the lake, kept while nothing in the lake has changed."""

from datetime import date
from threading import Lock
from typing import TYPE_CHECKING

from assets.night_report.reading import TABLES, Record, read_record

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from orchestration.desk.service import Service

MOST = 64
"""Records kept: a few megabytes."""

Key = tuple[str, date]
Versions = tuple[int, ...]


class Records:
    """The records a desk has read. Safe for several threads."""

    def __init__(self) -> None:
        self._kept: dict[Key, tuple[Versions, Record]] = {}
        self._lock = Lock()

    def of(self, desk: "Service", spec: "UseCaseSpec", day: date) -> Record:
        """The record of a night; read anew when one of its tables has another version."""
        key, now = (spec.name, day), _versions(desk, spec.name)
        with self._lock:
            known = self._kept.get(key)
        if known is not None and known[0] == now:
            return known[1]
        record = read_record(desk.lake, spec, day)
        with self._lock:
            self._kept.pop(key, None)
            while len(self._kept) >= MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (now, record)
        return record


def record_of(desk: "Service", spec: "UseCaseSpec", day: date) -> Record:
    """The record of a night of a desk's use case."""
    return desk.records.of(desk, spec, day)


def _versions(desk: "Service", use_case: str) -> Versions:
    return tuple(
        desk.lake.version(use_case, table) if desk.lake.exists(use_case, table) else -1
        for table in TABLES
    )

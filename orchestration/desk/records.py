"""Nights as read from the lake, kept while nothing in the lake has changed."""

from datetime import date
from threading import Lock
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.night_report.reading import TABLES, Record, read_record

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from orchestration.desk.service import Service

MOST = 8
"""Records kept, of some five megabytes each."""

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


def unreadable() -> tuple[type[Exception], ...]:
    """What reading a use case's tables can end in: refusals of ours, and files that are damaged."""
    import pyarrow as pa
    from deltalake.exceptions import DeltaError

    return (NightshiftError, OSError, DeltaError, pa.ArrowException)


def said(error: Exception) -> str:
    """What a page says of it. A library's words may be of a file, and help nobody here."""
    if isinstance(error, NightshiftError):
        return str(error)
    return f"Its tables cannot be read ({type(error).__name__}): have the lake looked at."


def _versions(desk: "Service", use_case: str) -> Versions:
    return tuple(
        desk.lake.version(use_case, table) if desk.lake.exists(use_case, table) else -1
        for table in TABLES
    )

"""The days of a source as they are on record: their profiles, and the files they came in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from assets.lake import PARTITION, Lake
from assets.tables import files, profile

PENDING = "pending"
"""Input digest of a day whose rows are being replaced: what its profile says is not so yet."""

READ = (
    "landed",
    "validated",
    "quarantined",
    "future",
    "duplicates",
    "newest",
    "rows_hash",
    "input_digest",
    "columns",
    PARTITION,
)


@dataclass(frozen=True)
class SourceDay:
    """One profile: a day of a source, or a snapshot under the date of its file."""

    day: date
    landed: int
    validated: int
    quarantined: int
    future: int
    duplicates: int
    newest: datetime | None
    rows_hash: str
    input_digest: str
    columns: dict[str, dict[str, Any]]

    def present(self, column: str) -> int:
        """Rows in which the column has a value, as far as the profile tells."""
        nulls = self.columns.get(column, {}).get("nulls")
        return 0 if nulls is None else round(self.validated * (1 - nulls))


@dataclass(frozen=True)
class LandedFile:
    """One file of a day, with how many rows it brought."""

    day: date
    file: str
    sha256: str
    landed: int


def source_days(
    lake: Lake, use_case: str, source: str, first: date | None, last: date
) -> list[SourceDay]:
    """Complete profiles of the days first..last (None: from the beginning), ascending."""
    table = profile(source)
    if not lake.exists(use_case, table):
        return []
    rows = lake.read(use_case, table, columns=READ, first=first, last=last)
    found = []
    for row in rows.to_pylist():
        if row["input_digest"] == PENDING:
            continue
        row["columns"] = json.loads(row["columns"] or "{}")
        found.append(SourceDay(day=row.pop(PARTITION), **row))
    return sorted(found, key=lambda each: each.day)


def files_on_record(
    lake: Lake, use_case: str, source: str, first: date | None, last: date
) -> list[LandedFile]:
    """Files of the days first..last (None: from the beginning), by day and name."""
    table = files(source)
    if not lake.exists(use_case, table):
        return []
    wanted = ["file", "sha256", "landed", PARTITION]
    rows = lake.read(use_case, table, columns=wanted, first=first, last=last)
    found = [LandedFile(day=row.pop(PARTITION), **row) for row in rows.to_pylist()]
    return sorted(found, key=lambda each: (each.day, each.file))


def input_digests(
    lake: Lake, use_case: str, source: str, first: date | None, last: date
) -> dict[date, str]:
    """Digest of what each day was made of, for the days first..last that have a profile."""
    table = profile(source)
    if not lake.exists(use_case, table):
        return {}
    wanted = ["input_digest", PARTITION]
    rows = lake.read(use_case, table, columns=wanted, first=first, last=last).to_pylist()
    return {row[PARTITION]: row["input_digest"] for row in rows}


def names_of(landed: Sequence[LandedFile], shown: int = 3) -> str:
    """The files by name, for a message; many are counted."""
    names = [each.file for each in landed]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more if names else "no file"

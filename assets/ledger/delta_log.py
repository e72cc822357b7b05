"""What Delta's own log says of a table: its commits with their times, and its settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from assets.lake import Lake


@dataclass(frozen=True)
class Committed:
    """A commit. ``at`` is the wall clock of its writer, UTC."""

    version: int
    at: datetime
    operation: str


def commits(lake: "Lake", use_case: str, table: str) -> list[Committed]:
    """The commits the log still has, the oldest first."""
    found = [
        Committed(
            int(entry["version"]),
            datetime.fromtimestamp(int(entry.get("timestamp", 0)) / 1000, UTC),
            str(entry.get("operation", "")),
        )
        for entry in _open(lake, use_case, table).history()
    ]
    return sorted(found, key=lambda one: one.version)


def settings(lake: "Lake", use_case: str, table: str) -> dict[str, str]:
    """The table's properties (``delta.…``), as set."""
    return {
        str(key): str(value)
        for key, value in _open(lake, use_case, table).metadata().configuration.items()
    }


def change_settings(lake: "Lake", use_case: str, table: str, properties: Mapping[str, str]) -> None:
    """Set properties of a table, in one commit, on the disk when this returns."""
    from assets.durable import sync_commits
    from assets.storage_errors import storing

    delta = _open(lake, use_case, table)
    before = int(delta.version())
    path = lake.path(use_case, table)
    with storing(path):
        delta.alter.set_table_properties(dict(properties))
        delta.update_incremental()
        sync_commits(path, before, int(delta.version()))


def _open(lake: "Lake", use_case: str, table: str) -> "DeltaTable":
    from deltalake import DeltaTable

    return DeltaTable(str(lake.path(use_case, table)))

"""Few files instead of many: every row appended by itself is a file, and a read opens them all.

Rows, their order of commits and every earlier version stay as they are: the small files of a day
become one that holds the same, in a commit that says it changes no data (Delta protocol, "Remove
file", ``dataChange``), which an append-only table allows.
"""

from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.durable import sync_commits
from assets.lake import PARTITION
from assets.storage_errors import StorageError, storing

if TYPE_CHECKING:
    from assets.lake import Lake

MOST = 64
"""Small files a day (a table without days: in all) may have. Measured: reading a day of 120 takes
ten times as long as one of 12; and what is put together is written anew, while the files before it
stay as long as they are audited."""

SMALL = 8 * 2**20
"""Bytes; what is as large already is not written anew."""


def compact(lake: "Lake", use_case: str, table: str, day: date | None = None) -> bool:
    """Put the small files of an existing table together where they are many; whether that was done.

    To be called by the table's one writer. ``day``: only of that one. That it could not be done (no
    space, another commit in between) harms nothing, and is tried again next time.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    path = lake.path(use_case, table)
    with suppress(DeltaError, StorageError), storing(path):
        delta = DeltaTable(str(path))
        crowded = _crowded(delta, day)
        if not crowded:
            return False
        before = int(delta.version())
        for only in crowded:
            delta.optimize.compact(partition_filters=only, target_size=SMALL)
        delta.update_incremental()
        sync_commits(path, before, int(delta.version()))
        return True
    return False


def _crowded(delta: Any, day: date | None) -> list[Any]:
    """Filters of the days with too many small files; ``[None]`` is a whole table without days."""
    files = pa.table(delta.get_add_actions(flatten=True))
    small = files.filter(pc.less(files.column("size_bytes"), SMALL))
    column = f"partition.{PARTITION}"
    if column not in files.column_names:
        return [None] if small.num_rows >= MOST else []
    found = small.column(column).cast(pa.string()).value_counts().to_pylist()
    days = [one["values"] for one in found if one["counts"] >= MOST]
    return [
        [(PARTITION, "=", one)] for one in sorted(days) if day is None or one == day.isoformat()
    ]

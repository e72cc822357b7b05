"""Few files instead of many: a review is a commit of its own, and so is the checkpoint over it.

Rows, their order of commits and every earlier version stay as they are: a file for each of some
dozens of commits becomes one that holds the same, in a commit that says it changes no data (Delta
protocol, "Remove file", ``dataChange``), which an append-only table allows.
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

MOST = 32
"""Small files a day (a table without days: in all) may have. Measured: reading a day of 120 takes
ten times as long as one of 12."""

SMALL = 8 * 2**20
"""Bytes; what is as large already is not written anew."""


def compact(lake: "Lake", use_case: str, table: str, day: date | None = None) -> bool:
    """Put the small files of a day together when they are many; whether that was done.

    To be called by the table's one writer. ``day``: None for a table without days. That it could
    not be done (no space, another commit in between) harms nothing, and is tried again next time.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    path = lake.path(use_case, table)
    with suppress(DeltaError, StorageError), storing(path):
        delta = DeltaTable(str(path))
        if _small_files(delta, day) < MOST:
            return False
        before = int(delta.version())
        only: Any = [(PARTITION, "=", day.isoformat())] if day else None
        delta.optimize.compact(partition_filters=only, target_size=SMALL)
        delta.update_incremental()
        sync_commits(path, before, int(delta.version()))
        return True
    return False


def _small_files(delta: Any, day: date | None) -> int:
    files = pa.table(delta.get_add_actions(flatten=True))
    small = pc.less(files.column("size_bytes"), SMALL)
    if day is not None:
        own = pc.equal(files.column(f"partition.{PARTITION}").cast(pa.string()), day.isoformat())
        small = pc.and_(small, own)
    return int(pc.sum(small).as_py() or 0)

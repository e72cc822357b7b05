"""Putting together the many small files that append-only tables come to consist of.

Every append is a file, and a read opens them all. Compaction changes no row, and the versions
before it stay readable for as long as their files are kept.
"""

from typing import TYPE_CHECKING

from assets.release.one_writer import one_writer

if TYPE_CHECKING:
    from assets.lake import Lake

MOST_FILES = 50
"""Files of a table (of a day, where it is partitioned) that a night leaves as they are."""

MOST_BETWEEN = 200
"""The same between nights: every compaction writes all rows anew, and the files before it stay."""


def compact(lake: "Lake", use_case: str, *tables: str, most: int = MOST_FILES) -> list[str]:
    """Compact those of the tables that have more files than ``most``; which they were. On the disk
    when this returns."""
    return [table for table in tables if _compacted(lake, use_case, table, most)]


def _compacted(lake: "Lake", use_case: str, table: str, most: int) -> bool:
    from collections import Counter

    from deltalake import DeltaTable

    from assets.durable import sync_commits
    from assets.storage_errors import storing

    if not lake.exists(use_case, table):
        return False
    path = lake.path(use_case, table)
    files = Counter(uri.rpartition("/")[0] for uri in DeltaTable(str(path)).file_uris())
    if max(files.values(), default=0) <= most:
        return False
    with one_writer(lake, use_case, table), storing(path):
        delta = DeltaTable(str(path))
        before = int(delta.version())
        delta.optimize.compact()
        delta.update_incremental()
        sync_commits(path, before, int(delta.version()))
    return True

"""A disk that takes nothing more: one error, whichever library met it first.

The operating system, delta-rs, DuckDB, Arrow and SQLite each say it in their own way, some of them
wrapped in an error that gives other advice.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assets.errors import NightshiftError

REASONS = {
    errno.ENOSPC: ("no space is left on its disk", "Free space there"),
    errno.EDQUOT: ("the quota of this user is used up", "Free space there or raise the quota"),
    errno.EROFS: ("its file system is read-only", "Mount it writable"),
    errno.EACCES: ("this user may not write there", "Give this user the permission to write"),
    errno.EIO: ("its disk reports an error", "Have the disk looked at"),
}

SAID = {
    "No space left on device": errno.ENOSPC,
    "database or disk is full": errno.ENOSPC,
    "max_temp_directory_size": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "Read-only file system": errno.EROFS,
    "attempt to write a readonly database": errno.EROFS,
    "Permission denied": errno.EACCES,
    "Input/output error": errno.EIO,
    "disk I/O error": errno.EIO,
}
"""What libraries make of them that give no number."""

SPEAKERS = ("duckdb", "_duckdb", "deltalake", "_internal", "sqlite3", "pyarrow")
"""Libraries whose words are read; what another error quotes may be a cell of a file."""


class StorageError(NightshiftError):
    """Something cannot be written; says where, why and what to do."""


@contextmanager
def storing(place: Path) -> Iterator[None]:
    """Turn whatever error says that nothing can be written into a StorageError naming ``place``.

    Other errors pass as they are. Does not undo anything: what is published is so in whole commits
    and whole files.
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        why, mend = REASONS[reason]
        raise StorageError(
            f"{place} cannot be written: {why}{_free(place, reason)}. What was published before is "
            f"whole. {mend} and run this again: it completes what is missing."
        ) from error


def _reason(error: BaseException | None) -> int | None:
    """Number of the first thing in the chain of causes that means nothing can be written."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in REASONS:
            return error.errno
        spoken = type(error).__module__.split(".")[0] in SPEAKERS or isinstance(error, OSError)
        if spoken:
            for words, number in SAID.items():
                if words in str(error):
                    return number
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def _free(place: Path, reason: int) -> str:
    if reason != errno.ENOSPC:
        return ""
    there = next((folder for folder in (place, *place.parents) if folder.exists()), None)
    if there is None:
        return ""
    return f" ({shutil.disk_usage(there).free / 2**20:,.1f} MiB are free)"

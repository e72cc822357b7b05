"""Files that are there as a whole or not at all, and stay there through a power cut.

A file is written beside its place, synced, renamed, and its folder synced. A Delta commit is synced
after it is made: delta-rs leaves that to the operating system.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from assets.crash_points import reached
from assets.storage_errors import storing

PART = ".part"
_numbers = count()


def sync(path: Path) -> None:
    """Return when a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, to stay. Nothing is done when it is there."""
    if path.is_dir():
        return
    with storing(path):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True, mode=mode)
        for folder in missing:
            sync(folder.parent)


@contextmanager
def whole(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its place when the block ends, and not if it fails.

    ``private``: only this user may read it. What killed processes left beside is taken away.
    Raises StorageError when it cannot be written.
    """
    make_folder(path.parent)
    with storing(path), _written_beside(path, private) as (beside, file):
        yield file
        _finish(file)
        put_in_place(beside, path, synced=True)


def write_whole(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file as :func:`whole` does; text as UTF-8, line ends as they are."""
    with whole(path, private=private) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_first(path: Path, content: str, *, private: bool = False) -> None:
    """Write a file unless there is one, as a whole: of several processes one does."""
    make_folder(path.parent, 0o700 if private else 0o777)
    with storing(path), _written_beside(path, private) as (beside, file):
        file.write(content.encode())
        _finish(file)
        reached("file.synced")
        with suppress(FileExistsError):
            path.hardlink_to(beside)  # unlike a rename, it takes nobody's place
        reached("file.renamed")
        sync(path.parent)


def put_in_place(beside: Path, path: Path, *, synced: bool = False) -> None:
    """Rename a finished file on the same disk to its place, to stay there."""
    with storing(path):
        if not synced:
            sync(beside)
        reached("file.synced")
        beside.replace(path)
        reached("file.renamed")
        sync(path.parent)


def remove(path: Path) -> None:
    """Delete a file for good; nothing is done when it is not there."""
    with storing(path):
        if not path.exists():
            return
        path.unlink(missing_ok=True)
        reached("file.removed")
        sync(path.parent)


@contextmanager
def _written_beside(path: Path, private: bool) -> Iterator[tuple[Path, BinaryIO]]:
    beside = _beside(path)
    reached("file.begun")
    mode = 0o600 if private else 0o666
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield beside, file
    finally:
        beside.unlink(missing_ok=True)


def _finish(file: BinaryIO) -> None:
    file.flush()
    reached("file.written")
    os.fsync(file.fileno())


def _beside(path: Path) -> Path:
    """A name of its own beside ``path``, hidden; those of processes that are no more are freed."""
    start = f".{path.name}."
    for left in path.parent.iterdir():
        if left.name.startswith(start) and left.name.endswith(PART):
            owner = left.name[len(start) : -len(PART)].split("-")[0]
            if owner.isdigit() and not alive(int(owner)):
                left.unlink(missing_ok=True)
    return path.with_name(f"{start}{os.getpid()}-{next(_numbers)}{PART}")


def alive(process: int) -> bool:
    """Is there a process of this number?"""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sync_folder_tree(folder: Path) -> None:
    """Sync every file and folder under ``folder``, and its own place in the folder above."""
    for root, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(root, name))
        sync(Path(root))
    sync(folder.parent)


def sync_commits(table: Path, after: int, upto: int) -> None:
    """Sync the Delta commits ``after + 1 .. upto`` of a table: data files, log, their folders.

    The log names the files of a commit, so the table is not walked. Commits of others among them
    are synced too.
    """
    log = table / "_delta_log"
    folders: dict[Path, None] = {}
    entries = [log / f"{version:020}.json" for version in range(after + 1, upto + 1)]
    for entry in entries:
        with entry.open("rb") as lines:
            for line in lines:
                if line.startswith(b'{"add"'):
                    file = table / unquote(json.loads(line)["add"]["path"])
                    sync(file)
                    folders[file.parent] = None
                    if file.parent != table:
                        folders[table] = None  # a partition's folder may be new
    for folder in folders:
        sync(folder)
    for entry in entries:
        sync(entry)
    for version in range(after + 1, upto + 1):
        checkpoint = log / f"{version:020}.checkpoint.parquet"
        if checkpoint.exists():
            sync(checkpoint)
            sync(log / "_last_checkpoint")
    sync(log)

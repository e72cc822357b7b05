"""Files whole or not there, commits on the disk, one clear error when nothing can be written."""

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from assets import durable
from assets.durable import make_folder, put_in_place, remove, whole, write_first, write_whole
from assets.errors import NightshiftError
from assets.lake import Lake
from assets.storage_errors import StorageError, storing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_its_folders_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "page.html"
    write_whole(path, "größer\r\n")
    assert path.read_bytes() == "größer\r\n".encode()
    write_whole(path, b"again")
    assert path.read_bytes() == b"again"
    assert names(path.parent) == ["page.html"]


def test_until_the_block_ends_readers_see_the_old_file_and_after_a_failure_too(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    write_whole(path, "old")
    with whole(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"

    def fail() -> None:
        with whole(path) as file:
            file.write(b"half")
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        fail()
    assert path.read_text() == "new"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o644)])
def test_a_private_file_is_its_owners_alone(tmp_path: Path, private: bool, mode: int) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "file", "x", private=private)
        write_first(tmp_path / "first", "x", private=private)
    finally:
        os.umask(before)
    for name in ("file", "first"):
        assert (tmp_path / name).stat().st_mode & 0o777 == mode


def test_what_killed_processes_left_beside_is_taken_away_and_what_others_write_stays(
    tmp_path: Path,
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f".file.{ended.pid}-0.part"
    living = tmp_path / f".file.{os.getppid()}-0.part"
    other = tmp_path / f".another.{ended.pid}-0.part"
    for path in (left, living, other):
        path.write_text("half")
    write_whole(tmp_path / "file", "whole")
    assert names(tmp_path) == sorted([living.name, other.name, "file"])


def test_the_first_to_write_a_file_once_wins(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    write_first(path, "mine", private=True)
    write_first(path, "yours", private=True)
    assert path.read_text() == "mine"
    assert names(path.parent) == ["key"]
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_files_written_elsewhere_are_put_in_place_and_files_are_removed(tmp_path: Path) -> None:
    (tmp_path / "beside").write_text("done")
    put_in_place(tmp_path / "beside", tmp_path / "file")
    assert names(tmp_path) == ["file"]
    remove(tmp_path / "file")
    remove(tmp_path / "file")
    assert names(tmp_path) == []


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is synced, in order: read from the descriptors themselves."""
    found: list[Path] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", fsync)
    return found


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
def test_a_file_is_synced_before_the_rename_and_the_folder_after(
    tmp_path: Path, synced: list[Path]
) -> None:
    write_whole(tmp_path / "a" / "file", "x")
    assert synced[0] == tmp_path  # the new folder's name
    assert synced[1].name.startswith(".file.")
    assert synced[2:] == [tmp_path / "a"]
    synced.clear()
    make_folder(tmp_path / "a")
    assert synced == []


@linux
def test_a_commit_syncs_its_own_files_its_log_entry_and_their_folders(
    tmp_path: Path, synced: list[Path]
) -> None:
    lake = Lake(tmp_path / "lake")
    schema = pa.schema([("n", pa.int64())])
    lake.ensure("plant", "rows", schema)
    table = lake.path("plant", "rows")
    log = table / "_delta_log"
    assert {log / f"{0:020}.json", log, table, table.parent, lake.root, tmp_path} <= set(synced)

    def data() -> set[Path]:
        return set(table.rglob("*.parquet"))

    for version, day in ((1, date(2026, 3, 1)), (2, date(2026, 3, 2)), (3, date(2026, 3, 1))):
        before = data()
        synced.clear()
        lake.replace_day("plant", "rows", day, pa.table({"n": [version]}, schema=schema))
        new = data() - before
        assert len(new) == 1
        folder = table / f"partition_date={day}"
        assert set(synced) == new | {folder, table, log / f"{version:020}.json", log}
        # The entry says that the files are there: they are first.
        assert synced.index(next(iter(new))) < synced.index(log / f"{version:020}.json")
    synced.clear()
    assert not lake.replace_day("plant", "rows", day, pa.table({"n": [3]}, schema=schema)).changed
    assert synced == []


@linux
def test_an_append_and_a_checkpoint_are_synced_too(tmp_path: Path, synced: list[Path]) -> None:
    lake = Lake(tmp_path / "lake")
    schema = pa.schema([("n", pa.int64())])
    lake.ensure("plant", "log", schema, partitioned=False, append_only=True)
    log = lake.path("plant", "log") / "_delta_log"
    checkpoint = None
    for number in range(1, 130):
        synced.clear()
        version = lake.append("plant", "log", pa.table({"n": [number]}, schema=schema)).version
        assert version == number
        assert {log / f"{version:020}.json", log} <= set(synced)
        assert sum(path.suffix == ".parquet" and path.parent != log for path in synced) == 1
        if (log / "_last_checkpoint").exists():
            checkpoint = log / f"{version:020}.checkpoint.parquet"
            break
    assert checkpoint is not None
    assert {checkpoint, log / "_last_checkpoint"} <= set(synced)


def cause(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


def duckdb_error(text: str) -> Exception:
    import duckdb

    return duckdb.IOException(text)


def delta_error(text: str) -> Exception:
    from deltalake.exceptions import DeltaError

    return DeltaError(text)


UNWRITABLE: dict[str, tuple[Callable[[], Exception], str]] = {
    "the system": (lambda: OSError(errno.ENOSPC, "No space left on device"), "no space is left"),
    "delta-rs": (
        lambda: delta_error("IO error: No space left on device (os error 28)"),
        "no space",
    ),
    "DuckDB": (lambda: duckdb_error("IO Error: Could not write: Read-only file system"), "only"),
    "SQLite": (lambda: sqlite3.OperationalError("database or disk is full"), "no space is left"),
    "wrapped": (
        lambda: cause(NightshiftError("replace the file"), duckdb_error("No space left on device")),
        "no space is left",
    ),
    "quota": (lambda: OSError(errno.EDQUOT, "Disk quota exceeded"), "quota"),
}


@pytest.mark.parametrize("who", UNWRITABLE)
def test_whoever_finds_the_disk_unwritable_the_message_is_one(tmp_path: Path, who: str) -> None:
    make, reason = UNWRITABLE[who]
    with pytest.raises(StorageError) as found, storing(tmp_path / "lake"):
        raise make()
    said = str(found.value)
    assert str(tmp_path / "lake") in said
    assert reason in said
    assert "run this again" in said
    assert "\n" not in said


OTHERS: dict[str, Callable[[], Exception]] = {
    "a missing file": lambda: FileNotFoundError(errno.ENOENT, "No such file or directory"),
    "a cell that says so": lambda: NightshiftError("'No space left on device' is no number"),
    "a value that says so": lambda: ValueError("No space left on device"),
    "another error of a library": lambda: duckdb_error("Conversion Error: x"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_errors_pass_as_they_are(tmp_path: Path, what: str) -> None:
    error = OTHERS[what]()
    with pytest.raises(type(error)) as found, storing(tmp_path):
        raise error
    assert found.value is error


def test_a_full_disk_is_told_with_what_is_free_of_it(tmp_path: Path) -> None:
    free = pytest.raises(StorageError, match=r"\([\d.,]+ MiB are free\)")
    with free, storing(tmp_path / "not" / "there"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_the_numbers_of_parts_differ_within_a_process(tmp_path: Path) -> None:
    with whole(tmp_path / "file") as one, durable.whole(tmp_path / "file") as two:
        one.write(b"one")
        two.write(b"two")
    assert (tmp_path / "file").read_text() == "one"

"""The landing zone: which files a source dropped for a day. Read-only, always."""

import hashlib
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from assets.errors import NightshiftError
from assets.source_spec import SourceSpec

# Looks ahead, so that what is no date does not hide one that begins within it. Without dashes it
# must begin a run of digits: any long number has eight of them that would do.
DAY_IN_NAME = re.compile(r"(?=(\d{4})-(\d{2})-(\d{2}))|(?<!\d)(?=(\d{4})-?(\d{2})-?(\d{2}))")
SUFFIXES = {"csv": (".csv", ".csv.gz", ".csv.zip", ".zip"), "parquet": (".parquet",)}
UNFINISHED_PREFIXES = (".", "_", "~")
UNFINISHED_SUFFIXES = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")


class LandingError(NightshiftError):
    """A file that should be there is not, or cannot be used. Says what, where, what to do."""


def unreadable(path: Path, format_: str, reason: str) -> LandingError:
    """The refusal of a file that is not what it should be."""
    return LandingError(
        f"{path} cannot be read as {format_}: {reason}. Nothing of it was taken; "
        "replace the file and run the partition again."
    )


def file_day(path: Path) -> date | None:
    """Business date in a file's name (``YYYY-MM-DD`` or ``YYYYMMDD``), None without one.

    The first that is a date: names have other numbers too (``sales2020-2026-03-01.csv``).
    """
    for match in DAY_IN_NAME.finditer(path.name):
        try:
            year, month, day = filter(None, match.groups())
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def is_data_file(name: str, spec: SourceSpec) -> bool:
    """Whether a name is one of a finished file of the source's format.

    Hidden names and those of files still under way (``_x.csv``, ``x.csv.part`` ...) are not.
    """
    lower = name.lower()
    if lower.startswith(UNFINISHED_PREFIXES) or lower.endswith(UNFINISHED_SUFFIXES):
        return False
    return lower.endswith(SUFFIXES[spec.format])


def landed_files(folder: Path, spec: SourceSpec) -> dict[date, list[Path]]:
    """Every file of a source by business date, in name order; hidden and foreign files ignored."""
    by_day: dict[date, list[Path]] = {}
    if not folder.is_dir():
        return by_day
    for path in sorted(folder.iterdir()):
        day = file_day(path)
        if day is not None and is_data_file(path.name, spec) and not path.is_dir():
            by_day.setdefault(day, []).append(path)
    return by_day


def files_for(folder: Path, source: str, spec: SourceSpec, day: date) -> list[Path]:
    """Files that make up a source's partition.

    A snapshot's partition is its newest file dated on or before ``day``. Raises LandingError
    when a source that must arrive has none.
    """
    by_day = landed_files(folder, spec)
    if spec.arrival == "snapshot":
        dated = [d for d in by_day if d <= day]
        if not dated:
            raise LandingError(
                f"source '{source}': no snapshot dated on or before {day} in {folder}. "
                f"Drop a {spec.format} file with its date in the name there and run again."
            )
        return by_day[max(dated)]
    found = by_day.get(day, [])
    if not found and spec.arrival == "daily":
        raise LandingError(
            f"source '{source}': no file for {day} in {folder}. Expected a {spec.format} file "
            f"with {day} in its name. Drop it there and run the partition again; "
            "earlier results are untouched."
        )
    return found


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(paths: Iterable[Path]) -> str:
    """One SHA-256 over names and contents, for telling whether a night's input changed."""
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.name}\0{file_digest(path)}\n".encode())
    return total.hexdigest()

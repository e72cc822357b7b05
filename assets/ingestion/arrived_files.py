"""What lies in a source's landing folder right now: files that can be taken, and what cannot."""

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from assets.home import Home
from assets.ingestion.landing import (
    SUFFIXES,
    UNFINISHED_PREFIXES,
    UNFINISHED_SUFFIXES,
    LandingError,
    file_day,
    is_data_file,
)
from assets.source_spec import SourceSpec
from assets.spec import UseCaseSpec

NAMED = 5
"""Files or days a note spells out."""


@dataclass(frozen=True)
class ArrivedFile:
    """A file that can be ingested. ``day``: in its name; ``partition``: whose run takes it;
    ``state``: another one after any change; ``changed``: its change time (ns since 1970)."""

    source: str
    path: Path
    day: date
    partition: date
    state: str
    changed: int
    size: int

    @property
    def name(self) -> str:
        return self.path.name


@dataclass
class Notes:
    """Why something waits or is ignored, and what: at most NAMED of each kind by name."""

    named: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, why: str, *names: str) -> None:
        if names:
            self.named.setdefault(why, {}).update(dict.fromkeys(names))

    def __str__(self) -> str:
        parts = []
        for why, names in self.named.items():
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            parts.append(f"{', '.join(list(names)[:NAMED])}{more} {why}")
        return "; ".join(parts)


def arrived_files(
    spec: UseCaseSpec, source: str, home: Home, notes: Notes
) -> dict[str, ArrivedFile]:
    """Files of a source by name; what lies beside them and cannot be taken goes into ``notes``.

    A snapshot is taken by the run of its own day; of those from before the first partition the
    newest, by that of the first partition. Raises LandingError for a folder that cannot be read.
    """
    declared, start = spec.sources[source], spec.start_date
    folder = home.landing_source(spec.name, source)
    entries = _entries(folder)
    days = {
        entry.name: day
        for entry in entries
        if is_data_file(entry.name, declared) and (day := file_day(Path(entry.name))) is not None
    }
    eldest = max((day for day in days.values() if day <= start), default=start)
    found = {}
    for entry in entries:
        if _unseen(entry.name):
            continue
        try:
            status = entry.stat()
        except FileNotFoundError:
            if entry.is_symlink():
                notes.add(f"of '{source}' ignored: a link to nothing", entry.name)
            continue  # taken away since it was listed
        except OSError as error:
            notes.add(f"of '{source}' ignored: {error.strerror}", entry.name)
            continue
        day = days.get(entry.name)
        if not stat.S_ISREG(status.st_mode) or day is None:
            notes.add(f"of '{source}' ignored: {_what(entry.name, status, declared)}", entry.name)
        elif declared.arrival != "snapshot" and day < start:
            notes.add(f"of '{source}' ignored: dated before the first day, {start}", entry.name)
        elif declared.arrival != "snapshot" or day >= eldest:
            found[entry.name] = ArrivedFile(
                source=source,
                path=folder / entry.name,
                day=day,
                partition=max(day, start),
                state=state_of(status),
                changed=status.st_ctime_ns,
                size=status.st_size,
            )
    return found


def note_foreign_folders(spec: UseCaseSpec, home: Home, notes: Notes) -> None:
    """What lies beside the folders of the sources is most likely one of them, misspelt."""
    parent = home.landing_source(spec.name, "source").parent
    names = {entry.name for entry in _entries(parent) if not _unseen(entry.name)}
    sources = ", ".join(spec.sources)
    why = f"in {parent} ignored: no source of {spec.name} (those are {sources})"
    notes.add(why, *sorted(names - set(spec.sources)))


def state_of(status: os.stat_result) -> str:
    """Another one after any change to a file, or when another file took its place."""
    seen = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def states_of(found: Iterable[ArrivedFile]) -> str:
    """Another one when any of the files has another state, or another file is among them."""
    states = sorted((file.name, file.state) for file in found)
    return hashlib.sha256(repr(states).encode()).hexdigest()[:32]


def _what(name: str, status: os.stat_result, source: SourceSpec) -> str:
    if stat.S_ISDIR(status.st_mode):
        return "a folder (files in folders are not taken)"
    if not stat.S_ISREG(status.st_mode):
        return "no regular file"
    if file_day(Path(name)) is None:
        return "no date (like 2026-01-31) in the name"
    return f"no {' or '.join(SUFFIXES[source.format])} file"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []  # a source that never sent anything
    except OSError as error:
        raise LandingError(
            f"{folder} cannot be looked into ({error.strerror}). Files are dropped there: make it "
            "a folder that the user who runs this may read."
        ) from error


def _unseen(name: str) -> bool:
    lower = name.lower()
    return lower.startswith(UNFINISHED_PREFIXES) or lower.endswith(UNFINISHED_SUFFIXES)

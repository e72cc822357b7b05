"""Files that came, as requests to ingest their days; nothing is asked for twice.

A look lists the landing zone and tells by a file's change time whether it is new: no program can
set that time, while ``cp -p`` keeps a modification time of long ago. A file is taken when it was
the same at two looks in a row; a day, when all its files are and no source that sends daily is
missing. What one look must remember for the next is in its cursor.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from assets.home import Home
from assets.ingestion.arrival_cursor import Cursor, Waiting, dumped, loaded
from assets.ingestion.arrived_files import (
    ArrivedFile,
    Notes,
    arrived_files,
    note_foreign_folders,
    state_of,
    states_of,
)
from assets.ingestion.landing import file_digest
from assets.ingestion.source_days import PENDING, input_digests
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec
from assets.tables import files

BYTES_A_LOOK = 4 * 2**30
"""So much is read before the rest is left to the next look: Dagster ends a look after a minute."""


@dataclass(frozen=True)
class Request:
    """Days first..last to ingest in one run. ``run_key``: equal only for the same files again."""

    first: date
    last: date
    run_key: str


@dataclass(frozen=True)
class Look:
    """What a look found. ``cursor`` goes into the next look; ``note`` says what waits or is
    ignored, and why; it is empty only when there are requests and nothing else to tell."""

    requests: list[Request]
    cursor: str
    note: str


@dataclass(frozen=True)
class _Recorded:
    sha256: str
    size: int
    run_id: str


Record = Mapping[tuple[str, date], Mapping[str, _Recorded]]
"""By source and day, the files on record by name; a day that is not complete is not there."""


@dataclass
class _Looking:
    """A look under way."""

    spec: UseCaseSpec
    before: Mapping[str, Cursor]
    bytes_left: int
    notes: Notes = field(default_factory=Notes)
    found: dict[str, dict[str, ArrivedFile]] = field(default_factory=dict)
    of_day: dict[date, list[ArrivedFile]] = field(default_factory=lambda: defaultdict(list))
    waiting: dict[str, dict[str, Waiting]] = field(default_factory=dict)
    unsettled: list[ArrivedFile] = field(default_factory=list)

    def waits(self, file: ArrivedFile) -> Waiting | None:
        return self.waiting[file.source].get(file.name)

    def wait(self, file: ArrivedFile, sha256: str = "") -> None:
        self.waiting[file.source][file.name] = Waiting(file.state, sha256)

    def dealt_with(self, day: date) -> None:
        for file in self.of_day[day]:
            self.waiting[file.source].pop(file.name, None)


def look(
    spec: UseCaseSpec,
    home: Home,
    lake: Lake,
    cursor: str | None,
    last_day: date,
    max_runs: int = 10,
    *,
    max_bytes: int = BYTES_A_LOOK,
) -> Look:
    """Which days to ingest because files came, by what the look before remembered.

    ``last_day``: newest closed partition; files of later days wait. At most ``max_runs`` requests:
    of single days, or when more are due, of days on end joined. A request is made once for what
    landed and what is on record of it; the cursor is to be kept only when the requests are.

    Raises LandingError for a folder that cannot be read; the cursor of the look before then holds.
    """
    at = _Looking(spec, loaded(cursor), max_bytes)
    note_foreign_folders(spec, home, at.notes)
    for source in spec.sources:
        _see(at, home, lake, source)
    ready = _ready(at, last_day)
    record = _record(spec, lake, [file for day in ready for file in at.of_day[day]])
    due = {day: key for day in ready if (key := _judged(at, day, record)) is not None}
    requests = _requests(due, max_runs)
    left = set(due)
    for request in requests:
        for day in [day for day in left if request.first <= day <= request.last]:
            at.dealt_with(day)
            left.remove(day)
    at.notes.add("wait for the next look: the runs of this one are many", *map(str, sorted(left)))
    nothing = "" if requests else "no new files"
    return Look(requests, dumped(_remembered(at)), str(at.notes) or nothing)


def _see(at: _Looking, home: Home, lake: Lake, source: str) -> None:
    """List a source's folder; what is new or changed, or waited before, is now waiting."""
    before = at.before.get(source, Cursor())
    at.waiting[source] = {}
    at.found[source] = arrived_files(at.spec, source, home, at.notes)
    low = []
    for name, file in at.found[source].items():
        at.of_day[file.partition].append(file)
        old = before.waiting.get(name)
        if old is not None and old.state == file.state:
            at.wait(file, old.sha256)
        elif old is not None or file.changed > before.until:
            at.unsettled.append(file)
        else:
            low.append(file)
    if states_of(low) != before.below:
        # A file went, or one came with a change time of before: what the lake does not know is new.
        known = _record(at.spec, lake, low)
        for file in low:
            there = known.get((source, file.day), {}).get(file.name)
            if there is None or there.size != file.size:
                at.unsettled.append(file)
    for file in at.unsettled:
        if file.source == source:
            at.wait(file)


def _ready(at: _Looking, last_day: date) -> list[date]:
    """Closed days with something new whose files all hold still, ascending."""
    held = [at.found[source][name] for source, names in at.waiting.items() for name in names]
    later = [file.name for file in held if file.partition > last_day]
    at.notes.add("wait: their day has not closed", *sorted(later))
    moving = [file for file in at.unsettled if file.partition <= last_day]
    names = sorted(file.name for file in moving)
    at.notes.add("came or changed since the last look: taken once they hold still", *names)
    days = {file.partition for file in held if file.partition <= last_day}
    return sorted(days - {file.partition for file in moving})


def _judged(at: _Looking, day: date, record: Record) -> str | None:
    """Digest of what the day's run would take, and of what is on record instead; None when there
    is nothing new in it, or when it must wait (which is then in the notes)."""
    made_of: list[Any] = []
    new = False
    for source in sorted({file.source for file in at.of_day[day] if at.waits(file)}):
        recorded: dict[str, _Recorded] = {}
        landed = set()
        mine = [file for file in at.of_day[day] if file.source == source]
        for own in {file.day for file in mine}:
            recorded.update(record.get((source, own), {}))
        for file in mine:
            sha256 = _sha256(at, file, recorded.get(file.name))
            if sha256 is None:
                return None
            landed.add(sha256)
        new = new or landed != {each.sha256 for each in recorded.values()}
        on_record = sorted((each.sha256, each.run_id) for each in recorded.values())
        made_of.append([source, sorted(landed), on_record])
    if not new:
        at.dealt_with(day)
        return None
    missing = _missing(at, day)
    if missing:
        # Its run would fail. Should the file never come, the night of that day says so.
        at.notes.add(f"wait for a file of {' and of '.join(missing)}", str(day))
        return None
    return _digest(made_of)


def _missing(at: _Looking, day: date) -> list[str]:
    """Sources that must send a file for each day and have none for this one."""
    there = {file.source for file in at.of_day[day]}
    daily = [name for name, source in at.spec.sources.items() if source.arrival == "daily"]
    return [name for name in daily if name not in there]


def _sha256(at: _Looking, file: ArrivedFile, recorded: _Recorded | None) -> str | None:
    """Digest of a file's bytes, which are read only where they are not known; None when the day
    must wait for them, which is then in the notes."""
    waiting, day = at.waits(file), str(file.partition)
    if waiting is None and recorded is not None and recorded.size == file.size:
        return recorded.sha256
    if waiting is not None and waiting.sha256:
        return waiting.sha256
    if at.bytes_left <= 0:
        at.notes.add("wait for the next look: there is much to read", day)
        return None
    at.bytes_left -= file.size
    try:
        sha256 = file_digest(file.path)
        same = state_of(file.path.stat()) == file.state
    except OSError as error:
        at.notes.add(f"wait for {file.name}: {error.strerror}", day)
        return None
    if not same:
        at.notes.add(f"wait for {file.name}: it changed while it was read", day)
        return None
    at.wait(file, sha256)
    return sha256


def _requests(due: Mapping[date, str], max_runs: int) -> list[Request]:
    spans: list[list[date]] = []
    for day in sorted(due):
        if len(due) > max_runs and spans and day - spans[-1][-1] == timedelta(days=1):
            spans[-1].append(day)
        else:
            spans.append([day])
    return [
        Request(
            days[0],
            days[-1],
            f"{days[0]}:{days[-1]}:{_digest([due[day] for day in days])[:32]}",
        )
        for days in spans[:max_runs]
    ]


def _record(spec: UseCaseSpec, lake: Lake, wanted: Sequence[ArrivedFile]) -> Record:
    """Files on record for the days of the files ``wanted``.

    The profile is the mark that a day is complete: without one its files are as good as not taken.
    """

    found: dict[tuple[str, date], dict[str, _Recorded]] = {}
    for source in dict.fromkeys(file.source for file in wanted):
        if not lake.exists(spec.name, files(source)):
            continue
        days = {file.day for file in wanted if file.source == source}
        first, last = min(days), max(days)
        digests = input_digests(lake, spec.name, source, first, last)
        columns = ["file", "sha256", "bytes", "run_id", PARTITION]
        rows = lake.read(spec.name, files(source), columns=columns, first=first, last=last)
        for row in rows.to_pylist():
            day = row[PARTITION]
            if digests.get(day, PENDING) != PENDING:
                one = _Recorded(row["sha256"], row["bytes"], row["run_id"])
                found.setdefault((source, day), {})[row["file"]] = one
    return found


def _digest(made_of: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def _remembered(at: _Looking) -> dict[str, Cursor]:
    cursors = {}
    for source, found in at.found.items():
        before, waiting = at.before.get(source, Cursor()), at.waiting[source]
        # Only files the look before saw as they are move the mark: whatever changed before that
        # look was over is visible now, and waits.
        moving = {file.name for file in at.unsettled if file.source == source}
        settled = [f.changed for n, f in found.items() if n in before.waiting and n not in moving]
        until = max([before.until, *settled])
        low = [f for name, f in found.items() if name not in waiting and f.changed <= until]
        cursors[source] = Cursor(until, states_of(low), waiting)
    return cursors

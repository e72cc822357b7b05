"""Corrected rows back through the door: tried out, dropped into landing, and answered for.

A correction is a file of the source like any other, taken in by the ingestion of its partition.
The file the rows once came in stays as it is.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from assets.durable import write_whole
from assets.home import Home
from assets.ingestion.corrections import CorrectedRow, CorrectionError, file_content, file_name
from assets.ingestion.landing import LandingError
from assets.ingestion.quarantine import closed_keys, quarantine_id
from assets.lake import PARTITION, Lake
from assets.source_spec import SourceSpec
from assets.spec import UseCaseSpec
from assets.tables import CLOSED, CLOSED_SCHEMA, files, quarantine


def still_refused(
    spec: UseCaseSpec,
    source: str,
    day: date,
    rows: Sequence[CorrectedRow],
    key: bytes,
    scratch: Path,
) -> dict[str, str]:
    """Try the rows at the door: reason by quarantine id of those that would be refused again.

    Each against the contract and against one another, not against the day's other files. Raises
    CorrectionError when they would be refused as a whole.
    """
    from assets.ingestion.contract import pass_file

    declared = spec.sources[source]
    content = file_content(declared, rows)
    path = scratch / file_name(source, declared, day, content)
    write_whole(path, content, private=True)
    dated = declared.timestamp is not None and declared.arrival != "snapshot"
    try:
        passed = pass_file(path, declared, day if dated else None, key, scratch)
    except LandingError as error:
        reason = str(error).replace(str(path), "")
        raise CorrectionError(
            f"the corrected rows of {day} are refused as a whole: {reason}"
        ) from error
    finally:
        path.unlink()
    refused = passed.quarantined.select(["record", "column", "message"]).to_pylist()
    found = {}
    for one in refused:
        column = f"{one['column']}: " if one["column"] else ""
        found[rows[_place(one["record"], declared)].quarantine_id] = f"{column}{one['message']}"
    return found


def _place(record: int, declared: SourceSpec) -> int:
    """Place of a record among the rows of a file of ours."""
    return record - _first_record(declared)


def _first_record(declared: SourceSpec) -> int:
    """Number of the first row's record: they are counted from 1, the header among them."""
    return 2 if declared.format == "csv" and declared.header else 1


def drop(home: Home, spec: UseCaseSpec, source: str, day: date, content: bytes) -> Path:
    """Put a correction into landing: there as a whole and on the disk, or not at all."""
    declared = spec.sources[source]
    folder = home.landing_source(spec.name, source)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(source, declared, day, content)
    if not path.exists() or path.read_bytes() != content:
        # The cells may be personal values, opened from the vault.
        write_whole(path, content, private=True)
    return path


@dataclass(frozen=True)
class Answer:
    """What ingestion made of a correction: ``taken``, or not at all; reason by id of the rows that
    it refused (a key known from another file, say); ids of their own those rows now have."""

    taken: bool
    refused: dict[str, str]
    copies: list[str]


def answer(
    lake: Lake, spec: UseCaseSpec, source: str, path: Path, day: date, rows: Sequence[CorrectedRow]
) -> Answer:
    """Look up in the lake what became of the rows of a correction dropped at ``path``."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not lake.exists(spec.name, files(source)):
        return Answer(False, {}, [])
    landed = lake.read(
        spec.name, files(source), columns=["sha256"], where=ds.field("file") == path.name
    )
    if digest not in landed.column("sha256").to_pylist():
        return Answer(False, {}, [])
    again = lake.read(
        spec.name,
        quarantine(source),
        columns=["quarantine_id", "message"],
        where=ds.field("file") == path.name,
    )
    messages = {row["quarantine_id"]: row["message"] for row in again.to_pylist()}
    refused = {}
    for record, row in enumerate(rows, _first_record(spec.sources[source])):
        copy = quarantine_id(digest, record)
        if copy in messages:
            refused[row.quarantine_id] = messages[copy]
    return Answer(True, refused, sorted(messages))


@dataclass(frozen=True)
class Closure:
    """A row in quarantine, ``day`` being that of its file, and the file that answers it."""

    quarantine_id: str
    day: date
    correction: str
    correction_sha256: str


def close_rows(
    lake: Lake,
    spec: UseCaseSpec,
    source: str,
    closures: Sequence[Closure],
    *,
    at: datetime,
    by: str,
) -> int:
    """Put on record, in one commit, that rows are answered; how many were not before."""
    lake.ensure(spec.name, CLOSED, CLOSED_SCHEMA, append_only=True)
    closed = closed_keys(lake, spec)
    new = [
        {
            "quarantine_id": one.quarantine_id,
            "source": source,
            "closed_at": at,
            "by": by,
            "correction": one.correction,
            "correction_sha256": one.correction_sha256,
            PARTITION: one.day,
        }
        for one in dict.fromkeys(closures)
        if (source, one.quarantine_id, one.day) not in closed
    ]
    if new:
        schema = CLOSED_SCHEMA.append(pa.field(PARTITION, pa.date32()))
        lake.append(spec.name, CLOSED, pa.Table.from_pylist(new, schema=schema))
    return len(new)

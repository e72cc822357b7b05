"""A corrected sheet, held against the quarantine: which rows it answers, and with what cells."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.errors import NightshiftError
from assets.ingestion.landing import file_day
from assets.ingestion.quarantine import (
    FORGOTTEN,
    RAW,
    known_source,
    open_rows,
    opened_cells,
    sheet_columns,
    uncut,
)
from assets.ingestion.spreadsheet import read_sheet
from assets.ingestion.values import MASK
from assets.ingestion.vault import Vault
from assets.lake import PARTITION, Lake
from assets.source_spec import SourceSpec
from assets.spec import UseCaseSpec

CORRECTION = "_correction_"
"""In the name of every correction in landing."""


class CorrectionError(NightshiftError):
    """A corrected file that cannot be replayed: names file, line, row and what to do."""


@dataclass(frozen=True)
class CorrectedRow:
    """A row of the corrected file: the row in quarantine it answers and its cells, in the order of
    the file's columns. ``line``: of the corrected file. ``from_day``: whose files the answered
    row came with; ``day``: whose files the correction goes with."""

    quarantine_id: str
    line: int
    from_day: date
    day: date
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Correction:
    """``rows`` to be replayed; ``untouched``: ids whose row, never cut, has no cells still."""

    source: str
    rows: list[CorrectedRow]
    untouched: list[str]

    @property
    def days(self) -> list[date]:
        return sorted({row.day for row in self.rows})

    def of_day(self, day: date) -> list[CorrectedRow]:
        return [row for row in self.rows if row.day == day]


def is_correction(file: str) -> bool:
    """Whether a landing file is one that :func:`assets.ingestion.replay.drop` made."""
    return CORRECTION in file


def correction(
    lake: Lake,
    spec: UseCaseSpec,
    source: str,
    path: Path,
    vault: Vault,
    into: date | None = None,
) -> Correction:
    """What a corrected sheet (of :func:`assets.ingestion.quarantine.export`) answers.

    Masked cells are filled from the vault. ``into``: the day whose files the rows go with, if not
    each the day it came with. Raises CorrectionError for a row that is not open in quarantine, is
    named twice, or whose person is forgotten; SheetError, VaultError.
    """
    known_source(spec, source)
    declared = spec.sources[source]
    names = sheet_columns(declared)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorrectionError(f"{path} cannot be read: {error.strerror}.") from error
    header, lines = read_sheet(content, str(path))
    wanted = [names["quarantine_id"], *declared.file_columns]
    missing = [name for name in wanted if name not in header]
    twice = [name for name, count in Counter(header).items() if count > 1 and name in wanted]
    if missing or twice:
        what = (
            f"lacks the column(s) {', '.join(missing)}"
            if missing
            else (f"has the column(s) {', '.join(twice)} twice")
        )
        raise CorrectionError(f"{path} {what}. Keep the header of the export as it is.")
    known = open_rows(lake, spec, source=source, include_closed=True)
    asked = [dict(zip(header, cells, strict=True)) for _, cells in lines]
    found: dict[tuple[str, date], tuple[int, dict[str, str]]] = {}
    numbers = _numbers(known)
    for (line, _), cells in zip(lines, asked, strict=True):
        where = f"{path}, line {line}: row '{cells[names['quarantine_id']]}'"
        row = _row_in_quarantine(spec, source, numbers, cells, names, where)
        key = (row["quarantine_id"], row[PARTITION])
        if key in found:
            raise CorrectionError(
                f"{where} is in the file twice (first in line {found[key][0]}). A row in "
                "quarantine stands for one row: delete the other."
            )
        found[key] = (line, cells)
    chosen = known.take(pa.array([numbers[key[0]][key[1]]["at"] for key in found], pa.int64()))
    return _filled(declared, source, path, chosen, found, vault, names[RAW], into)


def _numbers(known: pa.Table) -> dict[str, dict[date, dict[str, Any]]]:
    """By id and day: what tells rows apart, and where the row is."""
    numbers: dict[str, dict[date, dict[str, Any]]] = {}
    columns = ["quarantine_id", PARTITION, "file", "closed"]
    for at, row in enumerate(known.select(columns).to_pylist()):
        numbers.setdefault(row["quarantine_id"], {})[row[PARTITION]] = {**row, "at": at}
    return numbers


def _row_in_quarantine(
    spec: UseCaseSpec,
    source: str,
    numbers: Mapping[str, Mapping[date, dict[str, Any]]],
    cells: Mapping[str, str],
    names: Mapping[str, str],
    where: str,
) -> dict[str, Any]:
    """The open row a line answers."""
    rows = list(numbers.get(cells[names["quarantine_id"]], {}).values())
    if not rows:
        raise CorrectionError(
            f"{where} is not in quarantine of source '{source}' of {spec.name}. It may be of "
            "another source (replay each source's file by itself), or its landing file has "
            "changed since; `nightshift quarantine list` and a new export show what is there."
        )
    file = cells.get(names["file"], "")
    rows = [row for row in rows if row["file"] == file] if len(rows) > 1 else rows
    if not rows:
        raise CorrectionError(
            f"{where} is in quarantine for more than one day, because the same file landed more "
            f"than once. Keep the column '{names['file']}' of the export, which tells them apart."
        )
    still_open = [row for row in rows if not row["closed"]]
    if not still_open:
        raise CorrectionError(
            f"{where} is closed already: an earlier correction was taken for it. Delete the line."
        )
    return still_open[0]


def _filled(
    declared: SourceSpec,
    source: str,
    path: Path,
    chosen: pa.Table,
    found: Mapping[tuple[str, date], tuple[int, Mapping[str, str]]],
    vault: Vault,
    raw: str,
    into: date | None,
) -> Correction:
    """The rows with their masked cells filled in."""
    personal = [name for name, column in declared.columns.items() if column.pii]
    gone = vault.forgotten(chosen.column("person").to_pylist()) if personal else set()
    masked = [any(cells[c] == MASK for c in personal) for _, cells in found.values()]
    opened = iter(opened_cells(chosen.filter(pa.array(masked, pa.bool_())), vault))
    rows, untouched = [], []
    stored = chosen.to_pylist()
    for (key, (line, given)), row, has_mask in zip(found.items(), stored, masked, strict=True):
        where = f"{path}, line {line}: row '{key[0]}'"
        before = next(opened) if has_mask else {}
        cells = {name: given[name] for name in declared.file_columns}
        if uncut(row) and not any(cells.values()):
            untouched.append(key[0])
            continue
        if row["person"] in gone or FORGOTTEN in (cells[name] for name in personal):
            raise CorrectionError(
                f"{where} is of a person who is forgotten, so it cannot be replayed. Delete the "
                "line; if the person is to be known again, the source must send the row."
            )
        for name in personal:
            if cells[name] == MASK:
                if uncut(row):
                    raise CorrectionError(
                        f"{where}, column '{name}': the row was never cut into cells, so there is "
                        f"no masked value to fill in. Export with --with-personal, where '{raw}' "
                        "shows the row's text, and write the value."
                    )
                cells[name] = before[name] or ""
        rows.append(CorrectedRow(key[0], line, key[1], into or key[1], tuple(cells.values())))
    return Correction(source, rows, untouched)


def file_content(declared: SourceSpec, rows: Sequence[CorrectedRow]) -> bytes:
    """The rows as a file of the source: its delimiter, encoding and header (Parquet: of text).

    Raises CorrectionError for a character that the source's encoding has not.
    """
    if declared.format == "parquet":
        import pyarrow.parquet as pq

        columns = {
            name: pa.array([row.cells[n] for row in rows], pa.string())
            for n, name in enumerate(declared.headers.values())
        }
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns), sink)
        return bytes(sink.getvalue())
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=declared.delimiter, lineterminator="\n")
    if declared.header:
        writer.writerow(declared.headers.values())
    writer.writerows(row.cells for row in rows)
    try:
        return text.getvalue().encode(declared.encoding)
    except UnicodeEncodeError:
        for row in rows:
            _require_encodable(row, declared)
        raise


def _require_encodable(row: CorrectedRow, declared: SourceSpec) -> None:
    for name, cell in zip(declared.file_columns, row.cells, strict=True):
        try:
            cell.encode(declared.encoding)
        except UnicodeEncodeError as error:
            raise CorrectionError(
                f"line {row.line} of the corrected file: row '{row.quarantine_id}', column "
                f"'{name}' has a character (number {error.start + 1} of the cell) that the "
                f"source's encoding {declared.encoding} cannot write. Replace it."
            ) from error


def file_name(source: str, declared: SourceSpec, day: date, content: bytes) -> str:
    """Name in landing: equal content has one name, so dropping it twice is dropping it once."""
    digest = hashlib.sha256(content).hexdigest()[:8]
    name = f"{source}_{day}{CORRECTION}{digest}.{declared.format}"
    # The first date in a name counts; that must not be one in the name of the source.
    return name if file_day(Path(name)) == day else f"{day}_{name}"

"""The rows of an examined landing file for DuckDB, and those it could not cut into cells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.ingestion.csv_text import Broken, raw_text
from assets.ingestion.file_form import FileForm, records_again, require_complete
from assets.ingestion.landing import LandingError
from assets.ingestion.parquet_form import literal_path
from assets.ingestion.records import LONGEST, Records
from assets.source_spec import SourceSpec

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt

REJECTED_SCHEMA = pa.schema(
    [
        ("record", pa.int64()),  # number in the file; header, blank and broken ones are counted
        ("line", pa.int64()),  # 1-based line it starts on
        ("rule", pa.string()),  # shape | encoding
        ("message", pa.string()),
        ("raw", pa.string()),  # its text in the file, bytes that are no text as \xNN
    ]
)
LINE_SIZE = LONGEST + 1024


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def relation(form: FileForm, spec: SourceSpec) -> tuple[str, dict[str, Any]]:
    """A FROM item with a column ``raw_N`` for each declared column N that is in the file, and its
    parameters. Rows come in the file's order.

    All VARCHAR for CSV, where an empty cell, quoted or not, is NULL; else the file's own types.
    Columns go by their place, so that no name in a file can collide with one of ours.
    """
    numbers = {name: number for number, name in enumerate(spec.columns)}
    chosen = ", ".join(f"cell_{at} AS raw_{numbers[name]}" for name, at in form.places.items())
    cells = [f"cell_{at}" for at in range(len(form.header))]
    path = literal_path(form.readable)
    if spec.format == "parquet":
        return (
            f"(SELECT {chosen} FROM read_parquet($door_file, hive_partitioning = false)"
            f" AS t({', '.join(cells)}))"
        ), {"door_file": path}
    # Cut at any place to be read in parallel, a text of several lines is taken for rows.
    parallel = "false" if form.quoted_line_ends else "true"
    line_end = form.line_end.replace("\r", "\\r").replace("\n", "\\n")
    return (
        f"""(SELECT {chosen} FROM read_csv($door_file, columns = $door_cells,
              auto_detect = false, header = {str(form.has_header).lower()},
              delim = $door_delimiter, quote = '"', escape = '"', nullstr = '',
              new_line = '{line_end}', compression = '{form.packing}', null_padding = false,
              max_line_size = {LINE_SIZE}, buffer_size = {2 * LINE_SIZE}, parallel = {parallel},
              hive_partitioning = false, store_rejects = true))""",
        {
            "door_file": path,
            "door_cells": dict.fromkeys(cells, "VARCHAR"),
            "door_delimiter": spec.delimiter,
        },
    )


def rejected(connection: "duckdb.DuckDBPyConnection", form: FileForm, spec: SourceSpec) -> pa.Table:
    """REJECTED_SCHEMA of the rows that the last reading of the relation did not give, in file
    order; what DuckDB noted of it is cleared."""
    if spec.format != "csv":
        return REJECTED_SCHEMA.empty_table()
    errors = _errors(connection)
    found: list[dict[str, Any]] = [
        {
            "record": one.record,
            "line": one.line,
            "rule": "shape",
            "message": f"cannot be cut into cells: {one.why}",
            "raw": one.raw,
        }
        for one in form.broken
    ]
    numbers = _in_file([record for record, *_ in errors], form.broken)
    texts = _texts(form, spec, numbers)
    for number, (_, kind, cells, place) in zip(numbers, errors, strict=True):
        line, raw = texts[number]
        rule, message = _reason(kind, cells, place, form)
        found.append({"record": number, "line": line, "rule": rule, "message": message, "raw": raw})
    found.sort(key=lambda row: row["record"])
    return pa.Table.from_pylist(found, schema=REJECTED_SCHEMA)


def _errors(
    connection: "duckdb.DuckDBPyConnection",
) -> list[tuple[int, str, int | None, int | None]]:
    """Record as DuckDB counts, kind of error, cells found, place of the column; one a record."""
    there = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'"
    ).fetchall()
    if not there[0][0]:
        return []
    errors = connection.execute(
        """SELECT line, min_by(CAST(error_type AS VARCHAR), byte_position),
                  min_by(TRY_CAST(regexp_extract(error_message, 'Found: ([0-9]+)', 1) AS BIGINT),
                         byte_position),
                  min_by(column_idx, byte_position)
           FROM reject_errors GROUP BY line ORDER BY line"""
    ).fetchall()
    connection.execute("DROP TABLE IF EXISTS reject_errors")
    connection.execute("DROP TABLE IF EXISTS reject_scans")
    return errors


def _reason(kind: str, cells: int | None, place: int | None, form: FileForm) -> tuple[str, str]:
    if kind == "INVALID ENCODING":
        column = form.header[place - 1] if place and place <= len(form.header) else ""
        where = f" in column '{column}'" if column else ""
        return "encoding", f"bytes{where} that are no {form.encoding} text"
    if cells is not None:
        return "shape", f"{cells} cell{'' if cells == 1 else 's'} where {len(form.header)} belong"
    return "shape", f"cannot be cut into cells: {kind.lower()}"


def _in_file(records: Sequence[int], broken: Sequence[Broken]) -> list[int]:
    """Numbers of records in the file from those in the plain copy, which lacks the broken ones."""
    import numpy as np

    # The n-th broken record (from 0) has so many records of the copy before it.
    before = np.array([one.record - 1 - n for n, one in enumerate(broken)], dtype=np.int64)
    numbers = np.array(records, dtype=np.int64)
    found: list[int] = (numbers + np.searchsorted(before, numbers - 1, side="right")).tolist()
    return found


def _texts(form: FileForm, spec: SourceSpec, numbers: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Line and text of some records, by their number."""
    wanted, texts, seen, at = sorted(numbers), {}, 0, 0
    if not wanted:
        return {}
    for found in records_again(form, spec):
        while at < len(wanted) and wanted[at] <= seen + len(found):
            index = wanted[at] - seen - 1
            texts[wanted[at]] = int(found.lines[index]), raw_text(found.record(index))
            at += 1
        seen += len(found)
        if at == len(wanted):
            return texts
    raise LandingError(
        f"{form.path} is read in two ways: a row was rejected that is not in it. Nothing of it was "
        "taken; ask the source for a file with every cell quoted."
    )


@dataclass(frozen=True)
class Lines:
    """Where rows are in the landed file. ``of_records``: line of each rejected record."""

    form: FileForm
    spec: SourceSpec
    of_records: dict[int, int]

    def of_rows(self, rows: Sequence[int]) -> tuple[list[int], list[int]]:
        """Record and line of rows of the relation (1, 2, ... as it gives them)."""
        import numpy as np

        if self.spec.format != "csv":
            return list(rows), list(rows)
        wanted = np.array(rows, dtype=np.int64)
        if not (self.form.blank_lines or self.form.quoted_line_ends):
            records = self._nth_kept(wanted)
            return records.tolist(), records.tolist()
        order = np.argsort(wanted, kind="stable")
        records, lines = np.zeros_like(wanted), np.zeros_like(wanted)
        records[order], lines[order] = self._searched(wanted[order])
        return records.tolist(), lines.tolist()

    def _nth_kept(self, rows: "npt.NDArray[np.int64]") -> "npt.NDArray[np.int64]":
        """Each record is a line of its own; some of them gave no row."""
        import numpy as np

        gone = np.array(sorted(self.of_records), dtype=np.int64) - self.form.has_header
        before = gone - np.arange(1, len(gone) + 1)
        return rows + np.searchsorted(before, rows - 1, side="right") + self.form.has_header

    def _searched(
        self, rows: "npt.NDArray[np.int64]"
    ) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]":
        """The same for ascending rows of any file, from its records."""
        import numpy as np

        gone = np.array(sorted(self.of_records), dtype=np.int64)
        records, lines = [], []
        at, seen, kept_before = 0, 0, 0
        for found in records_again(self.form, self.spec):
            kept = self._kept(found, seen, gone)
            until = int(np.searchsorted(rows, kept_before + len(kept), side="right"))
            chosen = kept[rows[at:until] - kept_before - 1]
            records.append(chosen + seen + 1)
            lines.append(found.lines[chosen])
            at, seen, kept_before = until, seen + len(found), kept_before + len(kept)
            if at == len(rows):
                break
        return np.concatenate(records), np.concatenate(lines)

    def _kept(
        self, found: Records, seen: int, gone: "npt.NDArray[np.int64]"
    ) -> "npt.NDArray[np.int64]":
        """Indexes of the records that gave a row."""
        import numpy as np

        kept = np.ones(len(found), dtype=np.bool_)
        if len(self.form.header) > 1:
            kept &= found.stops > found.starts
        if self.form.has_header and seen == 0:
            kept[0] = False
        first, last = np.searchsorted(gone, [seen + 1, seen + len(found) + 1])
        kept[gone[first:last] - seen - 1] = False
        return np.flatnonzero(kept)


def located(form: FileForm, spec: SourceSpec, count: int, rejected: pa.Table) -> Lines:
    """Where the ``count`` rows of the relation and the ``rejected`` records are in the landed file.

    Raises LandingError when that is not as many as the file has.
    """
    require_complete(form, count + rejected.num_rows)
    records: Iterable[int] = rejected.column("record").to_pylist()
    lines = rejected.column("line").to_pylist()
    return Lines(form, spec, dict(zip(records, lines, strict=True)))

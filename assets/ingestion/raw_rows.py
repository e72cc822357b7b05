"""The rows of a landing file as they are written, before anything is believed about them.

The header is read here and handed to DuckDB as it is: left to guess, it takes a title line or a
first row with a stray quote for something else, and rows go missing without a word.
"""

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from assets.ingestion.landing import LandingError
from assets.source_spec import SourceSpec

if TYPE_CHECKING:
    import duckdb

REFUSED_SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("column", pa.string()),
        ("rule", pa.string()),
        ("message", pa.string()),
        ("original", pa.string()),
    ]
)
MASK = "(masked)"


@dataclass(frozen=True)
class RawRows:
    """What was loaded: the file's ``header``, the ``count`` of rows in table ``raw``, and the
    rows that could not be cut into cells (REFUSED_SCHEMA, ``line`` = number of the record)."""

    header: list[str]
    count: int
    rejected: pa.Table

    @property
    def landed(self) -> int:
        """Rows of the file, whatever becomes of them."""
        return self.count + int(self.rejected.num_rows)


def load(connection: "duckdb.DuckDBPyConnection", path: Path, spec: SourceSpec) -> RawRows:
    """Fill table ``raw``: ``row`` (1, 2, … as in the file) and ``raw_0``, ``raw_1``, … in the order
    of the declared columns. Numbered, so that no name in a file can collide with one of ours.

    Raises LandingError when the file cannot be read, or lacks a declared column.
    """
    import duckdb

    try:
        if spec.format == "csv":
            header = _csv_header(path, spec)
            _require_columns(path, spec, header)
            rejected = _read_csv(connection, path, spec, header)
        else:
            query = "SELECT * FROM read_parquet(?) LIMIT 0"
            header = [str(c[0]) for c in connection.execute(query, [str(path)]).description or ()]
            _require_columns(path, spec, header)
            _read_parquet(connection, path, spec)
            rejected = REFUSED_SCHEMA.empty_table()
    except (duckdb.Error, UnicodeDecodeError, csv.Error, OSError, EOFError) as error:
        raise _unreadable(path, spec, error) from error
    counted = connection.execute("SELECT count(*) FROM raw").fetchall()
    return RawRows(header, int(counted[0][0]), rejected)


def _unreadable(path: Path, spec: SourceSpec, error: Exception) -> LandingError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, UnicodeDecodeError):
        reason = f"it is not UTF-8 text ({reason})"
    elif spec.format == "csv" and "invalid state" in reason:
        reason = "it mixes line ends (CR LF, LF, CR), so where a row ends is anyone's guess"
    return LandingError(
        f"{path} cannot be read as {spec.format}: {reason}. Nothing of it was taken; "
        "replace the file and run the partition again."
    )


def _require_columns(path: Path, spec: SourceSpec, header: list[str]) -> None:
    missing = [name for name in spec.columns if name not in header]
    if missing:
        raise LandingError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(header)}. "
            "Ask the source for the agreed columns, or change the contract in defs.yaml."
        )
    twice = [name for name in spec.columns if header.count(name) > 1]
    if twice:
        raise LandingError(
            f"{path} has the column(s) {', '.join(twice)} more than once, so which is meant is "
            "unclear. Nothing of it was taken; ask the source for a file that has each once."
        )


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    """The file as text, unpacked; a byte order mark is no part of it."""
    if path.name.endswith(".gz"):
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as packed:
            yield packed
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file


def _csv_header(path: Path, spec: SourceSpec) -> list[str]:
    with _text(path) as file:
        header = next(csv.reader(file, delimiter=spec.delimiter), None)
    if not header:
        raise LandingError(
            f"{path} has no header: it is {'empty' if header is None else 'blank'} where the names "
            f"of the columns should be. Expected {', '.join(spec.columns)}. Nothing of it was "
            "taken; replace the file and run the partition again."
        )
    return header


def _read_csv(
    connection: "duckdb.DuckDBPyConnection", path: Path, spec: SourceSpec, header: list[str]
) -> pa.Table:
    wanted = ", ".join(
        f"cell_{header.index(name)} AS raw_{number}" for number, name in enumerate(spec.columns)
    )
    connection.execute(
        f"""CREATE TABLE raw AS SELECT row_number() OVER () AS "row", {wanted} FROM read_csv(
             ?, columns = ?, auto_detect = false, header = true, delim = ?, quote = '"',
             escape = '"', nullstr = '', null_padding = false, store_rejects = true)""",
        [str(path), {f"cell_{n}": "VARCHAR" for n in range(len(header))}, spec.delimiter],
    )
    personal = any(column.pii for column in spec.columns.values())
    return (
        connection.sql(
            f"""SELECT line, NULL::VARCHAR AS "column", 'shape' AS rule,
               any_value(error_message) AS message,
               {f"'{MASK}'" if personal else "any_value(ltrim(csv_line, chr(13) || chr(10)))"}
                 AS original
            FROM reject_errors GROUP BY line ORDER BY line"""
        )
        .to_arrow_table()
        .cast(REFUSED_SCHEMA)
    )


def _read_parquet(connection: "duckdb.DuckDBPyConnection", path: Path, spec: SourceSpec) -> None:
    wanted = ", ".join(f"{quoted(name)} AS raw_{n}" for n, name in enumerate(spec.columns))
    connection.execute(
        f'CREATE TABLE raw AS SELECT row_number() OVER () AS "row", {wanted} FROM read_parquet(?)',
        [str(path)],
    )


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def in_file_lines(path: Path, spec: SourceSpec, raw: RawRows, refused: pa.Table) -> pa.Table:
    """The refused rows (``line`` = ``row`` of table ``raw``) and the rejected ones, in file order,
    ``line`` now the 1-based line each starts on (for Parquet the number of the row)."""
    if spec.format != "csv" or refused.num_rows + raw.rejected.num_rows == 0:
        return refused
    records = raw.rejected.column("line").to_pylist()
    rejected = set(records)
    total = 1 + raw.count + len(rejected)
    # A record's number is its line, unless there are blank lines or line ends inside cells.
    starts, skipped = list(range(1, total + 1)), rejected
    if _line_count(path) != total:
        found, blank = _starts(path, spec)
        # A blank line is a row only where a row has a single cell.
        without = rejected if len(raw.header) == 1 else rejected | blank
        # Quotes so broken that two readers differ on where rows end: the numbers must do.
        if len(found) - 1 - len(without) == raw.count:
            starts, skipped = found, without
    starts += range(len(starts) + 1, max(records, default=0) + 1)
    kept = [start for number, start in enumerate(starts, 1) if number > 1 and number not in skipped]
    both = [
        _with_lines(refused, [kept[row - 1] for row in refused.column("line").to_pylist()]),
        _with_lines(raw.rejected, [starts[number - 1] for number in records]),
    ]
    return pa.concat_tables(both).sort_by("line")


def _with_lines(rows: pa.Table, lines: list[int]) -> pa.Table:
    return rows.set_column(0, "line", pa.array(lines, pa.int64()))


def _line_count(path: Path) -> int:
    """Lines of the file, a last one without a line end among them."""
    count, last = 0, b"\n"
    with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
        while block := file.read(1 << 20):
            count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")


def _starts(path: Path, spec: SourceSpec) -> tuple[list[int], set[int]]:
    """Line each record starts on, the header's first, and the numbers of the blank ones.

    Nothing when a cell is larger than Python's reader takes.
    """
    starts: list[int] = []
    blank: set[int] = set()
    before = 0
    with _text(path) as file:
        reader = csv.reader(file, delimiter=spec.delimiter)
        try:
            for number, cells in enumerate(reader, 1):
                starts.append(before + 1)
                if not cells:
                    blank.add(number)
                before = reader.line_num
        except (csv.Error, UnicodeDecodeError):
            return [], set()
    return starts, blank

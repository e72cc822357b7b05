"""No row is lost at the door: whatever a file holds, landed = validated + quarantined, and what is
validated is what was written."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.ingestion.contract import arrow_schema, pass_file
from assets.source_spec import SourceSpec

KEY = b"k" * 32
EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS: dict[str, dict[str, Any]] = {
    "key": {"type": "string"},
    "note": {"type": "string", "required": False},
    "count": {"type": "int", "required": False, "min": -1000, "max": 1000},
    "size": {"type": "float", "required": False},
    "open": {"type": "bool", "required": False},
    "on": {"type": "date", "required": False},
    "at": {"type": "timestamp"},
}
SPEC = SourceSpec.model_validate({"columns": COLUMNS})
Row = dict[str, Any]

# Every character a UTF-8 file can hold; in CSV an empty text is a null, so there is none.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6) | st.sampled_from(
    ["a,b", 'say "so"', "two\nlines", "\n\n", "\r\n", '"', "#", " padded ", "'", "NULL", "é"]
)
ROWS = st.fixed_dictionaries(
    {
        "key": TEXT,
        "note": st.none() | TEXT,
        "count": st.none() | st.integers(-1000, 1000),
        "size": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "open": st.none() | st.booleans(),
        "on": st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1)),
        "at": st.integers(-(10**15), 10**15).map(lambda n: EPOCH + timedelta(microseconds=n)),
    }
)


@dataclass(frozen=True)
class Junk:
    """A row of the file that must end in quarantine: its cells as text, or a whole broken line."""

    rule: str
    cells: list[str] | None = None
    line: str = ""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return repr(value).lower() if isinstance(value, bool) else str(value)


def _cells(row: Row) -> list[str]:
    return [_cell(row[name]) for name in COLUMNS]


def _with(name: str, cell: str) -> Callable[[Row], list[str]]:
    at = list(COLUMNS).index(name)
    return lambda row: [*_cells(row)[:at], cell, *_cells(row)[at + 1 :]]


JUNK = st.one_of(
    ROWS.map(lambda row: Junk("shape", _cells(row)[:-1])),
    ROWS.map(lambda row: Junk("shape", [*_cells(row), "more"])),
    ROWS.map(lambda row: Junk("shape", [*_cells(row), "two\nlines", "x"])),
    st.sampled_from(
        [Junk("shape", line=line) for line in ('"k"k,,,,,,', '"k\nk"k,,', 'k,"n"n,1', "k,n", ",")]
    ),
    ROWS.map(_with("key", "")).map(lambda cells: Junk("required", cells)),
    ROWS.map(_with("count", "1001")).map(lambda cells: Junk("range", cells)),
    ROWS.map(_with("count", "1.5")).map(lambda cells: Junk("type", cells)),
    ROWS.map(_with("size", "two\nlines")).map(lambda cells: Junk("type", cells)),
    ROWS.map(_with("size", "nan")).map(lambda cells: Junk("range", cells)),
    ROWS.map(_with("on", "2026-02-30")).map(lambda cells: Junk("type", cells)),
    ROWS.map(_with("at", "infinity")).map(lambda cells: Junk("type", cells)),
)


def _line(cells: list[str], quote_all: bool) -> str:
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if quote_all or set(cell) & set(',"\r\n') else cell
        for cell in cells
    )


def _written(
    content: list[Row | Junk], ends: str, quote_all: bool, last_end: bool, gaps: list[int]
) -> tuple[str, list[int]]:
    """The file's text, and the line each row of it starts on. ``gaps``: blank lines before rows."""
    text = ",".join(COLUMNS) + ends
    starts = []
    for number, row in enumerate(content):
        text += ends * gaps[number % len(gaps)]
        starts.append(text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1)
        if isinstance(row, Junk):
            text += (row.line if row.cells is None else _line(row.cells, quote_all)) + ends
        else:
            text += _line(_cells(row), quote_all) + ends
    return (text if last_end else text.removesuffix(ends)), starts


@given(
    content=st.lists(ROWS | JUNK, max_size=9),
    ends=st.sampled_from(["\n", "\r\n"]),
    quote_all=st.booleans(),
    last_end=st.booleans(),
    gaps=st.just([0]) | st.lists(st.integers(0, 2), min_size=1, max_size=4),
    mark=st.booleans(),
)
@example(
    content=[
        Junk("shape", line='"k\nk"k,,'),
        {
            "key": "a\nb",
            "note": None,
            "count": 0,
            "size": 0.0,
            "open": None,
            "on": None,
            "at": EPOCH,
        },
        Junk("shape", line="k,n"),
    ],
    ends="\n",
    quote_all=False,
    last_end=False,
    gaps=[0, 1],
    mark=True,
)
@settings(max_examples=120, deadline=None)
def test_every_row_of_a_csv_is_validated_as_written_or_quarantined(
    content: list[Row | Junk],
    ends: str,
    quote_all: bool,
    last_end: bool,
    gaps: list[int],
    mark: bool,
) -> None:
    good = [row for row in content if not isinstance(row, Junk)]
    junk = [row for row in content if isinstance(row, Junk)]
    text, starts = _written(content, ends, quote_all, last_end, gaps)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows_2026-03-01.csv"
        path.write_bytes(text.encode("utf-8-sig" if mark else "utf-8"))
        passed = pass_file(path, SPEC, None, KEY, Path(folder) / "scratch")

    assert passed.landed == len(content)
    assert passed.validated.num_rows + passed.quarantined.num_rows == len(content)
    assert passed.validated.equals(pa.Table.from_pylist(good, schema=arrow_schema(SPEC)))
    aside = passed.quarantined.to_pylist()
    assert [row["rule"] for row in aside] == [row.rule for row in junk]
    for row in aside:
        if row["rule"] != "shape":
            assert set(json.loads(row["original"])) == set(COLUMNS)
    # A lone carriage return inside a cell is a line end to some and none to others.
    if "\r" not in text.replace("\r\n", ""):
        lines = [at for at, row in zip(starts, content, strict=True) if isinstance(row, Junk)]
        assert [row["line"] for row in aside] == lines


@given(content=st.lists(ROWS | st.sampled_from(["no key", "too much"]), max_size=9))
@settings(max_examples=25, deadline=None)
def test_every_row_of_a_parquet_file_is_validated_as_written_or_quarantined(
    content: list[Row | str],
) -> None:
    spec = SourceSpec.model_validate({"format": "parquet", "columns": COLUMNS})
    blank = dict.fromkeys(COLUMNS) | {"key": "k", "at": EPOCH}
    bad = {"no key": blank | {"key": None}, "too much": blank | {"count": 1001}}
    rows = [bad[row] if isinstance(row, str) else row for row in content]
    good = [row for row in content if not isinstance(row, str)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows_2026-03-01.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(spec)), path)
        passed = pass_file(path, spec, None, KEY, Path(folder) / "scratch")

    assert passed.landed == len(content)
    assert passed.validated.equals(pa.Table.from_pylist(good, schema=arrow_schema(spec)))
    lines = [number for number, row in enumerate(content, 1) if isinstance(row, str)]
    assert passed.quarantined.column("line").to_pylist() == lines


@given(st.text(st.sampled_from("a1,,\" \n#'"), max_size=40), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=150, deadline=None)
def test_any_scrawl_is_accounted_for(body: str, ends: str) -> None:
    """Rows are where a CSV reader that shares no code with ours sees them, where the quotes are
    plain; where they are not, the numbers still add up."""
    spec = SourceSpec.model_validate(
        {"columns": {n: {"type": "string", "required": False} for n in ("a", "b")}}
    )
    text = ("a,b\n" + body).replace("\n", ends)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows_2026-03-01.csv"
        path.write_bytes(text.encode())
        passed = pass_file(path, spec, None, KEY, Path(folder) / "scratch")
    assert passed.landed == passed.validated.num_rows + passed.quarantined.num_rows
    if '"' not in body:
        records = [row for row in csv.reader(io.StringIO(text, newline="")) if row][1:]
        assert passed.landed == len(records)
        # A delimiter at the end of a row is no cell more.
        fitting = [row for row in records if len(row) >= 2 and not any(row[2:])]
        assert passed.validated.to_pylist() == [
            {"a": row[0] or None, "b": row[1] or None} for row in fitting
        ]

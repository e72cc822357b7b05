"""Whatever the declared way of writing, a table comes back through the door equal, or what cannot
be told stands in quarantine; nothing is changed in silence."""

import gzip
import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingestion.contract import arrow_schema, pass_file
from assets.source_spec import SourceSpec

KEY = b"k" * 32
NULLS = ["", "NULL", "n/a"]
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SHEET_EPOCH = datetime.fromisoformat("1899-12-30")  # a sheet's times are of no zone


@dataclass(frozen=True)
class Dialect:
    """How a source writes its files."""

    encoding: str
    mark: bool
    delimiter: str
    decimal: str
    thousands: str
    header: bool
    ends: str
    quote_all: bool
    packing: str
    null: str
    times: str
    zone: str

    @property
    def spec(self) -> SourceSpec:
        return SourceSpec.model_validate(
            {
                "encoding": self.encoding,
                "delimiter": self.delimiter,
                "decimal": self.decimal,
                "thousands": self.thousands,
                "header": self.header,
                "timezone": self.zone,
                "nulls": NULLS,
                "columns": {
                    "name": {"type": "string"},
                    "note": {"type": "string", "required": False},
                    "count": {"type": "int", "required": False},
                    "size": {"type": "float", "required": False},
                    "at": {"type": "timestamp", "formats": [self.times]},
                },
            }
        )

    def number(self, value: int | float) -> str:
        text = f"{value:,}" if isinstance(value, int) or abs(value) < 1e15 else repr(value)
        if "e" in text:
            return repr(value).replace(".", self.decimal)
        return text.translate(str.maketrans({",": self.thousands, ".": self.decimal}))

    def time(self, value: datetime) -> str:
        if self.times == "epoch_seconds":
            return str(int(value.timestamp()))
        local = value.astimezone(ZoneInfo(self.zone))
        if self.times == "excel_serial":
            days = (local.replace(tzinfo=None) - SHEET_EPOCH) / timedelta(days=1)
            return repr(days).replace(".", self.decimal)
        return local.isoformat() if self.times == "iso" else local.strftime(self.times)

    def cell(self, value: Any) -> str:
        if value is None:
            return self.null
        if isinstance(value, datetime):
            return self.time(value)
        return value if isinstance(value, str) else self.number(value)

    def write(self, rows: list[dict[str, Any]], folder: Path) -> Path:
        names = list(self.spec.columns)
        lines = [names] if self.header else []
        lines += [[self.cell(row[name]) for name in names] for row in rows]
        text = "".join(self.delimiter.join(map(self._quoted, line)) + self.ends for line in lines)
        data = text.encode(self.encoding)
        if self.mark and self.encoding == "utf-8":
            data = b"\xef\xbb\xbf" + data
        path = folder / f"rows_2026-01-01.csv{self.packing}"
        if self.packing == ".gz":
            path.write_bytes(gzip.compress(data))
        elif self.packing == ".zip":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                archive.writestr("__MACOSX/._rows.csv", b"junk")
                archive.writestr("rows.csv", data)
            path.write_bytes(packed.getvalue())
        else:
            path.write_bytes(data)
        return path

    def _quoted(self, cell: str) -> str:
        if self.quote_all or set(cell) & {self.delimiter, '"', "\r", "\n"}:
            return '"' + cell.replace('"', '""') + '"'
        return cell


DIALECTS = st.builds(
    Dialect,
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1", "cp1252"]),
    mark=st.booleans(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    thousands=st.sampled_from(["", ".", ",", " ", "'"]),
    header=st.booleans(),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    quote_all=st.booleans(),
    packing=st.sampled_from(["", ".gz", ".zip"]),
    null=st.sampled_from(NULLS),
    times=st.sampled_from(["iso", "%d.%m.%Y %H:%M:%S", "excel_serial", "epoch_seconds"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
).filter(lambda dialect: dialect.decimal != dialect.thousands)

# Letters every one of the encodings has; a null spelling is no name.
WORDS = st.text(st.sampled_from("abcXYZ019 .,;|'\"=+-\t\nöéß"), min_size=1, max_size=8).filter(
    lambda word: word not in NULLS
)
ROWS = st.fixed_dictionaries(
    {
        "name": WORDS,
        "note": st.none() | WORDS,
        "count": st.none() | st.integers(-(2**62), 2**62),
        "size": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "at": st.integers(0, 360 * 86_400).map(lambda n: EPOCH + timedelta(seconds=n)),
    }
)


def untellable(dialect: Dialect, at: datetime) -> bool:
    """Is it written as a local time without offset that the clocks show twice that night?"""
    if not (dialect.times.startswith("%") or dialect.times == "excel_serial"):
        return False
    zone = ZoneInfo(dialect.zone)
    local = at.astimezone(zone).replace(tzinfo=None)
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first != second


@given(dialect=DIALECTS, rows=st.lists(ROWS, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_a_table_in_any_dialect_comes_back_equal_or_stands_in_quarantine(
    dialect: Dialect, rows: list[dict[str, Any]]
) -> None:
    spec = dialect.spec
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = dialect.write(rows, folder)
        passed = pass_file(path, spec, None, KEY, folder / "scratch")
    told = [row for row in rows if not untellable(dialect, row["at"])]
    assert passed.landed == len(rows)
    assert passed.quarantined.num_rows == len(rows) - len(told)
    assert set(passed.quarantined.column("rule").to_pylist()) <= {"clock_change"}
    wanted = pa.Table.from_pylist(told, schema=arrow_schema(spec))
    if dialect.times == "excel_serial":
        # A day's fraction in binary holds seconds, not every microsecond.
        apart = [
            abs(one - other)
            for one, other in zip(
                passed.validated.column("at").to_pylist(),
                wanted.column("at").to_pylist(),
                strict=True,
            )
        ]
        assert all(each < timedelta(milliseconds=1) for each in apart)
        wanted = wanted.drop_columns(["at"])
        assert passed.validated.drop_columns(["at"]).equals(wanted)
    else:
        assert passed.validated.equals(wanted)


def test_the_night_the_clocks_go_back_is_told_only_with_an_offset() -> None:
    twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    row = {"name": "a", "note": None, "count": 1, "size": 1.5, "at": twice}
    plain = Dialect("utf-8", False, ",", ".", "", True, "\n", False, "", "", "iso", "Europe/Berlin")
    for times, passes in (("iso", 1), ("%d.%m.%Y %H:%M:%S", 0)):
        dialect = Dialect(**{**plain.__dict__, "times": times})
        with TemporaryDirectory() as name:
            path = dialect.write([row], Path(name))
            passed = pass_file(path, dialect.spec, date(2026, 10, 25), KEY, Path(name) / "s")
        assert passed.validated.num_rows == passes

"""Any bytes at all: the door ends with rows that add up or with one clear refusal, and it ends."""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.ingestion.contract import pass_file
from assets.ingestion.landing import LandingError
from assets.source_spec import SourceSpec

KEY = b"k" * 32
EXAMPLES = int(os.environ.get("NIGHTSHIFT_FUZZ_EXAMPLES", "150"))
"""`make fuzz` asks for more."""

SLOWEST = 20.0
"""Seconds after which one small file counts as a hang."""

COLUMNS = {
    "id": {"type": "string", "pii": "pseudonymise"},
    "n": {"type": "int", "required": False, "min": 0},
    "x": {"type": "float", "required": False},
    "at": {"type": "timestamp", "required": False, "formats": ["iso", "%d.%m.%Y"]},
}
HEADER = b"id,n,x,at\n"
PIECES = st.sampled_from(
    [
        *(bytes([n]) for n in range(256)),
        *(b"id,n,x,at", b"a,1,2.5,2026-01-01T00:00:00Z", b'"', b'""', b",", b"\n", b"\r\n", b"\r"),
        *(b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"\xc3", b"1e400", b"-", b"=1+1", b"9" * 40),
    ]
)
SCRAWL = st.binary(max_size=200) | st.lists(PIECES, max_size=60).map(b"".join)

WHOLE = pa.table({"id": ["a", "b"], "n": [1, 2], "x": [1.0, None], "at": [None, None]})


def through(data: bytes, suffix: str, **spec: object) -> None:
    declared = SourceSpec.model_validate({"columns": COLUMNS, **spec})
    begun = time.monotonic()
    with TemporaryDirectory() as name:
        path = Path(name) / f"rows_2026-01-01{suffix}"
        path.write_bytes(data)
        refused = ""
        try:
            passed = pass_file(path, declared, None, KEY, Path(name) / "scratch")
        except LandingError as error:
            refused = str(error)
        if refused:
            assert path.name in refused
        else:
            assert passed.landed == passed.validated.num_rows + passed.quarantined.num_rows
    assert time.monotonic() - begun < SLOWEST


LONG = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(
    data=SCRAWL,
    headed=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
    header=st.booleans(),
)
@LONG
def test_any_bytes_as_csv(
    data: bytes, headed: bool, encoding: str, delimiter: str, header: bool
) -> None:
    text = (HEADER if headed else b"") + data
    through(text, ".csv", encoding=encoding, delimiter=delimiter, header=header)


@given(data=SCRAWL, suffix=st.sampled_from([".csv.gz", ".csv.zip"]))
@settings(LONG, max_examples=max(20, EXAMPLES // 3))
def test_any_bytes_as_a_packed_file(data: bytes, suffix: str) -> None:
    through(data, suffix)


@given(cut=st.integers(0, 3000), at=st.integers(0, 3000), junk=st.binary(max_size=8))
@settings(LONG, max_examples=max(20, EXAMPLES // 3))
def test_a_damaged_parquet_file(
    tmp_path_factory: pytest.TempPathFactory, cut: int, at: int, junk: bytes
) -> None:
    whole = tmp_path_factory.getbasetemp() / "whole.parquet"
    if not whole.exists():
        pq.write_table(WHOLE, whole)
    data = whole.read_bytes()
    data = data[: len(data) - cut % len(data)] if cut else data
    at = at % (len(data) + 1)
    through(data[:at] + junk + data[at + len(junk) :], ".parquet", format="parquet")

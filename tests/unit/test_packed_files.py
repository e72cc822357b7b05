"""Packed files and Parquet: what is in them is taken, what comes along is told, what is damaged
is refused by name."""

import gzip
import io
import threading
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.ingestion import unpack
from assets.ingestion.csv_text import HASHING
from assets.ingestion.landing import LandingError
from assets.source_spec import SourceSpec
from tests.landed import source, taken

DATA = b"a,b\n1,x\n2\n3,y\n"
ROWS = [("1", "x"), ("3", "y")]
GZ, ZIP, PARQUET = (f"rows_2026-03-01.{end}" for end in ("csv.gz", "zip", "parquet"))


def zipped(members: dict[str, bytes]) -> bytes:
    """An archive of members by name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


PACKED: dict[str, tuple[bytes, str, tuple[str, ...]]] = {
    "gzip": (gzip.compress(DATA), GZ, ()),
    "gzip members": (
        gzip.compress(DATA[:7]) + gzip.compress(DATA[7:]),
        GZ,
        ("2 gzip members one after the other",),
    ),
    "gzip and junk": (
        gzip.compress(DATA) + b"junk",
        GZ,
        ("4 bytes after the end of the gzip data, ignored",),
    ),
    "gzip and zeros": (
        gzip.compress(DATA) + b"\0" * 99,
        GZ,
        ("99 bytes after the end of the gzip data, ignored",),
    ),
    "gzip by another name": (
        gzip.compress(DATA),
        "rows_2026-03-01.csv",
        ("gzip, though its name does not say so",),
    ),
    "gzip of UTF-16": (
        gzip.compress(DATA.decode().encode("utf-16")),
        GZ,
        ("UTF-16-LE byte order mark",),
    ),
    "gzip with a mark": (
        gzip.compress(b"\xef\xbb\xbf" + DATA),
        GZ,
        ("UTF-8 byte order mark",),
    ),
    "gzip of mixed lines": (
        gzip.compress(DATA.replace(b"x\n", b"x\r\n")),
        GZ,
        ("mixed line ends: 3 LF, 1 CR LF, 0 CR",),
    ),
    "zip": (zipped({"rows.csv": DATA}), ZIP, ()),
    "zip of a folder": (zipped({"in/": b"", "in/rows.csv": DATA}), ZIP, ()),
    "zip with junk": (
        zipped(
            {
                "__MACOSX/._rows.csv": b"junk",
                ".DS_Store": b"junk",
                "Thumbs.db": b"junk",
                "readme.txt": b"a,b\n",
                "rows.csv": DATA,
            }
        ),
        ZIP,
        ("zip with 4 ignored members: .DS_Store, Thumbs.db, __MACOSX/._rows.csv, readme.txt",),
    ),
    "zip of one text": (zipped({"rows.txt": DATA}), ZIP, ()),
    "zip of UTF-16": (
        zipped({"rows.csv": b"\xff\xfe" + DATA.decode().encode("utf-16-le")}),
        ZIP,
        ("UTF-16-LE byte order mark",),
    ),
}


@pytest.mark.parametrize("how", PACKED)
def test_a_packed_file_is_taken_as_the_plain_one(tmp_path: Path, how: str) -> None:
    data, name, forgiven = PACKED[how]
    found = taken(tmp_path, data, name=name)
    assert (found.rows, found.lines, found.aside) == (ROWS, [2, 4], [(3, "shape", "2")])
    assert found.form.forgiven == forgiven


def test_a_large_gzip_file_is_unpacked_in_blocks(tmp_path: Path) -> None:
    """Blocks of packed bytes that hold many blocks, and ends that fall on their edges."""
    many = b"a,b\n" + b"1,x\n" * ((3 * unpack.BLOCK - 4) // 4)
    assert len(taken(tmp_path, gzip.compress(many), name=GZ).rows) == many.count(b"x")


def test_a_gzip_file_is_unpacked_to_its_end_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,x\n" * 200) + gzip.compress(b"2,x\n" * 200) + b"junk"
    for size in (1, 2, 3, 64):
        monkeypatch.setattr(unpack, "BLOCK", size)
        assert taken(tmp_path, packed, name=GZ).rows == [("1", "x")] * 200 + [("2", "x")] * 200


WHOLE = gzip.compress(b"a,b\n" + bytes(range(48, 58)) * 5000)
ENCRYPTED = bytearray(zipped({"rows.csv": DATA}))
ENCRYPTED[6] |= 1
ENCRYPTED[ENCRYPTED.index(b"PK\x01\x02") + 8] |= 1
WRONG_SUM = bytearray(gzip.compress(DATA))
WRONG_SUM[-6] ^= 1
WRONG_ZIP = bytearray(zipped({"rows.csv": b"a,b\n" + b"1,2\n" * 99}))
WRONG_ZIP[45] ^= 255
DAMAGED: dict[str, tuple[bytes, str, str]] = {
    "no gzip": (DATA, GZ, "it is no gzip file"),
    "gzip cut off": (WHOLE[: len(WHOLE) // 2], GZ, "the gzip file is damaged"),
    "second member cut off": (WHOLE + WHOLE[:20], GZ, "the gzip file is damaged"),
    "gzip with a wrong sum": (bytes(WRONG_SUM), GZ, "the gzip file is damaged"),
    "gzip of nothing": (gzip.compress(b""), GZ, "it is empty where the names"),
    "empty gzip": (b"", GZ, "it is no gzip file"),
    "no zip": (DATA, ZIP, "it is no zip archive"),
    "zip cut off": (zipped({"rows.csv": DATA})[:-30], ZIP, "the zip file is damaged"),
    "zip with a wrong sum": (bytes(WRONG_ZIP), ZIP, "the zip file is damaged"),
    "zip encrypted": (bytes(ENCRYPTED), ZIP, "it is encrypted"),
    "zip of two": (zipped({"a.csv": DATA, "b.csv": DATA}), ZIP, "holds 2: a.csv, b.csv"),
    "zip of none": (zipped({}), ZIP, "holds 0: none"),
    "a workbook": (zipped({"xl/workbook.xml": b""}), ZIP, "workbook; have it saved as CSV"),
    "Parquet": (b"PAR1" + bytes(20) + b"PAR1", "rows_2026-03-01.csv", "format: parquet"),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_file_is_refused_with_what_it_is(tmp_path: Path, how: str) -> None:
    data, name, reason = DAMAGED[how]
    with pytest.raises(LandingError, match=reason) as refused:
        taken(tmp_path, data, name=name)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)
    # Ended already, though the refusal still holds on to what was open when it was raised.
    assert not [one for one in threading.enumerate() if one.name.startswith(HASHING)]


@pytest.mark.parametrize("name", [GZ, ZIP])
def test_a_file_made_to_fill_the_disk_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "BOMB_BYTES", 1 << 20)
    zeros = b"a,b\n" + b"0" * (2 << 20)
    bomb = gzip.compress(zeros) if name == GZ else zipped({"rows.csv": zeros})
    with pytest.raises(LandingError, match="made to fill a disk"):
        taken(tmp_path, bomb, name=name)
    # As large, but not out of nothing: real data.
    real = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n % 7919) for n in range(150_000))
    packed = gzip.compress(real) if name == GZ else zipped({"rows.csv": real})
    assert len(taken(tmp_path, packed, name=name).rows) == 150_000


def parquet_source(*names: str) -> SourceSpec:
    return source(*names, format="parquet")


def parquet(columns: Any) -> bytes:
    packed = io.BytesIO()
    pq.write_table(pa.table(columns), packed)
    return packed.getvalue()


def test_parquet_columns_go_by_name_and_keep_their_types(tmp_path: Path) -> None:
    data = parquet(
        {
            "B": [1, 2],
            "part": [{"a": 1}, {"a": 2}],
            "a": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    found = taken(tmp_path, data, parquet_source(), PARQUET)
    assert (found.rows, found.lines, found.aside) == ([("x", 1), ("y", 2)], [1, 2], [])
    assert found.form.header == ["B", "part", "a"]
    assert (found.form.text_columns, found.form.extra_columns) == ({"a"}, ["part"])


TWICE = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], ["a", "b", "a"])
NOT_PARQUET: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is empty"),
    "a few bytes": (b"PAR1", "it is cut off"),
    "cut off": (parquet({"a": ["x"], "b": ["y"]})[:-20], "it is cut off"),
    "CSV": (DATA, "if it is CSV, declare format: csv"),
    "a column lacks": (parquet({"a": [1], "c": [2]}), r"lacks the column\(s\) b; it has a, c"),
    "a column twice": (parquet(TWICE), r"column\(s\) a more than once"),
    "a spoilt end": (parquet({"a": [1], "b": [2]})[:-12] + b"\xff" * 8 + b"PAR1", "cannot be read"),
}


@pytest.mark.parametrize("how", NOT_PARQUET)
def test_what_is_no_parquet_of_these_columns_is_refused(tmp_path: Path, how: str) -> None:
    data, reason = NOT_PARQUET[how]
    with pytest.raises(LandingError, match=reason) as refused:
        taken(tmp_path, data, parquet_source(), PARQUET)
    assert "\n" not in str(refused.value)


def test_a_parquet_file_takes_no_column_from_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "c=9"
    folder.mkdir()
    found = taken(folder, parquet({"a": ["x"], "b": ["y"]}), parquet_source(), PARQUET)
    assert found.rows == [("x", "y")]

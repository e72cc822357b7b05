"""Files as they really come, byte by byte: what is taken of them, what is forgiven, set aside or
refused, and on which line of the file it stands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.ingestion.file_form import examine, require_complete, require_unchanged
from assets.ingestion.landing import LandingError
from assets.ingestion.records import LONGEST, cut
from tests.landed import NAME, source, taken

UMLAUTS = "a,b\nä,1\nö,2\n"
ROWS = [("ä", "1"), ("ö", "2")]

ENCODED: dict[str, tuple[bytes, dict[str, Any], str, tuple[str, ...]]] = {
    "UTF-8": (UMLAUTS.encode(), {}, "utf-8", ()),
    "UTF-8, marked": (
        b"\xef\xbb\xbf" + UMLAUTS.encode(),
        {},
        "utf-8",
        ("UTF-8 byte order mark",),
    ),
    "UTF-8, marked, declared otherwise": (
        b"\xef\xbb\xbf" + UMLAUTS.encode(),
        {"encoding": "latin-1"},
        "utf-8",
        ("UTF-8 byte order mark",),
    ),
    "UTF-16 LE, marked": (
        b"\xff\xfe" + UMLAUTS.encode("utf-16-le"),
        {},
        "utf-16-le",
        ("UTF-16-LE byte order mark",),
    ),
    "UTF-16 BE, marked": (
        b"\xfe\xff" + UMLAUTS.encode("utf-16-be"),
        {},
        "utf-16-be",
        ("UTF-16-BE byte order mark",),
    ),
    "UTF-32, marked": (
        b"\xff\xfe\x00\x00" + UMLAUTS.encode("utf-32-le"),
        {},
        "utf-32-le",
        ("UTF-32-LE byte order mark",),
    ),
    "UTF-16 LE, declared": (
        UMLAUTS.encode("utf-16-le"),
        {"encoding": "utf-16-le"},
        "utf-16-le",
        (),
    ),
    "UTF-16 BE, declared": (
        UMLAUTS.encode("utf-16-be"),
        {"encoding": "utf-16-be"},
        "utf-16-be",
        (),
    ),
    "UTF-16, its order by its zeros": (
        UMLAUTS.encode("utf-16-be"),
        {"encoding": "utf-16"},
        "utf-16-be",
        (),
    ),
    "Latin-1": (UMLAUTS.encode("latin-1"), {"encoding": "latin-1"}, "latin-1", ()),
    "cp1252": (UMLAUTS.encode("cp1252"), {"encoding": "cp1252"}, "cp1252", ()),
}


@pytest.mark.parametrize("how", ENCODED)
def test_a_text_is_the_same_in_any_encoding(tmp_path: Path, how: str) -> None:
    data, changes, encoding, forgiven = ENCODED[how]
    found = taken(tmp_path, data, source(**changes))
    assert (found.rows, found.lines, found.aside) == (ROWS, [2, 3], [])
    assert (found.form.encoding, found.form.forgiven) == (encoding, forgiven)
    assert found.form.is_copy == (encoding != "utf-8")
    assert found.form.size == len(data)


def test_plain_text_in_a_declared_encoding_needs_no_copy(tmp_path: Path) -> None:
    assert not taken(tmp_path, b"a,b\n1,2\n", source(encoding="cp1252")).form.is_copy


def test_utf16_that_nobody_declared_or_marked_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="declare encoding: utf-16-be"):
        taken(tmp_path, "a,b\n1,2\n".encode("utf-16-be"))


SPOILT = {
    "in the middle": (b"a,b\n1,x\n2,\xff\n3,y\n", {}, ["1", "3"], (3, "2,\\xff")),
    "in quotes": (b'a,b\n1,x\n2,"\xff"\n3,y\n', {}, ["1", "3"], (3, '2,"\\xff"')),
    "cut off at the end": (b"a,b\n1,x\n2,z\xe2\x82", {}, ["1"], (3, "2,z\\xe2\\x82")),
    "a surrogate": (b"a,b\n1,x\n2,\xed\xb2\x81\n", {}, ["1"], (3, "2,\\x81")),
    "undefined in cp1252": (
        b"a,b\n1,\xe4\n2,\x81\n3,y\n",
        {"encoding": "cp1252"},
        ["1", "3"],
        (3, "2,\\x81"),
    ),
    "half a unit of UTF-16": (
        "a,b\n1,x\n2,z".encode("utf-16-le") + b"\xe4",
        {"encoding": "utf-16-le"},
        ["1"],
        (3, "2,z\\xe4"),
    ),
}


@pytest.mark.parametrize("where", SPOILT)
def test_bytes_that_are_no_text_cost_only_their_row(tmp_path: Path, where: str) -> None:
    data, changes, kept, (line, raw) = SPOILT[where]
    found = taken(tmp_path, data, source(**changes))
    assert [row[0] for row in found.rows] == kept
    assert found.aside == [(line, "encoding", raw)]
    assert "in column 'b' that are no" in found.messages[0]


ENDS = {
    "LF": (b"a,b\n1,x\n2,y\n", ()),
    "LF, the last without": (b"a,b\n1,x\n2,y", ()),
    "CR LF": (b"a,b\r\n1,x\r\n2,y\r\n", ()),
    "CR": (b"a,b\r1,x\r2,y\r", ("CR line ends",)),
    "mixed": (b"a,b\r\n1,x\r2,y\n", ("mixed line ends: 1 LF, 1 CR LF, 1 CR",)),
    "LF and CR LF": (b"a,b\r\n1,x\n2,y", ("mixed line ends: 1 LF, 1 CR LF, 0 CR",)),
}


@pytest.mark.parametrize("ends", ENDS)
def test_any_line_end_ends_a_line(tmp_path: Path, ends: str) -> None:
    data, forgiven = ENDS[ends]
    found = taken(tmp_path, data)
    assert (found.rows, found.lines) == ([("1", "x"), ("2", "y")], [2, 3])
    assert found.form.forgiven == forgiven
    assert found.form.is_copy == bool(forgiven)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("inside", [b"\n", b"\r\n", b"\r"])
def test_a_line_end_in_quotes_is_kept_to_the_byte(
    tmp_path: Path, end: bytes, inside: bytes
) -> None:
    rows = [b'a,"b%sc"' % inside, b'"1%s%s",x' % (inside, inside), b"2", b"3,y", b""]
    found = taken(tmp_path, end.join(rows), source("a", f"b{inside.decode()}c"))
    assert found.rows == [("1" + 2 * inside.decode(), "x"), ("3", "y")]
    assert (found.lines, found.aside) == ([3, 7], [(6, "shape", "2")])


def test_text_that_looks_like_rows_stays_in_its_cell_however_long(tmp_path: Path) -> None:
    """Read from the middle, by several threads, each line of such a cell would be a row."""
    row = b'7,"' + b"2,y\n" * 50_000 + b'"\n'
    found = taken(tmp_path, b"a,b\n" + row * 250)
    assert len(found.rows) == 250
    assert set(found.rows) == {("7", "2,y\n" * 50_000)}


QUOTES = {
    "in a plain cell": (b'5" x,y"z\n', [('5" x', 'y"z')], []),
    "doubled": (b'"say ""so""",""""\n', [('say "so"', '"')], []),
    "around nothing": (b'"",""\n', [(None, None)], []),
    "blanks around": (b'1, "x,y" \n  "2"  ,  "z"\n', [("1", "x,y"), ("2", "z")], []),
    "text behind": (b'1,"x"y\n3,z\n', [("3", "z")], [(2, "shape", '1,"x"y')]),
    "text behind, over lines": (
        b'1,"x\ny"z\n3,z\n',
        [("3", "z")],
        [(2, "shape", '1,"x\ny"z')],
    ),
    "two in a cell": (b'1,"x" "y"\n3,z\n', [("3", "z")], [(2, "shape", '1,"x" "y"')]),
    "not doubled": (b'1,"x"y,"z\n3,z\n', [("3", "z")], [(2, "shape", '1,"x"y,"z')]),
    "never closed": (b'1,"x\n3,z\n4,w\n', [("3", "z"), ("4", "w")], [(2, "shape", '1,"x')]),
}


@pytest.mark.parametrize("quotes", QUOTES)
def test_quotes(tmp_path: Path, quotes: str) -> None:
    data, rows, aside = QUOTES[quotes]
    found = taken(tmp_path, b"a,b\n" + data)
    assert (found.rows, found.aside) == (rows, aside)
    assert ("blanks around quoted cells" in found.form.forgiven) == (quotes == "blanks around")


def test_ragged_rows_and_blank_lines(tmp_path: Path) -> None:
    found = taken(tmp_path, b"a,b\n1\n\n1,2,3\n4,5,\n\n\n,\n \n6,7\n")
    assert found.rows == [("4", "5"), (None, None), ("6", "7")]
    assert found.lines == [5, 8, 10]
    assert found.aside == [(2, "shape", "1"), (4, "shape", "1,2,3"), (9, "shape", " ")]
    assert found.messages[:2] == ["1 cell where 2 belong", "3 cells where 2 belong"]
    assert found.form.forgiven == ("3 blank lines",)


def test_an_empty_line_is_a_row_where_a_row_has_one_cell(tmp_path: Path) -> None:
    found = taken(tmp_path, b"a\n1\n\n2\n", source("a"))
    assert (found.rows, found.form.forgiven) == ([("1",), (None,), ("2",)], ())


def test_zero_bytes_are_kept_in_their_cell(tmp_path: Path) -> None:
    found = taken(tmp_path, b"a,b\n1,x\x00y\n2,z\n" + b"\x00" * 9)
    assert found.rows == [("1", "x\x00y"), ("2", "z")]
    assert [line for line, _, _ in found.aside] == [4]


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_row_is_as_long_as_it_may_be_or_is_set_aside(tmp_path: Path, quote: bytes) -> None:
    fits = b"x" * (LONGEST - 2 - 2 * len(quote))
    long = b"1,%s%s%s" % (quote, fits, quote)
    found = taken(tmp_path, b"a,b\n0,y\n%s\n2,z\n" % long)
    assert [len(row[1]) for row in found.rows] == [1, len(fits), 1]
    for more in (1, 3 * LONGEST):
        found = taken(tmp_path, b"a,b\n0,y\n%s%s\n2,z\n" % (long, b"x" * more))
        assert (found.rows, found.lines) == ([("0", "y"), ("2", "z")], [2, 4])
        ((line, rule, raw),) = found.aside
        assert (line, rule) == (3, "shape")
        assert raw.startswith("1,")
        assert len(raw) < LONGEST
        assert found.messages[0].endswith("longer than 16 MiB")


@pytest.mark.parametrize("begin", [b"1,", b'1,"'])
def test_a_line_without_end_is_not_waited_for(begin: bytes) -> None:
    """Nor kept: a file that is one line, or one open quote, does not fill the memory."""
    block, given = b"x" * (1 << 20), 0

    def blocks() -> Iterator[bytes]:
        nonlocal given
        yield b"a,b\n" + begin
        for given in range(1, 80):
            yield block if given < 60 else b"x\n"

    found = cut(blocks(), ",")
    assert next(found).record(0) == b"a,b"
    assert next(found).broken == {0: "longer than 16 MiB"}
    assert given * len(block) < LONGEST + 2 * len(block)
    assert sum(len(records) for records in found) == 19


def test_a_file_replaced_or_written_to_meanwhile_is_noticed(tmp_path: Path) -> None:
    path, other = tmp_path / NAME, tmp_path / "other"
    path.write_bytes(b"a,b\n1,2\n")
    form = examine(path, source(), tmp_path / "scratch")
    require_unchanged(form)
    other.write_bytes(b"a,b\n1,3\n")
    other.replace(path)
    with pytest.raises(LandingError, match="changed while it was read"):
        require_unchanged(form)
    form = examine(path, source(), tmp_path / "scratch")
    with path.open("ab") as file:
        file.write(b"4,5\n")
    with pytest.raises(LandingError, match="changed while it was read"):
        require_unchanged(form)
    path.unlink()
    with pytest.raises(LandingError, match="changed while it was read"):
        require_unchanged(form)


def test_rows_that_did_not_come_out_are_missed(tmp_path: Path) -> None:
    form = taken(tmp_path, b"a,b\n1,2\n\n3\n").form
    require_complete(form, 2)
    with pytest.raises(LandingError, match="has 2 rows, and 1 came out"):
        require_complete(form, 1)


def test_a_copy_is_for_its_owner_only_and_the_landed_file_stays(tmp_path: Path) -> None:
    data = b"a,b\r1,2\r"
    form = taken(tmp_path, data).form
    assert form.readable.read_bytes() == b"a,b\n1,2\n"
    assert form.readable.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "scratch").stat().st_mode & 0o777 == 0o700
    assert form.path.read_bytes() == data


@pytest.mark.parametrize("name", ["rows[1]*?_2026-03-01.csv", "it's {a}_2026-03-01.csv"])
def test_a_name_is_no_wildcard(tmp_path: Path, name: str) -> None:
    (tmp_path / "rows1xx_2026-03-01.csv").write_bytes(b"a,b\n8,9\n")
    assert taken(tmp_path, b"a,b\n1,2\n", name=name).rows == [("1", "2")]

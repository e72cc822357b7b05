"""Sheets for people: nothing in them is run, and they read back as they were written."""

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.ingestion.spreadsheet import (
    BOM,
    DELIMITERS,
    SheetError,
    neutralised,
    read_sheet,
    restored,
    sheet,
)

CELL = st.text(st.characters(codec="utf-8"), max_size=12) | st.text(
    "=+-@\t\r\n'\"1.,;a ", max_size=8
)


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "=HYPERLINK(1)",
        "-",
        "=",
        "\uff1d1",
        *("-5;x", "+a", "--5", "-1e5x", "+1-1"),
    ],
)
def test_what_a_spreadsheet_would_run_is_neutralised(cell: str) -> None:
    assert neutralised(cell) == "'" + cell
    assert restored("'" + cell) == cell


@pytest.mark.parametrize(
    "cell",
    [
        *("-5", "+1.5", "-1.234,56", "-1e5", "-.5", "+1E+10", "-1 000", "-1'000.5", "-5."),
        *("", "text", "a=b", "1-2", "2026-03-01", "'quoted'", "\N{MINUS SIGN}5"),
    ],
)
def test_numbers_and_plain_text_stay_as_they_are(cell: str) -> None:
    assert neutralised(cell) == cell
    assert restored(cell) == cell


def test_an_apostrophe_that_was_there_before_is_still_there_after() -> None:
    for cell in ("'=1", "''=1", "'''@x", "'-5"):
        assert neutralised(cell) == "'" + cell
        assert restored(neutralised(cell)) == cell


@given(CELL)
@example("'=1")
@example("''-5")
@settings(max_examples=400, deadline=None)
def test_neutralising_is_undone_exactly(cell: str) -> None:
    safe = neutralised(cell)
    assert restored(safe) == cell
    assert not safe.startswith(("=", "@", "\t", "\r", "\n"))


@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=6),
    delimiter=st.sampled_from([*DELIMITERS, "\x01"]),
)
@settings(max_examples=200, deadline=None)
def test_a_sheet_reads_back_as_it_was_written(rows: list[list[str]], delimiter: str) -> None:
    written = sheet(["id", "one", "two"], rows, delimiter)
    header, found = read_sheet(written.encode(), "refused.csv")
    assert header == ["id", "one", "two"]
    assert [cells for _, cells in found] == [row for row in rows if any(row)]


def test_it_starts_with_a_byte_order_mark_and_reads_without_one_or_in_utf_16() -> None:
    written = sheet(["id", "name"], [["1", "Zoë"]], ",")
    assert written.encode().startswith(b"\xef\xbb\xbf")
    expected = (["id", "name"], [(2, ["1", "Zoë"])])
    for content in (written.encode(), written[1:].encode(), written[1:].encode("utf-16")):
        assert read_sheet(content, "refused.csv") == expected


def test_what_another_program_saved_is_understood() -> None:
    semicolons = 'id;name;note\r\n1;x;\r\n;;\r\n2\r\n\r\n3;"a\nb";\'=1\r\n4;z;;;\r\n'
    assert read_sheet(semicolons.encode(), "refused.csv") == (
        ["id", "name", "note"],
        [(2, ["1", "x", ""]), (4, ["2", "", ""]), (6, ["3", "a\nb", "=1"]), (8, ["4", "z", ""])],
    )


def test_a_cell_may_be_of_any_size_and_the_csv_module_is_left_as_it_was() -> None:
    large = "x" * 300_000
    before = csv.field_size_limit()
    assert read_sheet(sheet(["id", "a"], [["1", large]], ",").encode(), "f")[1] == [
        (2, ["1", large])
    ]
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "refused.csv is empty"),
        (BOM.encode(), "refused.csv is empty"),
        (b"id,a\n1,2,3\n", "refused.csv, line 2: 3 cells where the header has 2"),
        (b"id,a\n1,\xff\n", "refused.csv is not UTF-8 text .byte 7."),
        (b'id,a\n1,"open\n', "refused.csv, line 2: .*A quote is probably missing"),
        (b'id,a\n1,2\n2,"x"y\n', "refused.csv, line 3: "),
    ],
)
def test_what_is_no_sheet_is_said_with_its_line(content: bytes, says: str) -> None:
    with pytest.raises(SheetError, match=says):
        read_sheet(content, "refused.csv")


def test_the_cells_as_a_spreadsheet_sees_them_hold_no_formula() -> None:
    cells = ["=cmd|' /C calc'!A0", "+1+cmd", "-5", "plain", "@x"]
    written = sheet(["id", *"abcde"], [["1", *cells]], ",").removeprefix(BOM)
    seen = list(csv.reader(io.StringIO(written)))[1]
    assert [one for one in seen if one.startswith(("=", "+", "@"))] == []
    assert seen[3] == "-5"

"""Cells become values of their type, however they are written, and none becomes another."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from assets.ingestion.times import FormatError
from tests.cells import Judged, judge

NBSP, NARROW = "\u00a0", "\u202f"
GERMAN = {"decimal": ",", "thousands": "."}
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
BERLIN = {"timezone": "Europe/Berlin"}
DOTTED = ["%d.%m.%Y %H:%M", "%d.%m.%Y"]


def naive(*times: str) -> pa.Array:
    return pa.array([datetime.fromisoformat(time) for time in times], pa.timestamp("ms"))


# (column, source, {cell: value, or None where it must be refused})
CELLS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        {"type": "int"},
        {},
        {
            "12": 12,
            "-3": -3,
            "+4": 4,
            " 5 ": 5,
            "\t6\n": 6,
            "007": 7,
            "8.0": 8,
            "9.": 9,
            "-0": 0,
            "\u22125": -5,
            "9223372036854775807": 2**63 - 1,
            "-9223372036854775808": -(2**63),
            "9223372036854775808": None,
            "1.5": None,
            "12.00000000000000001": None,
            "1_000": None,
            "0x1F": None,
            "0b1": None,
            "1 000": None,
            "1,000": None,
            "(1,234)": None,
            "1e3": None,
            "5.70306E+17": None,
            "--1": None,
            "+-1": None,
            "-": None,
            " ": None,
            ".": None,
            "true": None,
            "\u0661": None,
            "1\x00": None,
            "nan": None,
        },
    ),
    (
        {"type": "float"},
        {},
        {
            "1.5": 1.5,
            "+1.5": 1.5,
            " -1.5 ": -1.5,
            ".5": 0.5,
            "5.": 5.0,
            "1e-5": 1e-5,
            "1E+05": 1e5,
            "\u22120.5": -0.5,
            "0.1": 0.1,
            "1_000": None,
            "1_0.5": None,
            "+-1": None,
            "1,5": None,
            "1 000.5": None,
            "0x1p3": None,
            "1e": None,
            "1e5.": None,
            "5f": None,
            "nan": None,
            "-inf": None,
            "Infinity": None,
            "1e400": None,
            "(1.5)": None,
            "1.5%": None,
            "\u20ac1": None,
        },
    ),
    (
        {"type": "float"},
        GERMAN,
        {
            "1.234,56": 1234.56,
            "1234,56": 1234.56,
            "-1.234.567": -1234567.0,
            "1.234": 1234.0,
            "0,5": 0.5,
            ",5": 0.5,
            "1,5e3": 1500.0,
            "1.23": None,
            "1.2345": None,
            "12.34.567": None,
            "1234.567,0": None,
            ".123": None,
            "1,234.56": None,
            "1,234,567": None,
            "1.234,567.8": None,
        },
    ),
    ({"type": "int"}, GERMAN, {"1.234": 1234, "1.234,00": 1234, "12": 12, "1.23": None}),
    (
        {"type": "float"},
        {"decimal": ","},
        {"1,5": 1.5, "-2": -2.0, "1.5": None, "1.234,5": None, "1,2,3": None},
    ),
    (
        {"type": "float"},
        {"thousands": ","},
        {"1,234.5": 1234.5, "1234.5": 1234.5, "1,23": None, "1,5": None, "1.234,5": None},
    ),
    ({"type": "int"}, {"thousands": "'"}, {"1'234'567": 1234567, "12'34": None}),
    (
        {"type": "int"},
        {"thousands": " "},
        {
            "1 234": 1234,
            f"1{NBSP}234": 1234,
            f"-1{NARROW}234{NARROW}567": -1234567,
            " 12 ": 12,
            "1  234": None,
            "12 34": None,
        },
    ),
    (
        {"type": "float"},
        {"thousands": " ", "decimal": ","},
        {f"1{NARROW}234,5": 1234.5, f"12{NBSP}": None, f"1{NBSP}23": None},
    ),
    # A column may write its numbers otherwise than its file.
    ({"type": "float", "decimal": ".", "thousands": ""}, GERMAN, {"1.23": 1.23, "1,23": None}),
    (
        {"type": "bool"},
        {},
        dict.fromkeys(("true", "TRUE", "t", "Yes", "y", "1", " true "), True)
        | dict.fromkeys(("false", "F", "no", "N", "0"), False)
        | dict.fromkeys(("on", "off", "2", "1.0", "ja", "truee", " ")),
    ),
    (
        {"type": "timestamp"},
        {},
        {
            "2026-03-01T10:00:00Z": MARCH + timedelta(hours=10),
            "2026-03-01 10:00:00": MARCH + timedelta(hours=10),
            "2026-03-01 10:00:00Z": MARCH + timedelta(hours=10),
            "2026-03-01T10:00": MARCH + timedelta(hours=10),
            "2026-03-01": MARCH,
            " 2026-03-01T00:00:00Z ": MARCH,
            "2026-03-01t01:00:00z": MARCH + timedelta(hours=1),
            "2026-03-01 01:00:00 UTC": MARCH + timedelta(hours=1),
            "2026-03-01T01:00:00+01:00": MARCH,
            "2026-03-01 01:00:00+0100": MARCH,
            "2026-03-01 01:00:00 +01": MARCH,
            "2026-03-01T00:00:00.25Z": MARCH + timedelta(seconds=0.25),
            "2026-03-01T00:00:00,5": MARCH + timedelta(seconds=0.5),
            "2026-03-01T00:00:00.000001000Z": MARCH + timedelta(microseconds=1),
            "0001-01-01T00:00:00Z": datetime(1, 1, 1, tzinfo=UTC),
            "9999-12-31T23:59:59.999999Z": datetime.max.replace(tzinfo=UTC),
            "2026-03-01T00:00:00.0000001Z": None,
            "0001-01-01T00:00:00+01:00": None,
            "9999-12-31T23:59:59-01:00": None,
            "0000-01-01T00:00:00Z": None,
            "10000-01-01T00:00:00Z": None,
            "-026-03-01T10:00:00Z": None,
            "2026-03-01T24:00:00Z": None,
            "2026-03-01T23:59:60Z": None,
            "2026-03-01T10:60:00Z": None,
            "2026-03-01T 1:00:00Z": None,
            "2026-03-01T10:00:0 Z": None,
            "2026-03-01T10": None,
            "2026-03-01T10:00:00+25:00": None,
            "2026-03-01T10:00:00+02:60": None,
            "2026-03-01 10:00:00 Europe/Berlin": None,
            "2026-03-01 (BC)": None,
            "2026-3-1": None,
            "20260301": None,
            "26-03-01": None,
            "2026-13-01": None,
            "2026-02-29T00:00:00Z": None,
            "2026/03/01": None,
            "01/02/2026": None,
            "2026-03-01-02": None,
            "infinity": None,
            "epoch": None,
            "today": None,
            "46082": None,
        },
    ),
    (
        {"type": "timestamp"},
        BERLIN,
        {
            "2026-03-01 01:00:00": MARCH,
            "2026-07-01 02:00:00": datetime(2026, 7, 1, tzinfo=UTC),
            "2026-03-01T01:00:00Z": MARCH + timedelta(hours=1),
            "2026-03-29 01:59:59.999999": datetime(2026, 3, 29, 0, 59, 59, 999999, UTC),
            "2026-03-29 02:00:00": None,
            "2026-03-29 02:30:00": None,
            "2026-03-29 03:00:00": datetime(2026, 3, 29, 1, tzinfo=UTC),
            "2026-10-25 01:59:59": datetime(2026, 10, 24, 23, 59, 59, tzinfo=UTC),
            "2026-10-25 02:00:00": None,
            "2026-10-25 02:30:00": None,
            "2026-10-25 03:00:00": datetime(2026, 10, 25, 2, tzinfo=UTC),
            # The offset says which of the two it is.
            "2026-10-25 02:30:00+02:00": datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
            "2026-10-25 02:30:00+01:00": datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        },
    ),
    (
        {"type": "timestamp", "formats": DOTTED},
        {},
        {
            "01.03.2026 10:00": MARCH + timedelta(hours=10),
            "1.3.2026 9:05": MARCH + timedelta(hours=9, minutes=5),
            " 01.03.2026": MARCH,
            "13.03.2026": datetime(2026, 3, 13, tzinfo=UTC),
            "03.13.2026": None,
            "01.03.26": None,
            "01.03.2026 24:00": None,
            "01.03.2026  10:00": None,
            "01.03.2026 10:5": None,
            "31.02.2026": None,
            "2026-03-01": None,
            "infinity": None,
            "epoch": None,
        },
    ),
    (
        {"type": "timestamp", "formats": ["%d/%b/%Y:%H:%M:%S %z"]},
        BERLIN,
        {"01/Mar/2026:01:00:00 +0100": MARCH, "01/Mar/2026:01:00:00": None},
    ),
    (
        {"type": "timestamp", "formats": ["%m/%d/%y %I:%M %p"]},
        {},
        {"03/01/26 10:00 PM": MARCH + timedelta(hours=22), "03/01/2026 10:00 PM": None},
    ),
    # Numbers that run into each other have all their digits.
    ({"type": "date", "formats": ["%Y%m%d"]}, {}, {"20260301": date(2026, 3, 1), "2026031": None}),
    ({"type": "date", "formats": ["%Y.%j"]}, {}, {"2026.060": date(2026, 3, 1), "2026.60": None}),
    (
        {"type": "timestamp", "formats": ["excel_serial", "iso"]},
        {},
        {
            "46082": MARCH,
            "46082.5": MARCH + timedelta(hours=12),
            "46082.4166666667": MARCH + timedelta(hours=10),
            "61": datetime(1900, 3, 1, tzinfo=UTC),
            "2958465": datetime(9999, 12, 31, tzinfo=UTC),
            "2026-03-01": MARCH,
            "60": None,
            "0": None,
            "-46082": None,
            "2958466": None,
            "46082,5": None,
            "4.6E4": None,
        },
    ),
    (
        {"type": "timestamp", "formats": ["excel_serial"]},
        {"decimal": ",", "thousands": ".", "timezone": "Europe/Berlin"},
        {"46082,5": MARCH + timedelta(hours=11), "46.082": None},
    ),
    (
        {"type": "timestamp", "formats": ["epoch_seconds"]},
        BERLIN,
        {
            "1772323200": MARCH,
            "1772323200.000001": MARCH + timedelta(microseconds=1),
            "-1": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
            "1772323200.0000001": None,
            "1772323200000": None,
            "1.7723232E9": None,
            "now": None,
        },
    ),
    (
        {"type": "timestamp", "formats": ["epoch_milliseconds"]},
        {},
        {
            "1772323200000": MARCH,
            "1772323200000.5": MARCH + timedelta(microseconds=500),
            "999999999999999": None,
        },
    ),
    (
        {"type": "date"},
        BERLIN,
        {
            "2026-02-28": date(2026, 2, 28),
            " 2026-02-28 ": date(2026, 2, 28),
            "2026-02-28 00:00:00": date(2026, 2, 28),
            "2026-02-28T00:00Z": date(2026, 2, 28),
            "2026-02-28T00:00:00.000+00:00": date(2026, 2, 28),
            "0001-01-01": date(1, 1, 1),
            "9999-12-31": date(9999, 12, 31),
            "2026-02-28 10:00:00": None,
            "2026-02-28T00:00:00+02:00": None,
            "2026-02-29": None,
            "2026-2-28": None,
            "2026-02-1 ": None,
            "2026/02/28": None,
            "20260228": None,
            "0000-01-01": None,
            "10000-01-01": None,
            "2026-02-28 (BC)": None,
            "epoch": None,
            "-infinity": None,
        },
    ),
    (
        {"type": "date", "formats": ["excel_serial", "epoch_seconds"]},
        {},
        {"46082": date(2026, 3, 1), "46082.5": None, "1772323200": date(2026, 3, 1)},
    ),
    (
        {"type": "string"},
        {},
        {text: text for text in (" a ", "=1+1", "\u00e9\n", "NULL", "0012", "5.70306E+17", "'")},
    ),
]


@pytest.mark.parametrize(("column", "source", "cells"), CELLS)
def test_a_cell_is_its_value_or_refused(
    column: dict[str, Any], source: dict[str, Any], cells: dict[str, Any]
) -> None:
    judged = judge(list(cells), column, **source)
    wrong = {
        cell: (found, value)
        for (cell, value), found in zip(cells.items(), judged, strict=True)
        if found.value != value or (found.rule is None) != (value is not None)
    }
    assert wrong == {}
    assert {type(found.value) for found in judged if found.rule is None} <= {
        type(value) for value in cells.values()
    }


@pytest.mark.parametrize(
    ("column", "source", "nulls", "others"),
    [
        ({"type": "string"}, {}, [""], [" ", "NA", "NULL"]),
        ({"type": "string"}, {"nulls": ["NA", " "]}, ["", "NA", " "], ["na", " NA", "  "]),
        ({"type": "string", "nulls": ["-1"]}, {}, ["-1"], ["-1.0", "1"]),
        (
            {"type": "float", "nulls": ["-200"]},
            {"nulls": ["NULL"]},
            ["-200", "-200.0", " -200 ", "-200.000", "-2e2", "NULL"],
            ["200", "-200.1", "-2000", "0"],
        ),
        (
            {"type": "float", "nulls": ["-1.000,0"]},
            GERMAN,
            ["-1000", "-1.000", "-1.000,0", "-1000,00"],
            ["-1", "-1,000"],
        ),
        ({"type": "int", "nulls": ["0"]}, {}, ["0", "-0", "0.0", "00"], ["10", "1"]),
        # As doubles they would all be one number.
        (
            {"type": "int", "nulls": ["9999999999999999"]},
            {},
            ["9999999999999999", "9999999999999999.0"],
            ["9999999999999998", "10000000000000000"],
        ),
        ({"type": "date", "nulls": ["9999-12-31"]}, {}, ["9999-12-31"], ["9999-12-30"]),
        ({"type": "int", "nulls": ["'"]}, {}, ["'"], ["1"]),
    ],
)
def test_declared_nulls_are_null_and_no_other_cell_is(
    column: dict[str, Any], source: dict[str, Any], nulls: list[str], others: list[str]
) -> None:
    assert judge(nulls, column, **source) == [Judged(None)] * len(nulls)
    for found in judge(others, column, **source):
        assert found.value is not None or found.rule == "type"


def test_a_blank_number_is_no_null_unless_it_is_declared() -> None:
    assert judge([" "], {"type": "int"}) == [Judged(None, "type", "' ' is no int")]
    assert judge([" "], {"type": "int", "nulls": [" "]}) == [Judged(None)]


@pytest.mark.parametrize(
    ("array", "column", "source", "values"),
    [
        (pa.array([1, -2, None], pa.int8()), {"type": "int"}, {}, [1, -2, None]),
        (pa.array([2**64 - 1, 7], pa.uint64()), {"type": "int"}, {}, ["type", 7]),
        (pa.array([12.0, 2.5, None]), {"type": "int"}, {}, [12, "type", None]),
        (pa.array([2.0**53, float("nan")]), {"type": "int"}, {}, ["lost_digits", "type"]),
        (
            pa.array([Decimal("2.00"), Decimal("2.01")]),
            {"type": "int"},
            {"decimal": ","},
            [2, "type"],
        ),
        (pa.array(["a"]).dictionary_encode(), {"type": "int"}, {}, ["type"]),
        (pa.array([True, False]), {"type": "int"}, {}, [1, 0]),
        (pa.array([MARCH]), {"type": "int"}, {}, ["type"]),
        (pa.array([0.5], pa.float32()), {"type": "float"}, {}, [0.5]),
        (pa.array([float("inf")]), {"type": "float"}, {}, ["range"]),
        (pa.array([Decimal("0.1")]), {"type": "float"}, {"decimal": ","}, [0.1]),
        (pa.array([date(2026, 3, 1)]), {"type": "float"}, {}, ["type"]),
        (pa.array([True, None]), {"type": "bool"}, {}, [True, None]),
        (pa.array([1, 0, 2]), {"type": "bool"}, {}, [True, False, "type"]),
        (pa.array([-200.0, -200.5]), {"type": "float", "nulls": ["-200"]}, {}, [None, -200.5]),
        (pa.array([-200, -1]), {"type": "int", "nulls": ["-200", "-1"]}, {}, [None, None]),
        (pa.array([5, 12]), {"type": "string", "nulls": ["5"]}, {}, [None, "12"]),
        (pa.array([5.25]), {"type": "string"}, {}, ["5.25"]),
        (pa.array([123.0]), {"type": "string", "pii": "pseudonymise"}, {}, ["type"]),
        (pa.array([123.0]), {"type": "string"}, {"key": ["x"]}, ["type"]),
        (pa.array([123]), {"type": "string"}, {"key": ["x"]}, ["123"]),
        (pa.array([b"ab", b"\xff"]), {"type": "string"}, {}, ["ab", "type"]),
        (pa.array([[1, 2]]), {"type": "string"}, {}, ["type"]),
        (pa.array([{"a": 1}]), {"type": "string"}, {}, ["type"]),
        (pa.array(["", "a"]), {"type": "string"}, {}, [None, "a"]),
        (pa.nulls(2), {"type": "timestamp"}, {}, [None, None]),
        (pa.array([MARCH], pa.timestamp("us", "Asia/Tokyo")), {"type": "timestamp"}, {}, [MARCH]),
        (pa.array([date(2026, 3, 1)]), {"type": "timestamp"}, {}, [MARCH]),
        (pa.array([1001, 1000], pa.timestamp("ns")), {"type": "timestamp"}, {}, ["type", ...]),
        (
            pa.array([1001, 1000], pa.timestamp("ns", "UTC")),
            {"type": "timestamp"},
            {},
            ["type", ...],
        ),
        (
            naive("2026-03-01T01:00", "2026-03-29T02:30"),
            {"type": "timestamp"},
            BERLIN,
            [MARCH, "clock_change"],
        ),
        (pa.array([1772323200]), {"type": "timestamp"}, {}, ["type"]),
        (
            pa.array([1772323200]),
            {"type": "timestamp", "formats": ["epoch_seconds"]},
            {"decimal": ","},
            [MARCH],
        ),
        (pa.array([46082.5]), {"type": "timestamp", "formats": ["excel_serial"]}, {}, [...]),
        (pa.array([date(2026, 3, 1)]), {"type": "date"}, {}, [date(2026, 3, 1)]),
        (
            naive("2026-03-01T00:00", "2026-03-01T01:00"),
            {"type": "date"},
            BERLIN,
            [date(2026, 3, 1), "type"],
        ),
        (pa.array([MARCH]), {"type": "date"}, {}, [date(2026, 3, 1)]),
        (pa.array([20260301]), {"type": "date"}, {}, ["type"]),
    ],
)
def test_a_parquet_files_own_types_are_taken_as_far_as_nothing_is_lost(
    array: pa.Array, column: dict[str, Any], source: dict[str, Any], values: list[Any]
) -> None:
    """``values``: the value, or the rule that refuses the cell, or ... for any value."""
    for found, value in zip(judge(array, column, **source), values, strict=True):
        if value is ...:
            assert found.value is not None
        elif found.rule is not None:
            assert found.rule == value
        else:
            assert (found.value, type(found.value)) == (value, type(value))


@pytest.mark.parametrize(
    "pattern", ["%H:%M", "%d.%m.", "%Y-%m", "%Q", "%d.%m.%Y %", "%d.%m.%Y %I:%M", "%c %Y"]
)
def test_a_format_that_leaves_the_date_to_guess_is_refused(pattern: str) -> None:
    with pytest.raises(FormatError, match=r"defs\.yaml"):
        judge(["x"], {"type": "timestamp", "formats": [pattern]})

"""Each rule fires and stays silent, and says what is wrong without telling what is personal."""

from datetime import date
from typing import Any

import pytest

from assets.ingestion.rules import rules
from assets.source_spec import SourceSpec
from tests.cells import Judged, judge

DAY = date(2026, 3, 1)
ROUNDED = "is a rounded number: its last digits are lost; export the column as text"
CLOCKS = (
    "is no one time: the clocks of Europe/Berlin skip it or show it twice; "
    "write times with their offset, like +01:00"
)
BERLIN = {"timezone": "Europe/Berlin"}

# (column, source, good cell, bad cell, rule, message)
CASES: list[tuple[dict[str, Any], dict[str, Any], str | None, str | None, str, str]] = [
    ({"type": "int"}, {}, "1", "many", "type", "'many' is no int"),
    ({"type": "int"}, {}, "1.0", "1.5", "type", "'1.5' is no whole number"),
    ({"type": "int"}, {"decimal": ","}, "1,0", "1,5", "type", "'1,5' is no whole number"),
    (
        {"type": "int"},
        {},
        "9223372036854775807",
        "9223372036854775808",
        "type",
        "'9223372036854775808' is beyond the whole numbers of 64 bits",
    ),
    ({"type": "int"}, {}, "57", "5.70306E+17", "lost_digits", f"'5.70306E+17' {ROUNDED}"),
    (
        {"type": "int"},
        {"decimal": ","},
        "57",
        "5,70306E+17",
        "lost_digits",
        f"'5,70306E+17' {ROUNDED}",
    ),
    ({"type": "bool"}, {}, "Y", "maybe", "type", "'maybe' is no bool"),
    ({"type": "date"}, {}, "2026-02-28", "2026-02-30", "type", "'2026-02-30' is no date"),
    ({"type": "timestamp"}, {}, "2026-02-28", "noon", "type", "'noon' is no timestamp"),
    ({"type": "timestamp"}, BERLIN, "2026-02-28", "noon", "type", "'noon' is no timestamp"),
    ({"type": "int", "required": True}, {}, "1", None, "required", "a value is required"),
    ({"type": "string", "required": True}, {}, " ", "", "required", "a value is required"),
    ({"type": "int", "min": 1}, {}, "1", "0", "range", "0 < 1.0"),
    ({"type": "int", "min": 1.5}, {}, "2", "1", "range", "1 < 1.5"),
    ({"type": "int", "max": -1.5}, {}, "-2", "-1", "range", "-1 > -1.5"),
    ({"type": "float", "max": 5}, {}, "5", "5.01", "range", "5.01 > 5.0"),
    ({"type": "float", "min": 1e-7}, {}, "0.1", "0", "range", "0 < 1e-07"),
    ({"type": "float"}, {}, "1e308", "nan", "range", "not a finite number"),
    ({"type": "float", "max": 5}, {}, "1", "nan", "range", "not a finite number"),
    ({"type": "float"}, {}, "1", "1e999", "range", "not a finite number"),
    (
        {"type": "string", "values": ["a'b"]},
        {},
        "a'b",
        "b'a",
        "values",
        "'b'a' is not an agreed value",
    ),
    ({"type": "string", "values": []}, {}, None, "a", "values", "'a' is not an agreed value"),
    (
        {"type": "string", "digits": 5},
        {},
        "01234",
        "1234",
        "digits",
        "'1234' is not 5 digits (leading zeros lost?)",
    ),
    ({"type": "string", "digits": 5}, {}, "01234", "1234a", "digits", "'1234a' is not 5 digits"),
    ({"type": "string", "digits": 2}, {}, "12", "123", "digits", "'123' is not 2 digits"),
    (
        {"type": "string", "digits": 1},
        {},
        "1",
        "\u0661",
        "digits",
        "'\u0661' is not 1 digits",
    ),
    (
        {"type": "string", "pattern": "[A-Z]'?\\d+"},
        {},
        "A'1",
        "A'1x",
        "pattern",
        "'A'1x' is not written as agreed: [A-Z]'?\\d+",
    ),
    (
        {"type": "string"},
        {"key": ["x"]},
        "570306",
        "5.70306e+17",
        "lost_digits",
        f"'5.70306e+17' {ROUNDED}",
    ),
    ({"type": "string"}, {"key": ["x"]}, "1e23", "1E+23", "lost_digits", f"'1E+23' {ROUNDED}"),
    (
        {"type": "string", "pii": "pseudonymise"},
        {},
        "E5",
        "5,70306E17",
        "lost_digits",
        f"'(masked)' {ROUNDED}",
    ),
    (
        {"type": "timestamp"},
        BERLIN,
        "2026-03-29 03:00:00",
        "2026-03-29 02:30:00",
        "clock_change",
        f"'2026-03-29 02:30:00' {CLOCKS}",
    ),
    (
        {"type": "timestamp", "formats": ["%d.%m.%Y %H:%M"]},
        BERLIN,
        "25.10.2026 03:00",
        "25.10.2026 02:30",
        "clock_change",
        f"'25.10.2026 02:30' {CLOCKS}",
    ),
]


@pytest.mark.parametrize(("column", "source", "good", "bad", "rule", "message"), CASES)
def test_a_rule_fires_and_stays_silent(
    column: dict[str, Any],
    source: dict[str, Any],
    good: str | None,
    bad: str | None,
    rule: str,
    message: str,
) -> None:
    silent, fired = judge([good, bad], column, **source)
    assert silent.rule is None
    assert fired == Judged(None, rule, message)


def test_a_text_that_only_looks_rounded_passes_where_it_names_nobody() -> None:
    assert judge(["5.70306E+17"], {"type": "string"}) == [Judged("5.70306E+17")]


def test_a_null_breaks_no_rule_but_that_it_is_required() -> None:
    for column in (
        {"type": "int", "min": 1, "max": 2},
        {"type": "float", "min": 1, "max": 2},
        {"type": "string", "values": ["a"], "digits": 3, "pattern": "b"},
        {"type": "timestamp"},
    ):
        assert judge([None, ""], column, **BERLIN) == [Judged(None)] * 2


def test_bounds_beyond_64_bits_judge_whole_numbers_too() -> None:
    top = str(2**63 - 1)
    assert judge([top], {"type": "int", "min": -1e300, "max": 1e300}) == [Judged(2**63 - 1)]
    assert judge([top], {"type": "int", "max": -1e300})[0].rule == "range"


def dated(cells: list[str], **source: Any) -> list[tuple[str | None, str | None]]:
    column = {"type": "timestamp", "required": True}
    judged = judge(cells, column, day=DAY, timestamp="x", **source)
    return [(found.rule, found.message) for found in judged]


def test_rows_of_another_utc_day_are_set_aside() -> None:
    own = ["2026-03-01T00:00:00Z", "2026-03-01T23:59:59.999999Z", "2026-03-02T01:00:00+02:00"]
    assert dated(own) == [(None, None)] * 3
    assert dated(["2026-02-28T23:59:59.999999Z", "2026-03-02T00:00:00Z", "noon"]) == [
        ("wrong_day", "dated 2026-02-28, but this is the file of 2026-03-01"),
        ("future", "dated 2026-03-02, after this file's day 2026-03-01"),
        ("type", "'noon' is no timestamp"),
    ]
    # The day is that of UTC, whatever the zone of the source.
    assert dated(["2026-03-01 00:30:00", "2026-03-02 00:30:00"], **BERLIN) == [
        ("wrong_day", "dated 2026-02-28, but this is the file of 2026-03-01"),
        (None, None),
    ]


def test_late_rows_pass_for_as_long_as_declared() -> None:
    late = {"late": {"within": "3d"}}
    assert dated(["2026-02-26T00:00:00Z", "2026-02-28T12:00:00Z"], **late) == [(None, None)] * 2
    assert dated(["2026-02-25T23:59:59Z", "2026-03-02T00:00:00Z"], **late) == [
        ("too_late", "dated 2026-02-25, more than 3 days before this file's day 2026-03-01"),
        ("future", "dated 2026-03-02, after this file's day 2026-03-01"),
    ]


def test_without_a_day_rows_are_of_any() -> None:
    column = {"type": "timestamp", "required": True}
    assert judge(["1999-01-01"], column, timestamp="x")[0].rule is None


def test_the_first_broken_rule_in_the_order_of_the_columns_is_the_reason() -> None:
    spec = SourceSpec.model_validate(
        {
            "timestamp": "at",
            "columns": {
                "at": {"type": "timestamp"},
                "n": {"type": "int", "min": 0},
            },
        }
    )
    assert [(rule.column, rule.name) for rule in rules(spec, DAY, ["at", "n"])] == [
        ("at", "type"),
        ("at", "required"),
        ("n", "lost_digits"),
        ("n", "type"),
        ("n", "required"),
        ("n", "range"),
        ("at", "future"),
        ("at", "wrong_day"),
    ]


def test_what_is_shown_of_a_cell_is_cut_and_what_is_personal_is_not_shown() -> None:
    (long,) = judge(["x" * 200], {"type": "int"})
    assert long.message == f"'{'x' * 80}' is no int"
    personal = "4711-0815"
    for column, cell in (
        ({"type": "int", "pii": "drop"}, personal),
        ({"type": "int", "pii": "drop", "max": 1}, "47110815"),
        ({"type": "string", "pii": "drop", "values": ["a"]}, personal),
        ({"type": "string", "pii": "pseudonymise", "digits": 3}, personal),
        ({"type": "string", "pii": "pseudonymise", "pattern": "a"}, personal),
    ):
        (found,) = judge([cell], column)
        assert found.rule is not None
        assert cell not in str(found.message)
        assert "(masked)" in str(found.message)

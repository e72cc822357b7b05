"""The rules every row of a source is held to, as DuckDB SQL over its cells and values."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from assets.ingestion.sql_text import matches_sql, sql_text
from assets.ingestion.times import clock_change_sql
from assets.ingestion.values import FLOATS, MASK, identifies, number_regex
from assets.source_spec import ColumnSpec, SourceSpec

ROUNDED = r"[+-]?(?:\d(?:[.,]\d+)?[eE]\+|\d[.,]\d+[eE])\d+"
"""How a spreadsheet writes a number of many digits, having rounded it (1e23 may be a hex text)."""
LOST_DIGITS = "is a rounded number: its last digits are lost; export the column as text"


@dataclass(frozen=True)
class Rule:
    """One way for a row to be refused."""

    column: str
    name: str
    condition: str
    """SQL, true for a row that breaks the rule; over ``given_N`` and ``value_N``, N being the
    number of a column in ``source.columns``. NULL and false are both fine."""
    message: str
    """SQL of the reason (VARCHAR), personal values masked."""


def rules(source: SourceSpec, day: date | None, text: Collection[str]) -> list[Rule]:
    """The rules of a source in order of judgement: the first one broken is the reason.

    ``day``: the UTC day of the file; without it rows may be of any day. ``text``: names of the
    columns that are text in the file, against those of a Parquet file's own types. Conditions put
    first what a good row settles in one comparison.
    """
    found = [
        rule
        for number, (name, column) in enumerate(source.columns.items())
        if column.given is None
        for rule in _column_rules(number, name, source, name in text)
    ]
    if source.timestamp is not None and day is not None:
        found += _day_rules(source, source.timestamp, day)
    return found


def _column_rules(number: int, name: str, source: SourceSpec, text: bool) -> Iterator[Rule]:
    column = source.columns[name]
    given, value = f"given_{number}", f"value_{number}"
    shown = sql_text(MASK) if column.pii else f"left(CAST({given} AS VARCHAR), 80)"
    yield from _type_rules(name, source, text, given, value, shown)
    if column.required:
        yield Rule(name, "required", f"{given} IS NULL", "'a value is required'")
    if column.type == "float":
        yield Rule(name, "range", f"NOT isfinite({value})", "'not a finite number'")
    for sign, bound in (("<", column.min), (">", column.max)):
        if bound is not None:
            condition = f"{value} {sign} {_bound(column, sign, bound)}"
            yield Rule(name, "range", condition, f"{shown} || ' {sign} {bound}'")
    if column.values is not None:
        allowed = ", ".join(map(sql_text, column.values))
        condition = f"{value} NOT IN ({allowed})" if allowed else f"{value} IS NOT NULL"
        yield Rule(name, "values", condition, _says(shown, "'is not an agreed value'"))
    if identifies(column, source):
        rounded = f"regexp_full_match({value}, {sql_text(ROUNDED)})"
        # Most identifiers are told apart by their first letter, at no cost.
        likely = f"{value} < ':' AND (contains({value}, 'E') OR contains({value}, 'e'))"
        condition = f"{likely} AND {rounded}"
        yield Rule(name, "lost_digits", condition, _says(shown, sql_text(LOST_DIGITS)))
    if column.digits is not None:
        digits = f"regexp_full_match({value}, '[0-9]+')"
        condition = f"NOT (strlen({value}) = {column.digits} AND {digits})"
        reason = f"is not {column.digits} digits"
        lost = f"strlen({value}) < {column.digits} AND {digits}"
        reason = f"CASE WHEN {lost} THEN '{reason} (leading zeros lost?)' ELSE '{reason}' END"
        yield Rule(name, "digits", condition, _says(shown, reason))
    if column.pattern is not None:
        condition = f"NOT regexp_full_match({value}, {sql_text(column.pattern)})"
        reason = sql_text(f"is not written as agreed: {column.pattern}")
        yield Rule(name, "pattern", condition, _says(shown, reason))


def _type_rules(
    name: str, source: SourceSpec, text: bool, given: str, value: str, shown: str
) -> Iterator[Rule]:
    column = source.columns[name]
    # A good row settles it with the first comparison; what follows is not computed for it.
    none = f"{value} IS NULL AND {given} IS NOT NULL"
    cases = ""
    for rule, condition, reason in _closer(given, column, source, text):
        if rule == "type":
            cases += f" WHEN {condition} THEN {sql_text(reason)}"
        else:
            yield Rule(name, rule, f"{none} AND ({condition})", _says(shown, sql_text(reason)))
    reason = sql_text(f"is no {column.type}")
    yield Rule(
        name, "type", none, _says(shown, f"CASE{cases} ELSE {reason} END" if cases else reason)
    )


def _closer(
    given: str, column: ColumnSpec, source: SourceSpec, text: bool
) -> Iterator[tuple[str, str, str]]:
    """(rule, condition, reason) of what can be said closer than 'is no int' of a cell."""
    if column.type == "int" and text:
        number = number_regex(column, source)
        rounded = matches_sql(given, rf"(?:{number})[eE][+-]?\d+")
        whole = matches_sql(given, number_regex(column, source, fraction="0*"))
        yield "lost_digits", rounded, LOST_DIGITS
        yield "type", whole, "is beyond the whole numbers of 64 bits"
        yield "type", matches_sql(given, number), "is no whole number"
    elif column.type == "int":
        double = f"TRY_CAST({given} AS DOUBLE)"
        whole = f"isfinite({double}) AND trunc({double}) = {double}"
        yield "lost_digits", f"typeof({given}) IN {FLOATS} AND {whole}", LOST_DIGITS
        yield "type", whole, "is beyond the whole numbers of 64 bits"
        yield "type", f"isfinite({double})", "is no whole number"
    elif column.type == "timestamp" and source.timezone != "UTC":
        change = clock_change_sql(given, column, source, text=text)
        clocks = f"is no one time: the clocks of {source.timezone} skip it or show it twice"
        yield "clock_change", change, f"{clocks}; write times with their offset, like +01:00"
    elif column.type == "string" and not text:
        lossy = "is a floating-point number, which may have lost digits; write the column as text"
        yield "type", f"typeof({given}) IN {FLOATS}", lossy


def _says(shown: str, reason: str) -> str:
    return f"'''' || {shown} || ''' ' || {reason}"


def _bound(column: ColumnSpec, sign: str, bound: float) -> str:
    """The bound as a number of the column's type: compared as decimals, whole numbers of many
    digits would not fit."""
    if column.type == "float" or not math.isfinite(bound):
        return f"CAST('{bound!r}' AS DOUBLE)"
    whole = math.ceil(bound) if sign == "<" else math.floor(bound)
    # Beyond BIGINT it is no limit at all, or one that no value keeps; HUGEINT can say both.
    kind = "BIGINT" if -(2**63) <= whole < 2**63 else "HUGEINT"
    return f"CAST({max(min(whole, 2**100), -(2**100))} AS {kind})"


def _day_rules(source: SourceSpec, name: str, day: date) -> Iterator[Rule]:
    number = list(source.columns).index(name)
    value = f"value_{number}"
    micros = f"epoch_us({value})"
    shown = f"strftime(make_timestamp({micros}), '%Y-%m-%d')"
    dated = f"'dated ' || {sql_text(MASK) if source.columns[name].pii else shown}"
    after = f"{dated} || ', after this file''s day {day}'"
    # As numbers, which no zone of the session can shift.
    yield Rule(name, "future", f"{micros} >= {_starts(day) + 86_400_000_000}", after)
    if source.late.days == 0:
        before = f"{dated} || ', but this is the file of {day}'"
        yield Rule(name, "wrong_day", f"{micros} < {_starts(day)}", before)
        return
    earliest = date.fromordinal(max(1, day.toordinal() - source.late.days))
    too_late = f"{dated} || ', more than {source.late.days} days before this file''s day {day}'"
    yield Rule(name, "too_late", f"{micros} < {_starts(earliest)}", too_late)


def _starts(day: date) -> int:
    """Microseconds from 1970 to midnight UTC."""
    return (day - date(1970, 1, 1)) // timedelta(microseconds=1)

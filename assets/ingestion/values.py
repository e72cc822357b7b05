"""From a cell of a file to a value of its declared type, as DuckDB SQL.

Strict about what passes, forgiving about how it is written; what is none becomes NULL, and no
value ever becomes another. The engine's casts are quick but read more than a contract means
(1_000, 0x1F, 1.5 as 2): cells of the usual shape are cast at once, the rest is looked at closely.
"""

import re
from decimal import Decimal
from typing import Literal

import pyarrow as pa

from assets.ingestion.sql_text import matches_sql, sql_text
from assets.ingestion.times import BLANKS, NUMBER_TYPES, date_sql, timestamp_sql
from assets.source_spec import ColumnSpec, ColumnType, SourceSpec
from assets.tables import TIMESTAMP

__all__ = ["ARROW", "DUCKDB", "given_sql", "identifies", "number_regex", "sql_text", "value_sql"]

ARROW: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": TIMESTAMP,
    "date": pa.date32(),
}
DUCKDB: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
}

FLOATS = "('FLOAT', 'DOUBLE')"
PLAIN_TEXT = (
    r"^(VARCHAR|JSON|UUID|BOOLEAN|DATE|TIME.*|ENUM.*|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER"
    r"|DECIMAL.*|FLOAT|DOUBLE)$"
)
MASK = "(masked)"
MINUS = "\N{MINUS SIGN}"
SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
# What a sum of money or a measure in a text may look like once its marks are plain.
EXPONENT = r"(?:[eE][+-]?\d+)?"
NOT_FINITE = "(?i:nan|inf|infinity)"
EXACT = 2**53
"""From here on a double cannot tell neighbouring whole numbers apart."""


def given_sql(raw: str, column: ColumnSpec, source: SourceSpec) -> str:
    """The cell as it is (of its own type), NULL where it is a declared spelling of null.

    An empty text is always null. Spellings are compared to the letter; a number among them also
    as a number in columns of numbers: '-200' stands for '-200.0' too.
    """
    spellings = list(dict.fromkeys(["", *source.nulls, *column.nulls]))
    text = [f"CAST({raw} AS VARCHAR) IN ({', '.join(map(sql_text, spellings))})"]
    own = []
    if column.type in ("int", "float"):
        as_text = value_sql(f"CAST({raw} AS VARCHAR)", column, source, text=True)
        as_own = value_sql(raw, column, source, text=False)
        for number in _numbers(spellings, column, source):
            text.append(f"{as_text} = {number}")
            own.append(f"{as_own} = {number}")
    elif spellings != [""]:
        own = text
    conditions = [f"typeof({raw}) = 'VARCHAR' AND ({' OR '.join(text)})"]
    if own:
        conditions.append(f"typeof({raw}) <> 'VARCHAR' AND ({' OR '.join(own)})")
    return f"CASE {' '.join(f'WHEN {one} THEN NULL' for one in conditions)} ELSE {raw} END"


def value_sql(given: str, column: ColumnSpec, source: SourceSpec, *, text: bool) -> str:
    """The cell as a value of type ``DUCKDB[column.type]``; NULL when it is null or none.

    ``given``: the cell without null spellings, of type VARCHAR when ``text``, else of the type the
    Parquet file gives it. A float may come out as NaN or infinite: a rule refuses it. Raises
    FormatError for a date format that cannot be used.
    """
    if column.type == "timestamp":
        return timestamp_sql(given, column, source, text=text)
    if column.type == "date":
        return date_sql(given, column, source, text=text)
    if column.type == "string":
        return given if text else _own_string(given, identifies(column, source))
    if column.type == "bool":
        return _bool(given) if text else _own_bool(given)
    if not text:
        return _own_number(given, column.type)
    decimal, thousands = _marks(column, source)
    return _number_sql(given, column.type, decimal, thousands)


def identifies(column: ColumnSpec, source: SourceSpec) -> bool:
    """Whether values of a text column say who or what a row is about: a digit less is another."""
    in_key = any(source.columns[name] is column for name in source.key)
    return column.type == "string" and (in_key or column.pii == "pseudonymise")


def number_regex(column: ColumnSpec, source: SourceSpec, fraction: str = r"\d*") -> str:
    """RE2 expression of a number without exponent as the column's dialect writes it."""
    return _number_regex(*_marks(column, source), fraction)


def _marks(column: ColumnSpec, source: SourceSpec) -> tuple[str, str]:
    thousands = source.thousands if column.thousands is None else column.thousands
    return column.decimal or source.decimal, thousands


def _number_regex(decimal: str, thousands: str, fraction: str = r"\d*") -> str:
    mark, groups = re.escape(decimal), ""
    if thousands:
        between = f"[{SPACES}]" if thousands == " " else re.escape(thousands)
        groups = rf"\d{{1,3}}(?:{between}\d{{3}})+|"
    leading = rf"|{mark}\d+" if fraction == r"\d*" else ""
    return rf"[+{MINUS}-]?(?:(?:{groups}\d+)(?:{mark}{fraction})?{leading})"


def _plain(given: str, decimal: str, thousands: str) -> str:
    """A number's text with a point for the decimals and nothing between thousands."""
    plain = given
    for mark in SPACES if thousands == " " else thousands:
        plain = f"replace({plain}, {sql_text(mark)}, '')"
    if decimal != ".":
        plain = f"replace({plain}, {sql_text(decimal)}, '.')"
    return f"replace({plain}, '{MINUS}', '-')"


def _number_sql(given: str, kind: Literal["int", "float"], decimal: str, thousands: str) -> str:
    plain = _plain(given, decimal, thousands)
    if kind == "int":
        # What a number is written as when nothing is odd about it is what it is cast back to.
        usual = f"CAST(TRY_CAST({given} AS BIGINT) AS VARCHAR) = {given}"
        odd = matches_sql(given, _number_regex(decimal, thousands, "0*"))
        whole = f"split_part({plain}, '.', 1)"
        return (
            f"CASE WHEN {usual} THEN TRY_CAST({given} AS BIGINT) "
            f"WHEN {odd} THEN TRY_CAST({whole} AS BIGINT) END"
        )
    # From '-' to '9' by its first character, the cast to DOUBLE reads numbers and 1_000.
    usual = f"{given} >= '-' AND {given} < ':' AND NOT contains({given}, '_')"
    foreign = ("" if decimal == "." else ".") + (SPACES if thousands == " " else thousands)
    usual += "".join(f" AND NOT contains({given}, {sql_text(mark)})" for mark in foreign)
    cast = f"TRY_CAST({given} AS DOUBLE)"
    if decimal != ".":
        cast = f"TRY_CAST(replace({given}, {sql_text(decimal)}, '.') AS DOUBLE)"
    odd = matches_sql(given, f"{_number_regex(decimal, thousands)}{EXPONENT}|[+-]?{NOT_FINITE}")
    return f"CASE WHEN {usual} THEN {cast} WHEN {odd} THEN TRY_CAST({plain} AS DOUBLE) END"


def _bool(given: str) -> str:
    # The cast takes true, t, yes, y, 1 and their opposites in any case, and nothing else.
    bare = f"trim({given}, {sql_text(BLANKS)})"
    return f"coalesce(TRY_CAST({given} AS BOOLEAN), TRY_CAST({bare} AS BOOLEAN))"


def _own_bool(given: str) -> str:
    is_number = f"regexp_matches(typeof({given}), '{NUMBER_TYPES}')"
    number = f"TRY_CAST({given} AS DOUBLE)"
    return (
        f"CASE WHEN typeof({given}) = 'BOOLEAN' THEN TRY_CAST({given} AS BOOLEAN) "
        f"WHEN {is_number} THEN CASE {number} WHEN 0 THEN false WHEN 1 THEN true END END"
    )


def _own_number(given: str, kind: Literal["int", "float"]) -> str:
    is_number = (
        f"(typeof({given}) = 'BOOLEAN' OR regexp_matches(typeof({given}), '{NUMBER_TYPES}'))"
    )
    # By way of its digits: casts of a DECIMAL round.
    is_decimal = f"typeof({given}) LIKE 'DECIMAL%'"
    digits = _number_sql(f"CAST({given} AS VARCHAR)", kind, ".", "")
    if kind == "float":
        return (
            f"CASE WHEN {is_decimal} THEN {digits} "
            f"WHEN {is_number} THEN TRY_CAST({given} AS DOUBLE) END"
        )
    double = f"TRY_CAST({given} AS DOUBLE)"
    whole = f"trunc({double}) = {double} AND abs({double}) < {EXACT}"
    return (
        f"CASE WHEN {is_decimal} THEN {digits} "
        f"WHEN typeof({given}) IN {FLOATS} THEN CASE WHEN {whole} "
        f"THEN TRY_CAST({given} AS BIGINT) END "
        f"WHEN {is_number} THEN TRY_CAST({given} AS BIGINT) END"
    )


def _own_string(given: str, identifying: bool) -> str:
    text = f"CAST({given} AS VARCHAR)"
    # Bytes that are no plain text come out of the cast as \\xNN.
    readable = f"CASE WHEN NOT contains({text}, '\\x') THEN {text} END"
    binary = f"WHEN typeof({given}) = 'BLOB' THEN {readable}"
    lost = f"WHEN typeof({given}) IN {FLOATS} THEN NULL " if identifying else ""
    plain = f"WHEN regexp_matches(typeof({given}), '{PLAIN_TEXT}') THEN {text}"
    return f"CASE {lost}{plain} {binary} END"


def _numbers(spellings: list[str], column: ColumnSpec, source: SourceSpec) -> list[str]:
    """The numbers among the spellings of null, as SQL of the column's type."""
    decimal, thousands = _marks(column, source)
    found = []
    for spelling in map(str.strip, spellings):
        if re.fullmatch(_number_regex(decimal, thousands), spelling) is None:
            continue
        for mark in SPACES if thousands == " " else thousands:
            spelling = spelling.replace(mark, "")
        number = Decimal(spelling.replace(decimal, ".").replace(MINUS, "-"))
        if column.type == "float":
            found.append(f"CAST('{number}' AS DOUBLE)")
        elif number == number.to_integral_value():
            found.append(f"CAST('{number:.0f}' AS BIGINT)")
    return found

"""Dates and times as files write them, as DuckDB SQL: strict about what is a time, so that none is
ever read as another.

Each format gives a reading: the time on the clocks of the source's zone, or an instant where the
text says the offset. Casts alone would not do: the engine's read '2026/03/01', take 24:00 for the
next day, drop nanoseconds, and know 'epoch' and 'infinity'.
"""

import re
from dataclasses import dataclass

from assets.errors import NightshiftError
from assets.ingestion.sql_text import matches_sql, named_sql, sql_text
from assets.ingestion.zones import FIRST, LAST, in_range_sql, instant_sql
from assets.source_spec import ColumnSpec, SourceSpec

BLANKS = " \t\r\n\v\f"
YEAR = r"(?:000[1-9]|00[1-9]\d|0[1-9]\d\d|[1-9]\d{3})"
DATE = YEAR + r"-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
# Digits beyond microseconds only where they say nothing.
TIME = r"[Tt ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,6}0*)?)?"
PLAIN_TIME = r"[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6}0*)?)?"
OFFSET = r" ?(?:[Zz]|UTC|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)"
PLAIN_OFFSET = r"(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)"
MIDNIGHT = r"[Tt ]00:00(?::00(?:[.,]0+)?)?(?: ?(?:[Zz]|UTC|[+-]00(?::?00)?))?"

NAIVE_TYPES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
ZONED_TYPES = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
NUMBER_TYPES = "^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*)$"

SPECIFIERS = {
    "d": r"\d{1,2}",
    "m": r"\d{1,2}",
    "Y": YEAR,
    "y": r"\d{2}",
    "H": r"\d{1,2}",
    "I": r"\d{1,2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "f": r"\d{1,6}",
    "j": r"\d{3}",
    "p": "[AaPp][Mm]",
    "b": "[A-Za-z]{3}",
    "B": "[A-Za-z]{3,9}",
    "a": "[A-Za-z]{3}",
    "A": "[A-Za-z]{6,9}",
    "z": r"[+-]\d{2}:?\d{2}",
    "%": "%",
}


class FormatError(NightshiftError):
    """A declared date or time format that cannot be used."""


@dataclass(frozen=True)
class Reading:
    """What one format makes of a cell: SQL of type TIMESTAMPTZ (``instant``) or of a TIMESTAMP on
    the clocks of the source's zone (``local``); NULL where the cell is not so written."""

    instant: str | None = None
    local: str | None = None


def timestamp_sql(given: str, column: ColumnSpec, source: SourceSpec, *, text: bool) -> str:
    """TIMESTAMPTZ of a cell, NULL when it is none or its zone's clocks do not have it once.

    The session's TimeZone must be UTC: for sources in UTC the engine's cast reads times without
    an offset by it.
    Raises FormatError for a pattern that leaves a part of the date to guess.
    """
    instants = [
        reading.instant or instant_sql(str(reading.local), source.timezone)
        for reading in _readings(given, column, source, text)
    ]
    return f"coalesce({', '.join([*instants, 'NULL'])})"


def date_sql(given: str, column: ColumnSpec, source: SourceSpec, *, text: bool) -> str:
    """DATE of a cell; a time of day other than midnight makes it NULL. Raises FormatError."""
    days = []
    if text and "iso" in column.formats:
        days.append(_iso_date(given))
    elif not text:
        date = f"TRY_CAST({given} AS DATE)"
        days.append(
            f"CASE WHEN typeof({given}) = 'DATE' AND isfinite({date}) "
            f"AND year({date}) BETWEEN 1 AND 9999 THEN {date} END"
        )
    for reading in _readings(given, column, source, text, iso=not text):
        local = reading.local or f"make_timestamp(epoch_us({reading.instant}))"
        midnight = "CASE WHEN t = CAST(CAST(t AS DATE) AS TIMESTAMP) THEN CAST(t AS DATE) END"
        days.append(named_sql("t", local, midnight))
    return f"coalesce({', '.join([*days, 'NULL'])})"


def clock_change_sql(given: str, column: ColumnSpec, source: SourceSpec, *, text: bool) -> str:
    """Whether a cell without a value is a time all the same: one the clocks of the source's zone
    leave out, or show twice."""
    locals_ = [r.local for r in _readings(given, column, source, text) if r.local is not None]
    # The first and last days may be no time for another reason: their UTC year is out of range.
    inside = "t BETWEEN TIMESTAMP '0001-01-03' AND TIMESTAMP '9999-12-29'"
    return " OR ".join(named_sql("t", local, inside) for local in locals_) or "false"


def _readings(
    given: str, column: ColumnSpec, source: SourceSpec, text: bool, *, iso: bool = True
) -> list[Reading]:
    if text:
        return [
            reading
            for form in column.formats
            if iso or form != "iso"
            for reading in _format(given, form, source.decimal, source.timezone)
        ]
    numbers = f"CASE WHEN regexp_matches(typeof({given}), '{NUMBER_TYPES}') "
    as_text = f"{numbers}THEN CAST({given} AS VARCHAR) END"
    readings = list(_native(given))
    for form in column.formats:
        if form.startswith(("excel", "epoch")):
            readings += _format(as_text, form, ".", source.timezone)
    return readings


def _format(given: str, form: str, decimal: str, zone: str) -> list[Reading]:
    if form == "iso":
        return _iso(given, zone)
    if form == "excel_serial":
        return [Reading(local=_excel_serial(given, decimal))]
    if form.startswith("epoch_"):
        return [Reading(instant=_epoch(given, decimal, 6 if form == "epoch_seconds" else 3))]
    return [_pattern(given, form)]


def _iso(given: str, zone: str) -> list[Reading]:
    # The shape most files have first: it needs no regular expression.
    usual = f"{given} LIKE '____-__-__T__:__:__Z' AND {given} >= '0001'"
    usual_value = f"make_timestamptz(epoch_us(try_strptime({given}, '%Y-%m-%dT%H:%M:%SZ')))"
    first = f"CASE WHEN {usual} THEN {usual_value} END"
    # Then what the engine reads as it stands, and last what must be put straight for it.
    bare = f"upper(trim({given}, {sql_text(BLANKS)}))"
    for odd, plain in {",": ".", " UTC": "Z", "UTC": "Z", " Z": "Z", " +": "+", " -": "-"}.items():
        bare = f"replace({bare}, '{odd}', '{plain}')"
    if zone == "UTC":
        return [
            Reading(instant=first),
            Reading(
                instant=_cast_instant(given, given, f"{DATE}(?:{PLAIN_TIME}(?:{PLAIN_OFFSET})?)?")
            ),
            Reading(instant=_cast_instant(given, bare, f"{DATE}(?:{TIME}(?:{OFFSET})?)?")),
        ]
    return [
        Reading(instant=first),
        Reading(local=_cast_local(given, given, f"{DATE}(?:{PLAIN_TIME})?")),
        Reading(instant=_cast_instant(given, given, DATE + PLAIN_TIME + PLAIN_OFFSET)),
        Reading(local=_cast_local(given, bare, f"{DATE}(?:{TIME})?")),
        Reading(instant=_cast_instant(given, bare, DATE + TIME + OFFSET)),
    ]


def _cast_instant(given: str, bare: str, regex: str) -> str:
    shape = matches_sql(given, regex, blanks=bare != given)
    cast = named_sql("t", f"TRY_CAST({bare} AS TIMESTAMPTZ)", in_range_sql("t"))
    return f"CASE WHEN {shape} THEN {cast} END"


def _cast_local(given: str, bare: str, regex: str) -> str:
    shape = matches_sql(given, regex, blanks=bare != given)
    return f"CASE WHEN {shape} THEN TRY_CAST({bare} AS TIMESTAMP) END"


def _iso_date(given: str) -> str:
    usual = (
        f"strlen({given}) = 10 AND {given} >= '0001' "
        f"AND CAST(TRY_CAST({given} AS DATE) AS VARCHAR) = {given}"
    )
    day = f"TRY_CAST(left(trim({given}, {sql_text(BLANKS)}), 10) AS DATE)"
    midnight = matches_sql(given, f"{DATE}(?:{MIDNIGHT})?")
    return f"CASE WHEN {usual} THEN TRY_CAST({given} AS DATE) WHEN {midnight} THEN {day} END"


def _excel_serial(given: str, decimal: str) -> str:
    """Days since 1899-12-30, to the millisecond: a serial's double holds no more.

    Serials below 61 are refused: 60 is 29 February 1900, a day that never was, and the days before
    it are counted differently by those who know that.
    """
    days = f"TRY_CAST(replace({given}, '{decimal}', '.') AS DOUBLE)"
    shape = matches_sql(given, rf"\d{{2,7}}(?:{re.escape(decimal)}\d*)?")
    millis = f"TRY_CAST(round({days} * 86400000) AS BIGINT)"
    return (
        f"CASE WHEN {shape} THEN CASE WHEN {days} >= 61 AND {days} < 2958465.99999999 "
        f"THEN make_timestamp({millis} * 1000 - 2209161600000000) END END"
    )


def _epoch(given: str, decimal: str, digits: int) -> str:
    """Instants as a count since 1970 with ``digits`` decimals down to the microsecond."""
    whole, scale = f"TRY_CAST({given} AS BIGINT)", 10**digits
    usual = f"CAST({whole} AS VARCHAR) = {given}"
    in_range = f"{whole} BETWEEN {FIRST // scale} AND {LAST // scale}"
    shape = matches_sql(given, rf"-?\d{{1,15}}(?:{re.escape(decimal)}(?:\d{{1,{digits}}}0*)?)?")
    count = f"TRY_CAST(replace({given}, '{decimal}', '.') AS DECIMAL(38, 6))"
    micros = f"CASE WHEN m BETWEEN {FIRST} AND {LAST} THEN make_timestamptz(CAST(m AS BIGINT)) END"
    return (
        f"CASE WHEN {usual} THEN CASE WHEN {in_range} THEN make_timestamptz({whole} * {scale}) END "
        f"WHEN {shape} THEN {named_sql('m', f'TRY_CAST({count} * {scale} AS HUGEINT)', micros)} END"
    )


def _pattern(given: str, pattern: str) -> Reading:
    value = f"try_strptime({given}, {sql_text(pattern)})"
    shape = matches_sql(given, pattern_regex(pattern))
    if "%z" in pattern:
        instant = named_sql("t", value, in_range_sql("t"))
        return Reading(instant=f"CASE WHEN {shape} THEN {instant} END")
    return Reading(local=f"CASE WHEN {shape} THEN {value} END")


def pattern_regex(pattern: str) -> str:
    """RE2 expression of the texts a strptime pattern stands for; the engine's own reading takes
    two-digit years for %Y, skips blanks, and knows 'infinity'.

    Raises FormatError for a specifier it does not know, and for a pattern without the whole date.
    """
    regex, seen, runs_on = "", set(), False
    for number in re.finditer(r"%-?(.)|([^%]+)|%$", pattern):
        name, plain = number.groups()
        if plain is not None:
            regex, runs_on = regex + re.escape(plain), False
            continue
        if name not in SPECIFIERS:
            raise FormatError(
                f"format '{pattern}': '{number.group()}' is not understood; use "
                f"{', '.join('%' + known for known in SPECIFIERS)} in 'formats' of defs.yaml."
            )
        part = SPECIFIERS[name]
        follows = re.match(r"%-?[dmYyHIMSfj]", pattern[number.end() :])
        # Numbers that run into each other have all their digits, or nobody could tell them apart.
        if part == r"\d{1,2}" and (runs_on or follows):
            part = r"\d{2}"
        regex, runs_on = regex + part, name in "dmYyHIMSfj"
        seen.add(name)
    day = "j" in seen or ("d" in seen and seen & {"m", "b", "B"})
    if not (seen & {"Y", "y"} and day) or ("I" in seen) != ("p" in seen):
        raise FormatError(
            f"format '{pattern}' leaves something to guess: it must say year, month and day, and "
            "a %I goes with a %p. Write all of it in 'formats' of defs.yaml, like '%d.%m.%Y'."
        )
    return regex


def _native(given: str) -> list[Reading]:
    """Readings of a Parquet file's own dates and times."""
    kind = f"typeof({given})"
    naive = f"TRY_CAST({given} AS TIMESTAMP)"
    # DuckDB drops what is below a microsecond without a word.
    exact = (
        f"({kind} NOT IN ('TIMESTAMP_NS', 'TIMESTAMPTZ_NS') OR "
        f"NOT regexp_matches(CAST({given} AS VARCHAR), '\\.\\d{{6}}\\d*[1-9]'))"
    )
    types = ", ".join(sql_text(name) for name in (*NAIVE_TYPES, "DATE"))
    local = (
        f"CASE WHEN {kind} IN ({types}) AND {exact} AND isfinite({naive}) "
        f"AND year({naive}) BETWEEN 1 AND 9999 THEN {naive} END"
    )
    zoned = f"TRY_CAST({given} AS TIMESTAMPTZ)"
    types = ", ".join(sql_text(name) for name in ZONED_TYPES)
    instant = (
        f"CASE WHEN {kind} IN ({types}) AND {exact} AND isfinite({zoned}) "
        f"THEN {in_range_sql(zoned)} END"
    )
    return [Reading(instant=instant), Reading(local=local)]

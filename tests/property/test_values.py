"""What is written in a declared dialect comes back equal; what a strict reader of the test's own
refuses is refused, and never comes back as another value."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import combinations, product
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cells import judge

Parser = Callable[[str], Any]
BLANKS = " \t\r\n"
SPACES = " \u00a0\u202f"
EXCEL = datetime(1899, 12, 30, tzinfo=UTC)
BATCH = settings(max_examples=25, deadline=None)


def of(kind: str, cells: Iterable[str], column: dict[str, Any] | None = None, **source: Any) -> Any:
    """Values of non-empty cells, None where the door refuses them."""
    judged = judge(list(cells), {"type": kind, **(column or {})}, **source)
    return [None if found.rule else found.value for found in judged]


def same(found: Sequence[Any], wanted: Sequence[Any], cells: Sequence[str]) -> None:
    pairs = zip(cells, found, wanted, strict=True)
    wrong = [(cell, f, w) for cell, f, w in pairs if f != w or type(f) is not type(w)]
    assert wrong == []


# --- a strict reader of each type, which shares nothing with the one under test ---------------


def _ascii_digits(text: str) -> bool:
    return bool(text) and all("0" <= letter <= "9" for letter in text)


def _number(text: str, decimal: str, thousands: str) -> tuple[str, str, str, str] | None:
    """(sign, whole digits, decimals, exponent) of a number."""
    text = text.strip(BLANKS)
    sign = ""
    if text[:1] in ("+", "-", "\u2212"):
        sign, text = ("" if text[0] == "+" else "-"), text[1:]
    text, marked, exponent = text.replace("E", "e").partition("e")
    if marked and not _ascii_digits(exponent[1:] if exponent[:1] in ("+", "-") else exponent):
        return None
    whole, point, decimals = text.partition(decimal)
    if decimals and not _ascii_digits(decimals):
        return None
    for mark in SPACES if thousands == " " else thousands:
        whole = whole.replace(mark, "|")
    first, *groups = whole.split("|")
    if groups and not (_ascii_digits(first) and len(first) <= 3):
        return None
    if any(len(group) != 3 or not _ascii_digits(group) for group in groups):
        return None
    whole = first + "".join(groups)
    if not _ascii_digits(whole) and not (whole == "" and point and decimals):
        return None
    return sign, whole, decimals, exponent


def read_int(text: str, decimal: str = ".", thousands: str = "") -> int | None:
    parts = _number(text, decimal, thousands)
    if parts is None or not parts[1] or parts[3] or parts[2].strip("0"):
        return None
    value = int(parts[0] + parts[1])
    return value if -(2**63) <= value < 2**63 else None


def read_float(text: str, decimal: str = ".", thousands: str = "") -> float | None:
    parts = _number(text, decimal, thousands)
    if parts is None:
        return None
    value = float(f"{parts[0]}{parts[1] or 0}.{parts[2] or 0}e{parts[3] or 0}")
    return value if math.isfinite(value) else None


def read_bool(text: str) -> bool | None:
    word = text.strip(BLANKS).lower()
    return {"true": True, "t": True, "yes": True, "y": True, "1": True}.get(
        word, {"false": False, "f": False, "no": False, "n": False, "0": False}.get(word)
    )


def read_date(text: str) -> date | None:
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return None
    parts = text.split("-")
    if len(parts) != 3 or not all(map(_ascii_digits, parts)):
        return None
    try:
        return date(*map(int, parts))
    except ValueError:
        return None


def read_time(text: str) -> datetime | None:
    """A time with offset, or in UTC."""
    text = text.strip(BLANKS)
    day, rest = read_date(text[:10]), text[10:]
    if day is None:
        return None
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if not rest:
        return moment
    if rest[0] not in "Tt ":
        return None
    clock, offset = rest[1:], timedelta()
    if clock.endswith("UTC"):
        clock = clock.removesuffix("UTC").removesuffix(" ")
    elif clock[-1:] in ("Z", "z"):
        clock = clock[:-1].removesuffix(" ")
    else:
        for sign in "+-":
            clock, found, hours = clock.partition(sign)
            if found:
                clock = clock.removesuffix(" ")
                hours, minutes = hours[:2], hours[2:].removeprefix(":") or "00"
                if hours[2:] == ":" or not (len(hours) == len(minutes) == 2):
                    return None
                if not _ascii_digits(hours + minutes) or int(hours) > 14 or int(minutes) > 59:
                    return None
                if rest.endswith(":"):
                    return None
                offset = timedelta(hours=int(hours), minutes=int(minutes))
                offset = -offset if sign == "-" else offset
                break
    clock, _, fraction = clock.replace(",", ".").partition(".")
    parts = clock.split(":")
    if len(parts) not in (2, 3) or any(len(p) != 2 or not _ascii_digits(p) for p in parts):
        return None
    if rest.count(".") + rest.count(",") and (len(parts) != 3 or not _ascii_digits(fraction)):
        return None
    if fraction[6:].strip("0"):
        return None
    hour, minute, second = (*map(int, parts), 0)[:3]
    if hour > 23 or minute > 59 or second > 59:
        return None
    micros = int(fraction[:6].ljust(6, "0"))
    try:
        return moment + timedelta(0, (hour * 60 + minute) * 60 + second, micros) - offset
    except OverflowError:
        return None


# --- every text near a value, against the strict reader ----------------------------------------

DIALECTS = [(".", ""), (",", ""), (",", "."), (".", ","), (".", "'"), (",", " ")]


def _short(letters: str, longest: int) -> list[str]:
    return ["".join(p) for n in range(1, longest + 1) for p in product(letters, repeat=n)]


@pytest.mark.parametrize(("decimal", "thousands"), DIALECTS)
def test_every_short_text_is_the_number_it_is_or_none(decimal: str, thousands: str) -> None:
    texts = _short("01.,-+eE_ '\u00a0x", 4)
    # Long enough for thousands.
    texts += [
        "".join(p) for p in product(["1", "12", "123"], *[[*".,' \u00a0", ""], ["000", "50"]] * 2)
    ]
    dialect = {"decimal": decimal, "thousands": thousands}
    same(of("float", texts, **dialect), [read_float(t, decimal, thousands) for t in texts], texts)
    same(of("int", texts, **dialect), [read_int(t, decimal, thousands) for t in texts], texts)


def test_every_short_text_is_the_truth_value_it_is_or_none() -> None:
    texts = [*_short("tTfyn10 .", 4), "true", "FALSE", " Yes", "NO", "trueish", "on", "off"]
    same(of("bool", texts), [read_bool(t) for t in texts], texts)


TIMES = [
    "2026-03-01T10:00:00Z",
    "2026-03-01 23:59:59.123456",
    "2026-03-01T09:00:00+02:00",
    "2026-12-31",
]


@pytest.mark.parametrize("text", TIMES)
def test_every_text_two_letters_from_a_time_is_the_time_it_is_or_none(text: str) -> None:
    texts = set()
    for i, j in combinations(range(len(text)), 2):
        for a, b in product("0259 -+:.,TZx", repeat=2):
            texts.add(text[:i] + a + text[i + 1 : j] + b + text[j + 1 :])
    texts |= {text[:i] + text[j:] for i, j in combinations(range(len(text) + 1), 2)} - {""}
    texts |= {text[:i] + a + text[i:] for i in range(len(text) + 1) for a in "09 -+:.,TZ\t"}
    cells = sorted(texts)
    same(of("timestamp", cells), [read_time(cell) for cell in cells], cells)


# --- what is written comes back -----------------------------------------------------------------


def grouped(digits: str, mark: str) -> str:
    head = len(digits) % 3 or 3
    return mark.join([digits[:head], *(digits[n : n + 3] for n in range(head, len(digits), 3))])


@given(
    values=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50),
    dialect=st.sampled_from(DIALECTS),
    plus=st.sampled_from(["", "+"]),
    blank=st.sampled_from(["", " ", "\t"]),
    zeros=st.sampled_from(["", "0", "000"]),
)
@BATCH
def test_whole_numbers_come_back(
    values: list[int], dialect: tuple[str, str], plus: str, blank: str, zeros: str
) -> None:
    decimal, thousands = dialect
    cells = [
        blank
        + ("-" if value < 0 else plus)
        + grouped(str(abs(value)), thousands)
        + (decimal + zeros if zeros else "")
        + blank
        for value in values
    ]
    same(of("int", cells, decimal=decimal, thousands=thousands), values, cells)


@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50),
    dialect=st.sampled_from(DIALECTS),
    exponent=st.booleans(),
)
@BATCH
def test_floats_come_back_to_the_last_bit(
    values: list[float], dialect: tuple[str, str], exponent: bool
) -> None:
    decimal, thousands = dialect
    cells = []
    for value in values:
        if exponent:
            cells.append(f"{value:.17e}".replace(".", decimal))
            continue
        whole, _, decimals = f"{abs(value):.1100f}".rstrip("0").partition(".")
        sign = "-" if math.copysign(1, value) < 0 else ""
        cells.append(sign + grouped(whole, thousands) + (decimal + decimals if decimals else ""))
    found = of("float", cells, decimal=decimal, thousands=thousands)
    same([repr(one) for one in found], [repr(value) for value in values], cells)


MOMENTS = st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1, max_size=50)


def _hours(offset: timedelta) -> str:
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


@given(
    moments=MOMENTS,
    offset=st.integers(-14 * 60, 14 * 60).map(lambda n: timedelta(minutes=n)),
    mark=st.sampled_from(["T", " "]),
    nanoseconds=st.sampled_from(["", "000"]),
)
@BATCH
def test_iso_times_come_back_whatever_their_offset(
    moments: list[datetime], offset: timedelta, mark: str, nanoseconds: str
) -> None:
    kept = [m for m in moments if 2 <= m.year <= 9998]
    local = [(m + offset).replace(tzinfo=None) for m in kept]
    cells = [f"{at.isoformat(mark, 'microseconds')}{nanoseconds}{_hours(offset)}" for at in local]
    same(of("timestamp", cells), kept, cells)


@given(
    moments=MOMENTS,
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]),
    pattern=st.sampled_from(["iso", "%d.%m.%Y %H:%M:%S.%f", "%Y%m%d%H%M%S%f"]),
    near=st.booleans(),
)
@BATCH
def test_naive_times_come_back_from_their_zone_but_in_the_nights_of_change(
    moments: list[datetime], zone: str, pattern: str, near: bool
) -> None:
    """``near``: half the times are moved close to a change of the clocks."""
    tz = ZoneInfo(zone)
    changes = [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]
    changes += [datetime(2026, 3, 8, 5, 30, tzinfo=UTC), datetime(2026, 4, 4, 15, tzinfo=UTC)]
    cells, wanted = [], []
    for number, moment in enumerate(moments):
        at = moment if 2 <= moment.year <= 9998 else moment.replace(year=2026, day=1)
        if near:
            at = changes[number % 4] + timedelta(microseconds=at.microsecond * 7200) * (
                -1 if number % 8 > 3 else 1
            )
        local = at.astimezone(tz).replace(tzinfo=None, fold=0)
        year = f"{local.year:04}"
        cells.append(
            local.isoformat(" ")
            if pattern == "iso"
            else local.strftime(pattern.replace("%Y", year))
        )
        instants = {local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1)}
        wanted.append(at if len(instants) == 1 else None)
    column = {"formats": [pattern]}
    same(of("timestamp", cells, column, timezone=zone), wanted, cells)


@given(
    gaps=st.lists(
        st.tuples(
            st.sampled_from(["2026-03-29", "2025-03-30", "1999-03-28"]),
            st.integers(0, 3_599_999_999),
        ),
        min_size=1,
        max_size=50,
    )
)
@BATCH
def test_no_time_of_the_hour_that_is_left_out_is_moved(gaps: list[tuple[str, int]]) -> None:
    cells = [
        (datetime.fromisoformat(day) + timedelta(hours=2, microseconds=n)).isoformat()
        for day, n in gaps
    ]
    judged = judge(cells, {"type": "timestamp"}, timezone="Europe/Berlin")
    assert {found.rule for found in judged} == {"clock_change"}


@given(
    millis=st.lists(st.integers(61 * 86_400_000, 2_958_465 * 86_400_000), min_size=1, max_size=50),
    decimal=st.sampled_from([".", ","]),
)
@BATCH
def test_excel_serials_come_back_to_the_millisecond(millis: list[int], decimal: str) -> None:
    cells = [repr(n / 86_400_000).replace(".", decimal) for n in millis]
    wanted = [EXCEL + timedelta(milliseconds=n) for n in millis]
    column = {"formats": ["excel_serial"]}
    same(of("timestamp", cells, column, decimal=decimal), wanted, cells)
    arrays = pa.array([n / 86_400_000 for n in millis])
    assert [found.value for found in judge(arrays, {"type": "timestamp", **column})] == wanted


@given(moments=MOMENTS, unit=st.sampled_from([("epoch_seconds", 6), ("epoch_milliseconds", 3)]))
@BATCH
def test_epochs_come_back(moments: list[datetime], unit: tuple[str, int]) -> None:
    form, digits = unit
    cells = []
    for moment in moments:
        micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        whole, rest = divmod(abs(micros), 10**digits)
        cells.append(f"{'-' if micros < 0 else ''}{whole}.{rest:0{digits}}")
    same(of("timestamp", cells, {"formats": [form]}), moments, cells)


@given(
    days=st.lists(st.dates(), min_size=1, max_size=50),
    pattern=st.sampled_from(["iso", "%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "%d %B %Y", "%b-%d-%Y"]),
)
@BATCH
def test_dates_come_back_from_their_format(days: list[date], pattern: str) -> None:
    cells = [
        day.isoformat()
        if pattern == "iso"
        else day.strftime(pattern.replace("%Y", f"{day.year:04}"))
        for day in days
    ]
    same(of("date", cells, {"formats": [pattern]}), days, cells)


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)))
@BATCH
def test_any_text_is_kept_to_the_letter_and_is_no_other_type_by_chance(texts: list[str]) -> None:
    same(of("string", texts), texts, texts)
    same(of("float", texts), [read_float(text) for text in texts], texts)
    same(of("int", texts), [read_int(text) for text in texts], texts)
    same(of("bool", texts), [read_bool(text) for text in texts], texts)
    same(of("timestamp", texts), [read_time(text) for text in texts], texts)

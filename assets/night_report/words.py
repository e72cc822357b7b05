"""Figures as a person reads them: with a unit, how sure it is, and of how many cases."""

from collections.abc import Mapping, Sequence
from datetime import date
from math import floor, isfinite, log10
from typing import Literal

Unit = Literal[
    "count", "share", "points", "money", "metric", "times", "deviations", "distance", "days",
    "seconds", "minutes",
]  # fmt: skip

SPACE = "\N{NARROW NO-BREAK SPACE}"
"""Between thousands, and before a unit: a figure never breaks over two lines."""

USUAL = 0.95
"""Confidence of an interval that says none."""

LONG = 120
"""So many seconds are told in minutes, so many minutes in hours."""

WORDS: Mapping[Unit, str] = {
    "share": "%",
    "points": "points",
    "times": "\N{MULTIPLICATION SIGN} its band",
    "deviations": "standard deviations",
    "distance": "distance",
    "seconds": "s",
    "minutes": "min",
}
"""What follows a figure of the unit."""

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def day(value: date) -> str:
    """``28 Aug 2026``."""
    return f"{value.day} {value:%b %Y}"


def short_day(value: date) -> str:
    """``28 Aug``."""
    return f"{value.day} {value:%b}"


def span(first: date, last: date) -> str:
    """``31 May to 28 Aug 2026``; one day alone where both are the same."""
    if first == last:
        return day(last)
    return f"{short_day(first) if first.year == last.year else day(first)} to {day(last)}"


def count(value: float) -> str:
    """A whole number, thousands apart."""
    return _signed(f"{round(abs(value)):,}".replace(",", SPACE), value)


def counted(value: float, one: str, many: str | None = None) -> str:
    """``1 case``, ``1 204 cases``."""
    return f"{count(value)} {one if round(value) == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def named(identifier: str) -> str:
    """An identifier as words: ``late_fee`` is ``late fee``."""
    return identifier.replace("_", " ")


def sentence(text: str) -> str:
    """Begins with a capital and ends with a full stop."""
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?:" else f"{text}."


def figure(value: float | None, unit: Unit, currency: str = "") -> str:
    """A value with its unit; a dash for none."""
    if value is None or not isfinite(value):
        return DASH
    if unit in ("seconds", "minutes") and abs(value) >= LONG:
        value, larger = value / 60, "min" if unit == "seconds" else "h"
        return f"{_signed(_digits(abs(value), 3), value)}{SPACE}{larger}"
    plain, unit_word = bare(value, unit), word(unit, currency)
    if unit == "days":
        unit_word = "day" if plain == "1" else "days"
    return f"{plain}{SPACE}{unit_word}" if unit_word else plain


def bare(value: float | None, unit: Unit) -> str:
    """A value without its unit, in as many digits as mean something."""
    if value is None or not isfinite(value):
        return DASH
    if unit == "count":
        return count(value)
    if unit in ("share", "points"):
        return _percent(value, unit)
    if unit == "money":
        return _money(value)
    if unit in ("metric", "distance"):
        return _signed(f"{abs(value):.3f}" if abs(value) < 10 else _digits(abs(value), 3), value)
    if unit in ("times", "deviations"):
        return _signed(f"{abs(value):.2f}" if abs(value) < 10 else _digits(abs(value), 3), value)
    return _signed(_digits(abs(value), 3), value)


def word(unit: Unit, currency: str = "") -> str:
    """What follows a figure of the unit."""
    return currency if unit == "money" else WORDS.get(unit, "")


def between(low: float | None, high: float | None, unit: Unit, currency: str = "") -> str:
    """An interval, ``57 to 69 %``; empty where there is none."""
    if low is None or high is None or not (isfinite(low) and isfinite(high)):
        return ""
    return f"{bare(low, unit)} to {figure(high, unit, currency)}"


def sure(
    low: float | None,
    high: float | None,
    n: int | None,
    unit: Unit,
    currency: str = "",
    of: str = "case",
    confidence: float = USUAL,
) -> str:
    """How sure a figure is: ``57 to 69 %, 234 cases``; empty where nothing is known of it.

    ``of``: what was counted, in the singular. A ``confidence`` other than the usual is said.
    """
    ends = between(low, high, unit, currency)
    if ends and abs(confidence - USUAL) > 1e-9:
        ends += f" at {100 * confidence:.4g}{SPACE}%"
    parts = [ends, counted(n, of) if n is not None else ""]
    return ", ".join(part for part in parts if part)


def _percent(value: float, unit: Unit) -> str:
    percent = 100 * abs(value)
    if unit == "share" and 0 < percent < 0.1:
        return "under 0.1"
    digits = 0 if percent >= 99.95 or percent == 0 else 1
    return _signed(f"{percent:.{digits}f}", value)


def _money(value: float) -> str:
    size = abs(value)
    if size >= 100 or size == 0:
        return count(value)
    if size < 0.001:
        return "under 0.001"
    return _signed(f"{size:.2f}" if size >= 0.1 else _digits(size, 2), value)


def _digits(size: float, wanted: int) -> str:
    """So many digits that count, never an exponent, no zeros behind the point."""
    if size == 0:
        return "0"
    decimals = max(0, wanted - 1 - floor(log10(size)))
    text = f"{round(size, decimals):,.{decimals}f}".replace(",", SPACE)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _signed(text: str, value: float) -> str:
    nothing = not text.strip("0.,")
    return f"{MINUS}{text}" if value < 0 and not nothing else text

"""Drawings of the card as inline SVG: sharp in print, small, the same bytes every time.

Colours are those of :mod:`assets.training.plots` (Okabe and Ito); shapes and dashes differ too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from assets.training.plots import BLUE, GREEN, GREY, INK, ORANGE, PURPLE

SOFT, LINE = "#595959", "#E5E5E5"
SERIES = ((BLUE, ""), (ORANGE, "7 4"), (GREEN, "2 3"), (PURPLE, "9 3 2 3"), (GREY, "4 4"))


@dataclass(frozen=True)
class Frame:
    """A plotting area in pixels and the range of the data on it."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return self.left + across * self.width, self.top + (1 - up) * self.height


def svg(width: float, height: float, parts: Sequence[str], title: str) -> str:
    """The drawing; ``title`` is what a screen reader says."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def text(
    x: float, y: float, words: str, *, anchor: str = "start", colour: str = INK, bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{escape(words)}</text>"
    )


def line(
    a: tuple[float, float],
    b: tuple[float, float],
    colour: str = LINE,
    width: float = 1,
    dash: str = "",
) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" '
        f'stroke="{colour}" stroke-width="{width:g}"{dashes}/>'
    )


def dot(at: tuple[float, float], colour: str, radius: float = 4.5) -> str:
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}" fill="{colour}"/>'


def path(points: Sequence[tuple[float, float]], colour: str, dash: str, width: float = 2) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
        f'stroke-linejoin="round"{dashes}/>'
    )


def rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" '
        f'fill="{colour}"/>'
    )


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers within low..high, about ``wanted`` of them."""
    import math

    if not high > low:
        return [low]
    raw = (high - low) / wanted
    power = 10 ** math.floor(math.log10(raw))
    step = min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - raw))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def axes(frame: Frame, x_label: str, y_label: str = "", *, y_ticks: bool = True) -> list[str]:
    """Grid, tick labels and names of the axes."""
    parts = []
    bottom = frame.top + frame.height
    for value in ticks(*frame.x):
        x, _ = frame.at(value, frame.y[0])
        parts.append(line((x, frame.top), (x, bottom)))
        parts.append(text(x, bottom + 17, f"{value:g}", anchor="middle", colour=SOFT))
    if y_ticks:
        for value in ticks(*frame.y):
            _, y = frame.at(frame.x[0], value)
            parts.append(line((frame.left, y), (frame.left + frame.width, y)))
            parts.append(text(frame.left - 7, y + 4, f"{value:g}", anchor="end", colour=SOFT))
    parts.append(line((frame.left, bottom), (frame.left + frame.width, bottom), GREY))
    middle = frame.left + frame.width / 2
    parts.append(text(middle, bottom + 36, x_label, anchor="middle"))
    if y_label:
        parts.append(text(frame.left - 40, frame.top - 12, y_label))
    return parts


def legend(
    x: float, y: float, entries: Sequence[tuple[str, str, str]], *, swatch: bool = False
) -> list[str]:
    """Lines of (name, colour, dash) from ``y`` down; ``swatch``: squares in place of lines."""
    parts = []
    for k, (name, colour, dash) in enumerate(entries):
        at = y + 19 * k
        parts.append(
            rectangle(x + 6, at - 9, 12, 11, colour)
            if swatch
            else line((x, at - 4), (x + 24, at - 4), colour, 2.5, dash)
        )
        parts.append(text(x + 30, at, name))
    return parts


def whisker(frame: Frame, found: Mapping[str, Any], row: float, colour: str) -> list[str]:
    """A value with its interval, lying."""
    low, high = frame.at(found["low"], row), frame.at(found["high"], row)
    return [
        line(low, high, colour, 2),
        *(line((x, y - 4), (x, y + 4), colour, 2) for x, y in (low, high)),
        dot(frame.at(found["value"], row), colour),
    ]


def padded(
    values: Sequence[float], *, within: tuple[float, float] | None = None
) -> tuple[float, float]:
    """A range a little wider than the values, cut to ``within``."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    low, high = low - room, high + room
    return (max(low, within[0]), min(high, within[1])) if within else (low, high)

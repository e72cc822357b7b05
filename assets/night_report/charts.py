"""Pictures as SVG text: sharp on any screen and in print, the same bytes every time.

Made of attributes and classes only, for the desk's policy allows no inline style; the style sheet
has the colours (Okabe and Ito 2008), and shapes and dashes differ too. Every picture has a title
and a description that say the same in words.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from assets.night_report.words import Unit, figure, short_day, span
from assets.training.card.charts import padded, ticks

if TYPE_CHECKING:
    from assets.night_report.trends import Line, Point, Trend

WIDTH, HEIGHT = 300, 112
LEFT, RIGHT, TOP, BOTTOM = 40, 6, 8, 18
SHARE_WIDTH, ROW = 200, 18
"""Of the small pictures within a line of text."""

MOST_TIMES = 5.0
"""Multiples of a band a line has room for; what is beyond is drawn at its end with an arrow."""


def svg(width: float, height: float, title: str, said: str, shapes: Sequence[str]) -> Markup:
    """The picture of ``shapes``, named by its title and described by its description (SVG
    Accessibility API Mappings 1.0): without ids, so that those of two pictures cannot clash."""
    return Markup(
        f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(said)}</desc>{''.join(shapes)}</svg>"
    )


@dataclass(frozen=True)
class Scale:
    """Where a value lies: pixels from ``start`` (of ``low``) to ``end`` (of ``high``)."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value, held within the picture."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def trend(shown: "Trend", days: Sequence[date], states: Mapping[date, str], marked: date) -> Markup:
    """A series over the nights: its interval as a band, its limit dashed, the training's figure
    dotted, a diamond where it is beyond the limit, a cross where a night has nothing on record."""
    across = Scale(0, max(len(days) - 1, 1), LEFT, WIDTH - RIGHT)
    up = _range(shown)
    place = {day: across.at(number) for number, day in enumerate(days)}
    shapes = [*_grid(shown, up), *_dates(days, place)]
    for number, line in enumerate(shown.lines, 1):
        shapes += _drawn(line, days, place, up, f"s{number}", alone=len(shown.lines) == 1)
    # A night before the first one is no night that failed to come.
    shapes += [
        _cross(place[day], HEIGHT - BOTTOM)
        for day in days
        if states.get(day) in ("missing", "stopped")
    ]
    shapes += [s for line in shown.lines for s in _marks(line, place, up, marked)]
    return svg(WIDTH, HEIGHT, shown.title, _said(shown, days), shapes)


def band(
    value: float | None, window: float | None, *, beyond: bool, title: str, said: str
) -> Markup:
    """An effect against its noise band: both in multiples of the band, whose end is the line at 1.

    ``window``: the same over the last nights, as a ring. None is not drawn.
    """
    scale = Scale(0.0, MOST_TIMES, 1, SHARE_WIDTH - 10)
    middle, one = ROW / 2, scale.at(1.0)
    shapes = [
        f'<rect class="room" x="1" y="2" width="{one - 1:.1f}" height="{ROW - 4}"/>',
        f'<line class="axis" x1="1" y1="{middle}" x2="{SHARE_WIDTH - 10}" y2="{middle}"/>',
        f'<line class="limit" x1="{one:.1f}" y1="0" x2="{one:.1f}" y2="{ROW}"/>',
    ]
    if window is not None:
        shapes.append(f'<circle class="ring" cx="{scale.at(window):.1f}" cy="{middle}" r="4"/>')
    if value is not None:
        x = scale.at(value)
        shapes.append(
            _diamond(x, middle, 6)
            if beyond
            else f'<circle class="dot" cx="{x:.1f}" cy="{middle}" r="4.5"/>'
        )
        if value > MOST_TIMES:
            shapes.append(f'<path class="flag" d="M{x + 7:.1f},{middle - 4} l6,4 l-6,4 z"/>')
    return svg(SHARE_WIDTH, ROW, title, said, shapes)


def whisker(
    value: float,
    low: float | None,
    high: float | None,
    *,
    within: tuple[float, float],
    limit: float | None = None,
    before: float | None = None,
    beyond: bool = False,
    title: str,
    said: str,
) -> Markup:
    """A figure with its interval, lying. ``limit``: a dashed line; ``before``: a thin one."""
    scale, middle = Scale(*within, 6, SHARE_WIDTH - 6), ROW / 2
    shapes = [f'<line class="axis" x1="0" y1="{middle}" x2="{SHARE_WIDTH}" y2="{middle}"/>']
    if limit is not None:
        x = scale.at(limit)
        shapes.append(f'<line class="limit" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{ROW}"/>')
    if before is not None:
        x = scale.at(before)
        shapes.append(f'<line class="before" x1="{x:.1f}" y1="1" x2="{x:.1f}" y2="{ROW - 1}"/>')
    if low is not None and high is not None:
        start, end = scale.at(low), scale.at(high)
        shapes.append(
            f'<rect class="reach" x="{start:.1f}" y="{middle - 2.5}" '
            f'width="{max(end - start, 1):.1f}" height="5" rx="2.5"/>'
        )
    x = scale.at(value)
    shapes.append(
        _diamond(x, middle, 6)
        if beyond
        else f'<circle class="dot" cx="{x:.1f}" cy="{middle}" r="4.5"/>'
    )
    return svg(SHARE_WIDTH, ROW, title, said, shapes)


def bars(
    shares: Sequence[tuple[str, float, float | None]], *, title: str, said: str, below: str
) -> Markup:
    """Bars beside each other: name, share tonight, share before (a line across the bar).

    ``below``: what the names are.
    """
    height, base = 150, 112
    most = max([share for _, share, _ in shares] + [b for _, _, b in shares if b] + [0.01])
    scale = Scale(0.0, most, base, 10)
    room = WIDTH - LEFT - 12  # for half of the last edge's name
    step = room / max(len(shares), 1)
    shapes = []
    for value in ticks(0.0, most, 3):
        y = scale.at(value)
        shapes.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
        shapes.append(_text(LEFT - 5, y + 3.5, f"{100 * value:g} %", "end"))
    for place, (_, share, before) in enumerate(shares):
        x, y = LEFT + place * step, scale.at(share)
        shapes.append(
            f'<rect class="bar" x="{x + 2:.1f}" y="{y:.1f}" width="{step - 4:.1f}" '
            f'height="{base - y:.1f}"/>'
        )
        if before is not None:
            y = scale.at(before)
            shapes.append(
                f'<line class="before" x1="{x:.1f}" y1="{y:.1f}" x2="{x + step:.1f}" y2="{y:.1f}"/>'
            )
    shapes.append(f'<line class="axis" x1="{LEFT}" y1="{base}" x2="{WIDTH}" y2="{base}"/>')
    edges = [name.partition("-")[0] for name, _, _ in shares]
    edges += [shares[-1][0].partition("-")[2]] if shares else []
    for place, edge in enumerate(edges):
        if place % 2 == 0:
            shapes.append(_text(LEFT + place * step, base + 15, edge, "middle"))
    shapes.append(_text(LEFT + room / 2, height - 8, below, "middle"))
    return svg(WIDTH, height, title, said, shapes)


def reliability(points: Sequence[tuple[float, "Point"]], *, title: str, said: str) -> Markup:
    """What was predicted against what came true, with intervals; on the diagonal all is well."""
    size, top, bottom = 230, 8, 34
    most = max([1e-9] + [max(x, p.high or p.value) for x, p in points])
    most = min(1.0, most * 1.08)
    x_scale = Scale(0.0, most, LEFT, WIDTH - 16)
    y_scale = Scale(0.0, most, size - bottom, top)
    shapes = []
    for value in ticks(0.0, most, 4):
        x, y = x_scale.at(value), y_scale.at(value)
        shapes.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
        shapes.append(_text(LEFT - 5, y + 3.5, f"{100 * value:g} %", "end"))
        shapes.append(_text(x, size - bottom + 14, f"{100 * value:g} %", "middle"))
    shapes.append(
        f'<line class="limit" x1="{x_scale.at(0):.1f}" y1="{y_scale.at(0):.1f}" '
        f'x2="{x_scale.at(most):.1f}" y2="{y_scale.at(most):.1f}"/>'
    )
    for predicted, one in points:
        x = x_scale.at(predicted)
        if one.low is not None and one.high is not None:
            shapes.append(
                f'<line class="reach-line" x1="{x:.1f}" y1="{y_scale.at(one.low):.1f}" '
                f'x2="{x:.1f}" y2="{y_scale.at(one.high):.1f}"/>'
            )
        shapes.append(f'<circle class="dot" cx="{x:.1f}" cy="{y_scale.at(one.value):.1f}" r="4"/>')
    shapes.append(_text((LEFT + WIDTH) / 2, size - 4, "said by the score", "middle"))
    shapes.append(_text(LEFT + 4, top + 8, "came true", "start"))
    return svg(WIDTH, size, title, said, shapes)


def _range(shown: "Trend") -> Scale:
    points = [p for line in shown.lines for p in line.points.values()]
    found = [(p.value, p.low, p.high, p.limit, p.trained) for p in points]
    values = [v for one in found for v in one if v is not None]
    low, high = shown.within or (padded(values) if values else (0.0, 1.0))
    if shown.from_zero:
        low, high = min(low, 0.0) if min(values, default=0) < 0 else 0.0, max(high, 0.0)
    if shown.unit == "share":
        low, high = max(low, 0.0), min(high, 1.0)
    return Scale(low, high, HEIGHT - BOTTOM, TOP)


def _grid(shown: "Trend", up: Scale) -> list[str]:
    shapes = []
    for value in ticks(up.low, up.high, 3):
        y = up.at(value)
        shapes.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
        shapes.append(_text(LEFT - 5, y + 3.5, tick(value, shown.unit), "end"))
    base = HEIGHT - BOTTOM
    shapes.append(f'<line class="axis" x1="{LEFT}" y1="{base}" x2="{WIDTH}" y2="{base}"/>')
    return shapes


def tick(value: float, unit: Unit) -> str:
    """A value on an axis, in as little room as it can have."""
    if unit in ("share", "points"):
        return f"{round(100 * value, 6):g}" + (" %" if unit == "share" else "")
    size = abs(value)
    for step, letter in ((1e9, "bn"), (1e6, "m"), (1e4, "k")):
        if size >= step:
            divisor = 1e3 if letter == "k" else step
            return f"{value / divisor:g}{letter}"
    return f"{value:g}"


def _dates(days: Sequence[date], place: Mapping[date, float]) -> list[str]:
    """Both ends, and the first of each month between that has room."""
    ends = [(days[0], "start"), (days[-1], "end")] if len(days) > 1 else [(days[0], "middle")]
    shapes = [_text(place[day], HEIGHT - 5, short_day(day), anchor) for day, anchor in ends]
    room = (LEFT + 62, WIDTH - RIGHT - 62)
    base = HEIGHT - BOTTOM
    for day in days:
        if day.day == 1:
            x = place[day]
            shapes.append(
                f'<line class="axis" x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{base + 4}"/>'
            )
            if room[0] <= x <= room[1]:
                shapes.append(_text(x, HEIGHT - 5, f"{day:%b}", "middle"))
    return shapes


def _drawn(
    line: "Line",
    days: Sequence[date],
    place: Mapping[date, float],
    up: Scale,
    name: str,
    *,
    alone: bool,
) -> list[str]:
    shapes: list[str] = []
    for run in _runs(line, days):
        points = [(place[day], line.points[day]) for day in run]
        ends = [(x, p.low, p.high) for x, p in points if p.low is not None and p.high is not None]
        if alone and len(ends) > 1:
            upper = [f"{x:.1f},{up.at(h):.1f}" for x, _, h in ends]
            lower = [f"{x:.1f},{up.at(low):.1f}" for x, low, _ in reversed(ends)]
            shapes.append(f'<polygon class="{name}-band" points="{" ".join([*upper, *lower])}"/>')
        for kind, pick in (("limit", _limit), ("trained", _of_training)):
            shapes += _level(points, pick, up, kind)
        joined = " ".join(f"{x:.1f},{up.at(p.value):.1f}" for x, p in points)
        if len(points) > 1:
            shapes.append(f'<polyline class="{name}" points="{joined}"/>')
        else:
            x, p = points[0]
            shapes.append(
                f'<circle class="{name}-dot" cx="{x:.1f}" cy="{up.at(p.value):.1f}" r="2"/>'
            )
    return shapes


def _limit(one: "Point") -> float | None:
    return one.limit


def _of_training(one: "Point") -> float | None:
    return one.trained


def _level(
    points: "Sequence[tuple[float, Point]]",
    pick: "Callable[[Point], float | None]",
    up: Scale,
    kind: str,
) -> list[str]:
    """A level that stays for many nights, as steps."""
    shapes, start = [], 0
    values = [pick(p) for _, p in points]
    for place in range(1, len(points) + 1):
        if place == len(points) or values[place] != values[start]:
            value = values[start]
            if value is not None:
                x, end, y = points[start][0], points[place - 1][0], up.at(value)
                # A single night's level would be a point, and not be seen.
                x, end = (x - 2, end + 2) if end - x < 4 else (x, end)
                shapes.append(
                    f'<line class="{kind}" x1="{x:.1f}" y1="{y:.1f}" x2="{end:.1f}" y2="{y:.1f}"/>'
                )
            start = place
    return shapes


def _marks(line: "Line", place: Mapping[date, float], up: Scale, marked: date) -> list[str]:
    shapes = [
        _diamond(place[day], up.at(p.value), 3.5)
        for day, p in line.points.items()
        if p.broken and day in place
    ]
    now = line.points.get(marked)
    if now is not None and marked in place:
        shapes.append(
            f'<circle class="now" cx="{place[marked]:.1f}" cy="{up.at(now.value):.1f}" r="4"/>'
        )
    return shapes


def _runs(line: "Line", days: Sequence[date]) -> list[list[date]]:
    """Nights in a row that have a value."""
    runs: list[list[date]] = []
    before = False
    for day in days:
        there = day in line.points
        if there and before:
            runs[-1].append(day)
        elif there:
            runs.append([day])
        before = there
    return runs


def _said(shown: "Trend", days: Sequence[date]) -> str:
    """The picture in words."""
    if shown.empty:
        return f"nothing on record from {span(days[0], days[-1])}"
    parts = []
    for line in shown.lines:
        if not line.points:
            continue
        values = {day: p.value for day, p in line.points.items()}
        least, most = min(values, key=lambda d: values[d]), max(values, key=lambda d: values[d])
        name = f"{line.name}: " if line.name else ""
        broken = sum(p.broken for p in line.points.values())
        said = (
            f"{name}{len(values)} of {len(days)} nights, lowest "
            f"{figure(values[least], shown.unit, shown.currency)} on {short_day(least)}, highest "
            f"{figure(values[most], shown.unit, shown.currency)} on {short_day(most)}"
        )
        parts.append(said + (f", beyond the {shown.limit_name} on {broken}" if broken else ""))
    tonight = f"tonight {shown.now}" + (f" ({shown.sure})" if shown.sure else "")
    return f"{span(days[0], days[-1])}; {tonight}; {'; '.join(parts)}"


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _diamond(x: float, y: float, r: float) -> str:
    return f'<path class="flag" d="M{x:.1f},{y - r:.1f} l{r},{r} l-{r},{r} l-{r},-{r} z"/>'


def _cross(x: float, y: float) -> str:
    return f'<path class="gap" d="M{x - 2.5:.1f},{y - 2.5:.1f} l5,5 m0,-5 l-5,5"/>'

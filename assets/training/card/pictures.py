"""The pictures of a card, each from its part of the facts."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.training.card import words
from assets.training.card.charts import (
    LINE,
    SERIES,
    SOFT,
    Frame,
    axes,
    dot,
    legend,
    line,
    padded,
    path,
    rectangle,
    svg,
    text,
    whisker,
)
from assets.training.plots import BLUE, GREY, INK, ORANGE

Facts = Mapping[str, Any]
ROW = 30
SHOWN = 15
"""Features drawn; the table has them all."""


def roc(curves: Sequence[Facts]) -> str:
    """ROC curves of the candidates, the chosen one first (``name``, ``chosen``, ``x``, ``y``)."""
    frame = Frame(56, 34, 300, 300, (0, 1), (0, 1))
    parts = axes(frame, "share of cases without the outcome", "share of cases with the outcome")
    parts.append(line(frame.at(0, 0), frame.at(1, 1), GREY, 1.5, "3 4"))
    for (colour, dash), curve in reversed(list(zip(SERIES, curves, strict=False))):
        points = [frame.at(x, y) for x, y in zip(curve["x"], curve["y"], strict=True)]
        parts.append(path(points, colour, dash, 2.6 if curve["chosen"] else 1.8))
    entries = [
        (c["name"].replace("_", " ") + (" (chosen)" if c["chosen"] else ""), colour, dash)
        for (colour, dash), c in zip(SERIES, curves, strict=False)
    ]
    parts += legend(384, 62, [*entries, ("guessing", GREY, "3 4")])
    return svg(640, 384, parts, "Receiver operating characteristic of every candidate")


def reliability(points: Sequence[Facts], *, probability: bool) -> str:
    """Observed against predicted, a dot a group, with the interval of what was observed."""
    ends = [p["predicted"] for p in points]
    ends += [p["observed"][e] for p in points for e in ("low", "high")]
    span = padded(ends, within=(0, 1) if probability else None)
    span = (0.0, span[1]) if probability else span
    frame = Frame(66, 34, 300, 300, span, span)
    name = "probability" if probability else "value"
    parts = axes(frame, f"predicted {name}, mean of the group", "observed")
    parts.append(line(frame.at(span[0], span[0]), frame.at(span[1], span[1]), GREY, 1.5, "3 4"))
    for p in points:
        low = frame.at(p["predicted"], p["observed"]["low"])
        parts.append(line(low, frame.at(p["predicted"], p["observed"]["high"]), BLUE, 1.6))
    at = [frame.at(p["predicted"], p["observed"]["value"]) for p in points]
    parts += [path(at, BLUE, "", 1.2), *(dot(one, BLUE) for one in at)]
    parts += legend(
        394, 62, [("group of cases, 95 % interval", BLUE, ""), ("as it should be", GREY, "3 4")]
    )
    return svg(640, 384, parts, "Predicted against observed")


def scores(found: Facts, policy: Facts) -> str:
    """How many cases have which score, by outcome, and where the policy draws its lines."""
    edges = found["edges"]
    totals = [a + b for a, b in zip(found["with"], found["without"], strict=True)]
    frame = Frame(66, 48, 540, 200, (0, 1), (0, max(totals) * 1.05 or 1))
    parts = axes(frame, "score (probability of the outcome)", "cases")
    for k, (hit, miss) in enumerate(zip(found["with"], found["without"], strict=True)):
        x, right = frame.at(edges[k], 0)[0] + 1, frame.at(edges[k + 1], 0)[0] - 1
        base, middle = frame.at(0, 0)[1], frame.at(0, miss)[1]
        top = frame.at(0, hit + miss)[1]
        parts.append(rectangle(x, middle, right - x, base - middle, "#B8D4E8"))
        parts.append(rectangle(x, top, right - x, middle - top, BLUE))
    for name, at, anchor, shift in (
        ("approve below", policy["approve_below"], "start", 5),
        ("decline above", policy["decline_above"], "start", 5),
    ):
        x, top = frame.at(at, frame.y[1])
        row = top - 4 if name == "approve below" else top + 12
        parts.append(line((x, top - 12), (x, frame.at(0, 0)[1]), INK, 1.5, "5 3"))
        parts.append(text(x + shift, row, f"{name} {at:g}", anchor=anchor))
    parts += legend(
        430, 96, [("with the outcome", BLUE, ""), ("without", "#B8D4E8", "")], swatch=True
    )
    return svg(640, 300, parts, "Scores of the evaluation rows by outcome")


def intervals(
    rows: Sequence[tuple[str, Facts, bool]],
    label: str,
    *,
    within: tuple[float, float] | None = None,
    lines: Sequence[tuple[str, float, str]] = (),
    percent: bool = False,
) -> str:
    """A value with its interval a row (name, interval, emphasised), and upright lines."""
    scale = 100 if percent else 1
    drawn = [
        (name, {k: scale * v[k] for k in ("value", "low", "high")}, strong)
        for name, v, strong in rows
    ]
    marks = [(name, scale * at, dash) for name, at, dash in lines]
    ends = [v[e] for _, v, _ in drawn for e in ("low", "high")] + [at for _, at, _ in marks]
    span = padded(ends, within=(scale * within[0], scale * within[1]) if within else None)
    height = ROW * len(drawn)
    frame = Frame(190, 30, 416, height, span, (0, len(drawn)))
    parts = axes(frame, label, y_ticks=False)
    for k, (name, at, dash) in enumerate(marks):
        x = frame.at(at, 0)[0]
        parts.append(line((x, 24), (x, 30 + height), ORANGE if k else INK, 1.5, dash))
        right = x > 420
        shift = -4 if right else 4
        parts.append(
            text(x + shift, 20 - 0 * k, name, anchor="end" if right else "start", colour=SOFT)
        )
    for k, (name, found, strong) in enumerate(drawn):
        row = len(drawn) - k - 0.5
        y = frame.at(span[0], row)[1]
        parts.append(text(178, y + 4, shortened(name), anchor="end", bold=strong))
        parts += whisker(frame, found, row, BLUE if strong else SOFT)
    return svg(640, height + 78, parts, label)


def importance(found: Sequence[Facts], metric: str) -> str:
    """Bars: how much worse the metric gets when a feature's values are shuffled."""
    shown = list(found[:SHOWN])
    ends = [0.0] + [f["mean"] + d * f["deviation"] for f in shown for d in (-1, 1)]
    height = 26 * len(shown)
    frame = Frame(230, 10, 376, height, padded(ends), (0, len(shown)))
    parts = axes(frame, f"loss of {words.metric(metric)} when shuffled", y_ticks=False)
    zero = frame.at(0, 0)[0]
    for k, one in enumerate(shown):
        row = len(shown) - k - 0.5
        x, y = frame.at(one["mean"], row)
        parts.append(rectangle(min(zero, x), y - 8, abs(x - zero), 16, BLUE))
        low = frame.at(one["mean"] - one["deviation"], row)
        parts.append(line(low, frame.at(one["mean"] + one["deviation"], row), INK, 1.5))
        parts.append(text(218, y + 4, shortened(one["feature"], 30), anchor="end"))
    parts.append(line((zero, 10), (zero, 10 + height), GREY))
    return svg(640, height + 58, parts, "What the model leans on")


def confusion(rows: Sequence[Facts]) -> str:
    """Squares: of the cases of a class (row), the share classed as each (column)."""
    size = min(56, 400 // max(len(rows), 1))
    left, top = 180, 30
    parts = [
        text(left, 16, "classed as", colour=SOFT),
        text(168, 16, "truly", anchor="end", colour=SOFT),
    ]
    for k, row in enumerate(rows):
        parts.append(text(168, top + size * (k + 0.5) + 4, shortened(row["class"]), anchor="end"))
        for j, count in enumerate(row["classed_as"]):
            share = count / row["cases"] if row["cases"] else 0.0
            x, y = left + size * j, top + size * k
            parts.append(rectangle(x + 1, y + 1, size - 2, size - 2, LINE))
            parts.append(
                f'<rect x="{x + 1}" y="{y + 1}" width="{size - 2}" height="{size - 2}" '
                f'fill="{BLUE}" fill-opacity="{share:.3f}"/>'
            )
            colour = "#FFFFFF" if share > 0.45 else INK
            middle = (x + size / 2, y + size / 2 + 4)
            parts.append(text(*middle, f"{100 * share:.0f}", anchor="middle", colour=colour))
    below = top + size * len(rows) + 16
    for k in range(len(rows)):
        parts.append(text(left + size * (k + 0.5), below, f"{k + 1}", anchor="middle", colour=SOFT))
    parts.append(
        text(left, below + 20, "percent of the row; columns in the order of the rows", colour=SOFT)
    )
    return svg(640, below + 34, parts, "What each class was taken for")


def shortened(name: str, most: int = 25) -> str:
    """A name that fits its column; the tables have it whole."""
    return name if len(name) <= most else name[: most - 1] + "…"

"""Pictures of performance and fairness, small enough for asset metadata.

Colours are those of Okabe and Ito; what a colour says, a mark or a line style says as well.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from assets.performance.calibration import CURVE
from assets.performance.group_rates import RATE, RATIO, Fairness
from assets.performance.measure import CHAMPION, FAIL, INSUFFICIENT
from assets.performance.trend import NIGHTS, Night

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from assets.performance.measure import Measure
    from assets.performance.measured import Performance

MARKS = {"pass": "o", FAIL: "X", INSUFFICIENT: "D"}
"""Of a verdict: told apart without colour."""

GROUPS_SHOWN = 24


def performance_plot(found: "Performance", nights: Sequence[Night]) -> "Figure":
    """The judged metric over the last nights with its interval, what it was at training and its
    limit; beside it, of a binary task, the calibration curve."""
    from matplotlib.figure import Figure

    from assets.training.plots import INK

    points = [one for one in found.measures if one.measure == CURVE and one.arm == CHAMPION]
    # Margins are set: measuring every text to find them takes as long as drawing.
    figure = Figure(figsize=(10 if points else 6.4, 3.8))
    figure.subplots_adjust(
        left=0.06 if points else 0.1, right=0.98, top=0.82, bottom=0.14, wspace=0.2
    )
    version = f", version {found.champion.version}" if found.champion else ""
    figure.suptitle(
        f"Performance on matured cases, {found.day}{version}",
        x=0.02, ha="left", fontsize=12, fontweight="bold", color=INK,
    )  # fmt: skip
    axes = figure.subplots(1, 2 if points else 1, squeeze=False)[0]
    _draw_trend(axes[0], found, nights)
    if points:
        _draw_curve(axes[1], found)
    return figure


def fairness_plot(found: Fairness) -> "Figure":
    """Share approved in each group with its interval, column by column."""
    from matplotlib.figure import Figure

    from assets.training.plots import BLUE, GREY, INK, ORANGE

    rates, ratios = found.of(RATE), {one.subject: one for one in found.of(RATIO)}
    rates = sorted(rates, key=_by_group)[:GROUPS_SHOWN][::-1]
    height = 1.5 + 0.27 * max(len(rates), 1)
    figure = Figure(figsize=(7.2, height))
    figure.subplots_adjust(left=0.32, right=0.97, top=1 - 0.62 / height, bottom=0.5 / height)
    figure.suptitle(
        f"Approved without a person, by group, {found.day}",
        x=0.02, ha="left", fontsize=12, fontweight="bold", color=INK,
    )  # fmt: skip
    axes = figure.add_subplot()
    _style(axes, f"{found.cases:,} cases a model decided; bars: Wilson intervals")
    for place, one in enumerate(rates):
        column = one.subject.split("=", 1)[0]
        judged = ratios.get(column)
        verdict = judged.verdict if judged is not None else ""
        worst = judged is not None and one.subject == f"{column}={judged.detail.get('group')}"
        colour = ORANGE if worst and verdict == FAIL else BLUE if not one.verdict else GREY
        mark = MARKS[FAIL] if colour == ORANGE else MARKS["pass"] if colour == BLUE else "D"
        ends: Any = [one.low, one.high]
        axes.plot(ends, [place, place], color=colour, linewidth=2)
        axes.plot([one.value or 0.0], [place], color=colour, marker=mark, markersize=6)
    axes.set_yticks(
        range(len(rates)), [f"{one.subject}  (n = {one.n:,})" for one in rates], fontsize=8
    )
    axes.set(xlabel="share approved", xlim=(0, 1))
    if not rates:
        _say(axes, found.why or "no group is large enough")
    return figure


def _by_group(one: "Measure") -> tuple[str, int, str]:
    """By column, the open ends of cut numbers first and last."""
    column, _, group = one.subject.partition("=")
    return column, -1 if group.startswith("<") else int(group.startswith(">=")), group


def _draw_trend(axes: "Axes", found: "Performance", nights: Sequence[Night]) -> None:
    from assets.training.plots import BLUE, GREY, INK, ORANGE

    last = nights[-1] if nights else None
    seen = f"last {NIGHTS} nights"
    if last is not None:
        seen += f"; tonight n = {last.n:,}" if last.day == found.day else f"; latest {last.day}"
    _style(axes, f"{found.metric.replace('_', ' ')}, {seen}")
    if last is None:
        _say(axes, "no night has enough matured cases yet")
        return
    days: Any = [one.day for one in nights]
    axes.fill_between(
        days, [n.low for n in nights], [n.high for n in nights], color=BLUE, alpha=0.2, linewidth=0
    )
    axes.plot(days, [one.value for one in nights], color=BLUE, linewidth=1.5, label="with interval")
    for verdict, mark in MARKS.items():
        own = [one for one in nights if one.verdict == verdict]
        if own:
            its_days: Any = [one.day for one in own]
            axes.plot(
                its_days,
                [one.value for one in own],
                color={"pass": BLUE, FAIL: ORANGE}.get(verdict, GREY),
                linestyle="none", marker=mark, markersize=5, label=verdict,
            )  # fmt: skip
    if found.trained is not None:
        trained = found.trained.figure
        axes.axhline(trained.value, color=INK, linewidth=1, label="at training")
        axes.axhspan(trained.low, trained.high, color=INK, alpha=0.08, linewidth=0)
        limits = [(one.day, one.limit) for one in nights if one.limit is not None]
        when: Any = [day for day, _ in limits]
        axes.plot(
            when, [limit for _, limit in limits],
            color=ORANGE, linewidth=1.5, linestyle="--", label="limit of the upper end"
            if not found.trained.smaller_is_better else "limit of the lower end",
        )  # fmt: skip
    shown = days[:: -(len(days) // -6)]
    axes.set_xticks(shown, [f"{day:%d %b}" for day in shown])
    if len(days) == 1:
        axes.set_xlim(days[0] - timedelta(days=3), days[0] + timedelta(days=3))
    axes.legend(loc="best", frameon=False, fontsize=8)


def _draw_curve(axes: "Axes", found: "Performance") -> None:
    from assets.training.plots import BLUE, GREY

    points = [one for one in found.measures if one.measure == CURVE and one.arm == CHAMPION]
    points = [one for one in points if one.value is not None]
    error = found.find("calibration_error")
    told = f"; error {error.value:.3f}" if error is not None and error.value is not None else ""
    _style(axes, f"calibration, n = {sum(one.n for one in points):,}{told}")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (2, 3)), label="ideal")
    x = [float(one.detail["predicted"]) for one in points]
    y = [one.value or 0.0 for one in points]
    axes.errorbar(
        x, y,
        yerr=[
            [v - (one.low or 0.0) for v, one in zip(y, points, strict=True)],
            [(one.high or 0.0) - v for v, one in zip(y, points, strict=True)],
        ],
        color=BLUE, marker="o", markersize=5, linewidth=1.5, label="observed, Wilson interval",
    )  # fmt: skip
    axes.set(xlabel="mean score of a tenth", ylabel="observed rate", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left", frameon=False, fontsize=8)


def _style(axes: "Axes", subtitle: str) -> None:
    axes.set_title(subtitle, loc="left", fontsize=9, color="#555555")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)


def _say(axes: "Axes", text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#333333")

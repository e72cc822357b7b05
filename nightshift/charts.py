"""How the notebooks draw: colours everybody can tell apart, intervals, and n beside what it is of.

Colours: Okabe and Ito (2008), Color Universal Design. Nothing is told by colour alone: markers
differ as well.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

BLACK, GREY = "#000000", "#767676"
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
VERMILION, PURPLE = "#D55E00", "#CC79A7"
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")

DAY = "partition_date"


def house_style() -> None:
    """Sizes, colours and lines of every figure drawn after this."""
    import matplotlib.pyplot as plt
    from cycler import cycler

    plt.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "figure.figsize": (9.0, 3.6),
            "figure.dpi": 100,
            "axes.prop_cycle": cycler(color=list(SERIES)),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelsize": 9,
            "grid.color": "#dddddd",
            "grid.linewidth": 0.6,
            "legend.fontsize": 8,
            "legend.frameon": False,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
        }
    )


def trend(
    axes: "Axes", rows: "pd.DataFrame", label: str, number: int = 0, *, scale: float = 1.0
) -> None:
    """A measure over the nights, with its interval as a band and n in the legend.

    ``rows``: of :meth:`nightshift.ReadLake.measures`, one a night. ``number``: of the series, for
    colour and marker. A night without a value leaves a gap, unless it is not measured nightly.
    """
    rows = _every_night(rows)
    color = SERIES[number % len(SERIES)]
    days, value = rows[DAY], rows["value"] * scale
    axes.plot(
        days,
        value,
        color=color,
        marker=MARKERS[number % len(MARKERS)],
        markersize=4 if len(rows) < 45 else 2.5,
        linewidth=1.2,
        label=f"{label} ({n_of(rows['n'])})",
    )
    known = rows["low"].notna()
    if not known.any():
        return
    low, high = rows["low"] * scale, rows["high"] * scale
    axes.fill_between(days, low, high, color=color, alpha=0.18, linewidth=0)
    # A band has no width where neither neighbour is known.
    alone = known & ~known.shift(fill_value=False) & ~known.shift(-1, fill_value=False)
    axes.vlines(days[alone], low[alone], high[alone], color=color, linewidth=1.2)


def histogram(
    axes: "Axes",
    ends: Sequence[float],
    rows: "pd.DataFrame",
    label: str,
    number: int = 0,
    *,
    scale: float = 100.0,
) -> None:
    """Shares of cases per bin as steps, with their intervals as bands.

    ``ends``: of the bins, one more than there are bins. ``rows``: ``value``, ``low`` and ``high``
    in the order of the bins; missing ones are empty bins.
    """
    filled = rows[["value", "low", "high"]].fillna(0.0) * scale
    color = SERIES[number % len(SERIES)]
    axes.stairs(
        filled["value"],
        ends,
        color=color,
        linewidth=1.4,
        linestyle=("-", "--", ":")[number % 3],
        label=label,
    )
    axes.stairs(
        filled["high"], ends, baseline=filled["low"], fill=True, color=color, alpha=0.2, linewidth=0
    )


def limit(axes: "Axes", rows: "pd.DataFrame", label: str, *, scale: float = 1.0) -> None:
    """The limit a measure is judged by over the nights, as a dashed line; none where none is."""
    judged = rows.dropna(subset=["limit"]).sort_values(DAY)
    if not judged.empty:
        axes.plot(
            judged[DAY],
            judged["limit"] * scale,
            color=BLACK,
            linestyle="--",
            linewidth=1,
            drawstyle="steps-mid",
            label=label,
        )


def by_night(axes: "Axes") -> None:
    """The days below the axis, short."""
    from matplotlib import dates

    untyped: Any = dates
    locator = untyped.AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator))
    axes.set_xlabel("night (UTC)")


def compared(
    axes: "Axes",
    names: Sequence[str],
    groups: "Sequence[tuple[str, pd.DataFrame]]",
    *,
    scale: float = 100.0,
) -> None:
    """Points with intervals, a row for each name and a marker for each group.

    ``groups``: name and a frame with ``value``, ``low`` and ``high``, indexed by the names; what a
    group lacks is left out.
    """
    height = 0.6 / max(len(groups), 1)
    for number, (label, found) in enumerate(groups):
        found = found[~found.index.duplicated(keep="last")]
        there = [name for name in names if name in found.index]
        rows = found.loc[there]
        at = [list(names).index(name) + (number - (len(groups) - 1) / 2) * height for name in there]
        axes.errorbar(
            rows["value"].to_numpy() * scale,
            at,
            xerr=reach(rows, scale=scale),
            fmt=MARKERS[number % len(MARKERS)],
            color=SERIES[number % len(SERIES)],
            markersize=5,
            capsize=3,
            linewidth=1.2,
            clip_on=False,  # a share of 0 is whole as well
            label=label,
        )
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def reach(rows: "pd.DataFrame", *, scale: float = 100.0) -> "list[np.ndarray]":
    """How far the interval goes to either side of the value, as matplotlib's errorbar asks."""
    sides = (rows["value"] - rows["low"], rows["high"] - rows["value"])
    return [side.clip(lower=0).to_numpy() * scale for side in sides]


def legend(axes: "Axes") -> None:
    """The legend above the figure's right side, where it hides nothing."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0.2)


def n_of(counts: "pd.Series[int]") -> str:
    """How many cases stand behind a series, in words."""
    known = counts.dropna()
    if known.empty:
        return "n unknown"
    low, high = int(known.min()), int(known.max())
    return f"n = {low:,}" if low == high else f"n = {low:,} to {high:,}"


def _every_night(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The rows by day; of a nightly measure with a row without values where a night is missing."""
    rows = rows.sort_values(DAY)
    if len(rows) < 2 or rows[DAY].duplicated().any():
        return rows
    if rows[DAY].diff().median() != timedelta(days=1):
        return rows
    return rows.set_index(DAY).asfreq("D").reset_index()

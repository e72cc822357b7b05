"""Picture of the business figures over the last nights."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.economics.measure import OVERALL
from assets.lake import PARTITION
from assets.tables import ECONOMICS

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from assets.lake import Lake
    from assets.spec import UseCaseSpec

NIGHTS = 90

DRAWN = ("expected_value", "realised_value", "night_cost", "automation_rate")

COLUMNS = ("measure", "value", "low", "high", "n", "limit", "detail", PARTITION)


@dataclass(frozen=True)
class Trend:
    """A measure day by day."""

    days: "np.ndarray"  # datetime64[D], every day of the span
    value: "np.ndarray"  # NaN where there is none
    low: "np.ndarray"
    high: "np.ndarray"
    limit: "np.ndarray"
    expected: "np.ndarray"  # of the same cases, where the measure has that


def history(lake: "Lake", spec: "UseCaseSpec", day: date) -> pa.Table:
    """Rows of ``DRAWN``, overall, of the NIGHTS nights up to ``day``: COLUMNS."""
    import pyarrow.dataset as ds

    overall = (ds.field("subject") == OVERALL) & ds.field("measure").isin(DRAWN)
    first = day - timedelta(days=NIGHTS - 1)
    rows = lake.read(spec.name, ECONOMICS, columns=COLUMNS, where=overall, first=first, last=day)
    return rows.sort_by([("measure", "ascending"), (PARTITION, "ascending")])


def trend(rows: pa.Table, measure: str, first: date, last: date) -> Trend:
    """One measure of ``history``, a value for each day from ``first`` to ``last``."""
    import numpy as np

    own = rows.filter(pc.equal(rows.column("measure"), measure))
    days = np.arange(np.datetime64(first), np.datetime64(last) + 1)
    places = np.array([(one - first).days for one in own.column(PARTITION).to_pylist()], dtype=int)

    def numbers(values: "np.ndarray | list[float]") -> "np.ndarray":
        found = np.full(len(days), np.nan)
        found[places] = values
        return found

    said = [json.loads(text).get("expected") for text in own.column("detail").to_pylist()]
    value, low, high, limit = (
        numbers(own.column(column).to_numpy()) for column in ("value", "low", "high", "limit")
    )
    expected = numbers([np.nan if one is None else float(one) for one in said])
    return Trend(days, value, low, high, limit, expected)


def economics_figure(spec: "UseCaseSpec", rows: pa.Table, day: date) -> "Figure":
    """Value expected and realised, cost against the budget, and automation, with their intervals;
    ``rows`` of ``history``. A gap is a night without the figure."""
    from matplotlib.figure import Figure

    from assets.training.plots import INK, ORANGE

    currency, nights = spec.economics.currency, rows.column(PARTITION).unique().to_pylist()
    first = min(nights, default=day)
    value, late, cost, shares = (trend(rows, name, first, day) for name in DRAWN)
    # Fixed places: to find them (constrained layout) takes longer than to draw.
    figure = Figure(figsize=(10, 4.6))
    figure.subplots_adjust(left=0.075, right=0.985, top=0.835, bottom=0.065)
    apart = {"wspace": 0.16, "hspace": 0.34}
    title = f"Value, cost and automation, {len(nights)} nights to {day.isoformat()}"
    figure.text(0.012, 0.955, title, fontsize=12, fontweight="bold", color=INK)
    told = f"n = {_cases(rows, day):,} cases that night; bands are 95 % intervals"
    figure.text(0.012, 0.905, told, fontsize=9, color="#555555")
    (one, two), (three, four) = figure.subplots(2, 2, gridspec_kw=apart)
    _line(one, value, f"expected value of a night, {currency}")
    _line(two, late, f"realised in 28 days, {currency} (dashed: expected of the same)")
    two.plot(late.days, late.expected, color=ORANGE, linewidth=1.4, linestyle="--")
    _line(three, cost, f"cost of a night, {currency} (dashed: budget)")
    three.plot(cost.days, cost.limit, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    three.set_ylim(bottom=0)
    _line(four, shares, "share of cases decided without a person")
    four.set_ylim(0, 1)
    steps = min(3, (day - first).days) or 1
    shown = sorted({first + (day - first) * n // steps for n in range(steps + 1)})
    room = timedelta(hours=12 + 24 * ((day - first).days // 40))
    begin, end = (datetime(one.year, one.month, one.day) for one in (first, day))  # noqa: DTZ001
    for axes in (one, two, three, four):
        axes.set_xticks(shown, [f"{at:%d %b}" for at in shown])
        axes.set_xlim(begin - room, end + room)
    return figure


def _line(axes: "Axes", found: Trend, said: str) -> None:
    import numpy as np

    from assets.training.plots import BLUE, INK

    axes.set_title(said, loc="left", fontsize=9, color="#555555")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    if not np.isfinite(found.value).any():
        axes.text(
            0.5, 0.5, "not known yet", transform=axes.transAxes, ha="center", fontsize=9, color=INK
        )
        axes.set_yticks([])
        return
    if np.nanmax(np.abs(found.value)) > 10:
        axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.fill_between(found.days, found.low, found.high, color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(found.days, found.value, color=BLUE, linewidth=1.4, marker="o", markersize=3)


def _cases(rows: pa.Table, day: date) -> int:
    """Cases of the night itself."""
    own = pc.and_(
        pc.equal(rows.column("measure"), "night_cost"),
        pc.equal(rows.column(PARTITION), pa.scalar(day)),
    )
    return int(pc.sum(rows.filter(own).column("n")).as_py() or 0)

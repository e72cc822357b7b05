"""Picture of a night's decisions: where the scores lie, against the thresholds, and why."""

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.counts import by_reason, summary
from assets.decisions.outcomes import APPROVE, DECLINE, FALLBACK, REFER

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from assets.spec import UseCaseSpec

BARS = 40

REASONS_SHOWN = 12

AXIS = {
    "binary": "score (probability of the positive label)",
    "multiclass": "score (probability of the likeliest class)",
    "regression": "score (predicted value)",
}


def score_histogram(spec: "UseCaseSpec", decisions: pa.Table, day: date) -> "Figure":
    """Histogram of the scores of ``decisions`` by what they advise, with the policy's thresholds,
    and beside it the reasons given, by how many cases each was given for.

    A night no model scored shows no scores, and says so.
    """
    from matplotlib.gridspec import GridSpec

    from assets.training.plots import BLUE, GREY, INK, ORANGE, canvas

    figure, axes = canvas(
        f"Scores and decisions, {day.isoformat()}", _counted(spec, decisions), width=10, height=3.6
    )
    grid = GridSpec(1, 2, figure=figure, width_ratios=(3, 2))
    axes.set_subplotspec(grid[0])
    _draw_reasons(figure.add_subplot(grid[1]), decisions)
    scored = pc.and_(
        pc.fill_null(pc.is_finite(decisions.column("score")), False),
        pc.is_null(decisions.column("fallback")),
    )
    scores = decisions.filter(scored)
    thresholds = _thresholds(spec)
    edges = _edges(spec, scores.column("score"), list(thresholds.values()))
    axes.hist(
        [
            scores.filter(pc.equal(scores.column("advice"), advice)).column("score").to_numpy()
            for advice in (APPROVE, REFER, DECLINE)
        ],
        bins=list(edges),
        stacked=True,
        color=[BLUE, GREY, ORANGE],
        label=["approve", "refer", "advice: decline"],
    )
    for name, threshold in thresholds.items():
        axes.axvline(threshold, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{name} {threshold:g}",
            (threshold, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3),
            textcoords="offset points",
            fontsize=8,
            color=INK,
            rotation=90,
            va="top",
        )
    if not scores.num_rows:
        axes.text(0.5, 0.5, "no scores", transform=axes.transAxes, ha="center", color=INK)
    axes.set(xlabel=AXIS[spec.model.task], ylabel="cases", xlim=(edges[0], edges[-1]))
    axes.legend(loc="upper right", frameon=False, fontsize=9)
    return figure


def _draw_reasons(axes: "Axes", decisions: pa.Table) -> None:
    """A bar for each of the reasons given most often."""
    from assets.training.plots import INK, ORANGE

    shown = list(by_reason(decisions).items())[:REASONS_SHOWN]
    axes.set_title("reasons given", loc="left", fontsize=9, color="#555555")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.8)
    if not shown:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color=INK)
        axes.set(yticks=[], xticks=[])
        return
    axes.barh([name for name, _ in shown], [count for _, count in shown], color=ORANGE)
    axes.invert_yaxis()
    axes.tick_params(labelsize=8)
    axes.set(xlabel="cases")


def _counted(spec: "UseCaseSpec", decisions: pa.Table) -> str:
    counts = summary(decisions)
    told = f"n = {counts['cases']:,}: "
    if counts[FALLBACK]:
        ruled = "".join(
            f"{counts[one]:,} {word} by rule, "
            for one, word in ((APPROVE, "approved"), (DECLINE, "declined"))
            if counts[one]
        )
        return (
            f"{told}no model could be trusted, {ruled}{counts[REFER]:,} referred to people "
            "(fallback)"
        )
    told += f"{counts[APPROVE]:,} approved, {counts[REFER]:,} referred"
    if spec.model.task != "binary":
        return told
    if spec.policy.automatic_decline:
        return f"{told}, {counts[DECLINE]:,} declined"
    return (
        f"{told} ({counts['advised_decline']:,} advised to decline), {counts[DECLINE]:,} declined"
    )


def _thresholds(spec: "UseCaseSpec") -> dict[str, float]:
    """The policy's lines, as they are called in the picture."""
    if spec.model.task == "regression":
        return {}
    if spec.model.task == "multiclass":
        return {"accept from": spec.policy.accept_above}
    return {"approve below": spec.policy.approve_below, "decline above": spec.policy.decline_above}


def _edges(spec: "UseCaseSpec", scores: pa.ChunkedArray, thresholds: list[float]) -> "np.ndarray":
    """Edges of the bars, every threshold among them."""
    import numpy as np

    span = pc.min_max(scores).as_py()
    low, high = span["min"] or 0.0, span["max"] or 0.0
    if spec.model.task == "regression":
        return np.linspace(low, high if high > low else low + 1.0, BARS + 1)
    top = min(1.0, max(high, *thresholds) * 1.08) or 1.0
    edges = np.linspace(0, top, BARS + 1)
    for threshold in thresholds:
        # A bar across a threshold would show cases on the wrong side of its line.
        edges[np.abs(edges - threshold).argmin()] = threshold
    return edges

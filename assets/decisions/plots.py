"""Picture of a night's decisions: where the scores lie, against the thresholds."""

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.policy import APPROVE, DECLINE, FALLBACK, REFER, summary

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from assets.spec import UseCaseSpec

BARS = 40

AXIS = {
    "binary": "score (probability of the positive label)",
    "multiclass": "score (probability of the likeliest class)",
    "regression": "score (predicted value)",
}


def score_histogram(spec: "UseCaseSpec", decisions: pa.Table, day: date) -> "Figure":
    """Histogram of the scores of ``decisions`` by what they advise, with the policy's thresholds.

    A night no model scored shows none, and says so.
    """
    from assets.training.plots import BLUE, GREY, INK, ORANGE, canvas

    figure, axes = canvas(
        f"Scores and decisions, {day.isoformat()}", _counted(spec, decisions), height=3.6
    )
    scored = pc.and_(
        pc.fill_null(pc.is_finite(decisions.column("score")), False),
        pc.not_equal(decisions.column("rule"), FALLBACK),
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


def _counted(spec: "UseCaseSpec", decisions: pa.Table) -> str:
    counts = summary(decisions)
    told = f"n = {counts['cases']:,}: "
    if counts[FALLBACK]:
        return f"{told}no model could be trusted, {counts[REFER]:,} referred to people (fallback)"
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

"""Picture of a night's decisions: where the scores lie, against the thresholds."""

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.policy import APPROVE, DECLINE, REFER, summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from assets.spec import UseCaseSpec

BARS = 40


def score_histogram(spec: "UseCaseSpec", decisions: pa.Table, day: date) -> "Figure":
    """Histogram of the scores of ``decisions`` by what they advise, with both thresholds."""
    import numpy as np

    from assets.training.plots import BLUE, GREY, INK, ORANGE, canvas

    counts = summary(decisions)
    figure, axes = canvas(
        f"Scores and decisions, {day.isoformat()}",
        f"n = {counts['cases']:,}: {counts[APPROVE]:,} approved, {counts[REFER]:,} referred "
        f"({counts['advised_decline']:,} advised to decline), {counts[DECLINE]:,} declined"
        if not spec.policy.automatic_decline
        else f"n = {counts['cases']:,}: {counts[APPROVE]:,} approved, {counts[REFER]:,} referred, "
        f"{counts[DECLINE]:,} declined",
        height=3.6,
    )
    scores = decisions.filter(pc.fill_null(pc.is_finite(decisions.column("score")), False))
    highest = pc.max(scores.column("score")).as_py() or 0.0
    top = min(1.0, max(highest, spec.policy.decline_above) * 1.08) or 1.0
    edges = np.linspace(0, top, BARS + 1)
    for threshold in (spec.policy.approve_below, spec.policy.decline_above):
        # A bar across a threshold would show cases on the wrong side of its line.
        edges[np.abs(edges - threshold).argmin()] = threshold
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
    for threshold, name in (
        (spec.policy.approve_below, "approve below"),
        (spec.policy.decline_above, "decline above"),
    ):
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
    axes.set(xlabel="score (probability of the positive label)", ylabel="cases", xlim=(0, top))
    axes.legend(loc="upper right", frameon=False, fontsize=9)
    return figure

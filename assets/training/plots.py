"""Pictures of a training: ROC, calibration and what the model leans on.

Plain figures without pyplot, so nothing global is touched and no display is needed. Colours are
those of Okabe and Ito, told apart with any colour vision; line styles differ as well.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from assets.training.train import TrainedModel

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
GREY, INK = "#999999", "#333333"
SERIES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))
BINS = 10
"""Groups of equal size in the calibration plot."""

FEATURES_SHOWN = 15


def canvas(
    title: str, subtitle: str, *, width: float = 6.4, height: float = 4.8
) -> "tuple[Figure, Axes]":
    """A figure and its one set of axes in the house style. Sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, fontweight="bold", color=INK)
    axes.set_title(subtitle, loc="left", fontsize=9, color="#555555")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _sample(trained: "TrainedModel") -> str:
    labels = trained.holdout_labels
    return (
        f"holdout from {trained.split_at:%Y-%m-%d} to {trained.last:%Y-%m-%d}, "
        f"n = {len(labels):,}, positives = {int(labels.sum()):,}"
    )


def roc_plot(trained: "TrainedModel") -> "Figure":
    """ROC curve of every candidate on the holdout, the winner named first in bold ink."""
    from sklearn.metrics import roc_curve

    figure, axes = canvas("ROC on the latest data", _sample(trained))
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (2, 3)), label="chance")
    for (colour, style), candidate in zip(SERIES, trained.candidates.values(), strict=False):
        x, y, _ = roc_curve(trained.holdout_labels, candidate.scores)
        chosen = " (chosen)" if candidate.name == trained.winner else ""
        axes.plot(
            x,
            y,
            color=colour,
            linestyle=style,
            linewidth=2,
            label=f"{candidate.name}{chosen}: AUC {candidate.metrics['roc_auc']:.3f}",
        )
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01))
    axes.set_aspect("equal")
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    return figure


def reliability(labels: "np.ndarray", scores: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Mean score and observed rate of up to ``BINS`` groups of equal size, by rising score."""
    import numpy as np

    order = np.argsort(scores, kind="stable")
    groups = [g for g in np.array_split(order, min(BINS, len(order))) if len(g)]
    return (
        np.array([scores[g].mean() for g in groups]),
        np.array([labels[g].mean() for g in groups]),
    )


def calibration_plot(trained: "TrainedModel") -> "Figure":
    """Observed rate against mean score in groups of equal size, for every candidate."""
    figure, axes = canvas("Do the probabilities mean what they say?", _sample(trained))
    top = 0.0
    for (colour, style), candidate in zip(SERIES, trained.candidates.values(), strict=False):
        x, y = reliability(trained.holdout_labels, candidate.scores)
        top = max(top, float(x.max()), float(y.max()))
        chosen = " (chosen)" if candidate.name == trained.winner else ""
        axes.plot(
            x,
            y,
            color=colour,
            linestyle=style,
            linewidth=2,
            marker="o",
            markersize=5,
            label=f"{candidate.name}{chosen}: Brier {candidate.metrics['brier']:.4f}",
        )
    top = min(1.0, top * 1.08)
    axes.plot([0, top], [0, top], color=GREY, linewidth=1, linestyle=(0, (2, 3)), label="ideal")
    axes.set(
        xlabel=f"mean score of the group ({BINS} groups of equal size)",
        ylabel="observed share of positives",
        xlim=(0, top),
        ylim=(0, top),
    )
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    return figure


def importance_plot(trained: "TrainedModel", metric: str) -> "Figure":
    """Permutation importance of the winner: fall of ``metric`` when a feature is shuffled."""
    shown = trained.importance[:FEATURES_SHOWN][::-1]
    left_out = len(trained.importance) - len(shown)
    figure, axes = canvas(
        f"What {trained.winner} leans on",
        f"latest {trained.importance_rows:,} rows of the holdout"
        + (f"; {left_out} smaller features not shown" if left_out else ""),
        height=1.6 + 0.3 * len(shown),
    )
    axes.barh(
        [i.feature for i in shown],
        [i.mean for i in shown],
        xerr=[i.deviation for i in shown],
        color=BLUE,
        ecolor=INK,
        error_kw={"linewidth": 1},
        height=0.65,
    )
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    axes.set(xlabel=f"fall of {metric} when the feature is shuffled")
    return figure

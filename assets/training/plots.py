"""Pictures of a training: what fits its task, and what the model leans on.

Plain figures without pyplot, so nothing global is touched and no display is needed. Colours are
those of Okabe and Ito, told apart with any colour vision; line styles differ as well.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
GREY, INK = "#999999", "#333333"
SERIES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))
"""Of up to four candidates."""

BINS = 10
"""Groups of equal size in the calibration plot."""

FEATURES_SHOWN = 15

CLASSES_NAMED = 12
"""More classes than this, and a confusion matrix has no room for the shares in its cells."""

POINTS_SHOWN = 2000
"""Latest rows in the plot of predicted against actual values: more would be a blot."""


def figures_for(spec: "UseCaseSpec", trained: "TrainedModel") -> "dict[str, Figure]":
    """The pictures that fit the task, by name.

    Binary: ``ROC``, ``calibration``. Multiclass: ``confusion``, ``calibration``. Regression:
    ``predicted``. ``importance`` for all.
    """
    figures: dict[str, Figure] = {}
    if trained.task == "binary":
        figures["ROC"] = roc_plot(trained)
    if trained.task == "multiclass":
        figures["confusion"] = confusion_plot(trained)
    if trained.task == "regression":
        figures["predicted"] = predicted_plot(trained)
    else:
        figures["calibration"] = calibration_plot(trained)
    figures["importance"] = importance_plot(trained, spec.model.metric_name)
    return figures


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
    """Which rows are shown, and how many."""
    positives = f", positives = {int(trained.labels.sum()):,}" if trained.task == "binary" else ""
    rows = f"n = {len(trained.labels):,}{positives}"
    if trained.split_at is None:
        return f"cross-validation, each row by a model that had not seen it, {rows}"
    return f"holdout from {trained.split_at:%Y-%m-%d} to {trained.last:%Y-%m-%d}, {rows}"


def roc_plot(trained: "TrainedModel") -> "Figure":
    """ROC curve of every candidate of a binary task on the evaluation rows."""
    from sklearn.metrics import roc_curve

    figure, axes = canvas("ROC on rows not fitted on", _sample(trained))
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (2, 3)), label="chance")
    for (colour, style), candidate in zip(SERIES, trained.candidates.values(), strict=False):
        x, y, _ = roc_curve(trained.labels, candidate.scores)
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


def top_label(labels: "np.ndarray", scores: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Whether the most probable class was the true one (0/1), and its probability (n,).

    What is calibrated of several classes is mostly this (Guo et al., On Calibration of Modern
    Neural Networks, 2017, section 2).
    """
    return (scores.argmax(axis=1) == labels).astype("int64"), scores.max(axis=1)


def calibration_plot(trained: "TrainedModel") -> "Figure":
    """Observed rate against mean score in groups of equal size, for every candidate.

    Of several classes, the score is the probability of the most probable one.
    """
    several = trained.task == "multiclass"
    figure, axes = canvas("Do the probabilities mean what they say?", _sample(trained))
    low, top = 1.0, 0.0
    for (colour, style), candidate in zip(SERIES, trained.candidates.values(), strict=False):
        labels, scores = trained.labels, candidate.scores
        if several:
            labels, scores = top_label(labels, scores)
        x, y = reliability(labels, scores)
        low, top = (
            min(low, float(x.min()), float(y.min())),
            max(top, float(x.max()), float(y.max())),
        )
        chosen = " (chosen)" if candidate.name == trained.winner else ""
        loss = "log_loss" if several else "brier"
        axes.plot(
            x,
            y,
            color=colour,
            linestyle=style,
            linewidth=2,
            marker="o",
            markersize=5,
            label=f"{candidate.name}{chosen}: {loss} {candidate.metrics[loss]:.4f}",
        )
    low, top = (low * 0.95 if several else 0.0), min(1.0, top * 1.08)
    axes.plot([low, top], [low, top], color=GREY, linewidth=1, linestyle=(0, (2, 3)), label="ideal")
    axes.set(
        xlabel=f"mean score of the group ({BINS} groups of equal size)",
        ylabel="share of classes guessed right" if several else "observed share of positives",
        xlim=(low, top),
        ylim=(low, top),
    )
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    return figure


def confusion_plot(trained: "TrainedModel") -> "Figure":
    """Share of the rows of each true class that the winner calls each class (rows sum to 1)."""
    import numpy as np

    k = len(trained.classes)
    guessed = trained.scores.argmax(axis=1)
    table = np.bincount(trained.labels * k + guessed, minlength=k * k).reshape(k, k)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = 3.2 + 0.55 * min(k, CLASSES_NAMED)
    figure, axes = canvas(
        f"What {trained.winner} takes for what", _sample(trained), width=side + 0.8, height=side
    )
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(visible=False)
    if k <= CLASSES_NAMED:
        for true, said in np.ndindex(k, k):
            colour = "white" if shares[true, said] > 0.5 else INK
            text = f"{shares[true, said]:.2f}"
            axes.text(said, true, text, ha="center", va="center", fontsize=8, color=colour)
    names = [name if len(name) <= 20 else f"{name[:19]}…" for name in trained.classes]
    axes.set_xticks(range(k), names, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(k), names, fontsize=8)
    axes.set(xlabel="class given by the model", ylabel="true class")
    return figure


def predicted_plot(trained: "TrainedModel") -> "Figure":
    """Predicted against actual value of the latest evaluation rows, by the winner."""
    actual, predicted = trained.labels[-POINTS_SHOWN:], trained.scores[-POINTS_SHOWN:]
    figure, axes = canvas(
        f"Predicted against actual, {trained.winner}",
        _sample(trained)
        + (f"; the latest {len(actual):,} shown" if len(actual) < len(trained.labels) else ""),
    )
    ends = [float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))]
    axes.plot(ends, ends, color=GREY, linewidth=1, linestyle=(0, (2, 3)), label="ideal")
    r2, mae = trained.metrics["r2"], trained.metrics["mae"]
    axes.plot(
        actual,
        predicted,
        linestyle="none",
        marker="o",
        markersize=3,
        alpha=0.4,
        color=BLUE,
        label=f"R² {r2:.3f}, mean absolute error {mae:.4g}",
    )
    axes.set(xlabel="actual value", ylabel="predicted value")
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    return figure


def importance_plot(trained: "TrainedModel", metric: str) -> "Figure":
    """Permutation importance of the winner: how much worse ``metric`` is without a feature."""
    shown = trained.importance[:FEATURES_SHOWN][::-1]
    left_out = len(trained.importance) - len(shown)
    figure, axes = canvas(
        f"What {trained.winner} leans on",
        f"{trained.importance_rows:,} rows it was not fitted on"
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
    axes.set(xlabel=f"how much worse {metric} is when the feature is shuffled")
    return figure

"""Figures of scores against labels, and how sure they are.

Every figure is a function of how often each row counts. With every row counted once it is the
figure scikit-learn gives; with the rows drawn again it is one resample of the bootstrap (Efron
and Tibshirani, An Introduction to the Bootstrap, 1993).
"""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from assets.training.evidence import Interval

if TYPE_CHECKING:
    import numpy as np

    from assets.model_spec import Task

    Figures = dict[str, "np.ndarray"]
    Counted = Callable[["np.ndarray"], Figures]

RESAMPLES = 300
"""Of the bootstrap: the ends of a 95 % interval rest on about eight resamples each."""

CONFIDENCE = 0.95

CELLS = 4_000_000
"""Resamples times rows held at once: 32 MB an array."""

WITHOUT_INTERVAL = ("rows", "positives")


def measure(
    task: "Task", labels: "np.ndarray", scores: "np.ndarray", classes: tuple[str, ...] = ()
) -> dict[str, float]:
    """Figures of ``scores`` (as of :func:`assets.training.predict.predict`) against ``labels``.

    ``labels`` are 0/1, class numbers (places in ``classes``), or values. Binary: ``roc_auc``,
    ``average_precision``, ``brier`` (mean squared error of the probability), ``log_loss`` (natural
    logarithm), ``base_rate`` (share of positives), ``mean_score``, ``rows``, ``positives``.
    Multiclass: ``macro_f1`` and ``accuracy`` of the most probable class, ``log_loss``,
    ``recall_<class>`` of each (see :func:`recall_name`), ``rows``. Regression: ``mae``, ``rmse``,
    ``r2``, ``rows``. A figure that cannot be had of these labels is NaN.
    """
    import numpy as np

    figures = counted(task, labels, scores, classes)(np.ones((1, len(labels))))
    return {name: float(values[0]) for name, values in figures.items()}


def recall_name(classes: tuple[str, ...], number: int) -> str:
    """Name of the recall of a class: ``recall_`` and the class, in characters a metric may have.

    Others become ``_`` (MLflow takes letters, digits, ``_-. :/``); where that makes two classes
    alike, the number of the class follows.
    """
    safe = [re.sub(r"[^\w\-. :/]", "_", name) for name in classes]
    twin = safe.count(safe[number]) > 1
    return f"recall_{safe[number]}{f'_{number}' if twin else ''}"


def resampled(
    task: "Task",
    labels: "np.ndarray",
    scores: "np.ndarray",
    classes: tuple[str, ...] = (),
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> "Figures":
    """Each figure of :func:`measure` on ``resamples`` draws of the rows with replacement."""
    import numpy as np

    of = counted(task, labels, scores, classes)
    parts = [of(counts) for counts in draws(len(labels), seed, resamples)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def draws(rows: int, seed: int, resamples: int) -> Iterator["np.ndarray"]:
    """How often each row is drawn in each resample (float64, resamples x rows), in blocks."""
    import numpy as np

    random = np.random.default_rng(seed)
    block = max(1, CELLS // max(rows, 1))
    for start in range(0, resamples, block):
        counts = np.empty((min(block, resamples - start), rows))
        for one in counts:
            one[:] = np.bincount(random.integers(0, rows, rows), minlength=rows)
        yield counts


def intervals(figures: dict[str, float], again: "Figures") -> dict[str, Interval]:
    """Percentile intervals of the figures that have one: those of most resamples are finite."""
    import numpy as np

    found = {}
    tails = (1 - CONFIDENCE) / 2 * 100
    for name, values in again.items():
        finite = values[np.isfinite(values)]
        if name in WITHOUT_INTERVAL or 2 * len(finite) < len(values):
            continue
        low, high = np.percentile(finite, [tails, 100 - tails])
        found[name] = Interval(figures[name], float(low), float(high), CONFIDENCE)
    return found


def standard_error(values: "np.ndarray") -> float:
    """Standard deviation of a figure over the resamples; 0 where it cannot be had."""
    import numpy as np

    finite = values[np.isfinite(values)]
    return float(np.std(finite, ddof=1)) if len(finite) > 1 else 0.0


def counted(
    task: "Task", labels: "np.ndarray", scores: "np.ndarray", classes: tuple[str, ...] = ()
) -> "Counted":
    """The figures as a function of counts (float64, resamples x rows): an array per figure."""
    if task == "binary":
        return _binary(labels, scores)
    if task == "multiclass":
        return _multiclass(labels, scores, classes)
    return _regression(labels, scores)


def _share(part: "np.ndarray", whole: "np.ndarray") -> "np.ndarray":
    """part / whole, NaN where the whole is nothing."""
    import numpy as np

    share: np.ndarray = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
    return share


def _surprise(probabilities: "np.ndarray") -> "np.ndarray":
    """-log p, with p kept from 0 as scikit-learn's log_loss does."""
    import numpy as np

    tiny = float(np.finfo("float64").eps)
    surprise: np.ndarray = -np.log(np.clip(probabilities, tiny, 1 - tiny))
    return surprise


def _binary(labels: "np.ndarray", scores: "np.ndarray") -> "Counted":
    import numpy as np

    order = np.argsort(-scores, kind="stable")
    positive = labels[order].astype("float64")
    # Rows of one score are one point of the curves: only the last of them is looked at.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    squares = (scores - labels) ** 2
    surprise = _surprise(np.where(labels == 1, scores, 1 - scores))

    def figures(counts: "np.ndarray") -> "Figures":
        ranked = counts[:, order]
        true = np.cumsum(ranked * positive, axis=1)[:, ends]
        drawn = np.cumsum(ranked, axis=1)[:, ends]
        false = drawn - true
        positives, rows = true[:, -1], drawn[:, -1]
        gained = np.diff(true, axis=1, prepend=0)
        widths = np.diff(false, axis=1, prepend=0)
        # The trapezium of each step; half of a tie counts.
        area = ((true - gained / 2) * widths).sum(axis=1)
        precision = np.divide(true, drawn, out=np.zeros_like(true), where=drawn > 0)
        return {
            "roc_auc": _share(area, positives * (rows - positives)),
            "average_precision": _share((gained * precision).sum(axis=1), positives),
            "brier": counts @ squares / rows,
            "log_loss": counts @ surprise / rows,
            "base_rate": positives / rows,
            "mean_score": counts @ scores / rows,
            "rows": rows,
            "positives": positives,
        }

    return figures


def _multiclass(labels: "np.ndarray", scores: "np.ndarray", classes: tuple[str, ...]) -> "Counted":
    import numpy as np

    k = scores.shape[1]
    guessed = scores.argmax(axis=1)
    surprise = _surprise(scores[np.arange(len(labels)), labels])
    cell = labels * k + guessed
    order = np.argsort(cell, kind="stable")
    occupied, starts = np.unique(cell[order], return_index=True)
    present = np.union1d(labels, guessed)

    def figures(counts: "np.ndarray") -> "Figures":
        table = np.zeros((len(counts), k * k))
        table[:, occupied] = np.add.reduceat(counts[:, order], starts, axis=1)
        table = table.reshape(-1, k, k)  # resample, true class, guessed class
        right = np.diagonal(table, axis1=1, axis2=2)
        true, said = table.sum(axis=2), table.sum(axis=1)
        rows = true.sum(axis=1)
        both = true + said
        f1 = np.divide(2 * right, both, out=np.zeros_like(both), where=both > 0)
        recall = _share(right, true)
        return {
            "macro_f1": f1[:, present].mean(axis=1),
            "accuracy": right.sum(axis=1) / rows,
            "log_loss": counts @ surprise / rows,
            **{recall_name(classes, c): recall[:, c] for c in range(len(classes))},
            "rows": rows,
        }

    return figures


def _regression(labels: "np.ndarray", scores: "np.ndarray") -> "Counted":
    import numpy as np

    apart = np.abs(scores - labels)
    # About the mean of all rows: the sums of squares lose no digits to a large mean.
    centred = labels - labels.mean()

    def figures(counts: "np.ndarray") -> "Figures":
        rows = counts.sum(axis=1)
        squares = counts @ apart**2
        spread = counts @ centred**2 - (counts @ centred) ** 2 / rows
        return {
            "mae": counts @ apart / rows,
            "rmse": np.sqrt(squares / rows),
            "r2": 1 - _share(squares, spread),
            "rows": rows,
        }

    return figures

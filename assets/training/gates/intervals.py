"""The spec's metric with a confidence interval, and by how much one model beats another.

The figures are those of :mod:`assets.training.measure`, which computes them from how often each
row counts: a resample of the bootstrap is a vector of counts, many are computed at once, and the
resamples of two models are the same rows.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 10 (the bias of a
figure: the mean of the resamples less the figure) and 13 (percentile interval). Intervals are
percentiles less that bias. A row drawn twice stands next to itself in a ranking, which flatters the
average precision of a model in every resample, and that of a constant in none: by plain
percentiles 5 to 15 % of models that guess were surely better than the prior (250 to 2,000 rows, 5
to 25 % positives, 240 to 300 seeds each; nominal 2.5 %), by these 0 to 5 %.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from assets.training.evidence import Interval

if TYPE_CHECKING:
    import numpy as np

    from assets.model_spec import Metric
    from assets.spec import UseCaseSpec

Statistic = Callable[["np.ndarray"], "np.ndarray"]
"""Counts (resamples x rows) in, the figure of every resample out; NaN where it has no value."""

RESAMPLES = 1000
CONFIDENCE = 0.95

IN_UNITS = ("mae", "rmse")
"""Metrics in the units of the label. Limits on them are shares of the value compared with."""


def metric_of(
    spec: "UseCaseSpec", labels: "np.ndarray", scores: "np.ndarray", classes: tuple[str, ...]
) -> Statistic:
    """The spec's metric of these rows as a function of how often each counts."""
    from assets.training.measure import counted

    figures = counted(spec.model.task, labels, scores, classes)
    return lambda counts: figures(counts)[spec.model.metric_name]


def measured(
    spec: "UseCaseSpec", labels: "np.ndarray", scores: "np.ndarray", classes: tuple[str, ...]
) -> float:
    """The spec's metric of the rows; NaN where it has no value, like an AUC of one class."""
    import numpy as np

    return float(metric_of(spec, labels, scores, classes)(np.ones((1, len(labels))))[0])


def interval(
    statistic: Statistic,
    rows: int,
    *,
    seed: int,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> Interval:
    """``statistic`` of ``rows`` rows with its bootstrap interval, percentiles less bias; seeded."""
    import numpy as np

    from assets.training.measure import draws

    value = float(statistic(np.ones((1, rows)))[0])
    again = np.concatenate([statistic(counts) for counts in draws(rows, seed, resamples)])
    known = again[np.isfinite(again)]
    if not known.size:
        return Interval(value, float("nan"), float("nan"), confidence)
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    bias = float(known.mean()) - value if np.isfinite(value) else 0.0
    return Interval(value, float(low) - bias, float(high) - bias, confidence)


def paired_gain(
    spec: "UseCaseSpec",
    labels: "np.ndarray",
    ours: "np.ndarray",
    theirs: "np.ndarray",
    classes: tuple[str, ...],
) -> Interval:
    """How much better ``ours`` is than ``theirs`` on the same rows, with a paired bootstrap.

    The gain is ``sign * (metric(ours) - metric(theirs))``: positive where ours is better, whether
    large or small figures are good. Each resample draws rows once and measures both on them, so
    what makes a row easy or hard for both cancels. Confidence and resamples are those of
    ``model.gates.champion``.
    """
    one = metric_of(spec, labels, ours, classes)
    other = metric_of(spec, labels, theirs, classes)
    limits, sign = spec.model.gates.champion, spec.model.sign
    return interval(
        lambda counts: sign * (one(counts) - other(counts)),
        len(labels),
        seed=spec.model.seed,
        confidence=limits.confidence,
        resamples=limits.resamples,
    )


def unit(metric: "Metric", reference: float) -> float:
    """What a limit on ``metric`` is multiplied by: 1, or the reference where it has units."""
    return abs(reference) if metric in IN_UNITS else 1.0

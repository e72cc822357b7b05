"""What the metrics are likely to be, before any outcome is known.

A calibrated score says how often a case like this turns out positive. So the expected figure on
tonight's cases needs no labels: every case counts as positive as much as its score says, and as
negative for the rest. What follows from another mix of cases is seen the same night. What is not
seen is a change of the world itself (the same case turning out otherwise than it used to): only
matured outcomes show that.

Source: confidence-based performance estimation, Białek et al. (2024), "Estimating model performance
under covariate shift without labels", arXiv:2401.08348.
"""

from typing import TYPE_CHECKING

from assets.training.evidence import Interval

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import UseCaseSpec

RESAMPLES = 200
CONFIDENCE = 0.99
"""Asked every night: at 95 % a sound night in forty would count as a fall."""

MOST = 5000
"""Scores that are looked at; of more a seeded sample, for the interval is narrow by then."""


def estimated_metric(spec: "UseCaseSpec", scores: "np.ndarray") -> Interval | None:
    """The spec's metric as the scores foresee it, with a bootstrap interval at CONFIDENCE.

    ``scores``: calibrated probabilities of the positive label (float64, no nulls). None for a task
    that is not binary, for fewer scores than ``monitoring.performance.min_labels``, and where the
    figure has no value.
    """
    import numpy as np

    from assets.training.measure import counted, draws

    if spec.model.task != "binary" or len(scores) < spec.monitoring.performance.min_labels:
        return None
    if len(scores) > MOST:
        random = np.random.default_rng(spec.model.seed)
        scores = random.choice(np.sort(scores), MOST, replace=False)
    ordered = np.sort(scores)
    rows = len(ordered)
    labels = np.repeat(np.array([1, 0]), rows)
    figures = counted("binary", labels, np.concatenate([ordered, ordered]), ("0", "1"))
    weights = np.concatenate([ordered, 1 - ordered])
    name = spec.model.metric_name
    value = float(figures(weights[None, :])[name][0])
    if not np.isfinite(value):
        return None
    again = np.concatenate(
        [
            figures(np.hstack([counts, counts]) * weights)[name]
            for counts in draws(rows, spec.model.seed, RESAMPLES)
        ]
    )
    low, high = np.nanquantile(again, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(round(value, 6), round(float(low), 6), round(float(high), 6), CONFIDENCE)

"""What the card draws and tabulates, measured on the evaluation rows. Counts and shares, no row."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

Z = 1.959963984540054
"""Normal quantile of a two-sided interval of 95 %."""

GRID = 50
"""Steps of a curve: enough to draw, too few to tell a single case."""

HISTOGRAM = 20


def plain(value: Any) -> Any:
    """``value`` as JSON holds it: numbers of six significant digits, no NaN, sorted keys."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Sequence):
        return [plain(one) for one in value]
    return str(value)


def wilson(hits: int, cases: int) -> dict[str, Any]:
    """A share with its 95 % score interval (Wilson 1927, JASA 22); ``value`` None of no case."""
    if cases == 0:
        return {"cases": 0, "value": None, "low": None, "high": None}
    rate, z2 = hits / cases, Z * Z
    middle = (rate + z2 / (2 * cases)) / (1 + z2 / cases)
    half = Z * math.sqrt(rate * (1 - rate) / cases + z2 / (4 * cases * cases)) / (1 + z2 / cases)
    # At 0 and 1 rounding may leave the share a hair outside its own interval.
    low, high = min(max(0.0, middle - half), rate), max(min(1.0, middle + half), rate)
    return {"cases": cases, "value": rate, "low": low, "high": high}


def mean_interval(values: "np.ndarray") -> dict[str, Any]:
    """A mean with its 95 % interval by the normal approximation; ``value`` None of no value."""
    cases = len(values)
    if cases == 0:
        return {"cases": 0, "value": None, "low": None, "high": None}
    mean = float(values.mean())
    half = Z * float(values.std(ddof=1)) / math.sqrt(cases) if cases > 1 else math.inf
    return {"cases": cases, "value": mean, "low": mean - half, "high": mean + half}


def roc(labels: "np.ndarray", scores: "np.ndarray") -> dict[str, list[float]]:
    """ROC curve of 0/1 labels on an even grid of false positive rates; empty of one class."""
    import numpy as np
    from sklearn.metrics import roc_curve

    if len(np.unique(labels)) < 2:
        return {"x": [], "y": []}
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    grid = np.linspace(0, 1, GRID + 1)
    return {"x": grid.tolist(), "y": np.interp(grid, false, true).tolist()}


def reliability(
    predicted: "np.ndarray", observed: "np.ndarray", bins: int, *, binary: bool
) -> list[dict[str, Any]]:
    """Mean prediction and what was observed, in the bins of the calibration gate, rising.

    ``observed`` is 0/1 (``binary``) or a value. Per bin: ``predicted`` and ``observed`` (with
    interval and ``cases``).
    """
    import numpy as np

    from assets.training.gates.calibration import equal_count_bins

    member = equal_count_bins(predicted, bins)
    found = []
    for number in range(int(member.max()) + 1):
        rows = np.flatnonzero(member == number)
        seen = observed[rows]
        interval = wilson(int(seen.sum()), len(rows)) if binary else mean_interval(seen)
        found.append({"predicted": float(predicted[rows].mean()), "observed": interval})
    return found


def histogram(labels: "np.ndarray", scores: "np.ndarray") -> dict[str, list[Any]]:
    """Cases by score (probability), with and without the outcome, in equal steps of 0..1."""
    import numpy as np

    edges = np.linspace(0, 1, HISTOGRAM + 1)
    return {
        "edges": edges.tolist(),
        "with": np.histogram(scores[labels == 1], edges)[0].tolist(),
        "without": np.histogram(scores[labels == 0], edges)[0].tolist(),
    }


def outcomes(spec: "UseCaseSpec", trained: "TrainedModel") -> list[dict[str, Any]]:
    """What the policy would have done with the evaluation rows, and what came of those cases.

    Binary: rows ``approve``, ``refer``, ``decline`` (as advised by score), each with ``share`` of
    all cases and ``outcome`` (share with label 1). Multiclass: ``accept`` and ``refer``, with the
    share of right classes. A regression has no such thresholds: empty.
    """
    import numpy as np

    labels, scores, policy = trained.labels, trained.scores, spec.policy
    if trained.task == "regression":
        return []
    if trained.task == "binary":
        approve, decline = scores < policy.approve_below, scores > policy.decline_above
        parts = {"approve": approve, "refer": ~approve & ~decline, "decline": decline}
        hits = np.asarray(labels) == 1
    else:
        accepted = scores.max(axis=1) >= policy.accept_above
        parts = {"accept": accepted, "refer": ~accepted}
        hits = scores.argmax(axis=1) == labels
    return [
        {
            "advice": advice,
            "share": wilson(int(mask.sum()), len(labels)),
            "outcome": wilson(int(hits[mask].sum()), int(mask.sum())),
        }
        for advice, mask in parts.items()
    ]


def confusion(trained: "TrainedModel") -> list[dict[str, Any]]:
    """Per class of a multiclass task: cases, and how its cases were classed, ``found`` (recall)
    and ``right`` (precision) with intervals; else empty."""
    import numpy as np

    if trained.task != "multiclass":
        return []
    predicted, labels = trained.scores.argmax(axis=1), np.asarray(trained.labels)
    return [
        {
            "class": name,
            "cases": int((labels == k).sum()),
            "found": wilson(
                int(((labels == k) & (predicted == k)).sum()), int((labels == k).sum())
            ),
            "right": wilson(
                int(((labels == k) & (predicted == k)).sum()), int((predicted == k).sum())
            ),
            "classed_as": [
                int(((labels == k) & (predicted == j)).sum()) for j in range(len(trained.classes))
            ],
        }
        for k, name in enumerate(trained.classes)
    ]

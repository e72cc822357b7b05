"""Does a score mean what it says? The expected calibration error on rows not fitted on.

The error is the mean over bins of ``|mean score - observed rate|``, weighted by the rows of a bin
(Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian
binning"; Guo et al. 2017, "On calibration of modern neural networks"), in bins of equal count
(Nguyen and O'Connor 2015), rows of one score never torn apart. For several classes: of the
likeliest class, its probability against how often it is right (Guo et al. 2017).

As a mean of absolute values the estimate is never zero: a perfectly calibrated model measured on
200 rows in 10 bins shows about 0.08. So the gate decides on the *basic* bootstrap interval,
``2 * estimate - quantiles`` (Davison and Hinkley 1997, section 5.2), which takes the same surplus
off that resampling adds. It fails when the lower end is above the limit. When only the corrected
estimate (``2 * estimate - mean of resamples``) is, the rows cannot tell: insufficient.
"""

from typing import TYPE_CHECKING, Any

from assets.training.evidence import Interval
from assets.training.gates.finding import Finding, told
from assets.training.gates.intervals import CONFIDENCE, RESAMPLES

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

GATE = "training.calibration"


def equal_count_bins(scores: "np.ndarray", bins: int) -> "np.ndarray":
    """Number of the bin (0, 1 ... rising by score) of each row; equal scores share a bin."""
    import numpy as np

    ordered = np.sort(scores)
    edges = np.unique(ordered[(np.arange(1, bins) * len(ordered)) // bins])
    found: np.ndarray = np.searchsorted(edges, scores, side="right")
    return np.unique(found, return_inverse=True)[1]


def calibration_error(
    scores: "np.ndarray",
    happened: "np.ndarray",
    bins: int,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> tuple[float, Interval, list[dict[str, float]]]:
    """The plain estimate, the corrected one with its basic bootstrap interval, and the bins.

    ``scores`` are probabilities, ``happened`` 0/1. Per bin: ``score`` (mean), ``rate``
    (observed), ``rows``. Corrected figures below zero are zero.
    """
    import numpy as np

    from assets.training.measure import draws

    member = equal_count_bins(scores, bins)
    order = np.argsort(member, kind="stable")
    starts = np.flatnonzero(np.diff(member[order], prepend=-1))
    gap = (happened - scores)[order]

    def error(counts: "np.ndarray") -> "np.ndarray":
        # rows of a bin / rows * |mean gap of the bin| is |sum of its gaps| / rows
        gaps = np.add.reduceat(counts[:, order] * gap, starts, axis=1)
        found: np.ndarray = np.abs(gaps).sum(1) / len(scores)
        return found

    estimate = float(error(np.ones((1, len(scores))))[0])
    again = np.concatenate([error(c) for c in draws(len(scores), seed, resamples)])
    low, high = np.quantile(again, [(1 - confidence) / 2, (1 + confidence) / 2])
    corrected = Interval(
        max(0.0, 2 * estimate - float(again.mean())),
        max(0.0, 2 * estimate - float(high)),
        max(0.0, 2 * estimate - float(low)),
        confidence,
    )
    rows = np.bincount(member)
    table = [
        {"score": float(score), "rate": float(rate), "rows": int(count)}
        for score, rate, count in zip(
            np.bincount(member, scores) / rows,
            np.bincount(member, happened) / rows,
            rows,
            strict=True,
        )
    ]
    return estimate, corrected, table


def calibration_gate(spec: "UseCaseSpec", trained: "TrainedModel") -> Finding:
    """Judge the measured scores of the winner. Not for a regression."""
    import numpy as np

    limits = spec.model.gates.calibration
    threshold = {"max_error": limits.max_error, "bins": limits.bins, "min_rows": limits.min_rows}
    if trained.task == "multiclass":
        scores = trained.scores.max(axis=1)
        happened = (trained.scores.argmax(axis=1) == trained.labels).astype("float64")
    else:
        scores, happened = trained.scores, trained.labels.astype("float64")
    figures: dict[str, Any] = {"rows": len(scores)}
    if len(scores) < limits.min_rows:
        return Finding(
            GATE,
            "insufficient",
            f"{spec.name}: {len(scores)} evaluation rows are too few to say whether scores mean "
            f"what they say, gates.calibration.min_rows is {limits.min_rows}. Train again when "
            "more outcomes have matured",
            figures,
            threshold,
        )
    estimate, error, table = calibration_error(scores, happened, limits.bins, seed=spec.model.seed)
    widest = max(table, key=lambda b: b["rows"] * abs(b["score"] - b["rate"]))
    figures |= {
        "error": error,
        "plain_estimate": estimate,
        "mean_score": float(np.mean(scores)),
        "observed_rate": float(np.mean(happened)),
        "bins": table,
    }
    seen = (
        f"{spec.name}: expected calibration error {told(error)} on {len(scores)} rows, allowed "
        f"{limits.max_error:g}"
    )
    if error.value <= limits.max_error:
        return Finding(GATE, "pass", seen, figures, threshold)
    where = (
        f"; most where scores are about {widest['score']:.3g} and {widest['rate']:.3g} was observed"
    )
    if error.low > limits.max_error:
        return Finding(
            GATE,
            "fail",
            f"{seen}{where}. The policy's thresholds would not mean what they say: try "
            "model.calibration sigmoid or isotonic, or look for what changed between the rows "
            "fitted on and these",
            figures,
            threshold,
        )
    return Finding(
        GATE,
        "insufficient",
        f"{seen}{where}. That may be chance: train again when more outcomes have matured, or "
        "approve knowing that",
        figures,
        threshold,
    )

"""Is the challenger no worse than the champion, on outcomes that matured since it came?

Both scored the same cases, so the gain of the one over the other is had with a paired bootstrap:
each resample draws cases once and measures both on them (:mod:`assets.training.gates.intervals`).
It is shown to be no worse when the lower end of the interval is at or above ``-margin`` (the
confidence-interval form of a non-inferiority test: FDA, Non-Inferiority Clinical Trials to
Establish Effectiveness, 2016), and shown to be worse when the upper end is below. In between the
cases cannot tell. Asked every night, until one of the two is shown: a challenger that is worse by
exactly the margin has more than one chance to pass, so the margin is to be one nobody minds.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.model_spec import SMALLER_IS_BETTER, Metric
from assets.release.checks import TOO_FEW_LABELS, Check

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import UseCaseSpec
    from assets.training.evidence import Interval

NAME = "non_inferiority"


def non_inferiority_check(spec: "UseCaseSpec", labelled: pa.Table, scored: int) -> Check:
    """Compare the two on cases with a matured outcome.

    ``labelled``: of :func:`assets.release.matured.matured`, both scores usable. ``scored``: how
    many both scored, matured or not. The metric is ``spec.model.metric``; of several classes always
    ``macro_f1``, since of a case only the likeliest class is on record.
    """
    import numpy as np

    limits, metric = spec.release.non_inferiority, compared_by(spec)
    threshold = {
        "margin": limits.margin,
        "confidence": limits.confidence,
        "resamples": limits.resamples,
        "min_labels": limits.min_labels,
        "insufficient": limits.insufficient,
    }
    rows = labelled.num_rows
    figures: dict[str, Any] = {"metric": metric, "scored": scored, "labels": rows}
    figures[TOO_FEW_LABELS] = rows < limits.min_labels
    if figures[TOO_FEW_LABELS]:
        told = f"{rows} of {scored} cases have a matured outcome, {limits.min_labels} are needed"
        return Check(NAME, "insufficient", told, figures, threshold)
    gain, figures["challenger"], figures["champion"] = _gain(spec, labelled, metric)
    margin = limits.margin * (abs(figures["champion"]) if metric in ("mae", "rmse") else 1.0)
    figures |= {"gain": gain, "margin": margin}
    if not np.isfinite([gain.low, gain.high]).all():
        figures[TOO_FEW_LABELS] = True
        told = f"{metric} has no value on the {rows} matured outcomes, which are all alike"
        return Check(NAME, "insufficient", told, figures, threshold)
    told = (
        f"{metric} {figures['challenger']:.4g} against the champion's {figures['champion']:.4g} on "
        f"{rows} matured outcomes: better by {gain.value:.4g} ({gain.low:.4g} to {gain.high:.4g}; "
        f"negative: worse), allowed down to {-margin:.4g}"
    )
    if gain.low >= -margin:
        return Check(NAME, "pass", told, figures, threshold)
    if gain.high < -margin:
        return Check(NAME, "fail", told, figures, threshold)
    return Check(NAME, "insufficient", f"not shown yet: {told}", figures, threshold)


def compared_by(spec: "UseCaseSpec") -> Metric:
    """The metric the two are compared by."""
    return "macro_f1" if spec.model.task == "multiclass" else spec.model.metric_name


def outcomes(spec: "UseCaseSpec", labelled: pa.Table) -> "tuple[np.ndarray, tuple[str, ...]]":
    """The labels as numbers (0/1, place of the class, or value), and the classes in that order."""
    labels = labelled.column(LABEL)
    if spec.model.task != "multiclass":
        kind = "int64" if spec.model.task == "binary" else "float64"
        return labels.to_numpy().astype(kind), ()
    seen = (labels, labelled.column("prediction"), labelled.column("champion_prediction"))
    names = sorted({str(name) for column in seen for name in pc.unique(column).to_pylist()})
    return pc.index_in(labels, pa.array(names)).to_numpy().astype("int64"), tuple(names)


def _gain(
    spec: "UseCaseSpec", labelled: pa.Table, metric: Metric
) -> "tuple[Interval, float, float]":
    """How much better the challenger is, and the figure of either."""
    import numpy as np

    from assets.training.gates.intervals import interval
    from assets.training.measure import counted

    labels, classes = outcomes(spec, labelled)
    limits, task = spec.release.non_inferiority, spec.model.task
    one = counted(task, labels, _scores(labelled, "", classes), classes)
    other = counted(task, labels, _scores(labelled, "champion_", classes), classes)
    sign = -1 if metric in SMALLER_IS_BETTER else 1
    gain = interval(
        lambda counts: sign * (one(counts)[metric] - other(counts)[metric]),
        len(labels),
        seed=spec.model.seed,
        confidence=limits.confidence,
        resamples=limits.resamples,
    )
    once = np.ones((1, len(labels)))
    return gain, float(one(once)[metric][0]), float(other(once)[metric][0])


def _scores(labelled: pa.Table, whose: str, classes: tuple[str, ...]) -> "np.ndarray":
    """Scores as ``measure`` takes them; of several classes 1 for the likeliest, which is all that
    ``macro_f1`` asks."""
    import numpy as np

    if not classes:
        found: np.ndarray = labelled.column(f"{whose}score").to_numpy()
        return found
    said = pc.index_in(labelled.column(f"{whose}prediction"), pa.array(classes)).to_numpy()
    table = np.zeros((len(said), len(classes)))
    table[np.arange(len(said)), said.astype("int64")] = 1.0
    return table

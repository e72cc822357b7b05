"""The outcomes themselves: how many came, how late, and whether they are what they used to be."""

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL, LABEL_OBSERVED
from assets.performance.matured_cases import labelled
from assets.performance.measure import Measure, of_interval
from assets.release.compared import entity_numbers
from assets.release.rates import design_effect, share_of
from assets.training.evidence import Interval

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import UseCaseSpec

DELAY, RATE, MEAN, SHARE = "label_delay_days", "label_rate", "label_mean", "matured_share"

DAY = 86_400_000_000
"""Microseconds."""

CLASSES = 12
"""Of a multiclass label, the most frequent in training: each has a rate of its own."""


def outcome_measures(
    spec: "UseCaseSpec", cases: pa.Table, trained: pa.ChunkedArray | None, *, confidence: float
) -> list[Measure]:
    """``matured_share``, ``label_delay_days`` (p50, p90) and ``label_rate`` of the cases of a
    window (:func:`~assets.performance.matured_cases.due_cases`), whoever scored them.

    ``trained``: labels of the champion's training set, None without a champion; the rate's detail
    says what they were. Of several classes a rate each (``class=…``), of a regression
    ``label_mean``.
    """
    known = labelled(cases)
    return [
        *_share(cases, confidence),
        *_delay(known, confidence),
        *_rates(spec, known, trained, confidence),
    ]


def _share(cases: pa.Table, confidence: float) -> list[Measure]:
    """Of the cases whose outcome is due, those that have one."""
    if not cases.num_rows:
        why = {"why": "no case of the window has come due yet"}
        return [Measure(SHARE, None, detail=why)]
    there = pc.is_valid(cases.column(LABEL)).to_numpy(zero_copy_only=False)
    found = share_of(there, entity_numbers(cases)).interval(confidence)
    days = pc.min_max(cases.column("event_timestamp"))
    detail = {
        "with_outcome": int(there.sum()),
        "first_case": days["min"].as_py().date().isoformat(),
        "last_case": days["max"].as_py().date().isoformat(),
    }
    return [of_interval(SHARE, found, n=cases.num_rows, detail=detail)]


def _delay(known: pa.Table, confidence: float) -> list[Measure]:
    """Days from the event to the observation of its outcome (of a corrected one, the last)."""
    if not known.num_rows:
        why = {"why": "no outcome was observed yet"}
        return [Measure(DELAY, None, subject, detail=why) for subject in ("p50", "p90")]
    observed, event = (
        pc.cast(known.column(name), pa.int64()).to_numpy()
        for name in (LABEL_OBSERVED, "event_timestamp")
    )
    return [
        of_interval(
            DELAY, quantile_interval((observed - event) / DAY, q, confidence), subject=subject,
            n=known.num_rows,
        )
        for subject, q in (("p50", 0.5), ("p90", 0.9))
    ]  # fmt: skip


def quantile_interval(values: "np.ndarray", q: float, confidence: float) -> Interval:
    """A quantile with the order statistics that enclose it (Conover, Practical Nonparametric
    Statistics, 1999, section 3.2, normal approximation of the binomial)."""
    import numpy as np

    n = len(values)
    ordered = np.sort(values)
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * (n * q * (1 - q)) ** 0.5
    low = ordered[max(0, int(np.floor(n * q - reach)))]
    high = ordered[min(n - 1, int(np.ceil(n * q + reach)))]
    return Interval(float(np.quantile(ordered, q)), float(low), float(high), confidence)


def _rates(
    spec: "UseCaseSpec", known: pa.Table, trained: pa.ChunkedArray | None, confidence: float
) -> list[Measure]:
    if spec.model.task == "regression":
        return [_mean(known, trained, confidence)]
    if spec.model.task == "binary":
        subjects: dict[str, Any] = {"overall": 1}
    else:
        counts = pc.value_counts(trained if trained is not None else known.column(LABEL))
        ranked = sorted(counts.to_pylist(), key=lambda one: (-one["counts"], str(one["values"])))
        subjects = {f"class={one['values']}": one["values"] for one in ranked[:CLASSES]}
    return [_rate(known, name, value, trained, confidence) for name, value in subjects.items()]


def _rate(
    known: pa.Table, subject: str, value: Any, trained: pa.ChunkedArray | None, confidence: float
) -> Measure:
    detail: dict[str, Any] = {"training": None, "training_n": None}
    if trained is not None and len(trained):
        share = pc.mean(pc.cast(pc.equal(trained, value), pa.float64())).as_py()
        detail = {"training": float(share), "training_n": len(trained)}
    if not known.num_rows:
        return Measure(RATE, None, subject, detail={**detail, "why": "no outcome was observed yet"})
    hits = pc.equal(known.column(LABEL), value).to_numpy()
    found = share_of(hits.astype(bool), entity_numbers(known)).interval(confidence)
    return of_interval(RATE, found, subject=subject, n=known.num_rows, detail=detail)


def _mean(known: pa.Table, trained: pa.ChunkedArray | None, confidence: float) -> Measure:
    """With normal ends, wider where values of one entity are alike."""
    detail: dict[str, Any] = {"training": None, "training_n": None}
    if trained is not None and len(trained):
        detail = {"training": float(pc.mean(trained).as_py()), "training_n": len(trained)}
    if known.num_rows < 2:
        return Measure(
            MEAN, None, n=known.num_rows, detail={**detail, "why": "too few outcomes were observed"}
        )
    values = known.column(LABEL).to_numpy()
    effect = design_effect(values, entity_numbers(known))
    error = (float(values.var(ddof=1)) * effect / len(values)) ** 0.5
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * error
    middle = float(values.mean())
    found = Interval(middle, middle - reach, middle + reach, confidence)
    return of_interval(MEAN, found, n=len(values), detail=detail)

"""Is the champion surely worse than it was when it was trained? Limit and verdict of its metric."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.model_spec import METRICS, SMALLER_IS_BETTER
from assets.performance.calibration import ERROR, error_of
from assets.performance.figures import Scored, figures
from assets.performance.measure import (
    CHAMPION,
    FAIL,
    INSUFFICIENT,
    PASS,
    Measure,
    of_interval,
)
from assets.performance.version_figures import WITHOUT_VALUE
from assets.release.non_inferiority import compared_by
from assets.training.evidence import Interval
from assets.training.gates.intervals import unit

if TYPE_CHECKING:
    from assets.release.events import Champion
    from assets.spec import UseCaseSpec

LOOKS = 5
"""Independent looks that a window's nights come to: each sees nearly the same cases as the one
before. What may go wrong by chance is divided by it."""

RESAMPLES = 1000
"""Of the judged metric: the ends of a 99 % interval rest on five of them each."""

MEASURED = 20
"""Cases below which nothing is measured at all."""

FEWEST = 20
"""Cases of the rarer outcome below which a binary metric is not judged: how sure it is could not be
told from so few."""


@dataclass(frozen=True)
class Limit:
    """Where the metric counts as surely worse, and what it was at training."""

    trained: Interval
    limit: float
    margin: float  # in units of the metric
    smaller_is_better: bool

    def beyond(self, found: Interval) -> bool:
        """Does the whole interval lie on the wrong side?"""
        return found.low > self.limit if self.smaller_is_better else found.high < self.limit


def strict(confidence: float) -> float:
    """Confidence of what is judged night after night."""
    return 1 - (1 - confidence) / LOOKS


def limit_of(spec: "UseCaseSpec", champion: "Champion", metric: str) -> Limit | None:
    """The unfavourable end of the training's own interval, less the margin; None where the record
    does not say how good the version was."""
    value = champion.metrics.get(metric)
    if value is None:
        return None
    said: dict[str, Any] = dict(champion.evidence.get("intervals") or {}).get(metric) or {}
    low, high = float(said.get("low", value)), float(said.get("high", value))
    trained = Interval(value, min(low, value), max(high, value))
    margin = spec.monitoring.performance.margin * unit(metric, value)  # type: ignore[arg-type]
    worse_is_more = metric in SMALLER_IS_BETTER
    limit = trained.high + margin if worse_is_more else trained.low - margin
    return Limit(trained, limit, margin, worse_is_more)


def judged(
    spec: "UseCaseSpec",
    scored: Scored,
    limit: Limit | None,
    champion: "Champion",
    cases: Mapping[str, int],
) -> list[Measure]:
    """Every metric of the champion on its matured cases, and (binary) ``calibration_error``. The
    metric it is judged by and the calibration error have a limit, an interval of :func:`strict`
    confidence, and pass, fail or insufficient.

    ``cases`` goes into the detail of the judged one. Of too few cases there may be a figure, but no
    verdict on it.
    """
    limits, metric = spec.monitoring.performance, compared_by(spec)
    confidence = strict(limits.confidence)
    common: dict[str, Any] = {
        "arm": CHAMPION,
        "model_version": champion.version,
        "n": len(scored),
    }
    why = _too_few(spec, scored)
    detail: dict[str, Any] = {**cases, "min_labels": limits.min_labels}
    if limit is not None:
        detail |= {
            "trained": limit.trained.value,
            "trained_low": limit.trained.low,
            "trained_high": limit.trained.high,
            "trained_n": champion.metrics.get("rows"),
            "margin": limit.margin,
        }
    found = {}
    if len(scored) >= MEASURED:
        found = figures(
            scored,
            seed=spec.model.seed,
            confidence=limits.confidence,
            resamples=RESAMPLES,
            of_metric={metric: confidence},
        )
    measured = [_metric(metric, found.get(metric), limit, why, detail, common)]
    for name in METRICS[spec.model.task]:
        if name != metric:
            without = {} if name in found else {"detail": {"why": why or WITHOUT_VALUE}}
            measured.append(_with(name, found.get(name), **common, **without))
    if spec.model.task == "binary":
        error = error_of(spec, scored, confidence=confidence) if found else None
        most = limits.calibration_error
        verdict = FAIL if error is not None and error.low > most else PASS
        measured.append(
            _with(
                ERROR,
                error,
                verdict=INSUFFICIENT if why or error is None else verdict,
                limit=most,
                detail={"min_labels": limits.min_labels, **({"why": why} if why else {})},
                **common,
            )
        )
    return measured


def _metric(
    metric: str,
    found: Interval | None,
    limit: Limit | None,
    why: str,
    detail: Mapping[str, Any],
    common: Mapping[str, Any],
) -> Measure:
    if not why and found is None:
        why = WITHOUT_VALUE
    if not why and limit is None:
        why = "the release record does not say how good the version was at training"
    verdict = INSUFFICIENT
    if not why and limit is not None and found is not None:
        verdict = FAIL if limit.beyond(found) else PASS
    return _with(
        metric,
        found,
        verdict=verdict,
        limit=limit.limit if limit is not None else None,
        detail={**detail, **({"why": why} if why else {})},
        **common,
    )


def _with(measure: str, found: Interval | None, **more: Any) -> Measure:
    if found is None:
        return Measure(measure, None, **more)
    return of_interval(measure, found, **more)


def _too_few(spec: "UseCaseSpec", scored: Scored) -> str:
    """Why the cases are too few to judge by; empty where they are not."""
    needed = spec.monitoring.performance.min_labels
    if len(scored) < needed:
        return f"{len(scored)} matured cases, {needed} are needed"
    if scored.task == "binary" and scored.fewest < FEWEST:
        return f"{scored.fewest} cases of the rarer outcome, {FEWEST} are needed"
    return ""

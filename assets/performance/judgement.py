"""Is the champion surely worse than it was when it was trained? Limit and verdict of its metric.

Two things are uncertain, the figure of tonight's cases and that of the training's rows, and a
window that slides looks at nearly the same cases night after night. So the metric fails when
tonight is worse than at training by more than the margin and what either figure may be off,
tonight's at a confidence for :data:`LOOKS` looks. Told as a limit: the whole interval lies beyond.

Simulated (calibrated scores with an AUC of 0.82, 12 % positives, average precision 0.49; 28 nights
in a row that each look at the 28 days before; 200 runs of each setting): the share of runs in which
a model that never changed failed on any of the 28 nights.

=======================  =====  =====  =====
cases in the window        840  5,600  5,600
rows measured on then    3,000  3,000 20,000
=======================  =====  =====  =====
AP, margin 0.05          1.0 %  0.5 %  0.0 %
AUC, margin 0.05         0.0 %  0.0 %  0.0 %
AP, margin 0.02          1.5 %  2.5 %  1.0 %
AUC, margin 0.02         1.0 %  0.0 %  0.0 %
either, margin 0.00        8 %    7 %    7 %
=======================  =====  =====  =====

With 25 to 27 positives in the window it was 2 to 3 % of an AP at the default margin of 0.05, which
is why fewer than :data:`FEWEST` of the rarer outcome are not judged. By 95 % intervals, and as if
the figure at training were certain, 5 % of the runs failed at the default margin, 33 % without one.

Caught within 28 nights, while the window fills with cases of a model that lost (30 runs, margin
0.05, 3,000 rows at training; median night): of 5,600 cases an AP of 0.39 in 43 % (20), 0.33 in 97 %
(12), 0.26 in 100 % (5); an AUC of 0.73 in 87 % (21), 0.67 in 100 % (11). Of 840 cases an AP of 0.33
in 40 % (20), 0.26 in 100 % (13); an AUC of 0.67 in 93 % (19).

The calibration error is judged by the interval of the training's gate, which takes off what chance
adds to a mean of absolute values: of calibrated scores (200 to 5,600 cases, 12 and 40 % positives)
none of 100 runs failed the default limit of 0.1, of scores with a true error of 0.09 at most 1 %,
with one of 0.16 all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot
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

FEWEST = 30
"""Cases of the rarer outcome below which a binary metric is not judged: how sure it is could not be
told from so few."""


def strict(confidence: float) -> float:
    """Confidence of what is judged night after night."""
    return 1 - (1 - confidence) / LOOKS


@dataclass(frozen=True)
class Trained:
    """What the metric was when the version was trained, and how much worse it may be."""

    figure: Interval  # as the release record has it
    margin: float  # in units of the metric
    smaller_is_better: bool

    def limit(self, found: Interval | None) -> float:
        """Where ``found`` is surely worse: its favourable end must lie beyond.

        The figure less the margin, less what the uncertainty of the figure itself adds: of a
        difference of two estimates the reach is the root of the sum of their squared reaches (Zou
        and Donner 2008, Statistics in Medicine 27:1693-1702), and of that the reach of ``found`` is
        in its own interval already.
        """
        trained, sign = self.figure, -1.0 if self.smaller_is_better else 1.0
        own = theirs = 0.0
        if found is not None:
            own = found.value - found.low if sign < 0 else found.high - found.value
            theirs = trained.high - trained.value if sign < 0 else trained.value - trained.low
        return trained.value - sign * (self.margin + hypot(own, theirs) - own)

    def beyond(self, found: Interval) -> bool:
        """Does the whole interval lie on the wrong side of its limit?"""
        limit = self.limit(found)
        return found.low > limit if self.smaller_is_better else found.high < limit


def trained_figure(spec: "UseCaseSpec", champion: "Champion", metric: str) -> Trained | None:
    """None where the record does not say how good the version was."""
    value = champion.metrics.get(metric)
    if value is None:
        return None
    said: dict[str, Any] = dict(champion.evidence.get("intervals") or {}).get(metric) or {}
    low, high = float(said.get("low", value)), float(said.get("high", value))
    return Trained(
        Interval(value, min(low, value), max(high, value)),
        spec.monitoring.performance.margin * unit(metric, value),  # type: ignore[arg-type]
        metric in SMALLER_IS_BETTER,
    )


def judged(
    spec: "UseCaseSpec",
    scored: Scored,
    trained: Trained | None,
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
    if trained is not None:
        detail |= {
            "trained": trained.figure.value,
            "trained_low": trained.figure.low,
            "trained_high": trained.figure.high,
            "trained_n": champion.metrics.get("rows"),
            "margin": trained.margin,
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
    measured = [_metric(metric, found.get(metric), trained, why, detail, common)]
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
    trained: Trained | None,
    why: str,
    detail: Mapping[str, Any],
    common: Mapping[str, Any],
) -> Measure:
    if not why and found is None:
        why = WITHOUT_VALUE
    if not why and trained is None:
        why = "the release record does not say how good the version was at training"
    verdict = INSUFFICIENT
    if not why and trained is not None and found is not None:
        verdict = FAIL if trained.beyond(found) else PASS
    return _with(
        metric,
        found,
        verdict=verdict,
        limit=trained.limit(found) if trained is not None else None,
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

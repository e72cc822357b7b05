"""How good a version is on matured cases: every metric of the task, and how well calibrated."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.model_spec import METRICS
from assets.performance.calibration import ERROR, error_of
from assets.performance.figures import figures
from assets.performance.measure import INSUFFICIENT, OVERALL, UNJUDGED, Measure, of_interval
from assets.performance.scored_cases import scored_cases

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

SMALLEST = 50
"""Cases below which nothing is measured: an interval would say no more than that."""

FEWEST = 5
"""Cases of the rarer outcome below which a ranking says nothing."""


def version_figures(
    spec: "UseCaseSpec",
    cases: pa.Table,
    *,
    arm: str,
    version: int,
    subject: str = OVERALL,
) -> list[Measure]:
    """The metrics of the task and (binary) ``calibration_error``, not judged.

    ``cases``: ``label``, ``score`` and ``prediction``. Of fewer than SMALLEST cases, or FEWEST of
    the rarer outcome, a slice is ``insufficient`` and anything else has no value and says why.
    """
    _, scored = scored_cases(spec, cases)
    common: dict[str, Any] = {
        "subject": subject, "arm": arm, "model_version": version, "n": len(scored)
    }  # fmt: skip
    names = [*METRICS[spec.model.task], *([ERROR] if spec.model.task == "binary" else [])]
    why = ""
    if len(scored) < SMALLEST:
        why = f"{len(scored)} matured cases, {SMALLEST} are needed"
    elif scored.fewest < FEWEST and scored.task == "binary":
        why = f"{scored.fewest} cases of the rarer outcome, {FEWEST} are needed"
    if why:
        verdict = UNJUDGED if subject == OVERALL else INSUFFICIENT
        return [Measure(n, None, verdict=verdict, detail={"why": why}, **common) for n in names]
    confidence = spec.monitoring.performance.confidence
    found = figures(scored, seed=spec.model.seed, confidence=confidence)
    if scored.task == "binary":
        found[ERROR] = error_of(spec, scored, confidence=confidence)
    return [
        of_interval(name, found[name], **common)
        if name in found
        else Measure(name, None, detail={"why": WITHOUT_VALUE}, **common)
        for name in names
    ]


WITHOUT_VALUE = (
    "has no value on these cases: outcomes are all alike, or of several classes only the likeliest "
    "was recorded"
)

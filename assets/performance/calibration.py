"""Do scores still mean what they say? Error and curve on matured cases."""

from typing import TYPE_CHECKING

import pyarrow as pa

from assets.performance.figures import MOST, RESAMPLES, Scored
from assets.performance.measure import Measure, of_interval
from assets.release.compared import entity_numbers
from assets.release.rates import share_of
from assets.training.evidence import Interval
from assets.training.gates.calibration import calibration_error

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

ERROR, CURVE = "calibration_error", "calibration"

BINS = 10
"""Of the curve: tenths of the score, the same every night."""


def error_of(spec: "UseCaseSpec", scored: Scored, *, confidence: float) -> Interval:
    """Expected calibration error of a binary task, with its interval; at most MOST cases.

    Corrected for what chance alone adds to a mean of absolute values, and judged by the basic
    bootstrap interval, as the training's gate does (:mod:`assets.training.gates.calibration`).
    """
    import numpy as np

    if len(scored) > MOST:
        random = np.random.default_rng(spec.model.seed)
        scored = scored.of(np.sort(random.choice(len(scored), MOST, replace=False)))
    _, error, _ = calibration_error(
        scored.scores,
        scored.labels.astype("float64"),
        spec.model.gates.calibration.bins,
        seed=spec.model.seed,
        resamples=RESAMPLES,
        confidence=confidence,
    )
    return error


def curve(
    cases: pa.Table, scored: Scored, *, confidence: float, arm: str, version: int
) -> list[Measure]:
    """Observed rate in each tenth of the score that has cases, with Wilson's interval (cases of one
    entity count for less, see :mod:`assets.release.rates`); detail: ``predicted``, the mean score.

    ``cases``: those of ``scored``, with ``entity_key``.
    """
    import numpy as np

    tenth = np.minimum((scored.scores * BINS).astype("int64"), BINS - 1)
    entities = entity_numbers(cases)
    found = []
    for place in np.unique(tenth):
        own: np.ndarray = tenth == place
        hits = scored.labels[own] == 1
        rate = share_of(hits, np.unique(entities[own], return_inverse=True)[1])
        found.append(
            of_interval(
                CURVE,
                rate.interval(confidence),
                subject=f"{place / BINS:.1f}-{(place + 1) / BINS:.1f}",
                arm=arm,
                model_version=version,
                n=int(own.sum()),
                detail={"predicted": float(scored.scores[own].mean())},
            )
        )
    return found

"""Is whoever stands beside the champion better? Both on the same matured cases."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.model_spec import SMALLER_IS_BETTER
from assets.performance.figures import gain
from assets.performance.measure import CHALLENGER, Measure, of_interval
from assets.performance.night_scores import with_scores
from assets.performance.scored_cases import scored_cases, usable
from assets.release.non_inferiority import compared_by

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

NAME = "champion_gain"

FEWEST = 50
"""Cases below which nothing is compared."""

MOST = 5_000
"""Cases compared, a seeded sample of more: here each resample is drawn case by case."""


def champion_gain(
    spec: "UseCaseSpec", cases: pa.Table, champion: pa.Table, challenger: pa.Table, version: int
) -> Measure:
    """How much better the challenger ``version`` is, by the metric versions are compared by.

    ``cases``: matured, with ``label``, seen in training by neither; ``champion`` and
    ``challenger``: ``case_key``, ``score`` and ``prediction`` of each. Positive where the
    challenger is better, whether large or small figures are good. The ladder asks the same of all
    cases since training, with a margin; nobody is moved by this figure.
    """
    import numpy as np

    metric = compared_by(spec)
    ours, theirs = with_scores(cases, challenger), with_scores(cases, champion)
    both = pc.and_(usable(spec, ours), usable(spec, theirs))
    ours, theirs = ours.filter(both), theirs.filter(both)
    if ours.num_rows > MOST:
        random = np.random.default_rng(spec.model.seed)
        chosen = pa.array(np.sort(random.choice(ours.num_rows, MOST, replace=False)))
        ours, theirs = ours.take(chosen), theirs.take(chosen)
    rows, detail = ours.num_rows, {"metric": metric}
    common: dict[str, Any] = {"arm": CHALLENGER, "model_version": version, "n": rows}
    if rows < FEWEST:
        why = f"{rows} matured cases scored by both, {FEWEST} are needed"
        return Measure(NAME, None, detail={**detail, "why": why}, **common)
    found = gain(
        scored_cases(spec, ours)[1],
        scored_cases(spec, theirs)[1],
        metric,
        sign=-1 if metric in SMALLER_IS_BETTER else 1,
        seed=spec.model.seed,
        confidence=spec.monitoring.performance.confidence,
    )
    if found is None:
        why = f"{metric} has no value on outcomes that are all alike"
        return Measure(NAME, None, detail={**detail, "why": why}, **common)
    return of_interval(NAME, found, detail=detail, **common)

"""What decisions cost against the best that could have been decided, knowing the outcome.

Of a case whose outcome is known, ``economics`` says what either decision brings: the loss is the
better of the two less the one that was taken, and so 0 or more (the regret of decision theory:
Savage 1951, JASA 46:55-67; Elkan 2001, "The foundations of cost-sensitive learning"). A referred
case is judged by what people decided; one that still waits is left out, and counted.
"""

from statistics import NormalDist
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import APPROVE, DECLINE, REFER
from assets.economics.cases import STAKE, decisions_of, reviews_by
from assets.economics.queue import standings
from assets.economics.value import FINAL, with_final
from assets.features.columns import LABEL
from assets.lake import PARTITION
from assets.performance.matured_cases import taken
from assets.performance.measure import CANARY, CHAMPION, Measure, of_interval
from assets.release.compared import entity_numbers
from assets.release.rates import design_effect
from assets.training.evidence import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import numpy as np

    from assets.lake import Lake
    from assets.monitoring_spec import OutcomeValue
    from assets.performance.night_scores import NightScores
    from assets.spec import UseCaseSpec

NAME = "cost_per_case"

COLUMNS = {
    "case_key": pa.string(),
    "entity_key": pa.string(),
    FINAL: pa.string(),
    STAKE: pa.float64(),
    LABEL: pa.int64(),
}
"""Of a decided case: what became of it, what was at stake, and what happened."""

FEWEST = 30
"""Cases below which a mean gets no interval: a handful of losses is not normal."""


def decided_cases(
    spec: "UseCaseSpec", lake: "Lake", day: "date", cases: pa.Table, nights: "NightScores"
) -> pa.Table | None:
    """The matured ``cases`` (with ``label``) that were decided (``nights``: of their days), with
    COLUMNS. None where the spec says no worth of a case."""
    if spec.economics.approve is None:
        return None
    if not cases.num_rows or not nights.decisions.num_rows:
        return pa.table({name: pa.array([], kind) for name, kind in COLUMNS.items()})
    span = pc.min_max(cases.column(PARTITION)).as_py()
    decisions = decisions_of(lake, spec, (span["min"], span["max"]))
    waits = decisions.filter(pc.equal(decisions.column("decision"), REFER))
    reviews = reviews_by(lake, spec, span["min"], day)
    decisions = with_final(decisions, standings(spec, waits, reviews))
    label = taken(cases.column(LABEL), cases.column("case_key"), decisions.column("case_key"))
    decisions = decisions.append_column(LABEL, label)
    kept = decisions.filter(pc.is_valid(decisions.column(LABEL)))
    return kept.select(list(COLUMNS))


def cost_measures(
    spec: "UseCaseSpec", nights: "NightScores", decided: pa.Table
) -> "Iterator[Measure]":
    """Cost of all that was decided, and of what each version decided in each arm."""
    confidence = spec.monitoring.performance.confidence
    yield cost_per_case(spec, decided, confidence=confidence)
    for arm in (CHAMPION, CANARY):
        rows = nights.of_arm(arm)
        for version in nights.versions(arm):
            own = rows.filter(pc.equal(rows.column("model_version"), version))
            mine = pc.is_in(decided.column("case_key"), own.column("case_key").combine_chunks())
            yield cost_per_case(
                spec,
                decided.filter(mine),
                confidence=confidence,
                subject=f"version={version}",
                arm=arm,
                version=version,
            )


def cost_per_case(
    spec: "UseCaseSpec",
    decided: pa.Table,
    *,
    confidence: float,
    subject: str = "overall",
    arm: str = "",
    version: int | None = None,
) -> Measure:
    """Mean loss of the cases of :func:`decided_cases`, in the currency, with normal ends (wider
    where cases of one entity are alike). Null where there is none."""
    import numpy as np

    loss, waiting = losses(spec, decided)
    known = np.isfinite(loss)
    n = int(known.sum())
    detail = {
        "currency": spec.economics.currency,
        "waiting": waiting,
        "without_value": int(len(loss) - n - waiting),
    }
    if not n:
        detail["why"] = "no decided case of the window has matured with a known worth"
        return Measure(NAME, None, subject, arm, version, detail=detail)
    lost = loss[known]
    mean = float(lost.mean())
    detail |= {"total": float(lost.sum()), "best_missed": int((lost > 0).sum())}
    if n < FEWEST:
        return Measure(NAME, mean, subject, arm, version, n=n, detail=detail)
    effect = design_effect(lost, entity_numbers(decided)[known])
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * (lost.var(ddof=1) * effect / n) ** 0.5
    found = Interval(mean, max(0.0, mean - float(reach)), mean + float(reach), confidence)
    return of_interval(
        NAME, found, subject=subject, arm=arm, model_version=version, n=n, detail=detail
    )


def losses(spec: "UseCaseSpec", decided: pa.Table) -> "tuple[np.ndarray, int]":
    """Loss of each case (NaN where it waits or its worth is unknown), and how many wait."""
    import numpy as np

    stake, label = (
        pc.cast(decided.column(name), pa.float64()).to_numpy() for name in (STAKE, LABEL)
    )
    approved = _worth(spec.economics.approve, stake, label)
    declined = _worth(spec.economics.decline, stake, label)
    final = decided.column(FINAL)
    taken_by = {name: pc.equal(final, name).to_numpy().astype(bool) for name in (APPROVE, DECLINE)}
    got = np.where(taken_by[APPROVE], approved, np.where(taken_by[DECLINE], declined, np.nan))
    waiting = int((~(taken_by[APPROVE] | taken_by[DECLINE])).sum())
    return np.maximum(approved, declined) - got, waiting


def _worth(said: "OutcomeValue | None", stake: "np.ndarray", label: "np.ndarray") -> "np.ndarray":
    """Of declined cases nothing is earned or lost where the spec does not say."""
    good, bad = (0.0, 0.0) if said is None else (said.good, said.bad)
    worth: np.ndarray = stake * (good * (1 - label) + bad * label)
    return worth

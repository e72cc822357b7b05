"""What decisions are worth: by their scores the night they are made, by their outcomes later.

A case decided so is worth ``good`` where the positive outcome does not happen and ``bad`` where it
does, times its stake. A case that waits for a person is worth nothing yet. Declined cases without
``economics.decline`` are worth nothing: no business, no loss.

By the scores, outcomes are independent and happen as often as the (calibrated) scores say: the sum
has the variance of a weighted Poisson binomial, ``sum((stake * (good - bad))^2 * p * (1 - p))``,
and is taken as normal (Lyapunov's theorem; from some thirty cases on it is close). Ends are those
within which 95 of 100 such nights come out, so that a promise can be held against them. What was
realised is summed over the cases, taken as a sample of those the same policy decides: normal ends,
wider where cases of one entity are alike (design effect, see ``assets/release/rates.py``).
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import APPROVE, DECLINE, REFER
from assets.economics.cases import STAKE
from assets.economics.measure import Measure
from assets.features.columns import LABEL
from assets.release.compared import entity_numbers
from assets.release.rates import design_effect
from assets.spec import closes_at

if TYPE_CHECKING:
    import numpy as np

    from assets.monitoring_spec import EconomicsSpec, OutcomeValue
    from assets.spec import UseCaseSpec

DAYS = 28
"""Outcomes that matured within so many days are what was realised of late."""

CONFIDENCE = 0.95
FEWEST = 30
"""Cases below which a sum gets no interval: a handful of outcomes is not normal."""

FINAL = "final"
"""What became of a case: approve | decline, or refer while it waits."""


@dataclass(frozen=True)
class Worth:
    """A sum of money over cases, with its ends."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    detail: dict[str, Any] = field(default_factory=dict)


def matured_span(spec: "UseCaseSpec", day: date) -> tuple[datetime, datetime]:
    """Event times (after the first, up to the second, UTC) whose outcome matured within DAYS days
    of the close of ``day``."""
    newest = closes_at(day) - spec.label.maturity
    return newest - timedelta(days=DAYS), newest


def matured(spec: "UseCaseSpec", day: date, cases: pa.Table) -> pa.Table:
    """Those of the decisions whose event lies in the span."""
    after, newest = matured_span(spec, day)
    events = cases.column("event_timestamp")
    kind = events.type
    within = pc.and_(
        pc.greater(events, pa.scalar(after, kind)), pc.less_equal(events, pa.scalar(newest, kind))
    )
    return cases.filter(pc.fill_null(within, False))


def with_final(cases: pa.Table, stood: pa.Table) -> pa.Table:
    """``cases`` with FINAL: the machine's decision, and of a referred case the person's, once there
    is one. ``stood``: of :func:`~assets.economics.queue.standings`."""
    place = pc.index_in(cases.column("decision_id"), stood.column("decision_id").combine_chunks())
    said = stood.column("outcome").take(place)
    referred = pc.equal(cases.column("decision"), REFER)
    final = pc.if_else(referred, pc.coalesce(said, pa.scalar(REFER)), cases.column("decision"))
    return cases.append_column(FINAL, final)


def expected(economics: "EconomicsSpec", cases: pa.Table) -> Worth:
    """What the decisions are worth by their scores.

    ``cases``: FINAL, ``score`` (probability of the positive outcome, null where nothing may go by
    it) and STAKE. ``n``: cases in the sum, those that wait (at 0) among them. Left out, and counted
    in ``detail``, are automatic decisions without a score or a stake.
    """
    import numpy as np

    if economics.approve is None:
        return Worth(None, detail={"why": "economics.approve says nothing: no case has a value"})
    if not cases.num_rows:
        return Worth(None, detail={"why": "no case"})
    waits = _is(cases, REFER)
    score, stake = _numbers(cases, "score"), _numbers(cases, STAKE)
    known = ~waits & np.isfinite(score) & np.isfinite(stake)
    detail = {
        "approved": int(_is(cases, APPROVE).sum()),
        "declined": int(_is(cases, DECLINE).sum()),
        "referred_at_0": int(waits.sum()),
        "without_score": int((~waits & ~np.isfinite(score)).sum()),
        "without_value": int((~waits & np.isfinite(score) & ~np.isfinite(stake)).sum()),
    }
    if not (known | waits).any():
        why = "no decision of the night has both a score and a value"
        return Worth(None, detail={**detail, "why": why})
    at_stake = np.where(known, stake, 0.0)
    chance = np.where(known, score, 0.0)
    worth = np.zeros(len(chance))
    spread = 0.0
    for decided, said in ((APPROVE, economics.approve), (DECLINE, economics.decline)):
        chosen = _is(cases, decided) & known
        worth[chosen] = _worth(said, chance[chosen], at_stake[chosen])
        if said is not None:
            swing = at_stake[chosen] * (said.good - said.bad)
            spread += float((swing**2 * chance[chosen] * (1 - chance[chosen])).sum())
    return _summed(float(worth.sum()), spread, int((known | waits).sum()), int(known.sum()), detail)


def realised(economics: "EconomicsSpec", due: int, cases: pa.Table) -> Worth:
    """What decisions whose outcome is known were worth, and what their scores had promised.

    ``cases``: FINAL, ``score``, STAKE, ``entity_key`` and LABEL (1: the positive outcome happened),
    all known. ``due``: decisions whose outcome had matured, known or not. ``detail``: ``expected``
    with its ends, of the same decisions as ``realised_of_scored`` (those with a score), and
    ``kept``: whether that lies within the ends; null where nothing is expected.
    """
    import numpy as np

    if economics.approve is None:
        return Worth(None, detail={"why": "economics.approve says nothing: no case has a value"})
    stake = _numbers(cases, STAKE)
    worthless = _is(cases, REFER)
    known = np.isfinite(stake) | worthless
    detail: dict[str, Any] = {
        "matured": due,
        "without_outcome": due - cases.num_rows,
        "without_value": int((~known).sum()),
        "still_waiting_at_0": int(worthless.sum()),
        "days": DAYS,
    }
    if not known.any():
        why = f"no decision has an outcome that matured within {DAYS} days"
        return Worth(None, detail={**detail, "why": why})
    label = _numbers(cases, LABEL)
    worth = np.zeros(len(label))
    for decided, said in ((APPROVE, economics.approve), (DECLINE, economics.decline)):
        chosen = _is(cases, decided) & known
        worth[chosen] = _worth(said, label[chosen], stake[chosen])
    scored = known & (np.isfinite(_numbers(cases, "score")) | worthless)
    promised = expected(economics, cases.filter(pa.array(scored)))
    made = float(worth[scored].sum())
    detail |= {
        "expected": promised.value,
        "expected_low": promised.low,
        "expected_high": promised.high,
        "realised_of_scored": made,
        "scored": int(scored.sum()),
        "kept": None
        if promised.low is None or promised.high is None
        else promised.low <= made <= promised.high,
    }
    worth, entities = worth[known], entity_numbers(cases)[known]
    n = len(worth)
    spread = float(n * worth.var(ddof=1) * design_effect(worth, entities)) if n >= FEWEST else 0.0
    return _summed(float(worth.sum()), spread, n, n, detail)


def measures(economics: "EconomicsSpec", tonight: Worth, of_late: Worth) -> list[Measure]:
    """``expected_value`` and ``realised_value``."""
    return [
        Measure(
            name,
            worth.value,
            low=worth.low,
            high=worth.high,
            n=worth.n,
            detail={**worth.detail, "currency": economics.currency},
        )
        for name, worth in (("expected_value", tonight), ("realised_value", of_late))
    ]


def _summed(value: float, variance: float, n: int, decided: int, detail: dict[str, Any]) -> Worth:
    if decided < FEWEST:
        return Worth(value, n=n, detail=detail)
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * variance**0.5
    return Worth(value, value - reach, value + reach, n, {**detail, "confidence": CONFIDENCE})


def _worth(
    said: "OutcomeValue | None", happened: "np.ndarray", stake: "np.ndarray"
) -> "np.ndarray | float":
    """``happened``: 0 or 1, or how probable it is."""
    if said is None:
        return 0.0
    worth: np.ndarray = stake * (said.good * (1 - happened) + said.bad * happened)
    return worth


def _is(cases: pa.Table, decided: str) -> "np.ndarray":
    equal = pc.fill_null(pc.equal(cases.column(FINAL), decided), False)
    found: np.ndarray = equal.to_numpy().astype(bool)
    return found


def _numbers(cases: pa.Table, column: str) -> "np.ndarray":
    """NaN where there is none."""
    numbers: np.ndarray = pc.cast(cases.column(column), pa.float64()).to_numpy()
    return numbers

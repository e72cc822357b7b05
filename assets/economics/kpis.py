"""A night in business figures: cases, rates, work, cost against the budget, value, the queue."""

from dataclasses import dataclass
from datetime import date, timedelta
from math import isclose
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.counts import summary
from assets.decisions.outcomes import APPROVE, REFER
from assets.economics import compute, queue, review_work, value
from assets.economics.cases import decisions_of, in_span, reviews_by, with_label
from assets.economics.measure import FAIL, INSUFFICIENT, PASS, UNJUDGED, Measure
from assets.release.compared import entity_numbers
from assets.release.rates import share_of
from assets.spec import closes_at
from assets.tables import DECISIONS

if TYPE_CHECKING:
    from assets.economics.compute import Bill
    from assets.economics.review_work import ReviewWork
    from assets.lake import Lake
    from assets.monitoring_spec import EconomicsSpec
    from assets.spec import UseCaseSpec

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Night:
    """What is known of a night at its close; economics follows from nothing else but its bill."""

    day: date
    decisions: pa.Table  # of ``decisions_of``, with FINAL
    work: "ReviewWork"
    waiting: queue.Waiting
    due: int  # decisions whose outcome matured within value.DAYS days
    matured: pa.Table  # those of them whose outcome is known, with it


def read_night(lake: "Lake", spec: "UseCaseSpec", day: date) -> Night:
    """Decisions, reviews and outcomes as of the close of ``day``."""
    after, newest = value.matured_span(spec, day)
    tonight, of_late = (day, day), (after.date(), min(newest.date(), day))
    back = (day - timedelta(days=queue.BACK), day)
    found = decisions_of(lake, spec, tonight, of_late, referred=back)
    reviews = reviews_by(lake, spec, min(after.date(), back[0]), day)
    # Of what waited longer than the queue looks back it is still asked what became of it.
    referred = found.filter(pc.equal(found.column("decision"), REFER))
    settled = queue.standings(spec, referred, reviews)
    stood = in_span(settled, back)
    decisions = value.with_final(in_span(found, tonight), settled)
    earlier = value.matured(spec, day, in_span(found, of_late))
    known = with_label(lake, spec, value.with_final(earlier, settled), closes_at(day))
    automatic = decisions.num_rows - int(
        pc.sum(pc.equal(decisions.column("decision"), REFER)).as_py() or 0
    )
    return Night(
        day,
        decisions,
        review_work.review_work(spec, day, automatic, stood, reviews),
        queue.waiting(spec, day, stood, known=lake.exists(spec.name, DECISIONS)),
        earlier.num_rows,
        known,
    )


def measures(spec: "UseCaseSpec", night: Night, bill: "Bill") -> list[Measure]:
    """Every row of the table ``economics`` of a night."""
    said = spec.economics
    cases = night.decisions.num_rows
    expected = value.expected(said, night.decisions)
    return [
        *rates(night.decisions),
        *compute.measures(said, bill, cases),
        *review_work.measures(said, night.work),
        night_cost(said, night.decisions, night.work, bill),
        *value.measures(said, expected, value.realised(said, night.due, night.matured)),
        *queue.measures(spec, night.waiting),
    ]


def rates(decisions: pa.Table) -> list[Measure]:
    """``cases``, and ``approval_rate``, ``referral_rate`` and ``automation_rate`` (the share that
    was not referred) with Wilson's interval at 95 %, as of so many independent cases as the cases
    of an entity are worth."""
    counts = summary(decisions)
    cases = counts.pop("cases")
    found = [Measure("cases", float(cases), n=cases, detail=counts)]
    referred = pc.equal(decisions.column("decision"), REFER)
    for name, holds in (
        ("approval_rate", pc.equal(decisions.column("decision"), APPROVE)),
        ("referral_rate", referred),
        ("automation_rate", pc.invert(referred)),
    ):
        if not cases:
            found.append(Measure(name, None, n=0, detail={"why": "no case tonight"}))
            continue
        share = share_of(holds.to_numpy().astype(bool), entity_numbers(decisions))
        ends = share.interval(CONFIDENCE)
        detail = {"confidence": CONFIDENCE, "independent_cases": float(share.rows)}
        found.append(
            Measure(name, ends.value, low=ends.low, high=ends.high, n=cases, detail=detail)
        )
    return found


def night_cost(
    economics: "EconomicsSpec", decisions: pa.Table, work: "ReviewWork", bill: "Bill"
) -> Measure:
    """Compute of the night so far and review of its decisions, against ``night_budget``.

    Without a budget nothing judges it. Without a decision, or while the compute could not be
    measured and the rest keeps the budget, what is known is not enough to say that it is kept.
    """
    machine, people = bill.cost(economics), work.cost(economics)
    cost, budget, cases = (machine or 0.0) + people, economics.night_budget, decisions.num_rows
    detail = {
        "compute": machine,
        "review": people,
        "referred": work.cases,
        "fallback": int(pc.sum(pc.is_valid(decisions.column("fallback"))).as_py() or 0),
        "reviews": work.done + work.expected + work.blind,
        "minutes_each": economics.review_minutes,
        "per_case": cost / cases if cases else None,
        "currency": economics.currency,
    }
    if budget is None:
        verdict = UNJUDGED
    elif cost > budget and not isclose(cost, budget):  # the last digits of a float are no money
        verdict = FAIL
    else:
        verdict = PASS if cases and machine is not None else INSUFFICIENT
    if not cases:
        detail["why"] = "nothing was decided that night"
    return Measure("night_cost", cost, n=cases, limit=budget, verdict=verdict, detail=detail)

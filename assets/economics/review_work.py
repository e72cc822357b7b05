"""What reviewers did, and what is still asked of them, in minutes and money.

A review takes ``economics.review_minutes``. A case that waits is expected to need as many reviews
as its advice says (``review.second_review``): where a decline must be confirmed, two if the machine
advises to decline and else one. People may see it otherwise, and a third voice where two disagree
is not foreseen.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import DECLINE
from assets.economics.measure import OVERALL, Measure
from assets.lake import PARTITION
from assets.reviews.standing import BLIND, DECIDED
from assets.spec import closes_at

if TYPE_CHECKING:
    from assets.monitoring_spec import EconomicsSpec
    from assets.spec import UseCaseSpec

DONE, WAITING = "done", "waiting"
"""Subjects beside ``overall`` (what tonight's decisions ask for): reviews made on the day itself,
whatever night their cases are of; and all that waited at its close, tonight's among it."""

HOUR = 60.0


@dataclass(frozen=True)
class ReviewWork:
    """Reviews of a night. Expected ones are parts of a review: a share of a sample is."""

    cases: int  # referred tonight
    done: int  # of tonight's decisions, by the close
    expected: float  # of tonight's referrals that wait
    blind: float  # of the blind sample of tonight's automatic decisions, expected
    done_today: int  # on the day, of whatever night
    waiting_cases: int
    waiting: float  # expected of all that waits at the close

    def minutes(self, economics: "EconomicsSpec") -> float:
        """What tonight's decisions take of reviewers."""
        return (self.done + self.expected + self.blind) * economics.review_minutes

    def cost(self, economics: "EconomicsSpec") -> float:
        """The same in money."""
        return priced(economics, self.minutes(economics))


def priced(economics: "EconomicsSpec", minutes: float) -> float:
    """Reviewers' minutes in money."""
    return minutes / HOUR * economics.reviewer_hour


def review_work(
    spec: "UseCaseSpec", day: date, automatic: int, stood: pa.Table, reviews: pa.Table
) -> ReviewWork:
    """The work of a night, as of its close.

    ``automatic``: cases the machine decided tonight. ``stood``: referred cases of
    :func:`~assets.economics.queue.standings`, with ``advice`` and the day. ``reviews``: REVIEWED.
    """
    tonight = stood.filter(pc.equal(stood.column(PARTITION), pa.scalar(day)))
    own = reviews.filter(pc.equal(reviews.column(PARTITION), pa.scalar(day)))
    seen = int(pc.sum(pc.equal(own.column("kind"), BLIND)).as_py() or 0)
    begin = pa.scalar(closes_at(day) - timedelta(days=1), reviews.schema.field("at").type)
    left = stood.filter(pc.not_equal(stood.column("state"), DECIDED))
    return ReviewWork(
        cases=tonight.num_rows,
        done=own.num_rows,
        expected=expected_reviews(spec, tonight),
        blind=max(0.0, spec.review.blind_sample * automatic - seen),
        done_today=int(pc.sum(pc.greater_equal(reviews.column("at"), begin)).as_py() or 0),
        waiting_cases=left.num_rows,
        waiting=expected_reviews(spec, left),
    )


def expected_reviews(spec: "UseCaseSpec", stood: pa.Table) -> float:
    """Reviews that cases (``state``, ``voices``, ``advice``) still need: at least one each, none of
    the decided ones."""
    left = stood.filter(pc.not_equal(stood.column("state"), DECIDED))
    if spec.review.second_review == "declines":
        doubted = pc.fill_null(pc.equal(left.column("advice"), DECLINE), False)
        # Whoever waits for a second voice after a first one was declined by it.
        heard = pc.greater(left.column("voices"), 0)
        needed: Any = pc.if_else(pc.or_(doubted, heard), 2, 1)
    else:
        voices = 2 if spec.review.second_review == "always" else 1
        needed = pa.chunked_array([pa.repeat(voices, left.num_rows)])
    missing = pc.max_element_wise(
        pc.subtract(pc.cast(needed, pa.int64()), left.column("voices")), 1
    )
    return float(pc.sum(missing).as_py() or 0)


def measures(economics: "EconomicsSpec", work: ReviewWork) -> list[Measure]:
    """``review_minutes`` and ``review_cost``: overall, done, waiting."""
    each = economics.review_minutes
    overall = {
        "reviews_done": work.done,
        "reviews_expected": work.expected + work.blind,
        "blind_expected": work.blind,
        "minutes_each": each,
    }
    parts: list[tuple[str, float, int, dict[str, Any]]] = [
        (OVERALL, work.minutes(economics), work.cases, overall),
        (DONE, work.done_today * each, work.done_today, {"reviews_done": work.done_today}),
        (
            WAITING,
            work.waiting * each,
            work.waiting_cases,
            {"reviews_expected": work.waiting, "minutes_each": each},
        ),
    ]
    found = []
    for subject, minutes, n, detail in parts:
        found.append(Measure("review_minutes", minutes, subject, n=n, detail=detail))
        money = {**detail, "currency": economics.currency}
        cost = priced(economics, minutes)
        found.append(Measure("review_cost", cost, subject, n=n, detail=money))
    return found

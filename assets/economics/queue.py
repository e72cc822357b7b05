"""What waited for people at the close of a night, from the lake's decisions and reviews alone.

The desk's own index says what waits now; this is what waited then, the same whenever it is asked.
Referred cases only: a case of the blind sample is decided already and keeps nobody waiting. (The
desk's list has both, so that nobody can tell them apart.)
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import APPROVE, DECLINE, REFER
from assets.economics.measure import FAIL, INSUFFICIENT, PASS, Measure
from assets.lake import PARTITION
from assets.reviews.queue_ages import by_age
from assets.reviews.queue_rows import grouped
from assets.reviews.standing import (
    BLIND,
    DECIDED,
    FIRST,
    OPEN,
    SECOND_AWAITED,
    standing,
    voices_of,
)
from assets.spec import closes_at

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

BACK = 120
"""Days: what has waited longer is not looked at any more."""


@dataclass(frozen=True)
class Waiting:
    """Referred cases that waited at the close of ``day``."""

    day: date
    cases: int  # referred within BACK days
    open: pa.Table  # of ``standings``, without the decided ones
    overdue: int
    oldest: date | None  # night of the case that has waited longest
    known: bool = True  # False: nothing was ever decided, so nothing can be said


def standings(spec: "UseCaseSpec", referred: pa.Table, reviews: pa.Table) -> pa.Table:
    """``referred`` (``decision_id``, ``revision``) with what stands for each by these reviews.

    Adds ``state`` (open | second awaited | decided), ``outcome`` (approve | decline, null until
    decided) and ``voices`` (int64: reviewers heard, of this revision).
    """
    import numpy as np

    rows, ids = referred.num_rows, referred.column("decision_id")
    state = np.full(rows, OPEN, dtype=object)
    outcome, voices = np.full(rows, None, dtype=object), np.zeros(rows, dtype="int64")
    counts = reviews.group_by("decision_id", use_threads=False).aggregate([([], "count_all")])
    again = counts.filter(pc.greater(counts.column("count_all"), 1)).column("decision_id")
    several = pc.is_in(reviews.column("decision_id"), again.combine_chunks())
    # Of most cases one person said one thing: all who said it stand alike.
    once = reviews.filter(pc.invert(several))
    place = pc.index_in(ids, once.column("decision_id").combine_chunks())
    heard = pc.fill_null(pc.equal(once.column("revision").take(place), referred["revision"]), False)
    voices[heard.to_numpy()] = 1
    mine = pc.and_(heard, pc.not_equal(once.column("kind").take(place), BLIND))
    for said in (APPROVE, DECLINE):
        alike = pc.and_(mine, pc.equal(once.column("outcome").take(place), said))
        chosen = pc.fill_null(alike, False).to_numpy().astype(bool)
        review = {"kind": FIRST, "revision": 1, "reviewer": "", "outcome": said, "sequence": 1}
        found = standing(spec, {"decision": REFER, "revision": 1}, [{**review, "at": None}])
        state[chosen], outcome[chosen] = found.state, found.outcome
    by_decision = grouped(reviews.filter(several).to_pylist())
    places = pc.indices_nonzero(pc.is_in(ids, again.combine_chunks()).combine_chunks())
    looked_at = referred.select(["decision_id", "revision"]).take(places).to_pylist()
    for number, row in zip(places.to_pylist(), looked_at, strict=True):
        own = by_decision[row["decision_id"]]
        found = standing(spec, {"decision": REFER, "revision": row["revision"]}, own)
        state[number], outcome[number] = found.state, found.outcome
        voices[number] = len(voices_of({"revision": row["revision"]}, own))
    referred = referred.append_column("state", pa.array(state, pa.string()))
    referred = referred.append_column("outcome", pa.array(outcome, pa.string()))
    return referred.append_column("voices", pa.array(voices))


def waiting(spec: "UseCaseSpec", day: date, stood: pa.Table, *, known: bool = True) -> Waiting:
    """What waited at the close of ``day``; ``stood``: of ``standings``, with the day column."""
    close = closes_at(day)
    left = stood.filter(pc.not_equal(stood.column("state"), DECIDED))
    overdue = sum(
        count
        for night, count in _by_night(left)
        if closes_at(night) + spec.review.due_after < close
    )
    oldest = pc.min(left.column(PARTITION)).as_py()
    return Waiting(day, stood.num_rows, left, overdue, oldest, known)


def measures(spec: "UseCaseSpec", found: Waiting) -> list[Measure]:
    """``queue_open``, ``queue_overdue`` (judged by ``monitoring.overdue_cases``) and
    ``queue_oldest_days`` (since the close of its night)."""
    limit, rows = spec.monitoring.overdue_cases, found.open.num_rows
    close = closes_at(found.day)
    ages = by_age([(night.isoformat(), count) for night, count in _by_night(found.open)], close)
    second = int(pc.sum(pc.equal(found.open.column("state"), SECOND_AWAITED)).as_py() or 0)
    detail: dict[str, Any] = {"as_of": close.isoformat(), "back_days": BACK}
    if not found.known:
        detail["why"] = "nothing was decided yet"
        return [
            Measure("queue_open", None, n=0, detail=detail),
            Measure("queue_overdue", None, n=0, limit=limit, verdict=INSUFFICIENT, detail=detail),
            Measure("queue_oldest_days", None, n=0, detail=detail),
        ]
    verdict = FAIL if found.overdue > limit else PASS
    days = (close - closes_at(found.oldest)) / timedelta(days=1) if found.oldest else 0.0
    since = found.oldest.isoformat() if found.oldest else None
    return [
        Measure(
            "queue_open",
            float(rows),
            n=rows,
            detail={
                **detail,
                "by_age": ages,
                "second_awaited": second,
                "referred": found.cases,
            },
        ),
        Measure(
            "queue_overdue",
            float(found.overdue),
            n=rows,
            limit=limit,
            verdict=verdict,
            detail={**detail, "due": spec.review.due},
        ),
        Measure("queue_oldest_days", days, n=rows, detail={**detail, "night": since}),
    ]


def _by_night(cases: pa.Table) -> list[tuple[date, int]]:
    """Nights and their cases, by night."""
    counts = pc.value_counts(cases.column(PARTITION)).to_pylist()
    return sorted((one["values"], int(one["counts"])) for one in counts)

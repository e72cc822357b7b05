"""How often people decide otherwise than the machine, how long they take, and what waits."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.policy import APPROVE, DECLINE
from assets.lake import PARTITION
from assets.reviews.queue import Queue, QueueCounts
from assets.reviews.standing import BLIND
from assets.tables import REVIEWS, REVIEWS_SCHEMA
from assets.training.card.measures import wilson

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


COLUMNS = (*("kind", "outcome", "machine", "reviewer", "at"), PARTITION)


@dataclass(frozen=True)
class Share:
    """How many of how many, with the 95 % score interval (Wilson 1927, JASA 22)."""

    hits: int
    of: int
    share: float | None  # None of nothing
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Work:
    """What one reviewer, or all of them, did."""

    reviewer: str | None  # None: all
    reviews: int  # blind ones not among them
    overridden: Share  # of reviews of cases on which the machine had an opinion
    blind: Share  # of blind reviews, those that agree with the machine
    median_hours: float | None  # from the close of the night to the review


@dataclass(frozen=True)
class Overrides:
    """The desk, measured."""

    use_case: str
    first: date | None
    last: date | None
    overall: Work
    reviewers: tuple[Work, ...]  # by name
    backlog: QueueCounts


def overrides(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    *,
    now: datetime,
    first: date | None = None,
    last: date | None = None,
) -> Overrides:
    """Reviews of decisions of the business days first..last, and what waits at ``now`` (UTC).

    Brings the queue up to date first. Raises QueueError.
    """
    queue = Queue(home)
    queue.refresh(lake, spec)
    schema = REVIEWS_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    rows = schema.empty_table().select(COLUMNS)
    if lake.exists(spec.name, REVIEWS):
        rows = lake.read(spec.name, REVIEWS, columns=COLUMNS, first=first, last=last)
    names = sorted(pc.unique(rows.column("reviewer")).to_pylist())
    return Overrides(
        use_case=spec.name,
        first=first,
        last=last,
        overall=work(rows, None),
        reviewers=tuple(
            work(rows.filter(pc.equal(rows.column("reviewer"), name)), name) for name in names
        ),
        backlog=queue.counts(spec.name, now),
    )


def work(reviews: pa.Table, reviewer: str | None) -> Work:
    """What these reviews (REVIEWS_SCHEMA with the day column) come to.

    A case on which the machine had no opinion (advice 'refer') cannot be overridden.
    """
    blind = pc.equal(reviews.column("kind"), BLIND)
    sampled, own = reviews.filter(blind), reviews.filter(pc.invert(blind))
    opinion = pc.is_in(own.column("machine"), pa.array([APPROVE, DECLINE]))
    advised = own.filter(opinion)
    return Work(
        reviewer=reviewer,
        reviews=own.num_rows,
        overridden=_share(pc.not_equal(advised.column("outcome"), advised.column("machine"))),
        blind=_share(pc.equal(sampled.column("outcome"), sampled.column("machine"))),
        median_hours=_median_hours(own),
    )


def _share(holds: pa.ChunkedArray) -> Share:
    hits, of = int(pc.sum(holds).as_py() or 0), len(holds)
    found = wilson(hits, of)
    return Share(hits, of, found["value"], found["low"], found["high"])


def _median_hours(reviews: pa.Table) -> float | None:
    """From the midnight at which the day closed to the review."""
    import numpy as np

    if not reviews.num_rows:
        return None
    at = reviews.column("at").cast(pa.timestamp("us")).to_numpy()
    closed = reviews.column(PARTITION).to_numpy().astype("datetime64[D]") + np.timedelta64(1, "D")
    return float(np.median((at - closed) / np.timedelta64(1, "h")))

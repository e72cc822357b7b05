"""Rows of the queue's index, made of a day's decisions and reviews."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.policy import REFER
from assets.reviews.blind import blind_key, blind_sample, hidden_place
from assets.reviews.standing import BLIND, DECIDED, OPEN, standing, voices_of
from assets.spec import closes_at

if TYPE_CHECKING:
    from assets.home import Home
    from assets.spec import UseCaseSpec

COLUMNS = (
    "decision_id",
    "revision",
    "case_key",
    "event_timestamp",
    "decision",
    "overflow",
    "value_at_risk",
    "score",
)
"""Of DECISIONS_SCHEMA, that the queue is made of."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Entry = tuple[Any, ...]
"""A row of the table ``cases``, in the order of its columns."""


def entries(
    home: "Home", spec: "UseCaseSpec", day: date, decisions: pa.Table, reviews: pa.Table
) -> list[Entry]:
    """What of a day's decisions (``COLUMNS``) belongs into the queue: the referred cases and the
    blind sample. ``reviews``: of the day, REVIEWS_SCHEMA."""
    referred = pc.equal(decisions.column("decision"), REFER)
    waiting = _with_order(decisions.filter(referred))
    automatic = decisions.filter(pc.invert(referred))
    sampled = automatic.filter(blind_sample(home, spec, automatic.column("decision_id")))
    by_decision = grouped(reviews.to_pylist())
    due = micros(closes_at(day) + spec.review.due_after)
    found = _entries(spec, day, due, waiting, by_decision, blind=0)
    if sampled.num_rows:
        sampled = _among(blind_key(home), sampled, waiting)
        found += _entries(spec, day, due, sampled, by_decision, blind=1)
    return found


def progress(
    spec: "UseCaseSpec", decision: Mapping[str, Any], reviews: Sequence[Mapping[str, Any]]
) -> Entry:
    """``closed, state, reviews, voices, outcome, decided_by, decided_at`` of a case.

    ``decision`` has ``revision`` and ``blind``. A blind case is open until it is reviewed once.
    """
    voices = "".join(f"|{name}" for name in voices_of(decision, reviews))
    said = f"{voices}|" if voices else ""
    if not decision["blind"]:
        found = standing(spec, {**decision, "decision": REFER}, reviews)
        at = micros(found.at) if found.at else None
        closed = int(found.state == DECIDED)
        by = ",".join(found.by)
        return closed, found.state, len(reviews), said, found.outcome, by, at
    same = [
        r
        for r in sorted(reviews, key=lambda row: int(row["sequence"]))
        if r["kind"] == BLIND and int(r["revision"]) == int(decision["revision"])
    ]
    if not same:
        return 0, OPEN, len(reviews), said, None, "", None
    first = same[0]
    at = micros(first["at"])
    return 1, DECIDED, len(reviews), said, first["outcome"], first["reviewer"], at


def grouped(reviews: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Reviews by decision id."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in reviews:
        found[str(row["decision_id"])].append(row)
    return found


def micros(at: datetime) -> int:
    """Microseconds since 1970, UTC."""
    return (at - EPOCH) // timedelta(microseconds=1)


def time_of(at: int) -> datetime:
    """The other way round."""
    return EPOCH + timedelta(microseconds=at)


def _with_order(cases: pa.Table) -> pa.Table:
    """The columns ``over``, ``risk`` and ``doubt`` as the index has them."""
    columns = {
        "over": pc.fill_null(cases.column("overflow"), False).cast(pa.int64()),
        "risk": _negated(cases.column("value_at_risk")),
        "doubt": _negated(cases.column("score")),
    }
    for name, column in columns.items():
        cases = cases.append_column(name, column)
    return cases


def _negated(column: pa.ChunkedArray) -> pa.ChunkedArray:
    finite = pc.fill_null(pc.is_finite(column), False)
    return pc.if_else(finite, pc.negate(column), pa.scalar(math.inf, pa.float64()))


def _among(key: bytes, sampled: pa.Table, waiting: pa.Table) -> pa.Table:
    """The blind cases, each with the order of some referral of the night."""
    order = waiting.select(["over", "risk", "doubt"])
    if not order.num_rows:
        nothing = {"over": [0], "risk": [math.inf], "doubt": [math.inf]}
        order = pa.table(nothing, schema=order.schema)
    order = order.sort_by([(name, "ascending") for name in order.column_names])
    places = [hidden_place(key, one) for one in sampled.column("decision_id").to_pylist()]
    chosen = order.take(pa.array([int(place * order.num_rows) for place in places], pa.int64()))
    for name in order.column_names:
        sampled = sampled.append_column(name, chosen.column(name))
    return sampled


def _entries(
    spec: "UseCaseSpec",
    day: date,
    due: int,
    cases: pa.Table,
    reviews: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    blind: int,
) -> list[Entry]:
    events = pc.cast(cases.column("event_timestamp"), pa.timestamp("us", "UTC")).cast(pa.int64())
    untouched = (0, OPEN, 0, "", None, "", None)
    name, business = spec.name, day.isoformat()
    columns = (
        cases.column("decision_id").to_pylist(),
        cases.column("revision").to_pylist(),
        cases.column("case_key").to_pylist(),
        events.to_pylist(),
        cases.column("over").to_pylist(),
        cases.column("risk").to_pylist(),
        cases.column("doubt").to_pylist(),
    )
    return [
        (id_, name, business, revision, key, event, due, over, risk, doubt, blind)
        + (
            progress(spec, {"revision": revision, "blind": blind}, reviews[id_])
            if id_ in reviews
            else untouched
        )
        for id_, revision, key, event, over, risk, doubt in zip(*columns, strict=True)
    ]

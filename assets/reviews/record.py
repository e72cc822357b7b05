"""Recording a person's review of a decision: append-only, one at a time, against what was seen."""

import hashlib
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from assets.alerts import Alert, raise_alert
from assets.compaction import compact
from assets.decisions.policy import APPROVE, DECLINE, REFER
from assets.desk.users import Users
from assets.errors import NightshiftError
from assets.lake import PARTITION
from assets.release.events import utc
from assets.release.one_writer import one_writer
from assets.reviews.blind import is_blind
from assets.reviews.decided import LiveDecision, live_decision, reviews_of
from assets.reviews.queue import Queue
from assets.reviews.queue_store import QueueError
from assets.reviews.rationale import require_rationale
from assets.reviews.refusals import (
    ClockBehind,
    NotAReviewer,
    NotOpen,
    ReviewConflict,
    ReviewRefused,
    SameReviewer,
)
from assets.reviews.standing import BLIND, DECIDED, FIRST, SECOND, Standing, standing, voices_of
from assets.tables import REVIEWS, REVIEWS_SCHEMA

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

Outcome = Literal["approve", "decline"]

NAMESPACE = uuid.UUID("2c9d8d0a-58a3-5f0c-9f6e-3f4f2a1d7b60")
"""Namespace of review ids. Changing it would change every id ever given."""


@dataclass(frozen=True)
class Review:
    """A review on record, and what stands for the case after it."""

    review_id: str
    decision_id: str
    revision: int
    sequence: int
    kind: str  # review | second | blind
    outcome: str
    reviewer: str
    at: datetime
    standing: Standing  # of a blind review: of the automatic decision, which it leaves as it is
    unsealed: str = ""  # why the ledger did not take it; empty where it did


def review(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    decision_id: str,
    *,
    reviewer: str,
    outcome: Outcome,
    rationale: str,
    seen: int,
    revision: int,
    now: datetime,
) -> Review:
    """Record a review. ``reviewer``: name of a user with that role. ``seen``, ``revision``:
    ``CaseFile.seen`` and ``.revision`` of what the person looked at. ``now``: UTC.

    The kind follows from what stands: nobody can choose it. A first review of a referred case is a
    ``review``, one that confirms or settles it a ``second``, that of an automatic decision of the
    blind sample ``blind``, which is measured and changes nothing. ``machine`` is the advice where
    the case was referred, else the decision itself.

    Raises, having written nothing: UnknownDecision; NotAReviewer; BadRationale; ReviewConflict when
    somebody reviewed it, or the night was decided anew, since it was looked at; NotOpen when it
    waits for nobody; SameReviewer; ClockBehind when ``now`` lies before the last review.
    """
    if outcome not in (APPROVE, DECLINE):
        raise ReviewRefused("a review says approve or decline. Nothing was recorded")
    require_rationale(spec, rationale)
    now = utc(now)
    day = live_decision(lake, home, spec, decision_id).day
    lake.ensure(spec.name, REVIEWS, REVIEWS_SCHEMA, append_only=True)
    with one_writer(lake, spec.name, REVIEWS):
        # Asked again here: what holds now is what counts.
        _require_reviewer(home, reviewer)
        live = live_decision(lake, home, spec, decision_id)
        there = reviews_of(lake, spec, day, decision_id)
        _require_as_seen(live, there, reviewer, seen, revision)
        kind = _kind(home, spec, live, there)
        _require_another(live, there, reviewer)
        _require_later(there, now)
        row = _row(live, there, kind, outcome, rationale, reviewer, now)
        commit = lake.append(spec.name, REVIEWS, _table(row, day), {"spec_version": spec.version})
        after = [*there, row]
        unsealed = _sealed(lake, home, spec, day)
        compact(lake, spec.name, REVIEWS, day)
        # The index catches up by itself; that it could not be told takes nothing back.
        with suppress(QueueError):
            Queue(home).noted(lake, spec, decision_id, live.revision, after, commit.version)
    told = {name: row[name] for name in Review.__dataclass_fields__ if name in row}
    return Review(**told, standing=standing(spec, live.row, after), unsealed=unsealed)


def _sealed(lake: "Lake", home: "Home", spec: "UseCaseSpec", day: date) -> str:
    """Put the day's reviews on the ledger; why it could not be done, or nothing.

    The review is on record by now, and stays. What keeps the ledger from taking it (somebody wrote
    into a table, say) is no fault of the reviewer: it is reported, and an alert is raised.
    """
    from assets.ledger.record import checkpoint_reviews

    try:
        checkpoint_reviews(lake, home, spec, [day])
    except NightshiftError as error:
        raise_alert(home, lake, _unsealed_alert(spec, day, str(error)), "")
        return str(error)
    return ""


def _unsealed_alert(spec: "UseCaseSpec", day: date, reason: str) -> Alert:
    digest = hashlib.sha256(reason.encode()).hexdigest()[:12]
    return Alert(
        use_case=spec.name,
        day=day,
        incident=f"reviews not on the ledger [{digest}]",
        happened=f"A review of {spec.name} for {day} could not be put on the ledger: {reason}",
        road_did="Kept the review: it is on record, without a checkpoint over it.",
        person_should=(
            f"Run `nightshift audit verify {spec.name}` and put right what it names; the next "
            "review of that day, or its night run again, completes the ledger."
        ),
    )


def _require_reviewer(home: "Home", name: str) -> None:
    user = Users(home).named(name)
    if user is None or "reviewer" not in user.roles:
        raise NotAReviewer(
            "only users with the role reviewer decide cases, and you are none (any more). Nothing "
            "was recorded"
        )


def _require_as_seen(
    live: LiveDecision, there: list[dict[str, Any]], reviewer: str, seen: int, revision: int
) -> None:
    if live.revision != revision:
        raise ReviewConflict(
            f"the night of {live.day} was decided anew since you opened this case (revision "
            f"{live.revision}, you saw {revision}). Nothing was recorded: look at it again"
        )
    if len(there) == seen:
        return
    if len(there) < seen:
        raise ReviewConflict(
            f"this case has {len(there)} reviews on record, not {seen}. Nothing was recorded: load "
            "it again"
        )
    last = there[-1]
    if last["reviewer"] == reviewer:
        who = "you reviewed this case already"
    else:
        who = f"{last['reviewer']} was quicker: they said {last['outcome']}"
    raise ReviewConflict(
        f"{who}, on {last['at']:%Y-%m-%d at %H:%M:%S} UTC. This review was not recorded: load the "
        "case again"
    )


def _kind(
    home: "Home", spec: "UseCaseSpec", live: LiveDecision, there: list[dict[str, Any]]
) -> str:
    """Raises NotOpen when the case waits for nobody."""
    voices = voices_of(live.row, there)
    if live.row["decision"] == REFER:
        found = standing(spec, live.row, there)
        if found.state == DECIDED:
            raise NotOpen(
                f"this case is decided: {found.outcome} by {' and '.join(found.by)} on "
                f"{found.at:%Y-%m-%d at %H:%M:%S} UTC. Nothing was recorded"
            )
        return SECOND if voices else FIRST
    if not is_blind(home, spec, live.row) or voices:
        raise NotOpen("this case waits for no review. Nothing was recorded")
    return BLIND


def _require_another(live: LiveDecision, there: list[dict[str, Any]], reviewer: str) -> None:
    if reviewer in voices_of(live.row, there):
        raise SameReviewer(
            "you have reviewed this case: it waits for somebody else. Nothing was recorded"
        )


def _require_later(there: list[dict[str, Any]], now: datetime) -> None:
    last = max((row["at"] for row in there), default=now)
    if now < last:
        raise ClockBehind(
            f"the clock says {now:%Y-%m-%d %H:%M:%S} UTC, before the last review of this case "
            f"({last:%Y-%m-%d %H:%M:%S}). Nothing was recorded: have the clock put right"
        )


def _row(
    live: LiveDecision,
    there: list[dict[str, Any]],
    kind: str,
    outcome: str,
    rationale: str,
    reviewer: str,
    now: datetime,
) -> dict[str, Any]:
    sequence = max((int(row["sequence"]) for row in there), default=0) + 1
    decision_id = str(live.row["decision_id"])
    name = f"{decision_id}|{live.revision}|{sequence}"
    return {
        "review_id": str(uuid.uuid5(NAMESPACE, name)),
        "decision_id": decision_id,
        "revision": live.revision,
        "case_key": live.row["case_key"],
        "sequence": sequence,
        "kind": kind,
        "outcome": outcome,
        "machine": live.row["decision"] if kind == BLIND else live.row["advice"],
        "rationale": rationale,
        "reviewer": reviewer,
        "at": now,
    }


def _table(row: dict[str, Any], day: date) -> pa.Table:
    schema = REVIEWS_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    return pa.Table.from_pylist([{**row, PARTITION: day}], schema=schema)

"""All a reviewer needs of one case: reasons, values and their normal range, history, due date."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from assets.decisions.policy import REFER
from assets.release.events import utc
from assets.reviews.blind import is_blind
from assets.reviews.decided import LiveDecision, live_decision, reviews_of
from assets.reviews.history import PastDecision, history
from assets.reviews.reference import reference
from assets.reviews.standing import BLIND, DECIDED, OPEN, Standing, standing, voices_of
from assets.reviews.values import CategoryRange, NumberRange, Value, case_values
from assets.spec import closes_at

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

__all__ = [
    "CaseFile",
    "CategoryRange",
    "NumberRange",
    "PastDecision",
    "PastReview",
    "Reason",
    "Value",
    "case_file",
]

HIDDEN = (
    "decision",
    "advice",
    "rule",
    "score",
    "band",
    "prediction",
    "fallback",
    "value_at_risk",
    "model_version",
)
"""Columns of a decision that are not told of a blind case."""


@dataclass(frozen=True)
class Reason:
    """What counted against the case, the most first."""

    feature: str  # or the rule that decided
    text: str
    weight: float | None  # log-odds; None of a rule


@dataclass(frozen=True)
class PastReview:
    """A review of this decision."""

    sequence: int
    revision: int  # of the decision that was reviewed
    kind: str
    outcome: str
    reviewer: str
    rationale: str  # as it was given: escape it
    at: datetime


@dataclass(frozen=True)
class CaseFile:
    """One case as its reviewer sees it. Times are UTC.

    Of a blind case what ``HIDDEN`` names is None, ``reasons`` and ``reviews`` are empty: nobody is
    told what the machine did.
    """

    use_case: str
    decision_id: str
    revision: int
    seen: int  # reviews on record: hand it back to ``review``
    day: date
    case_key: str
    entity_key: str
    event_timestamp: datetime
    blind: bool
    reasons: tuple[Reason, ...]
    decision: str | None
    advice: str | None
    rule: str | None
    score: float | None
    band: str | None
    prediction: str | None
    fallback: str | None
    overflow: bool
    value_at_risk: float | None
    model_version: int | None
    values: tuple[Value, ...]
    history: tuple[PastDecision, ...]  # the latest first
    known_by: datetime  # nothing of the history is from after this
    due: datetime
    overdue: bool
    standing: Standing  # of a blind case: open until it is reviewed
    reviews: tuple[PastReview, ...]
    objection: str | None  # why this reviewer may not decide it; None where they may


def case_file(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    decision_id: str,
    *,
    reviewer: str,
    now: datetime,
) -> CaseFile:
    """Everything about a case, for the user ``reviewer``. ``now``: UTC, says what is overdue.

    Also of a decision nobody is asked about; ``objection`` then says so. Raises UnknownDecision.
    """
    live = live_decision(lake, home, spec, decision_id)
    row, day = live.row, live.day
    reviews = reviews_of(lake, spec, day, decision_id)
    blind = is_blind(home, spec, row)
    stands = _standing(spec, live, reviews, blind)
    due = closes_at(day) + spec.review.due_after
    told: dict[str, Any] = dict.fromkeys(HIDDEN) if blind else {name: row[name] for name in HIDDEN}
    version = row["model_version"]
    usual = reference(lake, home, spec, None if version is None else int(version), day)
    return CaseFile(
        use_case=spec.name,
        decision_id=decision_id,
        revision=live.revision,
        seen=len(reviews),
        day=day,
        case_key=row["case_key"],
        entity_key=row["entity_key"],
        event_timestamp=row["event_timestamp"],
        blind=blind,
        reasons=() if blind else _reasons(row),
        overflow=not blind and bool(row["overflow"]),
        values=case_values(lake, spec, live, usual),
        history=history(lake, home, spec, live),
        known_by=closes_at(day),
        due=due,
        overdue=stands.state != DECIDED and due < utc(now),
        standing=stands,
        reviews=() if blind else tuple(_review(one) for one in reviews),
        objection=_objection(live, reviews, stands, blind, reviewer),
        **told,
    )


def _standing(
    spec: "UseCaseSpec", live: LiveDecision, reviews: list[dict[str, Any]], blind: bool
) -> Standing:
    if not blind:
        return standing(spec, live.row, reviews)
    own = [r for r in reviews if r["kind"] == BLIND and int(r["revision"]) == live.revision]
    if not own:
        return Standing(OPEN)
    return Standing(DECIDED, own[0]["outcome"], (own[0]["reviewer"],), own[0]["at"])


def _objection(
    live: LiveDecision,
    reviews: list[dict[str, Any]],
    stands: Standing,
    blind: bool,
    reviewer: str,
) -> str | None:
    if live.row["decision"] != REFER and not blind:
        return "It was decided without a person and waits for no review."
    if stands.state == DECIDED:
        at = f" on {stands.at:%Y-%m-%d at %H:%M:%S} UTC" if stands.at else ""
        return f"It is decided: {stands.outcome} by {' and '.join(stands.by)}{at}."
    if reviewer in voices_of(live.row, reviews):
        return "You have reviewed it: it waits for somebody else."
    return None


def _reasons(row: dict[str, Any]) -> tuple[Reason, ...]:
    given = row["reasons"] or []
    return tuple(Reason(one["feature"], one["text"], one["weight"]) for one in given)


def _review(row: dict[str, Any]) -> PastReview:
    return PastReview(**{name: row[name] for name in PastReview.__dataclass_fields__})

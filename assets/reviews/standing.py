"""What stands for a case: open, waiting for another pair of eyes, or decided by whom and when.

===============  ============================  ===================================================
second_review    a first review                then
===============  ============================  ===================================================
never            decides
declines         approve: decides              decline: another reviewer is awaited
always           another reviewer is awaited
===============  ============================  ===================================================

Where another is awaited, two reviewers who agree decide. If the two disagree a third person's
review is awaited, which makes it two against one: somebody always decides, and nobody twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from assets.decisions.policy import APPROVE, REFER

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

BLIND, FIRST, SECOND = "blind", "review", "second"
"""Kinds of reviews."""

State = Literal["open", "second awaited", "decided"]

OPEN: Literal["open"] = "open"
SECOND_AWAITED: Literal["second awaited"] = "second awaited"
DECIDED: Literal["decided"] = "decided"


@dataclass(frozen=True)
class Standing:
    """What stands for a case now."""

    state: State
    outcome: str | None = None  # approve | decline, once decided
    by: tuple[str, ...] = ()  # the reviewers who decided; nobody where a machine did
    at: datetime | None = None  # of the review that decided, UTC


def standing(
    spec: "UseCaseSpec", decision: Mapping[str, Any], reviews: Sequence[Mapping[str, Any]]
) -> Standing:
    """What stands for a decision, by the reviews on record.

    ``decision``: a live row of DECISIONS_SCHEMA; needed are ``decision`` and ``revision``.
    ``reviews``: rows of REVIEWS_SCHEMA of this decision, in any order. Only those of its revision
    count: a night decided anew asks its reviewers anew. Blind ones never count, nor a second voice
    of one person, nor what comes after the review that decided.

    A decision that was not referred is decided by nobody (``by`` is empty, ``at`` None).
    """
    if decision["decision"] != REFER:
        return Standing(DECIDED, str(decision["decision"]))
    voices: dict[str, Mapping[str, Any]] = {}
    for review in sorted(reviews, key=lambda row: int(row["sequence"])):
        mine = review["kind"] != BLIND and int(review["revision"]) == int(decision["revision"])
        if not mine or review["reviewer"] in voices:
            continue
        voices[str(review["reviewer"])] = review
        agreed = [who for who, said in voices.items() if said["outcome"] == review["outcome"]]
        if len(agreed) >= _needed(spec, voices):
            return Standing(DECIDED, str(review["outcome"]), tuple(agreed), review["at"])
    return Standing(SECOND_AWAITED if voices else OPEN)


def voices_of(decision: Mapping[str, Any], reviews: Sequence[Mapping[str, Any]]) -> list[str]:
    """Who has reviewed this revision of a decision, in that order, blind or not."""
    ordered = sorted(reviews, key=lambda row: int(row["sequence"]))
    same = [r for r in ordered if int(r["revision"]) == int(decision["revision"])]
    return list(dict.fromkeys(str(r["reviewer"]) for r in same))


def _needed(spec: "UseCaseSpec", voices: Mapping[str, Mapping[str, Any]]) -> int:
    """Reviewers who must say the same before it stands."""
    if spec.review.second_review == "never":
        return 1
    only_approved = len(voices) == 1 and next(iter(voices.values()))["outcome"] == APPROVE
    return 1 if spec.review.second_review == "declines" and only_approved else 2

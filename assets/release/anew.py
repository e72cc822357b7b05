"""Days that a version decided and, after it was rolled back or rejected, others decide anew."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from assets.release.events import CHAMPION, REDECIDED, Event, evidence_of
from assets.release.statement import signed_by

if TYPE_CHECKING:
    from assets.release.authority import Authority
    from assets.spec import UseCaseSpec


def days_anew(
    spec: "UseCaseSpec", events: Sequence[Event], authority: "Authority"
) -> dict[int, dict[date, Event]]:
    """Version to day to the newest event by which a person has it decided anew.

    What nobody signed does not count, nor does a copy of what somebody did.
    """
    found: dict[int, dict[date, Event]] = {}
    seen: set[str] = set()
    for event in events:
        if event["stage"] != REDECIDED or event["signature"] in seen:
            continue
        if not signed_by(spec.name, event, authority.people)[0]:
            continue
        seen.add(event["signature"])
        days = found.setdefault(int(event["model_version"]), {})
        days |= dict.fromkeys(days_of(event), event)
    return found


def days_of(event: Event) -> list[date]:
    """The days a redecided event is about."""
    said = evidence_of(event).get("statement") or {}
    return [date.fromisoformat(day) for day in said.get("days", [])]


def in_its_place(events: Sequence[Event], redecided: Event, instead_of: Event) -> Event | None:
    """The champion event of whoever decides those days instead, None where people do.

    Only one before that which it takes the place of: so following them comes to an end.
    """
    said = evidence_of(redecided).get("statement") or {}
    for event in events:
        if int(event["sequence"]) >= int(instead_of["sequence"]):
            return None
        if event["stage"] == CHAMPION and event["signature"] and event["signature"] == said["by"]:
            return event
    return None

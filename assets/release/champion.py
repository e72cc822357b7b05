"""Who is champion on a day: asked anew each time, and answered only by what people signed."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.release.backing import backers
from assets.release.events import (
    APPROVED,
    CHAMPION,
    REGISTERED,
    REJECTED,
    RETIRED,
    Champion,
    Event,
    current_stages,
    evidence_of,
    read_events,
)
from assets.release.people import read_people
from assets.release.statement import signed_by

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.people import People
    from assets.spec import UseCaseSpec


class NoChampion(NightshiftError):
    """No version is champion for the day. The message says what to do."""


class NotApproved(NightshiftError):
    """The record names a champion no people stand behind. The message says what is wrong."""


def champion_on(lake: "Lake", home: "Home", spec: "UseCaseSpec", day: date, /) -> Champion | None:
    """The champion for a partition, if people stand behind it; None where the place is empty.

    What counts is the latest champion event effective on or before the day. It is backed by the
    approvals it cites or it is not: then NotApproved is raised, naming what is wrong, and no
    earlier version takes the place, for nobody can tell what was meant. A champion that a person
    rejected leaves the place empty.
    """
    return champion_of(spec, read_events(lake, spec.name), read_people(lake, home), day)


def champion_of(
    spec: "UseCaseSpec", events: list[Event], people: "People", day: date
) -> Champion | None:
    """As :func:`champion_on`, of events by rising sequence and the people on record."""
    effective = [event for event in events if event["effective_from"] <= day]
    places = [place for place, event in enumerate(effective) if event["stage"] == CHAMPION]
    if not places:
        return None
    event = effective[places[-1]]
    version = int(event["model_version"])
    later = [e for e in effective[places[-1] + 1 :] if int(e["model_version"]) == version]
    if any(e["stage"] == REJECTED and signed_by(spec.name, e, people)[0] for e in later):
        return None
    names, wrong = backers(spec, events, people, event)
    if wrong:
        raise _refused(spec, event, f"made champion, but {wrong}", people)
    for ended in later:
        if ended["stage"] == REJECTED:
            wrong = signed_by(spec.name, ended, people)[1]
            raise _refused(spec, ended, f"rejected, but {wrong}", people)
        if ended["stage"] == RETIRED:
            raise _refused(spec, ended, "retired, but no other took its place", people)
    return _champion(spec, event, names)


def genuine(spec: "UseCaseSpec", events: list[Event], people: "People") -> list[Event]:
    """The events without those that claim a person's decision nobody made."""
    kept: list[Event] = []
    for event in events:
        stage = event["stage"]
        if stage in (APPROVED, REJECTED) and not signed_by(spec.name, event, people)[0]:
            continue
        if stage == CHAMPION and backers(spec, events, people, event)[1]:
            continue
        if stage == RETIRED and not _followed(event, kept):
            continue
        kept.append(event)
    return kept


def _followed(retired: Event, before: list[Event]) -> bool:
    """Did another version become champion as this one retired?"""
    successor = evidence_of(retired).get("superseded_by")
    return any(
        e["stage"] == CHAMPION
        and int(e["model_version"]) == successor != int(retired["model_version"])
        and e["effective_from"] == retired["effective_from"]
        for e in before
    )


def require_champion(lake: "Lake", home: "Home", spec: "UseCaseSpec", day: date, /) -> Champion:
    """The champion for a partition. Raises NoChampion with what to do when there is none, and
    NotApproved as :func:`champion_on` does."""
    champion = champion_on(lake, home, spec, day)
    if champion is not None:
        return champion
    events = read_events(lake, spec.name)
    later = [
        event["effective_from"]
        for event in events
        if event["stage"] == CHAMPION and event["effective_from"] > day
    ]
    if later:
        raise NoChampion(
            f"{spec.name}: no champion for {day}, the first one after it is effective from "
            f"{min(later)}. Score nights from then on"
        )
    rejected = [e for e in events if e["stage"] == REJECTED and e["effective_from"] <= day]
    if rejected:
        raise NoChampion(
            f"{spec.name}: no champion for {day}: version {rejected[-1]['model_version']} was "
            f"rejected by {rejected[-1]['actor']}. Approve another: `nightshift models {spec.name}`"
        )
    waiting = [v for v, stage in current_stages(events).items() if stage == REGISTERED]
    if waiting:
        raise NoChampion(
            f"{spec.name}: no champion for {day}, because nobody approved one yet. Version "
            f"{max(waiting)} passed its gates: read its card, then "
            f"`nightshift approve {spec.name} {max(waiting)} --reason TEXT`"
        )
    raise NoChampion(
        f"{spec.name}: no champion for {day}, because no version was ever approved. Train one "
        f"first: `nightshift train {spec.name} --as-of {day}`"
    )


def _refused(spec: "UseCaseSpec", event: Event, what: str, people: "People") -> NotApproved:
    version = event["model_version"]
    also = f" Of the people on record: {'; '.join(people.problems)}." if people.problems else ""
    return NotApproved(
        f"{spec.name}: release event {event['sequence']} says that version {version} was {what}."
        f"{also} No version may decide cases until a person approves one (`nightshift approve "
        f"{spec.name} {version} --reason TEXT` if it is right) or rejects this one (`nightshift "
        f"reject {spec.name} {version} --reason TEXT`)"
    )


def _champion(spec: "UseCaseSpec", event: Event, names: list[str]) -> Champion:
    record = evidence_of(event)["record"]
    return Champion(
        use_case=spec.name,
        version=int(event["model_version"]),
        digest=str(event["model_digest"]),
        effective_from=event["effective_from"],
        as_of=datetime.fromisoformat(record["as_of"]),
        evidence=record,
        manifest_digest=str(event["manifest_digest"]),
        approved_by=tuple(names),
    )

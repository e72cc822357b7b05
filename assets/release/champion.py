"""Who is champion on a day: asked anew each time, and answered only by what people signed."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.release.anew import days_anew, in_its_place
from assets.release.authority import read_authority
from assets.release.backing import backers, ended_wrong, is_out, shadow_wrong
from assets.release.events import (
    APPROVED,
    CANARY,
    CHAMPION,
    REDECIDED,
    REGISTERED,
    REJECTED,
    RETIRED,
    ROLLED_BACK,
    SHADOW,
    Champion,
    Event,
    current_stages,
    evidence_of,
    read_events,
)
from assets.release.statement import signed_by

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.authority import Authority
    from assets.spec import UseCaseSpec

ENDED = (REJECTED, ROLLED_BACK)


class NoChampion(NightshiftError):
    """No version is champion for the day. The message says what to do."""


class NotApproved(NightshiftError):
    """The record names a champion no people stand behind. The message says what is wrong."""


def champion_on(lake: "Lake", home: "Home", spec: "UseCaseSpec", day: date, /) -> Champion | None:
    """The champion for a partition, if people stand behind it; None where the place is empty.

    What counts is the latest champion event effective on or before the day. It is backed by the
    approvals it cites and signed by the installation, or it is not: then NotApproved is raised,
    naming what is wrong, and no earlier version takes the place, for nobody can tell what was
    meant. A champion that a person rejected, or rolled back where none was before it, leaves the
    place empty. A day that is decided anew has the champion that was named for it.
    """
    return champion_of(spec, read_events(lake, spec.name), read_authority(lake, home), day)


def champion_of(
    spec: "UseCaseSpec", events: list[Event], authority: "Authority", day: date
) -> Champion | None:
    """As :func:`champion_on`, of events by rising sequence and whose signatures count."""
    event = newest_champion(events, day)
    while event is not None and _never_was(spec, events, authority, event, day):
        before = [e for e in events if int(e["sequence"]) < int(event["sequence"])]
        event = newest_champion(before, day)
    anew, since = days_anew(spec, events, authority), 0
    while event is not None and day in anew.get(int(event["model_version"]), {}):
        redecided = anew[int(event["model_version"])][day]
        # What ended whoever decides the day instead, before that was said, ended it for other days.
        event, since = in_its_place(events, redecided, event), int(redecided["sequence"])
    if event is None:
        return None
    version, since = int(event["model_version"]), max(since, int(event["sequence"]))
    later = [
        e
        for e in events
        if e["effective_from"] <= day
        and int(e["sequence"]) > since
        and int(e["model_version"]) == version
    ]
    if any(e["stage"] in ENDED and not ended_wrong(spec, authority, e) for e in later):
        return None
    names, wrong = backers(spec, events, authority, event)
    if wrong:
        raise _refused(spec, event, f"made champion, but {wrong}", authority)
    for ended in later:
        if ended["stage"] in ENDED:
            wrong = ended_wrong(spec, authority, ended)
            said = str(ended["stage"]).replace("_", " ")
            raise _refused(spec, ended, f"{said}, but {wrong}", authority)
        if ended["stage"] == RETIRED:
            raise _refused(spec, ended, "retired, but no other took its place", authority)
    return as_champion(spec, event, names)


def _never_was(
    spec: "UseCaseSpec", events: list[Event], authority: "Authority", event: Event, day: date
) -> bool:
    """Was it no champion on the day, for people put right later what somebody had written?

    Until then nobody can tell what was meant. Afterwards the nights before are again whose they
    were; from the day on for which they put it right, what they said holds.
    """
    settled = any(
        e["stage"] in ENDED
        and e["model_version"] == event["model_version"]
        and int(e["sequence"]) > int(event["sequence"])
        and e["effective_from"] > day
        and not ended_wrong(spec, authority, e)
        for e in events
    )
    return settled and bool(backers(spec, events, authority, event)[1])


def newest_champion(events: list[Event], day: date) -> Event | None:
    """The latest champion event effective on or before the day, whether it counts or not."""
    found = [e for e in events if e["stage"] == CHAMPION and e["effective_from"] <= day]
    return found[-1] if found else None


def previous_champion(
    spec: "UseCaseSpec", events: list[Event], authority: "Authority", event: Event
) -> Event | None:
    """The newest sound champion event before one, of another version that may still decide."""
    for earlier in reversed(events):
        version = int(earlier["model_version"])
        if (
            earlier["stage"] == CHAMPION
            and int(earlier["sequence"]) < int(event["sequence"])
            and version != int(event["model_version"])
            and not is_out(spec, events, authority, version)
            and not backers(spec, events, authority, earlier)[1]
        ):
            return earlier
    return None


def genuine(spec: "UseCaseSpec", events: list[Event], authority: "Authority") -> list[Event]:
    """The events without those that claim what people or the ladder did not decide."""
    kept: list[Event] = []
    for event in events:
        if counts(spec, events, authority, event, kept):
            kept.append(event)
    return kept


def counts(
    spec: "UseCaseSpec",
    events: list[Event],
    authority: "Authority",
    event: Event,
    before: list[Event],
) -> bool:
    """Does the event count? ``before``: the ones before it that do."""
    stage = event["stage"]
    if stage in (APPROVED, REDECIDED):
        return bool(signed_by(spec.name, event, authority.people)[0])
    if stage in ENDED:
        return not ended_wrong(spec, authority, event)
    if stage == SHADOW:
        return not shadow_wrong(spec, events, authority, event)
    if stage in (CANARY, CHAMPION):
        return not backers(spec, events, authority, event)[1]
    return stage != RETIRED or _followed(event, before)


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
    last = newest_champion(events, day)
    ended = [
        e
        for e in events
        if last is not None
        and e["stage"] in ENDED
        and e["model_version"] == last["model_version"]
        and e["effective_from"] <= day
    ]
    if last is not None and not ended:
        raise NoChampion(
            f"{spec.name}: {day} is decided anew, and there was no champion before version "
            f"{last['model_version']}, which decided it: its cases go to people"
        )
    if ended:
        how = str(ended[-1]["stage"]).replace("_", " ")
        raise NoChampion(
            f"{spec.name}: no champion for {day}: version {ended[-1]['model_version']} was {how} "
            f"by {ended[-1]['actor']}. Approve another: `nightshift models {spec.name}`"
        )
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


def _refused(spec: "UseCaseSpec", event: Event, what: str, authority: "Authority") -> NotApproved:
    version, problems = event["model_version"], authority.people.problems
    also = f" Of the people on record: {'; '.join(problems)}." if problems else ""
    return NotApproved(
        f"{spec.name}: release event {event['sequence']} says that version {version} was {what}."
        f"{also} No version may decide cases until a person approves one (`nightshift approve "
        f"{spec.name} {version} --reason TEXT` if it is right) or rejects this one (`nightshift "
        f"reject {spec.name} {version} --reason TEXT`)"
    )


def as_champion(spec: "UseCaseSpec", event: Event, names: list[str]) -> Champion:
    """The version of a champion, canary or shadow event, and who approved it."""
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

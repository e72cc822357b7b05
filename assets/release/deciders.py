"""Who decides and who scores beside it on a day: champion, and the challenger in its stage."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from assets.release.anew import days_anew
from assets.release.authority import read_authority
from assets.release.backing import backers, ended_wrong, shadow_wrong
from assets.release.champion import ENDED, as_champion, champion_of, counts
from assets.release.events import (
    CANARY,
    CHAMPION,
    RETIRED,
    SHADOW,
    Champion,
    Event,
    read_events,
)

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.authority import Authority
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class Deciders:
    """Of one partition. ``stage`` is the challenger's, None where there is no challenger."""

    champion: Champion | None = None  # None: the place is empty, cases go to people
    challenger: Champion | None = None
    stage: Literal["shadow", "canary"] | None = None
    problem: str = ""  # why the challenger on record does not count; empty where none is wrong


def deciders_on(lake: "Lake", home: "Home", spec: "UseCaseSpec", day: date) -> Deciders:
    """Champion and challenger of a partition, from the record alone.

    Raises NotApproved as ``champion_on`` does for the champion. A challenger whose record is not
    sound is none, and ``problem`` says why; there is none beside no champion either, for there is
    nothing to compare it with, and none on a day that is decided anew. Its ``effective_from`` is
    the first partition of its stage; ``approved_by`` is empty in the shadow.
    """
    return deciders_of(spec, read_events(lake, spec.name), read_authority(lake, home), day)


def deciders_of(
    spec: "UseCaseSpec", events: list[Event], authority: "Authority", day: date
) -> Deciders:
    """As :func:`deciders_on`, of events by rising sequence and whose signatures count."""
    champion = champion_of(spec, events, authority, day)
    if champion is None:
        return Deciders()
    if any(day in days for days in days_anew(spec, events, authority).values()):
        return Deciders(champion)
    event, problem = _challenger(spec, events, authority, day)
    if event is None or int(event["model_version"]) == champion.version:
        return Deciders(champion, problem=problem)
    names = backers(spec, events, authority, event)[0] if event["stage"] == CANARY else []
    stage: Literal["shadow", "canary"] = "canary" if event["stage"] == CANARY else "shadow"
    return Deciders(champion, as_champion(spec, event, names), stage)


def _challenger(
    spec: "UseCaseSpec", events: list[Event], authority: "Authority", day: date
) -> tuple[Event | None, str]:
    """The event by which a version is in the shadow or the canary, and what is wrong with one."""
    held: Event | None = None
    doubted: dict[int, str] = {}  # versions of which rows say something that does not count
    kept: list[Event] = []
    for event in events:
        version, stage = int(event["model_version"]), event["stage"]
        if event["effective_from"] > day:
            if stage in ENDED and not ended_wrong(spec, authority, event):
                doubted.pop(version, None)  # put right later, for the nights before as well
            continue
        sound = counts(spec, events, authority, event, kept)
        if sound:
            kept.append(event)
        holds = held is not None and int(held["model_version"]) == version
        if stage in (SHADOW, CANARY):
            if sound:
                held = event
            else:
                doubted[version] = _doubt(spec, events, authority, event)
        elif stage in (*ENDED, CHAMPION, RETIRED) and sound:
            # People said what becomes of it: that settles whatever else was written of it.
            doubted.pop(version, None)
            held = None if holds else held
        elif stage in (*ENDED, RETIRED) and holds:
            doubted[version] = _doubt(spec, events, authority, event)
    if doubted:
        return None, "; ".join(doubted.values())
    return held, ""


def _doubt(spec: "UseCaseSpec", events: list[Event], authority: "Authority", event: Event) -> str:
    version, stage = int(event["model_version"]), event["stage"]
    if stage == SHADOW:
        wrong = shadow_wrong(spec, events, authority, event)
    elif stage == CANARY:
        wrong = backers(spec, events, authority, event)[1]
    elif stage in ENDED:
        wrong = ended_wrong(spec, authority, event)
    else:
        wrong = "no other took its place"
    return (
        f"{spec.name}: release event {event['sequence']} says that version {version} is "
        f"{str(stage).replace('_', ' ')}, but {wrong}. Nothing is scored beside the champion until "
        f"a person has looked: `nightshift reject {spec.name} {version} --reason TEXT` settles it"
    )

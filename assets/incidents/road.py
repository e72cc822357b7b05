"""What the road did of its own accord that bears on an incident: roll backs, versions trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from assets.lake import PARTITION
from assets.release.authority import read_authority
from assets.release.champion import genuine
from assets.release.events import (
    APPROVED,
    CANARY,
    CHAMPION,
    REFUSED,
    REGISTERED,
    SHADOW,
    current_stages,
    read_events,
    sound_entry,
)
from assets.release.first_day import as_of_day
from assets.release.status import MOVE
from assets.tables import RELEASE_CHECKS

if TYPE_CHECKING:
    from assets.home import Home
    from assets.incidents.state import Incident
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

ON_THE_WAY = (REGISTERED, APPROVED, SHADOW, CANARY)
"""Stages of a version that passed its gates and may yet be champion."""


@dataclass(frozen=True)
class TakenOff:
    """A version that a guardrail took off the ladder, at the end of that night."""

    day: date
    version: int
    stage: str  # it was in: shadow | canary


@dataclass(frozen=True)
class Trained:
    """A version on the release record. ``until``: the last day its training knew of."""

    version: int
    until: date
    stage: str

    @property
    def on_the_way(self) -> bool:
        """May it still become champion?"""
        return self.stage in ON_THE_WAY


@dataclass(frozen=True)
class Road:
    """What is on record as of a night; versions by rising number, roll backs by rising day."""

    taken_off: tuple[TakenOff, ...] = ()
    trained: tuple[Trained, ...] = ()

    def taken_off_since(self, one: "Incident") -> list[TakenOff]:
        """Roll backs of the nights since the incident was opened, that night's among them."""
        return [found for found in self.taken_off if found.day >= one.opened_on]

    def trained_since(self, one: "Incident") -> Trained | None:
        """The newest version that learnt from what the night the incident was opened has shown;
        one on its way or champion before one that is out."""
        younger = [found for found in self.trained if found.until >= one.opened_on]
        alive = [found for found in younger if found.on_the_way or found.stage == CHAMPION]
        newest = alive or younger
        return newest[-1] if newest else None

    def acted_on(self, one: "Incident") -> bool:
        """Is there such a version on its way? Then another training would learn nothing more."""
        found = self.trained_since(one)
        return found is not None and found.on_the_way


def read_moves(lake: "Lake", use_case: str, first: date, last: date) -> list[dict[str, Any]]:
    """What the ladder did with its challenger, the nights first..last by rising night.

    Columns: version, stage, verdict (hold | promote | roll_back), message, partition_date.
    """
    if not lake.exists(use_case, RELEASE_CHECKS):
        return []
    import pyarrow.dataset as ds

    rows: list[dict[str, Any]] = lake.read(
        use_case,
        RELEASE_CHECKS,
        columns=["version", "stage", "verdict", "message", PARTITION],
        where=ds.field("check") == MOVE,
        first=first,
        last=last,
    ).to_pylist()
    return sorted(rows, key=lambda row: row[PARTITION])


def taken_off(moves: Sequence[dict[str, Any]]) -> tuple[TakenOff, ...]:
    """The roll backs among moves."""
    return tuple(
        TakenOff(move[PARTITION], int(move["version"]), str(move["stage"]))
        for move in moves
        if move["verdict"] == "roll_back"
    )


def read_trained(lake: "Lake", home: "Home", spec: "UseCaseSpec", day: date) -> tuple[Trained, ...]:
    """Versions on the release record as the night of ``day`` could know them.

    A training as of the close of ``day`` itself is not among them, so that the night, run again
    after it, asks for the same. Rows nobody signed do not count. Raises SigningKeyError when the
    installation's key cannot be read.
    """
    following = day + timedelta(days=1)
    events = [e for e in read_events(lake, spec.name) if e["effective_from"] <= following]
    counted = genuine(spec, events, read_authority(lake, home))
    found = []
    for version, stage in sorted(current_stages(counted).items()):
        entry = sound_entry(events, version)
        if entry is None or as_of_day(entry) > day:
            continue
        found.append(Trained(version, as_of_day(entry) - timedelta(days=1), str(stage)))
    return tuple(found)


def stage_words(stage: str) -> str:
    """Where a version is, as in "version 4 ... "."""
    return {
        REGISTERED: "waits for approval and for a place on the ladder",
        APPROVED: "is approved and waits for a place on the ladder",
        SHADOW: "is in the shadow",
        CANARY: "is in the canary",
        CHAMPION: "is the champion",
        REFUSED: "was refused by its gates",
    }.get(stage, f"was {stage.replace('_', ' ')}")

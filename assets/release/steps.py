"""What follows from a night for the ladder: rows, made of what is on record and nothing else."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from assets.release.champion import NotApproved
from assets.release.deciders import deciders_of
from assets.release.events import (
    CANARY,
    CHAMPION,
    ROLLED_BACK,
    SHADOW,
    SYSTEM,
    Event,
    evidence_of,
    sound_entry,
)
from assets.release.first_day import as_of_day
from assets.release.promotion import placed, signatures, superseded
from assets.release.seal import seal_broken
from assets.release.waiting import enough_approvals, waiting
from assets.spec import closes_at

if TYPE_CHECKING:
    from assets.release.authority import Authority
    from assets.release.moves import Move
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class Night:
    """Whose step is taken, and from which partition on it holds."""

    day: date
    first: date  # partition that what is written holds from
    newest: bool  # no later day has predictions
    affected: tuple[date, ...] = ()  # days the challenger decided, for a rollback
    run_id: str = ""


def steps_of(
    spec: "UseCaseSpec", events: list[Event], authority: "Authority", day: date
) -> list[Event]:
    """What the step of a night wrote, if it wrote anything."""
    return [
        event
        for event in events
        if event["actor"] == SYSTEM
        and evidence_of(event).get("night") == day.isoformat()
        and not seal_broken(spec.name, event, authority.installation)
    ]


def step(
    spec: "UseCaseSpec",
    events: list[Event],
    authority: "Authority",
    night: Night,
    move: "Move | None",
    kept_out: Callable[[Event], str],
) -> list[Event]:
    """Rows to be sealed and appended, none where everything stays as it is.

    ``kept_out``: why an entry is not let in, empty if it is. See ``advance`` for the rules.
    """
    try:
        now = deciders_of(spec, events, authority, night.first)
    except NotApproved:
        return []
    if now.champion is None or now.problem:
        return []
    rows: list[Event] = []
    above, free, out = now.champion.version, now.challenger is None, 0
    if now.challenger is not None and move is not None:
        same = (move.version, move.stage) == (now.challenger.version, now.stage)
        entry = sound_entry(events, move.version) if same else None
        if entry is not None and move.verdict == "roll_back":
            rows, free, out = [_rolled_back(spec, night, move, entry)], True, move.version
        elif entry is not None and move.verdict == "promote" and night.newest:
            rows = _promoted(spec, events, authority, night, move, entry)
            if rows and rows[0]["stage"] == CHAMPION:
                above, free = move.version, True
    if free and night.newest:
        rows += _entering(spec, events, authority, night, above, out, kept_out)
    return rows


def _promoted(
    spec: "UseCaseSpec",
    events: list[Event],
    authority: "Authority",
    night: Night,
    move: "Move",
    entry: Event,
) -> list[Event]:
    given = enough_approvals(spec, events, authority, entry, night.first)
    if given is None:
        return []
    up = CANARY if move.stage == SHADOW and spec.release.canary is not None else CHAMPION
    evidence = {"approvals": signatures(given), **_found(night, move)}
    row = _row(spec, night, entry, up, f"{move.reason}; approved by {', '.join(given)}", evidence)
    if up != CHAMPION:
        return [row]
    return [row, *(_of_night(night, one) for one in superseded(events, row))]


def _entering(
    spec: "UseCaseSpec",
    events: list[Event],
    authority: "Authority",
    night: Night,
    above: int,
    out: int,
    kept_out: Callable[[Event], str],
) -> list[Event]:
    """The newest version that waits takes the free place: the shadow, or where the spec has none
    the canary, which needs its approvals."""
    for entry in waiting(spec, events, authority, above):
        version = int(entry["model_version"])
        if version == out or as_of_day(entry) > night.first:
            continue
        given = enough_approvals(spec, events, authority, entry, night.first)
        if spec.release.shadow is not None:
            stage, evidence, reason = SHADOW, _found(night), "the newest version that waits"
        elif spec.release.canary is not None and given is not None:
            evidence = {"approvals": signatures(given), **_found(night)}
            stage, reason = CANARY, f"approved by {', '.join(given)}"
        else:
            continue
        if not kept_out(entry):
            return [_row(spec, night, entry, stage, reason, evidence)]
    return []


def _rolled_back(spec: "UseCaseSpec", night: Night, move: "Move", entry: Event) -> Event:
    affected = [day.isoformat() for day in night.affected]
    evidence = {"affected": affected, **_found(night, move)}
    return _row(spec, night, entry, ROLLED_BACK, move.reason, evidence)


def _row(
    spec: "UseCaseSpec",
    night: Night,
    entry: Event,
    stage: str,
    reason: str,
    evidence: dict[str, Any],
) -> Event:
    return placed(
        entry,
        stage,
        at=closes_at(night.day),
        effective_from=night.first,
        reason=reason,
        evidence=evidence,
        spec_version=spec.version,
        run_id=night.run_id,
    )


def _of_night(night: Night, row: Event) -> Event:
    said = {**evidence_of(row), "night": night.day.isoformat()}
    return {**row, "evidence": json.dumps(said, sort_keys=True)}


def _found(night: Night, move: "Move | None" = None) -> dict[str, Any]:
    found: dict[str, Any] = {"night": night.day.isoformat()}
    if move is not None:
        found["move"] = {
            "verdict": move.verdict,
            "stage": move.stage,
            "reason": move.reason,
            "evidence": dict(move.evidence),
        }
    return found

"""Versions that wait for a place on the ladder, and what keeps one out of it."""

from typing import TYPE_CHECKING

from assets.release.artifact import require_whole
from assets.release.backing import approvals_waiting
from assets.release.champion import genuine
from assets.release.events import (
    APPROVED,
    REGISTERED,
    Event,
    current_stages,
    evidence_of,
    sound_entry,
)
from assets.release.gate_record import gates_on_record, short, stopping
from assets.training.manifest import ManifestError

if TYPE_CHECKING:
    from datetime import date

    from assets.home import Home
    from assets.lake import Lake
    from assets.release.authority import Authority
    from assets.spec import UseCaseSpec


def waiting(
    spec: "UseCaseSpec", events: list[Event], authority: "Authority", above: int
) -> list[Event]:
    """Entries of the versions above one that passed their gates and hold no place, newest first."""
    stages = current_stages(genuine(spec, events, authority))
    entries = [
        sound_entry(events, version)
        for version, stage in sorted(stages.items(), reverse=True)
        if stage in (REGISTERED, APPROVED) and version > above
    ]
    return [entry for entry in entries if entry is not None]


def enough_approvals(
    spec: "UseCaseSpec", events: list[Event], authority: "Authority", entry: Event, day: "date"
) -> dict[str, Event] | None:
    """Name to approval, in order, when as many people as it needs said that it may decide the day;
    else None."""
    given = approvals_waiting(spec, events, authority, entry)
    held = {name: e for name, e in given.items() if e["effective_from"] <= day}
    return held if len(held) >= spec.approvals_needed else None


def kept_out(lake: "Lake", home: "Home", spec: "UseCaseSpec", entry: Event) -> str:
    """Why a version is not let in, though it is on record as registered; empty if it is.

    A row of the record alone loads no model: its gates are read again, and its folder must be as
    the installation signed it for this very training.
    """
    version, record = entry["model_version"], evidence_of(entry)["record"]
    stopped = stopping(spec, gates_on_record(lake, spec, record["training_digest"]))
    if stopped:
        gates = ", ".join(f"{short(gate.gate)} says {gate.verdict}" for gate in stopped)
        return f"{spec.name} version {version} is kept off the ladder: of its gates, {gates}"
    try:
        require_whole(home, spec.name, entry)
    except ManifestError as error:
        return str(error)
    return ""

"""What the release pages show of the record, put into rows."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.release.events import Event
    from assets.release.standing import Standing
    from assets.release.status import Checked, ReleaseStatus
    from assets.spec import UseCaseSpec

_TONES = {
    "good": ("champion", "pass", "promote", "approve"),
    "bad": ("refused", "rejected", "rolled_back", "fail", "missing", "roll_back"),
    "warn": ("approved", "shadow", "canary", "insufficient", "hold", "redecided"),
}


def tone(word: str) -> str:
    """Colour of a stage or a verdict: good, bad, warn, or none."""
    return next((name for name, words in _TONES.items() if word in words), "")


def verdicts(one: "Standing") -> dict[str, int]:
    """How many training gates of a version say what."""
    return dict(sorted(Counter(one.gates.values()).items()))


def can_be_approved(one: "Standing") -> bool:
    """Are people asked for their word on this version?"""
    missing = len(one.approved_by) < one.approvals_needed
    return one.stage in ("registered", "shadow", "approved") and missing


def gates_found(events: "Sequence[Event]", version: int) -> dict[str, dict[str, str]]:
    """Gate, without the stage's name, to verdict and message, as the version was registered."""
    from assets.release.events import entry_of, evidence_of
    from assets.release.gate_record import short

    entry = entry_of(list(events), version)
    found = evidence_of(entry).get("gates", {}) if entry is not None else {}
    return {short(gate): said for gate, said in found.items()}


def last_found(
    lake: "Lake", spec: "UseCaseSpec", version: int
) -> "tuple[date | None, list[Checked]]":
    """The ladder's checks of a version in the last night it was looked at, and that night."""
    from assets.release.events import CANARY, SHADOW
    from assets.release.status import last_checks

    found = [last_checks(lake, spec, version, stage) for stage in (SHADOW, CANARY)]
    return max(found, key=lambda one: one[0] or date.min)


def decides_now(status: "ReleaseStatus") -> int | None:
    """The version a rollback would take off the ladder: the canary's, else the champion."""
    held = status.challenger if status.stage == "canary" else status.champion
    return held.version if held is not None else None

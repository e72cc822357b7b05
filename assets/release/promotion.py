"""What the record says when a version takes a place: its event, and the end of who held it."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from assets.release.events import (
    CANARY,
    CHAMPION,
    RETIRED,
    SHADOW,
    SYSTEM,
    Event,
    current_stages,
    evidence_of,
)


def promotion(
    events: list[Event], entry: Event, given: Mapping[str, Event], last: Event
) -> list[Event]:
    """A champion by people's approvals alone, and the end of those in its way; not yet sealed.

    ``given``: name to approval, in order; ``last``: the one that completes them, whose first day it
    is.
    """
    champion = placed(
        entry,
        CHAMPION,
        at=last["at"],
        effective_from=last["effective_from"],
        reason=f"approved by {', '.join(given)}",
        evidence={"approvals": signatures(given)},
        spec_version=last["spec_version"],
        run_id=last["run_id"],
    )
    return [champion, *superseded(events, champion)]


def placed(
    entry: Event,
    stage: str,
    *,
    at: datetime,
    effective_from: date,
    reason: str,
    evidence: Mapping[str, Any],
    spec_version: str,
    run_id: str,
) -> Event:
    """The system's event that gives a version a stage; ``entry``: how it came on record, or any
    event that holds what is registered of it."""
    said = {"record": evidence_of(entry)["record"], **evidence}
    return {
        "at": at,
        "model_version": int(entry["model_version"]),
        "stage": stage,
        "effective_from": effective_from,
        "model_digest": entry["model_digest"],
        "manifest_digest": entry["manifest_digest"],
        "actor": SYSTEM,
        "reason": reason,
        "evidence": json.dumps(said, sort_keys=True),
        "spec_version": spec_version,
        "run_id": run_id,
    }


def superseded(events: list[Event], champion: Event) -> list[Event]:
    """The end of the champion before, and of a challenger that is older than the new one."""
    version = int(champion["model_version"])
    newest = {int(e["model_version"]): e for e in events}
    same = ("at", "effective_from", "actor", "spec_version", "run_id")
    return [
        {
            **{name: champion[name] for name in same},
            "model_version": old,
            "stage": RETIRED,
            "model_digest": newest[old]["model_digest"],
            "manifest_digest": newest[old]["manifest_digest"],
            "reason": f"version {version} took its place",
            "evidence": json.dumps({"superseded_by": version}),
        }
        for old, stage in current_stages(events).items()
        if old != version and (stage == CHAMPION or (stage in (SHADOW, CANARY) and old < version))
    ]


def signatures(given: Mapping[str, Event]) -> list[str]:
    """Of approvals, in order."""
    return [str(approval["signature"]) for approval in given.values()]

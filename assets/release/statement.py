"""What a person signs when they decide on a version, and whether an event holds it.

The signature is over canonical JSON (RFC 8259, keys sorted, no spaces, ASCII), so it can be checked
by anything that can read JSON. It names the version by the digests of its files and by the digest
of all that was registered about it: nothing of that can change without a new approval.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from assets.release.events import (
    APPROVED,
    REDECIDED,
    REJECTED,
    ROLLED_BACK,
    Event,
    evidence_of,
    utc,
)
from assets.release.verified import is_signed_once

if TYPE_CHECKING:
    from assets.release.people import People

KIND = "nightshift release 1"
"""Tells these signatures from any other made with the same key."""

APPROVE, REJECT = "approve", "reject"
ROLL_BACK, REDECIDE = "roll_back", "redecide"
STAGE_OF = {APPROVE: APPROVED, REJECT: REJECTED, ROLL_BACK: ROLLED_BACK, REDECIDE: REDECIDED}


def record_digest(record: Mapping[str, Any]) -> str:
    """SHA-256 of what is registered of a version."""
    return hashlib.sha256(canonical(record)).hexdigest()


def canonical(said: Mapping[str, Any]) -> bytes:
    """The one way of writing it that is signed."""
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode("ascii")


def statement(
    use_case: str,
    entry: Event,
    *,
    gates: Mapping[str, str],
    decision: str,
    name: str,
    system_user: str,
    reason: str,
    at: datetime,
    effective_from: date,
    spec_version: str,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What is to be signed about the version that came on record by ``entry``.

    ``gates``: gate to verdict, as on record now. ``system_user``: whose session it is. ``more``:
    what this kind of decision says besides (JSON).
    """
    record = evidence_of(entry).get("record") or {}
    return {
        **(more or {}),
        "statement": KIND,
        "use_case": use_case,
        "version": int(entry["model_version"]),
        "model_digest": entry["model_digest"],
        "manifest_digest": entry["manifest_digest"],
        "training_digest": record.get("training_digest"),
        "record": record_digest(record),
        "requested_by": record.get("requested_by"),
        "spec_version": spec_version,
        "gates": dict(gates),
        "decision": decision,
        "name": name,
        "system_user": system_user,
        "reason": reason,
        "at": utc(at).isoformat(),
        "effective_from": effective_from.isoformat(),
    }


def event_of(said: Mapping[str, Any], public_key: str, signature: str) -> Event:
    """The event that puts a signed statement on record."""
    return {
        **_columns(said),
        "evidence": json.dumps({"statement": said}, sort_keys=True),
        "public_key": public_key,
        "signature": signature,
        "run_id": "",
    }


def signed_by(use_case: str, event: Event, people: "People") -> tuple[str, str]:
    """Name of the enrolled person who signed the event, or nobody and what is wrong with it."""
    said = evidence_of(event).get("statement")
    if not isinstance(said, dict) or not event["signature"] or not event["public_key"]:
        return "", "it is not signed"
    if not is_signed_once(event["public_key"], canonical(said), event["signature"]):
        return "", "its signature does not fit what it says"
    try:
        columns = _columns(said)
    except (KeyError, TypeError, ValueError):
        return "", "what is signed is no decision on a version"
    if said["statement"] != KIND or said["use_case"] != use_case:
        return "", "what is signed is no decision on a version of this use case"
    differs = [name for name, value in columns.items() if event[name] != value]
    if differs:
        return "", f"the event says something else than what was signed ({', '.join(differs)})"
    holder = people.holder(event["public_key"], event["at"])
    if holder is None or holder != said["name"]:
        return "", f"the key that signed it was not {said['name']}'s at that time"
    return holder, ""


def _columns(said: Mapping[str, Any]) -> Event:
    """The event's columns that follow from what is signed."""
    return {
        "at": datetime.fromisoformat(said["at"]),
        "model_version": said["version"],
        "stage": STAGE_OF[said["decision"]],
        "effective_from": date.fromisoformat(said["effective_from"]),
        "model_digest": said["model_digest"],
        "manifest_digest": said["manifest_digest"],
        "actor": f"person:{said['name']}",
        "reason": said["reason"],
        "spec_version": said["spec_version"],
    }

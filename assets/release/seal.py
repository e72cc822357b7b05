"""The installation's signature on what the ladder writes: who may decide follows from people's
approvals by rules, and nobody takes a step in their place by writing a row.

Signed is the whole row, its place in the record among it, in canonical JSON (RFC 8259, keys sorted,
no spaces, ASCII): version, digests, stage, first day, evidence with the approvals it cites. A copy
of the row stands in another place, and is none.
"""

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from assets.release.events import Event
from assets.release.statement import canonical
from assets.release.verified import is_signed_once
from assets.signing import public_key, sign
from assets.tables import RELEASE_EVENTS_SCHEMA

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KIND = "nightshift ladder 1"
"""Tells these signatures from any other made with the same key."""

SIGNED = tuple(n for n in RELEASE_EVENTS_SCHEMA.names if n not in ("public_key", "signature"))


def sealed(
    key: "Ed25519PrivateKey", use_case: str, events: Sequence[Event], rows: Sequence[Event]
) -> list[Event]:
    """The rows as they are appended after ``events``: numbered, and signed by the installation
    where no person signed them."""
    following = int(events[-1]["sequence"]) + 1 if events else 1
    done = []
    for number, row in enumerate(rows, following):
        placed = {**dict.fromkeys(SIGNED), **row, "sequence": number}
        if not placed.get("signature"):
            placed["public_key"] = public_key(key)
            placed["signature"] = sign(key, _signed_text(use_case, placed))
        done.append(placed)
    return done


def seal_broken(use_case: str, event: Event, installation: str) -> str:
    """Why the event is none the installation wrote in this place; empty if it is."""
    if not event["signature"]:
        return "this installation did not sign it"
    if not is_signed_once(installation, _signed_text(use_case, event), event["signature"]):
        return "this installation did not sign it, not as it stands there"
    return ""


def _signed_text(use_case: str, event: Event) -> bytes:
    said = {name: event[name] for name in SIGNED}
    said |= {
        "statement": KIND,
        "use_case": use_case,
        "at": event["at"].astimezone(UTC).isoformat(),
        "effective_from": event["effective_from"].isoformat(),
    }
    return canonical(said)

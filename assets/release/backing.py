"""Whether people stand behind a champion: signatures, who gave them, for what, and how many."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assets.release.events import (
    APPROVED,
    CHAMPION,
    REGISTERED,
    REJECTED,
    Event,
    entry_of,
    evidence_of,
)
from assets.release.gate_record import short
from assets.release.statement import record_digest, signed_by

if TYPE_CHECKING:
    from assets.release.people import People
    from assets.spec import UseCaseSpec


def is_requester(requested_by: str, name: str, system_user: str) -> bool:
    """Is this the person who asked for the training, by their name or by their system user?

    ``requested_by`` is an enrolled name, ``person:<name>``, ``user:<login>``, or the system.
    """
    asked = requested_by.removeprefix("user:").removeprefix("person:")
    return asked in (name, system_user)


def requirement(spec: "UseCaseSpec") -> str:
    """Who has to approve a version of the use case, and why: one sentence for people.

    The tier is the highest of the three ratings of risk; a high one takes the decision away from
    whoever asked for the training. The spec may ask for more people than the tier does, not fewer.
    """
    risk, needed = spec.risk, spec.approvals_needed
    people = "1 person" if needed == 1 else f"{needed} people"
    among = f" of {', '.join(spec.release.approvers)}" if spec.release.approvers else ""
    other = ""
    if risk.tier == "high":
        who = "not" if needed == 1 else "none of them"
        other = f", {who} the one who asked for the training"
    return (
        f"{people}{among} must approve{other}: risk tier {risk.tier} "
        f"(impact {risk.impact}, volume {risk.volume}, visibility {risk.visibility})"
    )


def objection(spec: "UseCaseSpec", said: dict[str, Any]) -> str:
    """Why a signed approval does not count under the spec's rules; empty if it does."""
    name = said["name"]
    if spec.release.approvers and name not in spec.release.approvers:
        return f"{name} is not among release.approvers ({', '.join(spec.release.approvers)})"
    if spec.risk.tier == "high" and is_requester(said["requested_by"], name, said["system_user"]):
        return (
            f"{name} asked for this training ({said['requested_by']}), and at risk tier high the "
            "one who asks may not approve"
        )
    failed = [short(gate) for gate, verdict in said["gates"].items() if verdict == "fail"]
    if failed:
        return f"it was given although the gate {', '.join(failed)} failed"
    return ""


def used(events: Sequence[Event], before: Event | None = None) -> set[str]:
    """Signatures that made a version champion already: an approval counts once."""
    return {
        signature
        for event in events
        if event["stage"] == CHAMPION
        and (before is None or int(event["sequence"]) < int(before["sequence"]))
        for signature in evidence_of(event).get("approvals", [])
    }


def approvals_waiting(
    spec: "UseCaseSpec", events: Sequence[Event], people: "People", entry: Event
) -> dict[str, Event]:
    """Valid approvals of a version that did not make it champion yet: name to event, in order."""
    taken = used(events)
    digest = record_digest(evidence_of(entry)["record"])
    found: dict[str, Event] = {}
    for event in events:
        if event["stage"] != APPROVED or event["signature"] in taken:
            continue
        name, _ = _approval(spec, entry, digest, event, people)
        if name:
            found.setdefault(name, event)
    return found


def backers(
    spec: "UseCaseSpec", events: Sequence[Event], people: "People", champion: Event
) -> tuple[list[str], str]:
    """Who stands behind a champion event: their names, or none and what is wrong with it.

    It needs as many approvals as the spec asks for, by different people, each signed for exactly
    this version, these digests and this record, none used before, and the last of them for this
    very first day.
    """
    evidence = evidence_of(champion)
    record, cited = evidence.get("record"), evidence.get("approvals")
    if not isinstance(record, dict) or not isinstance(cited, list) or not cited:
        return [], "no approval stands behind it"
    wrong = _out(spec, events, people, champion)
    if wrong:
        return [], wrong
    digest, taken = record_digest(record), used(events, champion)
    by_signature = {e["signature"]: e for e in events if e["stage"] == APPROVED}
    names: list[str] = []
    for signature in cited:
        approval = by_signature.get(signature)
        if approval is None:
            return [], "an approval it cites is not on record"
        if signature in taken:
            return [], f"approval {approval['sequence']} was used for an earlier champion"
        name, wrong = _approval(spec, champion, digest, approval, people)
        if wrong:
            return [], f"approval {approval['sequence']} does not count: {wrong}"
        if name not in names:
            names.append(name)
    if len(names) < spec.approvals_needed:
        return [], (
            f"{len(names)} of the {spec.approvals_needed} people it needs approved it "
            f"({', '.join(names)})"
        )
    if by_signature[cited[-1]]["effective_from"] != champion["effective_from"]:
        return [], "it was approved from another day on"
    return names, ""


def _out(spec: "UseCaseSpec", events: Sequence[Event], people: "People", champion: Event) -> str:
    """Why the version could not have been approved when it was made champion; empty if it could."""
    version = int(champion["model_version"])
    before = [
        e
        for e in events
        if int(e["model_version"]) == version and int(e["sequence"]) < int(champion["sequence"])
    ]
    entry = entry_of(before, version)
    if entry is None or entry["stage"] != REGISTERED:
        return "it is not on record as having passed its gates"
    for event in before:
        if event["stage"] == REJECTED:
            name, _ = signed_by(spec.name, event, people)
            if name:
                return f"{name} had rejected it before"
    return ""


def _approval(
    spec: "UseCaseSpec", version: Event, digest: str, approval: Event, people: "People"
) -> tuple[str, str]:
    """Who approved the version (its entry or champion event), or nobody and what is wrong."""
    for column in ("model_version", "model_digest", "manifest_digest"):
        if approval[column] != version[column]:
            return "", f"it is for another {column.replace('_', ' ')}"
    name, wrong = signed_by(spec.name, approval, people)
    if wrong:
        return "", wrong
    said = evidence_of(approval)["statement"]
    if said["record"] != digest:
        return "", "what is registered of the version was another then"
    wrong = objection(spec, said)
    return ("", wrong) if wrong else (name, "")

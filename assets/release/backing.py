"""Whether people stand behind a version that decides: signatures, whose, for what, how many."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assets.release.events import (
    APPROVED,
    CHAMPION,
    REGISTERED,
    REJECTED,
    ROLLED_BACK,
    SYSTEM,
    Event,
    entry_of,
    evidence_of,
)
from assets.release.gate_record import short
from assets.release.seal import seal_broken
from assets.release.statement import record_digest, signed_by

if TYPE_CHECKING:
    from assets.release.authority import Authority
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


def used(
    spec: "UseCaseSpec",
    events: Sequence[Event],
    authority: "Authority",
    version: int,
    before: Event | None = None,
) -> set[str]:
    """Signatures that made the version champion already: an approval counts once."""
    return {
        signature
        for event in events
        if event["stage"] == CHAMPION
        and int(event["model_version"]) == version  # of another's an approval is none
        and (before is None or int(event["sequence"]) < int(before["sequence"]))
        and not seal_broken(spec.name, event, authority.installation)
        for signature in evidence_of(event).get("approvals", [])
    }


def approvals_waiting(
    spec: "UseCaseSpec", events: Sequence[Event], authority: "Authority", entry: Event
) -> dict[str, Event]:
    """Valid approvals of a version that did not make it champion yet: name to event, in order."""
    version = int(entry["model_version"])
    taken = used(spec, events, authority, version)
    digest = record_digest(evidence_of(entry)["record"])
    found: dict[str, Event] = {}
    for event in events:
        if event["stage"] != APPROVED or int(event["model_version"]) != version:
            continue
        if event["signature"] in taken:
            continue
        name, _ = _approval(spec, entry, digest, event, authority)
        if name:
            found.setdefault(name, event)
    return found


def backers(
    spec: "UseCaseSpec", events: Sequence[Event], authority: "Authority", event: Event
) -> tuple[list[str], str]:
    """Who stands behind a champion or canary event: their names, or none and what is wrong with it.

    It needs as many approvals as the spec asks for, by different people, each signed for exactly
    this version, these digests and this record, none of an earlier champion; made champion by them
    alone, the last of them for this very first day, else none for a later one. And the installation
    signed the event itself. A champion that is back cites its earlier event instead.
    """
    names, wrong = _approvers(spec, events, authority, event)
    wrong = wrong or seal_broken(spec.name, event, authority.installation)
    return ([], wrong) if wrong else (names, "")


def shadow_wrong(
    spec: "UseCaseSpec", events: Sequence[Event], authority: "Authority", shadow: Event
) -> str:
    """Why a shadow event does not count; empty if it does.

    It decides nothing and needs no approval. But a model on it is loaded and run: so it must be as
    registered, with its gates passed, and let in by the installation.
    """
    entry, wrong = _admitted(spec, events, authority, shadow)
    if wrong:
        return wrong
    same = ("model_digest", "manifest_digest")
    record = evidence_of(shadow).get("record") or {}
    if entry is None or any(entry[column] != shadow[column] for column in same):
        return "it is for other files than were registered"
    if record_digest(record) != record_digest(evidence_of(entry).get("record") or {}):
        return "what is registered of the version is another"
    return seal_broken(spec.name, shadow, authority.installation)


def ended_wrong(spec: "UseCaseSpec", authority: "Authority", event: Event) -> str:
    """Why a rejected or rolled_back event does not count; empty if a person signed it, or the
    installation one that it wrote by itself."""
    if event["stage"] == ROLLED_BACK and event["actor"] == SYSTEM:
        return seal_broken(spec.name, event, authority.installation)
    return signed_by(spec.name, event, authority.people)[1]


def is_out(
    spec: "UseCaseSpec", events: Sequence[Event], authority: "Authority", version: int
) -> str:
    """Why the version decides nothing any more, whatever else is on record; empty if it may."""
    for event in events:
        if int(event["model_version"]) != version or event["stage"] not in (REJECTED, ROLLED_BACK):
            continue
        if not ended_wrong(spec, authority, event):
            who = str(event["actor"]).removeprefix("person:")
            done = "rejected it" if event["stage"] == REJECTED else "rolled it back"
            return f"{who} had {done} before"
    return ""


def _approvers(
    spec: "UseCaseSpec", events: Sequence[Event], authority: "Authority", event: Event
) -> tuple[list[str], str]:
    evidence = evidence_of(event)
    record, cited = evidence.get("record"), evidence.get("approvals")
    if not isinstance(record, dict) or not isinstance(cited, list) or not cited:
        return [], "no approval stands behind it"
    _, wrong = _admitted(spec, events, authority, event)
    if wrong:
        return [], wrong
    if "reinstates" in evidence:
        return _reinstated(spec, events, authority, event)
    digest, taken = (
        record_digest(record),
        used(spec, events, authority, int(event["model_version"]), event),
    )
    by_signature = {
        e["signature"]: e
        for e in events
        if e["stage"] == APPROVED and int(e["sequence"]) < int(event["sequence"])
    }
    names: list[str] = []
    for signature in cited:
        approval = by_signature.get(signature)
        if approval is None:
            return [], "an approval it cites is not on record"
        if signature in taken:
            return [], f"approval {approval['sequence']} was used for an earlier champion"
        name, wrong = _approval(spec, event, digest, approval, authority)
        if wrong:
            return [], f"approval {approval['sequence']} does not count: {wrong}"
        if name not in names:
            names.append(name)
    if len(names) < spec.approvals_needed:
        return [], (
            f"{len(names)} of the {spec.approvals_needed} people it needs approved it "
            f"({', '.join(names)})"
        )
    days = [by_signature[signature]["effective_from"] for signature in cited]
    stepped = "night" in evidence  # up the ladder, some time after people said that it may
    if max(days) > event["effective_from"] or (not stepped and days[-1] != event["effective_from"]):
        return [], "it was approved from another day on"
    return names, ""


def _reinstated(
    spec: "UseCaseSpec", events: Sequence[Event], authority: "Authority", event: Event
) -> tuple[list[str], str]:
    """Who stood behind a champion that is back; nobody where it cites no rollback of another
    version after an earlier, sound champion event of its own."""
    evidence = evidence_of(event)
    before = [e for e in events if int(e["sequence"]) < int(event["sequence"])]
    # Of several with one signature the first is the one that was signed.
    by_signature = {e["signature"]: e for e in reversed(before) if e["signature"]}
    earlier = by_signature.get(evidence.get("reinstates"))
    rollback = by_signature.get(evidence.get("rollback"))
    if earlier is None or earlier["stage"] != CHAMPION:
        return [], "the champion event it cites is not on record"
    if rollback is None or rollback["stage"] != ROLLED_BACK:
        return [], "the rollback it cites is not on record"
    for column in ("model_version", "model_digest", "manifest_digest"):
        if earlier[column] != event[column]:
            return [], f"it was champion under another {column.replace('_', ' ')}"
    cites = ("record", "approvals")
    if any(evidence_of(earlier).get(name) != evidence.get(name) for name in cites):
        return [], "it was champion under another record or by other approvals"
    wrong = ended_wrong(spec, authority, rollback)
    if wrong:
        return [], f"rollback {rollback['sequence']} does not count: {wrong}"
    if rollback["model_version"] == event["model_version"]:
        return [], "it was itself rolled back"
    names, wrong = backers(spec, before, authority, earlier)
    return names, f"champion event {earlier['sequence']} does not count: {wrong}" if wrong else ""


def _admitted(
    spec: "UseCaseSpec", events: Sequence[Event], authority: "Authority", event: Event
) -> tuple[Event | None, str]:
    """The entry of the event's version, or why it could not have been let up when it was."""
    version = int(event["model_version"])
    before = [e for e in events if int(e["sequence"]) < int(event["sequence"])]
    entry = entry_of(before, version)
    if entry is None or entry["stage"] != REGISTERED:
        return None, "it is not on record as having passed its gates"
    return entry, is_out(spec, before, authority, version)


def _approval(
    spec: "UseCaseSpec", version: Event, digest: str, approval: Event, authority: "Authority"
) -> tuple[str, str]:
    """Who approved the version (its entry or an event that cites it), or nobody and why not."""
    for column in ("model_version", "model_digest", "manifest_digest"):
        if approval[column] != version[column]:
            return "", f"it is for another {column.replace('_', ' ')}"
    name, wrong = signed_by(spec.name, approval, authority.people)
    if wrong:
        return "", wrong
    said = evidence_of(approval)["statement"]
    if said["record"] != digest:
        return "", "what is registered of the version was another then"
    wrong = objection(spec, said)
    return ("", wrong) if wrong else (name, "")

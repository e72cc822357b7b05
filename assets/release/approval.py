"""Approving and rejecting a version: what a person must be, and what the record then says."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from assets.errors import NightshiftError
from assets.release.artifact import require_whole
from assets.release.authority import read_authority
from assets.release.backing import approvals_waiting, objection
from assets.release.champion import NotApproved, champion_of, genuine
from assets.release.events import (
    APPROVED,
    CANARY,
    CHAMPION,
    REFUSED,
    REGISTERED,
    REJECTED,
    SHADOW,
    Champion,
    Event,
    append_events,
    current_stages,
    evidence_of,
    sound_entry,
    stage_event,
    utc,
)
from assets.release.first_day import as_of_day, next_night
from assets.release.gate_record import gates_on_record, short, stopping, verdicts_of
from assets.release.promotion import promotion
from assets.release.seal import sealed
from assets.release.statement import APPROVE, REJECT, canonical, event_of, signed_by, statement
from assets.signing import public_key, sign
from assets.training.manifest import installation_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from assets.home import Home
    from assets.lake import Lake
    from assets.release.authority import Authority
    from assets.release.people import People
    from assets.spec import UseCaseSpec


class ApprovalRefused(NightshiftError):
    """A decision that may not be made, or not by this person. Nothing was written."""


@dataclass(frozen=True)
class Signer:
    """Who decides, at the terminal: their private key, and the system user whose session it is."""

    identity: "Ed25519PrivateKey"
    system_user: str


def approve(
    home: "Home",
    lake: "Lake",
    spec: "UseCaseSpec",
    version: int,
    signer: Signer,
    *,
    reason: str,
    now: datetime,
    effective_from: date | None = None,
    expect: str | None = None,
) -> list[Event]:
    """Put a person's approval on record: the version may decide.

    Beside a champion that is all, and the ladder does the rest (see ``advance``). Where the
    champion's place is empty or in doubt, or the spec has neither shadow nor canary, the last
    approval that spec.approvals_needed asks for makes it champion, in the same commit: the
    ``champion`` event that cites the approvals, sealed by the installation, and ``retired`` for the
    champion before it. Returns the events written; none when this person approved it already and
    no one else is needed.

    ``now``: the wall clock, UTC. ``effective_from``: first day it may decide; by default the day
    after the newest one with predictions, or its as-of day where that is later. ``expect``: the
    model digest, or its beginning, of what the person looked at.

    Raises ApprovalRefused when the key is no enrolled person's, the version is not waiting for
    approval, a gate did not pass, the person may not approve it (release.approvers; at tier high
    the one who asked for the training; the same person twice), or the day lies before its as-of
    time; ManifestError when the model's files are not those that were registered.
    """
    authority = read_authority(lake, home)
    name = person_of(authority.people, signer, now)
    need_reason(reason)

    def decide(events: list[Event]) -> list[Event]:
        entry = entry_for(spec, events, version, expect)
        there = _champion(spec, events, authority)
        holder = _champion_already(spec, events, authority, version, there)
        if holder is not None and name in holder.approved_by:
            return []
        if holder is not None:
            raise ApprovalRefused(
                f"{spec.name} version {version} is champion from {holder.effective_from} on, "
                f"approved by {', '.join(holder.approved_by)}"
            )
        gates = gates_on_record(lake, spec, evidence_of(entry)["record"]["training_digest"])
        for gate in stopping(spec, gates):
            raise ApprovalRefused(
                f"{spec.name} version {version}: the gate {short(gate.gate)} says {gate.verdict} "
                f"({gate.message}). A version that did not pass its gates cannot be approved"
            )
        waiting = approvals_waiting(spec, events, authority, entry)
        require_whole(home, spec.name, entry)
        more = spec.approvals_needed - len(waiting)
        steps = (spec.release.shadow, spec.release.canary) != (None, None) and there is not None
        if steps and more <= 0 and name in waiting:
            return []
        if steps and more <= 0:
            raise ApprovalRefused(
                f"{spec.name} version {version} was approved by {', '.join(waiting)} already: the "
                "ladder takes it on from there, and needs no more"
            )
        if name in waiting and more > 0:
            raise ApprovalRefused(
                f"{name} approved {spec.name} version {version} already; {more} more "
                f"{'person' if more == 1 else 'people'} must approve it"
            )
        earliest = as_of_day(entry)
        others = [e["effective_from"] for e in waiting.values()]
        first = effective_from or max(earliest, next_night(lake, spec.name, entry), *others)
        if first < earliest:
            raise ApprovalRefused(
                f"{spec.name} version {version} cannot decide {first}: it was trained on what was "
                f"known on {earliest}. Give --effective-from {earliest} or later"
            )
        said = statement(
            spec.name,
            entry,
            gates=verdicts_of(gates),
            decision=APPROVE,
            name=name,
            system_user=signer.system_user,
            reason=reason,
            at=now,
            effective_from=first,
            spec_version=spec.version,
        )
        wrong = objection(spec, said)
        if wrong:
            raise ApprovalRefused(f"{spec.name} version {version} is not approved: {wrong}")
        approved = signed_event(said, signer)
        # The last one says from which day on; who approved before, when more were needed, is last.
        given = {who: event for who, event in waiting.items() if who != name} | {name: approved}
        if steps or len(given) < spec.approvals_needed:
            return [approved]
        rows = [approved, *promotion(events, entry, given, approved)]
        return sealed(installation_key(home), spec.name, events, rows)

    return append_events(lake, spec.name, decide)


def reject(
    home: "Home",
    lake: "Lake",
    spec: "UseCaseSpec",
    version: int,
    signer: Signer,
    *,
    reason: str,
    now: datetime,
    effective_from: date | None = None,
    expect: str | None = None,
) -> list[Event]:
    """Put a person's rejection on record: the version never decides again, from that day on.

    Any enrolled person may reject any version that its gates have not refused; a champion leaves
    its place empty, and its cases go to people. Returns the event written, none when a person has
    rejected it already. Arguments as of :func:`approve`. Raises ApprovalRefused when the key is no
    enrolled person's or there is no such version.
    """
    people = read_authority(lake, home).people
    name = person_of(people, signer, now)
    need_reason(reason)

    def decide(events: list[Event]) -> list[Event]:
        entry = entry_for(spec, events, version, expect, any_event=True)
        last = stage_event([e for e in events if int(e["model_version"]) == version])
        if last["stage"] == REJECTED and signed_by(spec.name, last, people)[0]:
            return []
        if last["stage"] == REFUSED:
            raise ApprovalRefused(
                f"{spec.name} version {version} was refused by its gates and decides nothing "
                f"anyway: {last['reason']}"
            )
        record = evidence_of(entry).get("record") or {}
        gates = gates_on_record(lake, spec, str(record.get("training_digest", "")))
        said = statement(
            spec.name,
            entry,
            gates=verdicts_of(gates),
            decision=REJECT,
            name=name,
            system_user=signer.system_user,
            reason=reason,
            at=now,
            effective_from=effective_from or next_night(lake, spec.name, entry),
            spec_version=spec.version,
        )
        return [signed_event(said, signer)]

    return append_events(lake, spec.name, decide)


def person_of(people: "People", signer: Signer, now: datetime) -> str:
    """Name of the enrolled person whose key it is. Raises ApprovalRefused where it is nobody's."""
    name = people.holder(public_key(signer.identity), utc(now))
    if name is None:
        told = f" ({'; '.join(people.problems)})" if people.problems else ""
        raise ApprovalRefused(
            f"the key of this identity is no enrolled person's{told}: `nightshift people enrol "
            "NAME` makes one, `nightshift people list` shows who is enrolled"
        )
    return name


def need_reason(reason: str) -> None:
    """Raises ApprovalRefused for none."""
    if not reason.strip():
        raise ApprovalRefused("a decision needs a reason: --reason TEXT")


def signed_event(said: dict[str, Any], signer: Signer) -> Event:
    """The event that holds a statement, signed by the person at the terminal."""
    return event_of(said, public_key(signer.identity), sign(signer.identity, canonical(said)))


def entry_for(
    spec: "UseCaseSpec",
    events: list[Event],
    version: int,
    expect: str | None = None,
    *,
    any_event: bool = False,
) -> Event:
    """The event the version came on record by; with ``any_event`` whichever names it last.

    Raises ApprovalRefused when there is none, it is not as the road writes it, or the model digest
    does not begin with ``expect``.
    """
    own = [e for e in events if int(e["model_version"]) == version]
    if not own:
        known = ", ".join(str(v) for v in sorted(current_stages(events))) or "none"
        raise ApprovalRefused(
            f"{spec.name} has no version {version} on its release record. On it: {known}"
        )
    entry = sound_entry(own, version)
    if entry is None and not any_event:
        raise ApprovalRefused(
            f"the release record of {spec.name} version {version} is not as the road writes it: "
            "somebody wrote into it. Train anew, or restore the record from a backup"
        )
    found = entry if entry is not None else own[-1]
    if expect is not None and not str(found["model_digest"]).startswith(expect):
        raise ApprovalRefused(
            f"{spec.name} version {version} has the model digest {found['model_digest']}, not "
            f"{expect}: look at it again"
        )
    return found


def _champion(spec: "UseCaseSpec", events: list[Event], authority: "Authority") -> Champion | None:
    """Who holds the place, or is to; None where nobody does or who does is in doubt."""
    try:
        return champion_of(spec, events, authority, date.max)
    except NotApproved:
        return None


def _champion_already(
    spec: "UseCaseSpec",
    events: list[Event],
    authority: "Authority",
    version: int,
    champion: Champion | None,
) -> Champion | None:
    """The champion, if it is this version; None when the version may be approved.

    It may while it is registered, on its way up the ladder, or waits for more approvals, and when
    it was made champion but no longer counts as such, because the spec asks for more now or
    somebody wrote into the record. Raises ApprovalRefused in any other stage.
    """
    own = [e for e in genuine(spec, events, authority) if int(e["model_version"]) == version]
    last = stage_event(own)
    if last["stage"] not in (REGISTERED, APPROVED, SHADOW, CANARY, CHAMPION):
        raise ApprovalRefused(
            f"{spec.name} version {version} is {str(last['stage']).replace('_', ' ')} and cannot "
            f"be approved: {last['reason']}"
        )
    return champion if champion is not None and champion.version == version else None

"""Approving and rejecting a version: what a person must be, and what the record then says."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from assets.errors import NightshiftError
from assets.release.artifact import require_whole
from assets.release.backing import approvals_waiting, objection
from assets.release.champion import NotApproved, champion_of, genuine
from assets.release.events import (
    APPROVED,
    CHAMPION,
    REFUSED,
    REGISTERED,
    REJECTED,
    Champion,
    Event,
    append_events,
    current_stages,
    entry_of,
    evidence_of,
    utc,
)
from assets.release.first_day import as_of_day, next_night
from assets.release.gate_record import gates_on_record, short, stopping, verdicts_of
from assets.release.people import read_people
from assets.release.promotion import promotion
from assets.release.statement import APPROVE, REJECT, canonical, event_of, signed_by, statement
from assets.signing import public_key, sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from assets.home import Home
    from assets.lake import Lake
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
    """Put a person's approval on record; with the last one needed the version becomes champion.

    In one commit: the signed ``approved`` event, and when it completes what spec.approvals_needed
    asks for, the ``champion`` event that cites the approvals and ``retired`` for the champion
    before it. Returns the events written; none when this version is champion by this very person's
    approval already.

    ``now``: the wall clock, UTC. ``effective_from``: first day it decides; by default the day after
    the newest one with predictions, or its as-of day where that is later. ``expect``: the model
    digest, or its beginning, of what the person looked at.

    Raises ApprovalRefused when the key is no enrolled person's, the version is not waiting for
    approval, a gate did not pass, the person may not approve it (release.approvers; at tier high
    the one who asked for the training; the same person twice), or the day lies before its as-of
    time; ManifestError when the model's files are not those that were registered.
    """
    people = read_people(lake, home)
    name = _person(people, signer, now)
    _need_reason(reason)

    def decide(events: list[Event]) -> list[Event]:
        entry = _entry(spec, events, version, expect)
        holder = _champion_already(spec, events, people, version)
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
        waiting = approvals_waiting(spec, events, people, entry)
        require_whole(home, spec.name, entry)
        more = spec.approvals_needed - len(waiting)
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
        approved = _signed(said, signer)
        # The last one says from which day on; who approved before, when more were needed, is last.
        given = {who: event for who, event in waiting.items() if who != name} | {name: approved}
        if len(given) < spec.approvals_needed:
            return [approved]
        return [approved, *promotion(events, entry, given, approved)]

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
    people = read_people(lake, home)
    name = _person(people, signer, now)
    _need_reason(reason)

    def decide(events: list[Event]) -> list[Event]:
        entry = _entry(spec, events, version, expect, any_event=True)
        last = [e for e in events if int(e["model_version"]) == version][-1]
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
        return [_signed(said, signer)]

    return append_events(lake, spec.name, decide)


def _person(people: "People", signer: Signer, now: datetime) -> str:
    name = people.holder(public_key(signer.identity), utc(now))
    if name is None:
        told = f" ({'; '.join(people.problems)})" if people.problems else ""
        raise ApprovalRefused(
            f"the key of this identity is no enrolled person's{told}: `nightshift people enrol "
            "NAME` makes one, `nightshift people list` shows who is enrolled"
        )
    return name


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise ApprovalRefused("a decision needs a reason: --reason TEXT")


def _entry(
    spec: "UseCaseSpec",
    events: list[Event],
    version: int,
    expect: str | None,
    *,
    any_event: bool = False,
) -> Event:
    """The event the version came on record by; with ``any_event`` whichever names it last."""
    own = [e for e in events if int(e["model_version"]) == version]
    if not own:
        known = ", ".join(str(v) for v in sorted(current_stages(events))) or "none"
        raise ApprovalRefused(
            f"{spec.name} has no version {version} on its release record. On it: {known}"
        )
    entry = entry_of(own, version)
    record = evidence_of(entry).get("record", {}) if entry is not None else {}
    sound = (
        entry is not None
        and record.get("digest") == entry["model_digest"]
        and record.get("manifest_digest") == entry["manifest_digest"]
        and [e["stage"] for e in own].count(REGISTERED) <= 1
    )
    if not sound and not any_event:
        raise ApprovalRefused(
            f"the release record of {spec.name} version {version} is not as the road writes it: "
            "somebody wrote into it. Train anew, or restore the record from a backup"
        )
    found = entry if entry is not None and sound else own[-1]
    if expect is not None and not str(found["model_digest"]).startswith(expect):
        raise ApprovalRefused(
            f"{spec.name} version {version} has the model digest {found['model_digest']}, not "
            f"{expect}: look at it again"
        )
    return found


def _champion_already(
    spec: "UseCaseSpec", events: list[Event], people: "People", version: int
) -> Champion | None:
    """The champion, if it is this version; None when the version may be approved.

    It may while it is registered or waits for more approvals, and when it was made champion but no
    longer counts as such, because the spec asks for more now or somebody wrote into the record.
    Raises ApprovalRefused in any other stage.
    """
    own = [e for e in genuine(spec, events, people) if int(e["model_version"]) == version]
    last = own[-1]
    if last["stage"] not in (REGISTERED, APPROVED, CHAMPION):
        raise ApprovalRefused(
            f"{spec.name} version {version} is {last['stage']} and cannot be approved: "
            f"{last['reason']}"
        )
    if last["stage"] != CHAMPION:
        return None
    try:
        champion = champion_of(spec, events, people, date.max)
    except NotApproved:
        return None
    return champion if champion is not None and champion.version == version else None


def _signed(said: dict[str, Any], signer: Signer) -> Event:
    return event_of(said, public_key(signer.identity), sign(signer.identity, canonical(said)))

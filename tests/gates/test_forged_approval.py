"""Nothing but people's signatures makes a version decide.

Events are written into the table by hand, with everything but what they would need to count.
"""

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from assets.home import Home
from assets.lake import Lake
from assets.release.approval import ApprovalRefused, Signer
from assets.release.champion import NotApproved, champion_on
from assets.release.events import Event, current_stages, evidence_of, read_events
from assets.release.people import remove
from assets.release.statement import canonical
from assets.signing import public_key, sign
from assets.spec import UseCaseSpec
from tests.released import (
    AS_OF,
    NAME,
    NOW,
    approved,
    identity,
    make_spec,
    person,
    put,
    rejected,
    written,
    written_with_the_key,
)

FIRST = AS_OF.date()
LATE = date(2026, 12, 31)


def holder(home: Home, lake: Lake, spec: UseCaseSpec, day: date = LATE) -> int | None:
    champion = champion_on(lake, home, spec, day)
    return champion.version if champion else None


@pytest.fixture
def spec() -> UseCaseSpec:
    return make_spec()


def champion_event(lake: Lake) -> Event:
    return [e for e in read_events(lake, NAME) if e["stage"] == "champion"][-1]


def refused(home: Home, lake: Lake, spec: UseCaseSpec, said: str) -> None:
    with pytest.raises(NotApproved, match=said):
        champion_on(lake, home, spec, LATE)


def forged(
    lake: Lake, signer: Signer, version: int = 1, name: str = "ann", **changes: Any
) -> list[Event]:
    """An approval of a version signed by any key, and the champion event that cites it, not yet
    sealed."""
    from assets.release.events import entry_of
    from assets.release.promotion import promotion
    from assets.release.statement import event_of, statement

    events = read_events(lake, NAME)
    entry = entry_of(events, version)
    assert entry is not None
    said = (
        statement(
            NAME,
            entry,
            gates={"training.leak": "pass"},
            decision="approve",
            name=name,
            system_user="login",
            reason="trust me",
            at=NOW,
            effective_from=FIRST,
            spec_version="s",
        )
        | changes
    )
    key = public_key(signer.identity)
    approval = event_of(said, key, sign(signer.identity, canonical(said)))
    return [approval, *promotion(events, entry, {name: approval}, approval)]


def test_forging_by_the_book_with_an_enrolled_key_is_what_approving_does(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    """So that the refusals below are of what they say, and of nothing else."""
    written_with_the_key(home, lake, *forged(lake, ann))
    assert holder(home, lake, spec) == 1


def test_a_champion_event_that_the_installation_did_not_sign_is_refused(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    """An enrolled person's approval is no leave to write into the record by hand."""
    written(lake, *forged(lake, ann))
    refused(home, lake, spec, "version 1 was made champion, but this installation did not sign it")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", datetime(2026, 9, 2, tzinfo=NOW.tzinfo)),
        ("reason", "something else"),
        ("actor", "person:ann"),
        ("spec_version", "another"),
        ("run_id", "another"),
        ("signature", "x"),
    ],
)
def test_a_champion_event_changed_after_it_was_signed_is_refused(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer, column: str, value: Any
) -> None:
    from assets.release.seal import sealed
    from assets.training.manifest import installation_key

    rows = sealed(installation_key(home), NAME, read_events(lake, NAME), forged(lake, ann))
    written(lake, rows[0], {**rows[1], column: value})
    refused(home, lake, spec, "this installation did not sign it")


def test_a_champion_event_written_by_hand_is_refused(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approved(home, lake, spec, 1, ann)
    event = champion_event(lake)
    entry = read_events(lake, NAME)[1]
    record = {"record": evidence_of(entry)["record"]}
    for evidence in (
        "",
        "[]",
        "{}",
        json.dumps(record),
        json.dumps({**record, "approvals": ["x"]}),
    ):
        written(lake, {**event, "model_version": 2, "evidence": evidence, "reason": "ann said so"})
        refused(home, lake, spec, "version 2 was made champion, but (no|an) approval")
    assert holder(home, lake, spec, FIRST - timedelta(days=1)) is None


def test_an_approval_signed_by_a_key_nobody_enrolled_is_refused(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer, stranger: Signer
) -> None:
    written_with_the_key(home, lake, *forged(lake, stranger))
    refused(home, lake, spec, "the key that signed it was not ann's at that time")


def test_a_signature_under_another_enrolled_name_is_refused(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    person(home, lake, "bob")
    written_with_the_key(home, lake, *forged(lake, ann, name="bob"))
    refused(home, lake, spec, "the key that signed it was not bob's at that time")


def test_a_signature_that_does_not_fit_is_refused(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approval, champion = forged(lake, ann)
    said = evidence_of(approval)["statement"] | {"reason": "something else"}
    event = {**approval, "evidence": json.dumps({"statement": said}), "reason": "something else"}
    written_with_the_key(home, lake, event, champion)
    refused(home, lake, spec, "its signature does not fit what it says")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("model_version", 2),
        ("model_digest", "0" * 64),
        ("manifest_digest", "0" * 64),
        ("effective_from", date(2026, 1, 1)),
        ("reason", "something else"),
        ("actor", "person:bob"),
        ("at", datetime(2026, 9, 1, 13, tzinfo=NOW.tzinfo)),
        ("signature", None),
        ("public_key", None),
        ("evidence", "{}"),
    ],
)
def test_an_approval_changed_after_it_was_signed_is_refused(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer, column: str, value: Any
) -> None:
    approval, champion = forged(lake, ann)
    written_with_the_key(home, lake, {**approval, column: value}, champion)
    refused(home, lake, spec, "(does not count|not on record)")


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("model_version", 2, "it is for another model version"),
        ("model_digest", "0" * 64, "it is for another model digest"),
        ("manifest_digest", "0" * 64, "it is for another manifest digest"),
        ("effective_from", date(2026, 1, 1), "it was approved from another day on"),
    ],
)
def test_an_approval_is_for_exactly_one_version_its_files_and_its_day(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer, column: str, value: Any, said: str
) -> None:
    approval, champion = forged(lake, ann)
    written_with_the_key(home, lake, approval, {**champion, column: value})
    refused(home, lake, spec, said)


def test_what_was_registered_cannot_change_after_the_approval(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approval, champion = forged(lake, ann)
    evidence = evidence_of(champion)
    evidence["record"]["model_path"] = "models/elsewhere.skops"
    written_with_the_key(home, lake, approval, {**champion, "evidence": json.dumps(evidence)})
    refused(home, lake, spec, "what is registered of the version was another then")


def test_an_approval_in_another_use_case_is_none_in_this_one(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    written_with_the_key(home, lake, *forged(lake, ann, use_case="ships"))
    refused(home, lake, spec, "no decision on a version of this use case")


@pytest.mark.parametrize("statement", ["nightshift people 1", "nightshift release 2"])
def test_a_signature_made_for_something_else_is_refused(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer, statement: str
) -> None:
    written_with_the_key(home, lake, *forged(lake, ann, statement=statement))
    refused(home, lake, spec, "what is signed is no decision")


def test_the_requester_cannot_approve_by_hand_either(home: Home, lake: Lake) -> None:
    high, ann = make_spec("high"), person(home, lake, "ann")
    put(lake, high, 1, "ann")
    written_with_the_key(home, lake, *forged(lake, ann))
    refused(home, lake, high, "at risk tier high the one who asks may not approve")
    assert holder(home, lake, make_spec("low")) == 1


def test_someone_removed_cannot_approve_by_hand_either(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    remove(lake, home, "ann", at=NOW - timedelta(days=1), by="user:admin", reason="left")
    written_with_the_key(home, lake, *forged(lake, ann))
    refused(home, lake, spec, "the key that signed it was not ann's at that time")


def test_a_gate_that_failed_is_not_approved_away(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    written_with_the_key(home, lake, *forged(lake, ann, gates={"training.leak": "fail"}))
    refused(home, lake, spec, "although the gate leak failed")


def test_what_gates_refused_or_a_person_rejected_is_not_made_champion_by_hand(
    home: Home, lake: Lake, ann: Signer
) -> None:
    spec = make_spec(approvals=2)
    put(lake, spec, 3, leak="fail")
    written_with_the_key(home, lake, *forged(lake, ann, 3))
    refused(home, lake, spec, "version 3 was made champion, but it is not on record as having")
    approved(home, lake, spec, 1, ann)
    rejected(home, lake, spec, 1, ann)
    written_with_the_key(home, lake, *forged(lake, person(home, lake, "bob"), 1, "bob"))
    refused(home, lake, spec, "version 1 was made champion, but ann had rejected it before")


def test_one_persons_approval_twice_is_not_two_peoples(home: Home, lake: Lake, ann: Signer) -> None:
    approval, champion = forged(lake, ann)
    second, _ = forged(lake, ann, reason="once more")
    evidence = evidence_of(champion)
    evidence["approvals"] = [approval["signature"], second["signature"]]
    written_with_the_key(
        home, lake, approval, second, {**champion, "evidence": json.dumps(evidence)}
    )
    refused(home, lake, make_spec(approvals=2), "1 of the 2 people it needs approved it")


def test_an_approval_makes_a_champion_once_and_cannot_be_played_again(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    events = approved(home, lake, spec, 1, ann)
    approved(home, lake, spec, 2, ann)
    written(lake, *events)  # everything genuine, and yet nobody wants version 1 back
    refused(home, lake, spec, "was used for an earlier champion")


def test_nobody_is_retired_or_rejected_by_hand(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approved(home, lake, spec, 1, ann)
    event = champion_event(lake)
    written(lake, {**event, "stage": "retired", "evidence": json.dumps({"superseded_by": 2})})
    refused(home, lake, spec, "version 1 was retired, but no other took its place")
    approved(home, lake, spec, 1, ann, now=NOW + timedelta(hours=1))  # a person says it stays
    assert holder(home, lake, spec) == 1
    written(lake, {**event, "stage": "rejected"})
    refused(home, lake, spec, "version 1 was rejected, but it is not signed")
    rejected(home, lake, spec, 1, ann)  # a person says it goes
    assert holder(home, lake, spec) is None


def test_a_rejection_nobody_signed_keeps_nobody_from_approving(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    written(lake, {**read_events(lake, NAME)[0], "stage": "rejected"})
    approved(home, lake, spec, 1, ann)
    assert holder(home, lake, spec) == 1


def test_a_person_puts_a_record_right_that_was_written_into(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approved(home, lake, spec, 1, ann)
    written(lake, {**champion_event(lake), "model_version": 2, "evidence": "{}"})
    refused(home, lake, spec, "version 2 was made champion, but no approval stands behind it")
    rejected(home, lake, spec, 2, ann)
    assert holder(home, lake, spec) is None  # nobody can tell which one was meant
    approved(home, lake, spec, 1, ann, now=NOW + timedelta(hours=1))
    assert holder(home, lake, spec) == 1


def test_a_registration_written_by_hand_is_not_there_to_approve(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    entry = read_events(lake, NAME)[0]
    record = evidence_of(entry)["record"] | {"requested_by": "somebody else"}
    evidence = json.dumps({"record": record, "gates": {}})
    written(lake, {**entry, "evidence": evidence})  # the second one of version 1
    written(lake, {**entry, "model_version": 3, "model_digest": "3" * 64})
    for version in (1, 3):
        with pytest.raises(ApprovalRefused, match="somebody wrote into it"):
            approved(home, lake, spec, version, ann)


def test_a_spec_that_asks_for_more_asks_for_it_of_the_champion_too(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approved(home, lake, spec, 1, ann)
    stricter = make_spec(approvals=2)
    refused(home, lake, stricter, r"1 of the 2 people it needs approved it \(ann\)")
    approved(home, lake, stricter, 1, ann)
    refused(home, lake, stricter, "1 of the 2 people")
    approved(home, lake, stricter, 1, person(home, lake, "bob"))
    assert holder(home, lake, stricter) == 1
    assert current_stages(read_events(lake, NAME))[1] == "champion"


def test_the_environment_replaces_no_person(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(lake, {**read_events(lake, NAME)[0], "stage": "champion"})
    for name in ("APPROVED", "SKIP_APPROVAL", "APPROVAL", "FORCE", "DRY_RUN", "DEMO"):
        monkeypatch.setenv(f"NIGHTSHIFT_{name}", "1")
    monkeypatch.setenv("NIGHTSHIFT_IDENTITY", str(identity(home, "ann")))
    refused(home, lake, spec, "version 1 was made champion, but no approval stands behind it")


def test_the_login_of_the_environment_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.identity import system_user

    before = system_user()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody_else")
    assert system_user() == before


def test_without_the_installations_key_no_champion_counts(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approved(home, lake, spec, 1, ann)
    home.signing_key.unlink()
    refused(home, lake, spec, "Restore it from a backup, or enrol everyone again")

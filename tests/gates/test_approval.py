"""Who may approve what, and that it happens once: each rule fires, and each stays silent."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.home import Home
from assets.lake import Lake
from assets.release.approval import ApprovalRefused, Signer
from assets.release.champion import champion_on
from assets.release.events import current_stages, evidence_of, read_events
from assets.release.people import remove
from assets.signing import load_private_key
from assets.spec import UseCaseSpec
from assets.tables import RELEASE_EVENTS
from assets.training.manifest import ManifestError
from tests.faults.forked import Work
from tests.released import (
    AS_OF,
    NAME,
    NOW,
    approved,
    direct_spec,
    entered,
    identity,
    judged,
    make_spec,
    person,
    put,
    registered,
    rejected,
    scored,
    stored,
)

FIRST = AS_OF.date()
LATE = date(2026, 12, 31)


def holder(home: Home, lake: Lake, spec: UseCaseSpec, day: date = LATE) -> int | None:
    champion = champion_on(lake, home, spec, day)
    return champion.version if champion else None


@pytest.fixture
def spec() -> UseCaseSpec:
    return direct_spec()


def test_one_approval_makes_a_champion_and_retires_the_one_before(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    first = approved(home, lake, spec, 1, ann)
    assert [e["stage"] for e in first] == ["approved", "champion"]
    assert {e["effective_from"] for e in first} == {FIRST}  # nothing was scored yet
    scored(lake, date(2026, 3, 5))
    before = lake.version(NAME, RELEASE_EVENTS)
    second = approved(home, lake, spec, 2, ann)
    assert lake.version(NAME, RELEASE_EVENTS) == before + 1  # all of it in one commit
    assert [(e["stage"], e["model_version"]) for e in second] == [
        ("approved", 2),
        ("champion", 2),
        ("retired", 1),
    ]
    assert {e["effective_from"] for e in second} == {date(2026, 3, 6)}
    assert holder(home, lake, spec, date(2026, 3, 5)) == 1
    assert holder(home, lake, spec, date(2026, 3, 6)) == 2


def test_what_is_signed_says_all_that_was_decided_on(
    home: Home, lake: Lake, spec: UseCaseSpec
) -> None:
    put(lake, spec, 1, stability="insufficient")
    (event, _) = approved(home, lake, spec, 1, person(home, lake, "ann"))
    said = evidence_of(event)["statement"]
    assert said["gates"].pop("training.stability") == "insufficient"  # the approver knew
    assert set(said["gates"].values()) == {"pass"}
    assert {"training.leak", "training.behaviour"} <= set(said["gates"])
    entry = read_events(lake, NAME)[0]
    assert said["model_digest"] == entry["model_digest"]
    assert said["manifest_digest"] == entry["manifest_digest"]
    assert said["training_digest"] == registered(1).training_digest
    assert (said["decision"], said["name"], said["spec_version"]) == (
        "approve",
        "ann",
        spec.version,
    )
    assert (said["at"], said["effective_from"]) == (NOW.isoformat(), FIRST.isoformat())


def test_the_same_again_changes_nothing(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approved(home, lake, spec, 1, ann)
    rejected(home, lake, spec, 2, ann)
    before = lake.version(NAME, RELEASE_EVENTS)
    assert approved(home, lake, spec, 1, ann, now=NOW + timedelta(hours=1)) == []
    assert rejected(home, lake, spec, 2, ann, now=NOW + timedelta(hours=1)) == []
    with pytest.raises(ApprovalRefused, match="is champion from 2026-03-01 on, approved by ann"):
        approved(home, lake, spec, 1, person(home, lake, "bob"))
    assert lake.version(NAME, RELEASE_EVENTS) == before


def test_a_key_nobody_enrolled_decides_nothing(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer, stranger: Signer
) -> None:
    for decision in (approved, rejected):
        with pytest.raises(ApprovalRefused, match="no enrolled person's"):
            decision(home, lake, spec, 1, stranger)
    with pytest.raises(ApprovalRefused, match="no enrolled person's"):
        approved(home, lake, spec, 1, ann, now=NOW - timedelta(days=300))  # not enrolled then
    assert holder(home, lake, spec) is None


def test_someone_removed_approves_nothing_more_and_what_they_approved_stays(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approved(home, lake, spec, 1, ann)
    remove(lake, home, "ann", at=NOW + timedelta(days=1), by="user:admin", reason="left")
    assert holder(home, lake, spec) == 1
    with pytest.raises(ApprovalRefused, match="no enrolled person's"):
        approved(home, lake, spec, 2, ann, now=NOW + timedelta(days=2))


def test_only_the_approvers_of_the_spec_may(home: Home, lake: Lake, ann: Signer) -> None:
    spec, bob = make_spec(approvers=["bob", "cleo"]), person(home, lake, "bob")
    with pytest.raises(ApprovalRefused, match=r"ann is not among release.approvers \(bob, cleo\)"):
        approved(home, lake, spec, 1, ann)
    assert holder(home, lake, spec) is None
    approved(home, lake, spec, 1, bob)
    assert holder(home, lake, spec) == 1
    rejected(home, lake, spec, 1, ann)  # anyone enrolled may stop a version
    assert holder(home, lake, spec) is None


@pytest.mark.parametrize("tier", ["medium", "high"])
@pytest.mark.parametrize(
    ("requested_by", "user"),
    [
        ("ann", "login_ann"),  # by her own name
        ("user:ann", "elsewhere"),  # by a login that is her name
        ("user:shared", "shared"),  # by the login she now sits at
    ],
)
def test_at_tier_high_whoever_asked_for_the_training_does_not_approve_it(
    home: Home, lake: Lake, tier: str, requested_by: str, user: str
) -> None:
    spec = make_spec(tier)
    put(lake, spec, 1, requested_by)
    ann, bob = person(home, lake, "ann", user=user), person(home, lake, "bob")
    if tier == "high":
        with pytest.raises(ApprovalRefused, match="the one who asks may not approve"):
            approved(home, lake, spec, 1, ann)
        assert holder(home, lake, spec) is None
        approved(home, lake, spec, 1, bob)
    else:
        approved(home, lake, spec, 1, ann)
    assert holder(home, lake, spec) == 1


def test_at_tier_high_a_scheduled_training_is_anyones_to_approve(home: Home, lake: Lake) -> None:
    spec = make_spec("high")
    put(lake, spec, 1)
    approved(home, lake, spec, 1, person(home, lake, "ann"))
    assert holder(home, lake, spec) == 1


def test_as_many_people_as_the_spec_asks_for_and_each_once(home: Home, lake: Lake) -> None:
    spec = make_spec(approvals=2)
    put(lake, spec, 1)
    ann, bob = person(home, lake, "ann"), person(home, lake, "bob")
    assert [e["stage"] for e in approved(home, lake, spec, 1, ann)] == ["approved"]
    assert holder(home, lake, spec) is None
    with pytest.raises(
        ApprovalRefused, match="ann approved boats version 1 already; 1 more person"
    ):
        approved(home, lake, spec, 1, ann)
    assert [e["stage"] for e in approved(home, lake, spec, 1, bob)] == ["approved", "champion"]
    champion = champion_on(lake, home, spec, FIRST)
    assert champion is not None
    assert champion.approved_by == ("ann", "bob")


def test_a_spec_that_asks_for_fewer_is_content_with_the_next_approval(
    home: Home, lake: Lake
) -> None:
    put(lake, make_spec(), 1)
    ann, bob = person(home, lake, "ann"), person(home, lake, "bob")
    for signer in (ann, bob):
        approved(home, lake, make_spec(approvals=3), 1, signer)
    spec = make_spec(approvals=2)
    assert holder(home, lake, spec) is None
    approved(home, lake, spec, 1, ann, now=NOW + timedelta(hours=1))
    champion = champion_on(lake, home, spec, FIRST)
    assert champion is not None
    assert champion.approved_by == ("bob", "ann")


def test_a_second_approval_takes_no_earlier_day_than_the_first(home: Home, lake: Lake) -> None:
    spec, day = make_spec(approvals=2), date(2026, 4, 1)
    put(lake, spec, 1)
    approved(home, lake, spec, 1, person(home, lake, "ann"), effective_from=day)
    approved(home, lake, spec, 1, person(home, lake, "bob"))
    assert holder(home, lake, spec, day - timedelta(days=1)) is None
    assert holder(home, lake, spec, day) == 1


def test_a_version_its_gates_refused_cannot_be_approved(home: Home, lake: Lake, spec: Any) -> None:
    put(lake, spec, 1, leak="fail")
    with pytest.raises(ApprovalRefused, match=r"version 1 is refused .* the finding of leak"):
        approved(home, lake, spec, 1, person(home, lake, "ann"))


def test_gates_are_read_again_when_someone_approves(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    judged(lake, registered(1), leak="fail")
    with pytest.raises(ApprovalRefused, match=r"the gate leak says fail \(the finding of leak\)"):
        approved(home, lake, spec, 1, ann)
    judged(lake, registered(2), stability="insufficient")
    strict = make_spec(insufficient="stop")
    with pytest.raises(ApprovalRefused, match="the gate stability says insufficient"):
        approved(home, lake, strict, 2, ann)
    approved(home, lake, spec, 2, ann)


def test_a_model_whose_files_are_not_those_registered_cannot_be_approved(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    file = home.root / registered(1).model_path
    content = file.read_bytes()
    file.write_bytes(content + b"!")
    with pytest.raises(
        ManifestError, match=r"boats version 1 is not as it was registered .*SHA-256"
    ):
        approved(home, lake, spec, 1, ann)
    rejected(home, lake, spec, 2, ann)  # to reject needs no file
    file.write_bytes(content)
    approved(home, lake, spec, 1, ann)


def test_gates_that_judged_another_training_are_no_reason_to_approve_this_one(
    home: Home, lake: Lake, spec: UseCaseSpec
) -> None:
    judged(lake, registered(2))
    refused = stored(home, registered(1))
    judged(lake, refused, leak="fail")
    entered(lake, spec, replace(refused, training_digest=registered(2).training_digest))
    with pytest.raises(ManifestError, match="signed for another training than the gates judged"):
        approved(home, lake, spec, 1, person(home, lake, "ann"))


@pytest.mark.parametrize("stage", ["rejected", "retired"])
def test_a_version_that_is_out_cannot_be_approved_again(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer, stage: str
) -> None:
    approved(home, lake, spec, 1, ann)
    if stage == "rejected":
        rejected(home, lake, spec, 1, ann)
    else:
        approved(home, lake, spec, 2, ann)
    with pytest.raises(ApprovalRefused, match=f"version 1 is {stage} and cannot be approved"):
        approved(home, lake, spec, 1, ann)


@pytest.mark.parametrize(
    ("version", "more", "said"),
    [
        (7, {}, "has no version 7 on its release record. On it: 1, 2"),
        (1, {"reason": " "}, "needs a reason"),
        (1, {"expect": "x"}, "has the model digest [0-9a-f]{64}, not x"),
        (1, {"effective_from": date(2026, 2, 28)}, "Give --effective-from 2026-03-01 or later"),
    ],
)
def test_a_mistake_is_told(
    home: Home,
    lake: Lake,
    spec: UseCaseSpec,
    ann: Signer,
    version: int,
    more: dict[str, Any],
    said: str,
) -> None:
    before = lake.version(NAME, RELEASE_EVENTS)
    with pytest.raises(ApprovalRefused, match=said):
        approved(home, lake, spec, version, ann, **more)
    assert lake.version(NAME, RELEASE_EVENTS) == before
    digest = read_events(lake, NAME)[0]["model_digest"]
    approved(home, lake, spec, 1, ann, expect=digest[:8], effective_from=date(2026, 3, 2))


def test_a_rejected_champion_leaves_its_place_empty(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approved(home, lake, spec, 1, ann)
    approved(home, lake, spec, 2, ann)
    scored(lake, date(2026, 3, 5))
    (event,) = rejected(home, lake, spec, 2, ann)
    assert event["effective_from"] == date(2026, 3, 6)
    assert holder(home, lake, spec, date(2026, 3, 5)) == 2
    assert holder(home, lake, spec) is None


def approve_in_turn(root: str, name: str, *versions: int) -> None:
    """Work of a process of its own."""
    home, spec = Home(Path(root)), direct_spec()
    signer = Signer(load_private_key(identity(home, name)), name)
    for version in versions:
        approved(home, Lake(home.lake), spec, version, signer)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    folder = tmp_path_factory.mktemp("work")
    with Work(folder, __name__, "deltalake", "pyarrow.dataset") as work:
        yield work


def test_two_approvals_at_the_same_moment_are_both_there_once(
    home: Home, lake: Lake, spec: UseCaseSpec, work: Work
) -> None:
    for name in ("ann", "bob"):
        person(home, lake, name)
    for version in range(1, 9):
        put(lake, spec, version)
    shares = {"ann": (1, 3, 5, 7), "bob": (2, 4, 6, 8)}
    here = [
        work.start(__name__, "approve_in_turn", str(home.root), n, *v) for n, v in shares.items()
    ]
    ended = [work.end(child) for child in here]
    assert [outcome.code for outcome in ended] == [0, 0], ended
    events = read_events(lake, NAME)
    assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))
    stages = list(current_stages(events).values())
    assert sorted(stages) == ["champion", *["retired"] * 7]
    assert [e["stage"] for e in events].count("champion") == 8
    assert holder(home, lake, spec) is not None


def test_two_people_at_the_same_moment_complete_what_needs_two(
    home: Home, lake: Lake, work: Work
) -> None:
    spec = make_spec(approvals=2)
    put(lake, spec, 1)
    signers = {name: person(home, lake, name) for name in ("ann", "bob")}
    here = [work.start(__name__, "approve_pair", str(home.root), name) for name in signers]
    ended = [work.end(child) for child in here]
    assert [outcome.code for outcome in ended] == [0, 0], ended
    champion = champion_on(lake, home, spec, FIRST)
    assert champion is not None
    assert sorted(champion.approved_by) == ["ann", "bob"]


def approve_pair(root: str, name: str) -> None:
    """Work of a process of its own."""
    home = Home(Path(root))
    signer = Signer(load_private_key(identity(home, name)), name)
    approved(home, Lake(home.lake), make_spec(approvals=2), 1, signer)


@pytest.mark.parametrize(("at", "done"), [("lake.writing", False), ("lake.committed", True)])
def test_killed_while_approving_it_happened_wholly_or_not_at_all(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer, work: Work, at: str, done: bool
) -> None:
    arguments = (__name__, "approve_in_turn", str(home.root), "ann", 1)
    assert work.do(*arguments, at=at).code == -signal.SIGKILL
    assert (holder(home, lake, spec) == 1) is done
    assert work.do(*arguments).code == 0
    assert holder(home, lake, spec) == 1
    assert [e["stage"] for e in read_events(lake, NAME)] == [
        "registered",
        "registered",
        "approved",
        "champion",
    ]


def test_signers_are_told_apart_by_key_and_not_by_login(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approved(home, lake, spec, 1, replace(ann, system_user="anything"))
    champion = champion_on(lake, home, spec, FIRST)
    assert champion is not None
    assert champion.approved_by == ("ann",)

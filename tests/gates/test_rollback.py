"""Rolling back, and deciding anew: what is undone, by whom, and that it happens once."""

from datetime import date, timedelta
from typing import Any

import pytest

from assets.home import Home
from assets.lake import Lake
from assets.release.affected import affected_days
from assets.release.approval import ApprovalRefused, Signer
from assets.release.champion import NoChampion, NotApproved, require_champion
from assets.release.deciders import deciders_on
from assets.release.events import evidence_of, read_events
from assets.release.redecision import Redecision, RedecisionRefused, redecide
from assets.release.rollback import RollbackRefused
from assets.spec import UseCaseSpec
from assets.tables import RELEASE_EVENTS
from tests.released import (
    AS_OF,
    NAME,
    NOW,
    approved,
    direct_spec,
    make_spec,
    person,
    put,
    rejected,
    rolled_back,
    scored,
    stepped,
    written,
)
from tests.remembered import RememberedLake

FIRST = AS_OF.date()


def night(number: int) -> date:
    return FIRST + timedelta(days=number)


def who(home: Home, lake: Lake, spec: UseCaseSpec, day: date) -> tuple[int | None, int | None]:
    """Champion and canary of a day by version."""
    found = deciders_on(lake, home, spec, day)
    canary = found.challenger if found.stage == "canary" else None
    return (
        found.champion.version if found.champion else None,
        canary.version if canary else None,
    )


def anew(home: Home, lake: Lake, spec: UseCaseSpec, signer: Signer, **more: Any) -> Redecision:
    return redecide(home, lake, spec, signer, **({"reason": "it was wrong", "now": NOW} | more))


@pytest.fixture
def lake(home: Home) -> Lake:
    """In memory: most of what is tested here is rules."""
    return RememberedLake(home.lake)


@pytest.fixture
def ann(home: Home, lake: Lake) -> Signer:
    """Someone enrolled, in a home with two registered versions."""
    for version in (1, 2):
        put(lake, make_spec(), version)
    return person(home, lake, "ann")


@pytest.fixture
def spec() -> UseCaseSpec:
    return make_spec()


@pytest.fixture
def in_canary(home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer) -> Signer:
    """Version 1 decides, version 2 its share from night 2 on; nights 2 and 3 are scored."""
    approved(home, lake, spec, 1, ann)
    approved(home, lake, spec, 2, ann)
    stepped(home, lake, spec, night(0))
    stepped(home, lake, spec, night(1), 2)
    scored(lake, night(2), night(3), versions=[1, 2])
    return ann


@pytest.fixture
def second_champion(home: Home, lake: Lake, ann: Signer) -> Signer:
    """Version 1 decided nights 0 and 1, version 2 nights 2 and 3, version 3 waits."""
    approved(home, lake, direct_spec(), 1, ann)
    scored(lake, night(0), night(1), versions=[1])
    approved(home, lake, direct_spec(), 2, ann)
    scored(lake, night(2), night(3), versions=[2])
    put(lake, direct_spec(), 3)
    return ann


def test_a_canary_is_rolled_back_before_the_champion(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer
) -> None:
    (gone,) = rolled_back(home, lake, spec, in_canary, version=2)
    assert (gone["model_version"], gone["stage"], gone["actor"]) == (2, "rolled_back", "person:ann")
    assert gone["effective_from"] == night(4)
    said = evidence_of(gone)["statement"]
    assert said["affected"] == [str(night(2)), str(night(3))]
    assert (said["from_stage"], said["reason"]) == ("canary", "went wrong")
    assert who(home, lake, spec, night(3)) == (1, 2)
    assert who(home, lake, spec, night(4)) == (1, None)
    # The next one is meant for whoever decides then.
    made = rolled_back(home, lake, spec, in_canary)
    assert [(e["model_version"], e["stage"]) for e in made] == [(1, "rolled_back")]
    assert who(home, lake, spec, night(4)) == (None, None)
    with pytest.raises(RollbackRefused, match="no version decides anything"):
        rolled_back(home, lake, spec, in_canary)


def test_the_champion_before_is_back_from_the_next_night_on(
    home: Home, lake: Lake, spec: UseCaseSpec, second_champion: Signer
) -> None:
    before = lake.version(NAME, RELEASE_EVENTS)
    made = rolled_back(home, lake, spec, person(home, lake, "bob"))  # anyone enrolled may
    assert lake.version(NAME, RELEASE_EVENTS) == before + 1
    assert [(e["model_version"], e["stage"]) for e in made] == [
        (2, "rolled_back"),
        (1, "champion"),
    ]
    assert [who(home, lake, spec, night(n))[0] for n in (1, 2, 3, 4)] == [1, 2, 2, 1]
    champion = require_champion(lake, home, spec, night(4))
    assert (champion.approved_by, champion.effective_from) == (("ann",), night(4))
    with pytest.raises(ApprovalRefused, match="version 2 is rolled back and cannot be approved"):
        approved(home, lake, spec, 2, second_champion)


def test_back_through_several_champions_to_nobody(
    home: Home, lake: Lake, second_champion: Signer
) -> None:
    spec = direct_spec()
    approved(home, lake, spec, 3, second_champion)
    scored(lake, night(4), versions=[3])
    for holder in (2, 1, None):
        rolled_back(home, lake, spec, second_champion)
        assert who(home, lake, spec, night(5)) == (holder, None)
    with pytest.raises(NoChampion, match="version 1 was rolled back by person:ann"):
        require_champion(lake, home, spec, night(5))


def test_a_champion_that_was_rejected_since_is_not_back(
    home: Home, lake: Lake, second_champion: Signer
) -> None:
    spec = direct_spec()
    approved(home, lake, spec, 3, second_champion)
    rejected(home, lake, spec, 2, second_champion)
    rolled_back(home, lake, spec, second_champion)
    assert who(home, lake, spec, night(4)) == (1, None)


def test_a_champion_that_too_few_approved_by_now_is_not_back(
    home: Home, lake: Lake, second_champion: Signer
) -> None:
    spec = direct_spec()
    approved(home, lake, direct_spec(approvals=2), 3, second_champion)
    approved(home, lake, direct_spec(approvals=2), 3, person(home, lake, "bob"))
    stricter = make_spec(approvals=2)
    made = rolled_back(home, lake, stricter, second_champion)
    assert [e["stage"] for e in made] == ["rolled_back"]
    assert who(home, lake, stricter, night(4)) == (None, None)
    assert who(home, lake, spec, night(4)) == (None, None)


def test_a_champion_nobody_stands_behind_can_be_rolled_back(
    home: Home, lake: Lake, spec: UseCaseSpec, second_champion: Signer
) -> None:
    event = [e for e in read_events(lake, NAME) if e["stage"] == "champion"][-1]
    forged = {**event, "model_version": 3, "evidence": "{}", "effective_from": night(1)}
    for _ in range(2):  # and whoever wrote it writes it again
        written(lake, forged)
        with pytest.raises(NotApproved, match="version 3 was made champion, but no approval"):
            who(home, lake, spec, night(4))
        rolled_back(home, lake, spec, second_champion, version=3)
        # The nights before are again whose they were.
        assert [who(home, lake, spec, night(n))[0] for n in range(5)] == [1, 1, 2, 2, 2]


def test_before_the_first_night_too(home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer) -> None:
    approved(home, lake, spec, 1, ann, effective_from=night(3))
    (gone,) = rolled_back(home, lake, spec, ann)
    assert gone["effective_from"] == night(3)
    assert who(home, lake, spec, night(9)) == (None, None)


def test_the_same_again_changes_nothing_and_another_than_meant_is_refused(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer
) -> None:
    rolled_back(home, lake, spec, in_canary, version=2)
    before = lake.version(NAME, RELEASE_EVENTS)
    assert rolled_back(home, lake, spec, in_canary, version=2) == []
    with pytest.raises(RollbackRefused, match=r"version 1 \(champion\) decides now, not version 3"):
        rolled_back(home, lake, spec, in_canary, version=3)
    assert lake.version(NAME, RELEASE_EVENTS) == before


def test_who_may_not(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer, stranger: Signer
) -> None:
    before = lake.version(NAME, RELEASE_EVENTS)
    for act in (rolled_back, anew):
        with pytest.raises(ApprovalRefused, match="no enrolled person's"):
            act(home, lake, spec, stranger)
        with pytest.raises(ApprovalRefused, match="needs a reason"):
            act(home, lake, spec, in_canary, reason=" ")
    assert lake.version(NAME, RELEASE_EVENTS) == before


def test_days_of_a_canary_are_decided_anew_by_the_champion(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer
) -> None:
    with pytest.raises(RedecisionRefused, match="no day stands as a version decided it"):
        anew(home, lake, spec, in_canary)
    with pytest.raises(RedecisionRefused, match="version 2 was neither rolled back nor rejected"):
        anew(home, lake, spec, in_canary, version=2)
    rolled_back(home, lake, spec, in_canary)
    with pytest.raises(RedecisionRefused, match=r"version 2: 2026-03-03 to 2026-03-04 \(2 days\)"):
        anew(home, lake, spec, in_canary, first=night(5))
    done = anew(home, lake, spec, in_canary, first=night(3))
    assert done.days == [night(3)]
    assert (done.events[0]["stage"], done.events[0]["actor"]) == ("redecided", "person:ann")
    assert who(home, lake, spec, night(2)) == (1, 2)
    assert who(home, lake, spec, night(3)) == (1, None)
    # Nothing was run yet: both days are still to do, and only one of them is new on record.
    again = anew(home, lake, spec, in_canary)
    assert again.days == [night(2), night(3)]
    assert [evidence_of(e)["statement"]["days"] for e in again.events] == [[str(night(2))]]
    assert anew(home, lake, spec, in_canary).events == []
    scored(lake, night(2), night(3), versions=[1])
    assert affected_days(lake, spec, 2) == []
    with pytest.raises(RedecisionRefused, match="no day stands"):
        anew(home, lake, spec, in_canary)


def test_days_of_a_champion_are_decided_anew_by_the_one_before(
    home: Home, lake: Lake, spec: UseCaseSpec, second_champion: Signer
) -> None:
    rolled_back(home, lake, spec, second_champion)
    anew(home, lake, spec, second_champion)
    assert [who(home, lake, spec, night(n))[0] for n in range(5)] == [1, 1, 1, 1, 1]
    scored(lake, night(2), night(3), versions=[1])
    # Later it turns out that the one before was no better: then people decide those days.
    rolled_back(home, lake, spec, second_champion)
    assert [who(home, lake, spec, night(n))[0] for n in range(5)] == [1, 1, 1, 1, None]
    done = anew(home, lake, spec, second_champion, first=night(2))
    assert done.days == [night(2), night(3)]
    assert [who(home, lake, spec, night(n))[0] for n in range(5)] == [1, 1, None, None, None]
    with pytest.raises(NoChampion, match="2026-03-03 is decided anew, and there was no champion"):
        require_champion(lake, home, spec, night(2))


def test_days_of_a_rejected_champion_can_be_decided_anew(
    home: Home, lake: Lake, spec: UseCaseSpec, second_champion: Signer
) -> None:
    rejected(home, lake, spec, 2, second_champion)
    anew(home, lake, spec, second_champion)
    assert who(home, lake, spec, night(3)) == (1, None)
    assert who(home, lake, spec, night(4)) == (None, None)  # which needs an approval

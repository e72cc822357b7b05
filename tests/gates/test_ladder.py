"""How a version climbs: each condition keeps it where it is, and met it goes on."""

from datetime import date, timedelta
from typing import Any

import pytest

from assets.home import Home
from assets.lake import Lake
from assets.release.affected import affected_days
from assets.release.approval import ApprovalRefused, Signer
from assets.release.champion import champion_on
from assets.release.deciders import deciders_on
from assets.release.events import current_stages, evidence_of, read_events
from assets.release.moves import Move, advance
from assets.signing import public_key
from assets.spec import UseCaseSpec
from assets.tables import RELEASE_EVENTS
from assets.training.manifest import installation_key
from tests.released import (
    AS_OF,
    NAME,
    approved,
    direct_spec,
    judged,
    make_spec,
    person,
    put,
    registered,
    rejected,
    scored,
    stepped,
    written,
)
from tests.remembered import RememberedLake

FIRST = AS_OF.date()
Found = tuple[int | None, int | None, str | None]


def night(number: int) -> date:
    return FIRST + timedelta(days=number)


def now(home: Home, lake: Lake, spec: UseCaseSpec, day: date = date.max) -> Found:
    found = deciders_on(lake, home, spec, day)
    return (
        found.champion.version if found.champion else None,
        found.challenger.version if found.challenger else None,
        found.stage,
    )


def stages(lake: Lake, *events: dict[str, Any]) -> list[tuple[int, str]]:
    return [(e["model_version"], e["stage"]) for e in (events or read_events(lake, NAME))]


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
def begun_champion(home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer) -> Signer:
    """Version 1 is champion from the first day on, version 2 waits."""
    approved(home, lake, spec, 1, ann)
    return ann


def test_a_challenger_climbs_from_shadow_to_champion(
    home: Home, lake: Lake, spec: UseCaseSpec, begun_champion: Signer
) -> None:
    (entered,) = stepped(home, lake, spec, night(0))
    assert (entered["stage"], entered["effective_from"]) == ("shadow", night(1))
    approved(home, lake, spec, 2, begun_champion)
    assert now(home, lake, spec, night(1)) == (1, 2, "shadow")
    before = lake.version(NAME, RELEASE_EVENTS)
    (canary,) = stepped(home, lake, spec, night(1), 2)
    assert lake.version(NAME, RELEASE_EVENTS) == before + 1
    assert evidence_of(canary)["move"]["evidence"] == {"checks": {"cases": 700}}
    assert canary["public_key"] == public_key(installation_key(home))
    assert stepped(home, lake, spec, night(2), 2, "canary", "hold") == []
    made = stepped(home, lake, spec, night(3), 2, "canary")
    assert stages(lake, *made) == [(2, "champion"), (1, "retired")]
    # Each of the past nights is still whose it was.
    assert [now(home, lake, spec, night(n)) for n in range(5)] == [
        (1, None, None),
        (1, 2, "shadow"),
        (1, 2, "canary"),
        (1, 2, "canary"),
        (2, None, None),
    ]
    champion = champion_on(lake, home, spec, night(4))
    assert champion is not None
    assert champion.approved_by == ("ann",)
    challenger = deciders_on(lake, home, spec, night(2)).challenger
    assert challenger is not None
    assert challenger.approved_by == ("ann",)
    assert deciders_on(lake, home, spec, night(1)).challenger != challenger


def test_beside_a_champion_an_approval_alone_makes_nobody_decide(
    home: Home, lake: Lake, spec: UseCaseSpec, begun_champion: Signer
) -> None:
    assert stages(lake, *approved(home, lake, spec, 2, begun_champion)) == [(2, "approved")]
    assert now(home, lake, spec) == (1, None, None)
    assert approved(home, lake, spec, 2, begun_champion) == []
    with pytest.raises(ApprovalRefused, match="was approved by ann already: the ladder takes"):
        approved(home, lake, spec, 2, person(home, lake, "bob"))
    stepped(home, lake, spec, night(0))
    assert now(home, lake, spec) == (1, 2, "shadow")
    assert current_stages(read_events(lake, NAME))[2] == "shadow"


def test_without_the_approvals_nobody_leaves_the_shadow(
    home: Home, lake: Lake, begun_champion: Signer
) -> None:
    spec = make_spec(approvals=2)
    bob = person(home, lake, "bob")
    approved(home, lake, spec, 1, begun_champion)  # the spec asks for more now: who decided
    approved(home, lake, spec, 1, bob)  # must be approved by more
    stepped(home, lake, spec, night(0))
    approved(home, lake, spec, 2, begun_champion)
    assert stepped(home, lake, spec, night(1), 2) == []
    approved(home, lake, spec, 2, bob, effective_from=night(4))
    assert stepped(home, lake, spec, night(2), 2) == []  # it may decide from night 4 on
    assert stages(lake, *stepped(home, lake, spec, night(3), 2)) == [(2, "canary")]


@pytest.mark.parametrize(
    ("release", "passed"),
    [
        ({"shadow": None}, ["canary", "champion"]),
        ({"canary": None}, ["shadow", "champion"]),
    ],
)
def test_a_stage_the_spec_leaves_out_is_skipped(
    home: Home,
    lake: Lake,
    begun_champion: Signer,
    release: dict[str, Any],
    passed: list[str],
) -> None:
    spec = make_spec(**release)
    if "shadow" in release:
        assert stepped(home, lake, spec, night(0)) == []  # to decide a share it must be approved
    approved(home, lake, spec, 2, begun_champion)
    stepped(home, lake, spec, night(1))
    stepped(home, lake, spec, night(2), 2, passed[0])
    assert now(home, lake, spec) == (2, None, None)
    own = [stage for version, stage in stages(lake) if version == 2 and stage != "approved"]
    assert own == ["registered", *passed]


def test_without_shadow_and_canary_an_approval_makes_a_champion_at_once(
    home: Home, lake: Lake, begun_champion: Signer
) -> None:
    spec = direct_spec()
    assert stepped(home, lake, spec, night(0)) == []
    made = approved(home, lake, spec, 2, begun_champion)
    assert stages(lake, *made) == [(2, "approved"), (2, "champion"), (1, "retired")]


def test_where_there_is_no_champion_nobody_climbs_and_an_approval_makes_one(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    assert stepped(home, lake, spec, night(0)) == []
    assert now(home, lake, spec) == (None, None, None)
    approved(home, lake, spec, 1, ann)
    stepped(home, lake, spec, night(1))
    rejected(home, lake, spec, 1, ann)
    assert now(home, lake, spec) == (None, None, None)  # nothing to compare version 2 with
    assert stepped(home, lake, spec, night(2), 2) == []
    approved(home, lake, spec, 2, ann)
    assert now(home, lake, spec) == (2, None, None)


def test_one_challenger_at_a_time_and_then_the_newest_that_waits(
    home: Home, lake: Lake, spec: UseCaseSpec, begun_champion: Signer
) -> None:
    stepped(home, lake, spec, night(0))
    put(lake, spec, 3)
    put(lake, spec, 4)
    assert stepped(home, lake, spec, night(1), 2, "shadow", "hold") == []
    made = stepped(home, lake, spec, night(2), 2, "shadow", "roll_back")
    assert stages(lake, *made) == [(2, "rolled_back"), (4, "shadow")]
    rejected(home, lake, spec, 4, begun_champion)
    assert stages(lake, *stepped(home, lake, spec, night(3))) == [(3, "shadow")]
    approved(home, lake, spec, 3, begun_champion)
    stepped(home, lake, spec, night(4), 3)
    made = stepped(home, lake, spec, night(5), 3, "canary")
    assert stages(lake, *made) == [(3, "champion"), (1, "retired")]
    put(lake, spec, registered(5))
    assert stages(lake, *stepped(home, lake, spec, night(6))) == [(5, "shadow")]


def test_none_older_than_the_champion_enters(
    home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer
) -> None:
    approved(home, lake, spec, 2, ann)
    assert stepped(home, lake, spec, night(0)) == []
    assert now(home, lake, spec) == (2, None, None)


def test_a_new_champion_ends_a_challenger_older_than_itself(
    home: Home, lake: Lake, spec: UseCaseSpec, begun_champion: Signer
) -> None:
    stepped(home, lake, spec, night(0))
    put(lake, spec, 3)
    made = approved(home, lake, direct_spec(), 3, begun_champion)
    assert stages(lake, *made) == [
        (3, "approved"),
        (3, "champion"),
        (1, "retired"),
        (2, "retired"),
    ]
    assert now(home, lake, spec) == (3, None, None)


def test_a_guardrail_rolls_back_the_same_night_and_lists_the_days(
    home: Home, lake: Lake, spec: UseCaseSpec, begun_champion: Signer
) -> None:
    approved(home, lake, spec, 2, begun_champion)
    stepped(home, lake, spec, night(0))
    stepped(home, lake, spec, night(1), 2)
    scored(lake, night(2), night(3), versions=[1, 2])
    move = Move(2, "canary", "roll_back", "approval rate 12 points off", {"n": 60})
    (gone,) = advance(lake, home, spec, night(3), move, run_id="r")
    assert (gone["stage"], gone["effective_from"]) == ("rolled_back", night(4))
    assert evidence_of(gone)["affected"] == [str(night(2)), str(night(3))]
    assert affected_days(lake, spec, 2) == [night(2), night(3)]
    assert now(home, lake, spec, night(3)) == (1, 2, "canary")
    assert now(home, lake, spec, night(4)) == (1, None, None)
    with pytest.raises(ApprovalRefused, match="version 2 is rolled back and cannot be approved"):
        approved(home, lake, spec, 2, begun_champion)
    # For good: what waits next is another version.
    assert stepped(home, lake, spec, night(4)) == []


def test_what_is_trained_after_a_night_takes_the_place_its_step_left_free(
    home: Home, lake: Lake
) -> None:
    spec, ann = make_spec(), person(home, lake, "ann")
    for version in (1, 2):
        put(lake, spec, version)
    approved(home, lake, spec, 1, ann)
    stepped(home, lake, spec, night(0))
    stepped(home, lake, spec, night(1), 2, "shadow", "roll_back")
    put(lake, spec, 3)
    # The night run again is the night as it was.
    assert [e["stage"] for e in stepped(home, lake, spec, night(1))] == ["rolled_back"]
    (entered,) = advance(lake, home, spec, night(1), None, run_id="training", trained=True)
    assert (entered["model_version"], entered["stage"]) == (3, "shadow")
    assert entered["effective_from"] == night(2)
    assert advance(lake, home, spec, night(1), None, run_id="training", trained=True) == []
    assert now(home, lake, spec, night(2)) == (1, 3, "shadow")


def test_the_step_of_a_night_is_found_again_and_an_earlier_one_lets_nobody_up(
    home: Home, lake: Lake, spec: UseCaseSpec, begun_champion: Signer
) -> None:
    approved(home, lake, spec, 2, begun_champion)
    entered = stepped(home, lake, spec, night(0))
    stepped(home, lake, spec, night(1), 2, "shadow", "hold")
    stepped(home, lake, spec, night(2), 2, "shadow", "hold")
    before = lake.version(NAME, RELEASE_EVENTS)
    assert stepped(home, lake, spec, night(0)) == entered
    assert stepped(home, lake, spec, night(1), 2) == []  # promote, said of a night long gone
    assert lake.version(NAME, RELEASE_EVENTS) == before
    (canary,) = stepped(home, lake, spec, night(2), 2)
    assert canary["effective_from"] == night(3)
    # But what is found wrong with an earlier night counts, from the next one on.
    scored(lake, night(3))
    move = Move(2, "canary", "roll_back", "late files", {})
    (gone,) = advance(lake, home, spec, night(1), move, run_id="again")
    assert gone["effective_from"] == night(4)


@pytest.mark.parametrize(
    "move",
    [
        Move(1, "canary", "roll_back", "another version"),
        Move(2, "canary", "roll_back", "another stage"),
        Move(2, "canary", "promote", "another stage"),
        Move(7, "shadow", "promote", "no version"),
    ],
)
def test_a_move_of_another_version_or_stage_moves_nobody(
    home: Home, lake: Lake, spec: UseCaseSpec, begun_champion: Signer, move: Move
) -> None:
    approved(home, lake, spec, 2, begun_champion)
    stepped(home, lake, spec, night(0))
    scored(lake, night(1))
    assert advance(lake, home, spec, night(1), move, run_id="r") == []
    assert now(home, lake, spec) == (1, 2, "shadow")


def test_what_waits_is_looked_at_again_before_it_is_let_in(
    home: Home, lake: Lake, spec: UseCaseSpec, begun_champion: Signer
) -> None:
    put(lake, spec, 3)
    judged(lake, registered(3), leak="fail")  # by a person, after it was registered
    file = home.root / registered(2).model_path
    content = file.read_bytes()
    file.write_bytes(content + b"!")
    assert stepped(home, lake, spec, night(0)) == []
    file.write_bytes(content)
    assert stages(lake, *stepped(home, lake, spec, night(1))) == [(2, "shadow")]


def test_a_version_does_not_score_days_before_its_training(
    home: Home, lake: Lake, spec: UseCaseSpec, begun_champion: Signer
) -> None:
    put(lake, spec, registered(3, AS_OF + timedelta(days=5)))
    assert stages(lake, *stepped(home, lake, spec, night(3))) == [(2, "shadow")]
    rejected(home, lake, spec, 2, begun_champion)
    (entered,) = stepped(home, lake, spec, night(4))
    assert (entered["model_version"], entered["effective_from"]) == (3, night(5))


def test_while_the_champion_is_in_doubt_nobody_moves(
    home: Home, lake: Lake, spec: UseCaseSpec, begun_champion: Signer
) -> None:
    stepped(home, lake, spec, night(0))
    (champion,) = [e for e in read_events(lake, NAME) if e["stage"] == "champion"]
    written(lake, {**champion, "model_version": 2})
    assert stepped(home, lake, spec, night(1), 2, "shadow", "roll_back") == []

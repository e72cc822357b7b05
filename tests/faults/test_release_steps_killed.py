"""A step of the ladder or a rollback, killed or made twice at once: once, or not at all."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.home import Home
from assets.lake import Lake
from assets.release.approval import Signer
from assets.release.deciders import deciders_on
from assets.release.events import read_events
from assets.release.moves import Move, advance
from assets.signing import load_private_key
from tests.faults.forked import Work
from tests.released import (
    AS_OF,
    NAME,
    approved,
    direct_spec,
    identity,
    make_spec,
    person,
    put,
    rolled_back,
    scored,
    stepped,
)

FIRST = AS_OF.date()


def night(number: int) -> date:
    return FIRST + timedelta(days=number)


def champion(home: Home, lake: Lake, day: date) -> int | None:
    found = deciders_on(lake, home, make_spec(), day).champion
    return found.version if found else None


def stages(lake: Lake) -> list[str]:
    return [event["stage"] for event in read_events(lake, NAME)]


@pytest.fixture
def ann(home: Home, lake: Lake) -> Signer:
    for version in (1, 2):
        put(lake, make_spec(), version)
    return person(home, lake, "ann")


@pytest.fixture
def in_shadow(home: Home, lake: Lake, ann: Signer) -> None:
    """Version 1 decides, version 2 is in the shadow, approved; night 1 is scored."""
    spec = make_spec(canary=None)
    for version in (1, 2):
        approved(home, lake, spec, version, ann)
    stepped(home, lake, spec, night(0))
    scored(lake, night(1))


@pytest.fixture
def second_champion(home: Home, lake: Lake, ann: Signer) -> None:
    """Version 1 decided night 0, version 2 night 1."""
    for number, version in enumerate((1, 2)):
        approved(home, lake, direct_spec(), version, ann)
        scored(lake, night(number), versions=[version])


def climb(root: str) -> None:
    """Work of a process of its own: a night that promotes version 2 to champion."""
    home, lake = Home(Path(root)), Lake(Path(root) / "lake")
    move = Move(2, "shadow", "promote", "all is well")
    advance(lake, home, make_spec(canary=None), night(1), move, run_id="r")


def back(root: str) -> None:
    """Work of a process of its own: version 2 is rolled back."""
    home = Home(Path(root))
    signer = Signer(load_private_key(identity(home, "ann")), "ann")
    rolled_back(home, Lake(home.lake), make_spec(), signer, version=2)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    folder = tmp_path_factory.mktemp("work")
    with Work(folder, __name__, "deltalake", "pyarrow.dataset") as work:
        yield work


KILLS = [("lake.writing", False), ("lake.committed", True)]


@pytest.mark.parametrize(("at", "done"), KILLS)
@pytest.mark.usefixtures("in_shadow")
def test_killed_on_the_way_a_step_happened_wholly_or_not_at_all(
    home: Home, lake: Lake, work: Work, at: str, done: bool
) -> None:
    assert work.do(__name__, "climb", str(home.root), at=at).code < 0
    assert champion(home, lake, night(2)) == (2 if done else 1)
    assert work.do(__name__, "climb", str(home.root)).code == 0
    assert stages(lake)[-2:] == ["champion", "retired"]
    assert stages(lake).count("champion") == 2
    assert champion(home, lake, night(2)) == 2


@pytest.mark.parametrize(("at", "done"), KILLS)
@pytest.mark.usefixtures("second_champion")
def test_killed_while_rolling_back_it_happened_wholly_or_not_at_all(
    home: Home, lake: Lake, work: Work, at: str, done: bool
) -> None:
    assert work.do(__name__, "back", str(home.root), at=at).code < 0
    assert champion(home, lake, night(2)) == (1 if done else 2)
    assert work.do(__name__, "back", str(home.root)).code == 0
    assert champion(home, lake, night(2)) == 1
    assert stages(lake).count("rolled_back") == 1


@pytest.mark.usefixtures("in_shadow")
def test_the_step_of_a_night_made_twice_at_once_is_made_once(
    home: Home, lake: Lake, work: Work
) -> None:
    here = [work.start(__name__, "climb", str(home.root)) for _ in range(2)]
    ended = [work.end(child) for child in here]
    assert [outcome.code for outcome in ended] == [0, 0], ended
    assert stages(lake).count("champion") == 2


@pytest.mark.usefixtures("second_champion")
def test_one_rollback_asked_for_twice_at_once_goes_one_champion_back(
    home: Home, lake: Lake, work: Work
) -> None:
    here = [work.start(__name__, "back", str(home.root)) for _ in range(2)]
    ended = [work.end(child) for child in here]
    assert [outcome.code for outcome in ended] == [0, 0], ended
    assert stages(lake).count("rolled_back") == 1
    assert champion(home, lake, night(2)) == 1

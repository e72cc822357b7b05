"""A champion rolled back, and nights it decided decided anew: on the road, by the commands."""

import json
import shutil
from collections.abc import Callable
from typing import Any

import pyarrow.compute as pc
import pytest
from click.testing import Result

from assets.errors import NightshiftError
from assets.home import Home
from assets.lake import Lake
from tests.approvals import APPROVER
from tests.commands import nightshift
from tests.road_fixtures import DRIFTED, QUIET, USE_CASE, Road

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The road after its nights, for this file to go on with."""
    folder = tmp_path_factory.mktemp("anew")
    return Home(shutil.copytree(road.after_the_nights, folder / "home"))


Said = Callable[..., Result]


@pytest.fixture
def said(road: Road, home: Home, monkeypatch: pytest.MonkeyPatch) -> Said:
    """A command, given by the person who approved the champion."""
    identity = road.home.parent / f"{APPROVER}.key"

    def run(*command: str) -> Result:
        return nightshift(monkeypatch, home.root, *command, identity=identity)

    return run


def parsed(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_what_a_rolled_back_champion_decided_is_decided_anew(said: Said, home: Home) -> None:
    lake = Lake(home.lake)
    before = lake.read_day(USE_CASE, "decisions", QUIET)
    other = lake.read_day(USE_CASE, "decisions", DRIFTED)
    assert set(before.column("model_version").to_pylist()) == {1}
    told = parsed(said("rollback", USE_CASE, "--reason", "wrong", "--json"))
    assert (told["written"][0]["version"], told["champion"]) == (1, None)
    assert any(f"`nightshift train {USE_CASE}`" in line for line in told["awaited"])
    # Nothing of what was decided has changed by that.
    assert lake.read_day(USE_CASE, "decisions", QUIET).equals(before)

    days = ("--from", str(QUIET), "--to", str(QUIET), "--reason", "wrong", "--json")
    (night,) = parsed(said("redecide", USE_CASE, *days))
    assert (night["night"], night["outcome"]) == (str(QUIET), "fallback")
    after = lake.read_day(USE_CASE, "decisions", QUIET)
    # There is no champion before it: every case goes to a person, as a second revision.
    assert set(after.column("decision").to_pylist()) == {"refer"}
    assert set(after.column("revision").to_pylist()) == {2}
    assert set(after.column("model_version").to_pylist()) == {None}
    assert pc.all(pc.is_valid(after.column("fallback"))).as_py()
    assert sorted(after.column("decision_id").to_pylist()) == sorted(
        before.column("decision_id").to_pylist()
    )
    assert lake.read_day(USE_CASE, "decisions", DRIFTED).equals(other)


def test_both_are_on_the_ledger_and_told(said: Said, home: Home) -> None:
    (verified,) = parsed(said("audit", "verify", USE_CASE, "--json"))
    assert verified["sound"], verified["findings"]
    one = Lake(home.lake).read_day(USE_CASE, "decisions", QUIET).slice(0, 1).to_pylist()[0]
    done = said("explain", one["decision_id"])
    assert done.exit_code == 0, done.output
    assert "revision 1" in done.stdout
    assert "revision 2" in done.stdout
    replayed = said("replay", one["decision_id"])
    assert replayed.exit_code == 0, replayed.output


def test_decided_anew_once(said: Said, home: Home) -> None:
    lake = Lake(home.lake)
    before = lake.read_day(USE_CASE, "decisions", QUIET)
    days = ("--from", str(QUIET), "--to", str(QUIET), "--reason", "wrong", "--json")
    done = said("redecide", USE_CASE, *days)
    # Nothing of that day stands as version 1 decided it.
    assert done.exit_code == 1
    assert isinstance(done.exception, NightshiftError)
    assert "none of these days is among those that can be decided anew" in str(done.exception)
    assert lake.read_day(USE_CASE, "decisions", QUIET).equals(before)

"""The release record under any sequence of what people, nights and intruders do."""

import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from assets.home import Home
from assets.release.aliases import wanted_aliases
from assets.release.approval import ApprovalRefused
from assets.release.authority import read_authority
from assets.release.backing import backers, is_out
from assets.release.champion import NotApproved
from assets.release.deciders import Deciders, deciders_of, deciders_on
from assets.release.events import CANARY, CHAMPION, SHADOW, read_events
from assets.release.moves import Move, advance
from assets.release.redecision import RedecisionRefused, redecide
from assets.release.rollback import RollbackRefused
from assets.release.status import release_status
from assets.spec import UseCaseSpec
from assets.tables import RELEASE_EVENTS
from tests.released import (
    NAME,
    NOW,
    approved,
    make_spec,
    person,
    put,
    rejected,
    rolled_back,
    scored,
    written,
)
from tests.remembered import RememberedLake

FIRST = date(2026, 3, 1)
VERSIONS = st.integers(1, 5)
NAMES = st.sampled_from(["ann", "bob"])
SHAPES: list[dict[str, Any]] = [
    {},
    {"shadow": None},
    {"canary": None},
    {"shadow": None, "canary": None},
    {"approvals": 2},
]


class Ladder(RuleBasedStateMachine):
    """Nights go on; every rule is one act on the real record, kept in memory."""

    @initialize(shape=st.sampled_from(SHAPES))
    def begin(self, shape: dict[str, Any]) -> None:
        self.room = Path(tempfile.mkdtemp())
        self.home = Home(self.room / "home")
        self.lake = RememberedLake(self.home.lake)
        self.spec: UseCaseSpec = make_spec(**shape)
        self.people = {name: person(self.home, self.lake, name) for name in ("ann", "bob")}
        self.night = FIRST - timedelta(days=1)
        self.versions = 0
        self.decided: dict[date, tuple[int | None, int | None]] = {}
        self.wanted()

    def teardown(self) -> None:
        if hasattr(self, "room"):
            shutil.rmtree(self.room)

    @precondition(lambda self: self.versions < 5)
    @rule()
    def trained(self) -> None:
        self.versions += 1
        put(self.lake, self.spec, self.versions)

    @precondition(lambda self: self.versions < 5)
    @rule()
    def wanted(self) -> None:
        """A version that people approve as soon as it is there."""
        self.trained()
        for name in self.people:
            self.approves(self.versions, name)

    @rule(version=VERSIONS, name=NAMES)
    def approves(self, version: int, name: str) -> None:
        try:
            approved(self.home, self.lake, self.spec, version, self.people[name])
        except ApprovalRefused:
            return

    @rule(version=st.integers(1, 25), name=NAMES)
    def rejects(self, version: int, name: str) -> None:
        try:
            rejected(self.home, self.lake, self.spec, version, self.people[name])
        except ApprovalRefused:
            return

    @rule(verdict=st.sampled_from(["hold", "promote", "promote", "promote", "roll_back"]))
    def night_passes(self, verdict: Any) -> None:
        self.night_ends(verdict)

    @rule()
    def good_nights_pass(self) -> None:
        for _ in range(3):
            self.night_ends("promote")

    def night_ends(self, verdict: Any) -> None:
        """A night is scored by whom the record names, and the ladder takes its step, twice."""
        self.night += timedelta(days=1)
        now = self.now(self.night)
        champion, canary = self.who(now)
        self.decided[self.night] = (champion, canary)
        scored(self.lake, self.night, versions=[champion, *([canary] if canary else [])])
        move = None
        if now.challenger is not None and now.stage is not None:
            move = Move(now.challenger.version, now.stage, verdict, verdict)
        first = advance(self.lake, self.home, self.spec, self.night, move, run_id="first")
        before = self.lake.version(NAME, RELEASE_EVENTS)
        again = advance(self.lake, self.home, self.spec, self.night, move, run_id="second")
        assert self.lake.version(NAME, RELEASE_EVENTS) == before
        assert again == first
        assert all(event["effective_from"] > self.night for event in first)

    @precondition(lambda self: self.decided)
    @rule(verdict=st.sampled_from(["hold", "promote"]), back=st.integers(0, 3))
    def earlier_night_again(self, verdict: Any, back: int) -> None:
        """An earlier night run again lets nobody up."""
        day = max(FIRST, self.night - timedelta(days=back + 1))
        if day >= self.night:
            return
        now = self.now(day)
        move = None
        if now.challenger is not None and now.stage is not None:
            move = Move(now.challenger.version, now.stage, verdict, verdict)
        before = self.lake.version(NAME, RELEASE_EVENTS)
        advance(self.lake, self.home, self.spec, day, move, run_id="again")
        assert self.lake.version(NAME, RELEASE_EVENTS) == before

    @rule(name=NAMES)
    def rolls_back(self, name: str) -> None:
        before, events = self.now(), read_events(self.lake, NAME)
        try:
            made = rolled_back(self.home, self.lake, self.spec, self.people[name])
        except RollbackRefused:
            assert self.who(before) == (None, None)
            return
        after, gone = self.now(), int(made[0]["model_version"])
        assert gone not in self.who(after)
        if before.stage == CANARY and before.champion is not None:
            assert before.challenger is not None
            assert gone == before.challenger.version
            assert self.who(after) == (before.champion.version, None)
            return
        authority = read_authority(self.lake, self.home)
        once = [
            int(e["model_version"])
            for e in events
            if e["stage"] == CHAMPION
            and not backers(self.spec, events, authority, e)[1]
            and not is_out(self.spec, events, authority, int(e["model_version"]))
            and int(e["model_version"]) != gone
        ]
        assert self.who(after)[0] == (once[-1] if once else None)

    @rule(name=NAMES)
    def decides_anew(self, name: str) -> None:
        """Days of versions that are out go to who was champion before, or to people."""
        try:
            done = redecide(
                self.home, self.lake, self.spec, self.people[name], reason="wrong", now=NOW
            )
        except RedecisionRefused:
            return
        events, authority = read_events(self.lake, NAME), read_authority(self.lake, self.home)
        for day in done.days:
            now = self.now(day)
            assert now.challenger is None
            champion, _ = self.who(now)
            assert champion is None or not is_out(self.spec, events, authority, champion)
            self.decided[day] = (champion, None)
            scored(self.lake, day, versions=[champion])

    @rule(
        version=st.sampled_from([99, 99, 99, 1, 2, 3]),
        stage=st.sampled_from([SHADOW, CANARY]),
        data=st.data(),
    )
    def forges(self, version: int, stage: str, data: st.DataObject) -> None:
        """Somebody copies a row of the record into another, and a person puts it right."""
        events = read_events(self.lake, NAME)
        row = data.draw(st.sampled_from(events))
        before = self.now()
        written(self.lake, {**row, "model_version": version, "stage": stage})
        after = self.now()
        assert after.challenger is None
        assert after.champion == before.champion
        if after.champion is not None:
            assert after.problem
            move = Move(version, stage, "promote", "forged")
            assert advance(self.lake, self.home, self.spec, self.night, move, run_id="x") == [] or (
                self.night in self.decided
            )
            assert self.now() == after
        rejected(self.home, self.lake, self.spec, version, self.people["ann"])

    @precondition(lambda self: self.decided)
    @rule(data=st.data())
    def forges_a_champion(self, data: st.DataObject) -> None:
        """Nobody decides until a person rolls it back; then it is as if it had not been."""
        row = data.draw(st.sampled_from(read_events(self.lake, NAME)))
        before = self.who(self.now())[0]
        written(self.lake, {**row, "model_version": 99, "stage": CHAMPION})
        tomorrow = self.night + timedelta(days=1)
        if row["effective_from"] <= tomorrow:
            with pytest.raises(NotApproved, match="version 99"):
                deciders_on(self.lake, self.home, self.spec, tomorrow)
        else:
            return  # an approval for a later day was copied: nobody has met it yet
        rolled_back(self.home, self.lake, self.spec, self.people["bob"], version=99)
        assert self.who(self.now())[0] == before

    @invariant()
    def what_was_decided_is_found_again(self) -> None:
        """No later act changes who decided a night, but people who have it decided anew."""
        if not hasattr(self, "decided"):
            return
        events, authority = read_events(self.lake, NAME), read_authority(self.lake, self.home)
        for day, decided in self.decided.items():
            assert self.who(deciders_of(self.spec, events, authority, day)) == decided

    @invariant()
    def nobody_decides_without_enough_people(self) -> None:
        if not hasattr(self, "spec"):
            return
        now = self.now()
        for one in [now.champion, now.challenger if now.stage == CANARY else None]:
            if one is not None:
                assert len(set(one.approved_by)) >= self.spec.approvals_needed
        if now.challenger is not None:
            assert now.champion is not None
            assert now.challenger.version != now.champion.version
            assert self.spec.release.model_dump()[str(now.stage)] is not None

    @invariant()
    def the_aliases_say_the_same(self) -> None:
        if not hasattr(self, "spec"):
            return
        now, wanted = self.now(date.max), wanted_aliases(self.lake, self.home, self.spec)
        assert wanted["champion"] == (now.champion.version if now.champion else None)
        if now.challenger is not None:
            assert wanted["challenger"] == now.challenger.version

    @rule()
    def is_asked_how_it_stands(self) -> None:
        assert release_status(self.lake, self.home, self.spec).awaited

    def now(self, day: date | None = None) -> Deciders:
        asked = day or self.night + timedelta(days=1)
        try:
            return deciders_on(self.lake, self.home, self.spec, asked)
        except NotApproved as error:  # nothing here writes what would put a champion in doubt
            raise AssertionError(str(error)) from error

    def who(self, now: Deciders) -> tuple[int | None, int | None]:
        """Champion and canary by version."""
        canary = now.challenger if now.stage == CANARY else None
        return now.champion.version if now.champion else None, canary.version if canary else None


TestLadder = Ladder.TestCase
TestLadder.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)

"""Two runs of a source at once, and a landing file replaced under a run: never a mixture."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.compute as pc
import pytest

from assets.home import Home
from assets.ingestion.one_at_a_time import Occupied, one_at_a_time
from assets.lake import Lake
from assets.tables import files, quarantine, validated
from tests.faults.forked import Work
from tests.faults.plant import (
    DOOR,
    HERE,
    NEW,
    OLD,
    SOURCE,
    before_and_after,
    copied,
    door,
    input_digests,
    land_all,
    tables,
)
from tests.small_case import START, land

CHANGED = "changed while"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    modules = (HERE, "duckdb", "deltalake", "pyarrow.dataset", "pyarrow.compute")
    with Work(tmp_path_factory.mktemp("work"), *modules) as work:
        yield work


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Home]:
    return before_and_after(tmp_path_factory.mktemp("landed"))


def until(seen: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("commit", range(4))
def test_a_run_that_is_overtaken_between_its_commits_mixes_nothing(
    work: Work, landed: tuple[Home, Home], tmp_path: Path, commit: int
) -> None:
    """One run stands still after a commit while other files land and another run begins."""
    _, after = landed
    home = copied(after, tmp_path / "home")
    land_all(home, OLD)  # the first run takes these in, the second those of ``after``
    table = (quarantine(SOURCE), files(SOURCE), f"profile_{SOURCE}", validated(SOURCE))[commit]
    log = home.lake / "plant" / table / "_delta_log"
    there = len(list(log.glob("*.json")))
    one = work.start(HERE, "door", str(home.root))
    until(lambda: len(list(log.glob("*.json"))) > there)
    os.kill(one, signal.SIGSTOP)
    try:
        land_all(home, NEW)
        two = work.start(HERE, "door", str(home.root))
        time.sleep(0.7)
    finally:
        os.kill(one, signal.SIGCONT)
    ended = [work.end(one), work.end(two)]
    assert ended[1].code == 0, ended
    assert ended[0].code == 0 or CHANGED in ended[0].said, ended
    assert tables(home, DOOR) == tables(after, DOOR)
    assert input_digests(home) == input_digests(after)


def test_runs_at_once_leave_the_last_files_wholly(
    work: Work, landed: tuple[Home, Home], tmp_path: Path
) -> None:
    before, after = landed
    home = copied(before, tmp_path / "home")
    wanted = {OLD: before, NEW: after}
    chance = random.Random(11)
    heats = (OLD, NEW)
    for attempt in range(4):
        land_all(home, heats[attempt % 2])
        one = work.start(HERE, "door", str(home.root))
        time.sleep(chance.uniform(0, 0.5))
        last = heats[(attempt + 1) % 2]
        land_all(home, last)
        two, three = (work.start(HERE, "door", str(home.root)) for _ in range(2))
        ended = [work.end(child) for child in (one, two, three)]
        assert [outcome.code for outcome in ended[1:]] == [0, 0], ended
        assert ended[0].code == 0 or CHANGED in ended[0].said, ended
        assert tables(home, DOOR) == tables(wanted[last], DOOR), attempt
        assert input_digests(home) == input_digests(wanted[last]), attempt
        door(str(home.root))
        assert tables(home, DOOR) == tables(wanted[last], DOOR), attempt


def test_a_source_is_held_by_one_and_others_are_told_by_whom(tmp_path: Path) -> None:
    home = Home(tmp_path)
    told: list[str] = []
    with one_at_a_time(home, "plant", SOURCE):
        with one_at_a_time(home, "plant", "events"), one_at_a_time(home, "other", SOURCE):
            pass
        with (
            pytest.raises(Occupied, match=f"process {os.getpid()} has been at work"),
            one_at_a_time(home, "plant", SOURCE, told.append, patience=0.3),
        ):
            pass
    assert told == [f"{SOURCE}: waiting for process {os.getpid()}, which is at work on it"]
    with one_at_a_time(home, "plant", SOURCE, told.append, patience=0):
        pass
    assert len(told) == 1


def test_the_next_goes_on_when_the_one_before_is_killed(
    work: Work, landed: tuple[Home, Home], tmp_path: Path
) -> None:
    home = copied(landed[0], tmp_path / "home")
    assert work.do(HERE, "door", str(home.root), at="door.files").code == -signal.SIGKILL
    with one_at_a_time(home, "plant", SOURCE, patience=0):
        pass


ROWS = 150_000


def large(heat: float) -> str:
    """A file that takes a while: all its readings, and its one refused row, say ``heat``."""
    stamp = f"{START}T00:00:00Z,{START}T01:00:00Z"
    rows = "".join(f"u{n},{stamp},{heat}\n" for n in range(ROWS))
    return f"unit,read_at,loaded_at,heat\n{rows}u1,{stamp},hot {heat}\nu2,{stamp},hot {heat}\n"


def renamed(path: Path, content: str) -> None:
    beside = path.with_name(".beside")
    beside.write_text(content)
    beside.replace(path)


@pytest.mark.slow
@pytest.mark.parametrize("replace", [renamed, Path.write_text], ids=["renamed", "in place"])
def test_a_file_replaced_under_a_run_is_taken_whole_or_not_at_all(
    work: Work, tmp_path: Path, replace: Callable[[Path, str], object]
) -> None:
    home = Home(tmp_path / "home")
    contents = {heat: large(heat) for heat in (1.0, 2.0, 3.0)}
    path = land(home, SOURCE, f"{SOURCE}_{START}.csv", contents[1.0])
    lake = Lake(home.lake)

    def said() -> float:
        """The heat that everything in the lake says."""
        rows = lake.read("plant", validated(SOURCE), columns=["heat"]).column("heat")
        refused = lake.read("plant", quarantine(SOURCE)).to_pylist()
        (balance,) = lake.read("plant", files(SOURCE)).to_pylist()
        (heat,) = pc.unique(rows).to_pylist()
        assert len(rows) == ROWS == balance["validated"]
        assert len(refused) == 2 == balance["quarantined"]
        assert [row["line"] for row in refused] == [ROWS + 2, ROWS + 3]
        assert all(f"hot {heat}" in row["original"] for row in refused)
        assert {row["file_sha256"] for row in refused} == {balance["sha256"]}
        return float(heat)

    began = time.monotonic()
    assert work.do(HERE, "door_of_one_day", str(home.root)).code == 0
    took = time.monotonic() - began
    heat = said()
    noticed = 0
    for attempt in range(6):
        old = heat
        one, other = (heat for heat in contents if heat != old)
        path.write_text(contents[one])
        child = work.start(HERE, "door_of_one_day", str(home.root))
        time.sleep(took * (attempt + 1) / 9)
        replace(path, contents[other])
        outcome = work.end(child)
        heat = said()
        if outcome.code == 0:
            assert heat in (one, other), attempt
        else:
            noticed += 1
            assert outcome.code == 1, outcome.said
            assert outcome.said.startswith("LandingError: "), outcome.said
            assert str(path) in outcome.said
            assert heat == old, attempt
    assert noticed >= 1

"""Files that come are asked for once they hold still, and once; whatever waits is named."""

import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.home import Home
from assets.ingestion.arrival import Look, Request, look
from assets.ingestion.landing import SUFFIXES, LandingError, file_digest, landed_files
from assets.ingestion.source_days import PENDING
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import FILES_SCHEMA, PROFILE_SCHEMA, files, profile

START = date(2026, 3, 1)
LAST = START + timedelta(days=999)


def make_spec(**sources: dict[str, Any]) -> UseCaseSpec:
    """``events`` come daily, ``readings`` may; further sources as given."""
    columns = {
        "id": {"type": "string"},
        "unit": {"type": "string"},
        "at": {"type": "timestamp"},
        "x": {"type": "float"},
    }
    declared = {"events": {}, "readings": {"arrival": "optional"}, **sources}
    return UseCaseSpec.model_validate(
        {
            "name": "plant",
            "start": str(START),
            "sources": {name: {"columns": columns, **one} for name, one in declared.items()},
            "population": {
                "source": "events",
                "key": "id",
                "entity": "unit",
                "event_timestamp": "at",
            },
            "label": {
                "source": "readings",
                "column": "x",
                "positive": 1,
                "observed_at": "at",
                "matures_after": "2d",
            },
        }
    )


SPEC = make_spec()


def day_after(days: int) -> date:
    return START + timedelta(days=days)


class Plant:
    """A landing zone, the lake behind it, and someone who keeps looking."""

    def __init__(self, root: Path, spec: UseCaseSpec = SPEC) -> None:
        self.home, self.spec = Home(root), spec
        self.lake = Lake(self.home.lake)
        self.cursor: str | None = None
        self.runs = 0

    def folder(self, source: str = "events") -> Path:
        folder = self.home.landing_source("plant", source)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop(self, content: str, day: date = START, source: str = "events", part: str = "") -> Path:
        """Write a file in place. The clock of the file system moves on before and after."""
        path = self.folder(source) / f"{source}{part}_{day}.csv"
        tick(path.parent)
        path.write_text(content)
        tick(path.parent)
        return path

    def look(self, last_day: date = LAST, **limits: int) -> Look:
        found = look(self.spec, self.home, self.lake, self.cursor, last_day, **limits)
        self.cursor = found.cursor
        return found

    def look_twice(self, last_day: date = LAST, **limits: int) -> list[Request]:
        """The requests of two looks with nothing between them."""
        first = self.look(last_day, **limits).requests
        return [*first, *self.look(last_day, **limits).requests]

    def ingested(self, day: date, *, complete: bool = True) -> None:
        """Put on record what ingestion of a day puts there of its files."""
        self.runs += 1
        for source, declared in self.spec.sources.items():
            own = landed_files(self.folder(source), declared).get(day, [])
            rows = [
                {
                    **dict.fromkeys(FILES_SCHEMA.names),
                    "file": path.name,
                    "sha256": file_digest(path),
                    "bytes": path.stat().st_size,
                    "run_id": f"run-{self.runs}",
                }
                for path in own
            ]
            digest = "" if not own else "complete" if complete else PENDING
            self.replace(files(source), FILES_SCHEMA, day, rows)
            profiles = [{**dict.fromkeys(PROFILE_SCHEMA.names), "input_digest": digest}]
            self.replace(profile(source), PROFILE_SCHEMA, day, profiles if own else [])

    def replace(self, table: str, schema: pa.Schema, day: date, rows: list[dict[str, Any]]) -> None:
        self.lake.ensure("plant", table, schema)
        self.lake.replace_day("plant", table, day, pa.Table.from_pylist(rows, schema=schema))

    def waiting(self) -> int:
        found = json.loads(self.cursor or "{}")
        return sum(len(one["waiting"]) for one in found.values())


def tick(folder: Path) -> None:
    """Until the change time of files in the folder moves on: it may count in milliseconds."""
    probe = folder / ".probe"
    probe.touch()
    was = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == was:
        time.sleep(0.001)
        probe.touch()


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def days(requests: list[Request]) -> list[date]:
    assert all(request.first == request.last for request in requests)
    return [request.first for request in requests]


def test_a_file_is_taken_when_it_was_the_same_at_two_looks(plant: Plant) -> None:
    assert plant.look().note == "no new files"  # there is no landing zone yet
    plant.drop("a")
    first = plant.look()
    assert first.requests == []
    assert first.note == (
        "events_2026-03-01.csv came or changed since the last look: taken once they hold still"
    )
    assert days(plant.look().requests) == [START]
    assert plant.look_twice() == []


def test_a_file_still_being_written_is_left(plant: Plant) -> None:
    path = plant.drop("half of a l")
    for more in ("ine, and ", "the rest\n"):
        assert plant.look().requests == []
        with path.open("a") as file:
            file.write(more)
        tick(path.parent)
    assert plant.look().requests == []
    assert days(plant.look().requests) == [START]


def test_the_whole_day_waits_for_one_file_of_it_but_other_days_do_not(plant: Plant) -> None:
    plant.drop("a")
    plant.drop("b", day_after(1))
    plant.look()
    plant.drop("c", source="readings")
    second = plant.look()
    assert days(second.requests) == [day_after(1)]
    assert "readings_2026-03-01.csv came or changed" in second.note
    assert days(plant.look().requests) == [START]


def test_a_name_of_a_file_being_written_is_not_looked_at_until_it_is_renamed(plant: Plant) -> None:
    folder = plant.folder()
    for name in (
        "events_2026-03-01.csv.part",
        "e_2026-03-01.csv.tmp",
        ".e_2026-03-01.csv",
        "_e_2026-03-01.csv",
    ):
        (folder / name).write_text("a")
    found = [plant.look(), plant.look()]
    assert [one.note for one in found] == ["no new files"] * 2
    tick(folder)
    (folder / "events_2026-03-01.csv.part").rename(folder / "events_2026-03-01.csv")
    assert days(plant.look_twice()) == [START]


def test_a_copy_that_keeps_an_old_modification_time_is_seen(plant: Plant) -> None:
    plant.drop("a", day_after(1))
    assert days(plant.look_twice()) == [day_after(1)]
    path = plant.drop("b")
    os.utime(path, ns=(10**18, 10**18))
    assert days(plant.look_twice()) == [START]


def test_a_folder_moved_into_place_with_old_change_times_is_seen(plant: Plant) -> None:
    elsewhere = plant.home.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / f"readings_{START}.csv").write_text("old")
    plant.drop("a")
    plant.drop("b", day_after(1))
    newer = plant.drop("c", day_after(1), "readings")
    assert days(plant.look_twice()) == [START, day_after(1)]
    plant.ingested(START)
    plant.ingested(day_after(1))
    shutil.rmtree(newer.parent)
    elsewhere.rename(newer.parent)  # which the change time of the file in it does not tell
    assert days(plant.look_twice()) == [START]
    assert plant.look_twice() == []


@pytest.mark.parametrize("in_place", [True, False])
def test_a_replaced_file_of_the_same_size_and_time_is_new(plant: Plant, in_place: bool) -> None:
    path = plant.drop("old")
    before = path.stat()
    plant.look_twice()
    plant.ingested(START)
    tick(path.parent)
    if in_place:
        path.write_text("new")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        other = path.with_suffix(".part")
        other.write_text("new")
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.replace(path)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert days(plant.look_twice()) == [START]


def test_content_on_record_asks_for_nothing_under_its_own_or_another_name(plant: Plant) -> None:
    path = plant.drop("a")
    plant.look_twice()
    plant.ingested(START)
    plant.drop("a")
    assert plant.look_twice() == []
    plant.drop("a", part="_again")
    assert plant.look_twice() == []
    tick(path.parent)
    path.rename(path.with_name("renamed_2026-03-01.csv"))
    assert plant.look_twice() == []
    assert plant.waiting() == 0
    # Nor does it when all is forgotten; but the same bytes for another day are new there.
    plant.cursor = None
    assert plant.look_twice() == []
    plant.drop("a", day_after(1))
    assert days(plant.look_twice()) == [day_after(1)]


def test_a_day_on_record_that_is_not_complete_is_asked_for(plant: Plant) -> None:
    plant.drop("a")
    plant.look_twice()
    plant.ingested(START, complete=False)
    plant.drop("a")
    assert days(plant.look_twice()) == [START]


def test_a_file_that_takes_content_out_of_the_day_is_new(plant: Plant) -> None:
    plant.drop("a")
    plant.drop("b", part="_2")
    plant.look_twice()
    plant.ingested(START)
    plant.drop("b")  # a copy of the other; what was in this one is gone
    assert days(plant.look_twice()) == [START]


def test_the_run_key_is_the_same_only_for_the_same_files_and_record(plant: Plant) -> None:
    keys = []
    for content in ("a", "b", "a", "b"):
        plant.drop(content)
        keys += [request.run_key for request in plant.look_twice()]
        plant.ingested(START)
    assert len(set(keys)) == 4  # each is a change of what is on record
    plant.drop("c")
    asked = plant.look_twice()
    plant.drop("c")  # again, before the run came to it
    assert plant.look_twice() == asked
    assert keys[0].startswith("2026-03-01:2026-03-01:")


def test_a_day_waits_for_the_source_that_must_send_one(plant: Plant) -> None:
    plant.drop("a", source="readings")
    plant.look()
    found = plant.look()
    assert found.requests == []
    assert found.note == "2026-03-01 wait for a file of events"
    plant.drop("b")
    assert days(plant.look_twice()) == [START]


def test_a_day_that_has_not_closed_waits(plant: Plant) -> None:
    plant.drop("a", day_after(1))
    assert plant.look_twice(last_day=START) == []
    assert plant.look(START).note == "events_2026-03-02.csv wait: their day has not closed"
    assert plant.waiting() == 1
    assert days(plant.look(day_after(1)).requests) == [day_after(1)]


def test_what_cannot_be_taken_is_named(plant: Plant) -> None:
    folder = plant.folder()
    for number in range(7):
        (folder / f"undated{number}.csv").touch()
    (folder / "events_2026-03-01.txt").touch()
    (folder / "events_2026-02-28.csv").touch()
    (folder / "archive").mkdir()
    os.mkfifo(folder / "pipe_2026-03-01.csv")
    (folder / "gone_2026-03-01.csv").symlink_to(folder / "nothing")
    (folder / "loop_2026-03-01.csv").symlink_to(folder / "loop_2026-03-01.csv")
    plant.folder("event")
    suffixes = " or ".join(SUFFIXES["csv"])
    for _ in range(2):
        found = plant.look()
        assert found.requests == []
        assert set(found.note.split("; ")) == {
            f"event in {folder.parent} ignored: no source of plant (those are events, readings)",
            "undated0.csv, undated1.csv, undated2.csv, undated3.csv, undated4.csv and 2 more "
            "of 'events' ignored: no date (like 2026-01-31) in the name",
            f"events_2026-03-01.txt of 'events' ignored: no {suffixes} file",
            "events_2026-02-28.csv of 'events' ignored: dated before the first day, 2026-03-01",
            "archive of 'events' ignored: a folder (files in folders are not taken)",
            "pipe_2026-03-01.csv of 'events' ignored: no regular file",
            "gone_2026-03-01.csv of 'events' ignored: a link to nothing",
            "loop_2026-03-01.csv of 'events' ignored: Too many levels of symbolic links",
        }


def test_a_folder_that_cannot_be_looked_into_is_one_message(plant: Plant) -> None:
    plant.folder("readings")
    plant.folder().rmdir()
    plant.home.landing_source("plant", "events").write_text("no folder")
    with pytest.raises(LandingError, match=r"events cannot be looked into \(Not a directory\)"):
        plant.look()


def test_a_thousand_files_of_a_day_are_one_request(plant: Plant) -> None:
    for number in range(1000):
        (plant.folder() / f"events{number}_{START}.csv").write_text(str(number))
    plant.look()
    assert len(plant.cursor or "") < 100 * 1000
    assert days(plant.look().requests) == [START]
    assert len(plant.cursor or "") < 500
    assert plant.look_twice() == []


@pytest.mark.parametrize("every", [1, 2])
def test_many_days_are_a_bounded_number_of_requests(plant: Plant, every: int) -> None:
    due = [day_after(number) for number in range(0, 400, every)]
    for day in due:
        (plant.folder() / f"events_{day}.csv").write_text(str(day))
    plant.look()
    covered: list[date] = []
    looks = 0
    while len(covered) < len(due):
        found = plant.look(max_runs=25)
        assert 0 < len(found.requests) <= 25
        looks += 1
        for request in found.requests:
            span = (request.last - request.first).days + 1
            covered += [request.first + timedelta(days=n) for n in range(span)]
    assert covered == due  # each once, in order
    assert looks == (1 if every == 1 else 8)
    assert plant.look_twice() == []
    assert plant.waiting() == 0


def test_a_look_reads_a_bounded_amount(plant: Plant) -> None:
    for number in range(4):
        plant.drop("a" * 100 + str(number), day_after(number))
    plant.look(max_bytes=150)
    found = [plant.look(max_bytes=150) for _ in range(3)]
    assert [days(one.requests) for one in found] == [
        [START, day_after(1)],
        [day_after(2), day_after(3)],
        [],
    ]
    assert "2026-03-03, 2026-03-04 wait for the next look: there is much to read" in found[0].note


def test_a_snapshot_is_taken_by_the_day_that_first_stands_on_it(tmp_path: Path) -> None:
    plant = Plant(tmp_path, make_spec(units={"arrival": "snapshot"}))
    for day in (START - timedelta(days=40), START - timedelta(days=9), day_after(2)):
        plant.drop(str(day), day, "units")
    plant.drop("a")
    plant.drop("b", day_after(2))
    assert days(plant.look_twice()) == [START, day_after(2)]
    for day in (START - timedelta(days=9), START, day_after(2)):
        plant.ingested(day)
    plant.cursor = None
    assert plant.look_twice() == []


@pytest.mark.parametrize("nonsense", ["", "no json", "[]", '{"events": 1}', '{"events": {}}'])
def test_a_cursor_of_no_sense_is_a_fresh_start(plant: Plant, nonsense: str) -> None:
    plant.drop("a")
    plant.cursor = nonsense
    assert days(plant.look_twice()) == [START]


DROP = st.tuples(
    st.just("drop"),
    st.integers(0, 2),
    st.sampled_from(["", "_2"]),
    st.sampled_from(["events", "readings"]),
    st.sampled_from("abc"),
)
STEPS = st.lists(DROP | st.just(("look",)) | st.just(("run",)), max_size=14)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_whatever_comes_when_each_new_content_is_asked_for_once(steps: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        plant = Plant(Path(folder))
        asked: dict[str, Request] = {}  # Dagster starts a key once
        queue: list[date] = []

        def contents(day: date) -> dict[str, set[str]]:
            return {
                source: {
                    path.read_text()
                    for path in landed_files(plant.folder(source), declared).get(day, [])
                }
                for source, declared in plant.spec.sources.items()
            }

        taken: dict[date, dict[str, set[str]]] = {}
        last_asked: dict[date, dict[str, set[str]]] = {}

        def looked() -> None:
            for request in plant.look().requests:
                day = request.first
                if request.run_key in asked:
                    # Only where the very same thing was asked for and is still to be run.
                    assert last_asked[day] == contents(day)
                    continue
                asked[request.run_key] = request
                assert contents(day) != taken.get(day)
                last_asked[day] = contents(day)
                queue.append(day)

        def ran() -> None:
            for day in queue:
                plant.ingested(day)
                taken[day] = contents(day)
            queue.clear()

        actions: dict[str, Callable[[], None]] = {"look": looked, "run": ran}
        for kind, *rest in steps:
            if kind == "drop":
                number, part, source, content = rest
                plant.drop(content, day_after(number), source, part)
            else:
                actions[kind]()
        for _ in range(3):
            looked()
        ran()
        for number in range(3):
            landed = contents(day_after(number))
            if landed["events"]:
                assert taken.get(day_after(number)) == landed
            else:
                assert day_after(number) not in taken
        before = len(asked)
        looked()
        looked()
        assert len(asked) == before

"""Several reviewers, threads and processes at once, some of them killed: one record, one queue."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.errors import NightshiftError
from assets.home import Home
from assets.lake import Lake
from assets.ledger.record import checkpoint_reviews
from assets.reviews.decided import reviews_of
from assets.reviews.queue import Queue, QueueError
from assets.reviews.refusals import ReviewConflict
from assets.tables import REVIEWS
from tests.faults.forked import Work
from tests.reviewed import NIGHT, NOW, decided, people, put, review_spec, say, waiting

SPEC = review_spec(second_review="declines")
HERE = __name__
HEAVY = "deltalake,pyarrow.dataset,duckdb,cryptography.fernet,argon2,assets.ledger.record"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    folder = tmp_path_factory.mktemp("work")
    with Work(folder, HERE, *HEAVY.split(",")) as started:
        yield started


def review_in_turn(root: str, reviewer: str, *ids: str) -> None:
    """Work of a process of its own: each case, as if it had been open since before the others."""
    home = Home(Path(root))
    for one in ids:
        try:
            say(Lake(home.lake), home, SPEC, one, reviewer, "approve")
        except ReviewConflict:
            continue


def review_one(root: str, reviewer: str, one: str) -> None:
    home = Home(Path(root))
    say(Lake(home.lake), home, SPEC, one, reviewer, "approve")


def refresh(root: str, times: int) -> None:
    home = Home(Path(root))
    for _ in range(times):
        Queue(home).refresh(Lake(home.lake), SPEC)


def rebuild(root: str, times: int) -> None:
    """Refresh, having torn the index before each time."""
    home = Home(Path(root))
    for _ in range(times):
        # Gone: the other process is making it anew just now. Torn: it was, once more, meanwhile.
        with suppress(FileNotFoundError), (home.desk / "queue.db").open("r+b") as file:
            file.write(b"torn")
        with suppress(QueueError):
            Queue(home).refresh(Lake(home.lake), SPEC)


def page(home: Home) -> list[tuple[str, str]]:
    found = Queue(home).page(SPEC.name, state="all", reviewer="ann", size=500)
    return sorted((row.decision_id, row.state) for row in found.rows)


def test_of_two_threads_one_wins_and_the_other_is_told(home: Home, lake: Lake) -> None:
    people(home)
    (one,) = waiting(lake, SPEC)
    start, told = threading.Barrier(3), {}

    def decide(name: str) -> None:
        start.wait()
        try:
            told[name] = say(Lake(home.lake), home, SPEC, one, name).kind
        except NightshiftError as error:
            told[name] = str(error)

    threads = [threading.Thread(target=decide, args=[name]) for name in ("ann", "bob", "cy")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (row,) = reviews_of(lake, SPEC, NIGHT, one)
    assert told.pop(row["reviewer"]) == "review"
    assert all(f"{row['reviewer']} was quicker" in said for said in told.values())
    assert len(told) == 2


def test_of_three_processes_each_case_has_one_review(home: Home, lake: Lake, work: Work) -> None:
    people(home)
    ids = waiting(lake, SPEC, 4)
    children = [
        work.start(HERE, "review_in_turn", str(home.root), name, *ids)
        for name in ("ann", "bob", "cy")
    ]
    ended = [work.end(child) for child in children]
    assert [outcome.code for outcome in ended] == [0, 0, 0], ended
    rows = lake.read(SPEC.name, REVIEWS).to_pylist()
    assert sorted(row["decision_id"] for row in rows) == sorted(ids)
    assert {row["sequence"] for row in rows} == {1}
    queue = Queue(home)
    queue.refresh(lake, SPEC)
    assert {row.state for row in queue.page(SPEC.name, state="all", reviewer="x").rows} == {
        "decided"
    }
    assert checkpoint_reviews(lake, home, SPEC, [NIGHT]) == []


# The reviews are the second table written to: before it their table is made, after it the ledger's.
@pytest.mark.parametrize("at", ["lake.writing", "lake.committed", "lake.synced", "lake.creating"])
def test_killed_during_a_review_it_is_there_or_it_is_not(
    home: Home, lake: Lake, work: Work, at: str
) -> None:
    people(home)
    one, other = waiting(lake, SPEC, 2)
    killed = work.do(HERE, "review_one", str(home.root), "ann", one, at=at)
    assert killed.code == -9, killed
    rows = reviews_of(lake, SPEC, NIGHT, one)
    assert len(rows) == (0 if at in ("lake.writing", "lake.creating") else 1)
    queue = Queue(home)
    queue.refresh(lake, SPEC)
    states = {
        row.decision_id: row.state for row in queue.page(SPEC.name, state="all", reviewer="x").rows
    }
    assert states == {one: "decided" if rows else "open", other: "open"}
    # Whoever comes next is not held up, and the ledger takes up what it missed.
    if rows:
        with pytest.raises(ReviewConflict):
            say(lake, home, SPEC, one, "bob")
    else:
        say(lake, home, SPEC, one, "bob")
    assert say(lake, home, SPEC, other, "cy").unsealed == ""
    assert checkpoint_reviews(lake, home, SPEC, [NIGHT]) == []


def test_two_processes_bring_the_queue_up_to_date_at_once(
    home: Home, lake: Lake, work: Work
) -> None:
    people(home)
    ids = waiting(lake, SPEC, 60)
    children = [work.start(HERE, "refresh", str(home.root), 5) for _ in range(2)]
    for round_ in range(3):
        put(lake, SPEC, decided(SPEC, NIGHT, [{"revision": round_ + 2}] * 60))
    ended = [work.end(child) for child in children]
    assert [outcome.code for outcome in ended] == [0, 0], ended
    Queue(home).refresh(lake, SPEC)
    assert page(home) == sorted((one, "open") for one in ids)
    with sqlite3.connect(home.desk / "queue.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert set(connection.execute("SELECT revision FROM cases")) == {(4,)}


def test_torn_again_and_again_by_processes_it_is_made_anew(
    home: Home, lake: Lake, work: Work
) -> None:
    ids = waiting(lake, SPEC, 20)
    Queue(home).refresh(lake, SPEC)
    children = [work.start(HERE, "rebuild", str(home.root), 4) for _ in range(2)]
    ended = [work.end(child) for child in children]
    assert [outcome.code for outcome in ended] == [0, 0], ended
    Queue(home).refresh(lake, SPEC)
    assert page(home) == sorted((one, "open") for one in ids)


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2 + 100])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("this is no database\n" * 500)
    elif how == "garbage":
        middle = 4096 * (len(content) // 4096 // 2)
        path.write_bytes(content[:middle] + b"\xff" * 8192 + content[middle + 8192 :])
    elif how == "version":
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["cut", "empty", "text", "garbage", "version", "gone"])
def test_a_queue_that_is_no_more_is_made_anew(home: Home, lake: Lake, how: str) -> None:
    ids = waiting(lake, SPEC, 300)
    queue = Queue(home)
    queue.refresh(lake, SPEC)
    before = page(home)
    path = home.desk / "queue.db"
    for end in ("-wal", "-shm"):
        assert not path.with_name(path.name + end).exists()
    spoil(path, how)
    fresh = Queue(home)
    assert fresh.refresh(lake, SPEC)
    assert page(home) == before == sorted((one, "open") for one in ids)
    assert path.stat().st_mode & 0o777 == 0o600


def test_torn_between_two_pages_it_says_so_once(home: Home, lake: Lake) -> None:
    waiting(lake, SPEC, 300)
    queue = Queue(home)
    queue.refresh(lake, SPEC)
    spoil(home.desk / "queue.db", "garbage")
    said: Any = None
    try:
        for order in ("risk", "due", "oldest"):
            queue.page(SPEC.name, order=order, reviewer="ann", size=500)  # type: ignore[arg-type]
    except QueueError as error:
        said = str(error)
    assert said is not None
    assert "made anew, empty: load the page again" in said
    queue.refresh(lake, SPEC)
    assert queue.page(SPEC.name, reviewer="ann").total == 300


def test_a_review_stands_without_the_queue(home: Home, lake: Lake) -> None:
    people(home)
    (one,) = waiting(lake, SPEC)
    home.desk.joinpath("queue.db").mkdir()  # no file at all, and no way to make one
    found = say(lake, home, SPEC, one, now=NOW + timedelta(hours=1))
    assert found.standing.outcome == "approve"
    home.desk.joinpath("queue.db").rmdir()
    Queue(home).refresh(lake, SPEC)
    assert page(home) == [(one, "decided")]

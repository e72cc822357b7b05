"""The queue: orders, pages without gaps, who is shown what, and an index that follows the lake."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.home import Home
from assets.lake import Lake
from assets.reviews.blind import blind_sample
from assets.reviews.queue import Order, Queue, QueueError, QueueRow
from assets.spec import closes_at
from assets.tables import DECISIONS
from tests.reviewed import NIGHT, NOW, automatic, decided, people, put, review_spec, say, waiting

SPEC = review_spec()
ORDERS: tuple[Order, ...] = ("risk", "due", "oldest")


def walked(queue: Queue, size: int, **asked: Any) -> list[QueueRow]:
    """All rows, a page at a time."""
    rows: list[QueueRow] = []
    after = None
    while True:
        page = queue.page("widgets", after=after, size=size, **{"reviewer": "ann"} | asked)
        rows += page.rows
        assert len(page.rows) <= size
        if page.next is None:
            assert page.total == len(rows)
            return rows
        after = page.next


def brought(home: Home, lake: Lake, spec: Any = SPEC) -> Queue:
    queue = Queue(home)
    queue.refresh(lake, spec)
    return queue


case = st.fixed_dictionaries(
    {
        "overflow": st.sampled_from([True, False, None]),
        "value_at_risk": st.sampled_from([None, 0.0, 5.0, 7.5, float("nan"), float("inf")]),
        "score": st.sampled_from([None, 0.2, 0.9]),
        "minutes": st.integers(0, 3),
        "days": st.integers(0, 2),
    }
)


@settings(max_examples=15, deadline=None)
@given(st.lists(case, min_size=1, max_size=12), st.integers(1, 5))
def test_pages_of_any_size_are_the_whole_list_in_order(cases: Any, size: int) -> None:
    with TemporaryDirectory() as folder:
        home = Home(Path(folder))
        lake = Lake(home.lake)
        by_day: dict[int, list[dict[str, Any]]] = {}
        for n, one in enumerate(cases):
            said = {k: v for k, v in one.items() if k not in ("minutes", "days")}
            at = closes_at(NIGHT) - timedelta(days=one["days"] + 1, minutes=-one["minutes"])
            row = {"case_key": f"k{n}", "event_timestamp": at, **said}
            by_day.setdefault(one["days"], []).append(row)
        known: dict[str, dict[str, Any]] = {}
        for days, rows in by_day.items():
            day = NIGHT - timedelta(days=days)
            ids = put(lake, SPEC, decided(SPEC, day, rows), day)
            for one, row in zip(ids, rows, strict=True):
                known[one] = {**row, "due": days}
        queue = brought(home, lake)

        def risk(one: str) -> tuple[Any, ...]:
            row = known[one]
            sure = [row["value_at_risk"], row["score"]]
            # None, not a number and infinity order last: nothing can be said of them.
            falling = [-v if v is not None and abs(v) < 1e300 else float("inf") for v in sure]
            return (bool(row["overflow"]), *falling, one)

        wanted = {
            "risk": risk,
            "due": lambda one: (-known[one]["due"], *risk(one)),
            "oldest": lambda one: (known[one]["event_timestamp"], one),
        }
        for order in ORDERS:
            found = [row.decision_id for row in walked(queue, size, order=order)]
            assert found == sorted(known, key=wanted[order])
            assert [r.decision_id for r in walked(queue, size, order=order, state="all")] == found
        assert walked(queue, size, state="decided") == []


def test_a_row_says_what_waits_and_until_when(home: Home, lake: Lake) -> None:
    spec = review_spec(due="2d")
    (one,) = waiting(lake, spec)
    (row,) = brought(home, lake, spec).page("widgets", reviewer="ann").rows
    assert (row.decision_id, row.use_case, row.day, row.case_key) == (one, "widgets", NIGHT, "c0")
    assert row.due == closes_at(NIGHT) + timedelta(days=2)
    assert (row.state, row.yours, row.reviews, row.overflow) == ("open", True, 0, False)
    assert Queue(home).find(one) == ("widgets", NIGHT)
    assert Queue(home).find("no such id") is None


def test_what_another_must_confirm_is_not_the_first_reviewers(home: Home, lake: Lake) -> None:
    spec = review_spec(second_review="always")
    people(home)
    one, other = waiting(lake, spec, 2)
    queue = brought(home, lake, spec)
    say(lake, home, spec, one, "ann")
    for fresh in (queue, brought(home, lake, spec)):
        page = fresh.page("widgets", reviewer="ann")
        assert ([row.decision_id for row in page.rows], page.total) == ([other], 1)
        rows = fresh.page("widgets", reviewer="ann", state="all").rows
        told = {row.decision_id: (row.state, row.yours) for row in rows}
        assert told == {one: ("second awaited", False), other: ("open", True)}
        assert fresh.page("widgets", reviewer="bob").total == 2
        assert all(row.yours for row in fresh.page("widgets", reviewer="bob").rows)
    say(lake, home, spec, one, "bob", seen=1)
    (done,) = queue.page("widgets", reviewer="ann", state="decided").rows
    assert (done.outcome, done.decided_by, done.yours) == ("approve", ("ann", "bob"), False)
    assert done.decided_at == NOW + timedelta(minutes=1)
    # A name within another is somebody else.
    assert queue.page("widgets", reviewer="a").total == 1


def test_a_review_is_in_the_queue_without_a_refresh(home: Home, lake: Lake) -> None:
    people(home)
    one, other = waiting(lake, SPEC, 2)
    queue = brought(home, lake)
    say(lake, home, SPEC, one)
    queue.refresh(lake, SPEC)
    version = lake.version("widgets", DECISIONS)
    say(lake, home, SPEC, other)
    assert queue.page("widgets", reviewer="bob").total == 0
    assert queue.page("widgets", reviewer="bob", state="decided").total == 2
    assert not queue.refresh(lake, SPEC)
    assert lake.version("widgets", DECISIONS) == version


def test_a_refresh_that_finds_nothing_new_changes_nothing(home: Home, lake: Lake) -> None:
    waiting(lake, SPEC, 3)
    assert Queue(home).refresh(lake, SPEC)
    assert not Queue(home).refresh(lake, SPEC)
    waiting(lake, SPEC, 2, NIGHT + timedelta(days=1))
    queue = Queue(home)
    assert queue.refresh(lake, SPEC)
    assert queue.page("widgets", reviewer="ann").total == 5
    # A night that lost its cases, and one that was decided without people.
    put(lake, SPEC, decided(SPEC, NIGHT, []))
    automatic(lake, SPEC, 2, NIGHT + timedelta(days=1))
    assert queue.refresh(lake, SPEC)
    assert queue.page("widgets", reviewer="ann", state="all").total == 0


def test_a_night_decided_anew_opens_its_cases_again(home: Home, lake: Lake) -> None:
    people(home)
    (one,) = waiting(lake, SPEC)
    say(lake, home, SPEC, one)
    queue = brought(home, lake)
    assert queue.page("widgets", reviewer="ann").total == 0
    put(lake, SPEC, decided(SPEC, NIGHT, [{"revision": 2, "score": 0.4}]))
    queue.refresh(lake, SPEC)
    (row,) = queue.page("widgets", reviewer="ann").rows
    assert (row.state, row.yours, row.reviews) == ("open", True, 1)


def test_another_rule_in_the_spec_is_followed(home: Home, lake: Lake) -> None:
    people(home)
    (one,) = waiting(lake, SPEC)
    say(lake, home, SPEC, one)
    queue = brought(home, lake)
    assert queue.page("widgets", reviewer="ann", state="decided").total == 1
    assert queue.refresh(lake, review_spec(second_review="always", due="9d"))
    (row,) = queue.page("widgets", reviewer="bob").rows
    assert (row.state, row.due) == ("second awaited", closes_at(NIGHT) + timedelta(days=9))


def test_a_blind_case_looks_like_any_other(home: Home, lake: Lake) -> None:
    spec = review_spec(blind_sample=0.5)
    people(home)
    sure = {"decision": "approve", "advice": "approve", "score": 0.001, "value_at_risk": 0.0}
    unsure = [{"score": 0.5 + n / 100, "value_at_risk": float(n)} for n in range(20)]
    ids = put(lake, spec, decided(spec, NIGHT, [*unsure, *[sure] * 60]))
    decisions = lake.read("widgets", DECISIONS)
    sampled = blind_sample(home, spec, decisions.column("decision_id")).to_pylist()
    blind = {
        row["decision_id"]
        for row, chosen in zip(decisions.to_pylist(), sampled, strict=True)
        if chosen and row["decision"] == "approve"
    }
    queue = brought(home, lake, spec)
    rows = walked(queue, 7)
    assert {row.decision_id for row in rows} == blind | set(ids[:20])
    plain = [(r.state, r.yours, r.overflow, r.due, r.outcome, r.reviews) for r in rows]
    assert len(set(plain)) == 1
    # Their place tells nothing: were they ordered by their score, all would be last.
    places = [n for n, row in enumerate(rows) if row.decision_id in blind]
    assert min(places) < 10
    assert max(places) - min(places) > len(blind)
    chosen = sorted(blind)[0]
    say(lake, home, spec, chosen, "ann", "decline")
    (done,) = queue.page("widgets", reviewer="ann", state="decided").rows
    assert (done.decision_id, done.outcome, done.decided_by) == (chosen, "decline", ("ann",))


def test_blind_cases_of_a_night_without_referrals_are_there_too(home: Home, lake: Lake) -> None:
    spec = review_spec(blind_sample=1.0)
    ids = automatic(lake, spec, 5)
    assert {row.decision_id for row in walked(brought(home, lake, spec), 2)} == set(ids)


def test_counts_by_age(home: Home, lake: Lake) -> None:
    spec = review_spec(second_review="always", due="2d")
    people(home)
    first, *_ = waiting(lake, spec, 2, NIGHT - timedelta(days=2))
    waiting(lake, spec, 3, NIGHT)
    waiting(lake, spec, 1, NIGHT - timedelta(days=30))
    say(lake, home, spec, first, "ann")
    queue = brought(home, lake, spec)
    found = queue.counts("widgets", NOW)
    assert (found.open, found.second_awaited, found.decided, found.overdue) == (6, 1, 0, 3)
    assert found.by_age == {
        "< 1 day": 3,
        "1-2 days": 0,
        "2-3 days": 2,
        "3-7 days": 0,
        "> 7 days": 1,
    }
    assert found.oldest == closes_at(NIGHT - timedelta(days=30)) - timedelta(hours=12)
    say(lake, home, spec, first, "bob", seen=1)
    after = queue.counts("widgets", NOW - timedelta(days=400))  # a clock far behind
    assert (after.open, after.decided, after.overdue, after.by_age["< 1 day"]) == (5, 1, 0, 5)
    assert queue.counts("other", NOW).open == 0


def test_two_use_cases_do_not_meet(home: Home, lake: Lake) -> None:
    other = SPEC.model_copy(update={"name": "gadgets"})
    waiting(lake, SPEC, 2)
    waiting(lake, other, 3)
    queue = brought(home, lake)
    queue.refresh(lake, other)
    assert queue.page("widgets", reviewer="ann").total == 2
    assert queue.page("gadgets", reviewer="ann").total == 3


@pytest.mark.parametrize(
    "asked",
    [{"state": "closed"}, {"order": "name"}, {"size": 0}, {"size": 501}, {"after": "x"}],
)
def test_a_page_there_is_not_is_refused(home: Home, lake: Lake, asked: dict[str, Any]) -> None:
    waiting(lake, SPEC)
    queue = brought(home, lake)
    with pytest.raises(QueueError, match=r"no such page|begin at its first page"):
        queue.page("widgets", reviewer="ann", **asked)


def test_no_page_goes_through_the_whole_table(home: Home, lake: Lake) -> None:
    """Each order walks an index from where the page begins: SQLite says so itself."""
    import sqlite3

    from assets.reviews.queue import KEYS

    waiting(lake, SPEC)
    brought(home, lake)
    with sqlite3.connect(home.desk / "queue.db") as connection:
        for keys in KEYS.values():
            places = ", ".join("?" * len(keys))
            plan = connection.execute(
                f"EXPLAIN QUERY PLAN SELECT * FROM cases WHERE use_case = ? AND closed = ? "
                f"AND ({', '.join(keys)}) > ({places}) ORDER BY {', '.join(keys)} LIMIT 5",
                ["widgets", 0, *[0] * len(keys)],
            ).fetchall()
            told = " ".join(step[3] for step in plan)
            assert "SEARCH cases USING INDEX" in told
            assert "TEMP B-TREE" not in told
            assert "SCAN" not in told

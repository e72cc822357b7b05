"""The queue of cases that wait for people: an index over the lake, in SQLite, made to be lost.

Everything in it follows from the tables of decisions and reviews; it is made anew when it is not
there, torn, or of another version, and brought up to date by the days that changed.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from assets.reviews.queue_ages import by_age
from assets.reviews.queue_refresh import changed_days, marked, marks_of, rebuilt, reviewed
from assets.reviews.queue_rows import micros, time_of
from assets.reviews.queue_store import QueueError, QueueStore
from assets.tables import REVIEWS

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.reviews.standing import State
    from assets.spec import UseCaseSpec

__all__ = ["Order", "Page", "Queue", "QueueCounts", "QueueError", "QueueRow", "Shown"]

Shown = Literal["open", "decided", "all"]
Order = Literal["risk", "due", "oldest"]

KEYS: dict[Order, tuple[str, ...]] = {
    "risk": ("overflow", "risk", "doubt", "decision_id"),
    "due": ("due", "overflow", "risk", "doubt", "decision_id"),
    "oldest": ("event_at", "decision_id"),
}
"""What each order sorts by, rising; an index of ``queue_store`` begins with the same columns."""

CLOSED: dict[Shown, tuple[int, ...]] = {"open": (0,), "decided": (1,), "all": (0, 1)}

LARGEST_PAGE = 500


@dataclass(frozen=True)
class QueueRow:
    """A case in the queue. One of the blind sample looks like any other. Times are UTC."""

    use_case: str
    decision_id: str
    day: date  # business day
    case_key: str
    event_timestamp: datetime
    due: datetime
    overflow: bool  # beyond what people can look at in a night
    state: "State"
    reviews: int  # of the decision, on record
    yours: bool  # waits for the reviewer who asks
    outcome: str | None = None  # once decided
    decided_by: tuple[str, ...] = ()
    decided_at: datetime | None = None


@dataclass(frozen=True)
class Page:
    """Some rows of a list, where the next ones begin, and how many there are in all."""

    rows: tuple[QueueRow, ...]
    next: str | None  # pass as ``after``; a decision's id
    total: int


@dataclass(frozen=True)
class QueueCounts:
    """What waits. Times are UTC."""

    open: int  # those that wait for a second reviewer among them
    second_awaited: int
    overdue: int
    oldest: datetime | None  # event time of the oldest open case
    by_age: dict[str, int]  # since the close of the night: '< 1 day', '1-2 days', ...
    decided: int


class Queue:
    """The queue of a home, all use cases, in ``home.desk/queue.db``. Safe for several processes and
    threads at once."""

    def __init__(self, home: "Home") -> None:
        self._home = home
        self._store = QueueStore(home)
        self._mended = False

    def refresh(self, lake: "Lake", spec: "UseCaseSpec") -> bool:
        """Bring the use case's part up to the lake; False when it was. Call before a page.

        Raises QueueError.
        """
        if not self._mended:
            self._store.mend()
            self._mended = True
        wanted = marks_of(self._home, lake, spec)
        if self._store.read(lambda there: marked(there, spec)) == wanted:
            return False
        # A day at a time: whoever waits for the file waits for no more than that.
        for name, day, files in changed_days(self._store, lake, spec, wanted):
            self._store.write(
                lambda there, name=name, day=day, files=files: rebuilt(  # type: ignore[misc]
                    there, self._home, lake, spec, name, day, files
                )
            )
        self._store.write(lambda there: _mark(there, spec, wanted))
        return True

    def page(
        self,
        use_case: str,
        *,
        state: Shown = "open",
        order: Order = "risk",
        after: str | None = None,
        size: int = 50,
        reviewer: str,
    ) -> Page:
        """Rows after the decision ``after`` in this order, by keys, never by counting from the top.

        ``open``: what waits for ``reviewer``, so not what they have reviewed and somebody else must
        confirm; under ``all`` those rows are there, not ``yours``. Orders: ``risk`` (within what
        people can look at in a night first, then value at risk, then score, the largest first),
        ``due``, ``oldest`` (event time). Raises QueueError for an ``after`` that is no longer in
        the list.
        """
        if state not in CLOSED or order not in KEYS or not 1 <= size <= LARGEST_PAGE:
            raise QueueError(
                f"no such page: state is one of {', '.join(CLOSED)}, order one of "
                f"{', '.join(KEYS)}, size from 1 to {LARGEST_PAGE}"
            )

        def ask(there: sqlite3.Connection) -> Page:
            keys = KEYS[order]
            start = _keys_of(there, use_case, after, keys) if after else None
            found: list[dict[str, Any]] = []
            total = 0
            for closed in CLOSED[state]:
                found += _rows(there, use_case, closed, keys, start, size + 1, state, reviewer)
                total += _count(there, use_case, closed)
            if state == "open":
                total -= _mine_awaiting(there, use_case, reviewer)
            found.sort(key=lambda row: [row[key] for key in keys])
            rows = tuple(_row(one, reviewer) for one in found[:size])
            return Page(rows, rows[-1].decision_id if len(found) > size else None, total)

        return self._store.read(ask)

    def counts(self, use_case: str, now: datetime) -> QueueCounts:
        """What waits, and for how long. ``now``: UTC."""

        def ask(there: sqlite3.Connection) -> QueueCounts:
            days = there.execute(
                "SELECT day, due, count(*) FROM cases WHERE use_case = ? AND closed = 0 "
                "GROUP BY day, due",
                [use_case],
            ).fetchall()
            (oldest,) = there.execute(
                "SELECT min(event_at) FROM cases WHERE use_case = ? AND closed = 0", [use_case]
            ).fetchone()
            (second,) = there.execute(
                "SELECT count(*) FROM cases WHERE use_case = ? AND state = 'second awaited'",
                [use_case],
            ).fetchone()
            return QueueCounts(
                open=sum(count for _, _, count in days),
                second_awaited=second,
                overdue=sum(count for _, due, count in days if due < micros(now)),
                oldest=None if oldest is None else time_of(oldest),
                by_age=by_age([(day, count) for day, _, count in days], now),
                decided=_count(there, use_case, 1),
            )

        return self._store.read(ask)

    def find(self, decision_id: str) -> tuple[str, date] | None:
        """Use case and business day of a decision in the queue, as of the last refresh; None for
        any other, also for automatic decisions nobody is asked about."""
        query = "SELECT use_case, day FROM cases WHERE decision_id = ?"
        found = self._store.read(lambda there: there.execute(query, [decision_id]).fetchone())
        return None if found is None else (found[0], date.fromisoformat(found[1]))

    def noted(
        self,
        lake: "Lake",
        spec: "UseCaseSpec",
        decision_id: str,
        revision: int,
        reviews: Sequence[Mapping[str, Any]],
        version: int,
    ) -> None:
        """Take note of a decision's reviews after one was appended, as ``version`` of the table of
        reviews; to be called by its one writer, who is still at it: what came after that version
        added no row. Saves the next refresh the work."""

        def ask(there: sqlite3.Connection) -> None:
            reviewed(there, spec, decision_id, revision, reviews)
            marks = marked(there, spec)
            wanted = marks_of(self._home, lake, spec)
            # Version 0 is the table without a review, which a refresh may not have met.
            if str(marks.get(REVIEWS, "0/")).startswith(f"{version - 1}/"):
                _mark(there, spec, {**marks, REVIEWS: wanted[REVIEWS]})

        self._store.write(ask)


def _mark(there: sqlite3.Connection, spec: "UseCaseSpec", marks: Mapping[str, str]) -> None:
    there.execute("DELETE FROM marks WHERE use_case = ?", [spec.name])
    rows = [(spec.name, name, value) for name, value in marks.items()]
    there.executemany("INSERT INTO marks VALUES (?, ?, ?)", rows)


def _keys_of(
    there: sqlite3.Connection, use_case: str, after: str, keys: Sequence[str]
) -> list[Any]:
    found = there.execute(
        f"SELECT {', '.join(keys)} FROM cases WHERE use_case = ? AND decision_id = ?",
        [use_case, after],
    ).fetchone()
    if found is None:
        raise QueueError("the list has changed since this page was made: begin at its first page")
    return list(found)


def _rows(
    there: sqlite3.Connection,
    use_case: str,
    closed: int,
    keys: Sequence[str],
    start: Sequence[Any] | None,
    most: int,
    state: Shown,
    reviewer: str,
) -> list[dict[str, Any]]:
    where, given = "use_case = ? AND closed = ?", [use_case, closed]
    if start is not None:
        where += f" AND ({', '.join(keys)}) > ({', '.join('?' * len(keys))})"
        given += start
    if state == "open":
        where += " AND instr(voices, ?) = 0"
        given.append(f"|{reviewer}|")
    cursor = there.execute(
        f"SELECT * FROM cases WHERE {where} ORDER BY {', '.join(keys)} LIMIT ?", [*given, most]
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _count(there: sqlite3.Connection, use_case: str, closed: int) -> int:
    found = there.execute(
        "SELECT cases FROM totals WHERE use_case = ? AND closed = ?", [use_case, closed]
    ).fetchone()
    return int(found[0]) if found else 0


def _mine_awaiting(there: sqlite3.Connection, use_case: str, reviewer: str) -> int:
    """Open cases this reviewer has reviewed: they wait for somebody else."""
    (found,) = there.execute(
        "SELECT count(*) FROM cases WHERE use_case = ? AND state = 'second awaited' "
        "AND instr(voices, ?) > 0",
        [use_case, f"|{reviewer}|"],
    ).fetchone()
    return int(found)


def _row(row: Mapping[str, Any], reviewer: str) -> QueueRow:
    waits = not row["closed"]
    return QueueRow(
        use_case=row["use_case"],
        decision_id=row["decision_id"],
        day=date.fromisoformat(row["day"]),
        case_key=row["case_key"],
        event_timestamp=time_of(row["event_at"]),
        due=time_of(row["due"]),
        overflow=bool(row["overflow"]),
        state=row["state"],
        reviews=row["reviews"],
        yours=waits and f"|{reviewer}|" not in row["voices"],
        outcome=row["outcome"],
        decided_by=tuple(name for name in row["decided_by"].split(",") if name),
        decided_at=None if row["decided_at"] is None else time_of(row["decided_at"]),
    )

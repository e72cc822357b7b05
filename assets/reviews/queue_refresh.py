"""Bringing the queue up to the lake: which days changed, and their rows made anew."""

import hashlib
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from assets.reviews.blind import blind_key
from assets.reviews.queue_rows import COLUMNS, Entry, entries, grouped, progress
from assets.reviews.queue_store import QueueStore
from assets.tables import DECISIONS, REVIEWS, REVIEWS_SCHEMA

if TYPE_CHECKING:
    import pyarrow as pa

    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

DAY = re.compile(r"partition_date=(\d{4}-\d\d-\d\d)/([^/]+)\Z")

NOTHING = ""
"""Files of a day that has none (any more)."""

Changed = tuple[str, date, str]
"""A table (decisions or reviews), a day, and a digest of the names of its files."""


def marks_of(home: "Home", lake: "Lake", spec: "UseCaseSpec") -> dict[str, str]:
    """What the queue of a use case follows from: versions of its tables, and the spec's words.

    A table's version is told with the time of its commit: a lake restored from a backup may come
    to the same number by another way.
    """
    sample = blind_key(home) if spec.review.blind_sample else b""
    rules = [spec.review.model_dump_json(), hashlib.sha256(sample).hexdigest()]
    marks = {"spec": hashlib.sha256(json.dumps(rules).encode()).hexdigest()}
    for table in (DECISIONS, REVIEWS):
        if lake.exists(spec.name, table):
            said = lake.last_commit_metadata(spec.name, table)
            marks[table] = f"{said['version']}/{said.get('timestamp')}"
    return marks


def marked(there: sqlite3.Connection, spec: "UseCaseSpec") -> dict[str, str]:
    """What it was made from last."""
    query = "SELECT name, value FROM marks WHERE use_case = ?"
    return dict(there.execute(query, [spec.name]).fetchall())


def changed_days(
    store: QueueStore, lake: "Lake", spec: "UseCaseSpec", wanted: Mapping[str, str]
) -> Iterator[Changed]:
    """Days to be made anew, those of decisions first: theirs take up the reviews too.

    With other words in the spec everything is. Delta never writes a file name twice, so the same
    names are the same rows.
    """
    marks = store.read(lambda there: marked(there, spec))
    if marks.get("spec") != wanted["spec"]:
        store.write(lambda there: _cleared(there, spec))
        marks = {}
    for table in (DECISIONS, REVIEWS):
        if marks.get(table) == wanted.get(table):
            continue
        now, known = _files(lake, spec, table), _known_files(store, spec, table)
        for day in sorted(now.keys() | known.keys()):
            if now.get(day, NOTHING) != known.get(day, NOTHING):
                yield table, date.fromisoformat(day), now.get(day, NOTHING)


def rebuilt(
    there: sqlite3.Connection,
    home: "Home",
    lake: "Lake",
    spec: "UseCaseSpec",
    table: str,
    day: date,
    files: str,
) -> None:
    """Make a day anew, unless another process has just done so. Within one transaction, so that of
    two at once the later reads the lake later."""
    query = "SELECT files FROM days WHERE use_case = ? AND name = ? AND day = ?"
    key = [spec.name, table, day.isoformat()]
    known = there.execute(query, key).fetchone()
    if (known[0] if known else NOTHING) == files:
        return
    reviews = _reviews(lake, spec, day)
    if table == DECISIONS:
        decisions = lake.read(spec.name, DECISIONS, columns=COLUMNS, first=day, last=day)
        _replace(there, spec, day, entries(home, spec, day, decisions, reviews))
    else:
        _progressed(there, spec, day, grouped(reviews.to_pylist()))
    there.execute("DELETE FROM days WHERE use_case = ? AND name = ? AND day = ?", key)
    if files != NOTHING:
        there.execute("INSERT INTO days VALUES (?, ?, ?, ?)", [*key, files])


def reviewed(
    there: sqlite3.Connection,
    spec: "UseCaseSpec",
    decision_id: str,
    revision: int,
    reviews: Sequence[Mapping[str, Any]],
) -> None:
    """Bring one case up to all its reviews, if it is there in this revision."""
    found = there.execute(
        "SELECT revision, blind, closed FROM cases WHERE use_case = ? AND decision_id = ?",
        [spec.name, decision_id],
    ).fetchone()
    if found is None or found[0] != revision:
        return
    new = progress(spec, {"revision": found[0], "blind": found[1]}, reviews)
    there.execute(
        "UPDATE cases SET closed = ?, state = ?, reviews = ?, voices = ?, outcome = ?, "
        "decided_by = ?, decided_at = ? WHERE decision_id = ?",
        [*new, decision_id],
    )
    for closed, more in ((found[2], -1), (new[0], 1)):
        there.execute(
            "UPDATE totals SET cases = cases + ? WHERE use_case = ? AND closed = ?",
            [more, spec.name, closed],
        )


def _progressed(
    there: sqlite3.Connection,
    spec: "UseCaseSpec",
    day: date,
    reviews: Mapping[str, list[Mapping[str, Any]]],
) -> None:
    """Bring a day's cases up to its reviews, those too that have none any more."""
    before = there.execute(
        "SELECT decision_id FROM cases "
        "WHERE use_case = ? AND closed IN (0, 1) AND day = ? AND reviews > 0",
        [spec.name, day.isoformat()],
    ).fetchall()
    query = "SELECT revision FROM cases WHERE use_case = ? AND decision_id = ?"
    for decision_id in sorted({*reviews, *(one for (one,) in before)}):
        found = there.execute(query, [spec.name, decision_id]).fetchone()
        if found is not None:
            reviewed(there, spec, decision_id, found[0], reviews.get(decision_id, []))


def _cleared(there: sqlite3.Connection, spec: "UseCaseSpec") -> None:
    for table in ("cases", "marks", "days", "totals"):
        there.execute(f"DELETE FROM {table} WHERE use_case = ?", [spec.name])


def _counted(there: sqlite3.Connection, spec: "UseCaseSpec") -> None:
    there.execute("DELETE FROM totals WHERE use_case = ?", [spec.name])
    for closed in (0, 1):
        there.execute(
            "INSERT INTO totals SELECT ?1, ?2, count(*) FROM cases "
            "WHERE use_case = ?1 AND closed = ?2",
            [spec.name, closed],
        )


def _replace(there: sqlite3.Connection, spec: "UseCaseSpec", day: date, rows: list[Entry]) -> None:
    there.execute(
        "DELETE FROM cases WHERE use_case = ? AND closed IN (0, 1) AND day = ?",
        [spec.name, day.isoformat()],
    )
    # In the order of the key: it is a tree, and rows come to their place one after the other.
    rows.sort(key=lambda row: row[0])
    places = ", ".join("?" * 18)
    there.executemany(f"INSERT INTO cases VALUES ({places})", rows)
    _counted(there, spec)


def _reviews(lake: "Lake", spec: "UseCaseSpec", day: date) -> "pa.Table":
    if not lake.exists(spec.name, REVIEWS):
        return REVIEWS_SCHEMA.empty_table()
    return lake.read_day(spec.name, REVIEWS, day)


def _known_files(store: QueueStore, spec: "UseCaseSpec", table: str) -> dict[str, str]:
    query = "SELECT day, files FROM days WHERE use_case = ? AND name = ?"
    return dict(store.read(lambda there: there.execute(query, [spec.name, table]).fetchall()))


def _files(lake: "Lake", spec: "UseCaseSpec", table: str) -> dict[str, str]:
    """Day to a digest of the names of its files."""
    if not lake.exists(spec.name, table):
        return {}
    names: dict[str, list[str]] = defaultdict(list)
    dataset: Any = lake.dataset(spec.name, table)
    for path in dataset.files:
        match = DAY.search(path)
        if match is not None:
            names[match[1]].append(match[2])
    return {
        day: hashlib.sha256("\n".join(sorted(of)).encode()).hexdigest() for day, of in names.items()
    }

"""Rows as they are, and as they were, against the checkpoints that cover them."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.ledger.checkpoints import Checkpoint, newest
from assets.ledger.covered import KINDS, Covered, Unreadable, covered_rows, inputs_of, read
from assets.ledger.delta_log import commits
from assets.ledger.differences import differences
from assets.ledger.findings import Finding
from assets.ledger.lawful import before
from assets.ledger.roots import Root, root_of

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

LOOKED_BACK = 200
"""Commits of a table looked through for the one that changed a day; each is a read of that day."""


def live_findings(
    lake: "Lake",
    use_case: str,
    covered: Covered,
    day: date | None,
    last: Checkpoint,
    rows: pa.Table,
) -> Iterator[Finding]:
    """Whether rows are what the newest checkpoint of their day says."""
    kept = [name for name in last.columns if name in rows.column_names]
    root = root_of(rows.select(kept) if kept else rows, covered.keys)
    if root.root == last.root:
        return
    where = f"{covered.table}" + (f" of {day}" if day else "")
    what, since = _what_and_when(lake, use_case, covered, last, rows, root)
    yield Finding("rows", where, f"not what {last.named} says: {what}", since)


def history_findings(
    lake: "Lake", spec: "UseCaseSpec", checkpoints: Sequence[Checkpoint], now: datetime
) -> Iterator[Finding | str]:
    """Whether earlier table versions are what the checkpoints of their time say.

    What can no longer be read is a finding within ``audit.retention``, and a note (text) after it.
    """
    last = newest(checkpoints)
    for one in checkpoints:
        covered = KINDS.get(one.kind)
        if covered is None:
            yield Finding("chain", one.named, f"'{one.kind}' is no kind of checkpoint", one.at)
            continue
        late = now - one.at > spec.audit.keep
        if last[one.place].sequence != one.sequence:
            columns = list(one.columns) or None
            try:
                rows = covered_rows(
                    lake, spec.name, covered, one.day, version=one.table_version, columns=columns
                )
            except Unreadable as error:
                yield _gone(one, "history", str(error), late)
            else:
                if root_of(rows, covered.keys).root != one.root:
                    yield Finding(
                        "history",
                        f"{covered.table} version {one.table_version}",
                        f"its files are not what {one.named} says they were",
                        one.at,
                    )
        yield from _inputs(lake, spec, one, late)


def _inputs(
    lake: "Lake", spec: "UseCaseSpec", one: Checkpoint, late: bool
) -> Iterator[Finding | str]:
    """Whether what decisions were made from is still what it was."""
    keys = inputs_of(spec)
    for table, said in (one.said.get("inputs") or {}).items():
        if table not in keys:
            continue
        where = f"{table} version {said['version']}, day {one.day}"
        try:
            rows = read(lake, spec.name, table, one.day, int(said["version"]))
        except Unreadable as error:
            yield _gone(one, "inputs", str(error), late)
            continue
        if root_of(rows, keys[table]).root != said["root"]:
            yield Finding(
                "inputs", where, f"not what {one.named} says the decisions were made from", one.at
            )


def _gone(one: Checkpoint, check: str, why: str, late: bool) -> Finding | str:
    if late:
        return f"{one.named} is older than the audit retention, and {why}"
    return Finding(
        check, one.named, f"what it covers is gone within the audit retention: {why}", one.at
    )


def _what_and_when(
    lake: "Lake", use_case: str, covered: Covered, last: Checkpoint, rows: pa.Table, root: Root
) -> tuple[str, datetime | None]:
    """What is other than it was, and since which commit."""
    then = before(lake, use_case, covered, last)
    if then is not None:
        found = differences(then, rows, covered.keys)
        version, since = _since(lake, use_case, covered, last)
        by = f" (table version {version})" if version is not None else ""
        return f"{found.told()}{by}", since
    other = [name for name, digest in last.columns.items() if root.columns.get(name) != digest]
    counted = f"{root.rows} rows, not {last.rows}; " if root.rows != last.rows else ""
    return (
        f"{counted}other values in {', '.join(other)}; its version {last.table_version} is not "
        "what it was either: files of the table were changed or taken away",
        None,
    )


def _since(
    lake: "Lake", use_case: str, covered: Covered, last: Checkpoint
) -> tuple[int | None, datetime | None]:
    """The first commit after the checkpoint's version from which on the rows are others."""
    later = [c for c in commits(lake, use_case, covered.table) if c.version > last.table_version]
    found: tuple[int | None, datetime | None] = (None, None)
    for commit in reversed(later[-LOOKED_BACK:]):
        try:
            rows = covered_rows(
                lake,
                use_case,
                covered,
                last.day,
                version=commit.version,
                columns=list(last.columns) or None,
            )
        except Unreadable:
            return found
        if root_of(rows, covered.keys).root == last.root:
            return found
        found = commit.version, commit.at
    return found


def case_findings(day: date, rows: pa.Table) -> Iterator[Finding]:
    """Whether every case of a day has one live decision."""
    for column, what in (("case_key", "case"), ("decision_id", "decision id")):
        values = rows.column(column)
        again = rows.num_rows - pc.count_distinct(values, mode="only_valid").as_py()
        if again:
            counted = pc.value_counts(values)
            twice = counted.filter(pc.greater(counted.field("counts"), 1)).field("values")
            named = ", ".join(str(value) for value in twice.to_pylist()[:3])
            yield Finding(
                "case",
                f"decisions of {day}",
                f"{again} row{'s' if again > 1 else ''} too many: a {what} is there more than once "
                f"({named})",
            )

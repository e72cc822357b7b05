"""Whether rows may have become what they are: the ledger puts its seal on nothing else.

Without this, whoever edits a table needs only wait for the next run to have it sealed.
"""

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from assets.ledger.covered import DECIDED, Covered, Unreadable, covered_rows
from assets.ledger.differences import Differences, differences
from assets.ledger.roots import root_of

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.ledger.checkpoints import Checkpoint


def before(
    lake: "Lake", use_case: str, covered: Covered, checkpoint: "Checkpoint"
) -> pa.Table | None:
    """The rows a checkpoint was made of, or None where they cannot be read as they were."""
    columns = list(checkpoint.columns) or None
    try:
        rows = covered_rows(
            lake,
            use_case,
            covered,
            checkpoint.day,
            version=checkpoint.table_version,
            columns=columns,
        )
    except Unreadable:
        return None
    return rows if root_of(rows, covered.keys).root == checkpoint.root else None


def objection(
    covered: Covered, day: date | None, then: pa.Table, now: pa.Table
) -> tuple[Differences, str]:
    """How the rows differ from those of the checkpoint before, and why they may not; empty: they
    may.

    Rows of append-only tables stay as they are. A decision changes by a higher revision only, and
    never goes: one whose case does is referred. Gates are judged anew.
    """
    found = differences(then, now, covered.keys)
    where = f"{covered.table}" + (f" of {day}" if day else "")
    if covered.append_only and (found.removed or found.changed):
        return found, f"{where} is append-only, but {found.told()}"
    if covered.kind != DECIDED.kind:
        return found, ""
    stale = _unrevised(then, now, found)
    if stale:
        among = {c: [key for key in keys if key in stale] for c, keys in found.changed.items()}
        wrong = Differences([], [], {column: keys for column, keys in among.items() if keys})
        return found, f"{where}: {wrong.told()}, without a higher revision"
    if found.removed:
        return found, f"{where}: {Differences(found.removed, [], {}).told()}"
    return found, ""


def _unrevised(then: pa.Table, now: pa.Table, found: Differences) -> set[str]:
    changed = set(found.changed_keys)
    if not changed:
        return set()
    old, new = (_revisions(rows, changed) for rows in (then, now))
    return {key for key in changed if new[key] <= old[key]}


def _revisions(rows: pa.Table, keys: set[str]) -> dict[str, int]:
    import pyarrow.compute as pc

    wanted = rows.filter(pc.is_in(rows.column("decision_id"), pa.array(sorted(keys))))
    ids, revisions = (wanted.column(c).to_pylist() for c in ("decision_id", "revision"))
    return {key: revision or 0 for key, revision in zip(ids, revisions, strict=True)}

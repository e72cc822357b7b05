"""Finding a decision by its id: the live one, and what it was before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.errors import NightshiftError
from assets.lake import PARTITION
from assets.ledger.checkpoints import Checkpoint, read_checkpoints
from assets.ledger.covered import DECIDED
from assets.tables import DECISIONS

if TYPE_CHECKING:
    from assets.lake import Lake

Row = Mapping[str, Any]


class NoSuchDecision(NightshiftError):
    """No decision of this id is or was on record."""


@dataclass(frozen=True)
class Revision:
    """A decision as it stood in a table version a checkpoint names."""

    row: Row
    checkpoint: Checkpoint


@dataclass(frozen=True)
class Found:
    """A decision. ``live``: is the row among the live ones? ``earlier``: what it was, the oldest
    first. ``problems``: versions of the table that cannot be read any more, and rows too many."""

    day: date
    row: Row
    live: bool
    checkpoints: Sequence[Checkpoint]  # of decisions, of its day
    earlier: Sequence[Revision]
    problems: Sequence[str]


def find(lake: "Lake", use_case: str, decision_id: str) -> Found:
    """The decision with this id. Raises NoSuchDecision."""
    sealed = [one for one in read_checkpoints(lake, use_case) if one.kind == DECIDED.kind]
    rows, problems = _rows(lake, use_case, decision_id, None, None)
    if rows:
        row = max(rows, key=lambda one: one["revision"] or 0)
        day: date = row[PARTITION]
        if len(rows) > 1:
            problems.append(f"{len(rows)} live rows have this id, and one may: the last is shown")
        mine = [one for one in sealed if one.day == day]
        earlier, gone = _earlier(lake, use_case, decision_id, mine, row)
        return Found(day, row, True, mine, earlier, [*problems, *gone])
    earlier, gone = _earlier(lake, use_case, decision_id, sealed, None)
    if not earlier:
        raise NoSuchDecision(
            f"{use_case} has no decision {decision_id}: look the id up in the table {DECISIONS} "
            "or in the review desk"
        )
    last = earlier[-1]
    day = last.row[PARTITION]
    mine = [one for one in sealed if one.day == day]
    told = f"it is no longer among the live decisions; it was in {last.checkpoint.named}"
    return Found(day, last.row, False, mine, earlier[:-1], [told, *gone])


def _earlier(
    lake: "Lake",
    use_case: str,
    decision_id: str,
    checkpoints: Sequence[Checkpoint],
    live: Row | None,
) -> tuple[list[Revision], list[str]]:
    """What the decision was at each checkpoint, where it was another than at the next."""
    found: list[Revision] = []
    problems: list[str] = []
    for one in checkpoints:
        rows, gone = _rows(lake, use_case, decision_id, one.day, one.table_version)
        problems += gone
        found += [Revision(row, one) for row in rows[:1]]
    distinct = [
        one
        for place, one in enumerate(found)
        if one.row != (found[place + 1].row if place + 1 < len(found) else live)
    ]
    return distinct, problems


def _rows(
    lake: "Lake", use_case: str, decision_id: str, day: date | None, version: int | None
) -> tuple[list[Row], list[str]]:
    import pyarrow.dataset as ds
    from deltalake.exceptions import DeltaError

    if not lake.exists(use_case, DECISIONS):
        return [], []
    try:
        rows = lake.read(
            use_case,
            DECISIONS,
            where=ds.field("decision_id") == decision_id,
            first=day,
            last=day,
            version=version,
        )
    except (DeltaError, OSError, pa.ArrowException) as error:
        at = f"version {version}" if version is not None else "its newest version"
        return [], [f"{DECISIONS} cannot be read in {at} ({type(error).__name__})"]
    return rows.to_pylist(), []

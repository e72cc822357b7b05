"""A decision and its reviews, by its id."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from assets.lake import PARTITION
from assets.reviews.queue import Queue
from assets.reviews.queue_store import QueueError
from assets.reviews.refusals import UnknownDecision
from assets.tables import DECISIONS, REVIEWS

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class LiveDecision:
    """The row that stands for a case now (DECISIONS_SCHEMA), and its business day."""

    day: date
    row: dict[str, Any]

    @property
    def revision(self) -> int:
        return int(self.row["revision"])


def live_decision(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", decision_id: str
) -> LiveDecision:
    """The decision of this id. Raises UnknownDecision.

    The queue's index knows the day of what waits; of any other the days are looked through.
    """
    if not ID.fullmatch(decision_id):
        raise UnknownDecision("this is no decision's id: an id looks like 8-4-4-4-12 hex digits")
    if lake.exists(spec.name, DECISIONS):
        # Without the index it takes longer, and is right all the same.
        with suppress(QueueError):
            known = Queue(home).find(decision_id)
            found = _on(lake, spec, decision_id, known[1]) if known else None
            if found:
                return found
        day = _day_of(lake, spec, decision_id)
        found = _on(lake, spec, decision_id, day) if day else None
        if found:
            return found
    raise UnknownDecision(
        f"{spec.name} has no decision {decision_id}: look at the id, and at the use case"
    )


def reviews_of(
    lake: "Lake", spec: "UseCaseSpec", day: date, decision_id: str
) -> list[dict[str, Any]]:
    """All reviews of a decision of ``day`` (REVIEWS_SCHEMA), of every revision, in order."""
    import pyarrow.dataset as ds

    if not lake.exists(spec.name, REVIEWS):
        return []
    own = ds.field("decision_id") == decision_id
    rows = lake.read(spec.name, REVIEWS, where=own, first=day, last=day).to_pylist()
    return sorted(rows, key=lambda row: int(row["sequence"]))


def _on(lake: "Lake", spec: "UseCaseSpec", decision_id: str, day: date) -> LiveDecision | None:
    import pyarrow.dataset as ds

    own = ds.field("decision_id") == decision_id
    rows = lake.read(spec.name, DECISIONS, where=own, first=day, last=day).to_pylist()
    return LiveDecision(day, rows[0]) if rows else None


def _day_of(lake: "Lake", spec: "UseCaseSpec", decision_id: str) -> date | None:
    import pyarrow.dataset as ds

    own = ds.field("decision_id") == decision_id
    found = lake.read(spec.name, DECISIONS, columns=[PARTITION], where=own)
    days: list[date] = found.column(PARTITION).to_pylist()
    return days[0] if days else None

"""From which partition a decision on a version takes effect."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from assets.lake import PARTITION
from assets.release.events import Event, evidence_of
from assets.tables import PREDICTIONS

if TYPE_CHECKING:
    from assets.lake import Lake


def newest_night(lake: "Lake", use_case: str) -> date | None:
    """Newest day with predictions; None where nothing was scored yet."""
    if not lake.exists(use_case, PREDICTIONS):
        return None
    import pyarrow.dataset as ds

    # The day is in the name of each file's folder: not a row is read.
    days = {
        ds.get_partition_keys(fragment.partition_expression)[PARTITION]
        for fragment in lake.dataset(use_case, PREDICTIONS).get_fragments()
    }
    return max(days, default=None)


def as_of_day(entry: Event) -> date:
    """First day a version may score: the one that began when its training's knowledge ended."""
    record = evidence_of(entry).get("record") or {}
    told = record.get("as_of")
    found: date = datetime.fromisoformat(told).date() if told else entry["effective_from"]
    return found


def next_night(lake: "Lake", use_case: str, entry: Event) -> date:
    """The day after the newest one with predictions, or the version's as-of day without any."""
    newest = newest_night(lake, use_case)
    return newest + timedelta(days=1) if newest is not None else as_of_day(entry)

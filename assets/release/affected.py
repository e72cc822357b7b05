"""Which days a version decided."""

from datetime import date
from typing import TYPE_CHECKING

from assets.lake import PARTITION
from assets.tables import DECISIONS, PREDICTIONS

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


def affected_days(lake: "Lake", spec: "UseCaseSpec", version: int) -> list[date]:
    """Partitions that a version decided in part or all, or is about to: of which predictions or
    decisions that stand now are its own. Ascending; a day that was decided anew is none of them.
    """
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    found: set[date] = set()
    for table in (PREDICTIONS, DECISIONS):
        if lake.exists(spec.name, table):
            own = ds.field("model_version") == version
            days = lake.read(spec.name, table, columns=[PARTITION], where=own).column(PARTITION)
            found |= {day for day in pc.unique(days).to_pylist() if day is not None}
    return sorted(found)

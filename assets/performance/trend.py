"""The judged metric night after night, as the nights recorded it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from assets.lake import PARTITION
from assets.performance.measure import CHAMPION, OVERALL, Measure
from assets.tables import PERFORMANCE

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

NIGHTS = 90


@dataclass(frozen=True)
class Night:
    """The metric of one night."""

    day: date
    value: float
    low: float
    high: float
    n: int
    limit: float | None
    verdict: str
    version: int


def trend(
    spec: "UseCaseSpec", lake: "Lake", day: date, metric: str, tonight: Measure | None
) -> list[Night]:
    """The champion's metric on the last NIGHTS nights that had one, and ``tonight``'s, by day."""
    import pyarrow.dataset as ds

    found = []
    if lake.exists(spec.name, PERFORMANCE):
        own = (
            (ds.field("measure") == metric)
            & (ds.field("subject") == OVERALL)
            & (ds.field("arm") == CHAMPION)
            & ds.field("low").is_valid()
        )
        rows = lake.read(
            spec.name,
            PERFORMANCE,
            columns=["value", "low", "high", "n", "limit", "verdict", "model_version", PARTITION],
            where=own,
            first=day - timedelta(days=NIGHTS - 1),
            last=day - timedelta(days=1),
        )
        for row in rows.sort_by(PARTITION).to_pylist():
            version, night = row.pop("model_version"), row.pop(PARTITION)
            found.append(Night(day=night, version=version, **row))
    if tonight is not None and tonight.interval is not None and tonight.model_version is not None:
        one = tonight.interval
        found.append(
            Night(
                day, one.value, one.low, one.high, tonight.n, tonight.limit, tonight.verdict,
                tonight.model_version,
            )
        )  # fmt: skip
    return found

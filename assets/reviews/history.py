"""What was known of the entity when the case's night closed: its earlier decisions, and outcomes.

A reviewer sees no more than the machine could: nothing after the close of the case's own night,
however much later the case is reviewed. So what they decide does not hang on when they came to it,
reviews can be compared with the machine's advice, and no outcome slips into a label by way of them.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.decisions.policy import REFER
from assets.features.columns import LABEL
from assets.lake import PARTITION
from assets.reviews.blind import blind_sample
from assets.reviews.queue_rows import grouped
from assets.reviews.standing import BLIND, Standing, standing
from assets.spec import closes_at
from assets.tables import DECISIONS, LABELS, REVIEWS

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.reviews.decided import LiveDecision
    from assets.spec import UseCaseSpec

MOST = 20
BACK = timedelta(days=730)

COLUMNS = ("decision_id", "revision", "case_key", "event_timestamp", "decision", PARTITION)


@dataclass(frozen=True)
class PastDecision:
    """An earlier decision about the same entity, as it stood when the case's night closed."""

    decision_id: str
    day: date
    case_key: str
    event_timestamp: datetime
    decision: str | None  # None where it may not be told: it is waiting for a blind review itself
    standing: Standing | None
    label: str | None  # the outcome, where one was known by then
    label_observed_at: datetime | None


def history(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", decision: "LiveDecision"
) -> tuple[PastDecision, ...]:
    """The latest ``MOST`` decisions about the entity in the two years before the case, the latest
    first.

    Of a night that was decided anew since, its live revision is shown.
    """
    import pyarrow.dataset as ds

    row, known_by = decision.row, closes_at(decision.day)
    if row["entity_key"] is None:
        return ()
    earlier = (ds.field("entity_key") == row["entity_key"]) & (
        ds.field("event_timestamp") <= row["event_timestamp"]
    )
    first = decision.day - BACK
    found = lake.read(
        spec.name, DECISIONS, columns=COLUMNS, where=earlier, first=first, last=decision.day
    )
    rows = [one for one in found.to_pylist() if one["decision_id"] != row["decision_id"]]
    rows.sort(key=lambda one: (one["event_timestamp"], one["decision_id"]), reverse=True)
    rows = rows[:MOST]
    if not rows:
        return ()
    reviews = _reviews(lake, spec, rows, known_by)
    labels = _labels(lake, spec, [str(one["case_key"]) for one in rows], known_by)
    untold = _untold(lake, home, spec, rows)
    return tuple(_past(spec, one, reviews, labels, one["decision_id"] in untold) for one in rows)


def _past(
    spec: "UseCaseSpec",
    row: dict[str, Any],
    reviews: dict[str, Any],
    labels: dict[str, tuple[str, datetime]],
    untold: bool,
) -> PastDecision:
    label, observed = labels.get(str(row["case_key"]), (None, None))
    return PastDecision(
        decision_id=row["decision_id"],
        day=row[PARTITION],
        case_key=row["case_key"],
        event_timestamp=row["event_timestamp"],
        decision=None if untold else row["decision"],
        standing=None if untold else standing(spec, row, reviews.get(row["decision_id"], [])),
        label=label,
        label_observed_at=observed,
    )


def _reviews(
    lake: "Lake", spec: "UseCaseSpec", rows: list[dict[str, Any]], known_by: datetime | None
) -> dict[str, Any]:
    """Reviews of these decisions by id; with ``known_by`` those until then."""
    import pyarrow.dataset as ds

    if not lake.exists(spec.name, REVIEWS):
        return {}
    days = [row[PARTITION] for row in rows]
    wanted = ds.field("decision_id").isin([row["decision_id"] for row in rows])
    if known_by is not None:
        wanted &= ds.field("at") <= known_by
    found = lake.read(spec.name, REVIEWS, where=wanted, first=min(days), last=max(days))
    return grouped(found.to_pylist())


def _untold(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", rows: list[dict[str, Any]]
) -> set[str]:
    """Decisions that are still to be reviewed blind, perhaps by this very reviewer."""
    automatic = [row for row in rows if row["decision"] != REFER]
    if not automatic:
        return set()
    ids = pa.chunked_array([pa.array([row["decision_id"] for row in automatic], pa.string())])
    sampled = blind_sample(home, spec, ids).to_pylist()
    waiting = [row for row, blind in zip(automatic, sampled, strict=True) if blind]
    if not waiting:
        return set()
    there = _reviews(lake, spec, waiting, None)
    done = {
        one
        for one, reviews in there.items()
        for row in waiting
        if row["decision_id"] == one
        and any(r["kind"] == BLIND and r["revision"] == row["revision"] for r in reviews)
    }
    return {row["decision_id"] for row in waiting} - done


def _labels(
    lake: "Lake", spec: "UseCaseSpec", case_keys: list[str], known_by: datetime
) -> dict[str, tuple[str, datetime]]:
    """Case to outcome and when it was observed; the last one that had arrived by then."""
    import pyarrow.dataset as ds

    if not lake.exists(spec.name, LABELS):
        return {}
    key = spec.population.key
    wanted = ds.field(key).cast(pa.string()).isin(case_keys)
    wanted &= ds.field("observed_at") <= known_by
    last = known_by.date() - timedelta(days=1)
    columns = [key, LABEL, "observed_at", PARTITION]
    rows = lake.read(spec.name, LABELS, columns=columns, where=wanted, last=last).to_pylist()
    rows.sort(key=lambda row: (row["observed_at"], row[PARTITION]))
    return {
        str(row[key]): (_told(spec, row[LABEL]), row["observed_at"])
        for row in rows
        if row[LABEL] is not None
    }


def _told(spec: "UseCaseSpec", label: Any) -> str:
    if spec.model.task != "binary":
        return str(label)
    return "it happened" if label else "it did not happen"

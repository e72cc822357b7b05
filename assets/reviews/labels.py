"""Reviews as outcomes for training, only where the spec says so.

A person's word is no observation: of a declined case nobody will ever see what would have become of
it. So a review is a label only with ``review.outcomes_as_labels``, never where an outcome was
observed, and never a blind one.
"""

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.policy import DECLINE, REFER
from assets.features.columns import LABEL
from assets.reviews.queue_rows import grouped
from assets.reviews.standing import DECIDED, standing
from assets.tables import DECISIONS, REVIEWS, TIMESTAMP

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


def reviewed_labels(spec: "UseCaseSpec", lake: "Lake", as_of: datetime) -> pa.Table | None:
    """Labels of :func:`review_labels` from the lake, as of a time; None where the spec wants none,
    or nobody reviewed anything yet."""
    wanted = spec.review.outcomes_as_labels and lake.exists(spec.name, REVIEWS)
    if not wanted or not lake.exists(spec.name, DECISIONS):
        return None
    from assets.features.sets import last_labels

    return review_labels(
        spec,
        lake.read(spec.name, DECISIONS),
        lake.read(spec.name, REVIEWS),
        observed=last_labels(spec, lake, as_of).column(spec.population.key),
        as_of=as_of,
    )


def review_labels(
    spec: "UseCaseSpec",
    decisions: pa.Table,
    reviews: pa.Table,
    *,
    observed: pa.ChunkedArray,
    as_of: datetime,
) -> pa.Table:
    """Labels that follow from what people decided: the population's key (text), ``label`` (int64, 1
    of a decline) and ``observed_at`` (time of the review that decided, UTC).

    ``decisions``: DECISIONS_SCHEMA, live; ``reviews``: REVIEWS_SCHEMA; ``observed``: keys of cases
    with an outcome of their own, which are left out; ``as_of``: only reviews until then count.
    Rows are ordered by key. Without ``review.outcomes_as_labels`` there are none.
    """
    key = spec.population.key
    schema = pa.schema([(key, pa.string()), (LABEL, pa.int64()), ("observed_at", TIMESTAMP)])
    if not spec.review.outcomes_as_labels:
        return schema.empty_table()
    known = reviews.filter(pc.less_equal(reviews.column("at"), pa.scalar(as_of, TIMESTAMP)))
    by_decision = grouped(known.to_pylist())
    wanted = pc.and_(
        pc.equal(decisions.column("decision"), REFER),
        pc.is_in(decisions.column("decision_id"), pa.array(sorted(by_decision), pa.string())),
    )
    seen = pa.array(pc.unique(pc.cast(observed, pa.string())).to_pylist(), pa.string())
    wanted = pc.and_(wanted, pc.invert(pc.is_in(decisions.column("case_key"), seen)))
    rows = []
    columns = ["decision_id", "revision", "case_key", "decision"]
    for decision in decisions.select(columns).filter(wanted).to_pylist():
        found = standing(spec, decision, by_decision[decision["decision_id"]])
        if found.state == DECIDED:
            label = int(found.outcome == DECLINE)
            rows.append({key: decision["case_key"], LABEL: label, "observed_at": found.at})
    rows.sort(key=lambda row: str(row[key]))
    return pa.Table.from_pylist(rows, schema=schema)

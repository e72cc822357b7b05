"""Outcomes of scored cases that had matured by the close of a night."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.features.sets import last_labels
from assets.lake import PARTITION
from assets.spec import closes_at
from assets.tables import LABELS

if TYPE_CHECKING:
    from datetime import date

    from assets.lake import Lake
    from assets.spec import UseCaseSpec

MOST = 20_000
"""Cases that are compared: of more a seeded sample. A thousand resamples of so many take about
three seconds, and an interval of an AUC on them is a hundredth wide."""


def matured(spec: "UseCaseSpec", lake: "Lake", day: "date", rows: pa.Table) -> pa.Table:
    """The ``rows`` whose outcome had matured by the close of ``day``, with it as ``label``.

    ``rows`` have ``case_key``, ``event_timestamp`` and the day. As for a training set: ``event time
    + matures_after <= close``, and of the outcomes observed by then the last one holds. At most
    MOST rows, by day and key, so that what is drawn from them is the same every time.
    """
    as_of = closes_at(day)
    newest = pa.scalar(as_of - spec.label.maturity)
    due = rows.filter(pc.less_equal(rows.column("event_timestamp"), newest))
    if not due.num_rows or not lake.exists(spec.name, LABELS):
        return due.slice(0, 0).append_column(LABEL, pa.nulls(0))
    known = last_labels(spec, lake, as_of)
    labels = pa.table(
        {
            "case_key": pc.cast(known.column(spec.population.key), pa.string()),
            LABEL: known.column(LABEL),
        }
    )
    found = due.join(labels, keys="case_key", join_type="inner")
    found = found.sort_by([(PARTITION, "ascending"), ("case_key", "ascending")])
    return _sample(found, spec.model.seed)


def _sample(rows: pa.Table, seed: int) -> pa.Table:
    if rows.num_rows <= MOST:
        return rows
    import numpy as np

    chosen = np.random.default_rng(seed).choice(rows.num_rows, MOST, replace=False)
    return rows.take(pa.array(np.sort(chosen)))

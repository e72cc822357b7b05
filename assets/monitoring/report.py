"""The night's drift report: Evidently's page and snapshot, from a sample of the rows."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.home import Home
from assets.lake import PARTITION
from assets.monitoring import evidently_report
from assets.monitoring.columns import SCORE, values_of
from assets.monitoring.drift import ColumnDrift, DriftResult
from assets.monitoring.reference import ABSENT, PRESENT
from assets.spec import UseCaseSpec

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 20_000
"""Rows a page draws; of more a seeded sample. The figures on it are those of all rows."""


@dataclass(frozen=True)
class Report:
    """Where the page is."""

    path: Path
    relative: str  # to the home
    snapshot_id: str


def drift_report(
    spec: UseCaseSpec, home: Home, result: DriftResult, current: pa.Table, reference: pa.Table
) -> Report | None:
    """Write the page at :meth:`Home.drift_report` and the day's snapshot in the Evidently
    workspace, in place of earlier ones of that day; none where there is nothing to compare.

    ``current``: as of :func:`assets.monitoring.drift.drift`. ``reference``: a sample of the
    training set, possibly with ``score``. The page draws the night, or the window where the
    night by itself has too few rows; where two nights lie further out, their effect stands at it.
    """
    day = result.day
    shown = result.night if any(one.known for one in result.night) else result.window
    columns = [one for one in shown if one.column in reference.column_names]
    rows = current
    if shown is result.night:
        rows = current.filter(pc.equal(current.column(PARTITION), pa.scalar(day)))
    # One row has no spread: there is nothing a distribution could be drawn of.
    if not columns or min(rows.num_rows, reference.num_rows) < 2:
        evidently_report.remove(home, spec.name, day)
        return None
    columns = [_drawable(spec, one, rows, reference) for one in columns]
    window = result.reference_window
    snapshot = evidently_report.run(
        spec.name,
        day,
        columns,
        _frame(spec, sample(rows, MAX_ROWS, spec.model.seed), columns),
        _frame(spec, reference, columns),
        least=spec.monitoring.drift.column_threshold,
        metadata={
            "partition": day.isoformat(),
            "rows": str(rows.num_rows),
            "reference": " to ".join(map(str, window)) if window else "training window",
        },
    )
    page = home.drift_report(spec.name, day)
    evidently_report.save_page(snapshot, page)
    evidently_report.save_snapshot(home, spec.name, day, snapshot)
    return Report(
        page,
        page.relative_to(home.root).as_posix(),
        str(evidently_report.snapshot_id(spec.name, day)),
    )


def reference_sample(spec: UseCaseSpec, training_set: pa.Table) -> pa.Table:
    """At most ``monitoring.drift.reference_rows`` rows of the feature columns, and ``score`` where
    the training set has it; no key, no entity. The same rows give the same sample, in any order."""
    names = [c for c in (*spec.feature_names, SCORE) if c in training_set.column_names]
    key = spec.population.key
    order = [c for c in (key, *names) if c in training_set.column_names]
    rows = sample(training_set.select(order), spec.monitoring.drift.reference_rows, spec.model.seed)
    return rows.select(names)


def sample(rows: pa.Table, size: int, seed: int) -> pa.Table:
    """A seeded sample of at most ``size`` rows, the same in whatever order they come."""
    if rows.num_rows <= size:
        return rows
    import numpy as np

    ordered = rows.sort_by([(name, "ascending") for name in rows.column_names])
    chosen = np.random.default_rng(seed).choice(rows.num_rows, size=size, replace=False)
    return ordered.take(pa.array(np.sort(chosen)))


def _drawable(
    spec: UseCaseSpec, one: ColumnDrift, rows: pa.Table, reference: pa.Table
) -> ColumnDrift:
    """The column, as a ``presence`` where either side has no value to draw."""
    if all(values_of(spec, side, one.column)[1].any() for side in (rows, reference)):
        return one
    return replace(one, kind="presence")


def _frame(spec: UseCaseSpec, rows: pa.Table, columns: list[ColumnDrift]) -> "pd.DataFrame":
    """The columns as Evidently takes them: float64 with NaN, or text; of a ``presence`` comparison
    whether there is a value."""
    import numpy as np
    import pandas as pd

    found: dict[str, Any] = {}
    for one in columns:
        values, there = values_of(spec, rows, one.column)
        if one.kind == "presence":
            found[one.column] = np.where(there, PRESENT, ABSENT)
        elif one.kind == "numeric":
            filled = np.full(rows.num_rows, np.nan)
            filled[there] = values.astype(np.float64)
            found[one.column] = filled
        else:
            texts = np.full(rows.num_rows, None, dtype=object)
            texts[there] = values
            found[one.column] = texts
    return pd.DataFrame(found)

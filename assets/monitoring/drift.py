"""Has the population moved away from the champion's training window?"""

import json
import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import pyarrow as pa

from assets.home import Home
from assets.monitoring import evidently_report
from assets.monitoring.comparison import (
    METHOD,
    SCORE,
    as_compared,
    compare,
    compared_columns,
    to_frame,
)
from assets.spec import UseCaseSpec
from assets.tables import METRICS_SCHEMA

Verdict = Literal["stable", "moved", "insufficient"]

MAX_ROWS = 20_000
"""Rows a report looks at; more are sampled. The distances of a sample of this size are within
about 0.01 of the whole, and the time stays that of a small night."""


@dataclass(frozen=True)
class ColumnDrift:
    """One column against the reference."""

    column: str
    distance: float | None  # None: could not be computed, which counts as drifted
    threshold: float
    method: str
    drifted: bool
    note: str


@dataclass(frozen=True)
class DriftResult:
    """What one day's comparison found."""

    use_case: str
    day: date
    verdict: Verdict
    share: float | None  # drifted columns / compared columns; None when nothing was compared
    columns: tuple[ColumnDrift, ...]
    rows: int
    reference_rows: int
    reference_window: tuple[date, date] | None
    report_path: Path | None  # None: nothing to compare, so there is no report
    report: str | None  # the same, under the home
    snapshot_id: str | None

    @property
    def drifted(self) -> list[str]:
        """Names of the drifted columns."""
        return [c.column for c in self.columns if c.drifted]


def reference_sample(spec: UseCaseSpec, training_set: pa.Table) -> pa.Table:
    """A seeded sample of the training set to compare nights with.

    At most ``monitoring.drift.reference_rows`` rows of the feature columns, and ``score`` (double)
    where the training set has it; no key, no entity. The same rows give the same sample, in
    whatever order they come.
    """
    names = [c for c in (*spec.feature_names, SCORE) if c in training_set.column_names]
    order = [c for c in (spec.population.key, *names) if c in training_set.column_names]
    ordered = training_set.select(order)
    return _sample(ordered, spec.monitoring.drift.reference_rows, spec.model.seed).select(names)


def reference_window(spec: UseCaseSpec, training_set: pa.Table) -> tuple[date, date] | None:
    """First and last UTC day of the training set's events; None when it has no rows."""
    import pyarrow.compute as pc

    span = pc.min_max(training_set.column(spec.population.event_timestamp)).as_py()
    return (span["min"].date(), span["max"].date()) if span["min"] is not None else None


def _sample(rows: pa.Table, size: int, seed: int) -> pa.Table:
    if rows.num_rows <= size:
        return rows
    import numpy as np

    # Sorted first: a table read twice may come in another order.
    ordered = rows.sort_by([(name, "ascending") for name in rows.column_names])
    chosen = np.random.default_rng(seed).choice(rows.num_rows, size=size, replace=False)
    return ordered.take(pa.array(np.sort(chosen)))


def drift_report(
    spec: UseCaseSpec,
    home: Home,
    day: date,
    current: pa.Table,
    reference: pa.Table,
    *,
    reference_window: tuple[date, date] | None = None,
) -> DriftResult:
    """Compare ``current`` with ``reference``, and leave a report of it.

    Both hold feature columns (numeric or string) and possibly ``score``; anything else is ignored.
    ``current`` may span the ``monitoring.drift.window_days`` days that end with ``day``. A column
    is drifted at a distance of ``column_threshold`` or more, and beyond what chance explains for so
    many rows (:mod:`assets.monitoring.chance`). The verdict is ``moved`` when the share of drifted
    columns reaches ``share``, ``insufficient`` below ``min_rows`` on either side.

    Writes the HTML page at :meth:`Home.drift_report` and the day's snapshot in the Evidently
    workspace, in place of earlier ones of that day; none when there is nothing to compare.
    """
    limits = spec.monitoring.drift
    names = compared_columns(spec, current, reference)
    found: tuple[ColumnDrift, ...] = ()
    # One row has no spread: there is nothing a distribution could be compared by.
    if names and min(current.num_rows, reference.num_rows) > 1:
        found = _compare(spec, home, day, current, reference, names, reference_window)
    else:
        evidently_report.remove(home, spec.name, day)
    share = sum(c.drifted for c in found) / len(found) if found else None
    verdict: Verdict
    if share is None or min(current.num_rows, reference.num_rows) < limits.min_rows:
        verdict = "insufficient"
    else:
        verdict = "moved" if share >= limits.share else "stable"
    page = home.drift_report(spec.name, day)
    return DriftResult(
        use_case=spec.name,
        day=day,
        verdict=verdict,
        share=share,
        columns=found,
        rows=current.num_rows,
        reference_rows=reference.num_rows,
        reference_window=reference_window,
        report_path=page if found else None,
        report=page.relative_to(home.root).as_posix() if found else None,
        snapshot_id=str(evidently_report.snapshot_id(spec.name, day)) if found else None,
    )


def _compare(
    spec: UseCaseSpec,
    home: Home,
    day: date,
    current: pa.Table,
    reference: pa.Table,
    names: list[str],
    window: tuple[date, date] | None,
) -> tuple[ColumnDrift, ...]:
    there = current.select([c for c in names if c in current.column_names])
    now = to_frame(spec, _sample(there, MAX_ROWS, spec.model.seed), names)
    then = to_frame(spec, reference, names)
    comparisons = compare(spec, now, then)
    snapshot, distances = evidently_report.run(
        spec.name,
        day,
        comparisons,
        as_compared(now, comparisons),
        as_compared(then, comparisons),
        threshold=spec.monitoring.drift.column_threshold,
        share=spec.monitoring.drift.share,
        metadata={
            "partition": day.isoformat(),
            "rows": str(current.num_rows),
            "reference": " to ".join(map(str, window)) if window else "training window",
        },
    )
    evidently_report.save_page(snapshot, home.drift_report(spec.name, day))
    evidently_report.save_snapshot(home, spec.name, day, snapshot)
    result = []
    for one in comparisons:
        distance = distances.get(one.column, math.nan)
        known = math.isfinite(distance)
        result.append(
            ColumnDrift(
                column=one.column,
                # Rounded: the order rows come in must not show in the last digits.
                distance=round(distance, 6) if known else None,
                threshold=round(one.threshold, 6),
                method=METHOD[one.kind],
                drifted=not known or distance >= one.threshold,
                note=one.note if known else "no distance can be computed",
            )
        )
    return tuple(result)


def metrics_table(result: DriftResult, spec: UseCaseSpec, run_id: str) -> pa.Table:
    """The result as rows of the metrics table (:data:`assets.tables.METRICS_SCHEMA`).

    One ``drift_distance`` per column (verdict ``drifted``, ``stable`` or ``insufficient``; value
    null where it could not be computed) and one ``drift_share`` with subject ``overall``, whose
    detail names the drifted columns, the rows, the reference window and the report's path under
    the home.
    """
    rows = [
        {
            "metric": "drift_distance",
            "subject": c.column,
            "value": c.distance,
            "threshold": c.threshold,
            "verdict": _column_verdict(result, c),
            "detail": json.dumps({"method": c.method, "note": c.note}, sort_keys=True),
            "run_id": run_id,
        }
        for c in result.columns
    ]
    window = [d.isoformat() for d in result.reference_window] if result.reference_window else None
    detail = {
        "drifted": result.drifted,
        "rows": result.rows,
        "reference_rows": result.reference_rows,
        "reference_window": window,
        "report": result.report,
        "snapshot": result.snapshot_id,
    }
    rows.append(
        {
            "metric": "drift_share",
            "subject": "overall",
            "value": result.share,
            "threshold": spec.monitoring.drift.share,
            "verdict": result.verdict,
            "detail": json.dumps(detail, sort_keys=True),
            "run_id": run_id,
        }
    )
    return pa.Table.from_pylist(rows, schema=METRICS_SCHEMA)


def _column_verdict(result: DriftResult, column: ColumnDrift) -> str:
    if result.verdict == "insufficient":
        return "insufficient"
    return "drifted" if column.drifted else "stable"

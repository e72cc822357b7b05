"""The two tables a model meets: the night's scoring set, and the training set as of a time."""

from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.features.columns import (
    LABEL,
    LABEL_OBSERVED,
    feature_type,
    label_type,
    population_type,
    view_features,
)
from assets.features.derived import with_derived
from assets.features.point_in_time import join
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec, closes_at
from assets.tables import LABELS, POPULATION, TIMESTAMP


class NoMaturedLabelsError(NightshiftError):
    """Nothing to train on yet. The message says when there will be."""


def set_schema(spec: UseCaseSpec, label: bool) -> pa.Schema:
    """Schema of the scoring set, or with ``label`` of the training set; without the day column.

    Population columns, then every view's columns, then the derived features. Features are double
    (int, float, bool) or string; other columns have their declared type, times are microseconds
    UTC. ``label`` is int64 (binary: 1 when it happened, else 0), string (multiclass: the class) or
    double (regression), and ``label_observed_at`` says when it became known.
    """
    fields = [(c, population_type(spec, c)) for c in spec.population_columns]
    fields += [(c, feature_type(spec, c)) for c in view_features(spec)]
    fields += [(c, feature_type(spec, c)) for c in spec.features.derived]
    if label:
        fields += [(LABEL, label_type(spec)), (LABEL_OBSERVED, TIMESTAMP)]
    return pa.schema(fields)


def scoring_set(spec: UseCaseSpec, lake: Lake, home: Home, day: date) -> pa.Table:
    """The day's population with its features as known at each case's event time.

    Columns of ``set_schema(spec, label=False)``, rows ordered by event time and key. Raises
    LakeError without a population table, PointInTimeError when the join cannot be trusted.
    """
    cases = lake.read_day(spec.name, POPULATION, day).select(spec.population_columns)
    joined = join(spec, home, _ordered(spec, cases), as_of=closes_at(day))
    return _typed(with_derived(spec, joined), set_schema(spec, label=False))


def training_set(
    spec: UseCaseSpec,
    lake: Lake,
    home: Home,
    as_of: datetime,
    *,
    without: Collection[date] = (),
    reviewed: pa.Table | None = None,
) -> pa.Table:
    """Every case whose outcome had matured by ``as_of`` (UTC), with features and label.

    A case counts when ``event time + matures_after <= as_of`` and a label observed by then is
    there; of several, the last observed one holds. What arrived in a day that had not closed by
    ``as_of`` was not known, whatever times it carries. Cases of the days ``without`` (nights that
    were stopped at a gate) are left out: what is too wrong to score is too wrong to learn from.
    ``reviewed`` (key, label, ``observed_at``) stands in where no outcome was observed: see
    ``assets/reviews/labels.py``.
    With ``model.window`` only the latest span counts: no event so long before the last moment that
    can have matured. Columns of ``set_schema(spec, label=True)``, rows ordered by event time and
    key.

    Raises NoMaturedLabelsError when there is no such case, saying when the first one matures;
    LakeError without the tables; PointInTimeError when the join cannot be trusted.
    """
    if as_of.tzinfo is None:
        raise NoMaturedLabelsError(f"as_of {as_of.isoformat()} has no time zone; pass it in UTC")
    as_of = as_of.astimezone(UTC)
    newest = as_of - spec.label.maturity
    cases, matured = _matured(spec, lake, as_of, without)
    recent = matured
    if spec.model.training_window is not None:
        events = matured.column(spec.population.event_timestamp)
        recent = matured.filter(pc.greater(events, pa.scalar(newest - spec.model.training_window)))
    labels = last_labels(spec, lake, as_of)
    if reviewed is not None:
        reviewed = reviewed.rename_columns(labels.column_names).cast(labels.schema)
        labels = pa.concat_tables([labels, reviewed])
    labelled = recent.join(labels, keys=spec.population.key, join_type="inner")
    if labelled.num_rows == 0:
        raise NoMaturedLabelsError(_why_nothing(spec, cases, matured, recent, as_of))
    labelled = _ordered(spec, labelled)
    joined = join(spec, home, labelled, as_of=as_of)
    return _typed(with_derived(spec, joined), set_schema(spec, label=True))


def matured_since(
    spec: UseCaseSpec,
    lake: Lake,
    home: Home,
    after: datetime,
    as_of: datetime,
    *,
    most: int,
    without: Collection[date] = (),
) -> pa.Table:
    """The rows of a training set as of ``as_of`` whose event is later than ``after`` (both UTC).

    Of more than ``most`` a seeded sample. Empty where there is none; else as
    :func:`training_set`.
    """
    _, matured = _matured(spec, lake, as_of, without)
    events = matured.column(spec.population.event_timestamp)
    since = matured.filter(pc.greater(events, pa.scalar(after)))
    labels = last_labels(spec, lake, as_of)
    labelled = _ordered(spec, since.join(labels, keys=spec.population.key, join_type="inner"))
    if labelled.num_rows > most:
        import numpy as np

        chosen = np.random.default_rng(spec.model.seed).choice(
            labelled.num_rows, most, replace=False
        )
        labelled = labelled.take(pa.array(np.sort(chosen)))
    if not labelled.num_rows:
        return set_schema(spec, label=True).empty_table()
    joined = join(spec, home, labelled, as_of=as_of)
    return _typed(with_derived(spec, joined), set_schema(spec, label=True))


def label_figures(spec: UseCaseSpec, labels: pa.ChunkedArray) -> dict[str, Any]:
    """What the labels look like: positives, rows of each class, or the span of the values."""
    if spec.model.task == "binary":
        return {"positives": int(pc.sum(labels).as_py())}
    if spec.model.task == "multiclass":
        counts = {one["values"]: one["counts"] for one in pc.value_counts(labels).to_pylist()}
        return {"rows per class": dict(sorted(counts.items()))}
    span = pc.min_max(labels).as_py()
    return {"smallest label": span["min"], "largest label": span["max"]}


def _matured(
    spec: UseCaseSpec, lake: Lake, as_of: datetime, without: Collection[date]
) -> tuple[pa.Table, pa.Table]:
    """Every case of a day that had closed by ``as_of``, and those that had matured."""
    cases = _known(lake, spec, POPULATION, [*spec.population_columns, PARTITION], as_of)
    stopped = pa.array(sorted(without), pa.date32())
    cases = cases.filter(pc.invert(pc.is_in(cases.column(PARTITION), stopped)))
    cases = cases.select(spec.population_columns)
    events = cases.column(spec.population.event_timestamp)
    newest = as_of - spec.label.maturity
    return cases, cases.filter(pc.less_equal(events, pa.scalar(newest)))


def _known(
    lake: Lake,
    spec: UseCaseSpec,
    table: str,
    columns: list[str],
    as_of: datetime,
    first: date | None = None,
) -> pa.Table:
    """Rows of the partitions, from ``first`` on, that had closed by ``as_of``."""
    import pyarrow.dataset as ds

    closed = ds.field(PARTITION) < ds.scalar(as_of.date())
    return lake.read(spec.name, table, columns=columns, where=closed, first=first)


def last_labels(
    spec: UseCaseSpec, lake: Lake, as_of: datetime, *, first: date | None = None
) -> pa.Table:
    """Key, label and when it was observed: the last observed by ``as_of``; the last arrived where
    times tie. ``first``: only what arrived from this day on, for whoever asks about later cases."""
    key, observed = spec.population.key, "observed_at"
    rows = _known(lake, spec, LABELS, [key, LABEL, observed, PARTITION], as_of, first)
    rows = rows.filter(pc.less_equal(rows.column(observed), pa.scalar(as_of)))
    rows = rows.filter(pc.is_valid(rows.column(LABEL)))
    rows = rows.sort_by([(observed, "ascending"), (PARTITION, "ascending"), (LABEL, "ascending")])
    # Under a name of their own at once: a case may bring its own column observed_at.
    rows = rows.select([key, LABEL, observed]).rename_columns([key, LABEL, LABEL_OBSERVED])
    last = rows.group_by(key, use_threads=False).aggregate(
        [(LABEL, "last"), (LABEL_OBSERVED, "last")]
    )
    return last.select([key, f"{LABEL}_last", f"{LABEL_OBSERVED}_last"]).rename_columns(
        [key, LABEL, LABEL_OBSERVED]
    )


def _ordered(spec: UseCaseSpec, cases: pa.Table) -> pa.Table:
    population = spec.population
    return cases.sort_by([(population.event_timestamp, "ascending"), (population.key, "ascending")])


def _typed(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    # A whole number beyond 2^53 loses its last digits as a double; a model has no use for them.
    return rows.select(schema.names).cast(schema, safe=False).combine_chunks()


def _why_nothing(
    spec: UseCaseSpec, cases: pa.Table, matured: pa.Table, recent: pa.Table, as_of: datetime
) -> str:
    start = f"{spec.name}: nothing to train on as of {as_of.isoformat()}: "
    if cases.num_rows == 0:
        return f"{start}no population of a day before that is there; run the nights first"
    if matured.num_rows == 0:
        oldest = pc.min(cases.column(spec.population.event_timestamp)).as_py()
        first = (oldest + spec.label.maturity).isoformat()
        return (
            f"{start}of {cases.num_rows} cases none has matured ({spec.label.matures_after} after "
            f"its event); the first will on {first}"
        )
    if recent.num_rows == 0:
        last = pc.max(matured.column(spec.population.event_timestamp)).as_py().isoformat()
        return (
            f"{start}{matured.num_rows} cases have matured, the last of {last}, but none in the "
            f"{spec.model.window} that model.window looks back; widen it, or run the missing nights"
        )
    return (
        f"{start}{recent.num_rows} cases have matured, but source '{spec.label.source}' has "
        f"brought no label for them observed by then; check that its files arrived"
    )

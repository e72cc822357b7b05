"""The decisions economics speaks of, each with what is at stake, and the reviews known by then."""

import functools
import operator
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import REFER
from assets.features.columns import LABEL
from assets.features.sets import last_labels
from assets.lake import PARTITION
from assets.spec import closes_at
from assets.tables import (
    DECISIONS,
    DECISIONS_SCHEMA,
    LABELS,
    REVIEWS,
    REVIEWS_SCHEMA,
    SCORING_SET,
    validated,
)

if TYPE_CHECKING:
    import pyarrow.dataset as ds

    from assets.lake import Lake
    from assets.spec import UseCaseSpec

STAKE = "stake"
"""What a case's value is a share of (``economics.value``), or 1; null where the column has none."""

COLUMNS = (
    "decision_id",
    "revision",
    "case_key",
    "entity_key",
    "event_timestamp",
    "score",
    "decision",
    "advice",
    "rule",
    "overflow",
    "fallback",
    PARTITION,
)
"""Of DECISIONS_SCHEMA and the day."""

REVIEWED = ("decision_id", "revision", "sequence", "kind", "outcome", "reviewer", "at", PARTITION)
"""Of REVIEWS_SCHEMA and the day."""

Span = tuple[date, date]
"""First and last day, both included."""


def decisions_of(
    lake: "Lake", spec: "UseCaseSpec", *spans: Span, referred: Span | None = None
) -> pa.Table:
    """Live decisions of the days of ``spans``, with their ``stake``; of those of ``referred`` only
    the referred ones. COLUMNS and STAKE, by day and case key; empty where the table is not there.

    A score nobody may decide by (a fallback's, one that is no number, no probability of a binary
    task) is null. The stake is null outside ``spans``.
    """
    import pyarrow.dataset as ds

    # One read of all: to open the table takes longer than to leave days out.
    where = _within(spans)
    every = [*spans]
    if referred is not None:
        where = where | (_within([referred]) & (ds.field("decision") == REFER))
        every.append(referred)
    rows = _read(lake, spec, DECISIONS, COLUMNS, *_around(every), where)
    rows = rows.sort_by([(PARTITION, "ascending"), ("case_key", "ascending")])
    score = rows.column("score")
    usable = pc.and_(pc.is_null(rows.column("fallback")), pc.fill_null(pc.is_finite(score), False))
    if spec.model.task == "binary":
        within = pc.and_(pc.greater_equal(score, 0.0), pc.less_equal(score, 1.0))
        usable = pc.and_(usable, pc.fill_null(within, False))
    known = pc.if_else(usable, score, pa.scalar(None, pa.float64()))
    rows = rows.set_column(rows.column_names.index("score"), "score", known)
    return rows.append_column(STAKE, _stakes(lake, spec, rows, spans))


def in_span(rows: pa.Table, span: Span) -> pa.Table:
    """Rows of these days."""
    day = rows.column(PARTITION)
    return rows.filter(
        pc.and_(pc.greater_equal(day, pa.scalar(span[0])), pc.less_equal(day, pa.scalar(span[1])))
    )


def reviews_by(lake: "Lake", spec: "UseCaseSpec", first: date, last: date) -> pa.Table:
    """Reviews (REVIEWED) of decisions of these days that were made by the close of ``last``.

    What is known later would make a night that is run again another night.
    """
    rows = _read(lake, spec, REVIEWS, REVIEWED, first, last)
    rows = rows.filter(pc.less(rows.column("at"), pa.scalar(closes_at(last))))
    return rows.sort_by([("decision_id", "ascending"), ("sequence", "ascending")])


def with_label(lake: "Lake", spec: "UseCaseSpec", cases: pa.Table, as_of: datetime) -> pa.Table:
    """The cases (with ``case_key`` and the day) whose outcome was known at ``as_of`` (UTC), with it
    as LABEL, in their order. Of several outcomes the last observed one holds."""
    if not cases.num_rows or not lake.exists(spec.name, LABELS):
        return cases.slice(0, 0).append_column(LABEL, pa.nulls(0))
    # An outcome does not arrive before its case.
    known = last_labels(spec, lake, as_of, first=pc.min(cases.column(PARTITION)).as_py())
    keys = pc.cast(known.column(spec.population.key), pa.string()).combine_chunks()
    place = pc.index_in(cases.column("case_key"), keys)
    cases = cases.append_column(LABEL, known.column(LABEL).take(place))
    return cases.filter(pc.is_valid(place))


def _read(
    lake: "Lake",
    spec: "UseCaseSpec",
    table: str,
    columns: Sequence[str],
    first: date,
    last: date,
    where: "ds.Expression | None" = None,
) -> pa.Table:
    schema = {DECISIONS: DECISIONS_SCHEMA, REVIEWS: REVIEWS_SCHEMA}[table]
    if not lake.exists(spec.name, table):
        whole = schema.append(pa.field(PARTITION, pa.date32()))
        return whole.empty_table().select(list(columns))
    return lake.read(spec.name, table, columns=columns, where=where, first=first, last=last)


def _within(spans: Sequence[Span]) -> "ds.Expression":
    import pyarrow.dataset as ds

    day = ds.field(PARTITION)
    return functools.reduce(
        operator.or_,
        [(day >= ds.scalar(first)) & (day <= ds.scalar(last)) for first, last in spans],
    )


def _around(spans: Sequence[Span]) -> Span:
    return min(first for first, _ in spans), max(last for _, last in spans)


def _stakes(
    lake: "Lake", spec: "UseCaseSpec", decisions: pa.Table, spans: Sequence[Span]
) -> pa.ChunkedArray:
    """``economics.value`` of each decision's case, of its own day: float64, null where unknown."""
    name, key = spec.economics.value, spec.population.key
    if name is None:
        return pa.chunked_array([pa.repeat(1.0, decisions.num_rows)])
    nothing = pa.chunked_array([pa.nulls(decisions.num_rows, pa.float64())])
    # The scoring set has what was decided by, but only columns of the population's mart.
    kept = name in spec.population_columns
    table = SCORING_SET if kept else validated(spec.population.source)
    if not decisions.num_rows or not lake.exists(spec.name, table):
        return nothing
    first, last = _around(spans)
    columns, where = [key, name, PARTITION], _within(spans)
    rows = lake.read(spec.name, table, columns=columns, where=where, first=first, last=last)
    place = pc.index_in(
        _key(decisions.column("case_key"), decisions.column(PARTITION)),
        _key(rows.column(key), rows.column(PARTITION)).combine_chunks(),
    )
    stakes = pc.cast(rows.column(name), pa.float64()).take(place)
    finite = pc.fill_null(pc.is_finite(stakes), False)
    return pc.if_else(finite, stakes, pa.scalar(None, pa.float64()))


def _key(case: pa.ChunkedArray, day: pa.ChunkedArray) -> pa.ChunkedArray:
    """One text of case and day: a case may come again on another day, with another value."""
    return pc.binary_join_element_wise(pc.cast(case, pa.string()), pc.cast(day, pa.string()), "|")

"""The cases whose outcome came due in the window of a night, and the outcomes observed by then."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL, LABEL_OBSERVED, label_type
from assets.features.sets import last_labels
from assets.lake import PARTITION
from assets.spec import closes_at
from assets.tables import LABELS, POPULATION, TIMESTAMP

if TYPE_CHECKING:
    import pyarrow.dataset as ds

    from assets.lake import Lake
    from assets.spec import UseCaseSpec

MOST_CASES = 100_000
"""Of more cases in a window only those of its latest days are looked at, and of more in a day a
sample: intervals are narrow enough, and a night may not cost what twenty-eight nights do."""

KEYS = ("case_key", "entity_key", "event_timestamp", PARTITION)


def due_span(spec: "UseCaseSpec", day: date, days: int) -> tuple[datetime, datetime]:
    """Event times (after the first, up to the second, UTC) of the cases whose outcome came due in
    the last ``days`` days up to the close of ``day``."""
    newest = closes_at(day) - spec.label.maturity
    return newest - timedelta(days=days), newest


def due_cases(
    spec: "UseCaseSpec", lake: "Lake", day: date, days: int, columns: Sequence[str] = ()
) -> pa.Table:
    """The cases of the window, whether an outcome was observed or not, by day and key.

    KEYS (keys as text, time in microseconds UTC, the day), ``label`` and ``label_observed_at`` as
    in a training set, both null where nothing had been observed by the close, and ``columns`` of
    the population under :func:`of_case`. Of several outcomes the last observed one holds. Of more
    than MOST_CASES those of the latest whole days, of a day with more a sample by the hash of the
    key. Empty without a population.
    """
    import pyarrow.dataset as ds

    after, newest = due_span(spec, day, days)
    if not lake.exists(spec.name, POPULATION):
        return _schema(spec, columns).empty_table()
    # At midnight the newest day is the one that ends then: of the next one moment alone is due.
    whole = min((newest - timedelta(microseconds=1)).date(), day)
    first = first_affordable(spec, lake, POPULATION, after.date(), whole)
    when = ds.field(spec.population.event_timestamp)
    within = (when > ds.scalar(after)) & (when <= ds.scalar(newest))
    rows = _cases(spec, lake, first, min(newest.date(), day), columns, within)
    rows = bounded(rows).sort_by([(PARTITION, "ascending"), ("case_key", "ascending")])
    return _labelled(spec, lake, day, rows)


def bounded(rows: pa.Table) -> pa.Table:
    """About MOST_CASES of more rows with a ``case_key``: the same cases whatever order they come
    in, and whichever table of them is asked (DuckDB's hash, the same for one version of it)."""
    if rows.num_rows <= MOST_CASES:
        return rows
    import duckdb

    one_in = -(-rows.num_rows // MOST_CASES)
    with duckdb.connect() as connection:
        connection.register("cases", rows.select(["case_key"]))
        asked = "SELECT hash(case_key) % $one_in = 0 FROM cases"
        kept = connection.sql(asked, params={"one_in": one_in}).to_arrow_table().column(0)
    return rows.filter(kept)


def of_case(column: str) -> str:
    """What a population's column is called here: a column may bear the name of one of ours."""
    return f"case {column}"


def labelled(cases: pa.Table) -> pa.Table:
    """Those with an outcome."""
    return cases.filter(pc.is_valid(cases.column(LABEL)))


def taken(values: pa.ChunkedArray, keys: pa.ChunkedArray, wanted: pa.ChunkedArray) -> pa.Array:
    """``values`` (whose keys are ``keys``) of the ``wanted`` keys, in their order; null where there
    is none, the first where there are several."""
    place = pc.index_in(wanted, keys.combine_chunks())
    found = values.combine_chunks().take(place.combine_chunks())
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def first_affordable(
    spec: "UseCaseSpec", lake: "Lake", table: str, first: date, last: date
) -> date:
    """The day from which on the table has no more than MOST_CASES rows up to ``last``; the latest
    that has any at the most."""
    if first >= last:
        return last

    def days_of(earliest: date) -> pa.Table:
        return lake.read(spec.name, table, columns=[PARTITION], first=earliest, last=last)

    # Nights are much alike: one file tells whether all of them need to be counted.
    newest = days_of(last).num_rows
    if newest and 4 * newest * (last - first).days < MOST_CASES:
        return first
    days = days_of(first)
    if days.num_rows <= MOST_CASES:
        return first
    counts = pc.value_counts(days.column(PARTITION).combine_chunks()).to_pylist()
    total, found = 0, last
    for one in sorted(counts, key=lambda one: one["values"], reverse=True):
        total += int(one["counts"])
        if total > MOST_CASES and total > int(one["counts"]):
            break
        found = one["values"]
    return found


def _cases(
    spec: "UseCaseSpec",
    lake: "Lake",
    first: date,
    last: date,
    columns: Sequence[str],
    where: "ds.Expression",
) -> pa.Table:
    population = spec.population
    named = {
        "case_key": (population.key, pa.string()),
        "entity_key": (population.entity, pa.string()),
        "event_timestamp": (population.event_timestamp, TIMESTAMP),
        PARTITION: (PARTITION, pa.date32()),
        **{of_case(column): (column, None) for column in columns},
    }
    asked = list(dict.fromkeys(column for column, _ in named.values()))
    rows = lake.read(spec.name, POPULATION, columns=asked, where=where, first=first, last=last)
    return pa.table(
        {
            name: rows.column(column) if kind is None else pc.cast(rows.column(column), kind)
            for name, (column, kind) in named.items()
        }
    )


def _labelled(spec: "UseCaseSpec", lake: "Lake", day: date, rows: pa.Table) -> pa.Table:
    if not rows.num_rows or not lake.exists(spec.name, LABELS):
        for name, kind in ((LABEL, label_type(spec)), (LABEL_OBSERVED, TIMESTAMP)):
            rows = rows.append_column(name, pa.nulls(rows.num_rows, kind))
        return rows
    # An outcome does not arrive before its case does.
    known = last_labels(spec, lake, closes_at(day), first=rows.column(PARTITION)[0].as_py())
    keys = pc.cast(known.column(spec.population.key), pa.string())
    for name, kind in ((LABEL, label_type(spec)), (LABEL_OBSERVED, TIMESTAMP)):
        values = pc.cast(known.column(name), kind)
        rows = rows.append_column(name, taken(values, keys, rows.column("case_key")))
    return rows


def _schema(spec: "UseCaseSpec", columns: Sequence[str]) -> pa.Schema:
    from assets.features.columns import population_type

    return pa.schema(
        [
            ("case_key", pa.string()),
            ("entity_key", pa.string()),
            ("event_timestamp", TIMESTAMP),
            (PARTITION, pa.date32()),
            *((of_case(column), population_type(spec, column)) for column in columns),
            (LABEL, label_type(spec)),
            (LABEL_OBSERVED, TIMESTAMP),
        ]
    )

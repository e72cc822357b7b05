"""The point-in-time join: what was known about each case when it arose, through Feast.

For every case and view, the value is that of the fact of the same entity

- with ``timestamp <= event time`` (both ends of the window are inclusive),
- with ``timestamp + ttl >= event time``,
- with ``created <= event time`` where the view has a created column (late arrivals stay out),

that has the newest timestamp, and among those the newest created time. A case without such a fact
keeps its row, with nulls. ``tests/property/test_point_in_time.py`` holds this to a brute-force
reference.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.features.columns import (
    EVENT_TIMESTAMP,
    POSITION,
    check_joinable,
    feature_type,
    stored_name,
    stored_schema,
)
from assets.features.publish import EMPTY
from assets.features.views import apply, open_store, service_name
from assets.home import Home
from assets.spec import UseCaseSpec
from assets.tables import TIMESTAMP

if TYPE_CHECKING:
    import pandas as pd


class PointInTimeError(NightshiftError):
    """A join that cannot be trusted, or cases it cannot be done for. Nothing is returned."""


def join(spec: UseCaseSpec, home: Home, cases: pa.Table, *, as_of: datetime) -> pa.Table:
    """The cases with the columns of every feature view, known at each case's event time.

    ``cases`` carries at least the population's key, its event timestamp and every view's entity;
    all its columns come back first, rows and columns in the order given, followed by the views'
    columns (numbers and truth values double, categories string; null where nothing was known).
    ``as_of`` is the run's clock in UTC: a case that arose after it is refused, and as a fact counts
    only if it was known when its case arose, none from after ``as_of`` is ever used.

    Raises PointInTimeError for cases without key or event time, with a repeated key or from after
    ``as_of``; for a view that was never published; and when the answer is not exactly these cases.
    FeatureSpecError for a spec that cannot be joined.
    """
    check_joinable(spec)
    _check_cases(spec, cases, as_of)
    wanted = [c for view in spec.features.views.values() for c in view.columns]
    if not wanted:
        return cases
    if cases.num_rows == 0:
        found = pa.table({c: pa.array([], feature_type(spec, c)) for c in wanted})
    else:
        _check_published(spec, home)
        apply(spec, home)
        found = _ask_feast(spec, home, _frame(spec, cases))
        _check_answer(spec, cases, found)
    joined = cases
    for column in wanted:
        values = found.column(column if cases.num_rows == 0 else stored_name(column))
        joined = joined.append_column(column, values.cast(feature_type(spec, column), safe=False))
    return joined


def _check_cases(spec: UseCaseSpec, cases: pa.Table, as_of: datetime) -> None:
    if as_of.tzinfo is None:
        raise PointInTimeError(f"as_of {as_of.isoformat()} has no time zone; pass it in UTC")
    population = spec.population
    needed = [population.key, population.event_timestamp]
    needed += [view.entity for view in spec.features.views.values()]
    for column in needed:
        if column not in cases.column_names:
            raise PointInTimeError(f"{spec.name}: the cases have no column '{column}'")
    for column in needed[:2]:
        if nulls := cases.column(column).null_count:
            raise PointInTimeError(
                f"{spec.name}: {nulls} of {cases.num_rows} cases have no '{column}'; declare it "
                "required in the source, so that such rows are quarantined"
            )
    distinct = pc.count_distinct(cases.column(population.key)).as_py()
    if distinct != cases.num_rows:
        raise PointInTimeError(
            f"{spec.name}: {cases.num_rows} cases carry only {distinct} different "
            f"'{population.key}'; a case may be there once"
        )
    newest = pc.max(cases.column(population.event_timestamp)).as_py()
    if newest is not None and newest > as_of:
        raise PointInTimeError(
            f"{spec.name}: a case has '{population.event_timestamp}' {newest.isoformat()}, after "
            f"the as-of time {as_of.astimezone(UTC).isoformat()}; name that column as 'timestamp' "
            f"of source '{population.source}', so that rows of another day are quarantined"
        )


def _check_published(spec: UseCaseSpec, home: Home) -> None:
    """Every view has files, and they carry the columns the spec speaks of."""
    import pyarrow.parquet as pq

    for view in spec.features.views:
        path = home.feature_view(spec.name, view) / EMPTY
        if not path.exists():
            raise PointInTimeError(
                f"{spec.name}: feature view '{view}' was never published ({path} is missing); "
                "run the features stage first"
            )
        if not pq.read_schema(path).equals(stored_schema(spec, view)):
            raise PointInTimeError(
                f"{spec.name}: feature view '{view}' was published with other columns than the "
                "spec has now; publish it again"
            )


def _frame(spec: UseCaseSpec, cases: pa.Table) -> "pd.DataFrame":
    """What Feast is asked about: position, join keys and event time, nothing that could clash."""
    import pandas as pd

    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        POSITION: pa.array(range(cases.num_rows), pa.int64()),
        EVENT_TIMESTAMP: cases.column(spec.population.event_timestamp).cast(TIMESTAMP),
    }
    for name, view in spec.features.views.items():
        key = stored_schema(spec, name).field(stored_name(view.entity))
        columns[key.name] = cases.column(view.entity).cast(key.type)
    # Nullable types: a null among whole numbers must not turn the keys into floats.
    nullable: dict[pa.DataType, Any] = {
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
        pa.string(): pd.StringDtype(),
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=nullable.get)
    return frame


def _ask_feast(spec: UseCaseSpec, home: Home, frame: "pd.DataFrame") -> pa.Table:
    import warnings

    store = open_store(home)
    with warnings.catch_warnings():
        # ibis still calls what DuckDB 2.0 deprecates; nobody who reads our log can mend that.
        warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
        answer = store.get_historical_features(
            entity_df=frame,
            features=store.get_feature_service(service_name(spec)),
            filter_by_created_timestamp=True,
        ).to_arrow()
    return answer.sort_by(POSITION)


def _check_answer(spec: UseCaseSpec, cases: pa.Table, found: pa.Table) -> None:
    """Feast returned every case once, and against the keys and times it was asked for."""
    if found.num_rows != cases.num_rows:
        raise PointInTimeError(
            f"{spec.name}: {cases.num_rows} cases went into the join, {found.num_rows} came out"
        )
    asked = {EVENT_TIMESTAMP: cases.column(spec.population.event_timestamp).cast(TIMESTAMP)}
    for view in spec.features.views.values():
        asked[stored_name(view.entity)] = cases.column(view.entity)
    asked[POSITION] = pa.chunked_array([pa.array(range(cases.num_rows), pa.int64())])
    for column, values in asked.items():
        if not found.column(column).cast(values.type).equals(values):
            raise PointInTimeError(
                f"{spec.name}: the join came back with other '{column}' than it was asked for"
            )

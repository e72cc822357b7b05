"""The point-in-time join through Feast: its registry, its feature service, its DuckDB join.

Two things are ours, and neither changes a value. Feast reads every day file of a view however few
can matter; here it is handed the facts within reach of the cases. And it would run in a DuckDB of
the whole process, which keeps what it was given; here each join has one of its own.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.features.columns import (
    EVENT_TIMESTAMP,
    POSITION,
    stored_name,
    stored_schema,
    view_features,
)
from assets.features.views import apply, open_store, service_name, view_name
from assets.home import Home
from assets.spec import UseCaseSpec
from assets.tables import TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


class FeastAnswerError(NightshiftError):
    """Feast answered about other cases than it was asked about. Nothing is returned."""


def feast_features(spec: UseCaseSpec, home: Home, cases: pa.Table) -> pa.Table:
    """The columns of every view for each case, in the order of the cases and of the spec.

    ``cases`` carries the population's event timestamp (no nulls) and every view's entity. Values
    come as the day files hold them; null where nothing was known. Registers the use case's Feast
    objects first where they are not. Raises FeastAnswerError when the answer is not exactly these
    cases.
    """
    apply(spec, home)
    found = _ask(spec, home, cases)
    _check_answer(spec, cases, found)
    return pa.table({name: found.column(stored_name(name)) for name in view_features(spec)})


def _ask(spec: UseCaseSpec, home: Home, cases: pa.Table) -> pa.Table:
    import warnings

    import ibis  # type: ignore[import-untyped]
    from feast.infra.offline_stores.ibis import get_historical_features_ibis

    store = open_store(home)
    service = store.get_feature_service(service_name(spec))
    views = service.feature_view_projections
    # Rows find their place again by their number; the engine need not keep them in order.
    connection = ibis.duckdb.connect(preserve_insertion_order=False)
    try:
        with warnings.catch_warnings():
            # ibis still calls what DuckDB 2.0 deprecates; nobody who reads our log can mend that.
            warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
            # What FeatureStore.get_historical_features comes to with the DuckDB store, but for
            # the reader, which Feast lets an offline store choose.
            answer: pa.Table = get_historical_features_ibis(
                config=store.config,
                feature_views=[store.get_feature_view(view.name) for view in views],
                feature_refs=[f"{view.name}:{f.name}" for view in views for f in view.features],
                entity_df=_frame(spec, cases),
                registry=store.registry,
                project=store.project,
                data_source_reader=_reader(connection, spec, cases),
                data_source_writer=_no_writer,
                filter_by_created_timestamp=True,
            ).to_arrow()
    finally:
        connection.disconnect()
    return answer.sort_by(POSITION)


def _reader(connection: Any, spec: UseCaseSpec, cases: pa.Table) -> "Callable[[Any, str], Any]":
    """Reads a view's day files, but for facts no case can use: expired before the first event, or
    from after the last. DuckDB skips what the files' own statistics rule out."""
    import ibis

    span = pc.min_max(cases.column(spec.population.event_timestamp).cast(TIMESTAMP))
    first, last = (span[end].as_py().astimezone(UTC) for end in ("min", "max"))
    reach = {
        view_name(spec, view): declared.time_to_live
        for view, declared in spec.features.views.items()
    }

    def instant(time: datetime) -> Any:
        return ibis.literal(time, type="timestamp('UTC')")

    def read(source: Any, repository: str) -> Any:
        facts = connection.read_parquet(source.path)
        happened = facts[source.timestamp_field]
        # No further back than there are dates, however long the ttl.
        back = min(reach[source.name], first - datetime.min.replace(tzinfo=UTC))
        return facts.filter(happened <= instant(last), happened >= instant(first - back))

    return read


def _no_writer(*given: Any) -> None:
    raise FeastAnswerError("the join was asked to write; it only reads")


def _frame(spec: UseCaseSpec, cases: pa.Table) -> "pd.DataFrame":
    """What Feast is asked about: position, join keys and event time, nothing that could clash."""
    import numpy as np
    import pandas as pd

    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        POSITION: pa.array(np.arange(cases.num_rows)),
        EVENT_TIMESTAMP: cases.column(spec.population.event_timestamp).cast(TIMESTAMP),
    }
    for name, view in spec.features.views.items():
        key = stored_schema(spec, name).field(stored_name(view.entity))
        columns[key.name] = cases.column(view.entity).cast(key.type)
    # Nullable types: a null among whole numbers must not turn the keys into floats. Text stays in
    # Arrow, where the engine takes it from again.
    nullable: dict[pa.DataType, Any] = {
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
        pa.string(): pd.ArrowDtype(pa.string()),
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=nullable.get)
    return frame


def _check_answer(spec: UseCaseSpec, cases: pa.Table, found: pa.Table) -> None:
    """Feast returned every case once, and against the keys and times it was asked for."""
    if found.num_rows != cases.num_rows:
        raise FeastAnswerError(
            f"{spec.name}: {cases.num_rows} cases went into the join, {found.num_rows} came out"
        )
    import numpy as np

    asked = {EVENT_TIMESTAMP: cases.column(spec.population.event_timestamp).cast(TIMESTAMP)}
    for view in spec.features.views.values():
        asked[stored_name(view.entity)] = cases.column(view.entity)
    asked[POSITION] = pa.chunked_array([pa.array(np.arange(cases.num_rows))])
    for column, values in asked.items():
        if not found.column(column).cast(values.type).equals(values):
            raise FeastAnswerError(
                f"{spec.name}: the join came back with other '{column}' than it was asked for"
            )

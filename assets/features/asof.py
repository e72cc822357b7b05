"""The point-in-time join for volume: DuckDB's ASOF join over the day files Feast reads.

ASOF takes one inequality, and a fact has two times: when it was true and when it was known. So each
view's facts become steps first: a fact counts from ``known_at``, the later of the two, and only if
nothing known by then is newer. At any time the last step by then is the newest fact known; if that
one has expired, so has every older one. :mod:`assets.features.point_in_time` says what must come
out, and ``tests/property/test_point_in_time.py`` holds this to it, to Feast and to a search by
hand.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import POSITION, feature_type, stored_name, stored_schema
from assets.features.day_files import day_files
from assets.home import Home
from assets.ingestion.sql_text import sql_text
from assets.spec import UseCaseSpec
from assets.tables import TIMESTAMP

if TYPE_CHECKING:
    import duckdb

FEW = 100_000
"""Cases below which facts are looked up by entity first; with more it costs more than it saves."""

SQL_TYPES = {pa.float64(): "DOUBLE", pa.string(): "VARCHAR"}


def asof_features(spec: UseCaseSpec, home: Home, cases: pa.Table) -> pa.Table:
    """The columns of every view for each case, in the order of the cases and of the spec.

    ``cases`` carries the population's event timestamp (no nulls) and every view's entity. Numbers
    and truth values come back double, categories string; null where nothing was known.
    """
    import duckdb

    found: dict[str, pa.ChunkedArray] = {}
    with duckdb.connect() as connection:
        # Days of 24 hours, wherever the machine stands.
        connection.execute("SET TimeZone = 'UTC'")
        for view in spec.features.views:
            rows = _view_features(connection, spec, home, view, cases)
            found |= {name: rows.column(name) for name in spec.features.views[view].columns}
    return pa.table(found)


def newest_known(spec: UseCaseSpec, home: Home, view: str, at: datetime) -> pa.Table:
    """The fact of each entity a case that arises at ``at`` (UTC) would be given, by entity.

    Columns of the day files but for created, as declared. Entities about whom nothing is known, or
    nothing that has not expired, are not there.
    """
    import duckdb

    facts = spec.features.views[view]
    known = f"{_known(spec, view, at)} AND happened_at + {_ttl(spec, view)} >= {_instant(at)}"
    newest = "happened_at DESC"
    if facts.created is not None:
        newest += ", created_at DESC"
    schema = stored_schema(spec, view)
    if facts.created is not None:
        schema = schema.remove(schema.get_field_index(stored_name(facts.created)))
    inside = ["entity", "happened_at", *(f"value_{i}" for i in range(len(facts.columns)))]
    named = ", ".join(f"{one} AS {_quoted(n)}" for one, n in zip(inside, schema.names, strict=True))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found: pa.Table = connection.sql(
            f"SELECT {named} FROM (SELECT * FROM ({_facts(spec, home, view)}) WHERE {known} "
            f"QUALIFY row_number() OVER (PARTITION BY entity ORDER BY {newest}) = 1) ORDER BY 1"
        ).to_arrow_table()
    return found.cast(schema)


def some_entities(spec: UseCaseSpec, home: Home, view: str, at: datetime, most: int) -> pa.Table:
    """Up to ``most`` entities each of whom a fact known at ``at`` (UTC) still holds, of whom all
    known facts have expired, and of whom none was known: always the same ones.

    Columns: entity (as declared), state (``present``, ``expired``, ``missing``), in that order.
    """
    import duckdb

    known = f"coalesce({_known(spec, view, at)}, false)"
    fresh = f"{known} AND happened_at + {_ttl(spec, view)} >= {_instant(at)}"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found: pa.Table = connection.sql(
            f"SELECT entity, CASE WHEN bool_or({fresh}) THEN 'present' WHEN bool_or({known}) "
            f"THEN 'expired' ELSE 'missing' END AS state FROM ({_facts(spec, home, view)}) "
            "GROUP BY entity QUALIFY row_number() OVER (PARTITION BY state "
            f"ORDER BY md5(CAST(entity AS VARCHAR)), entity) <= {most} ORDER BY entity"
        ).to_arrow_table()
    return found.cast(pa.schema([("entity", stored_schema(spec, view).types[0]), found.field(1)]))


def _known(spec: UseCaseSpec, view: str, at: datetime) -> str:
    """SQL for: this fact had happened by ``at``, and was known by then."""
    now = _instant(at)
    late = "" if spec.features.views[view].created is None else f" AND created_at <= {now}"
    return f"happened_at <= {now}{late}"


def _view_features(
    connection: "duckdb.DuckDBPyConnection",
    spec: UseCaseSpec,
    home: Home,
    view: str,
    cases: pa.Table,
) -> pa.Table:
    import numpy as np

    facts = spec.features.views[view]
    events = cases.column(spec.population.event_timestamp).cast(TIMESTAMP)
    # Narrow, whatever else the cases carry: what is joined is sorted, and sorting moves bytes.
    asked = pa.table(
        {
            POSITION: pa.array(np.arange(cases.num_rows)),
            "entity": cases.column(facts.entity),
            "event": events,
        }
    )
    connection.register("asked", asked)
    values = ", ".join(
        f"CASE WHEN step.happened_at + {_ttl(spec, view)} >= asked.event THEN {value} END "
        f"AS {_quoted(name)}"
        for name, value in _values(spec, view).items()
    )
    rows: pa.Table = connection.sql(
        f"SELECT {values} FROM asked ASOF LEFT JOIN ({_steps(spec, home, view, asked)}) AS step "
        "ON asked.entity = step.entity AND asked.event >= step.known_at "
        f"ORDER BY asked.{POSITION}"
    ).to_arrow_table()
    connection.unregister("asked")
    return rows


def _steps(spec: UseCaseSpec, home: Home, view: str, asked: pa.Table) -> str:
    """SQL for the facts that can be the newest one known to some case, with the time each is from.

    Facts out of reach of every case stay in their files: older than the ttl before the first event,
    from after the last one, or (where few are asked about) of nobody asked about.
    """
    facts = spec.features.views[view]
    span = pc.min_max(asked.column("event"))
    first, last = (_instant(span[end].as_py()) for end in ("min", "max"))
    within = f"happened_at <= {last} AND happened_at >= {first} - {_ttl(spec, view)}"
    if asked.num_rows < FEW:
        within += " AND entity IN (SELECT entity FROM asked)"
    source = _facts(spec, home, view)
    if facts.created is None:
        # Published files hold one fact for an entity and a time: there are no ties.
        return f"SELECT *, happened_at AS known_at FROM ({source}) WHERE {within}"
    # Facts by the time they were known: one that is older than something known before it is never
    # the newest (of equal times the later created one is known later, or comes later here). Of
    # several that became known at one instant the last one counts.
    return (
        "SELECT * FROM (SELECT *, greatest(happened_at, created_at) AS known_at "
        f"FROM ({source}) WHERE {within} AND created_at <= {last}) "
        "WINDOW sofar AS (PARTITION BY entity ORDER BY known_at, happened_at, created_at "
        "ROWS UNBOUNDED PRECEDING) "
        "QUALIFY happened_at = max(happened_at) OVER sofar "
        "AND lead(known_at) OVER sofar IS DISTINCT FROM known_at"
    )


def _facts(spec: UseCaseSpec, home: Home, view: str) -> str:
    """SQL for a view's day files, its columns under names that nothing of the user's can clash
    with: entity, happened_at, created_at (where given), value_0, value_1 ..."""
    facts = spec.features.views[view]
    named = {"entity": facts.entity, "happened_at": facts.timestamp}
    if facts.created is not None:
        named["created_at"] = facts.created
    named |= {f"value_{i}": column for i, column in enumerate(facts.columns)}
    columns = ", ".join(f"{_quoted(stored_name(c))} AS {name}" for name, c in named.items())
    return f"SELECT {columns} FROM read_parquet({sql_text(day_files(spec, home, view))})"


def _values(spec: UseCaseSpec, view: str) -> dict[str, str]:
    """Feature → SQL for its value in front of a model."""
    found = {}
    for index, name in enumerate(spec.features.views[view].columns):
        wanted = SQL_TYPES.get(feature_type(spec, name))
        found[name] = f"CAST(value_{index} AS {wanted})" if wanted else f"value_{index}"
    return found


def _ttl(spec: UseCaseSpec, view: str) -> str:
    seconds = round(spec.features.views[view].time_to_live.total_seconds())
    return f"INTERVAL '{seconds} seconds'"


def _instant(time: datetime) -> str:
    return f"TIMESTAMPTZ {sql_text(time.astimezone(UTC).isoformat())}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

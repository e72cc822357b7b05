"""What is about to be served online, held to what the offline join says, bit for bit.

The offline side goes through Feast's own point-in-time join and shares nothing with the way the
store was filled. Asked about are entities a fact of which still holds, of whom every fact has
expired, of whom nothing was known yet, one nobody ever heard of, and a null key.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.features.asof import some_entities
from assets.features.columns import feature_type, stored_schema, view_features
from assets.features.feast_join import feast_features
from assets.home import Home
from assets.spec import UseCaseSpec
from assets.tables import TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[pa.Table, datetime], pa.Table]
    """Entities and a time (UTC) → the features of each then, as the online store answers."""

MOST = 500
"""Entities compared of each view and state; Feast's join of so few takes well under a second."""

STATES = ("present", "expired", "missing")

NOBODY: dict[pa.DataType, Any] = {pa.string(): "nobody at all", pa.int64(): -(2**63)}
"""Keys that no entity has."""


class ParityError(NightshiftError):
    """Online and offline values differ. Says which features, how many of how many."""


def require_parity(
    spec: UseCaseSpec, home: Home, until: datetime, read: "Read"
) -> dict[str, dict[str, int]]:
    """Compare what ``read`` answers with the offline values, at ``until`` (UTC) and after.

    At ``until`` every value has to be the offline one, bit for bit; when the longest ttl has passed
    after it, nothing may be served. Returns by view how many entities were ``present``, ``expired``
    and ``missing``, and how many values of present ones ``null``. Raises ParityError.
    """
    asked, states = _asked(spec, home, until)
    online = read(asked, until)
    times = pa.array([until] * asked.num_rows, TIMESTAMP)
    offline = feast_features(
        spec, home, asked.append_column(spec.population.event_timestamp, times)
    )
    wrong = {}
    for name in view_features(spec):
        kind = feature_type(spec, name)
        here, there = (table.column(name).cast(kind, safe=False) for table in (online, offline))
        if count := _differing(here, there):
            wrong[name] = count
    if wrong:
        told = ", ".join(f"'{name}' {count}" for name, count in wrong.items())
        raise ParityError(
            f"{spec.name}: of {asked.num_rows} entities asked about at {until.isoformat()}, online "
            f"and offline values differ: {told}. The store served until now stays; the day files "
            "may have changed meanwhile, so run it once more, then report it"
        )
    longest = max(view.time_to_live for view in spec.features.views.values())
    after = read(asked, until + longest + timedelta(microseconds=1))
    served = [n for n in view_features(spec) if after.column(n).null_count < asked.num_rows]
    if served:
        raise ParityError(
            f"{spec.name}: of {', '.join(served)} values are served online when every fact has "
            "expired. The store served until now stays; report it"
        )
    return {
        view: {state: states.count((view, state)) for state in STATES}
        | {
            "null": _nulls(
                online.select(declared.columns), [s == (view, "present") for s in states]
            )
        }
        for view, declared in spec.features.views.items()
    }


def _nulls(values: pa.Table, rows: list[bool]) -> int:
    return sum(column.null_count for column in values.filter(pa.array(rows)).columns)


def _differing(here: pa.ChunkedArray, there: pa.ChunkedArray) -> int:
    """Rows in which two columns of one type are not the same, to the bit."""
    same = pc.fill_null(pc.equal(_bits(here), _bits(there)), False)
    same = pc.or_(same, pc.and_(pc.is_null(here), pc.is_null(there)))
    return len(here) - int(pc.sum(same).as_py())


def _bits(column: pa.ChunkedArray) -> pa.Array:
    # As numbers, 0.0 and -0.0 are equal and NaN is not equal to itself.
    values = column.combine_chunks()
    return values.view(pa.int64()) if pa.types.is_floating(values.type) else values


def _asked(
    spec: UseCaseSpec, home: Home, until: datetime
) -> tuple[pa.Table, list[tuple[str, str]]]:
    """One row for each entity asked about, null in the entity columns of other views; and for each
    row the view it was chosen for and what state it is in there."""
    schema = pa.schema(
        list(
            dict.fromkeys(
                (view.entity, stored_schema(spec, name).types[0])
                for name, view in spec.features.views.items()
            )
        )
    )
    rows, states = [], []
    for name, view in spec.features.views.items():
        found = some_entities(spec, home, name, until, MOST)
        keys = found.column("entity").combine_chunks()
        more = [NOBODY[keys.type]] if keys.type in NOBODY else []
        keys = pa.concat_arrays([keys, pa.array([*more, None], keys.type)])
        rows.append(
            pa.table(
                {
                    f.name: keys if f.name == view.entity else pa.nulls(len(keys), f.type)
                    for f in schema
                }
            )
        )
        stated = [*found.column("state").to_pylist(), *["missing"] * (len(more) + 1)]
        states += [(name, state) for state in stated]
    return pa.concat_tables(rows), states

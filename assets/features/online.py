"""The online store: each entity's newest known fact, in Feast's embedded SQLite store.

Filled and read through Feast's own store class, but not by ``feast materialize`` and
``get_online_features``: the first takes facts that were not known yet (it does not look at their
created time), the second serves expired ones (issue 6821), and the store keeps a fact's time in
whole seconds of the machine's zone. So the facts are chosen here, as the point-in-time join would
choose them, and the exact time of each is stored beside its values and held against its ttl at
every read. ``tests/property/test_online_parity.py`` holds what is read to the offline values, bit
for bit, and each filling is compared with them (:mod:`assets.features.parity`) before it is served.

One file per use case, written as a whole and put in its place: a reader sees what was known at one
time, never half of it, and no entity keeps a value that is no longer there.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.durable import make_folder, put_in_place
from assets.errors import NightshiftError
from assets.features.asof import newest_known
from assets.features.columns import (
    check_joinable,
    feature_type,
    stored_name,
    stored_schema,
    view_columns,
)
from assets.features.day_files import reading, require_published
from assets.features.derived import with_derived
from assets.features.online_values import (
    MICROSECOND,
    entity_keys,
    from_values,
    microseconds,
    to_values,
)
from assets.features.parity import require_parity
from assets.features.views import feast_objects, store_config, view_name
from assets.home import Home
from assets.ingestion.scratch import scratch
from assets.spec import UseCaseSpec
from assets.tables import TIMESTAMP

if TYPE_CHECKING:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey

ONLINE = "online_features"
"""Table name of the asset: what was materialised last."""

HAPPENED_AT = "__happened_at"
"""Stored beside the features of an entity: the time of the fact they are from."""

ABOUT, UNTIL, VIEW = "__about", "__until", "__view"
"""An entity of its own in every view, which says until when the view knows, and as what view."""

BATCH = 10_000
"""Keys looked up at a time; SQLite takes at most 32,766 parameters (sqlite.org/limits.html)."""


class OnlineStoreError(NightshiftError):
    """An online store that is not there or cannot answer this. Says what to run."""


@dataclass(frozen=True)
class Materialised:
    """What is in the online store now."""

    until: datetime
    entities: dict[str, int]  # by view
    compared: dict[str, dict[str, int]] = field(default_factory=dict)
    """View → entities compared with the offline values (present, expired, missing), and nulls."""


def online_file(home: Home, use_case: str) -> Path:
    """SQLite file of a use case's online store."""
    return home.feast / "online" / f"{use_case}.db"


def materialize(spec: UseCaseSpec, home: Home, until: datetime) -> Materialised:
    """Make the online store hold what was known at ``until`` (UTC), and nothing else.

    Per view and entity that is the newest fact with ``timestamp <= until`` and, where the view has
    a created column, ``created <= until``, unless it had expired by then. A use case without views
    has no store. What was filled is held to the offline values before it takes the old one's place.

    Raises OnlineStoreError for a time without zone or an entity that is no key, ParityError when a
    value is not the offline one, ViewNotPublishedError for a view without readable day files.
    """
    check_joinable(spec)
    until = _in_utc(until, "until")
    if not spec.features.views:
        return Materialised(until, {})
    require_published(spec, home)
    place = online_file(home, spec.name)
    make_folder(place.parent)
    entities = {}
    with scratch(home) as folder, reading(spec, home):
        beside = folder / place.name
        with _opened(spec, home, beside) as store:
            store.create()
            for view in spec.features.views:
                facts = newest_known(spec, home, view, until)
                store.write(view, facts, until)
                entities[view] = facts.num_rows
            compared = require_parity(spec, home, until, store.read_all)
        put_in_place(beside, place)
    return Materialised(until, entities, compared)


def read_online(spec: UseCaseSpec, home: Home, entities: pa.Table, at: datetime) -> pa.Table:
    """``entities`` with the features known of each at ``at`` (UTC), from the online store.

    ``entities`` carries the entity column of every view and the request columns that derived
    features are made of. Its rows and columns come back as they were given (request columns in the
    type a model takes), followed by the columns of every view and the derived features: what the
    scoring set says of a case that arises at ``at``, had no fact come after the store was filled.

    Raises OnlineStoreError when the store is not there, is damaged, was filled for another spec's
    views or until later than ``at`` (it keeps no history), or a column is missing or of a type that
    cannot be what it is; DerivedFeatureError for a missing operand.
    """
    at = _in_utc(at, "at")
    for declared in spec.features.views.values():
        if declared.entity not in entities.column_names:
            raise OnlineStoreError(f"{spec.name}: the entities have no column '{declared.entity}'")
    rows = entities
    for name in spec.features.request:
        if name in rows.column_names:
            values = _cast(spec, rows, name, feature_type(spec, name))
            rows = rows.set_column(rows.column_names.index(name), name, values)
    if spec.features.views:
        place = online_file(home, spec.name)
        if not place.exists():
            raise OnlineStoreError(
                f"{spec.name}: there is no online store yet; materialise {spec.name}/{ONLINE}"
            )
        try:
            with _opened(spec, home, place) as store:
                rows = store.read_all(rows, at)
        except sqlite3.DatabaseError as error:
            raise OnlineStoreError(
                f"{spec.name}: the online store cannot answer ({error}): it is damaged, or was "
                f"filled before the spec had this view; materialise {spec.name}/{ONLINE} again"
            ) from error
    return with_derived(spec, rows)


@contextmanager
def _opened(spec: UseCaseSpec, home: Home, path: Path) -> Iterator["_Store"]:
    from feast.infra.online_stores.sqlite import SqliteOnlineStore

    feast_store = SqliteOnlineStore()
    try:
        yield _Store(spec, home, path, feast_store)
    finally:
        # Feast keeps the connection for the life of the process and has no way to close it.
        if feast_store._conn is not None:
            feast_store._conn.close()


class _Store:
    """One SQLite file, through Feast's online store."""

    def __init__(self, spec: UseCaseSpec, home: Home, path: Path, feast_store: Any) -> None:
        self._spec, self._feast = spec, feast_store
        self._config = store_config(home, path)
        self._views = {found.name: found for found in feast_objects(spec, home)}

    def create(self) -> None:
        views = [self._view(view) for view in self._spec.features.views]
        self._feast.update(self._config, [], views, [], [], partial=True)

    def write(self, view: str, facts: pa.Table, until: datetime) -> None:
        """Facts of ``newest_known`` into the new file, and what they are."""
        schema = stored_schema(self._spec, view)
        try:
            keys = entity_keys(facts.column(0), schema.names[0])
        except ValueError as error:
            raise OnlineStoreError(f"{self._spec.name}: view '{view}': {error}") from error
        times = facts.column(1)
        named = {HAPPENED_AT: to_values(times)}
        named |= {name: to_values(facts.column(name)) for name in self._features(view).values()}
        values = [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]
        rows = list(zip(keys, values, times.to_pylist(), [None] * facts.num_rows, strict=True))
        (about,) = self._about()
        told = {
            UNTIL: to_values(pa.array([until], TIMESTAMP))[0],
            VIEW: to_values(pa.array([_digest(self._spec, view)]))[0],
        }
        rows.append((about, told, until, None))
        self._feast.online_write_batch(self._config, self._view(view), rows, None)

    def read_all(self, entities: pa.Table, at: datetime) -> pa.Table:
        """``entities`` with the features of every view, in the types a model takes."""
        rows = entities
        for view in self._spec.features.views:
            for name, column in self._read(view, entities, at).items():
                values = column.cast(feature_type(self._spec, name), safe=False)
                rows = rows.append_column(name, values)
        return rows

    def _read(self, view: str, entities: pa.Table, at: datetime) -> dict[str, pa.Array]:
        """Feature → declared value of each entity at ``at``; null where there is none."""
        declared = self._spec.features.views[view]
        schema = stored_schema(self._spec, view)
        self._require_current(view, at)
        asked = _cast(self._spec, entities, declared.entity, schema.field(0).type).combine_chunks()
        encoded = pc.dictionary_encode(asked)
        found = self._look_up(view, entity_keys(encoded.dictionary, schema.names[0]))
        times = [None if one is None else one[HAPPENED_AT].int64_val for one in found]
        # The window's end is inclusive, as in the join.
        oldest = microseconds(at) - declared.time_to_live // MICROSECOND
        valid = [
            one if time is not None and time >= oldest else None
            for one, time in zip(found, times, strict=True)
        ]
        columns = {}
        for column, name in self._features(view).items():
            values = [None if one is None else one[name] for one in valid]
            columns[column] = from_values(values, schema.field(name).type).take(encoded.indices)
        return columns

    def _require_current(self, view: str, at: datetime) -> None:
        (told,) = self._look_up(view, self._about())
        if told is None or told[VIEW].string_val != _digest(self._spec, view):
            raise OnlineStoreError(
                f"{self._spec.name}: the online store was filled for another view '{view}' than "
                f"the spec has now; materialise {self._spec.name}/{ONLINE} again"
            )
        if told[UNTIL].int64_val > microseconds(at):
            until = pa.scalar(told[UNTIL].int64_val, TIMESTAMP).as_py().isoformat()
            raise OnlineStoreError(
                f"{self._spec.name}: the online store holds what was known at {until} and no "
                f"history: it cannot say what was known at {at.isoformat()}; ask the lake"
            )

    def _look_up(self, view: str, keys: "list[EntityKey]") -> list[dict[str, Any] | None]:
        found: list[dict[str, Any] | None] = []
        wanted = [*self._features(view).values(), HAPPENED_AT]
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            answers = self._feast.online_read(self._config, self._view(view), batch, wanted)
            found += [values for _, values in answers]
        return found

    def _view(self, view: str) -> Any:
        return self._views[view_name(self._spec, view)]

    def _features(self, view: str) -> dict[str, str]:
        """Feature → its name in the store."""
        return {c: stored_name(c) for c in self._spec.features.views[view].columns}

    def _about(self) -> "list[EntityKey]":
        return entity_keys(pa.array([self._spec.name]), ABOUT)


def _digest(spec: UseCaseSpec, view: str) -> str:
    """Changes with anything that changes what a stored value means."""
    types = dict(
        zip(view_columns(spec, view), map(str, stored_schema(spec, view).types), strict=True)
    )
    told = {"view": spec.features.views[view].model_dump(mode="json"), "types": types}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _cast(spec: UseCaseSpec, rows: pa.Table, name: str, wanted: pa.DataType) -> pa.ChunkedArray:
    column = rows.column(name)
    try:
        # A whole number beyond 2^53 loses its last digits as a double; as a key it must not.
        return column.cast(wanted, safe=not pa.types.is_floating(wanted))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise OnlineStoreError(
            f"{spec.name}: column '{name}' is {column.type} and holds what is no {wanted}"
        ) from None  # Arrow's own text quotes the value


def _in_utc(time: datetime, what: str) -> datetime:
    if time.tzinfo is None:
        raise OnlineStoreError(f"{what} {time.isoformat()} has no time zone; pass it in UTC")
    return time.astimezone(UTC)

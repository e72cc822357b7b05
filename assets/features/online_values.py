"""Values on their way into Feast's online store and back, bit for bit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_values(column: pa.Array | pa.ChunkedArray) -> "list[Value]":
    """Feast values of a column; a null is a value that is not set.

    Times go as whole microseconds and dates as days since 1970: Feast's own kind of time holds
    whole seconds.
    """
    from feast.protos.feast.types.Value_pb2 import Value

    kind, plain = _plain(column.type)
    if plain != column.type:
        if pa.types.is_date32(column.type):
            column = column.cast(pa.int32())
        column = column.cast(plain)
    return [Value() if one is None else Value(**{kind: one}) for one in column.to_pylist()]


def from_values(values: "Sequence[Value | None]", type_: pa.DataType) -> pa.Array:
    """The column of such values; null for None and for a value that is not set."""
    kind, plain = _plain(type_)
    found = [
        None if one is None or one.WhichOneof("val") is None else getattr(one, kind)
        for one in values
    ]
    column = pa.array(found, plain)
    if pa.types.is_date32(type_):
        column = column.cast(pa.int32())
    return column.cast(type_)


def entity_keys(column: pa.Array | pa.ChunkedArray, join_key: str) -> "list[EntityKey]":
    """Keys of entities as Feast encodes them. Raises ValueError for a type that is no key."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey

    if pa.types.is_floating(column.type):
        raise ValueError(f"'{join_key}' is a number with decimals, which is no key")
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int64())
    return [EntityKey(join_keys=[join_key], entity_values=[one]) for one in to_values(column)]


def microseconds(time: datetime) -> int:
    """Whole microseconds since 1970 of a time with a zone."""
    return (time - EPOCH) // MICROSECOND


def _plain(type_: pa.DataType) -> tuple[str, Any]:
    """Field of a Feast value, and the Arrow type of what goes into it."""
    if pa.types.is_string(type_):
        return "string_val", pa.string()
    if pa.types.is_boolean(type_):
        return "bool_val", pa.bool_()
    if pa.types.is_floating(type_):
        return "double_val", pa.float64()
    return "int64_val", pa.int64()

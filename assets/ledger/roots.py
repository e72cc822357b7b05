"""The root of some rows: one SHA-256 (FIPS 180-4) that is theirs alone, computed column by column.

Rows are sorted by their key; then every column is written out in one way, whatever Arrow made of
it, and hashed by itself. The root is the SHA-256 of a header (canonical JSON: names, types, number
of rows) followed by the columns' digests, by name; so the digests show which column is another.

A column is written as: nulls (int64), a byte per row where there are any (1: a value is there),
then

==============================  ====================================================================
numbers, dates, times           their bits, little-endian; zero where there is no value
truth values                    a byte each
text                            its length in bytes (int64 per row), then all bytes of all rows
lists                           number of items (int64 per row), then the items as a column
structs                         each field as a column, null where the struct is
==============================  ====================================================================

So it depends on neither the order of the rows, nor chunks, slices or dictionary encoding; what
lies in memory beneath a null is not looked at. A float is its bits: -0.0 is not 0.0.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy as np

FORM = "nightshift rows 1"
"""Name of the way rows are written; another way has another name, and so other roots."""

THREADS = 2
"""Columns hashed at once: hashlib and Arrow let go of the interpreter for large buffers."""


class Sink(Protocol):
    """What takes bytes: a hash."""

    def update(self, data: Any, /) -> None: ...


@dataclass(frozen=True)
class Root:
    """What rows are known by. ``columns``: digest (hex) of each, by name."""

    root: str
    rows: int
    columns: Mapping[str, str]


def root_of(rows: pa.Table, keys: Sequence[str]) -> Root:
    """The root of ``rows``, whose identity are the columns ``keys``.

    Keys ought to be unique and not null; rows for which they are not are told apart by all they
    hold, at the price of Python.
    """
    if sys.byteorder != "little":
        raise NotImplementedError("roots are written by little-endian machines")
    rows = plain(rows.select(sorted(rows.column_names)))
    ordered = in_order(rows, keys)
    names = ordered.column_names
    with ThreadPoolExecutor(THREADS) as pool:
        digests = list(pool.map(lambda name: _column_digest(ordered.column(name)), names))
    columns = dict(zip(names, digests, strict=True))
    return Root(root_from(ordered.schema, ordered.num_rows, columns), ordered.num_rows, columns)


def root_from(schema: pa.Schema, rows: int, columns: Mapping[str, str]) -> str:
    """The root that columns with these digests have."""
    header = {"form": FORM, "rows": rows, "columns": [[f.name, _type(f.type)] for f in schema]}
    whole = hashlib.sha256(json.dumps(header, sort_keys=True, separators=(",", ":")).encode())
    for name in schema.names:
        whole.update(bytes.fromhex(columns[name]))
    return whole.hexdigest()


def plain(rows: pa.Table) -> pa.Table:
    """The rows without dictionaries, views and metadata: one type for what means one thing."""
    schema = pa.schema([(f.name, _plain_type(f.type)) for f in rows.schema])
    if rows.schema.equals(schema, check_metadata=True):
        return rows
    return pa.table(
        [
            column if column.type.equals(field.type) else column.cast(field.type)
            for column, field in zip(rows.columns, schema, strict=True)
        ],
        schema=schema,
    )


def in_order(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The rows by rising keys; rows of equal keys, or without one, by all they hold."""
    if rows.num_rows < 2:
        return rows
    if len(keys) == 1 and _rises(rows.column(keys[0])):
        return rows
    ordered = rows.take(pc.sort_indices(rows, [(key, "ascending") for key in keys]))
    tied = _tied(ordered, keys)
    return _untied(ordered, tied) if tied is not None else ordered


def _rises(column: pa.ChunkedArray) -> bool:
    """Is every key larger than the one before?"""
    if column.null_count or pa.types.is_floating(column.type):
        return False
    return bool(pc.all(pc.less(column[:-1], column[1:])).as_py())


def _tied(ordered: pa.Table, keys: Sequence[str]) -> "np.ndarray | None":
    """Rows whose keys are those of a neighbour, as a mask; None where every row has its own."""
    import numpy as np

    same = np.ones(ordered.num_rows - 1, bool)
    for key in keys:
        column = ordered.column(key)
        equal = pc.fill_null(pc.equal(column[:-1], column[1:]), True)
        same &= np.asarray(equal)
    if not same.any():
        return None
    tied: np.ndarray = np.concatenate([same, [False]]) | np.concatenate([[False], same])
    return tied


def _untied(ordered: pa.Table, tied: "np.ndarray") -> pa.Table:
    import numpy as np

    places = np.flatnonzero(tied)
    told = [repr(row) for row in ordered.take(pa.array(places)).to_pylist()]
    # Neighbouring ties are sorted among themselves, by all they hold: the same for the same rows.
    runs = np.cumsum(np.concatenate([[0], np.diff(places) > 1]))
    order = sorted(range(len(places)), key=lambda i: (runs[i], told[i]))
    index = np.arange(ordered.num_rows)
    index[places] = places[order]
    return ordered.take(pa.array(index))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(pa.field("element", _plain_type(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([(f.name, _plain_type(f.type)) for f in kind])
    return kind


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list<{_type(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{f.name}: {_type(f.type)}' for f in kind)}>"
    return str(kind)


def write_column(sink: Sink, column: pa.ChunkedArray) -> None:
    """Write a column as its digest is computed over it."""
    _write(sink, column.type, column.chunks)


def _column_digest(column: pa.ChunkedArray) -> str:
    hashed = hashlib.sha256()
    write_column(hashed, column)
    return hashed.hexdigest()


def _write(sink: Sink, kind: pa.DataType, chunks: Sequence[pa.Array]) -> None:
    """Write a column of type ``kind``; how it is cut into chunks leaves no trace."""
    import numpy as np

    nulls = sum(chunk.null_count for chunk in chunks)
    sink.update(np.int64(nulls).tobytes())
    if nulls:
        for chunk in chunks:
            sink.update(_bytes(pc.is_valid(chunk).cast(pa.uint8()), 1))
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        filled = [pc.fill_null(chunk, b"" if pa.types.is_binary(kind) else "") for chunk in chunks]
        for chunk in filled:
            sink.update(_lengths(chunk))
        for chunk in filled:
            sink.update(_text(chunk))
    elif pa.types.is_list(kind):
        for chunk in chunks:
            sink.update(_bytes(pc.fill_null(pc.list_value_length(chunk), 0).cast(pa.int64()), 8))
        _write(sink, kind.value_type, [pc.list_flatten(chunk) for chunk in chunks])
    elif pa.types.is_struct(kind):
        for place, field in enumerate(kind):
            _write(sink, field.type, [chunk.flatten()[place] for chunk in chunks])
    else:
        width, bits = _bits(kind)
        for chunk in chunks:
            sink.update(_bytes(bits(chunk), width))


def _bits(kind: pa.DataType) -> tuple[int, Callable[[pa.Array], pa.Array]]:
    """Bytes of a value, and its column as whole numbers, zero for null."""
    if pa.types.is_null(kind):
        return 1, lambda column: pa.array([], pa.uint8())
    if pa.types.is_boolean(kind):
        return 1, lambda column: pc.fill_null(column, False).cast(pa.uint8())
    width = kind.bit_width // 8
    whole = {1: pa.int8(), 2: pa.int16(), 4: pa.int32(), 8: pa.int64()}[width]
    return width, lambda column: pc.fill_null(column.view(whole), 0)


def _bytes(column: pa.Array, width: int) -> memoryview:
    """The values of a fixed-width column without nulls."""
    if not len(column):
        return memoryview(b"")
    start = column.offset * width
    return memoryview(column.buffers()[1])[start : start + len(column) * width]


def _lengths(column: pa.Array) -> bytes:
    return bytes(_bytes(pc.binary_length(column).cast(pa.int64()), 8))


def _text(column: pa.Array) -> memoryview:
    import numpy as np

    if not len(column):
        return memoryview(b"")
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return memoryview(data or b"")[int(ends[0]) : int(ends[-1])]

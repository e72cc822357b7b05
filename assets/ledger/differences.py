"""Which rows of two states of a table are not the same, and in which columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy as np

SHOWN = 5
"""Rows a message names; of more it gives the number."""


@dataclass(frozen=True)
class Differences:
    """Keys as text. Where a key is there twice, every one but the first counts as added."""

    removed: Sequence[str]
    added: Sequence[str]
    changed: Mapping[str, Sequence[str]]
    """Column to the keys of the rows in which it is another."""

    @property
    def changed_keys(self) -> list[str]:
        """Keys of rows that are there before and after, with another content."""
        return sorted({key for keys in self.changed.values() for key in keys})

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.changed)

    def told(self) -> str:
        """``2 rows removed: a, b; 1 row changed in decision, score: c``."""
        parts = [
            f"{_rows(keys)} {what}: {_few(keys)}"
            for what, keys in (("removed", self.removed), ("added", self.added))
            if keys
        ]
        if self.changed:
            keys = self.changed_keys
            parts.append(f"{_rows(keys)} changed in {', '.join(self.changed)}: {_few(keys)}")
        return "; ".join(parts) or "no row differs"


def differences(before: pa.Table, after: pa.Table, keys: Sequence[str]) -> Differences:
    """How ``after`` differs from ``before``, in the columns both have, by the columns ``keys``."""
    one, other = _firsts(before, keys), _firsts(after, keys)
    removed = one.keys.filter(pc.invert(pc.is_in(one.keys, other.keys)))
    added = other.keys.filter(pc.invert(pc.is_in(other.keys, one.keys)))
    places = pc.index_in(one.keys, other.keys)
    both = one.keys.filter(pc.is_valid(places))
    left = one.rows.filter(pc.is_valid(places))
    right = other.rows.take(pc.drop_null(places))
    changed = {}
    for name in [n for n in before.column_names if n in after.column_names]:
        differ = differs(left.column(name), right.column(name))
        if differ.any():
            changed[name] = sorted(both.filter(pa.array(differ)).to_pylist())
    return Differences(
        sorted(removed.to_pylist()), sorted([*added.to_pylist(), *other.again]), changed
    )


def differs(one: pa.ChunkedArray, other: pa.ChunkedArray) -> "np.ndarray":
    """Row by row: is the value another one? Floats are compared by their bits."""
    return _differs(_joined(one), _joined(other))


@dataclass(frozen=True)
class _Keyed:
    rows: pa.Table
    keys: pa.Array
    again: list[str]


def _firsts(rows: pa.Table, keys: Sequence[str]) -> _Keyed:
    """The first row of each key, and the keys of the others."""
    import numpy as np

    texts = [pc.fill_null(_joined(rows.column(key)).cast(pa.string()), "") for key in keys]
    text = pc.binary_join_element_wise(*texts, " ") if len(texts) > 1 else texts[0]
    coded = np.asarray(text.dictionary_encode().indices)
    first = np.zeros(len(text), bool)
    first[np.unique(coded, return_index=True)[1]] = True
    mask = pa.array(first)
    again = text.filter(pc.invert(mask)).to_pylist()
    return _Keyed(rows.filter(mask), text.filter(mask), again)


def _differs(one: pa.Array, other: pa.Array) -> "np.ndarray":
    import numpy as np

    there, here = np.asarray(pc.is_valid(one)), np.asarray(pc.is_valid(other))
    differ: np.ndarray = there != here
    kind = one.type
    if not kind.equals(other.type):
        return np.ones(len(one), bool)
    if pa.types.is_list(kind):
        lengths = [np.asarray(pc.fill_null(pc.list_value_length(a), 0)) for a in (one, other)]
        differ |= lengths[0] != lengths[1]
        same = np.flatnonzero(~differ)
        items = _differs(*(pc.list_flatten(a.take(pa.array(same))) for a in (one, other)))
        owners = np.repeat(same, lengths[0][same])
        differ[owners[items]] = True
        return differ
    if pa.types.is_struct(kind):
        for left, right in zip(one.flatten(), other.flatten(), strict=True):
            differ |= _differs(left, right)
        return differ
    if pa.types.is_null(kind):
        return differ
    if pa.types.is_float64(kind):
        one, other = one.view(pa.int64()), other.view(pa.int64())
    differ |= np.asarray(pc.fill_null(pc.not_equal(one, other), False))
    return differ


def _joined(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found


def _rows(keys: Sequence[str]) -> str:
    return "1 row" if len(keys) == 1 else f"{len(keys)} rows"


def _few(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more

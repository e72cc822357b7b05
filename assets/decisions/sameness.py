"""Whether two rows of a table say the same."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import one_array

if TYPE_CHECKING:
    import numpy as np

TOLERANCE = 1e-12
"""Largest difference of two numbers that is none, of 1 or of the number where that is larger; as of
golden rows (:mod:`assets.scoring.golden_check`). A product of other rows beside these, or on
another processor, may end in other last bits, which is no other decision."""


def same_rows(
    one: pa.Table, other: pa.Table, *, without: tuple[str, ...] = (), tolerance: float = TOLERANCE
) -> "np.ndarray":
    """Of each row of two tables of the same columns and length whether it says the same (bool)."""
    import numpy as np

    same = np.ones(one.num_rows, dtype=bool)
    for name in one.column_names:
        if name not in without:
            two = one_array(one.column(name)), one_array(other.column(name))
            same &= _same_lists(*two) if pa.types.is_list(two[0].type) else _same(*two, tolerance)
    return same


def _same(one: pa.Array, other: pa.Array, tolerance: float = TOLERANCE) -> "np.ndarray":
    import numpy as np

    nulls = pc.and_(pc.is_null(one), pc.is_null(other)).to_numpy(zero_copy_only=False)
    if not pa.types.is_floating(one.type):
        equal = pc.fill_null(pc.equal(one, other), False).to_numpy(zero_copy_only=False)
        return np.asarray(nulls | equal)
    valid = pc.and_(pc.is_valid(one), pc.is_valid(other)).to_numpy(zero_copy_only=False)
    a, b = (
        pc.fill_null(array, 0.0).to_numpy(zero_copy_only=False).astype("float64")
        for array in (one, other)
    )
    with np.errstate(invalid="ignore"):  # infinity less infinity
        near = np.abs(a - b) <= tolerance * np.maximum(1, np.abs(b))
    return np.asarray(nulls | (valid & (near | (a == b) | (np.isnan(a) & np.isnan(b)))))


def _same_lists(one: pa.Array, other: pa.Array) -> "np.ndarray":
    """Of two columns of lists of structs, item by item."""
    import numpy as np

    lengths, others = (
        pc.fill_null(pc.list_value_length(array), -1).to_numpy(zero_copy_only=False)
        for array in (one, other)
    )
    same = np.asarray(lengths == others)
    rows = np.flatnonzero(same)
    first, second = (pc.list_flatten(array.take(pa.array(rows))) for array in (one, other))
    equal = np.ones(len(first), dtype=bool)
    for field in one.type.value_type:
        equal &= _same(pc.struct_field(first, field.name), pc.struct_field(second, field.name))
    owners = np.repeat(rows, np.maximum(lengths[rows], 0))
    same[owners[~equal]] = False
    return same

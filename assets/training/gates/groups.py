"""The groups of a sensitive column."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from assets.spec import SensitiveSpec, UseCaseSpec

NOT_STATED = "not stated"


def group_names(sensitive: "SensitiveSpec", values: pa.ChunkedArray) -> list[str]:
    """The group each value is in: its own text, or with ``bins`` ``<30``, ``30-60``, ``>=60``.

    A null (and a number that is none) is in the group ``not stated``.
    """
    if not sensitive.bins:
        found: list[str] = pc.fill_null(pc.cast(values, pa.string()), NOT_STATED).to_pylist()
        return found
    edges = sensitive.bins
    numbers = pc.cast(values, pa.float64())
    numbers = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    named: Any = pa.scalar(f">={edges[-1]:g}")
    for low, high in reversed(list(pairwise(edges))):
        named = pc.if_else(pc.less(numbers, high), f"{low:g}-{high:g}", named)
    named = pc.if_else(pc.less(numbers, edges[0]), f"<{edges[0]:g}", named)
    found = pc.fill_null(named, NOT_STATED).to_pylist()
    return found


def may_be_named(spec: "UseCaseSpec", column: str, group: str) -> bool:
    """Whether a group too small to be judged may be named: only where the spec itself names it.

    A value found only in the data, in a handful of rows, could be somebody's own.
    """
    declared = spec.sources[spec.population.source].columns[column].values or []
    return bool(spec.sensitive[column].bins) or group == NOT_STATED or group in declared

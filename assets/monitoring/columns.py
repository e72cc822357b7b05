"""Which columns are compared with the reference, and their values as arrays."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.spec import UseCaseSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCORE = "score"

FREE_TEXT = 0.5
"""A text column is free text where this share of its values are different ones: there is no
distribution of categories to compare."""

FEW = 100
"""Of fewer rows nothing is said about free text."""


def compared_columns(spec: UseCaseSpec, reference: pa.Table) -> list[str]:
    """Features of the reference that can be compared, in the spec's order.

    Left out: keys, entities and anything personal (also pseudonyms: they are no distribution),
    timestamps and free text.
    """
    names = [*spec.numeric_features, *spec.categorical_features]
    wanted = [c for c in spec.feature_names if c in names and c not in _identifying(spec)]
    wanted = [c for c in wanted if c in reference.column_names]
    text = set(spec.categorical_features)
    return [c for c in wanted if c not in text or not _free_text(reference.column(c))]


def _identifying(spec: UseCaseSpec) -> set[str]:
    population = spec.population
    names = {population.key, population.entity, *(v.entity for v in spec.features.views.values())}
    for source in spec.sources.values():
        names.update(name for name, column in source.columns.items() if column.pii is not None)
    return names


def _free_text(values: pa.ChunkedArray) -> bool:
    known = len(values) - values.null_count
    return known >= FEW and bool(pc.count_distinct(values).as_py() > FREE_TEXT * known)


def values_of(
    spec: UseCaseSpec, rows: pa.Table, column: str
) -> "tuple[NDArray[np.generic], NDArray[np.bool_]]":
    """The values of a column that are there, and for every row whether it has one.

    Numbers and yes or no as float64 (infinite is no value), anything else as text (object). Of a
    column that is not in ``rows`` there is none.
    """
    import numpy as np

    text = column in set(spec.categorical_features)
    if column not in rows.column_names:
        nothing: NDArray[np.generic] = np.array([], dtype=object if text else np.float64)
        return nothing, np.zeros(rows.num_rows, dtype=bool)
    found = rows.column(column)
    if text:
        there = found.is_valid().to_numpy().astype(bool)
        return found.drop_null().cast(pa.string()).to_numpy(), there
    if pa.types.is_boolean(found.type):
        found = found.cast(pa.int8())
    numbers = found.cast(pa.float64()).to_numpy()
    there = np.isfinite(numbers)
    return numbers[there], there

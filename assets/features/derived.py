"""Derived features: made of other features of the same case, on demand, one way everywhere.

Training set, scoring set and the online read all call :func:`with_derived`, so that a value means
the same in each. Feast has on-demand views for this, but keeps their code pickled in its registry:
whoever can write to the registry could have code run in the night. Ours is data, declared in the
spec, hashed with it, and read by anyone.
"""

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.spec import DerivedSpec, UseCaseSpec

SIGNS = {"ratio": "/", "difference": "-", "product": "*"}


class DerivedFeatureError(NightshiftError):
    """Rows that lack a column a derived feature is made of. Says which feature, which column."""


def with_derived(spec: UseCaseSpec, rows: pa.Table) -> pa.Table:
    """``rows`` with a column (double) for every derived feature, after its own columns.

    A null in either operand gives null. So does a division by zero, and a result too large for a
    double: what comes out is null or a finite number. Raises DerivedFeatureError when an operand
    is no column of ``rows``.
    """
    for name, derived in spec.features.derived.items():
        for operand in derived.operands:
            if operand not in rows.column_names:
                raise DerivedFeatureError(
                    f"{spec.name}: derived feature '{name}' is made of '{operand}', which the rows "
                    f"do not carry; give that column too"
                )
        first, second = (_double(rows.column(operand)) for operand in derived.operands)
        rows = rows.append_column(name, _values(derived, first, second))
    return rows


def formula(derived: DerivedSpec) -> str:
    """The feature as a person would write it: ``first / second``."""
    return f" {SIGNS[derived.operation]} ".join(derived.operands)


def _double(values: pa.ChunkedArray) -> pa.ChunkedArray:
    # The type numbers have in front of a model; past 2^53 a whole number loses its last digits.
    return pc.cast(values, pa.float64(), safe=False)


def _values(
    derived: DerivedSpec, first: pa.ChunkedArray, second: pa.ChunkedArray
) -> pa.ChunkedArray:
    if derived.operation == "ratio":
        found = pc.divide(first, second)
    elif derived.operation == "difference":
        found = pc.subtract(first, second)
    else:
        found = pc.multiply(first, second)
    # Dividing by zero gives inf or NaN in floating point (IEEE 754), and never an error.
    return pc.if_else(pc.is_finite(found), found, pa.scalar(None, pa.float64()))

"""Derived features: null in, null out; never inf or NaN; the same from any table."""

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.features.derived import DerivedFeatureError, with_derived
from assets.spec import UseCaseSpec

SPEC = UseCaseSpec.model_validate(
    {
        "name": "derived",
        "start": "2026-03-01",
        "sources": {
            "events": {
                "columns": {
                    "event_id": {"type": "string"},
                    "happened_at": {"type": "timestamp"},
                    "weight": {"type": "float", "required": False},
                    "pieces": {"type": "int", "required": False},
                    "urgent": {"type": "bool", "required": False},
                    "failed": {"type": "bool"},
                }
            }
        },
        "population": {
            "source": "events",
            "key": "event_id",
            "entity": "event_id",
            "event_timestamp": "happened_at",
        },
        "label": {
            "source": "events",
            "column": "failed",
            "positive": True,
            "observed_at": "happened_at",
            "matures_after": "0d",
        },
        "features": {
            "request": ["weight", "pieces", "urgent"],
            "derived": {
                "each": {"ratio": ["weight", "pieces"]},
                "less": {"difference": ["weight", "pieces"]},
                "much": {"product": ["weight", "pieces"]},
                "hurry": {"product": ["pieces", "urgent"]},
                "own": {"ratio": ["weight", "weight"]},
            },
        },
    }
)
WEIGHTS = (
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0])
)
PIECES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)


def table(rows: list[tuple[float | None, int | None, bool | None]]) -> pa.Table:
    schema = pa.schema([("weight", pa.float64()), ("pieces", pa.int64()), ("urgent", pa.bool_())])
    return pa.Table.from_pylist(
        [dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema
    )


def expected(operation: str, first: float | None, second: float | None) -> float | None:
    """By Python's own arithmetic, which raises where Arrow's does not."""
    if first is None or second is None:
        return None
    first, second = float(first), float(second)
    try:
        if operation == "ratio":
            found = first / second
        else:
            found = first - second if operation == "difference" else first * second
    except ZeroDivisionError:
        return None
    return found if math.isfinite(found) else None


@settings(max_examples=150, deadline=None, derandomize=True)
@given(rows=st.lists(st.tuples(WEIGHTS, PIECES, st.none() | st.booleans()), max_size=20))
@example(rows=[(1.0, 0, True), (0.0, 0, False), (None, 1, None), (1.7e308, 10, True)])
@example(rows=[(1e-308, 2**62 + 1, True), (5e-324, 3, None), (-1.7e308, 2**63 - 1, False)])
def test_values_are_those_of_plain_arithmetic_or_null(
    rows: list[tuple[float | None, int | None, bool | None]],
) -> None:
    made = with_derived(SPEC, table(rows))
    assert made.select(["weight", "pieces", "urgent"]).equals(table(rows))
    for name, derived in SPEC.features.derived.items():
        column = made.column(name)
        assert column.type == pa.float64()
        given_: dict[str, list[Any]] = {c: made.column(c).to_pylist() for c in derived.operands}
        pairs = zip(*(given_[c] for c in derived.operands), strict=True)
        first = [expected(derived.operation, one, other) for one, other in pairs]
        if derived.operands[0] == derived.operands[1]:
            values = given_[derived.operands[0]]
            first = [expected(derived.operation, one, one) for one in values]
        assert column.to_pylist() == first
        assert all(math.isfinite(v) for v in column.to_pylist() if v is not None)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    rows=st.lists(st.tuples(WEIGHTS, PIECES, st.none() | st.booleans()), min_size=1, max_size=20)
)
def test_a_value_is_the_same_before_and_after_the_columns_become_doubles(
    rows: list[tuple[float | None, int | None, bool | None]],
) -> None:
    raw = table(rows)
    doubles = raw.cast(pa.schema([(name, pa.float64()) for name in raw.column_names]), safe=False)
    for name in SPEC.features.derived:
        assert with_derived(SPEC, raw).column(name).equals(with_derived(SPEC, doubles).column(name))


def test_a_missing_operand_is_named() -> None:
    with pytest.raises(DerivedFeatureError, match="'each' is made of 'pieces'"):
        with_derived(SPEC, table([(1.0, 1, True)]).drop_columns(["pieces"]))

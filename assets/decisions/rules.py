"""Hard rules: what they ask of a case's columns, and the first that holds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import DecisionRefused, finite, one_array

if TYPE_CHECKING:
    from assets.policy_spec import RuleSpec

TRUTHS = {"true": 1.0, "false": 0.0}


def first_that_holds(rules: Sequence["RuleSpec"], cases: pa.Table) -> pa.Array:
    """Of each case the place of the first rule that holds (int32); null where none does.

    ``cases`` is the scoring set. Raises DecisionRefused when it lacks a rule's column, or the
    column is none that ``below`` and ``above`` could compare.
    """
    found = pa.nulls(cases.num_rows, pa.int32())
    for place in reversed(range(len(rules))):
        found = pc.if_else(holds(rules[place], cases), pa.scalar(place, pa.int32()), found)
    return found


def holds(rule: "RuleSpec", cases: pa.Table) -> pa.Array:
    """Of each case whether the rule holds (bool, no nulls).

    ``below`` and ``above`` are strict; they never hold where there is no finite number, and that is
    where ``missing`` does, as it is where the model is shown that there is nothing. ``among``
    compares as text, numbers as numbers (3 is 3.0), truth values as true and false.
    """
    if rule.column not in cases.column_names:
        raise DecisionRefused(
            f"rule {rule.name} asks '{rule.column}', which the scoring set does not have. Rebuild "
            "the scoring set with the current spec, or correct the rule"
        )
    column = one_array(cases.column(rule.column))
    if rule.missing is not None:
        absent = pc.invert(_there(column))
        return absent if rule.missing else pc.invert(absent)
    if rule.among is not None:
        return _among(column, rule.among)
    number = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)
    if not any(is_one(column.type) for is_one in number):
        raise DecisionRefused(
            f"rule {rule.name} compares '{rule.column}', a {column.type}, with a number. Ask "
            "'among' or 'missing' of it, or another column"
        )
    numbers = pc.cast(column, pa.float64(), safe=False)
    compared = (
        pc.less(numbers, rule.below) if rule.below is not None else pc.greater(numbers, rule.above)
    )
    return pc.and_(finite(numbers), pc.fill_null(compared, False))


def _there(column: pa.Array) -> pa.Array:
    return finite(column) if pa.types.is_floating(column.type) else pc.is_valid(column)


def _among(column: pa.Array, wanted: Sequence[str | int | bool]) -> pa.Array:
    if pa.types.is_floating(column.type):
        # Numbers and truth values of features are doubles.
        numbers = [number for one in wanted if (number := _number(one)) is not None]
        return pc.and_(
            _there(column), pc.is_in(column, pa.array(numbers, pa.float64()).cast(column.type))
        )
    texts = pa.array([_text(one) for one in wanted], pa.string())
    return pc.and_(_there(column), pc.is_in(pc.cast(column, pa.string()), texts))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: str | int | bool) -> float | None:
    text = _text(value)
    if text in TRUTHS:
        return TRUTHS[text]
    try:
        return float(text)
    except ValueError:
        return None

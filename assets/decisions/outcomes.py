"""The words decisions are made of."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

APPROVE, DECLINE, REFER = "approve", "decline", "refer"

FALLBACK = "fallback"
"""Rule of a case that no model scored, because none could be trusted, and no other rule decided."""

MISSING, NO_SCORE = "missing", "no_score"
WITHDRAWN = "withdrawn"
"""Rule of a case that was decided before and is not among its day's cases any more."""

THRESHOLDS = ("approve_below", "decline_above", "between", "accept_above", "below_accept")
"""Rules that go by the score, and so have the score's reasons."""

NAMED = 5
"""Decisions a message names."""


class DecisionRefused(NightshiftError):
    """What is there does not allow one decision per case. Says what is wrong."""


def confirmed(spec: "UseCaseSpec", advice: Any) -> Any:
    """Decisions for advices: a decline is one only where a machine may decline by itself."""
    if spec.policy.automatic_decline:
        return advice
    return pc.if_else(pc.equal(advice, DECLINE), REFER, advice)


def one_array(column: Any) -> pa.Array:
    """A column in one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def finite(values: Any) -> Any:
    """Which numbers are there and finite; no nulls."""
    return pc.fill_null(pc.is_finite(values), False)

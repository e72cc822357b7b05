"""What is at stake in a case, in which band its score is, and which referrals are too many."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import REFER, DecisionRefused, finite, one_array

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec


def value_at_risk(spec: "UseCaseSpec", scores: pa.Array, cases: pa.Table) -> pa.Array:
    """Score times what is at stake (float64), in the unit of ``policy.capacity.value``.

    Null where there is no score (null in ``scores``), no finite value, or the spec names no value.
    Raises DecisionRefused when ``cases`` lacks the column or it is no number.
    """
    capacity = spec.policy.capacity
    if capacity is None or capacity.value is None:
        return pa.nulls(len(scores), pa.float64())
    try:
        stake = pc.cast(one_array(cases.column(capacity.value)), pa.float64(), safe=False)
    except (KeyError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        # Not the error's own text: it may hold a value of a case.
        raise DecisionRefused(
            f"policy.capacity.value: '{capacity.value}' is no numeric column of the scoring set "
            f"({type(error).__name__}). Name another in defs.yaml, or rebuild the scoring set"
        ) from error
    product = pc.multiply(scores, stake)
    return pc.if_else(finite(product), product, pa.scalar(None, pa.float64()))


def bands(spec: "UseCaseSpec", scores: pa.Array) -> pa.Array:
    """Name of the band of each score: the first whose upper end is above it; null in none."""
    found = pa.nulls(len(scores), pa.string())
    for name, end in reversed(spec.policy.bands.items()):
        found = pc.if_else(pc.fill_null(pc.less(scores, end), False), name, found)
    return found


def overflow(spec: "UseCaseSpec", decisions: pa.Table) -> pa.Array:
    """Which referrals are more than people can look at in the night (bool); decides nothing.

    Those with the largest value at risk are looked at first; where nothing can be said of it, the
    last, by score; of equals, in the order of their decision ids.
    """
    rows = decisions.num_rows
    capacity = spec.policy.capacity
    if capacity is None:
        return pa.repeat(False, rows)
    referred: Any = pc.equal(decisions.column("decision"), REFER)
    ordered = decisions.select(["value_at_risk", "score", "decision_id"])
    ordered = ordered.append_column("place", pa.array(range(rows), pa.int64())).filter(referred)
    # Nulls come last, however the others are ordered: Arrow's default.
    order = pc.sort_indices(
        ordered,
        sort_keys=[
            ("value_at_risk", "descending"),
            ("score", "descending"),
            ("decision_id", "ascending"),
        ],
    )
    beyond = one_array(ordered.column("place").take(order)).slice(capacity.referrals)
    return pc.is_in(pa.array(range(rows), pa.int64()), beyond)

"""What a night's decisions come to, in figures."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import APPROVE, DECLINE, FALLBACK, REFER, WITHDRAWN


def summary(decisions: pa.Table) -> dict[str, int]:
    """Counts: ``cases``, ``approve``, ``refer``, ``decline``, ``advised_decline``, ``fallback``
    (no model scored them), ``overflow`` (referred beyond what people can look at), ``withdrawn``
    (decided before, and not among the cases any more)."""

    def count(column: str, value: str) -> int:
        return int(pc.sum(pc.equal(decisions.column(column), value)).as_py() or 0)

    return {
        "cases": decisions.num_rows,
        APPROVE: count("decision", APPROVE),
        REFER: count("decision", REFER),
        DECLINE: count("decision", DECLINE),
        "advised_decline": count("advice", DECLINE),
        FALLBACK: int(pc.sum(pc.is_valid(decisions.column("fallback"))).as_py() or 0),
        "overflow": int(pc.sum(decisions.column("overflow")).as_py() or 0),
        WITHDRAWN: count("rule", WITHDRAWN),
    }


def by_value(decisions: pa.Table, column: str) -> dict[str, int]:
    """How many decisions have each value of ``column``, the most first; nulls left out."""
    return _ordered(pc.drop_null(decisions.column(column)))


def by_reason(decisions: pa.Table) -> dict[str, int]:
    """How many decisions give each feature (or rule) as a reason, the most first."""
    given: Any = pc.list_flatten(decisions.column("reasons"))
    return _ordered(pc.struct_field(given, "feature"))


def why_fallback(decisions: pa.Table) -> str:
    """Why no model scored cases of a night; empty where one scored them all."""
    reasons = pc.unique(pc.drop_null(decisions.column("fallback"))).to_pylist()
    return "; ".join(sorted(reasons))


def _ordered(values: Any) -> dict[str, int]:
    counted = [(str(one["values"]), one["counts"]) for one in pc.value_counts(values).to_pylist()]
    return dict(sorted(counted, key=lambda one: (-one[1], one[0])))

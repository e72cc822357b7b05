"""One decision for each case, neither more nor fewer: looked at before anything is published."""

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.ids import decision_ids
from assets.decisions.outcomes import APPROVE, DECLINE, NAMED, REFER, DecisionRefused, one_array

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

COMPLETE = ("decision_id", "revision", "case_key", "decision", "advice", "rule", "reasons")


def same_cases(
    spec: "UseCaseSpec", predictions: pa.Table, cases: pa.Table, ids: pa.Array, day: date
) -> pa.Array | None:
    """The order of the rows of ``cases`` that is that of ``predictions``; None: they are in it.

    ``ids`` are the decision ids of the predictions, by which a message names cases. Raises
    DecisionRefused unless both are of the same cases, each there once.
    """
    keys = one_array(predictions.column("case_key"))
    own = pc.cast(one_array(cases.column(spec.population.key)), pa.string())
    if keys.equals(own):
        return None
    order = pc.index_in(keys, own)
    without_case = ids.filter(pc.is_null(order)).to_pylist()
    forgotten = own.filter(pc.invert(pc.is_in(own, keys)))
    if without_case or len(forgotten) or len(own) != len(keys):
        lost = decision_ids(spec.name, (str(k) for k in forgotten.to_pylist()), day)
        told = [
            f"{len(found)} {what} ({named(found)})"
            for found, what in (
                (lost, "cases of the scoring set have no prediction"),
                (without_case, "predictions are of no case of it"),
            )
            if found
        ]
        raise DecisionRefused(
            f"{spec.name} {day}: {len(own)} rows in the scoring set, {len(keys)} predictions: "
            f"{'; '.join(told) or 'a case is there twice'}. Nothing was decided: score the night "
            "again"
        )
    return order


def require_whole(spec: "UseCaseSpec", decisions: pa.Table, expected: pa.Array, day: date) -> None:
    """Raise DecisionRefused unless every id of ``expected`` has exactly one decision, whole and of
    known words. More may be there: of cases that were withdrawn."""
    ids = one_array(decisions.column("decision_id"))
    wrong = []
    if len(pc.unique(ids)) != len(ids) or not pc.all(pc.is_in(expected, ids), min_count=0).as_py():
        wrong.append("not one decision for each case")
    wrong += [f"no '{name}'" for name in COMPLETE if decisions.column(name).null_count]
    words = pa.array([APPROVE, DECLINE, REFER])
    wrong += [
        f"a strange '{name}'"
        for name in ("decision", "advice")
        if not pc.all(pc.is_in(decisions.column(name), words), min_count=0).as_py()
    ]
    if (pc.min(decisions.column("revision")).as_py() or 1) < 1:
        wrong.append("a revision below 1")
    if wrong:
        raise DecisionRefused(
            f"{spec.name} {day}: the decisions are not whole ({', '.join(wrong)}); nothing was "
            "published. Score the night again; if that does not help, this is a fault of the "
            "platform"
        )


def named(ids: Iterable[str]) -> str:
    """Some decision ids for a message."""
    every = sorted(ids)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more

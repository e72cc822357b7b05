"""The policy: a probability becomes a decision, outside the model and by the spec alone.

====================================  ================  =========  =============================
score                                 rule              advice     decision
====================================  ================  =========  =============================
``score < approve_below``             approve_below     approve    approve
``score > decline_above``             decline_above     decline    decline if automatic_decline,
                                                                   else refer
otherwise, both thresholds included   between           refer      refer
no score (null or NaN)                no_score          refer      refer
====================================  ================  =========  =============================
"""

import uuid
from collections.abc import Iterable
from datetime import date
from hashlib import sha1
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.tables import DECISIONS_SCHEMA

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

NAMESPACE = uuid.UUID("6f1b3f0e-6f0b-5c59-9a57-7d1f3a0c2b84")
"""Namespace of decision ids. Changing it would change every id ever given."""

PURPOSE = "decision"
APPROVE, DECLINE, REFER = "approve", "decline", "refer"


class DecisionRefused(NightshiftError):
    """The predictions do not allow one decision per case. Says what is wrong."""


def decision_ids(use_case: str, case_keys: Iterable[str], day: date) -> list[str]:
    """``uuid5(NAMESPACE, "<use case>|<case key>|<day>|decision")`` for each case key.

    RFC 9562, section 5.5, as :func:`uuid.uuid5` gives it, without an object per row. A key may
    itself hold a bar: the parts around it have a fixed form, so no two cases share a name.
    """
    start = sha1(NAMESPACE.bytes + f"{use_case}|".encode(), usedforsecurity=False)
    end = f"|{day.isoformat()}|{PURPOSE}".encode()
    ids = []
    for key in case_keys:
        name = start.copy()
        name.update(key.encode() + end)
        h = name.hexdigest()
        variant = "89ab"[int(h[16], 16) & 3]
        ids.append(f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{variant}{h[17:20]}-{h[20:32]}")
    return ids


def decide(spec: "UseCaseSpec", predictions: pa.Table, day: date, run_id: str) -> pa.Table:
    """One decision per prediction, in the same order, columns as in ``DECISIONS_SCHEMA``.

    ``predictions`` has the columns of ``PREDICTIONS_SCHEMA``; ``day`` is the UTC business date.
    Ids depend on use case, case key and day alone: a re-run gives the same ones.

    Raises DecisionRefused when a case key is null or there twice.
    """
    policy = spec.policy
    keys = predictions.column("case_key")
    if keys.null_count or pc.count_distinct(keys).as_py() != predictions.num_rows:
        raise DecisionRefused(
            f"{spec.name} {day}: {predictions.num_rows} predictions for "
            f"{pc.count_distinct(keys).as_py()} cases; one case gets one decision. Score the "
            "night again"
        )
    scores = predictions.column("score")
    known = pc.fill_null(pc.is_finite(scores), False)
    # A null comparison counts as false, so what is unclear ends in the hands of a person.
    approve = pc.and_(known, pc.fill_null(pc.less(scores, policy.approve_below), False))
    decline = pc.and_(known, pc.fill_null(pc.greater(scores, policy.decline_above), False))
    declined = DECLINE if policy.automatic_decline else REFER
    columns = {
        "decision_id": pa.array(decision_ids(spec.name, keys.to_pylist(), day), pa.string()),
        "case_key": keys,
        "entity_key": predictions.column("entity_key"),
        "event_timestamp": predictions.column("event_timestamp"),
        "score": scores,
        "decision": pc.if_else(approve, APPROVE, pc.if_else(decline, declined, REFER)),
        "advice": pc.if_else(approve, APPROVE, pc.if_else(decline, DECLINE, REFER)),
        "rule": pc.if_else(
            approve,
            "approve_below",
            pc.if_else(decline, "decline_above", pc.if_else(known, "between", "no_score")),
        ),
        "model_version": predictions.column("model_version"),
        "model_digest": predictions.column("model_digest"),
        "spec_version": pa.repeat(spec.version, predictions.num_rows),
        "run_id": pa.repeat(run_id, predictions.num_rows),
    }
    return pa.table(columns).cast(DECISIONS_SCHEMA)


def summary(decisions: pa.Table) -> dict[str, int]:
    """Counts: ``cases``, ``approve``, ``refer``, ``decline`` and ``advised_decline``."""

    def count(column: str, value: str) -> int:
        return int(pc.sum(pc.equal(decisions.column(column), value)).as_py() or 0)

    return {
        "cases": decisions.num_rows,
        APPROVE: count("decision", APPROVE),
        REFER: count("decision", REFER),
        DECLINE: count("decision", DECLINE),
        "advised_decline": count("advice", DECLINE),
    }

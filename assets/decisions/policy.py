"""The policy: a score becomes a decision, outside the model and by the spec alone.

==========================================  =============  =======  ================================
score                                       rule           advice   decision
==========================================  =============  =======  ================================
any task, no model could be trusted         fallback       refer    refer
no score (null or not finite)               no_score       refer    refer
any, ``missing >= refer_missing``           missing        refer    refer
binary: ``score < approve_below``           approve_below  approve  approve
binary: ``score > decline_above``           decline_above  decline  decline if automatic_decline,
                                                                    else refer
binary, otherwise, both included            between        refer    refer
multiclass: ``score >= accept_above``       accept_above   approve  approve (``prediction`` stands)
multiclass, otherwise                       below_accept   refer    refer
regression                                  no_policy      refer    refer
==========================================  =============  =======  ================================
"""

import uuid
from collections.abc import Iterable
from datetime import date
from hashlib import sha1
from typing import TYPE_CHECKING, Any

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
FALLBACK = "fallback"
"""Rule of a case that no model scored, because none could be trusted."""


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
    keys = predictions.column("case_key")
    if keys.null_count or pc.count_distinct(keys).as_py() != predictions.num_rows:
        raise DecisionRefused(
            f"{spec.name} {day}: {predictions.num_rows} predictions for "
            f"{pc.count_distinct(keys).as_py()} cases; one case gets one decision. Score the "
            "night again"
        )
    fallback = pc.is_valid(predictions.column("fallback"))
    # A case nobody scored has no score to go by, whatever stands in its row.
    usable = pc.and_(pc.invert(fallback), _finite(predictions.column("score")))
    # Nor one of which next to nothing is known: its score is what the model makes of nothing.
    missing = _missing(spec, predictions)
    unscored = pc.if_else(fallback, FALLBACK, pc.if_else(usable, "missing", "no_score"))
    usable = pc.and_(usable, pc.invert(missing))
    rule, advice, decision = _judged(spec, predictions.column("score"), usable)
    columns = {
        "decision_id": pa.array(decision_ids(spec.name, keys.to_pylist(), day), pa.string()),
        "case_key": keys,
        "entity_key": predictions.column("entity_key"),
        "event_timestamp": predictions.column("event_timestamp"),
        "score": predictions.column("score"),
        "prediction": predictions.column("prediction"),
        "decision": pc.if_else(usable, decision, REFER),
        "advice": pc.if_else(usable, advice, REFER),
        "rule": pc.if_else(usable, rule, unscored),
        "model_version": predictions.column("model_version"),
        "model_digest": predictions.column("model_digest"),
        "fallback": predictions.column("fallback"),
        "spec_version": pa.repeat(spec.version, predictions.num_rows),
        "run_id": pa.repeat(run_id, predictions.num_rows),
    }
    return pa.table(columns).cast(DECISIONS_SCHEMA)


def _judged(
    spec: "UseCaseSpec", scores: pa.ChunkedArray, usable: pa.ChunkedArray
) -> tuple[Any, Any, Any]:
    """Rule, advice and decision of the policy for each score, as if it could be used."""
    policy, task = spec.policy, spec.model.task
    if task == "regression":
        return "no_policy", REFER, REFER
    # A null comparison counts as false, so what is unclear ends in the hands of a person.
    if task == "multiclass":
        taken = pc.fill_null(pc.greater_equal(scores, policy.accept_above), False)
        advice = pc.if_else(taken, APPROVE, REFER)
        return pc.if_else(taken, "accept_above", "below_accept"), advice, advice
    approve = pc.and_(usable, pc.fill_null(pc.less(scores, policy.approve_below), False))
    decline = pc.and_(usable, pc.fill_null(pc.greater(scores, policy.decline_above), False))
    rule = pc.if_else(approve, "approve_below", pc.if_else(decline, "decline_above", "between"))
    advice = pc.if_else(approve, APPROVE, pc.if_else(decline, DECLINE, REFER))
    if policy.automatic_decline:
        return rule, advice, advice
    return rule, advice, pc.if_else(approve, APPROVE, REFER)


def _missing(spec: "UseCaseSpec", predictions: pa.Table) -> pa.ChunkedArray:
    limit, share = spec.policy.refer_missing, predictions.column("missing")
    if limit is None:
        return pc.is_null(predictions.column("case_key"))  # for none
    return pc.fill_null(pc.greater_equal(share, limit), False)


def _finite(scores: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.is_finite(scores), False)


def summary(decisions: pa.Table) -> dict[str, int]:
    """Counts: ``cases``, ``approve``, ``refer``, ``decline``, ``advised_decline`` and, of the
    referred, ``fallback``."""

    def count(column: str, value: str) -> int:
        return int(pc.sum(pc.equal(decisions.column(column), value)).as_py() or 0)

    return {
        "cases": decisions.num_rows,
        APPROVE: count("decision", APPROVE),
        REFER: count("decision", REFER),
        DECLINE: count("decision", DECLINE),
        "advised_decline": count("advice", DECLINE),
        FALLBACK: count("rule", FALLBACK),
    }


def why_fallback(decisions: pa.Table) -> str:
    """Why no model scored cases of a night; empty where one scored them all."""
    reasons = pc.unique(pc.drop_null(decisions.column("fallback"))).to_pylist()
    return "; ".join(sorted(reasons))

"""The policy: a score becomes a decision, outside the model and by the spec alone.

Asked in this order; the first that holds says.

===========================================  =============  =======  ==============================
case                                         rule           advice   decision
===========================================  =============  =======  ==============================
no model: a gate before scoring failed       fallback       refer    refer
no model could be trusted: fallback.rules    id@version     as said  as said, declines as below
no model could be trusted, otherwise         fallback       refer    refer
policy.rules                                 id@version     as said  as said, declines as below
no score (null, not finite, no probability)  no_score       refer    refer
``missing >= refer_missing``                 missing        refer    refer
binary: ``score < approve_below``            approve_below  approve  approve
binary: ``score > decline_above``            decline_above  decline  decline if automatic_decline
                                                                     and there is a reason to give,
                                                                     else refer
binary, otherwise, both included             between        refer    refer
multiclass: ``score >= accept_above``        accept_above   approve  approve (``prediction``)
multiclass, otherwise                        below_accept   refer    refer
regression                                   no_policy      refer    refer
===========================================  =============  =======  ==============================

A rule of the fallback never overrules ``policy.rules``: where one of those holds and says otherwise
the case is referred. A decision whose case has left the data is in ``assets/decisions/revisions``.
"""

from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.aligned import require_whole, same_cases
from assets.decisions.capacity import bands, overflow, value_at_risk
from assets.decisions.given_reasons import given_reasons, rule_texts
from assets.decisions.ids import NAMESPACE, decision_ids
from assets.decisions.outcomes import (
    APPROVE,
    DECLINE,
    FALLBACK,
    MISSING,
    NO_SCORE,
    REFER,
    THRESHOLDS,
    DecisionRefused,
    confirmed,
    finite,
    one_array,
)
from assets.decisions.revisions import revised, with_withdrawn
from assets.decisions.rules import first_that_holds
from assets.scoring.gate_fallback import by_failed_gate
from assets.tables import DECISIONS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assets.policy_spec import RuleSpec
    from assets.spec import UseCaseSpec

__all__ = [
    "APPROVE",
    "DECLINE",
    "FALLBACK",
    "NAMESPACE",
    "REFER",
    "DecisionRefused",
    "advice_of",
    "decide",
    "decision_ids",
]


def decide(
    spec: "UseCaseSpec",
    predictions: pa.Table,
    cases: pa.Table,
    day: date,
    run_id: str,
    *,
    there: pa.Table | None = None,
    versions: pa.Array | None = None,
) -> pa.Table:
    """One decision per prediction, in the same order, columns as in ``DECISIONS_SCHEMA``.

    ``predictions`` has the columns of ``PREDICTIONS_SCHEMA``; ``cases`` is the scoring set they
    were made of, in any order; ``day`` the UTC business date. Ids depend on use case, case key and
    day alone. ``there``: the day's live decisions. One that would say the same, whoever's run it
    was, stays as it is; one that would not gets the next revision; one whose case has left the data
    goes to a person, after the others (see :func:`~assets.decisions.revisions.with_withdrawn`).
    ``versions``: of each row of ``cases`` the version of the lake's table with its values, of
    :func:`~assets.decisions.revisions.value_versions`.

    Raises DecisionRefused when a key is null or there twice, a case has no prediction or a
    prediction no case, a rule cannot be asked, or a reason is of no feature.
    """
    ids = pa.array(_ids(spec, predictions, day), pa.string())
    order = same_cases(spec, predictions, cases, ids, day)
    cases = cases if order is None else cases.take(order)
    if versions is None:
        versions = pa.nulls(len(ids), pa.int64())
    elif order is not None:
        versions = versions.take(order)
    scores = one_array(predictions.column("score"))
    fallback = one_array(predictions.column("fallback"))
    usable = _usable(spec, scores, fallback)
    rule, advice, _ = advice_of(spec, scores, predictions)
    rule, advice, ruled, texts = _ruled(spec, cases, fallback, rule, advice)
    decision = confirmed(spec, advice)
    approved = pc.and_(pc.equal(advice, APPROVE), pc.equal(decision, APPROVE))
    by_score = pc.and_(pc.invert(ruled), pc.is_in(rule, pa.array(THRESHOLDS)))
    text = pc.if_else(approved, pa.scalar(None, pa.string()), rule_texts(rule, texts))
    pushes = one_array(predictions.column("reasons"))
    explained = pc.and_(by_score, pc.invert(approved))
    reasons = given_reasons(spec, pushes, explained, rule, text)
    # A machine declines nobody without being able to say why.
    why = pc.greater(pc.list_value_length(reasons), 0)
    decision = pc.if_else(pc.and_(pc.equal(decision, DECLINE), pc.invert(why)), REFER, decision)
    known = pc.if_else(usable, scores, pa.scalar(None, pa.float64()))
    rows = len(ids)
    columns = {
        **{name: predictions.column(name) for name in _CARRIED},
        "decision_id": ids,
        "revision": pa.repeat(pa.scalar(1, pa.int64()), rows),
        "decision": decision,
        "advice": advice,
        "rule": rule,
        "reasons": reasons,
        "band": bands(spec, known),
        "overflow": pa.repeat(False, rows),
        "value_at_risk": value_at_risk(spec, known, cases),
        "scoring_set_version": versions,
        "spec_version": pa.repeat(spec.version, rows),
        "run_id": pa.repeat(run_id, rows),
    }
    decided = pa.table(columns).select(DECISIONS_SCHEMA.names).cast(DECISIONS_SCHEMA)
    if there is not None:
        decided = with_withdrawn(spec, decided, there, run_id)
    place = DECISIONS_SCHEMA.get_field_index("overflow")
    decided = decided.set_column(place, DECISIONS_SCHEMA.field(place), overflow(spec, decided))
    if there is not None:
        decided = revised(decided, there)
    require_whole(spec, decided, ids, day)
    return decided


_CARRIED = (
    "case_key",
    "entity_key",
    "event_timestamp",
    "score",
    "prediction",
    "arm",
    "model_version",
    "model_digest",
    "fallback",
)


def advice_of(
    spec: "UseCaseSpec", scores: Any, predictions: pa.Table
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Rule, advice and decision of the thresholds for each score; hard rules are not asked.

    ``scores`` (float64) are one for each row of ``predictions``, of which ``missing`` and
    ``fallback`` are looked at: also those of another model than the one that stands there.
    Nothing is null in what is returned: of no score the rule is ``no_score`` and the advice refer.
    """
    scores = one_array(scores)
    fallback = one_array(predictions.column("fallback"))
    usable = _usable(spec, scores, fallback)
    # Nor may one decide of which next to nothing is known: it is what the model makes of nothing.
    missing = _missing(spec, predictions)
    unscored = pc.if_else(
        pc.is_valid(fallback), FALLBACK, pc.if_else(usable, MISSING, pa.scalar(NO_SCORE))
    )
    usable = pc.and_(usable, pc.invert(missing))
    rule, advice = _judged(spec, scores)
    rule = pc.if_else(usable, rule, unscored)
    advice = pc.if_else(usable, advice, pa.scalar(REFER))
    return rule, advice, confirmed(spec, advice)


def _ids(spec: "UseCaseSpec", predictions: pa.Table, day: date) -> list[str]:
    keys = predictions.column("case_key")
    if keys.null_count or pc.count_distinct(keys).as_py() != predictions.num_rows:
        raise DecisionRefused(
            f"{spec.name} {day}: {predictions.num_rows} predictions for "
            f"{pc.count_distinct(keys).as_py()} cases; one case gets one decision. Score the "
            "night again"
        )
    return decision_ids(spec.name, keys.to_pylist(), day)


def _judged(spec: "UseCaseSpec", scores: pa.Array) -> tuple[Any, Any]:
    """Rule and advice of the thresholds for each score, as if it could be used."""
    policy, task = spec.policy, spec.model.task
    if task == "regression":
        return pa.scalar("no_policy"), pa.scalar(REFER)
    # A null comparison counts as false, so what is unclear ends in the hands of a person.
    if task == "multiclass":
        taken = pc.fill_null(pc.greater_equal(scores, policy.accept_above), False)
        return pc.if_else(taken, "accept_above", "below_accept"), pc.if_else(taken, APPROVE, REFER)
    approve = pc.fill_null(pc.less(scores, policy.approve_below), False)
    decline = pc.fill_null(pc.greater(scores, policy.decline_above), False)
    rule = pc.if_else(approve, "approve_below", pc.if_else(decline, "decline_above", "between"))
    return rule, pc.if_else(approve, APPROVE, pc.if_else(decline, DECLINE, REFER))


def _ruled(
    spec: "UseCaseSpec", cases: pa.Table, fallback: pa.Array, rule: pa.Array, advice: pa.Array
) -> tuple[pa.Array, pa.Array, pa.Array, dict[str, str]]:
    """Rule and advice where hard rules are asked first; which a hard rule gave; rules' texts."""
    hard, spare = spec.policy.rules, spec.fallback.rules
    texts = {one.name: one.reason for one in (*spare, *hard)}
    if not texts:
        return rule, advice, pa.repeat(False, len(rule)), texts
    held, spared = first_that_holds(hard, cases), first_that_holds(spare, cases)
    says, spare_says = _of(hard, held, "then"), _of(spare, spared, "then")
    scored = pc.is_null(fallback)
    against = pc.fill_null(pc.not_equal(says, spare_says), False)
    # After a failed gate no rule is asked: what it would look at is what is not to be trusted.
    may = pc.and_(pc.invert(by_failed_gate(fallback)), pc.invert(against))
    nothing = pa.scalar(None, pa.string())
    spare_says = pc.if_else(may, spare_says, nothing)
    said = pc.if_else(scored, says, spare_says)
    name = pc.if_else(scored, _of(hard, held, "name"), _of(spare, spared, "name"))
    ruled = pc.is_valid(said)
    return pc.if_else(ruled, name, rule), pc.coalesce(said, advice), ruled, texts


def _of(rules: "Sequence[RuleSpec]", places: pa.Array, what: str) -> pa.Array:
    return pa.array([getattr(one, what) for one in rules], pa.string()).take(places)


def _usable(spec: "UseCaseSpec", scores: pa.Array, fallback: pa.Array) -> pa.Array:
    """Which scores may decide. One nobody gave is none, whatever stands in its row."""
    good = pc.and_(pc.is_null(fallback), finite(scores))
    if spec.model.task == "regression":
        return good
    within = pc.and_(pc.greater_equal(scores, 0.0), pc.less_equal(scores, 1.0))
    return pc.and_(good, pc.fill_null(within, False))


def _missing(spec: "UseCaseSpec", predictions: pa.Table) -> pa.Array:
    limit, share = spec.policy.refer_missing, one_array(predictions.column("missing"))
    if limit is None:
        return pa.repeat(False, len(share))
    return pc.fill_null(pc.greater_equal(share, limit), False)

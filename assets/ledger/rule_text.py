"""What the rule that decided a case asks, in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assets.policy_spec import RuleSpec
    from assets.spec import UseCaseSpec


def rule_text(spec: "UseCaseSpec", decision: Mapping[str, Any]) -> str:
    """The rule of a decision in a sentence; empty for one the spec does not know.

    ``spec`` is the one it was decided by, ``decision`` a row of DECISIONS_SCHEMA.
    """
    policy, name = spec.policy, str(decision["rule"])
    score = decision["score"]
    told = "no score" if score is None else f"score {score:.4g}"
    declared = {rule.name: rule for rule in (*policy.rules, *spec.fallback.rules)}
    if name in declared:
        return asked(declared[name])
    return {
        "approve_below": f"{told}: below {policy.approve_below:g} is approved",
        "decline_above": (
            f"{told}: above {policy.decline_above:g} is declined"
            + ("" if policy.automatic_decline else " by a person, who must confirm it")
        ),
        "between": (
            f"{told}: from {policy.approve_below:g} to {policy.decline_above:g} a person decides"
        ),
        "accept_above": f"{told}: a class of {policy.accept_above:g} or more is taken",
        "below_accept": f"{told}: below {policy.accept_above:g} a person decides",
        "no_policy": "there are no thresholds for values: a person decides",
        "no_score": "the case has no usable score: a person decides",
        "missing": "too little is known of the case: a person decides",
        "fallback": f"no model could be trusted: {decision['fallback'] or 'a person decides'}",
    }.get(name, "")


def asked(rule: "RuleSpec") -> str:
    """A hard rule in a sentence."""
    if rule.below is not None:
        question = f"below {rule.below:g}"
    elif rule.above is not None:
        question = f"above {rule.above:g}"
    elif rule.among is not None:
        question = f"one of {', '.join(map(str, rule.among))}"
    else:
        question = "missing" if rule.missing else "there"
    return f"{rule.column} is {question}: {rule.then} ({rule.reason})"

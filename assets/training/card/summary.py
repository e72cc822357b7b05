"""The box on top: what it decides, how good it is, for whom not, who approved it."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.training.card import approval, words
from assets.training.card.document import Summary

Facts = Mapping[str, Any]
ANY_MODEL = ("purpose", "outcomes", "refit")
MOST = 3
"""Limits in the box; the section at the end has them all."""


def summary(facts: Facts, approvals: Sequence[approval.Approval]) -> Summary:
    # Those about people first; what holds of any model last.
    ordered = sorted(facts["limits"], key=lambda limit: not limit["whom"])
    shown = [limit["text"] for limit in ordered if limit["about"] not in ANY_MODEL][:MOST]
    left = len(ordered) - len(shown)
    more = f"{words.counted(left, 'more limit')} under “Caveats and recommendations”."
    return Summary(
        answers=(
            ("What does it decide?", (*decides(facts),)),
            ("How good is it?", (*how_good(facts),)),
            ("For whom or what is it not shown to work?", (*shown, more)),
            ("Who approved it?", approval.standing(facts, approvals)),
        ),
        gates=tuple((words.gate(g["gate"]), words.verdict(g["verdict"])) for g in facts["gates"]),
        command=approval.command(facts, approvals),
    )


def decides(facts: Facts) -> list[str]:
    """What the version is for, and what its score sets in motion."""
    purpose = facts["purpose"]
    about = purpose["description"] or f"Cases of {purpose['population']}."
    return [about, policy(facts)]


def policy(facts: Facts) -> str:
    """How a score becomes a decision, in a sentence or two."""
    rules, task = facts["policy"], facts["purpose"]["task"]
    if task == "regression":
        return "It gives a value for each case. No decision is taken on the value alone."
    if task == "multiclass":
        return (
            "It names the likeliest class of each case. The class is taken where its probability "
            f"is {rules['accept_above']:g} or more; every other case goes to a person."
        )
    decline = (
        "is declined"
        if rules["automatic_decline"]
        else "is advised to be declined, which a person must confirm"
    )
    return (
        f"Its score is the probability of the outcome. A case under {rules['approve_below']:g} is "
        f"approved, one over {rules['decline_above']:g} {decline}; all others go to a person."
    )


def chosen(facts: Facts) -> Facts:
    found: Facts = next(c for c in facts["candidates"] if c["chosen"])
    return found


def how_good(facts: Facts) -> list[str]:
    """The figures that matter, in words, with their intervals and what guessing would give."""
    task = facts["purpose"]["task"]
    said = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}[task](facts)
    passed = sum(g["verdict"] == "pass" for g in facts["gates"])
    if facts["gates"]:
        said.append(f"It passed {passed} of {words.counted(len(facts['gates']), 'gate')}.")
    return said


def _found(facts: Facts, metric: str) -> Facts | None:
    """A metric of the chosen candidate, with its interval where there is one."""
    best = chosen(facts)
    if metric in best["intervals"]:
        found: Facts = best["intervals"][metric]
        return found
    return {"value": best["metrics"][metric], "low": None} if metric in best["metrics"] else None


def _times(found: Facts) -> str:
    value = f"{100 * found['value']:.0f}"
    if found["low"] is None:
        return value
    return f"{value} (95 % interval {100 * found['low']:.0f} to {100 * found['high']:.0f})"


def _binary(facts: Facts) -> list[str]:
    said = []
    if auc := _found(facts, "roc_auc"):
        said.append(
            "Of two cases, one with the outcome and one without, it gives the higher score to the "
            f"right one in {_times(auc)} of 100 such pairs. Guessing: 50."
        )
    elif score := _found(facts, facts["metric"]["name"]):
        said.append(f"Its {words.metric(facts['metric']['name'])} is {words.interval(score)}.")
    approve = next((o for o in facts["outcomes"] if o["advice"] == "approve"), None)
    if approve and approve["outcome"]["value"] is not None:
        said.append(
            f"On the {words.counted(facts['evaluation']['rows'], 'evaluation case')} it would have "
            f"approved {words.percent(approve['share']['value'], 0)}. Of those, "
            f"{words.percent(approve['outcome']['value'])} had the outcome; of all cases, "
            f"{words.percent(facts['evaluation']['outcome']['value'])}."
        )
    return said


def _multiclass(facts: Facts) -> list[str]:
    classes = facts["discrimination"]["classes"]
    right = sum(row["classed_as"][k] for k, row in enumerate(classes))
    cases = sum(row["cases"] for row in classes)
    said = [
        f"It names the right one of {len(classes)} classes for "
        f"{words.percent(right / cases, 0)} of the cases; always naming the commonest would be "
        f"right for {words.percent(facts['evaluation']['outcome']['value'], 0)}."
    ]
    if score := _found(facts, facts["metric"]["name"]):
        said.append(f"Its {words.metric(facts['metric']['name'])} is {words.interval(score)}.")
    return said


def _regression(facts: Facts) -> list[str]:
    unit = facts["purpose"]["label"]["unit"]
    said = []
    if miss := _found(facts, "mae"):
        said.append(
            f"On average it is off by {words.number(miss['value'])}{' ' + unit if unit else ''}"
            + (
                f" (95 % interval {words.number(miss['low'])} to {words.number(miss['high'])})."
                if miss["low"] is not None
                else "."
            )
        )
    if facts["metric"]["name"] != "mae" and (score := _found(facts, facts["metric"]["name"])):
        said.append(f"Its {words.metric(facts['metric']['name'])} is {words.interval(score)}.")
    return said

"""Where a version stands with the people who answer for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.training.card import words
from assets.training.card.document import Badge

Facts = Mapping[str, Any]
Approval = Mapping[str, Any]
"""``name``, ``at`` (ISO 8601, UTC), ``reason``, ``decision`` (approve or reject)."""


def refused(facts: Facts) -> list[str]:
    """Gates that keep the version from being approved, sorted."""
    stops = (
        ("fail", "insufficient") if facts["gate_limits"]["insufficient"] == "stop" else ("fail",)
    )
    return [g["gate"] for g in facts["gates"] if g["verdict"] in stops]


def approved_by(approvals: Sequence[Approval]) -> list[Approval]:
    return [a for a in approvals if str(a["decision"]).startswith("approve")]


def rejected_by(approvals: Sequence[Approval]) -> list[Approval]:
    return [a for a in approvals if str(a["decision"]).startswith("reject")]


def status(facts: Facts, approvals: Sequence[Approval]) -> Badge:
    """The one word on top."""
    if rejected_by(approvals):
        return Badge("rejected", "bad")
    if refused(facts):
        return Badge("refused by its gates", "bad")
    missing = facts["risk"]["approvals_needed"] - len(approved_by(approvals))
    if missing <= 0:
        return Badge("approved", "good")
    if approved_by(approvals):
        return Badge(f"waits for {words.counted(missing, 'approval')}", "unknown")
    return Badge("not approved", "unknown")


def command(facts: Facts, approvals: Sequence[Approval]) -> str | None:
    """What to type to approve the version; None where that is done, or cannot be."""
    if status(facts, approvals).tone != "unknown":
        return None
    use_case, number = facts["purpose"]["use_case"], facts["version"]["number"]
    return f'nightshift approve {use_case} {number} --reason "..."'


def standing(facts: Facts, approvals: Sequence[Approval]) -> tuple[str, ...]:
    """Who approved or rejected the version, and what is still asked for, in sentences."""
    said = tuple(
        f"{a['name']} {'rejected' if a in rejected_by(approvals) else 'approved'} it on "
        f"{words.instant(a['at'])}: {a['reason']}"
        for a in approvals
    )
    if rejected_by(approvals):
        return said
    if found := refused(facts):
        titles = words.listed([f"“{words.gate(gate)}”" for gate in found])
        return (f"Nobody can: it did not pass {titles}. It decides nothing.", *said)
    missing = facts["risk"]["approvals_needed"] - len(approved_by(approvals))
    if missing <= 0:
        return said
    nobody = "Nobody has approved this version yet; until then it decides nothing."
    asked = f"It needs {words.counted(missing, 'more approval')}; until then it decides nothing."
    return (asked, *said) if said else (nobody,)


def asked(facts: Facts) -> str:
    """What the risk tier asks for."""
    risk = facts["risk"]
    one = risk["approvals_needed"] == 1
    people = "one named person" if one else f"{risk['approvals_needed']} named people"
    who = f" (of {words.listed(risk['approvers'])})" if risk["approvers"] else ""
    others = "not the one" if one else "none of them the one"
    own = f", {others} who asked for the training" if risk["tier"] == "high" else ""
    return f"The {risk['tier']} tier asks for the signed approval of {people}{who}{own}."

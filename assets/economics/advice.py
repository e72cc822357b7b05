"""What the two checks tell people: what, how much, how much is allowed, what to do."""

from typing import TYPE_CHECKING

from assets.economics.measure import FAIL, INSUFFICIENT, Measure

if TYPE_CHECKING:
    from datetime import date

    from assets.spec import UseCaseSpec


def money(amount: float, currency: str) -> str:
    """An amount as people write it: whole units from 100 on, else two figures behind the point, or
    the first two that say something."""
    if abs(amount) >= 100 or amount == 0:
        return f"{amount:,.0f} {currency}"
    return f"{amount:,.2f} {currency}" if abs(amount) >= 0.01 else f"{amount:.2g} {currency}"


def budget_advice(spec: "UseCaseSpec", day: "date", cost: Measure) -> str:
    """Of ``night_cost``."""
    said, found = spec.economics, cost.detail
    machine = found["compute"]
    parts = (
        f"reviewers {money(found['review'], said.currency)}, compute "
        f"{'not measured' if machine is None else money(machine, said.currency)}"
    )
    spent = f"The night of {day} costs {money(cost.value or 0.0, said.currency)} ({parts})"
    if cost.limit is None:
        return f"{spent}; no budget is declared (economics.night_budget)."
    budget = money(cost.limit, said.currency)
    if cost.verdict == INSUFFICIENT:
        why = found.get("why", "the compute could not be measured")
        return (
            f"{spent}. Whether the budget of {budget} is kept is not known: {why}. Where there "
            "should be decisions, look at the gates of the night and run it again."
        )
    if cost.verdict != FAIL:
        return f"{spent}, within the budget of {budget}."
    over = (cost.value or 0.0) - cost.limit
    unscored = (
        f" No model could be trusted with {found['fallback']} of them." if found["fallback"] else ""
    )
    return (
        f"{spent}: {money(over, said.currency)} more than the budget of {budget}. "
        f"{found['referred']:,} of {cost.n:,} cases were referred and ask for "
        f"{found['reviews']:,.0f} reviews of {found['minutes_each']:g} minutes.{unscored} Find out "
        "why so many were referred (the night's drift report, decisions by rule); where it is "
        "right so, plan more reviewers or raise economics.night_budget."
    )


def queue_advice(spec: "UseCaseSpec", waiting: Measure, overdue: Measure, oldest: Measure) -> str:
    """Of ``queue_open``, ``queue_overdue`` and ``queue_oldest_days``."""
    if overdue.verdict == INSUFFICIENT:
        return f"Nothing is known about the queue: {overdue.detail['why']}."
    allowed = f"allowed are {overdue.limit:,.0f} (monitoring.overdue_cases)"
    told = (
        f"{waiting.value:,.0f} cases waited for people at the close of the night, "
        f"{overdue.value:,.0f} of them longer than {spec.review.due}; {allowed}."
    )
    if overdue.verdict != FAIL:
        return told
    return (
        f"{told} The oldest has waited {oldest.value:,.0f} days, since the night of "
        f"{oldest.detail['night']}. Work the desk off by 'due' (nightshift desk), or plan more "
        "reviewers; where so long is right, raise review.due or monitoring.overdue_cases."
    )

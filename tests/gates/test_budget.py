"""The budget of a night and the queue: each verdict fires, is silent, or admits not knowing."""

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from assets.economics import kpis
from assets.economics.advice import budget_advice, queue_advice
from assets.economics.compute import Bill
from assets.economics.measure import Measure, named
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import COMPUTE_SCHEMA
from tests.reviewed import NIGHT, decided, put, review_spec

ONE_HOUR = Bill(
    pa.Table.from_pylist(
        [{"stage": "scoring", "job": "n", "seconds": 3600.0}], schema=COMPUTE_SCHEMA
    )
)
"""Of a machine that costs 2 EUR an hour."""

APPROVED = {"decision": "approve", "advice": "approve", "score": 0.01, "reasons": []}


def spec_of(budget: float | None, **blocks: Any) -> UseCaseSpec:
    """A review takes 12 minutes of somebody who costs 45 EUR an hour: 9 EUR."""
    given = review_spec(due="2d").model_dump()
    given["economics"] = {"compute_hour": 2.0, "night_budget": budget}
    return UseCaseSpec.model_validate({**given, **blocks})


def judged(lake: Lake, spec: UseCaseSpec, bill: Bill = ONE_HOUR) -> dict[str, Measure]:
    found = kpis.measures(spec, kpis.read_night(lake, spec, NIGHT), bill)
    names = ("night_cost", "queue_open", "queue_overdue", "queue_oldest_days")
    return {name: named(found, name) for name in names}


def refer(lake: Lake, spec: UseCaseSpec, cases: int, day: date = NIGHT, **said: Any) -> None:
    put(lake, spec, decided(spec, day, [said] * cases + [APPROVED] * 2), day)


@pytest.mark.parametrize(
    ("referred", "verdict"),
    [(10, "pass"), (11, "fail")],  # 92 EUR is the budget to the cent
)
def test_a_night_over_its_budget_is_told_with_the_reason(
    lake: Lake, referred: int, verdict: str
) -> None:
    spec = spec_of(92.0)
    refer(lake, spec, referred)
    cost = judged(lake, spec)["night_cost"]
    assert (cost.verdict, cost.limit, cost.n) == (verdict, 92.0, referred + 2)
    assert cost.value == pytest.approx(referred * 9 + 2)
    assert cost.detail["compute"] == 2.0
    assert cost.detail["review"] == pytest.approx(referred * 9)
    told = budget_advice(spec, NIGHT, cost)
    assert ("9.00 EUR more than the budget of 92.00 EUR" in told) == (verdict == "fail")
    assert ("11 of 13 cases were referred" in told) == (verdict == "fail")
    assert ("raise economics.night_budget" in told) == (verdict == "fail")


def test_a_night_nobody_could_score_says_that_this_is_why(lake: Lake) -> None:
    spec = spec_of(50.0)
    refer(lake, spec, 20, score=None, advice="refer", fallback="no champion")
    cost = judged(lake, spec)["night_cost"]
    assert cost.verdict == "fail"
    assert "No model could be trusted with 20 of them" in budget_advice(spec, NIGHT, cost)


def test_without_a_budget_nothing_is_judged(lake: Lake) -> None:
    spec = spec_of(None)
    refer(lake, spec, 500)
    cost = judged(lake, spec)["night_cost"]
    assert (cost.verdict, cost.limit) == ("", None)
    assert "no budget is declared" in budget_advice(spec, NIGHT, cost)


def test_what_is_not_known_keeps_no_budget(lake: Lake) -> None:
    """No decisions, or no compute; over it is over, whatever is missing."""
    spec = spec_of(92.0)
    nothing = judged(lake, spec)["night_cost"]
    assert (nothing.verdict, nothing.value, nothing.n) == ("insufficient", 2.0, 0)
    told = budget_advice(spec, NIGHT, nothing)
    assert "is not known: nothing was decided that night" in told
    refer(lake, spec, 1)
    unmeasured = judged(lake, spec, Bill())["night_cost"]
    assert (unmeasured.verdict, unmeasured.detail["compute"]) == ("insufficient", None)
    assert "compute could not be measured" in budget_advice(spec, NIGHT, unmeasured)
    refer(lake, spec, 11)
    assert judged(lake, spec, Bill())["night_cost"].verdict == "fail"


@pytest.mark.parametrize(
    ("back", "allowed", "verdict", "overdue"),
    [
        (2, 0, "pass", 0),  # due at this very close
        (3, 0, "fail", 4),
        (3, 3, "fail", 4),
        (3, 4, "pass", 4),
    ],
)
def test_cases_that_wait_too_long_are_told(
    lake: Lake, back: int, allowed: int, verdict: str, overdue: int
) -> None:
    spec = spec_of(None, monitoring={"overdue_cases": allowed})
    refer(lake, spec, 4, NIGHT - timedelta(days=back))
    refer(lake, spec, 1)
    found = judged(lake, spec)
    late = found["queue_overdue"]
    assert (late.verdict, late.value, late.limit, late.n) == (verdict, overdue, allowed, 5)
    told = queue_advice(spec, found["queue_open"], late, found["queue_oldest_days"])
    assert told.startswith(f"5 cases waited for people at the close of the night, {overdue} of")
    assert ("The oldest has waited 3 days" in told) == (verdict == "fail")
    assert ("monitoring.overdue_cases." in told) == (verdict == "fail")


def test_where_nothing_was_ever_decided_nothing_is_known_of_the_queue(lake: Lake) -> None:
    spec = spec_of(None)
    found = judged(lake, spec)
    late = found["queue_overdue"]
    assert (late.verdict, late.value) == ("insufficient", None)
    told = queue_advice(spec, found["queue_open"], late, found["queue_oldest_days"])
    assert told == "Nothing is known about the queue: nothing was decided yet."


def test_a_use_case_that_refers_nobody_has_an_empty_queue(lake: Lake) -> None:
    spec = spec_of(10.0)
    refer(lake, spec, 0)
    found = judged(lake, spec)
    assert (found["queue_overdue"].verdict, found["queue_overdue"].value) == ("pass", 0.0)
    assert found["queue_oldest_days"].value == 0.0
    assert found["night_cost"].verdict == "pass"


def test_the_built_in_budget_is_a_full_desk(built_in_spec: UseCaseSpec) -> None:
    """As the comment in defs.yaml has it: capacity, with one in five looked at twice."""
    said, capacity = built_in_spec.economics, built_in_spec.policy.capacity
    assert capacity is not None
    assert said.night_budget is not None
    desk = capacity.referrals * 1.2 * said.review_minutes / 60 * said.reviewer_hour
    assert desk <= said.night_budget < 1.1 * desk

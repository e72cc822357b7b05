"""Hard rules: what each asks, their order, and what they may not do in a fallback."""

from typing import Any

import pyarrow as pa
import pytest

from assets.decisions.outcomes import DecisionRefused
from assets.decisions.rules import first_that_holds, holds
from assets.policy_spec import RuleSpec
from assets.scoring.gate_fallback import FAILED_GATE
from tests.seeds import make_spec, predictions, row

NAN, INF = float("nan"), float("inf")


def rule(then: str = "refer", column: str = "depth", **asked: Any) -> dict[str, Any]:
    return {
        "id": asked.pop("id", "shallow"),
        "column": column,
        "then": then,
        "reason": f"why {then}",
        **asked,
    }


@pytest.mark.parametrize(
    ("asked", "values", "expected"),
    [
        ({"below": 2}, [1.9, 2.0, 2.1, None, NAN, -INF], [1, 0, 0, 0, 0, 0]),
        ({"above": 2}, [1.9, 2.0, 2.1, None, NAN, INF], [0, 0, 1, 0, 0, 0]),
        ({"above": 0.5}, [True, False, None], [1, 0, 0]),
        ({"below": 3}, [2, 3, None], [1, 0, 0]),
        ({"missing": True}, [1.0, None, NAN, INF], [0, 1, 1, 1]),
        ({"missing": False}, [1.0, None, NAN], [1, 0, 0]),
        ({"missing": True}, ["a", None, ""], [0, 1, 0]),
        ({"among": ["a", "3"]}, ["a", "3", "b", None], [1, 1, 0, 0]),
        # Features that are numbers or truth values are doubles in the scoring set.
        ({"among": [3, "4"]}, [3.0, 4.0, 5.0, None, NAN], [1, 1, 0, 0, 0]),
        ({"among": [True]}, [1.0, 0.0, None], [1, 0, 0]),
        ({"among": [False, "nonsense"]}, [1.0, 0.0, None], [0, 1, 0]),
        ({"among": [True]}, [True, False, None], [1, 0, 0]),
        ({"among": ["true"]}, ["true", "True", None], [1, 0, 0]),
    ],
)
def test_what_a_rule_asks(asked: dict[str, Any], values: list[Any], expected: list[int]) -> None:
    found = holds(RuleSpec.model_validate(rule(**asked)), pa.table({"depth": pa.array(values)}))
    assert found.to_pylist() == [bool(one) for one in expected]
    assert found.null_count == 0


def test_the_first_rule_that_holds_says() -> None:
    rules = [
        RuleSpec.model_validate(rule(id="one", below=1)),
        RuleSpec.model_validate(rule(id="two", below=5)),
    ]
    found = first_that_holds(rules, pa.table({"depth": [0.0, 3.0, 7.0]}))
    assert found.to_pylist() == [0, 1, None]
    assert first_that_holds([], pa.table({"depth": [0.0]})).to_pylist() == [None]


@pytest.mark.parametrize("score", [0.1, 0.9, None, NAN])
@pytest.mark.parametrize("missing", [0.0, 1.0])
def test_a_rule_is_asked_before_the_score(score: float | None, missing: float) -> None:
    spec = make_spec(rules=[rule("approve", version=3, above=5)])
    found = row(spec, predictions([score], missing=missing), depth=[6.0])
    assert (found["decision"], found["advice"], found["rule"]) == (
        "approve",
        "approve",
        "shallow@3",
    )
    assert found["reasons"] == []
    other = row(spec, predictions([score], missing=missing), depth=[5.0])
    assert other["rule"] != "shallow@3"


@pytest.mark.parametrize("then", ["refer", "decline"])
def test_the_reason_of_a_rule_is_its_text(then: str) -> None:
    spec = make_spec(rules=[rule(then, missing=True)], automatic_decline=True)
    found = row(spec, predictions([0.1]))
    assert found["decision"] == then
    assert found["reasons"] == [{"feature": "shallow@1", "weight": None, "text": f"why {then}"}]


@pytest.mark.parametrize(("automatic", "decision"), [(True, "decline"), (False, "refer")])
def test_a_rule_that_declines_is_confirmed_by_a_person_like_a_score(
    automatic: bool, decision: str
) -> None:
    spec = make_spec(rules=[rule("decline", missing=True)], automatic_decline=automatic)
    found = row(spec, predictions([0.1]))
    assert (found["advice"], found["decision"]) == ("decline", decision)


def test_a_rule_may_ask_a_denied_column() -> None:
    spec = make_spec(rules=[rule("decline", column="sort", among=["weed"])])
    assert row(spec, predictions([0.1]), sort=["weed"])["rule"] == "shallow@1"
    assert row(spec, predictions([0.1]), sort=["rose"])["rule"] == "approve_below"


@pytest.mark.parametrize(("automatic", "decision"), [(True, "decline"), (False, "refer")])
def test_a_fallback_goes_by_its_own_rules(automatic: bool, decision: str) -> None:
    rules = [rule("approve", below=1), rule("decline", id="deep", above=9)]
    spec = make_spec(fallback={"rules": rules}, automatic_decline=automatic)
    by_depth = {
        depth: row(spec, predictions([None], fallback="no champion"), depth=[depth])
        for depth in (0.5, 10.0, 5.0, None)
    }
    says = {depth: (found["rule"], found["decision"]) for depth, found in by_depth.items()}
    assert says == {
        0.5: ("shallow@1", "approve"),
        10.0: ("deep@1", decision),
        5.0: ("fallback", "refer"),
        None: ("fallback", "refer"),
    }
    assert {found["fallback"] for found in by_depth.values()} == {"no champion"}


def test_rules_of_the_fallback_are_asked_of_no_case_that_a_model_scored() -> None:
    spec = make_spec(fallback={"rules": [rule("decline", below=1)]})
    assert row(spec, predictions([0.1]), depth=[0.5])["rule"] == "approve_below"


def test_rules_of_the_policy_decide_nothing_in_a_fallback() -> None:
    spec = make_spec(rules=[rule("approve", below=1)])
    found = row(spec, predictions([None], fallback="no champion"), depth=[0.5])
    assert (found["rule"], found["decision"]) == ("fallback", "refer")


@pytest.mark.parametrize(
    ("hard", "expected"), [("approve", "approve"), ("refer", "refer"), ("decline", "refer")]
)
def test_a_fallback_never_overrules_a_rule_of_the_policy(hard: str, expected: str) -> None:
    spec = make_spec(
        rules=[rule(hard, id="hard", below=1)], fallback={"rules": [rule("approve", below=1)]}
    )
    found = row(spec, predictions([None], fallback="no champion"), depth=[0.5])
    assert found["decision"] == expected
    assert found["rule"] == ("shallow@1" if expected == "approve" else "fallback")


def test_after_a_failed_gate_no_rule_is_asked() -> None:
    rules = [rule("approve", missing=True)]
    spec = make_spec(rules=rules, fallback={"rules": rules})
    found = row(spec, predictions([None], fallback=f"{FAILED_GATE}median: too high"))
    assert (found["rule"], found["decision"]) == ("fallback", "refer")
    untrusted = row(spec, predictions([None], fallback="no champion"))
    assert untrusted["decision"] == "approve"


def test_a_rule_that_cannot_be_asked_is_refused() -> None:
    # The spec refuses a text that is compared; a scoring set may be older than the spec.
    below = RuleSpec.model_validate(rule("refer", column="depth", below=3))
    with pytest.raises(DecisionRefused, match=r"shallow@1 compares 'depth', a string"):
        holds(below, pa.table({"depth": ["x"]}))
    asked = RuleSpec.model_validate(rule(column="moon", below=3))
    with pytest.raises(DecisionRefused, match="'moon', which the scoring set does not have"):
        holds(asked, pa.table({"depth": [1.0]}))

"""What a person is told of a feature."""

from typing import Any

from assets.decisions.reason_text import reason_texts
from assets.spec import UseCaseSpec
from tests.small_case import ATTRIBUTES, small_spec


def spec_with(**policy: Any) -> UseCaseSpec:
    columns = ATTRIBUTES["sources"]["readings"]["columns"]
    return small_spec(
        sources__events__columns__load={"type": "float", "description": "Load of the unit. "},
        sources__readings__columns={
            **columns,
            "heat": {"type": "float", "required": False, "description": "Heat at the bearing"},
        },
        features={
            **ATTRIBUTES["features"],
            "derived": {
                "per_crew": {"ratio": ["load", "crew"], "description": "Load for each of the crew"},
                "strain": {"product": ["load", "heat"]},
                "spare": {"difference": ["crew", "load"]},
            },
        },
        policy=policy,
    )


def test_the_spec_says_it_best_then_the_column_then_the_name() -> None:
    texts = reason_texts(spec_with(reasons={"crew": "Few people were there"}))
    assert texts == {
        "load": "Load of the unit.",
        "shift": "shift",
        "crew": "Few people were there",
        "heat": "Heat at the bearing",
        "per_crew": "Load for each of the crew",
        "strain": "Load of the unit times Heat at the bearing",
        "spare": "crew less Load of the unit",
    }
    assert list(texts) == spec_with().feature_names


def test_a_text_of_the_policy_stands_above_a_formula() -> None:
    told = {"strain": "It was strained", "load": "  "}
    texts = reason_texts(spec_with(reasons=told))
    assert texts["strain"] == "It was strained"
    assert texts["load"] == "Load of the unit."

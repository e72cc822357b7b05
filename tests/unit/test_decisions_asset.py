"""The decisions of a night in Dagster: what its page shows."""

from typing import Any

import dagster as dg

from assets.decisions.assets import decisions_asset
from assets.home import Home
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, PREDICTIONS, SCORING_SET
from orchestration.resources.installation import Installation
from tests.seeds import DAY, cases, make_spec, predictions


def materialized(home: Home, spec: UseCaseSpec) -> dict[str, Any]:
    ran = dg.materialize(
        [decisions_asset(spec)],
        partition_key=DAY.isoformat(),
        resources={"installation": Installation(root=str(home.root))},
    )
    (made,) = ran.asset_materializations_for_node(f"seeds__{DECISIONS}")
    return {name: value.value for name, value in made.metadata.items()}


def put(lake: Lake, *scores: float | None, fallback: str | None = None) -> None:
    predicted = predictions(list(scores), fallback=fallback)
    for table, rows in ((SCORING_SET, cases(predicted)), (PREDICTIONS, predicted)):
        lake.ensure("seeds", table, rows.schema)
        lake.replace_day("seeds", table, DAY, rows)


def test_a_night_is_told_in_figures_and_a_picture_and_again_changes_nothing(
    home: Home, lake: Lake
) -> None:
    spec = make_spec(bands={"low": 0.2, "high": 1.0}, capacity={"referrals": 1})
    put(lake, 0.1, 0.4, 0.9)
    told = materialized(home, spec)
    assert told["dagster/row_count"] == 3
    assert (told["approve"], told["refer"], told["advised_decline"]) == (1, 2, 1)
    assert (told["overflow"], told["withdrawn"], told["fallback"]) == (1, 0, 0)
    assert told["by rule"] == {"approve_below": 1, "between": 1, "decline_above": 1}
    assert told["by band"] == {"high": 2, "low": 1}
    assert told["by arm"] == {"champion": 3}
    assert told["by reason"] == {"depth": 2, "water": 2}
    assert told["decided by"] == "model and policy"
    assert told["scores"].startswith("![scores of the night")
    assert (told["changed"], told["new revisions"]) == (True, 0)
    again = materialized(home, spec)
    assert again == {**told, "changed": False}


def test_a_night_of_the_fallback_says_why(home: Home, lake: Lake) -> None:
    put(lake, None, None, fallback="no champion")
    told = materialized(home, make_spec())
    assert (told["refer"], told["fallback"]) == (2, 2)
    assert told["decided by"] == "people and rules (fallback)"
    assert told["why"] == "no champion"

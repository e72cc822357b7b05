"""The incidents of a night in Dagster: counts, a table, a picture, a check that says what to do."""

import dagster as dg
import pytest

from assets.home import Home
from assets.incidents.assets import incidents_asset
from assets.lake import Lake
from assets.tables import INCIDENTS
from orchestration.resources.installation import Installation
from tests.incident_nights import drift, measured, night
from tests.released import NAME, make_spec


@pytest.fixture(scope="module")
def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


def ran(home: Home, instance: dg.DagsterInstance, number: int) -> dg.ExecuteInProcessResult:
    result = dg.materialize(
        [incidents_asset(make_spec())],
        partition_key=str(night(number)),
        instance=instance,
        resources={"installation": Installation(root=str(home.root))},
    )
    assert result.success
    return result


def test_what_is_open_is_a_warning_with_words_and_a_picture(
    home: Home, lake: Lake, instance: dg.DagsterInstance
) -> None:
    measured(lake, NAME, night(0), drift=drift("matters"))
    result = ran(home, instance, 0)
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("nothing_is_wrong", False)
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "1 incident is open." in str(check.description)
    assert "it matters: wind, waves (210 cases" in str(check.description)
    assert "nightshift train boats" in str(check.description)
    (made,) = result.get_asset_materialization_events()
    metadata = made.materialization.metadata
    assert [metadata[name].value for name in ("open", "opened tonight", "closed tonight")] == [
        1,
        1,
        0,
    ]
    assert "drift: the input moved, and it matters" in str(metadata["open incidents"].value)
    assert "data:image/png;base64" in str(metadata["timeline"].value)


def test_where_nothing_is_wrong_nothing_is_drawn(
    home: Home, lake: Lake, instance: dg.DagsterInstance
) -> None:
    result = ran(home, instance, 0)
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.description) == (True, "No incident is open.")
    (made,) = result.get_asset_materialization_events()
    assert "timeline" not in made.materialization.metadata
    assert lake.read(NAME, INCIDENTS).num_rows == 0

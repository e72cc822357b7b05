"""The parity check: a store whose values are not the offline ones never takes the old one's place;
and Feast's own way of filling and reading, which is why ours is another."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.features import online as store
from assets.features.asof import newest_known
from assets.features.assets import (
    PARITY,
    online_features_asset,
    scoring_set_asset,
    training_set_asset,
    view_asset,
)
from assets.features.online import materialize, read_online
from assets.features.parity import ParityError, _differing
from assets.features.views import apply, open_store, service_name
from assets.home import Home
from assets.release.assets import ladder_asset
from orchestration.jobs import jobs_and_schedules
from orchestration.resources.installation import Installation
from tests.unit.test_features import DAY, NOON, SPEC, publish

HOUR = timedelta(hours=1)
CLOSE = datetime(2026, 3, 9, tzinfo=UTC)
UNITS = pa.table({"unit": pa.array([1, 2, 3, 4, 5], pa.int64())})
FACTS: list[tuple[Any, ...]] = [
    (1, NOON, NOON, 7, DAY),
    (2, NOON - timedelta(days=9), NOON, 8, DAY),  # expired
    (3, NOON, CLOSE + HOUR, 9, DAY),  # not known yet
    (4, NOON, NOON, None, DAY),
]
KNOWN = [7.0, None, None, None, None]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    publish(home, FACTS)
    return home


def served(home: Home, at: datetime = CLOSE) -> list[float | None]:
    found: list[float | None] = read_online(SPEC, home, UNITS, at).column("pressure").to_pylist()
    return found


def run(home: Home) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [online_features_asset(SPEC)],
        partition_key=DAY.isoformat(),
        resources={"installation": Installation(root=str(home.root))},
        raise_on_error=False,
    )


def test_it_compares_present_expired_missing_and_null(home: Home) -> None:
    done = materialize(SPEC, home, CLOSE)
    # Missing: the one not known yet, one nobody heard of, and no key at all.
    assert done.compared == {"gauges": {"present": 2, "expired": 1, "missing": 3, "null": 1}}
    assert served(home) == KNOWN
    ran = run(home)
    (check,) = ran.get_asset_check_evaluations()
    assert (ran.success, check.check_name, check.passed) == (True, PARITY, True)
    assert check.metadata["entities compared, and nulls"].value == done.compared


class Endless:
    """A ttl measured in these is longer than any time."""

    def __rfloordiv__(self, ttl: timedelta) -> int:
        return 10**18


def spoil(fault: str, patch: pytest.MonkeyPatch) -> None:
    if fault == "no ttl":  # as Feast's own read has none
        patch.setattr(store, "MICROSECOND", Endless())
        return

    def other(*given: Any) -> pa.Table:
        facts = newest_known(*given)
        if fault == "a fact lost":
            return facts.slice(1)
        if fault == "another value":
            return facts.set_column(2, "pressure", pa.array([8, None], pa.int64()))
        expired = facts.slice(0, 1).set_column(0, "unit", pa.array([2], pa.int64()))
        return pa.concat_tables([facts, expired])

    patch.setattr(store, "newest_known", other)


@pytest.mark.parametrize("fault", ["another value", "a fact too many", "a fact lost", "no ttl"])
def test_a_store_with_other_values_is_not_put_in_place(
    home: Home, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    materialize(SPEC, home, NOON)
    with monkeypatch.context() as patched:
        spoil(fault, patched)
        with pytest.raises(ParityError, match="pressure"):
            materialize(SPEC, home, CLOSE)
        ran = run(home)
    assert not ran.success
    (check,) = ran.get_asset_check_evaluations()
    assert not check.passed
    assert check.description is not None
    assert "The store served until now stays" in check.description
    # What was filled at noon is still what is served.
    assert served(home, NOON) == KNOWN
    assert list(home.scratch.iterdir()) == []


def test_values_are_compared_to_the_bit() -> None:
    here = pa.chunked_array([[0.0, math.nan, None, 1.0, None, 2.0]])
    there = pa.chunked_array([[-0.0, math.nan, None, None, 1.0, 2.0]])
    assert _differing(here, here) == 0
    assert _differing(here, there) == 3
    texts = pa.chunked_array([["", None, "a"]])
    assert _differing(texts, pa.chunked_array([[None, None, "a"]])) == 1


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
def test_feast_itself_serves_what_has_expired_and_what_was_not_known(home: Home) -> None:
    # ``feast materialize`` by hand works on the same registry and files, and agrees with the road
    # about facts that hold. About the others it does not (issue 6821): the road never reads it.
    assert apply(SPEC, home)
    theirs = open_store(home)
    theirs.materialize(
        start_date=NOON - timedelta(days=30), end_date=CLOSE, disable_event_timestamp=False
    )
    answer = theirs.get_online_features(
        features=theirs.get_feature_service(service_name(SPEC)),
        entity_rows=[{"unit": unit} for unit in UNITS.column("unit").to_pylist()],
    ).to_dict()
    materialize(SPEC, home, CLOSE)
    ours = served(home)
    assert ours == KNOWN
    assert answer["pressure"] == [7, 8, 9, None, None]  # should Feast mend it: see online.py


def test_no_night_and_no_training_waits_for_it() -> None:
    assets = [
        view_asset(SPEC, "gauges"),
        online_features_asset(SPEC),
        scoring_set_asset(SPEC),
        training_set_asset(SPEC),
        ladder_asset(SPEC),
    ]
    jobs, _ = jobs_and_schedules(SPEC)
    chosen = {job.name: {key.path[-1] for key in job.selection.resolve(assets)} for job in jobs}
    assert chosen["plant_nightly"] == {"gauges_view", "scoring_set", "ladder"}
    assert all("online_features" not in keys for keys in chosen.values())

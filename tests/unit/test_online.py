"""The online store: what it holds, what it refuses, what a killed filling leaves."""

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from assets.features import online as store
from assets.features.assets import online_features_asset
from assets.features.day_files import ViewNotPublishedError
from assets.features.derived import DerivedFeatureError
from assets.features.online import OnlineStoreError, materialize, online_file, read_online
from assets.features.online_values import entity_keys, from_values, to_values
from assets.home import Home
from assets.spec import UseCaseSpec
from orchestration.resources.installation import Installation
from tests.unit.test_features import DAY, LATE, NOON, SPEC, publish, spec

HOUR = timedelta(hours=1)
UNITS = pa.table({"unit": pa.array([1, 2, None, 1], pa.int64())})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def pressures(home: Home, hours: int = 0, declared: UseCaseSpec = SPEC) -> list[float | None]:
    found: list[float | None] = (
        read_online(declared, home, UNITS, NOON + hours * HOUR).column("pressure").to_pylist()
    )
    return found


def test_only_what_was_known_then_is_there(home: Home) -> None:
    publish(
        home,
        [
            (1, NOON - HOUR, NOON, 7, DAY),
            (1, NOON, NOON + HOUR, 8, DAY),  # true by then, but nobody knew
            (2, NOON + HOUR, NOON, 9, DAY),  # of later
        ],
    )
    done = materialize(SPEC, home, NOON)
    assert (done.until, done.entities) == (NOON, {"gauges": 1})
    assert pressures(home) == pressures(home, 1) == [7.0, None, None, 7.0]
    assert materialize(SPEC, home, NOON + HOUR).entities == {"gauges": 2}
    assert pressures(home, 1) == [8.0, 9.0, None, 8.0]


def test_filled_again_it_holds_nothing_of_before(home: Home) -> None:
    publish(home, [(1, NOON, NOON, 7, DAY), (2, NOON + HOUR, NOON, 9, DAY)])
    materialize(SPEC, home, NOON + HOUR)
    assert pressures(home, 1) == [7.0, 9.0, None, 7.0]
    materialize(SPEC, home, NOON)
    assert pressures(home, 1) == [7.0, None, None, 7.0]


def test_an_expired_value_is_not_served_to_the_microsecond(home: Home) -> None:
    publish(home, [(1, NOON, NOON, 7, DAY)])
    materialize(SPEC, home, NOON)
    end = NOON + timedelta(days=2)
    assert read_online(SPEC, home, UNITS, end).column("pressure")[0].as_py() == 7.0
    after = end + timedelta(microseconds=1)
    assert read_online(SPEC, home, UNITS, after).column("pressure").null_count == 4


def test_times_hold_in_any_zone_of_the_machine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    # Feast's store would read a time written in one zone as another one elsewhere.
    publish(home, [(1, NOON, NOON, 7, DAY)])
    end = NOON + timedelta(days=2)
    found: list[float | None] = []
    try:
        for zone in ("Pacific/Auckland", "America/New_York"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            if not found:
                materialize(SPEC, home, NOON)
            for at in (NOON, end, end + timedelta(microseconds=1)):
                found.append(read_online(SPEC, home, UNITS, at).column("pressure")[0].as_py())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == [7.0, 7.0, None] * 2


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        ("early", "no history"),
        ("another ttl", "filled for another view 'gauges'"),
        ("no zone", "at .* has no time zone"),
        ("no column", "the entities have no column 'unit'"),
    ],
)
def test_what_it_cannot_answer_is_refused(home: Home, problem: str, reason: str) -> None:
    publish(home, [(1, NOON, NOON, 7, DAY)])
    materialize(SPEC, home, NOON)
    asked, declared, at = UNITS, SPEC, NOON
    if problem == "early":
        at = NOON - timedelta(microseconds=1)
    elif problem == "another ttl":
        declared = spec(ttl="3d")
    elif problem == "no zone":
        at = NOON.replace(tzinfo=None)
    else:
        asked = UNITS.rename_columns(["machine"])
    with pytest.raises(OnlineStoreError, match=reason):
        read_online(declared, home, asked, at)


def test_without_a_store_or_day_files_it_says_what_to_run(home: Home) -> None:
    with pytest.raises(OnlineStoreError, match="materialise plant/online_features"):
        read_online(SPEC, home, UNITS, NOON)
    with pytest.raises(ViewNotPublishedError, match="run the features stage first"):
        materialize(SPEC, home, NOON)
    assert not online_file(home, "plant").exists()


def test_killed_while_it_is_filled_the_store_stays_what_it_was(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(home, [(1, NOON, NOON, 7, DAY), (1, NOON + HOUR, NOON, 8, DAY)])
    materialize(SPEC, home, NOON)

    def killed(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store, "put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            materialize(SPEC, home, NOON + HOUR)
    assert pressures(home, 1) == [7.0, None, None, 7.0]
    assert [p.name for p in online_file(home, "plant").parent.iterdir()] == ["plant.db"]
    assert list(home.scratch.iterdir()) == []


def test_without_views_there_is_no_store_but_derived_features(home: Home) -> None:
    plain = spec(views=False).model_dump()
    plain["features"]["derived"] = {"twice": {"product": ["load", "urgent"]}}
    declared = UseCaseSpec.model_validate(plain)
    assert materialize(declared, home, NOON).entities == {}
    asked = pa.table({"load": pa.array([3, None], pa.int64()), "urgent": [True, True]})
    found = read_online(declared, home, asked, LATE)
    assert found.to_pydict() == {
        "load": [3.0, None],
        "urgent": [1.0, 1.0],
        "twice": [3.0, None],
    }
    with pytest.raises(DerivedFeatureError, match="'twice' is made of 'urgent'"):
        read_online(declared, home, asked.drop_columns(["urgent"]), LATE)


def test_the_asset_fills_it_with_what_was_known_at_the_close_of_the_day(home: Home) -> None:
    midnight = datetime(2026, 3, 9, tzinfo=UTC)
    publish(home, [(1, NOON, NOON, 7, DAY), (2, NOON, midnight + HOUR, 9, DAY)])
    ran = dg.materialize(
        [online_features_asset(SPEC)],
        partition_key=DAY.isoformat(),
        resources={"installation": Installation(root=str(home.root))},
    )
    (event,) = ran.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["known until"].value == midnight.isoformat()
    assert metadata["entities per view"].value == {"gauges": 1}
    found = read_online(SPEC, home, UNITS, midnight)
    assert found.column("pressure").to_pylist() == [7.0, None, None, 7.0]


def test_more_entities_than_sqlite_takes_at_once(home: Home) -> None:
    publish(home, [(1, NOON, NOON, 7, DAY)])
    materialize(SPEC, home, NOON)
    many = pa.table({"unit": pa.array(range(40_000), pa.int64())})
    column = read_online(SPEC, home, many, NOON).column("pressure")
    assert (column.null_count, column[1].as_py()) == (39_999, 7.0)


def test_values_of_every_type_come_back_and_a_fraction_is_no_key() -> None:
    for values, type_ in [
        ([True, None, False], pa.bool_()),
        ([2**63 - 1, None, -(2**63)], pa.int64()),
        ([-0.0, None, 5e-324], pa.float64()),
        (["", None, "é"], pa.string()),
        ([NOON + timedelta(microseconds=1), None], pa.timestamp("us", "UTC")),
        ([date(1900, 1, 1), None], pa.date32()),
    ]:
        column = pa.array(values, type_)
        assert from_values(to_values(column), type_).equals(column)
    with pytest.raises(ValueError, match="no key"):
        entity_keys(pa.array([1.5]), "unit")

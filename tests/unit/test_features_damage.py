"""Damaged files of the features: what can be made anew is, the rest is named with what to run."""

import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from assets.features.day_files import ViewNotPublishedError
from assets.features.online import materialize
from assets.features.point_in_time import Path as Way
from assets.features.point_in_time import join
from assets.features.publish import EMPTY, publish_days
from assets.features.views import apply, open_store
from assets.home import Home
from assets.lake import Lake
from tests.unit.test_features import DAY, LATE, NOON, SPEC, cases, pressures, publish, spec


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    publish(
        home,
        [(1, NOON, NOON, 7, DAY), (2, NOON, NOON, 8, DAY + timedelta(days=1))],
    )
    return home


def test_a_registry_that_is_no_database_any_more_is_made_anew(home: Home) -> None:
    assert apply(SPEC, home)
    (home.feast / "registry.db").write_bytes(b"no database at all " * 500)
    assert pressures(home, ("a", 1, NOON)) == [7.0]
    assert [s.name for s in open_store(home).list_feature_services()] == ["plant"]
    assert (home.feast / "damaged-registry.db").read_bytes().startswith(b"no database")
    assert not apply(SPEC, home)


def test_a_registry_somebody_else_is_writing_to_is_left_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The step is tried again later: nothing is wrong with the file.
    assert apply(SPEC, home)
    monkeypatch.setattr("sqlite3.connect", _impatient)
    with sqlite3.connect(home.feast / "registry.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OperationalError, match="locked"):
            apply(spec(ttl="3d"), home)
    assert sorted(p.name for p in home.feast.glob("*registry*")) == ["registry.db"]


_connect = sqlite3.connect


def _impatient(*given: object, **options: object) -> sqlite3.Connection:
    return _connect(*given, **(options | {"timeout": 0.05}))  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("way", ["feast", "asof"])
def test_a_damaged_day_file_is_named_and_published_again(home: Home, way: Way) -> None:
    path = home.feature_view("plant", "gauges") / "2026-03-08.parquet"
    whole = path.read_bytes()
    # In its middle: where it ends it still says what it ought to hold.
    path.write_bytes(whole[:8] + b"\0" * 40 + whole[48:])
    asked = cases(("a", 1, NOON))
    told = "plant/gauges_view of 2026-03-08 again"
    with pytest.raises(ViewNotPublishedError, match=told):
        join(SPEC, home, asked, as_of=LATE, path=way)
    with pytest.raises(ViewNotPublishedError, match=told):
        materialize(SPEC, home, NOON)
    publish_days(Lake(home.lake), home, SPEC, "gauges", DAY, DAY)
    assert join(SPEC, home, asked, as_of=LATE, path=way).column("pressure").to_pylist() == [7.0]


def test_a_damaged_schema_is_refused_and_published_again(home: Home) -> None:
    path = home.feature_view("plant", "gauges") / EMPTY
    path.write_bytes(b"?")
    with pytest.raises(ViewNotPublishedError, match="publish it again"):
        join(SPEC, home, cases(("a", 1, NOON)), as_of=LATE)
    publish_days(Lake(home.lake), home, SPEC, "gauges", DAY, DAY)
    assert pressures(home, ("a", 1, NOON)) == [7.0]


def test_what_is_wrong_elsewhere_is_not_blamed_on_the_day_files(home: Home) -> None:
    import duckdb

    shutil.copyfile(
        home.feature_view("plant", "gauges") / EMPTY,
        home.feature_view("plant", "gauges") / "2026-03-20.parquet",
    )
    from assets.features.day_files import reading

    with pytest.raises(duckdb.OutOfMemoryException), reading(SPEC, home):
        raise duckdb.OutOfMemoryException("too little")

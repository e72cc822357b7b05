"""Publishing, joining and the model's tables, on cases small enough to check by eye."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.features.columns import FeatureSpecError, check_joinable, stored_name
from assets.features.point_in_time import PointInTimeError, join
from assets.features.publish import publish_days
from assets.features.sets import NoMaturedLabelsError, scoring_set, set_schema, training_set
from assets.features.views import apply, feast_objects, open_store
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec
from assets.tables import LABELS, POPULATION, TIMESTAMP, features

DAY = date(2026, 3, 8)
NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)
LATE = NOON + timedelta(days=365)

FACTS = pa.schema(
    [
        ("unit", pa.int64()),
        ("measured_at", TIMESTAMP),
        ("loaded_at", TIMESTAMP),
        ("pressure", pa.int64()),
        ("partition_date", pa.date32()),
    ]
)
CASES = pa.schema(
    [
        ("event_id", pa.string()),
        ("unit", pa.int64()),
        ("happened_at", TIMESTAMP),
        ("load", pa.int64()),
        ("urgent", pa.bool_()),
        ("kind", pa.string()),
        ("partition_date", pa.date32()),
    ]
)
LABEL_ROWS = pa.schema(
    [
        ("event_id", pa.string()),
        ("label", pa.int64()),
        ("observed_at", TIMESTAMP),
        ("partition_date", pa.date32()),
    ]
)


def spec(**view: Any) -> UseCaseSpec:
    gauges = {
        "entity": "unit",
        "timestamp": "measured_at",
        "created": "loaded_at",
        "ttl": "2d",
        "columns": ["pressure"],
    }
    return UseCaseSpec.model_validate(
        {
            "name": "plant",
            "owners": ["team:plant"],
            "start": "2026-03-01",
            "sources": {
                "events": {
                    "columns": {
                        "event_id": {"type": "string"},
                        "unit": {"type": "int", "required": False},
                        "happened_at": {"type": "timestamp"},
                        "load": {"type": "int", "required": False},
                        "urgent": {"type": "bool"},
                        "kind": {"type": "string"},
                    }
                },
                "gauges": {
                    "columns": {
                        "unit": {"type": "int"},
                        "measured_at": {"type": "timestamp"},
                        "loaded_at": {"type": "timestamp"},
                        "pressure": {"type": "int", "unit": "bar", "description": "Gauge."},
                        "event_id": {"type": "string"},
                        "day": {"type": "date"},
                        "text_unit": {"type": "string"},
                    }
                },
                "outcomes": {
                    "columns": {
                        "event_id": {"type": "string"},
                        "failed": {"type": "bool"},
                        "seen_at": {"type": "timestamp"},
                    }
                },
            },
            "population": {
                "source": "events",
                "key": "event_id",
                "entity": "unit",
                "event_timestamp": "happened_at",
            },
            "label": {
                "source": "outcomes",
                "column": "failed",
                "positive": True,
                "observed_at": "seen_at",
                "matures_after": "10d",
            },
            "features": {
                "request": ["load", "urgent"],
                "views": {"gauges": gauges | view} if view.pop("views", True) else {},
            },
            "deny": ["kind"],
        }
    )


SPEC = spec()


def put(home: Home, table: str, schema: pa.Schema, rows: list[tuple[Any, ...]]) -> Lake:
    """Make ``rows`` the whole content of a lake table."""
    lake = Lake(home.lake)
    lake.ensure(SPEC.name, table, schema)
    content = [dict(zip(schema.names, row, strict=True)) for row in rows]
    lake.replace_days(
        SPEC.name,
        table,
        date(2000, 1, 1),
        date(2030, 1, 1),
        pa.Table.from_pylist(content, schema=schema),
    )
    return lake


def publish(home: Home, rows: list[tuple[Any, ...]]) -> None:
    publish_days(put(home, features("gauges"), FACTS, rows), home, SPEC, "gauges")


def cases(*rows: tuple[str, int | None, datetime | None]) -> pa.Table:
    schema = pa.schema([CASES.field(c) for c in ("event_id", "unit", "happened_at")])
    return pa.Table.from_pylist(
        [dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema
    )


def pressures(home: Home, *rows: tuple[str, int | None, datetime | None]) -> list[float | None]:
    found: list[float | None] = (
        join(SPEC, home, cases(*rows), as_of=LATE).column("pressure").to_pylist()
    )
    return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


# --- the join -----------------------------------------------------------------------------------


def test_both_ends_of_the_window_are_inclusive_across_a_clock_change(home: Home) -> None:
    # New York put its clocks forward in the night to 8 March 2026: calendar days are not 24 hours.
    measured = NOON - timedelta(days=1)
    publish(home, [(1, measured, measured, 7, DAY)])
    second = timedelta(microseconds=1)
    assert pressures(
        home,
        ("before", 1, measured - second),
        ("start", 1, measured),
        ("end", 1, measured + timedelta(days=2)),
        ("after", 1, measured + timedelta(days=2) + second),
        ("nobody", 9, NOON),
        ("no key", None, NOON),
    ) == [None, 7.0, 7.0, None, None, None]


def test_the_time_zone_of_the_machine_does_not_matter() -> None:
    environment = os.environ | {"TZ": "America/New_York"}
    test = (
        f"{__file__}::{test_both_ends_of_the_window_are_inclusive_across_a_clock_change.__name__}"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_of_two_facts_with_one_timestamp_the_last_created_one_known_then_counts(home: Home) -> None:
    hour = timedelta(hours=1)
    publish(
        home,
        [
            (1, NOON, NOON + hour, 11, DAY),
            (1, NOON, NOON, 10, DAY),
            (1, NOON, NOON + 2 * hour, 12, DAY + timedelta(days=1)),
        ],
    )
    assert pressures(home, ("a", 1, NOON), ("b", 1, NOON + hour), ("c", 1, NOON + 5 * hour)) == [
        10.0,
        11.0,
        12.0,
    ]


def test_a_null_key_does_not_blur_long_keys(home: Home) -> None:
    publish(home, [(2**60 + 1, NOON, NOON, 1, DAY), (2**60, NOON, NOON, 2, DAY)])
    assert pressures(home, ("a", 2**60, NOON), ("b", None, NOON), ("c", 2**60 + 1, NOON)) == [
        2.0,
        None,
        1.0,
    ]


def test_only_null_keys_and_no_cases_at_all_keep_their_shape(home: Home) -> None:
    publish(home, [(1, NOON, NOON, 7, DAY)])
    assert pressures(home, ("a", None, NOON), ("b", None, NOON)) == [None, None]
    empty = join(SPEC, home, cases(), as_of=LATE)
    assert empty.schema.field("pressure").type == pa.float64()
    assert empty.num_rows == 0


def test_a_view_without_facts_gives_nulls(home: Home) -> None:
    publish_days(Lake(home.lake), home, SPEC, "gauges")  # not even a lake table
    assert pressures(home, ("a", 1, NOON)) == [None]


def test_columns_of_the_cases_come_back_as_they_were_even_under_the_joins_own_names(
    home: Home,
) -> None:
    publish(home, [(1, NOON, NOON, 7, DAY)])
    asked = cases(("b", 1, NOON), ("a", 1, NOON))
    for name in ("event_timestamp", "rn", "pressure_y", "measured_at", "case_position"):
        asked = asked.append_column(name, pa.array(["x", "y"]))
    joined = join(SPEC, home, asked, as_of=LATE)
    assert joined.drop_columns(["pressure"]).equals(asked)
    assert joined.column("pressure").to_pylist() == [7.0, 7.0]


@pytest.mark.parametrize(
    ("rows", "as_of", "reason"),
    [
        ([("a", 1, NOON), ("a", 2, NOON)], LATE, "only 1 different 'event_id'"),
        ([("a", 1, NOON)], NOON - timedelta(microseconds=1), "after the as-of time"),
        ([("a", 1, None)], LATE, "1 of 1 cases have no 'happened_at'"),
        ([("a", 1, NOON)], LATE.replace(tzinfo=None), "no time zone"),
    ],
)
def test_cases_that_cannot_be_joined_are_refused(
    home: Home, rows: list[Any], as_of: datetime, reason: str
) -> None:
    publish(home, [])
    with pytest.raises(PointInTimeError, match=reason):
        join(SPEC, home, cases(*rows), as_of=as_of)


def test_a_view_never_published_or_published_with_other_columns_is_refused(home: Home) -> None:
    with pytest.raises(PointInTimeError, match="never published"):
        join(SPEC, home, cases(("a", 1, NOON)), as_of=LATE)
    publish(home, [])
    with pytest.raises(PointInTimeError, match="publish it again"):
        join(spec(columns=["text_unit"]), home, cases(("a", 1, NOON)), as_of=LATE)


def test_an_answer_with_fewer_rows_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(home, [(1, NOON, NOON, 7, DAY)])
    short = cases(("a", 1, NOON), ("b", 1, NOON))
    from assets.features import point_in_time

    ask = point_in_time._ask_feast
    monkeypatch.setattr(point_in_time, "_ask_feast", lambda *given: ask(*given).slice(1))
    with pytest.raises(PointInTimeError, match="2 cases went into the join, 1 came out"):
        join(SPEC, home, short, as_of=LATE)


# --- what a spec may ask for --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        ({"columns": ["event_id"]}, "'event_id' is also a column of the population"),
        ({"columns": ["loaded_at"]}, "a key or time of the view"),
        ({"columns": ["unit"]}, "a key or time of the view"),
        ({"timestamp": "day"}, "'day' is a date; declare it type: timestamp"),
        ({"ttl": "36h"}, "write 1d or 2d"),
        ({"ttl": "0d"}, "for ever"),
    ],
)
def test_features_feast_would_get_wrong_are_refused(view: dict[str, Any], reason: str) -> None:
    with pytest.raises(FeatureSpecError, match=reason):
        check_joinable(spec(**view))


def test_names_feast_can_bear_are_left_alone() -> None:
    check_joinable(SPEC)
    assert [stored_name(c) for c in ("pressure", "pos_y", "rn", "a:b [K]")] == [
        "pressure",
        "pos_y_",
        "rn_",
        "a_b__K_",
    ]


# --- the registry -------------------------------------------------------------------------------


def test_applying_twice_changes_nothing_and_other_use_cases_stay(home: Home) -> None:
    other = SPEC.model_copy(update={"name": "other"})
    assert apply(SPEC, home)
    assert apply(other, home)
    assert not apply(SPEC, home)
    assert apply(spec(ttl="3d"), home)
    store = open_store(home)
    assert {s.name for s in store.list_feature_services()} == {"plant", "other"}
    view = store.get_feature_view("plant__gauges")
    assert view.ttl == timedelta(days=3)
    field = next(f for f in view.schema if f.name == "pressure")
    assert (view.owner, field.description, field.tags) == ("team:plant", "Gauge.", {"unit": "bar"})
    assert view.batch_source.created_timestamp_column == "loaded_at"


def test_a_use_case_without_views_needs_no_feast(home: Home) -> None:
    plain = spec(views=False)
    assert feast_objects(plain, home) == []
    assert not apply(plain, home)
    asked = cases(("a", 1, NOON))
    assert join(plain, home, asked, as_of=LATE).equals(asked)


# --- day files ----------------------------------------------------------------------------------


def test_a_day_is_written_once_and_again_only_when_it_changes(home: Home) -> None:
    next_day = DAY + timedelta(days=1)
    old = date(2017, 1, 1)
    rows = [(1, NOON, NOON, 7, DAY), (2, NOON, NOON, 8, next_day), (3, NOON, NOON, 9, old)]
    lake = put(home, features("gauges"), FACTS, rows)
    assert publish_days(lake, home, SPEC, "gauges").written == [old, DAY, next_day]
    folder = home.feature_view("plant", "gauges")
    stamps = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    again = publish_days(lake, home, SPEC, "gauges")
    assert (again.written, again.unchanged, again.rows) == ([], 3, 3)
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == stamps

    lake = put(home, features("gauges"), FACTS, [(1, NOON, NOON, 70, DAY), rows[2]])
    changed = publish_days(lake, home, SPEC, "gauges", DAY, next_day)
    assert (changed.written, changed.removed) == ([DAY], [next_day])
    assert sorted(p.name for p in folder.iterdir()) == [
        "2017-01-01.parquet",
        "2026-03-08.parquet",
        "schema.parquet",
    ]
    assert pq.read_schema(folder / "2026-03-08.parquet").field("measured_at").type == TIMESTAMP


def test_a_damaged_day_file_is_written_again(home: Home) -> None:
    publish(home, [(1, NOON, NOON, 7, DAY)])
    path = home.feature_view("plant", "gauges") / "2026-03-08.parquet"
    path.write_bytes(path.read_bytes()[:40])
    publish(home, [(1, NOON, NOON, 7, DAY)])
    assert pq.read_table(path).column("pressure").to_pylist() == [7]


def test_the_first_arrival_of_a_fact_stands_and_what_cannot_be_joined_stays_out(home: Home) -> None:
    next_day = DAY + timedelta(days=1)
    rows = [
        (1, NOON, NOON, 7, DAY),
        (1, NOON, NOON, 8, next_day),
        (None, NOON, NOON, 1, next_day),
        (2, None, NOON, 1, next_day),
    ]
    lake = put(home, features("gauges"), FACTS, rows)
    publish_days(lake, home, SPEC, "gauges", DAY, DAY)
    later = publish_days(lake, home, SPEC, "gauges", next_day, next_day)
    assert (later.rows, later.repeated, later.unusable) == (0, 1, 2)
    assert pressures(home, ("a", 1, NOON)) == [7.0]


def test_when_a_day_changes_the_later_days_fall_in_line(home: Home) -> None:
    next_day = DAY + timedelta(days=1)
    again = (1, NOON, NOON, 8, next_day)
    publish(home, [again])
    lake = put(home, features("gauges"), FACTS, [(1, NOON, NOON, 7, DAY), again])
    changed = publish_days(lake, home, SPEC, "gauges", DAY, DAY)
    assert (changed.written, changed.removed) == ([DAY], [next_day])
    assert pressures(home, ("a", 1, NOON)) == [7.0]


# --- the model's tables -------------------------------------------------------------------------


def events(home: Home, *days: int) -> Lake:
    """One event per day offset from 1 March, at noon, on unit 1; no load on the first."""
    rows = []
    for i, offset in enumerate(days):
        at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(days=offset)
        rows.append((f"e{offset}", 1, at, None if i == 0 else 5, True, "x", at.date()))
    return put(home, POPULATION, CASES, rows)


def label(key: str, value: int, offset: int, arrived: int | None = None) -> tuple[Any, ...]:
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=offset)
    return (key, value, at, date(2026, 3, 1) + timedelta(offset if arrived is None else arrived))


def test_the_scoring_set_has_the_days_cases_in_the_declared_types(home: Home) -> None:
    lake = events(home, 6, 7)
    publish(home, [(1, NOON - timedelta(hours=1), NOON, 7, DAY)])
    scored = scoring_set(SPEC, lake, home, DAY)
    assert scored.schema == set_schema(SPEC, label=False)
    assert scored.to_pylist() == [
        {
            "event_id": "e7",
            "unit": 1,
            "happened_at": NOON,
            "load": 5.0,
            "urgent": 1.0,
            "kind": "x",
            "pressure": 7.0,
        }
    ]
    nothing = scoring_set(SPEC, lake, home, DAY + timedelta(days=1))
    assert (nothing.num_rows, nothing.schema) == (0, set_schema(SPEC, label=False))


def test_only_matured_cases_with_a_label_known_by_then_are_trained_on(home: Home) -> None:
    lake = events(home, 0, 1, 2, 3, 9)
    publish(home, [])
    put(
        home,
        LABELS,
        LABEL_ROWS,
        [
            label("e0", 0, 4),
            label("e0", 1, 11),  # the later word on e0
            label("e1", 0, 9),
            label("e1", 1, 30),  # not observed yet
            label("e2", 1, 10, arrived=20),  # observed, but nobody had told us
            label("e9", 1, 10),  # not matured
        ],
    )
    as_of = datetime(2026, 3, 14, tzinfo=UTC)
    rows = training_set(SPEC, lake, home, as_of)
    assert rows.schema == set_schema(SPEC, label=True)
    assert [(r["event_id"], r["label"]) for r in rows.to_pylist()] == [("e0", 1), ("e1", 0)]
    later = training_set(SPEC, lake, home, as_of + timedelta(days=60))
    assert [(r["event_id"], r["label"]) for r in later.to_pylist()] == [
        ("e0", 1),
        ("e1", 1),
        ("e2", 1),
        ("e9", 1),
    ]
    # Nights that were stopped at a gate teach nothing, and take nothing from the others.
    by_day = dict(
        zip(
            *(
                lake.read(SPEC.name, POPULATION).column(c).to_pylist()
                for c in ("event_id", PARTITION)
            ),
            strict=True,
        )
    )
    assert len(set(by_day.values())) > 1
    for stopped in set(by_day.values()):
        kept = training_set(SPEC, lake, home, as_of + timedelta(days=60), without=[stopped])
        assert kept.column("event_id").to_pylist() == [
            event for event in later.column("event_id").to_pylist() if by_day[event] != stopped
        ]


def test_without_matured_labels_the_error_says_when_the_first_come(home: Home) -> None:
    lake = events(home, 0, 1)
    put(home, LABELS, LABEL_ROWS, [])
    early = datetime(2026, 3, 5, tzinfo=UTC)
    with pytest.raises(NoMaturedLabelsError, match=r"the first will on 2026-03-11T12:00:00"):
        training_set(SPEC, lake, home, early)
    with pytest.raises(NoMaturedLabelsError, match="'outcomes' has brought no label"):
        training_set(SPEC, lake, home, early + timedelta(days=30))
    with pytest.raises(NoMaturedLabelsError, match="run the nights first"):
        training_set(SPEC, lake, home, early - timedelta(days=30))

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

from assets.features.columns import LABEL, FeatureSpecError, check_joinable, stored_name
from assets.features.day_files import ViewNotPublishedError
from assets.features.feast_join import FeastAnswerError
from assets.features.lineage import feature_lineage
from assets.features.point_in_time import VOLUME, PointInTimeError, join, path_for
from assets.features.point_in_time import Path as Way
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
WAYS: tuple[Way, ...] = ("feast", "asof")


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
    """What both ways of the join find."""
    by_feast, by_asof = (
        join(SPEC, home, cases(*rows), as_of=LATE, path=way).column("pressure").to_pylist()
        for way in WAYS
    )
    assert by_feast == by_asof
    found: list[float | None] = by_asof
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
        [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", test],
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
    with pytest.raises(ViewNotPublishedError, match="never published"):
        join(SPEC, home, cases(("a", 1, NOON)), as_of=LATE)
    publish(home, [])
    with pytest.raises(ViewNotPublishedError, match="publish it again"):
        join(spec(columns=["text_unit"]), home, cases(("a", 1, NOON)), as_of=LATE)


def test_volume_goes_by_asof_join_and_either_way_can_be_asked_for(home: Home) -> None:
    assert (path_for(VOLUME - 1), path_for(VOLUME)) == ("feast", "asof")
    publish(home, [(1, NOON, NOON, 7, DAY), (1, NOON, NOON + timedelta(hours=1), 8, DAY)])
    asked = cases(("b", 1, NOON), ("a", None, NOON), ("c", 1, NOON + timedelta(hours=1)))
    ways = [join(SPEC, home, asked, as_of=LATE, path=way) for way in (None, *WAYS)]
    assert ways[0].equals(ways[1])
    assert ways[0].equals(ways[2])
    assert ways[0].column("pressure").to_pylist() == [7.0, None, 8.0]


def test_a_late_older_fact_never_hides_a_newer_one_known_before(home: Home) -> None:
    hour = timedelta(hours=1)
    publish(
        home,
        [
            (1, NOON, NOON, 1, DAY),
            (1, NOON - hour, NOON + 2 * hour, 2, DAY),  # older, and known later
            (1, NOON + hour, NOON + 2 * hour, 3, DAY),  # known at the same instant
            (1, NOON + hour, NOON + 3 * hour, 4, DAY),
        ],
    )
    asked = cases(*((f"c{i}", 1, NOON + i * hour) for i in range(4)))
    for way in WAYS:
        joined = join(SPEC, home, asked, as_of=LATE, path=way)
        assert joined.column("pressure").to_pylist() == [1.0, 1.0, 3.0, 4.0]


def test_columns_under_the_asof_joins_own_names_do_not_clash(home: Home) -> None:
    text = spec().model_dump_json()
    ours = {"measured_at": "known_at", "loaded_at": "happened_at", "pressure": "value_0"}
    for name, clash in ours.items():
        text = text.replace(f'"{name}"', f'"{clash}"')
    text = text.replace('"text_unit"', '"entity"').replace('["value_0"]', '["value_0","entity"]')
    declared = UseCaseSpec.model_validate_json(text)
    facts = pa.schema(
        [
            ("unit", pa.int64()),
            ("known_at", TIMESTAMP),
            ("happened_at", TIMESTAMP),
            ("value_0", pa.int64()),
            ("entity", pa.string()),
            ("partition_date", pa.date32()),
        ]
    )
    late = NOON + timedelta(hours=1)
    lake = put(home, features("gauges"), facts, [(1, NOON, late, 7, "x", DAY)])
    publish_days(lake, home, declared, "gauges")
    asked = pa.table(
        {"event_id": ["a", "b"], "unit": [1, 1], "happened_at": pa.array([NOON, late], TIMESTAMP)}
    )
    population = declared.population.model_copy(update={"event_timestamp": "happened_at"})
    declared = declared.model_copy(update={"population": population})
    joined = join(declared, home, asked, as_of=LATE, path="asof")
    assert joined.column("value_0").to_pylist() == [None, 7.0]
    assert joined.column("entity").to_pylist() == [None, "x"]


def test_an_answer_with_fewer_rows_or_rows_out_of_place_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(home, [(1, NOON, NOON, 7, DAY)])
    asked = cases(("a", 1, NOON), ("b", 1, NOON))
    from assets.features import feast_join

    ask = feast_join._ask
    monkeypatch.setattr(feast_join, "_ask", lambda *given: ask(*given).slice(1))
    with pytest.raises(FeastAnswerError, match="2 cases went into the join, 1 came out"):
        join(SPEC, home, asked, as_of=LATE)
    monkeypatch.setattr(feast_join, "_ask", lambda *given: ask(*given).take([1, 0]))
    with pytest.raises(FeastAnswerError, match="other 'case_position' than it was asked for"):
        join(SPEC, home, asked, as_of=LATE)


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
            label("e1", 1, 31, arrived=6),  # nor this one, whatever day brought it
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
    # What people decided stands in where no outcome was observed, once the case is old enough.
    people = pa.table(
        {
            "event_id": ["e2", "e9"],
            "label": pa.array([0, 0], pa.int64()),
            "observed_at": pa.array([as_of, as_of], TIMESTAMP),
        }
    )
    rows = training_set(SPEC, lake, home, as_of, reviewed=people)
    assert [(r["event_id"], r["label"]) for r in rows.to_pylist()] == [
        ("e0", 1),
        ("e1", 0),
        ("e2", 0),
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


def test_labels_have_the_type_of_the_task_and_the_time_they_became_known(home: Home) -> None:
    lake = events(home, 0, 1)
    publish(home, [])
    declared = SPEC.model_dump()
    wanted: dict[str, tuple[pa.DataType, list[Any]]] = {
        "binary": (pa.int64(), [1, 0]),
        "multiclass": (pa.string(), ["leak", "crack"]),
        "regression": (pa.float64(), [0.25, -3.5]),
    }
    for task, (kind, values) in wanted.items():
        declared["name"] = f"plant_{task}"
        declared["model"] = {"task": task}
        declared["label"]["positive"] = True if task == "binary" else None
        types = {"binary": "bool", "multiclass": "string", "regression": "float"}
        declared["sources"]["outcomes"]["columns"]["failed"] = {"type": types[task]}
        one = UseCaseSpec.model_validate(declared)
        rows = [(f"e{i}", value, i + 2) for i, value in enumerate(values)]
        labels = pa.Table.from_pylist(
            [
                dict(zip(LABEL_ROWS.names, (key, value, *label(key, 0, day)[2:]), strict=True))
                for key, value, day in rows
            ],
            schema=LABEL_ROWS.set(1, pa.field("label", kind)),
        )
        for table, content in (
            (POPULATION, lake.read(SPEC.name, POPULATION)),
            (LABELS, labels),
        ):
            lake.ensure(one.name, table, content.schema)
            lake.replace_days(one.name, table, date(2026, 1, 1), date(2027, 1, 1), content)
        publish_days(lake, home, one, "gauges")
        found = training_set(one, lake, home, LATE)
        assert found.schema == set_schema(one, label=True)
        assert found.schema.field(LABEL).type == kind
        assert found.column(LABEL).to_pylist() == values
        assert found.column("label_observed_at").to_pylist() == [
            datetime(2026, 3, 3, tzinfo=UTC),
            datetime(2026, 3, 4, tzinfo=UTC),
        ]


def test_only_the_latest_span_is_trained_on_where_a_window_is_declared(home: Home) -> None:
    lake = events(home, 0, 1, 2, 3)
    publish(home, [])
    put(home, LABELS, LABEL_ROWS, [label(f"e{i}", 0, 5) for i in range(4)])
    # By noon of the 13th the events to noon of the 3rd have matured: e0, e1 and e2.
    noon = datetime(2026, 3, 13, 12, tzinfo=UTC)

    def keys(window: str | None, as_of: datetime) -> list[str]:
        model = SPEC.model.model_copy(update={"window": window})
        rows = training_set(SPEC.model_copy(update={"model": model}), lake, home, as_of)
        found: list[str] = rows.column("event_id").to_pylist()
        return found

    assert keys(None, noon) == ["e0", "e1", "e2"]
    assert keys("2d", noon) == ["e1", "e2"]
    assert keys("1d", noon) == ["e2"]
    with pytest.raises(NoMaturedLabelsError, match=r"none in the 1d that model\.window"):
        keys("1d", noon + timedelta(days=30))


def snapshot_spec() -> UseCaseSpec:
    """Rows that bring their own label and have it at once."""
    declared = spec(views=False).model_dump()
    declared["name"] = "once"
    declared["sources"]["events"]["columns"]["failed"] = {"type": "bool"}
    declared["label"] = {
        "source": "events",
        "column": "failed",
        "positive": True,
        "observed_at": "happened_at",
        "matures_after": "0d",
    }
    declared["features"]["derived"] = {"strain": {"product": ["load", "urgent"]}}
    return UseCaseSpec.model_validate(declared)


def test_a_snapshot_brings_its_own_labels_and_they_mature_at_once(home: Home) -> None:
    once = snapshot_spec()
    lake = events(home, 0, 1)
    rows = lake.read(SPEC.name, POPULATION)
    lake.ensure(once.name, POPULATION, rows.schema)
    lake.replace_days(once.name, POPULATION, date(2026, 1, 1), date(2027, 1, 1), rows)
    labels = rows.select(["event_id", "happened_at", PARTITION]).append_column(
        LABEL, pa.array([1, 0], pa.int64())
    )
    labels = labels.rename_columns(["event_id", "observed_at", PARTITION, LABEL])
    lake.ensure(once.name, LABELS, LABEL_ROWS)
    lake.replace_days(once.name, LABELS, date(2026, 1, 1), date(2027, 1, 1), labels)
    found = training_set(once, lake, home, datetime(2026, 3, 3, tzinfo=UTC))
    assert found.schema == set_schema(once, label=True)
    assert sorted(found.column(LABEL).to_pylist()) == [0, 1]
    assert found.column("strain").to_pylist() == [None, 5.0]
    assert scoring_set(once, lake, home, date(2026, 3, 2)).column("strain").to_pylist() == [5.0]


# --- lineage ------------------------------------------------------------------------------------


def with_derived_features() -> UseCaseSpec:
    declared = SPEC.model_dump()
    declared["features"]["derived"] = {"strain": {"ratio": ["pressure", "load"]}}
    return UseCaseSpec.model_validate(declared)


def test_every_feature_says_where_it_comes_from() -> None:
    declared = with_derived_features()
    found = {one["feature"]: one for one in feature_lineage(declared)}
    assert list(found) == declared.feature_names == ["load", "urgent", "pressure", "strain"]
    assert found["load"]["source"] == "events"
    assert (found["load"]["mart"], found["load"]["view"]) == ("population", None)
    assert found["pressure"] == {
        "feature": "pressure",
        "source": "gauges",
        "source_column": "pressure",
        "mart": "features_gauges",
        "view": "gauges",
        "unit": "bar",
        "description": "Gauge.",
        "operands": None,
    }
    assert found["strain"]["operands"] == ["pressure", "load"]
    assert found["strain"]["source_column"] == "pressure / load"


def test_dagster_knows_what_each_column_is_made_of() -> None:
    import dagster as dg

    from assets.features.assets import scoring_set_asset, training_set_asset, view_asset

    declared = with_derived_features()

    def made_of(asset: dg.AssetsDefinition) -> dict[str, list[tuple[str, str]]]:
        (one,) = asset.specs
        lineage = one.metadata["dagster/column_lineage"]
        schema = one.metadata["dagster/column_schema"]
        assert [c.name for c in schema.columns] == list(lineage.deps_by_column)
        upstream = {dep.asset_key for dep in one.deps}
        assert {d.asset_key for deps in lineage.deps_by_column.values() for d in deps} <= upstream
        return {
            column: [(dep.asset_key.path[-1], dep.column_name) for dep in deps]
            for column, deps in lineage.deps_by_column.items()
        }

    scored = made_of(scoring_set_asset(declared))
    assert scored["load"] == [("population", "load")]
    assert scored["pressure"] == [("gauges_view", "pressure")]
    assert scored["strain"] == [("gauges_view", "pressure"), ("population", "load")]
    trained = made_of(training_set_asset(declared))
    assert trained[LABEL] == [("labels", "label")]
    assert trained["label_observed_at"] == [("labels", "observed_at")]
    assert made_of(view_asset(declared, "gauges"))["pressure"] == [("features_gauges", "pressure")]


def test_feast_is_told_what_is_made_of_its_features(home: Home) -> None:
    declared = with_derived_features()
    assert apply(declared, home)
    assert not apply(declared, home)
    service = open_store(home).get_feature_service("plant")
    assert service.tags["derived.strain"] == "pressure / load"


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


def test_a_night_stopped_at_either_gate_teaches_nothing(home: Home) -> None:
    import dagster as dg

    from assets.features.assets import training_set_asset
    from assets.features.coverage import GATE as COVERAGE
    from assets.gate_results import GateResult, Verdict, record
    from assets.quality.scoring_population import GATE
    from orchestration.resources.installation import Installation

    lake = events(home, 0, 1, 2)
    publish(home, [])
    put(home, LABELS, LABEL_ROWS, [label(f"e{i}", 0, 5) for i in range(3)])

    def judged(offset: int, gate: str, verdict: Verdict) -> None:
        result = GateResult(gate, "scoring_set", verdict, "", {}, {}, "")
        night = date(2026, 3, 1) + timedelta(days=offset)
        record(lake, SPEC.name, night, result, spec_version="", run_id="")

    def trained_on(declared: UseCaseSpec) -> list[str]:
        ran = dg.materialize(
            [training_set_asset(declared)],
            partition_key="2026-03-20",
            resources={"installation": Installation(root=str(home.root))},
        )
        assert ran.success
        rows = lake.read_day(SPEC.name, "training_set", date(2026, 3, 20))
        found: list[str] = rows.column("event_id").to_pylist()
        return found

    for gate in (GATE, COVERAGE):
        judged(0, gate, "pass")
    assert trained_on(SPEC) == ["e0", "e1", "e2"]
    judged(1, GATE, "fail")
    judged(2, COVERAGE, "fail")
    assert trained_on(SPEC) == ["e0"]
    judged(2, COVERAGE, "pass")
    assert trained_on(SPEC) == ["e0", "e2"]


def test_a_night_run_again_writes_nothing_anywhere(home: Home) -> None:
    import dagster as dg

    from assets.features.assets import scoring_set_asset, view_asset
    from orchestration.resources.installation import Installation

    lake = events(home, 6, 7)
    put(home, features("gauges"), FACTS, [(1, NOON - timedelta(hours=1), NOON, 7, DAY)])

    def night() -> tuple[dict[str, tuple[int, int]], int]:
        ran = dg.materialize(
            [view_asset(SPEC, "gauges"), scoring_set_asset(SPEC)],
            partition_key=DAY.isoformat(),
            resources={"installation": Installation(root=str(home.root))},
        )
        assert ran.success
        folders = (home.feature_view(SPEC.name, "gauges"), home.feast)
        files = [p for folder in folders for p in folder.rglob("*") if p.is_file()]
        stamps = {str(p): (p.stat().st_ino, p.stat().st_mtime_ns) for p in files}
        return stamps, lake.version(SPEC.name, "scoring_set")

    first = night()
    assert any(name.endswith("registry.db") for name in first[0])
    assert any(name.endswith(f"{DAY}.parquet") for name in first[0])
    assert night() == first

"""What is read online is what the offline join gives, bit for bit: present, expired, missing, null.

The offline join is held to a brute-force reference in ``test_point_in_time.py``; here the same
facts go through both, on a home filled anew for every example. Each filling is compared with the
offline values by itself too, so this also shows that the check stays silent where nothing is wrong.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.features.derived import with_derived
from assets.features.online import materialize, read_online
from assets.features.point_in_time import join
from assets.features.publish import publish_days
from assets.home import Home
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import TIMESTAMP, features

START = datetime(2026, 3, 1, tzinfo=UTC)
STEP = timedelta(hours=12)
TTL = timedelta(hours=48)

SPEC = UseCaseSpec.model_validate(
    {
        "name": "online",
        "start": "2026-03-01",
        "sources": {
            "events": {
                "columns": {
                    "event_id": {"type": "string"},
                    "unit": {"type": "int", "required": False},
                    "site": {"type": "string", "required": False},
                    "happened_at": {"type": "timestamp"},
                    "load": {"type": "int", "required": False},
                }
            },
            "gauges": {
                "columns": {
                    "unit": {"type": "int"},
                    "read_at": {"type": "timestamp"},
                    "known_at": {"type": "timestamp"},
                    "level": {"type": "float", "required": False},
                    "count_y": {"type": "int", "required": False},
                    "state": {"type": "string", "required": False},
                }
            },
            "surveys": {
                "columns": {
                    "site": {"type": "string"},
                    "asked_at": {"type": "timestamp"},
                    "open": {"type": "bool", "required": False},
                    "since": {"type": "timestamp", "required": False},
                    "due": {"type": "date", "required": False},
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
            "matures_after": "1d",
        },
        "features": {
            "request": ["load"],
            "views": {
                "gauges": {
                    "entity": "unit",
                    "timestamp": "read_at",
                    "created": "known_at",
                    "ttl": "48h",
                    "columns": ["level", "count_y", "state"],
                },
                "surveys": {
                    "entity": "site",
                    "timestamp": "asked_at",
                    "ttl": "2d",
                    "columns": ["open", "since", "due"],
                },
            },
            "derived": {
                "share": {"ratio": ["level", "load"]},
                "gap": {"difference": ["count_y", "level"]},
            },
        },
    }
)
SCHEMAS = {
    "gauges": pa.schema(
        [
            ("unit", pa.int64()),
            ("read_at", TIMESTAMP),
            ("known_at", TIMESTAMP),
            ("level", pa.float64()),
            ("count_y", pa.int64()),
            ("state", pa.string()),
            ("partition_date", pa.date32()),
        ]
    ),
    "surveys": pa.schema(
        [
            ("site", pa.string()),
            ("asked_at", TIMESTAMP),
            ("open", pa.bool_()),
            ("since", TIMESTAMP),
            ("due", pa.date32()),
            ("partition_date", pa.date32()),
        ]
    ),
}
CASES = pa.schema(
    [
        ("event_id", pa.string()),
        ("unit", pa.int64()),
        ("site", pa.string()),
        ("happened_at", TIMESTAMP),
        ("load", pa.int64()),
    ]
)

TIMES = st.builds(
    lambda step, nudge: START + step * STEP + timedelta(microseconds=nudge),
    st.integers(0, 9),
    st.sampled_from([0, 0, 0, -1, 1, 499_999]),
)
UNITS = st.sampled_from([1, 2, 3, 2**60 + 1])
SITES = st.sampled_from(["a", "", "é", "1"])
DAYS = st.integers(0, 3).map(lambda d: (START + timedelta(days=d)).date())
GAUGES = st.lists(
    st.tuples(
        UNITS,
        TIMES,
        TIMES,
        st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.just(-0.0),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.sampled_from(["on", "", None]),
        DAYS,
    ),
    min_size=5,
    max_size=30,
)
SURVEYS = st.lists(
    st.tuples(
        SITES,
        TIMES,
        st.none() | st.booleans(),
        st.none() | TIMES,
        st.none() | st.dates(date(1900, 1, 1), date(2200, 1, 1)),
        DAYS,
    ),
    min_size=5,
    max_size=30,
)
ASKED = st.lists(
    st.tuples(UNITS | st.none(), SITES | st.none(), st.none() | st.integers(-2, 2)),
    min_size=1,
    max_size=20,
)
LATER = st.builds(
    lambda steps, nudge: max(steps * STEP + timedelta(microseconds=nudge), timedelta()),
    st.integers(0, 5),
    st.sampled_from([0, 0, -1, 1]),
)


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with TemporaryDirectory() as folder:
        home = Home(Path(folder))
        for view, schema in SCHEMAS.items():
            Lake(home.lake).ensure(SPEC.name, features(view), schema)
        yield home


def publish(home: Home, facts: dict[str, list[Any]]) -> None:
    lake = Lake(home.lake)
    for view, schema in SCHEMAS.items():
        rows = [dict(zip(schema.names, row, strict=True)) for row in facts[view]]
        content = pa.Table.from_pylist(rows, schema=schema)
        lake.replace_days(SPEC.name, features(view), date(2000, 1, 1), date(2100, 1, 1), content)
        publish_days(lake, home, SPEC, view)


def offline(home: Home, asked: list[Any], at: datetime) -> pa.Table:
    rows = [
        {"event_id": str(i), "unit": unit, "site": site, "happened_at": at, "load": load}
        for i, (unit, site, load) in enumerate(asked)
    ]
    cases = pa.Table.from_pylist(rows, schema=CASES)
    return with_derived(SPEC, join(SPEC, home, cases, as_of=at, path="asof"))


def online(home: Home, asked: list[Any], at: datetime) -> pa.Table:
    rows = [dict(zip(("unit", "site", "load"), row, strict=True)) for row in asked]
    schema = pa.schema([CASES.field(name) for name in ("unit", "site", "load")])
    return read_online(SPEC, home, pa.Table.from_pylist(rows, schema=schema), at)


def bits(column: pa.ChunkedArray) -> list[Any]:
    """Values such that -0.0 and 0.0 differ."""
    return [struct.pack("<d", v) if isinstance(v, float) else v for v in column.to_pylist()]


FEATURES = [name for name in SPEC.feature_names if name != "load"]
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(gauges=GAUGES, surveys=SURVEYS, asked=ASKED, until=TIMES, later=LATER)
def test_online_values_are_the_offline_values(
    home: Home,
    gauges: list[Any],
    surveys: list[Any],
    asked: list[Any],
    until: datetime,
    later: timedelta,
) -> None:
    publish(home, {"gauges": gauges, "surveys": surveys})
    materialize(SPEC, home, until)
    # From then on nothing new is known online: offline must not know it either.
    publish(
        home,
        {
            "gauges": [g for g in gauges if g[1] <= until and g[2] <= until],
            "surveys": [s for s in surveys if s[1] <= until],
        },
    )
    for at in (until, until + later, until + TTL + timedelta(microseconds=1)):
        here, there = online(home, asked, at), offline(home, asked, at)
        assert here.num_rows == len(asked)
        for name in FEATURES:
            assert here.schema.field(name).type == there.schema.field(name).type
            assert bits(here.column(name)) == bits(there.column(name)), name
    # By the last of them everything had expired.
    assert all(here.column(c).null_count == len(asked) for c in ("level", "state", "open"))

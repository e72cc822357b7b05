"""The point-in-time join, through Feast and by ASOF join, against a brute-force reference that
shares no code with either; and what must not change a value never does."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.features.point_in_time import Path as Way
from assets.features.point_in_time import join
from assets.features.publish import publish_days
from assets.home import Home
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import TIMESTAMP, features

START = datetime(2026, 3, 1, tzinfo=UTC)
STEP = timedelta(hours=12)
TTL = timedelta(hours=48)
END = START + timedelta(days=60)

SPEC = UseCaseSpec.model_validate(
    {
        "name": "parity",
        "start": "2026-03-01",
        "sources": {
            "events": {
                "columns": {
                    "event_id": {"type": "string"},
                    "unit": {"type": "int", "required": False},
                    "site": {"type": "string", "required": False},
                    "happened_at": {"type": "timestamp"},
                }
            },
            # Names Feast's join trips over when it gets them as they are.
            "gauges": {
                "columns": {
                    "unit": {"type": "int"},
                    "day_y": {"type": "timestamp"},
                    "rn": {"type": "timestamp"},
                    "position_y": {"type": "int", "required": False},
                    "state": {"type": "string", "required": False},
                }
            },
            "surveys": {
                "columns": {
                    "site": {"type": "string"},
                    "event_timestamp": {"type": "timestamp"},
                    "open": {"type": "bool", "required": False},
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
            "views": {
                "gauges": {
                    "entity": "unit",
                    "timestamp": "day_y",
                    "created": "rn",
                    "ttl": "48h",
                    "columns": ["position_y", "state"],
                },
                "surveys": {
                    "entity": "site",
                    "timestamp": "event_timestamp",
                    "ttl": "2d",
                    "columns": ["open"],
                },
            }
        },
    }
)


@dataclass(frozen=True)
class Gauge:
    unit: int
    at: datetime
    created: datetime | None  # None: nobody knows when we came to know it, so it never counts
    value: int | None
    state: str | None
    arrived: date


@dataclass(frozen=True)
class Survey:
    site: str
    at: datetime
    open: bool | None
    arrived: date


@dataclass(frozen=True)
class Case:
    unit: int | None
    site: str | None
    at: datetime


# A coarse grid makes ties and window edges common; a microsecond beside it tests the edge itself.
TIMES = st.builds(
    lambda step, nudge: START + step * STEP + timedelta(microseconds=nudge),
    st.integers(0, 9),
    st.sampled_from([0, 0, 0, 0, -1, 1]),
)
UNITS = st.sampled_from([1, 2, 2**60])
SITES = st.sampled_from(["a", "1", "11"])
DAYS = st.integers(0, 3).map(lambda d: (START + timedelta(days=d)).date())
# Many facts on few places, so that they compete for the same cases.
GAUGES = st.lists(
    st.builds(
        Gauge,
        unit=UNITS,
        at=TIMES,
        created=TIMES | TIMES | TIMES | st.none(),
        value=st.integers(-5, 5) | st.none(),
        state=st.sampled_from(["on", "off", None]),
        arrived=DAYS,
    ),
    min_size=30,
    max_size=60,
)
SURVEYS = st.lists(
    st.builds(
        Survey, site=SITES, at=TIMES, open=st.sampled_from([True, False, None]), arrived=DAYS
    ),
    min_size=15,
    max_size=40,
)
CASES = st.lists(
    # The last unit and site are ones that no fact is about.
    st.builds(
        Case,
        unit=UNITS | st.sampled_from([None, 3]),
        site=SITES | st.sampled_from([None, "nowhere"]),
        at=TIMES,
    ),
    min_size=20,
    max_size=60,
)


class World:
    """One home and lake, filled anew for every example."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.lake = Lake(self.home.lake)
        self.schemas = {
            "gauges": pa.schema(
                [
                    ("unit", pa.int64()),
                    ("day_y", TIMESTAMP),
                    ("rn", TIMESTAMP),
                    ("position_y", pa.int64()),
                    ("state", pa.string()),
                    ("partition_date", pa.date32()),
                ]
            ),
            "surveys": pa.schema(
                [
                    ("site", pa.string()),
                    ("event_timestamp", TIMESTAMP),
                    ("open", pa.bool_()),
                    ("partition_date", pa.date32()),
                ]
            ),
        }
        for view, schema in self.schemas.items():
            self.lake.ensure(SPEC.name, features(view), schema)

    def publish(self, gauges: list[Gauge], surveys: list[Survey]) -> None:
        facts: dict[str, list[tuple[Any, ...]]] = {
            "gauges": [(g.unit, g.at, g.created, g.value, g.state, g.arrived) for g in gauges],
            "surveys": [(s.site, s.at, s.open, s.arrived) for s in surveys],
        }
        for view, schema in self.schemas.items():
            rows = [dict(zip(schema.names, values, strict=True)) for values in facts[view]]
            self.lake.replace_days(
                SPEC.name,
                features(view),
                START.date(),
                END.date(),
                pa.Table.from_pylist(rows, schema=schema),
            )
            publish_days(self.lake, self.home, SPEC, view)

    def join(self, cases: list[tuple[str, Case]], way: Way) -> pa.Table:
        rows = [
            {"event_id": key, "unit": c.unit, "site": c.site, "happened_at": c.at}
            for key, c in cases
        ]
        schema = pa.schema(
            [
                ("event_id", pa.string()),
                ("unit", pa.int64()),
                ("site", pa.string()),
                ("happened_at", TIMESTAMP),
            ]
        )
        asked = pa.Table.from_pylist(rows, schema=schema)
        joined = join(SPEC, self.home, asked, as_of=END, path=way)
        # Every case is there once, in its place, with what it brought along.
        assert joined.select(schema.names).equals(asked)
        return joined

    def rows(self, cases: list[tuple[str, Case]], way: Way) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.join(cases, way).to_pylist()
        return found


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with TemporaryDirectory() as folder:
        yield World(Path(folder))


def keyed(cases: list[Case]) -> list[tuple[str, Case]]:
    return [(f"case-{i}", case) for i, case in enumerate(cases)]


def last(value: Any) -> tuple[bool, Any]:
    """Sort key under which null comes last."""
    return (value is None, value if value is not None else 0)


def expected(case: Case, gauges: list[Gauge], surveys: list[Survey]) -> dict[str, Any]:
    """What was known about a case, by looking at every fact."""
    found: dict[str, Any] = {"position_y": None, "state": None, "open": None}
    best: Gauge | None = None
    # First arrival first: of facts that claim the same times only that one counts.
    by_arrival = sorted(
        gauges,
        key=lambda g: (g.arrived, last(g.value), (g.state is None, g.state or "")),
    )
    for gauge in by_arrival:
        usable = (
            gauge.unit == case.unit
            and gauge.at <= case.at <= gauge.at + TTL
            and gauge.created is not None
            and gauge.created <= case.at
        )
        if usable and (best is None or known(gauge) > known(best)):
            best = gauge
    if best is not None:
        found["position_y"] = None if best.value is None else float(best.value)
        found["state"] = best.state
    seen: Survey | None = None
    for survey in sorted(surveys, key=lambda s: (s.arrived, last(s.open))):
        usable = survey.site == case.site and survey.at <= case.at <= survey.at + TTL
        if usable and (seen is None or survey.at > seen.at):
            seen = survey
    if seen is not None and seen.open is not None:
        found["open"] = float(seen.open)
    return found


def known(gauge: Gauge) -> tuple[datetime, datetime]:
    assert gauge.created is not None
    return gauge.at, gauge.created


def values(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("position_y", "state", "open")}


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


WAYS: tuple[Way, ...] = ("asof", "feast")


def examples(way: Way, asof: int, feast: int) -> int:
    """Feast takes half a second a join whatever its size."""
    return asof if way == "asof" else feast


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(gauges=GAUGES, surveys=SURVEYS, cases=CASES)
def test_both_ways_find_what_a_brute_force_search_finds(
    world: World, gauges: list[Gauge], surveys: list[Survey], cases: list[Case]
) -> None:
    world.publish(gauges, surveys)
    by_asof, by_feast = (world.join(keyed(cases), way) for way in WAYS)
    assert by_feast.equals(by_asof)
    assert by_feast.schema.equals(by_asof.schema)
    assert [values(row) for row in by_feast.to_pylist()] == [
        expected(c, gauges, surveys) for c in cases
    ]


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(gauges=GAUGES, surveys=SURVEYS, cases=CASES)
def test_the_asof_way_finds_what_a_brute_force_search_finds(
    world: World, gauges: list[Gauge], surveys: list[Survey], cases: list[Case]
) -> None:
    world.publish(gauges, surveys)
    joined = world.rows(keyed(cases), "asof")
    assert [values(row) for row in joined] == [expected(c, gauges, surveys) for c in cases]


def later(gauge: Gauge, now: datetime) -> bool:
    return gauge.at > now or gauge.created is None or gauge.created > now


@pytest.mark.parametrize("way", WAYS)
def test_what_comes_after_the_event_never_changes_a_value(world: World, way: Way) -> None:
    @settings(
        max_examples=examples(way, 8, 3),
        deadline=None,
        derandomize=True,
        suppress_health_check=QUIET,
    )
    @given(
        gauges=GAUGES,
        surveys=SURVEYS,
        cases=CASES,
        now=TIMES,
        later_gauges=GAUGES,
        later_surveys=SURVEYS,
    )
    def scrambled(
        gauges: list[Gauge],
        surveys: list[Survey],
        cases: list[Case],
        now: datetime,
        later_gauges: list[Gauge],
        later_surveys: list[Survey],
    ) -> None:
        past = keyed([c for c in cases if c.at <= now] or [Case(1, "a", now)])
        world.publish(gauges, surveys)
        before = world.rows(past, way)
        world.publish(
            [g for g in gauges if not later(g, now)] + [g for g in later_gauges if later(g, now)],
            [s for s in surveys if s.at <= now] + [s for s in later_surveys if s.at > now],
        )
        assert world.rows(past, way) == before

    scrambled()


@pytest.mark.parametrize("way", WAYS)
def test_the_order_of_the_rows_never_changes_a_value(world: World, way: Way) -> None:
    @settings(
        max_examples=examples(way, 6, 3),
        deadline=None,
        derandomize=True,
        suppress_health_check=QUIET,
    )
    @given(gauges=GAUGES, surveys=SURVEYS, cases=CASES, seed=st.integers(0, 1000))
    def shuffled(gauges: list[Gauge], surveys: list[Survey], cases: list[Case], seed: int) -> None:
        world.publish(gauges, surveys)
        before = {row["event_id"]: row for row in world.rows(keyed(cases), way)}
        mixed = random.Random(seed)
        gauges, surveys, asked = list(gauges), list(surveys), keyed(cases)
        for rows in (gauges, surveys, asked):
            mixed.shuffle(rows)
        world.publish(gauges, surveys)
        assert {row["event_id"]: row for row in world.rows(asked, way)} == before

    shuffled()

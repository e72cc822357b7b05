"""Days are stale exactly when their marts were built from other input than there is now, and ask
for what their sources say."""

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from assets.ingestion.revisions import (
    inputs_now,
    record_built,
    stale_days,
    versions,
    wanted_reruns,
)
from assets.ingestion.source_days import PENDING
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import BUILT_FROM, DECISIONS, DECISIONS_SCHEMA, PROFILE_SCHEMA, profile

START = date(2026, 3, 1)
NEXT = START + timedelta(days=1)
LAST = START + timedelta(days=2)


def make_spec(**then: str) -> UseCaseSpec:
    """``events``, ``readings`` (may come) and the snapshot ``units``; what late rows of each ask
    for."""
    columns = {
        "id": {"type": "string"},
        "unit": {"type": "string"},
        "at": {"type": "timestamp"},
        "x": {"type": "float"},
    }
    arrival = {"events": "daily", "readings": "optional", "units": "snapshot"}
    return UseCaseSpec.model_validate(
        {
            "name": "plant",
            "start": str(START),
            "sources": {
                name: {
                    "arrival": how,
                    "columns": columns,
                    "late": {"then": then.get(name, "mark")},
                }
                for name, how in arrival.items()
            },
            "population": {
                "source": "events",
                "key": "id",
                "entity": "unit",
                "event_timestamp": "at",
            },
            "label": {
                "source": "readings",
                "column": "x",
                "positive": 1,
                "observed_at": "at",
                "matures_after": "2d",
            },
        }
    )


SPEC = make_spec()


def ingested(lake: Lake, source: str, day: date, digest: str) -> None:
    """What ingestion leaves on record of a day's input; an empty digest: no profile."""
    lake.ensure("plant", profile(source), PROFILE_SCHEMA)
    rows = [{**dict.fromkeys(PROFILE_SCHEMA.names), "input_digest": digest}] if digest else []
    table = pa.Table.from_pylist(rows, schema=PROFILE_SCHEMA)
    lake.replace_day("plant", profile(source), day, table)


def decided(lake: Lake, day: date) -> None:
    lake.ensure("plant", DECISIONS, DECISIONS_SCHEMA)
    row = {**dict.fromkeys(DECISIONS_SCHEMA.names), "decision_id": "d"}
    table = pa.Table.from_pylist([row], schema=DECISIONS_SCHEMA)
    lake.replace_day("plant", DECISIONS, day, table)


@pytest.fixture
def built(lake: Lake) -> Lake:
    """Three days of events, ingested and built; readings came on the first of them."""
    for day in (START, NEXT, LAST):
        ingested(lake, "events", day, f"events {day}")
    ingested(lake, "readings", START, "readings")
    ingested(lake, "units", START, "units")
    record_built(lake, SPEC, START, LAST, "run-1")
    return lake


def stale(lake: Lake) -> dict[date, tuple[str, ...]]:
    return {one.day: one.sources for one in stale_days(lake, SPEC)}


def test_no_day_is_stale_before_any_is_built(lake: Lake) -> None:
    assert stale(lake) == {}
    ingested(lake, "events", START, "one")
    assert stale(lake) == {}
    assert wanted_reruns(lake, make_spec(events="rerun")) == []


def test_days_as_they_were_built_are_not_stale(built: Lake) -> None:
    assert stale(built) == {}
    ingested(built, "events", NEXT, f"events {NEXT}")
    ingested(built, "events", LAST + timedelta(days=1), "a day not built yet")
    ingested(built, "units", START, "a newer snapshot, which stands for no one day")
    assert stale(built) == {}


def test_a_day_whose_input_changed_is_stale_until_it_is_built_again(built: Lake) -> None:
    ingested(built, "events", NEXT, "with late rows")
    assert stale(built) == {NEXT: ("events",)}
    ingested(built, "readings", NEXT, "came after the building")
    ingested(built, "readings", START, "")  # and these were withdrawn
    assert stale(built) == {START: ("readings",), NEXT: ("events", "readings")}
    record_built(built, SPEC, NEXT, NEXT, "run-2")
    assert stale(built) == {START: ("readings",)}
    record_built(built, SPEC, START, LAST, "run-3")
    assert stale(built) == {}


def test_rows_that_come_during_the_building_leave_the_day_stale(built: Lake) -> None:
    before = inputs_now(built, SPEC, NEXT, NEXT)
    ingested(built, "events", NEXT, "with late rows")
    record_built(built, SPEC, NEXT, NEXT, "run-2", inputs=before)
    assert stale(built) == {NEXT: ("events",)}


def test_a_day_left_out_of_a_build_counts_as_not_built(built: Lake) -> None:
    ingested(built, "events", NEXT, "with late rows")
    record_built(built, SPEC, START, LAST, "run-2", without=[NEXT])
    assert stale(built) == {}
    ingested(built, "events", NEXT, "once more")
    assert stale(built) == {}


def test_what_was_built_is_on_record_in_one_commit_and_the_same_again_in_none(built: Lake) -> None:
    version = built.version("plant", BUILT_FROM)
    record_built(built, SPEC, START, LAST, "run-2")
    assert built.version("plant", BUILT_FROM) == version
    ingested(built, "events", NEXT, "with late rows")
    record_built(built, SPEC, START, LAST, "run-3")
    assert built.version("plant", BUILT_FROM) == version + 1


def test_the_digest_tells_each_time_a_day_becomes_stale_apart(built: Lake) -> None:
    digests = []
    for number, content in enumerate(["b", "a", "b", "a"]):
        ingested(built, "events", NEXT, content)
        (one,) = stale_days(built, SPEC)
        assert stale_days(built, SPEC) == [one]
        digests.append(one.digest)
        record_built(built, SPEC, NEXT, NEXT, f"again-{number}")
    assert len(set(digests)) == 4


@pytest.mark.parametrize(
    ("then", "wanted"),
    [
        ({}, []),
        ({"units": "rerun"}, []),
        ({"readings": "rerun"}, [(LAST, "rerun")]),
        ({"events": "rebuild"}, [(NEXT, "rebuild"), (LAST, "rebuild")]),
        ({"events": "rebuild", "readings": "rerun"}, [(NEXT, "rebuild"), (LAST, "rerun")]),
        ({"events": "rerun", "readings": "rebuild"}, [(NEXT, "rerun"), (LAST, "rerun")]),
    ],
)
def test_a_stale_day_asks_for_the_strongest_its_sources_say(
    built: Lake, then: dict[str, str], wanted: list[Any]
) -> None:
    for day in (START, NEXT, LAST):
        decided(built, day)
    ingested(built, "events", NEXT, "with late rows")
    ingested(built, "events", LAST, "with late rows")
    ingested(built, "readings", LAST, "with late rows")
    found = wanted_reruns(built, make_spec(**then))
    assert [(one.day, one.then) for one in found] == wanted


def test_a_day_without_decisions_is_rebuilt_instead_of_decided(built: Lake) -> None:
    ingested(built, "events", NEXT, "with late rows")
    ingested(built, "events", LAST, "with late rows")
    spec = make_spec(events="rerun")
    assert [one.then for one in wanted_reruns(built, spec)] == ["rebuild", "rebuild"]
    decided(built, LAST)
    assert [one.then for one in wanted_reruns(built, spec)] == ["rebuild", "rerun"]


def test_a_day_that_is_being_ingested_asks_for_nothing_yet(built: Lake) -> None:
    ingested(built, "readings", START, "with late rows")
    ingested(built, "events", START, PENDING)
    spec = make_spec(events="rebuild", readings="rebuild")
    assert stale(built) == {START: ("events", "readings")}
    assert wanted_reruns(built, spec) == []
    ingested(built, "events", START, f"events {START}")
    assert [one.day for one in wanted_reruns(built, spec)] == [START]


def test_versions_move_with_what_decides_which_days_are_stale(built: Lake) -> None:
    before = versions(built, SPEC)
    ingested(built, "units", START, "another snapshot")
    ingested(built, "events", START, f"events {START}")
    assert versions(built, SPEC) == before
    ingested(built, "events", START, "with late rows")
    ingested_only = versions(built, SPEC)
    assert ingested_only != before
    record_built(built, SPEC, START, START, "run-2")
    assert versions(built, SPEC) not in (before, ingested_only)

"""The door: judged from the lake, recorded, asked for; only one on record as open is open."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest

from assets.figures import png_bytes
from assets.gate_results import GateRefusal, GateResult, verdicts
from assets.ingestion.door_gates import (
    GATES,
    gate_name,
    gates_of,
    judge,
    judge_days,
    open_days,
    record_door,
    require_door,
    stopped_days,
    stops,
)
from assets.ingestion.door_plots import rules_bar_chart
from assets.ingestion.source_days import PENDING, SourceDay
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec, closes_at
from assets.tables import FILES_SCHEMA, GATE_RESULTS, PROFILE_SCHEMA, files, profile, validated
from tests.door_days import (
    DAY,
    PAST,
    ROWS,
    SPEC,
    events,
    source_day,
    spec_with,
    today,
)


def put(
    lake: Lake, source: str, *days: SourceDay, sha256: Mapping[date, str] | None = None
) -> None:
    """Profiles and files as the door leaves them."""
    first, last = min(d.day for d in days), max(d.day for d in days)
    kinds = {name: 0 if pa.types.is_integer(kind) else "" for name, kind in _fields(PROFILE_SCHEMA)}
    profiles = [
        kinds
        | {name: getattr(d, name) for name in kinds if hasattr(d, name)}
        | {"columns": json.dumps(d.columns), PARTITION: d.day}
        for d in days
    ]
    kinds = {name: 0 if pa.types.is_integer(kind) else "" for name, kind in _fields(FILES_SCHEMA)}
    brought = [
        kinds
        | {
            "file": f"{source}_{d.day}.csv",
            "sha256": (sha256 or {}).get(d.day, f"{source} {d.day}"),
            "landed": d.landed,
            PARTITION: d.day,
        }
        for d in days
    ]
    for table, schema, rows in (
        (profile(source), PROFILE_SCHEMA, profiles),
        (files(source), FILES_SCHEMA, brought),
    ):
        lake.ensure("plant", table, schema)
        dated = schema.append(pa.field(PARTITION, pa.date32()))
        lake.replace_days("plant", table, first, last, pa.Table.from_pylist(rows, schema=dated))


def _fields(schema: pa.Schema) -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in schema]


def put_keys(lake: Lake, source: str, columns: Mapping[str, pa.Array], day: date = DAY) -> None:
    """Validated rows: what ``references`` looks at."""
    rows = pa.table(columns)
    lake.ensure("plant", validated(source), rows.schema)
    lake.replace_day("plant", validated(source), day, rows)


def times(*values: datetime) -> pa.Array:
    return pa.array(values, pa.timestamp("us", "UTC"))


def a_night(lake: Lake, **changes: SourceDay) -> None:
    """All that the door has to be open for DAY: three weeks of events, a day of the rest."""
    past = [d for d in PAST if (DAY - d.day).days in (1, 2, 5, 7, 14, 21)]
    put(lake, "events", *past, changes.get("events", today()))
    readings = SPEC.sources["readings"]
    heat = {"heat": [float(n) for n in range(40)]}
    put(lake, "readings", changes.get("readings", source_day(DAY, heat, readings)))
    parts = SPEC.sources["parts"]
    prices = {"price": [n + 0.5 for n in range(40)]}
    snapshot = source_day(DAY - timedelta(days=2), prices, parts)
    put(lake, "parts", changes.get("parts", snapshot))
    units = pa.array([f"u{n}" for n in range(30)])
    put_keys(lake, "events", {"unit": units})
    read_at = times(*[closes_at(DAY) - timedelta(hours=9)] * 30)
    put_keys(lake, "readings", {"unit": units, "read_at": read_at})


def by_gate(results: Sequence[GateResult]) -> dict[str, GateResult]:
    return {result.gate: result for result in results}


def judged_and_recorded(lake: Lake, spec: UseCaseSpec = SPEC, day: date = DAY) -> None:
    record_door(lake, spec, day, judge(spec, lake, day), "run")


def test_every_source_has_the_gates_that_make_sense_for_it() -> None:
    assert gates_of(SPEC, "events") == [gate for gate in GATES if gate != "references"]
    assert gates_of(SPEC, "readings") == [
        "volume",
        "quarantined",
        "repeated_day",
        "null_share",
        "unit_error",
        "range_drift",
        "references",
    ]
    parts = gates_of(SPEC, "parts")
    assert "freshness" in parts
    assert not {"repeated_day", "duplicate_keys", "future_timestamps"} & set(parts)
    assert "freshness" not in gates_of(SPEC, "failures")


def test_an_ordinary_night_opens_the_door(lake: Lake) -> None:
    a_night(lake)
    found = by_gate(judge(SPEC, lake, DAY))
    expected = {gate_name(s, g): s for s in SPEC.sources for g in gates_of(SPEC, s)}
    assert {gate: result.subject for gate, result in found.items()} == {
        gate: validated(source) for gate, source in expected.items()
    }
    of_events = {result.verdict for gate, result in found.items() if gate.startswith("events.")}
    assert of_events == {"pass"}
    assert found["events.volume"].evidence_digest == f"digest of {DAY}"
    assert found["parts.freshness"].evidence_digest == f"digest of {DAY - timedelta(days=2)}"
    assert found["readings.references"].verdict == "pass"
    assert found["failures.volume"].verdict == "insufficient"
    assert found["failures.volume"].evidence_digest == ""
    assert "no file for this day, which an optional source may" in found["failures.volume"].message
    judged_and_recorded(lake)
    require_door(SPEC, lake, DAY)
    assert open_days(SPEC, lake, DAY - timedelta(days=1), DAY + timedelta(days=1)) == [DAY]


def test_all_results_of_a_night_are_one_commit(lake: Lake) -> None:
    a_night(lake)
    judged_and_recorded(lake)
    before = lake.version("plant", GATE_RESULTS)
    judged_and_recorded(lake)
    assert lake.version("plant", GATE_RESULTS) == before == 1


def test_a_closed_door_says_what_is_missing(lake: Lake) -> None:
    with pytest.raises(GateRefusal, match=r"'events.volume' has no recorded result.*more\)"):
        require_door(SPEC, lake, DAY)
    a_night(lake)
    results = judge(SPEC, lake, DAY)
    record_door(lake, SPEC, DAY, results[:-1], "run")
    with pytest.raises(GateRefusal, match=f"'{results[-1].gate}' has no recorded result"):
        require_door(SPEC, lake, DAY)


def test_one_failed_gate_shuts_the_door(lake: Lake) -> None:
    broken = source_day(DAY, events(99, load=lambda v: v * 100))
    a_night(lake, events=broken)
    judged = judge_days(SPEC, lake, DAY, DAY)
    stopping = [result.gate for result in judged[DAY] if stops(SPEC, result)]
    assert "events.unit_error" in stopping
    assert stopped_days(SPEC, judged) == [DAY]
    judged_and_recorded(lake)
    with pytest.raises(GateRefusal, match=r"says fail: events 2026-03-30: load"):
        require_door(SPEC, lake, DAY)
    assert open_days(SPEC, lake, DAY, DAY) == []


def test_other_files_than_judged_shut_the_door_until_they_are_judged(lake: Lake) -> None:
    a_night(lake)
    judged_and_recorded(lake)
    put(lake, "events", today(input_digest="digest of a corrected file"))
    with pytest.raises(GateRefusal, match="judged on other files than are there now"):
        require_door(SPEC, lake, DAY)
    judged_and_recorded(lake)
    require_door(SPEC, lake, DAY)
    # A newer snapshot is other input as well.
    prices = {"price": [n + 0.5 for n in range(40)]}
    put(lake, "parts", source_day(DAY, prices, SPEC.sources["parts"]))
    with pytest.raises(GateRefusal, match=r"'parts\.volume' was judged on other files"):
        require_door(SPEC, lake, DAY)


def test_a_day_being_replaced_is_open_to_nobody(lake: Lake) -> None:
    a_night(lake)
    judged_and_recorded(lake)
    put(lake, "events", today(input_digest=PENDING))
    with pytest.raises(GateRefusal):
        require_door(SPEC, lake, DAY)
    judged_and_recorded(lake)
    with pytest.raises(GateRefusal, match=r"events\.volume' "):
        require_door(SPEC, lake, DAY)


def test_insufficient_is_what_the_source_says_it_is(lake: Lake) -> None:
    few = replace(source_day(DAY, events(99, 10)), landed=40, validated=10, quarantined=4)
    a_night(lake, events=few)
    judged_and_recorded(lake)
    require_door(SPEC, lake, DAY)
    strict = spec_with(insufficient="stop")
    with pytest.raises(GateRefusal, match=r"gate 'events\.null_share' says insufficient"):
        require_door(strict, lake, DAY)
    assert open_days(strict, lake, DAY, DAY) == []


def test_no_file_of_an_optional_source_stops_nothing(lake: Lake) -> None:
    raw = SPEC.model_dump()
    raw["sources"]["failures"]["gates"]["insufficient"] = "stop"
    strict = UseCaseSpec.model_validate(raw)
    a_night(lake)
    judged_and_recorded(lake, strict)
    require_door(strict, lake, DAY)
    # A file with too little in it is another matter.
    put(lake, "failures", source_day(DAY, {"failed": [0, 1]}, SPEC.sources["failures"]))
    judged_and_recorded(lake, strict)
    with pytest.raises(GateRefusal, match=r"failures\.\w+' says insufficient"):
        require_door(strict, lake, DAY)


def test_no_file_of_a_daily_source_fails(lake: Lake) -> None:
    a_night(lake)
    tomorrow = DAY + timedelta(days=1)
    found = by_gate(judge(SPEC, lake, tomorrow))
    assert found["events.volume"].verdict == "fail"
    assert "no file has come through the door" in found["events.volume"].message
    assert found["events.null_share"].verdict == "insufficient"
    record_door(lake, SPEC, tomorrow, list(found.values()), "run")
    with pytest.raises(GateRefusal, match=r"events\.volume' says fail"):
        require_door(SPEC, lake, tomorrow)


def test_what_was_stopped_does_not_become_the_measure(lake: Lake) -> None:
    """Days in cents, each of them stopped: the last is stopped as well."""
    cents = [
        source_day(DAY + timedelta(days=n), events(n, load=lambda v: v * 100)) for n in range(5)
    ]
    a_night(lake)
    put(lake, "events", *PAST[-5:], *cents)
    for day in (d.day for d in cents):
        found = by_gate(judge(SPEC, lake, day))
        assert found["events.unit_error"].verdict == "fail"
        record_door(lake, SPEC, day, list(found.values()), "run")
    # The same in one go, with nothing of it on record before.
    fresh = Lake(lake.root.parent / "fresh")
    a_night(fresh)
    put(fresh, "events", *PAST[-5:], *cents)
    judged = judge_days(SPEC, fresh, cents[0].day, cents[-1].day)
    assert {by_gate(found)["events.unit_error"].verdict for found in judged.values()} == {"fail"}


def test_a_repeated_file_is_found_in_the_lake(lake: Lake) -> None:
    a_night(lake)
    tomorrow = DAY + timedelta(days=1)
    again = source_day(tomorrow, events(123))
    put(lake, "events", again, sha256={tomorrow: f"events {DAY - timedelta(days=5)}"})
    found = by_gate(judge(SPEC, lake, tomorrow))["events.repeated_day"]
    assert found.verdict == "fail"
    assert f"events_{tomorrow}.csv has the same content as events_2026-03-25.csv" in found.message


@pytest.mark.parametrize(
    ("known", "verdict"), [(30, "pass"), (15, "pass"), (14, "fail"), (0, "fail")]
)
def test_references(lake: Lake, known: int, verdict: str) -> None:
    a_night(lake)
    read_at = times(*[closes_at(DAY) - timedelta(days=4)] * known)
    units = pa.array([f"u{n}" for n in range(known)], pa.string())
    put_keys(lake, "readings", {"unit": units, "read_at": read_at})
    found = by_gate(judge(SPEC, lake, DAY))["readings.references"]
    assert found.verdict == verdict, found.message
    if verdict == "fail":
        assert f"{(30 - known) / 30:.1%} of 30 entities (unit)" in found.message


@pytest.mark.parametrize(
    ("hours", "landed", "counts"),
    [
        (0.5, DAY, True),
        (5 * 24, DAY - timedelta(days=4), True),
        (5 * 24 + 1, DAY - timedelta(days=5), False),
        (-1, DAY, False),
        (9, DAY + timedelta(days=1), False),
    ],
)
def test_references_count_facts_in_time_that_had_landed(
    lake: Lake, hours: float, landed: date, counts: bool
) -> None:
    a_night(lake)
    units = pa.array([f"u{n}" for n in range(30)])
    none = pa.array([], pa.string())
    put_keys(lake, "readings", {"unit": none, "read_at": times()})
    read_at = times(*[closes_at(DAY) - timedelta(hours=hours)] * 30)
    put_keys(lake, "readings", {"unit": units, "read_at": read_at}, landed)
    found = by_gate(judge(SPEC, lake, DAY))["readings.references"]
    assert found.verdict == ("pass" if counts else "fail")


def test_references_of_a_small_population_are_insufficient(lake: Lake) -> None:
    a_night(lake)
    put_keys(lake, "events", {"unit": pa.array(["a", "b", *[None] * 40])})
    found = by_gate(judge(SPEC, lake, DAY))["readings.references"]
    assert found.verdict == "insufficient"
    assert "2 different entities" in found.message


def test_an_optional_feature_source_gone_silent_is_noticed(lake: Lake) -> None:
    raw = SPEC.model_dump()
    raw["sources"]["readings"]["arrival"] = "optional"
    spec = UseCaseSpec.model_validate(raw)
    a_night(lake)
    later = DAY + timedelta(days=4)
    put_keys(lake, "events", {"unit": pa.array([f"u{n}" for n in range(30)])}, later)
    still = by_gate(judge(spec, lake, later))["readings.references"]
    assert (still.verdict, still.evidence_digest) == ("pass", "")
    later = DAY + timedelta(days=6)
    put_keys(lake, "events", {"unit": pa.array([f"u{n}" for n in range(30)])}, later)
    assert by_gate(judge(spec, lake, later))["readings.references"].verdict == "fail"
    # One that has never sent anything has not gone silent.
    assert by_gate(judge(spec, Lake(lake.root / "x"), later))["readings.references"].verdict == (
        "insufficient"
    )


def test_a_snapshot_is_held_against_earlier_ones(lake: Lake) -> None:
    parts = SPEC.sources["parts"]
    a_night(lake)
    months = [
        source_day(
            date(2025, month, 1), {"price": [n * 1.5 + month / 10 for n in range(40)]}, parts
        )
        for month in range(1, 6)
    ]
    cents = {"price": [n * 150.0 + 60 for n in range(40)]}
    put(lake, "parts", *months, source_day(DAY, cents, parts, landed=200))
    found = by_gate(judge(SPEC, lake, DAY + timedelta(days=1)))
    assert found["parts.unit_error"].verdict == "fail"
    assert found["parts.volume"].verdict == "fail"
    assert verdicts(lake, "plant", "parts.volume") == {}  # judging writes nothing


def test_messages_and_figures_go_into_json_and_name_nobody(lake: Lake) -> None:
    a_night(
        lake, events=source_day(DAY, events(99, load=lambda v: v * 100) | {"unit": ["me"] * ROWS})
    )
    for result in judge(SPEC, lake, DAY):
        text = json.dumps([result.message, result.figures, result.threshold], allow_nan=False)
        assert "'me'" not in text
        assert '"me"' not in text


@pytest.mark.parametrize(
    "counts", [{}, {"size: range": 3}, {f"column $x_{n}$: required": n for n in range(40)}]
)
def test_the_picture_of_broken_rules_is_drawn_for_any_number(counts: dict[str, int]) -> None:
    assert png_bytes(rules_bar_chart(counts)).startswith(b"\x89PNG")

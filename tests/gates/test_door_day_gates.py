"""Gates that look at a day as a whole: each fires, is silent, and admits not knowing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from assets.ingestion.day_gates import (
    Evidence,
    Finding,
    duplicate_keys,
    freshness,
    future_timestamps,
    quarantined,
    repeated_day,
    volume,
)
from assets.ingestion.source_days import LandedFile
from assets.spec import closes_at
from tests.door_days import (
    DAY,
    EVENTS,
    PAST,
    ROWS,
    SPEC,
    evidence,
    limited,
    source_day,
    today,
)


@pytest.mark.parametrize(
    ("landed", "verdict"),
    [(60, "pass"), (30, "pass"), (120, "pass"), (29, "fail"), (121, "fail"), (0, "fail")],
)
def test_volume_against_the_same_weekday(landed: int, verdict: str) -> None:
    # Other weekdays bring ten times as many: they must not be looked at.
    past = [d if d.day.weekday() == DAY.weekday() else replace(d, landed=600) for d in PAST]
    found = volume(evidence(today(landed=landed), past))
    assert found.verdict == verdict
    if verdict == "fail":
        assert f"events_{DAY}.csv" in found.message


def test_volume_without_a_past_or_of_small_numbers_is_insufficient() -> None:
    few = [d for d in PAST if d.day.weekday() == DAY.weekday()][:2]
    assert volume(evidence(today(), few)).verdict == "insufficient"
    small = [replace(d, landed=3) for d in PAST]
    assert volume(evidence(today(landed=12), small)).verdict == "insufficient"
    assert volume(evidence(today(landed=20), small)).verdict == "fail"
    # No rows at all need no past.
    assert volume(evidence(today(landed=0), [])).verdict == "fail"


def test_volume_of_a_snapshot_is_held_against_all_before() -> None:
    parts = SPEC.sources["parts"]
    past = PAST[:3]  # of three weekdays
    assert volume(evidence(today(), past, parts)).verdict == "pass"
    assert volume(evidence(today(landed=500), past, parts)).verdict == "fail"


@pytest.mark.parametrize(
    ("gate", "field", "limit"),
    [
        (quarantined, "quarantined", "quarantined"),
        (duplicate_keys, "duplicates", "duplicate_keys"),
        (future_timestamps, "future", "future_timestamps"),
    ],
)
def test_shares_of_the_landed_rows(
    gate: Callable[[Evidence], Finding], field: str, limit: str
) -> None:
    source = limited(**{limit: 0.1})
    assert gate(evidence(today(**{field: 6}), source=source)).verdict == "pass"
    found = gate(evidence(today(**{field: 7}), source=source))
    assert found.verdict == "fail"
    assert "7 of 60 rows" in found.message
    assert "10.0%" in found.message
    few = today(landed=19, **{field: 19})
    assert gate(evidence(few, source=source)).verdict == "insufficient"


def test_one_odd_row_of_a_small_day_stops_no_night() -> None:
    one = today(landed=20, duplicates=1, future=1)
    assert duplicate_keys(evidence(one)).verdict == "pass"
    assert future_timestamps(evidence(one)).verdict == "pass"


def earlier_file(sha256: str, landed: int = ROWS) -> LandedFile:
    return LandedFile(DAY - timedelta(days=3), "events_old.csv", sha256, landed)


def test_repeated_day_by_file() -> None:
    again = evidence(today(), earlier_files=[earlier_file("sha of today")])
    found = repeated_day(again)
    assert found.verdict == "fail"
    assert f"events_{DAY}.csv has the same content as events_old.csv of 2026-03-27" in found.message
    other = evidence(today(), earlier_files=[earlier_file("another sha")])
    assert repeated_day(other).verdict == "pass"


def test_repeated_day_by_rows() -> None:
    same = today(rows_hash=PAST[-4].rows_hash)
    found = repeated_day(evidence(same))
    assert found.verdict == "fail"
    assert f"are those of {PAST[-4].day}, but for at" in found.message
    # What a gate stopped is still a day that came before.
    assert repeated_day(evidence(same, [], earlier=PAST)).verdict == "fail"


def test_files_without_rows_and_days_of_a_few_repeat_nothing() -> None:
    empty = evidence(today(landed=0), earlier_files=[earlier_file("sha of today")])
    empty = replace(empty, files=[replace(empty.files[0], landed=0)])
    assert repeated_day(empty).verdict == "insufficient"
    unhashed = [replace(d, rows_hash="duckdb2:19:") for d in PAST]
    few = today(landed=19, rows_hash="duckdb2:19:")
    assert repeated_day(evidence(few, unhashed)).verdict == "insufficient"
    # Three rates that stayed as they were over a weekend, and have no times in them.
    rates = EVENTS.model_copy(update={"timestamp": None})
    same = evidence(today(3), source=rates, earlier_files=[earlier_file("sha of today", 3)])
    assert repeated_day(same).verdict == "insufficient"
    assert repeated_day(replace(same, source=EVENTS)).verdict == "fail"


def test_freshness_of_rows() -> None:
    source = limited(freshness="6h")
    assert freshness(evidence(today(), [], source)).verdict == "pass"
    old = today(newest=closes_at(DAY) - timedelta(hours=7))
    found = freshness(evidence(old, [], source))
    assert found.verdict == "fail"
    assert "7.0 h old" in found.message
    assert freshness(evidence(today(newest=None), [], source)).verdict == "insufficient"
    # A source that may send nothing is as fresh as what it sent last.
    assert freshness(evidence(today(newest=None), PAST, source)).verdict == "fail"
    patient = limited(freshness="2d")
    assert freshness(evidence(today(newest=None), PAST, patient)).verdict == "pass"


@pytest.mark.parametrize(("days", "verdict"), [(0, "pass"), (7, "pass"), (8, "fail")])
def test_freshness_of_a_snapshot_is_its_file_s(days: int, verdict: str) -> None:
    snapshot = source_day(DAY - timedelta(days=days), {})
    assert freshness(evidence(snapshot, [], SPEC.sources["parts"])).verdict == verdict

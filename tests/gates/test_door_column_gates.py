"""Gates that hold columns against the days before: what is broken fires, what changed does not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from assets.ingestion.column_gates import category_drift, null_share, range_drift
from assets.ingestion.day_gates import (
    Evidence,
    Finding,
)
from assets.ingestion.source_days import SourceDay
from assets.ingestion.unit_gate import unit_error
from tests.door_days import (
    DAY,
    EVENTS,
    PAST,
    ROWS,
    Columns,
    events,
    evidence,
    source_day,
)

NUMBERS = ["load", "count"]
TEXTS = ["shift", "batch"]
Gate = Callable[[Evidence, Sequence[str]], Finding]


def column_finding(gate: Gate, columns: Columns, past: Sequence[SourceDay] = PAST) -> Finding:
    names = {null_share: list(EVENTS.columns), category_drift: TEXTS}.get(gate, NUMBERS)
    return gate(evidence(source_day(DAY, columns), past), names)


COLUMN_GATES: list[Gate] = [null_share, range_drift, category_drift, unit_error]


@pytest.mark.parametrize("gate", COLUMN_GATES)
def test_ordinary_days_are_silent(gate: Gate) -> None:
    """Also from the third day on, with few rows, where chance makes the most of it."""
    for seed in range(100, 110):
        for past in (PAST[:3], PAST):
            for rows in (20, 200):
                found = column_finding(gate, events(seed, rows), past)
                assert found.verdict == "pass", found.message


@pytest.mark.parametrize("gate", COLUMN_GATES)
def test_without_a_past_or_rows_columns_are_not_judged(gate: Gate) -> None:
    broken = events(99, load=lambda v: v * 100, shift=lambda _: "night", count=lambda _: None)
    assert column_finding(gate, broken, PAST[:2]).verdict == "insufficient"
    few = events(99, 19, load=lambda v: v * 100, shift=lambda _: "night")
    assert column_finding(gate, few).verdict == "insufficient"
    thin = [source_day(d.day, events(n, 19)) for n, d in enumerate(PAST[:5])]
    assert column_finding(gate, broken, thin).verdict == "insufficient"


def test_null_share_fires_on_an_outage_and_not_on_what_is_always_null() -> None:
    found = column_finding(null_share, events(99, load=lambda _: None))
    assert found.verdict == "fail"
    assert f"load is null in 100% of the rows (0% before), in events_{DAY}.csv" in found.message
    third = events(99, count=lambda v: None if v < 2 else v)  # a fifth: allowed is a quarter
    assert column_finding(null_share, third).verdict == "pass"
    sparse = [source_day(d.day, events(n, load=lambda _: None)) for n, d in enumerate(PAST[:5])]
    assert column_finding(null_share, events(99, load=lambda _: None), sparse).verdict == "pass"


@pytest.mark.parametrize("value", [-1.0, 9999.0, 150.0])
def test_range_drift_fires_where_values_have_never_been(value: float) -> None:
    filled = events(99, count=lambda v: value if v > 3 else v)  # about 60 %
    found = column_finding(range_drift, filled)
    assert found.verdict == "fail"
    assert "count has" in found.message
    assert "load" not in found.message
    few = events(99, count=lambda v: value if v > 6 else v)  # about 30 %
    assert column_finding(range_drift, few).verdict == "pass"


def test_range_drift_lets_a_world_change() -> None:
    """Poorer by two fifths is for the drift report, not for the door."""
    assert column_finding(range_drift, events(99, load=lambda v: v * 0.6)).verdict == "pass"


def counting(of_day: Callable[[int], list[int]]) -> tuple[Columns, list[SourceDay]]:
    """Today and forty days before it, with ``count`` as given by the number of the day."""
    days = [events(n) | {"count": of_day(n)} for n in range(41)]
    past = [source_day(DAY - timedelta(days=40 - n), day) for n, day in enumerate(days[:-1])]
    return days[-1], past


def test_running_numbers_and_dates_in_digits_run_on() -> None:
    numbers = counting(lambda day: list(range(day * 1000, day * 1000 + ROWS)))
    assert column_finding(range_drift, *numbers).verdict == "pass"
    first = date(2026, 2, 20)  # forty days later a month begins
    dates = counting(lambda day: [int(f"{first + timedelta(days=day):%Y%m%d}")] * ROWS)
    assert dates[0]["count"][0] == 20260401
    assert column_finding(range_drift, *dates).verdict == "pass"


def test_numbers_that_leave_their_range_every_day_are_not_judged_by_it() -> None:
    doubling, past = counting(lambda day: [2**day + n for n in range(ROWS)])
    found = column_finding(range_drift, doubling, past)
    assert found.verdict == "pass"
    assert found.figures["not judged, so by nature"] == ["count"]
    # Another column of the same days is.
    jumped = doubling | {"load": [1e6] * ROWS}
    assert column_finding(range_drift, jumped, past).verdict == "fail"


def test_category_drift_fires_on_other_codes() -> None:
    found = column_finding(category_drift, events(99, shift=lambda v: v.upper()))
    assert found.verdict == "fail"
    assert "'early': 0% now, 50% before" in found.message
    fewer = events(99, shift=lambda v: "early" if v == "night" else v)
    assert column_finding(category_drift, fewer).verdict == "pass"


def test_texts_that_never_repeat_have_no_categories() -> None:
    found = column_finding(category_drift, events(99))
    assert set(found.figures) == {"shift"}
    alone = category_drift(evidence(source_day(DAY, events(99))), ["batch"])
    assert alone.verdict == "pass"


def test_a_category_a_day_is_a_batch_number() -> None:
    def batches(day: int) -> Columns:
        return events(day, batch=lambda _: f"batch of day {day}")

    past = [source_day(DAY - timedelta(days=20 - n), batches(n)) for n in range(20)]
    found = column_finding(category_drift, batches(21), past)
    assert found.verdict == "pass"
    assert found.figures["not judged, so by nature"] == ["batch"]


def test_a_flood_of_categories_fires() -> None:
    past = [
        source_day(d.day, events(n, batch=lambda v: f"b{int(v.split('-')[1]) % 3}"))
        for n, d in enumerate(PAST[:8])
    ]
    found = column_finding(category_drift, events(99), past)
    assert found.verdict == "fail"
    assert "batch has 60 different values and no categories any more" in found.message


@pytest.mark.parametrize(
    ("factor", "says"),
    [(100, "multiplied by 100"), (1000, "multiplied by 1,000"), (0.1, "divided by 10")],
)
def test_unit_error_names_the_factor(factor: float, says: str) -> None:
    found = column_finding(unit_error, events(99, load=lambda v: v * factor))
    assert found.verdict == "fail"
    assert f"load looks {says} (" in found.message
    assert "count" not in found.message


@pytest.mark.parametrize("factor", [0.6, 1.3, 3.0, 30.0, -1.0])
def test_other_factors_are_no_other_unit(factor: float) -> None:
    found = column_finding(unit_error, events(99, load=lambda v: v * factor))
    assert found.verdict == "pass", found.message


def test_unit_error_sees_through_zeros_and_keeps_off_columns_that_leap() -> None:
    def sparse(seed: int, factor: float) -> Columns:
        draw = np.random.default_rng(seed)
        paid = draw.random(200) < 0.2
        return {"load": list(np.where(paid, draw.lognormal(5, 0.2, 200), 0) * factor)}

    past = [source_day(d.day, sparse(n, 1)) for n, d in enumerate(PAST)]
    assert column_finding(unit_error, sparse(99, 100), past).verdict == "fail"
    assert column_finding(unit_error, sparse(99, 1), past).verdict == "pass"
    # A hundredfold day has been before: that is no sign of another unit.
    leaping = [
        source_day(d.day, events(n, load=lambda v, by=100 if n % 9 == 4 else 1: v * by))
        for n, d in enumerate(PAST)
    ]
    leap = events(99, load=lambda v: v * 100)
    assert column_finding(unit_error, leap, leaping).verdict == "pass"


def test_lost_decimals() -> None:
    found = column_finding(unit_error, events(99, load=round))
    assert found.verdict == "fail"
    assert "load has lost its decimals" in found.message
    # Where few had some, none may be chance.
    past = [
        source_day(d.day, events(n, load=lambda v: v if v < 35 else round(v)))
        for n, d in enumerate(PAST[:9])
    ]
    assert column_finding(unit_error, events(99, 20, load=round), past).verdict == "pass"


def test_a_column_new_to_the_contract_is_not_judged_yet() -> None:
    past = [
        replace(d, columns={n: c for n, c in d.columns.items() if n not in ("load", "shift")})
        for d in PAST
    ]
    broken = events(99, load=lambda v: v * 100, shift=lambda _: "night")
    for gate in COLUMN_GATES:
        found = column_finding(gate, broken, past)
        assert found.verdict in ("pass", "insufficient")
        assert "load" not in set(found.figures) - {"not judged, too little evidence"}

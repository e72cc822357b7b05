"""A gate that did not pass on exactly these rows did not happen."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from assets.content import content_digest
from assets.gate_results import (
    GateRefusal,
    GateResult,
    Verdict,
    passed_days,
    record,
    require_passed,
)
from assets.lake import Lake
from assets.tables import GATE_RESULTS

DAY = date(2026, 1, 5)
ROWS = pa.table({"case": ["a", "b", "c"], "size": [1.0, 2.0, None]})


def result(verdict: Verdict = "pass", gate: str = "shape", rows: pa.Table = ROWS) -> GateResult:
    return GateResult(
        gate=gate,
        subject="scoring_set",
        verdict=verdict,
        message=f"the reason for {verdict}",
        figures={"rows": rows.num_rows},
        threshold={"rows": [1, None]},
        evidence_digest=content_digest(rows),
    )


def put(lake: Lake, found: GateResult, *, day: date = DAY, run_id: str = "run-1") -> None:
    record(lake, "parcels", day, found, spec_version="v1", run_id=run_id)


def test_passed_on_these_rows_lets_through_in_any_order(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, result())
    require_passed(lake, "parcels", DAY, "shape", ROWS)
    require_passed(lake, "parcels", DAY, "shape", ROWS.take(pa.array([2, 0, 1])))


def test_no_record_is_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(GateRefusal, match="no recorded result for parcels 2026-01-05"):
        require_passed(lake, "parcels", DAY, "shape", ROWS)
    put(lake, result(gate="other"))
    put(lake, result(), day=date(2026, 1, 6))
    with pytest.raises(GateRefusal, match="no recorded result"):
        require_passed(lake, "parcels", DAY, "shape", ROWS)


@pytest.mark.parametrize("verdict", ["fail", "insufficient"])
def test_anything_but_pass_is_refused_with_its_reason(tmp_path: Path, verdict: Verdict) -> None:
    lake = Lake(tmp_path)
    put(lake, result(verdict))
    with pytest.raises(GateRefusal, match=f"says {verdict} .*: the reason for {verdict}"):
        require_passed(lake, "parcels", DAY, "shape", ROWS)


@pytest.mark.parametrize(
    "changed",
    [
        ROWS.slice(0, 2),
        pa.concat_tables([ROWS, ROWS.slice(0, 1)]),
        pa.table({"case": ["a", "b", "c"], "size": [1.0, 2.0, 2.0]}),
    ],
)
def test_other_rows_than_judged_are_refused(tmp_path: Path, changed: pa.Table) -> None:
    lake = Lake(tmp_path)
    put(lake, result())
    with pytest.raises(GateRefusal, match="on other rows than are there now"):
        require_passed(lake, "parcels", DAY, "shape", changed)


def test_recording_twice_changes_no_version_and_a_new_verdict_replaces(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, result())
    put(lake, result(gate="other"))
    version = lake.version("parcels", GATE_RESULTS)
    put(lake, result(), run_id="run-2")
    assert lake.version("parcels", GATE_RESULTS) == version
    put(lake, result("fail"), run_id="run-3")
    found = lake.read_day("parcels", GATE_RESULTS, DAY).to_pylist()
    assert {row["gate"]: row["verdict"] for row in found} == {"shape": "fail", "other": "pass"}
    require_passed(lake, "parcels", DAY, "other", ROWS)


def test_passed_days_are_those_on_record_as_passed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert passed_days(lake, "parcels", "shape", DAY, DAY) == []
    put(lake, result())
    put(lake, result("fail"), day=date(2026, 1, 6))
    put(lake, result(), day=date(2026, 1, 7))
    put(lake, result(), day=date(2026, 1, 9))
    found = passed_days(lake, "parcels", "shape", DAY, date(2026, 1, 8))
    assert found == [DAY, date(2026, 1, 7)]

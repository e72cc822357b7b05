"""A gate before scoring that fails: told in red, and the night ends with people, or stops."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.content import content_digest
from assets.features.assets import feature_coverage_check
from assets.features.coverage import GATE as COVERAGE
from assets.gate_results import GateRefusal, GateResult, Verdict, record
from assets.home import Home
from assets.lake import Lake
from assets.quality.assets import scoring_population_check
from assets.quality.scoring_population import GATE
from assets.scoring.gate_fallback import FAILED_GATE, by_failed_gate, failed_gate
from assets.spec import UseCaseSpec
from assets.tables import SCORING_SET
from orchestration.partitions import daily
from orchestration.resources.installation import Installation
from tests.parcels import parcels_spec

DAY = date(2026, 1, 5)
GATES = ("median", "coverage")


def spec(on_failed_gate: str = "refer", **quality: Any) -> UseCaseSpec:
    return parcels_spec(
        fallback={"on_failed_gate": on_failed_gate}, quality={"min_rows": 3, **quality}
    )


def rows(cases: int = 4, weight: float = 5.0, income: float | None = 100.0) -> pa.Table:
    return pa.table(
        {
            "parcel_id": [f"p{n}" for n in range(cases)],
            "sender": [f"s{n}" for n in range(cases)],
            "sent_at": pa.array([datetime(2026, 1, 5, 12, tzinfo=UTC)] * cases),
            "weight": pa.array([weight] * cases),
            "counter": ["desk"] * cases,
            "income": pa.array([income] * cases, pa.float64()),
        }
    ).cast(
        pa.schema(
            [
                ("parcel_id", pa.string()),
                ("sender", pa.string()),
                ("sent_at", pa.timestamp("us", "UTC")),
                ("weight", pa.float64()),
                ("counter", pa.string()),
                ("income", pa.float64()),
            ]
        )
    )


def put(lake: Lake, judged: pa.Table, **verdicts: Verdict) -> None:
    for gate, verdict in verdicts.items():
        found = GateResult(
            gate, SCORING_SET, verdict, f"{gate} says so", {}, {}, content_digest(judged)
        )
        record(lake, "parcels", DAY, found, spec_version="v", run_id="r")


@pytest.mark.parametrize("on_failed_gate", ["refer", "stop"])
def test_all_passed_is_no_failed_gate(lake: Lake, on_failed_gate: str) -> None:
    put(lake, rows(), median="pass", coverage="pass")
    assert failed_gate(lake, spec(on_failed_gate), DAY, GATES, rows()) is None


def test_a_failed_gate_is_told_by_its_message(lake: Lake) -> None:
    put(lake, rows(), median="fail", coverage="pass")
    told = failed_gate(lake, spec(), DAY, GATES, rows())
    assert told == f"{FAILED_GATE}median: median says so"
    put(lake, rows(), coverage="fail")
    both = failed_gate(lake, spec(), DAY, GATES, rows())
    assert both == f"{FAILED_GATE}median: median says so; coverage: coverage says so"
    with pytest.raises(GateRefusal, match="gate 'median' says fail"):
        failed_gate(lake, spec("stop"), DAY, GATES, rows())


@pytest.mark.parametrize("on_failed_gate", ["refer", "stop"])
@pytest.mark.parametrize("verdict", ["insufficient", None])
def test_missing_evidence_stops_the_night_whatever_the_spec_says(
    lake: Lake, on_failed_gate: str, verdict: Verdict | None
) -> None:
    put(lake, rows(), median="fail", **({"coverage": verdict} if verdict else {}))
    with pytest.raises(GateRefusal, match="insufficient" if verdict else "no recorded result"):
        failed_gate(lake, spec(on_failed_gate), DAY, ("coverage",), rows())
    with pytest.raises(GateRefusal):
        failed_gate(lake, spec(on_failed_gate), DAY, GATES, rows())


def test_no_record_at_all_stops_the_night(lake: Lake) -> None:
    with pytest.raises(GateRefusal, match="no recorded result"):
        failed_gate(lake, spec(), DAY, GATES, rows())


@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_a_verdict_on_other_rows_stops_the_night(lake: Lake, verdict: Verdict) -> None:
    put(lake, rows(), median=verdict)
    with pytest.raises(GateRefusal, match="on other rows"):
        failed_gate(lake, spec(), DAY, ("median",), rows(weight=6.0))


def test_decisions_tell_a_failed_gate_from_other_fallbacks() -> None:
    said = pa.chunked_array([[f"{FAILED_GATE}median: too high", "no champion", None]])
    assert by_failed_gate(said).to_pylist() == [True, False, False]


PASSES: dict[str, Any] = {}
FAILS: dict[str, dict[str, Any]] = {GATE: {"weight": 900.0}, COVERAGE: {"income": None}}
TOO_FEW = {"cases": 2}


@pytest.mark.parametrize(
    ("gate", "night", "on_failed_gate", "goes_on"),
    [
        (GATE, PASSES, "refer", True),
        (GATE, FAILS[GATE], "refer", True),
        (GATE, FAILS[GATE], "stop", False),
        (GATE, TOO_FEW, "refer", False),
        (COVERAGE, PASSES, "stop", True),
        (COVERAGE, FAILS[COVERAGE], "refer", True),
        (COVERAGE, FAILS[COVERAGE], "stop", False),
        (COVERAGE, TOO_FEW, "refer", False),
    ],
)
def test_a_failed_check_is_red_and_stops_the_run_only_where_it_shall(
    home: Home, lake: Lake, gate: str, night: dict[str, Any], on_failed_gate: str, goes_on: bool
) -> None:
    declared = spec(on_failed_gate, columns={"weight": {"median": [1, 50]}})
    checks = {GATE: scoring_population_check, COVERAGE: feature_coverage_check}
    found: list[str | None] = []

    @dg.asset(key=[declared.name, SCORING_SET], partitions_def=daily(declared))
    def joined() -> None:
        table = rows(**night)
        lake.ensure(declared.name, SCORING_SET, table.schema)
        lake.replace_day(declared.name, SCORING_SET, DAY, table)

    # Alphabetically before the check: it waits for it all the same.
    @dg.asset(deps=[joined], partitions_def=daily(declared))
    def a_scoring() -> None:
        there = lake.read_day(declared.name, SCORING_SET, DAY)
        found.append(failed_gate(lake, declared, DAY, (gate,), there))

    ran = dg.materialize(
        [joined, a_scoring, checks[gate](declared)],
        partition_key=DAY.isoformat(),
        resources={"installation": Installation(root=str(home.root))},
        raise_on_error=False,
    )
    (evaluation,) = ran.get_asset_check_evaluations()
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert evaluation.partition == DAY.isoformat()
    assert evaluation.passed == (night == PASSES)
    assert ran.success == goes_on
    assert len(found) == goes_on
    if goes_on:
        assert (found[0] is None) == (night == PASSES)
        assert found[0] is None or found[0].startswith(f"{FAILED_GATE}{gate}: ")

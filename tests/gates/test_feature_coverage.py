"""The gate on feature coverage: a view that says next to nothing stops the night."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.features.assets import feature_coverage_check
from assets.features.coverage import GATE, judge_coverage, view_coverage
from assets.gate_results import GateRefusal, GateResult, record, require_passed
from assets.home import Home
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import GATE_RESULTS, SCORING_SET
from orchestration.partitions import daily
from orchestration.resources.installation import Installation
from tests.parcels import parcels_spec

DAY = date(2026, 1, 5)


def spec(
    min_coverage: float = 0.0, min_rows: int = 5, views: bool = True, on_failed_gate: str = "refer"
) -> UseCaseSpec:
    declared = parcels_spec(quality={"min_rows": min_rows}).model_dump()
    view = {
        "source": "accounts",
        "entity": "sender",
        "timestamp": "seen_at",
        "ttl": "30d",
        "columns": ["income", "region"],
        "min_coverage": min_coverage,
    }
    declared["sources"]["accounts"]["columns"]["region"] = {"type": "string", "required": False}
    declared["fallback"]["on_failed_gate"] = on_failed_gate
    declared["features"] = {"request": ["weight"], "views": {"people": view} if views else {}}
    return UseCaseSpec.model_validate(declared)


def night(*known: tuple[float | None, str | None]) -> pa.Table:
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {"parcel_id": f"p{i}", "sent_at": at, "income": income, "region": region}
        for i, (income, region) in enumerate(known)
    ]
    schema = pa.schema(
        [
            ("parcel_id", pa.string()),
            ("sent_at", pa.timestamp("us", "UTC")),
            ("income", pa.float64()),
            ("region", pa.string()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


NOTHING = (None, None)


def judge(rows: pa.Table, **changed: Any) -> GateResult:
    return judge_coverage(spec(**changed), DAY, rows)


def test_a_row_counts_with_a_value_in_any_column_of_the_view() -> None:
    rows = night((1.0, None), (None, "north"), NOTHING, (2.0, "south"))
    assert view_coverage(spec(), rows) == {"people": 0.75}
    assert view_coverage(spec(), rows.slice(0, 0)) == {"people": 0.0}


def test_a_view_without_a_single_value_fails_whatever_the_floor() -> None:
    judged = judge(night(*[NOTHING] * 6))
    assert (judged.verdict, judged.figures) == ("fail", {"people": 0.0})
    assert "view 'people' (source 'accounts', ttl 30d) has no value for any" in judged.message
    assert judge(night(*[NOTHING] * 5, (1.0, None))).verdict == "pass"


@pytest.mark.parametrize(("floor", "verdict"), [(0.5, "pass"), (0.51, "fail")])
def test_below_the_floor_fails_and_on_it_passes(floor: float, verdict: str) -> None:
    judged = judge(night(*[NOTHING] * 3, *[(1.0, "north")] * 3), min_coverage=floor)
    assert (judged.verdict, judged.threshold) == (verdict, {"people": floor})
    assert ("50.00%, at least 51.00%" in judged.message) == (verdict == "fail")


def test_too_few_rows_prove_nothing() -> None:
    for rows in (night(), night((1.0, "north")), night(NOTHING)):
        assert judge(rows).verdict == "insufficient"
    assert "quality.min_rows = 5" in judge(night()).message


def test_without_views_there_is_nothing_to_cover() -> None:
    judged = judge(night(), views=False)
    assert (judged.verdict, judged.figures) == ("pass", {})
    assert "no feature views" in judged.message


def test_the_verdict_holds_for_exactly_these_rows(lake: Lake) -> None:
    rows = night(*[(1.0, "north")] * 6)
    judged = judge(rows)
    assert (judged.gate, judged.subject) == (GATE, SCORING_SET)
    record(lake, "parcels", DAY, judged, spec_version="v", run_id="r")
    require_passed(lake, "parcels", DAY, GATE, rows)
    with pytest.raises(GateRefusal, match="other rows"):
        require_passed(lake, "parcels", DAY, GATE, night(*[(1.0, "south")] * 6))


@pytest.mark.parametrize(
    ("rows", "verdict", "fallback", "goes_on"),
    [
        (night(*[(1.0, "north")] * 6), "pass", "stop", True),
        (night(*[NOTHING] * 6), "fail", "stop", False),
        # The decisions then refer every case: tests/gates/test_gate_fallback.py.
        (night(*[NOTHING] * 6), "fail", "refer", True),
        (night((1.0, "north")), "insufficient", "stop", False),
        (night((1.0, "north")), "insufficient", "refer", False),
    ],
)
def test_the_check_blocks_and_leaves_a_record(
    home: Home, lake: Lake, rows: pa.Table, verdict: str, fallback: str, goes_on: bool
) -> None:
    declared = spec(on_failed_gate=fallback)
    reached: list[str] = []

    @dg.asset(key=[declared.name, SCORING_SET], partitions_def=daily(declared))
    def joined() -> None:
        lake.ensure(declared.name, SCORING_SET, rows.schema)
        lake.replace_day(declared.name, SCORING_SET, DAY, rows)

    @dg.asset(deps=[joined], partitions_def=daily(declared))
    def scored() -> None:
        reached.append("scored")

    ran = dg.materialize(
        [joined, scored, feature_coverage_check(declared)],
        partition_key=DAY.isoformat(),
        resources={"installation": Installation(root=str(home.root))},
        raise_on_error=False,
    )
    assert reached == (["scored"] if goes_on else [])
    (evaluation,) = ran.get_asset_check_evaluations()
    assert (evaluation.passed, ran.success) == (verdict == "pass", goes_on)
    (recorded,) = lake.read_day(declared.name, GATE_RESULTS, DAY).to_pylist()
    assert (recorded["gate"], recorded["verdict"]) == (GATE, verdict)
    assert evaluation.description == recorded["message"]


def test_no_message_holds_a_value() -> None:
    message = judge(night(*[NOTHING] * 5, (4711.0, "secret")), min_coverage=0.9).message
    assert "4711" not in message
    assert "secret" not in message

"""The coverage gate: features have values."""

import pyarrow as pa
import pytest

from assets.spec import UseCaseSpec
from assets.training.gates.coverage import coverage_gate
from tests.judged_models import kiln, kiln_spec


def viewed(floor: float = 0.0) -> UseCaseSpec:
    columns = {
        "potter": {"type": "string"},
        "seen_at": {"type": "timestamp"},
        "skill": {"type": "float", "required": False},
        "school": {"type": "string", "required": False},
    }
    view = {
        "entity": "potter",
        "timestamp": "seen_at",
        "ttl": "30d",
        "columns": ["skill", "school"],
        "min_coverage": floor,
    }
    return kiln_spec(sources__lessons={"columns": columns}, features__views={"lessons": view})


def table(known: int, rows: int = 100) -> pa.Table:
    found = kiln(rows=rows)
    skill = pa.array([1.0] * known + [None] * (rows - known), pa.float64())
    school = pa.array(["old"] * known + [None] * (rows - known), pa.string())
    return found.with_column("skill", skill).with_column("school", school).table


@pytest.mark.parametrize(
    ("known", "floor", "verdict"),
    [(60, 0.5, "pass"), (40, 0.5, "fail"), (1, 0.0, "pass"), (0, 0.0, "fail"), (50, 0.5, "pass")],
)
def test_a_view_must_reach_its_floor_and_never_be_empty(
    known: int, floor: float, verdict: str
) -> None:
    found = coverage_gate(viewed(floor), table(known))
    assert found.verdict == verdict
    assert found.figures["views"] == {"lessons": known / 100}
    assert ("view 'lessons' has a value for" in found.message) == (verdict == "fail")


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_feature_without_a_value_is_refused(nothing: float | None) -> None:
    empty = kiln(rows=100).with_column("damp", pa.array([nothing] * 100, pa.float64()))
    found = coverage_gate(kiln_spec(), empty.table)
    assert found.verdict == "fail"
    assert "no value at all in damp" in found.message


def test_no_row_is_insufficient() -> None:
    assert coverage_gate(viewed(), table(10).slice(0, 0)).verdict == "insufficient"

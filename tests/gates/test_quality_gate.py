"""The gate on the scoring population: each promise fires when broken, all are silent when kept."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.content import content_digest
from assets.gate_results import GateResult
from assets.home import Home
from assets.quality.scoring_population import GATE, docs_page, evaluate
from assets.spec import UseCaseSpec
from tests.parcels import parcels_spec

DAY = date(2026, 1, 5)


def make_spec(**changed: object) -> UseCaseSpec:
    blocks = {
        "quality": {
            "min_rows": 50,
            "max_rows": 1000,
            "columns": {
                "weight": {"median": [5, 50], "null_share": 0.0},
                "income": {"null_share": 0.2},
            },
        }
    }
    return parcels_spec(**(blocks | changed))


def parcels(rows: int, seed: int = 1) -> pa.Table:
    """Cases of one population: the seed changes the sample, not what it is drawn from."""
    draw = np.random.default_rng(seed)
    start = datetime(2026, 1, 5, tzinfo=UTC)
    return pa.table(
        {
            "parcel_id": [f"p-{seed}-{i}" for i in range(rows)],
            "sender": [f"person-{n}" for n in draw.integers(0, 10**6, rows)],
            "sent_at": pa.array(
                [start + timedelta(seconds=int(s)) for s in draw.integers(0, 86400, rows)],
                pa.timestamp("us", "UTC"),
            ),
            "weight": draw.gamma(2.0, 10.0, rows),
            "counter": draw.choice(["desk", "web", "phone"], rows, p=[0.6, 0.3, 0.1]),
            "income": pa.array(draw.lognormal(8, 0.5, rows), mask=draw.random(rows) < 0.05),
        }
    )


def with_column(rows: pa.Table, name: str, values: object) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, pa.array(values))


def judge(tmp_path: Path, rows: pa.Table, **changed: object) -> GateResult:
    return evaluate(make_spec(**changed), Home(tmp_path), DAY, rows, data_docs=False)


def test_clean_population_passes_and_leaves_nothing_without_data_docs(tmp_path: Path) -> None:
    rows = parcels(200)
    result = judge(tmp_path, rows)
    assert result.verdict == "pass"
    assert (result.gate, result.subject) == (GATE, "scoring_set")
    assert result.evidence_digest == content_digest(rows)
    assert result.figures["rows"] == 200
    assert set(result.figures) == set(result.threshold)
    assert list(tmp_path.iterdir()) == []


def test_unit_error_breaches_the_median_band(tmp_path: Path) -> None:
    rows = parcels(200)
    rows = with_column(rows, "weight", pc.multiply(rows["weight"], 100.0))
    result = judge(tmp_path, rows)
    assert result.verdict == "fail"
    assert result.figures["weight: median"] > 1000
    assert result.threshold["weight: median"] == [5.0, 50.0]
    assert "median of weight is" in result.message
    assert "allowed 5 to 50" in result.message


@pytest.mark.parametrize(("nulls", "verdict"), [(20, "pass"), (60, "fail")])
def test_nulls_beyond_the_allowed_share(tmp_path: Path, nulls: int, verdict: str) -> None:
    rows = with_column(parcels(200), "income", [None] * nulls + [3000.0] * (200 - nulls))
    result = judge(tmp_path, rows)
    assert result.verdict == verdict
    assert result.figures["income: null share"] == nulls / 200


def test_no_value_at_all_fails_rather_than_crashes(tmp_path: Path) -> None:
    rows = with_column(parcels(200), "weight", pa.nulls(200, pa.float64()))
    result = judge(tmp_path, rows)
    assert result.verdict == "fail"
    assert result.figures["weight: median"] is None
    assert "100.0% of weight is null" in result.message


def test_duplicate_case_fails(tmp_path: Path) -> None:
    rows = parcels(200)
    result = judge(tmp_path, pa.concat_tables([rows, rows.slice(0, 3)]))
    assert result.verdict == "fail"
    assert result.figures["parcel_id: unique"] == 6
    assert "6 rows share their parcel_id" in result.message


def test_unknown_category_and_range_fail(tmp_path: Path) -> None:
    rows = parcels(200)
    rows = with_column(rows, "counter", ["drone", *rows["counter"].to_pylist()[1:]])
    rows = with_column(rows, "weight", [-1.0, *rows["weight"].to_pylist()[1:]])
    result = judge(tmp_path, rows)
    assert result.verdict == "fail"
    assert result.figures["counter: values"] == 1
    assert result.figures["weight: range"] == 1


def test_missing_column_fails_by_name(tmp_path: Path) -> None:
    result = judge(tmp_path, parcels(200).drop_columns(["income"]))
    assert result.verdict == "fail"
    assert result.figures["income: exists"] is False
    assert "income is missing" in result.message


@pytest.mark.parametrize("rows", [0, 1, 49])
def test_too_few_rows_are_insufficient_evidence(tmp_path: Path, rows: int) -> None:
    result = judge(tmp_path, parcels(200).slice(0, rows))
    assert result.verdict == "insufficient"
    assert f"{rows} rows, fewer than quality.min_rows = 50" in result.message


def test_too_many_rows_fail(tmp_path: Path) -> None:
    result = judge(tmp_path, parcels(1001))
    assert result.verdict == "fail"
    assert "1001 rows, allowed 50 to 1000" in result.message


def test_data_docs_hold_each_night_once_and_no_cell(tmp_path: Path) -> None:
    spec, home = make_spec(), Home(tmp_path)
    bad = with_column(parcels(200), "counter", ["secret-value"] * 200)
    nights = {DAY: parcels(200), DAY + timedelta(days=1): bad}
    for _ in range(2):
        for day, rows in nights.items():
            evaluate(spec, home, day, rows)
    pages = sorted(home.data_docs.glob("validations/**/*.html"))
    assert pages == [docs_page(spec, home, day) for day in nights]
    index = (home.data_docs / "index.html").read_text()
    assert [index.count(f">{day}<") for day in nights] == [1, 1]
    assert index.count("pass</b>") == 1
    assert index.count("fail</b>") == 1
    assert "Every value of counter is one of: desk, web, phone." in pages[1].read_text()
    written = [p.read_text() for p in tmp_path.rglob("*") if p.suffix in (".html", ".json", ".yml")]
    for word in ("secret-value", "person-", "p-1-"):
        assert not any(word in text for text in written)
    # The pages open without a network: nothing is taken from elsewhere.
    assert not any('src="http' in text or "url('http" in text for text in written)


def test_changed_spec_replaces_the_stored_suite(tmp_path: Path) -> None:
    home, rows = Home(tmp_path), parcels(200)
    assert evaluate(make_spec(), home, DAY, rows).verdict == "pass"
    strict = make_spec(quality={"columns": {"weight": {"median": (1, 2)}}})
    assert evaluate(strict, home, DAY, rows).verdict == "fail"
    suite = (home.root / "gx" / "expectations" / "parcels_scoring_population.json").read_text()
    assert "between 1 and 2" in suite
    assert "between 5 and 50" not in suite

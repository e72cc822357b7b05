"""Drift fires when the population moves, is silent when it does not, and admits not knowing."""

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.home import Home
from assets.monitoring.drift import (
    DriftResult,
    drift_report,
    metrics_table,
    reference_sample,
    reference_window,
)
from assets.monitoring.plots import drift_markdown, drift_plot
from assets.spec import UseCaseSpec
from assets.tables import METRICS_SCHEMA
from tests.parcels import parcels_spec

DAY = date(2026, 1, 5)


def make_spec(**changed: object) -> UseCaseSpec:
    blocks = {"monitoring": {"drift": {"share": 0.3, "min_rows": 50}}}
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


@pytest.fixture(scope="module")
def reference() -> pa.Table:
    return reference_sample(make_spec(), parcels(3000, seed=99))


def compare(tmp_path: Path, rows: pa.Table, reference: pa.Table, day: date = DAY) -> DriftResult:
    return drift_report(make_spec(), Home(tmp_path), day, rows, reference)


def test_shifted_income_moves(tmp_path: Path, reference: pa.Table) -> None:
    rows = parcels(250)
    rows = with_column(rows, "income", pc.multiply(rows["income"], 0.6))
    result = compare(tmp_path, rows, reference)
    assert result.verdict == "moved"
    assert result.drifted == ["income"]
    assert result.share == pytest.approx(1 / 3)
    assert result.report_path is not None
    assert result.report_path.stat().st_size > 100_000


def test_unchanged_population_stays_stable(tmp_path: Path, reference: pa.Table) -> None:
    """Also with few rows, where chance alone exceeds the declared threshold of 0.1."""
    for seed in range(8):
        result = compare(tmp_path, parcels(60, seed=seed), reference)
        assert result.verdict == "stable", drift_markdown(result)
    assert max(c.distance or 0 for c in result.columns) > 0.1


@pytest.mark.parametrize("rows", [0, 1, 49])
def test_few_rows_are_insufficient(tmp_path: Path, reference: pa.Table, rows: int) -> None:
    result = compare(tmp_path, parcels(250).slice(0, rows), reference)
    assert result.verdict == "insufficient"
    stored = metrics_table(result, make_spec(), "run").to_pylist()
    assert {row["verdict"] for row in stored} == {"insufficient"}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("income", pa.nulls(250, pa.float64())),
        ("counter", pa.nulls(250, pa.string())),
        ("income", [None] * 100 + [2980.0 + i for i in range(150)]),
        ("income", [7.0] * 250),
        ("counter", ["drone"] * 250),
    ],
)
def test_outages_and_constants_are_drift(
    tmp_path: Path, reference: pa.Table, column: str, values: object
) -> None:
    result = compare(tmp_path, with_column(parcels(250), column, values), reference)
    assert result.drifted == [column]
    assert all(c.note for c in result.columns if c.drifted)


def test_column_empty_then_and_now_has_not_moved(tmp_path: Path, reference: pa.Table) -> None:
    empty = with_column(reference, "income", pa.nulls(reference.num_rows, pa.float64()))
    now = with_column(parcels(250), "income", pa.nulls(250, pa.float64()))
    assert compare(tmp_path, now, empty).drifted == []
    assert compare(tmp_path, parcels(250), empty).drifted == ["income"]


def test_rerun_replaces_and_an_emptied_day_takes_its_report_away(
    tmp_path: Path, reference: pa.Table
) -> None:
    from evidently.ui.workspace import Workspace

    home, next_day = Home(tmp_path), DAY + timedelta(days=1)
    first = compare(tmp_path, parcels(250), reference)
    order = pa.array(np.random.default_rng(3).permutation(250))
    again = compare(tmp_path, parcels(250).take(order), reference)
    assert again.columns == first.columns
    compare(tmp_path, parcels(250, seed=2), reference, next_day)
    workspace = Workspace(str(home.evidently_workspace))
    (project,) = workspace.list_projects()
    assert project.name == "parcels"
    assert [p.title for p in project.dashboard.model().panels] == [
        "Share of drifted columns",
        "Distance to the reference, by column",
    ]
    runs = {str(run) for run in workspace.list_runs(project.id)}
    assert len(runs) == 2
    snapshot = workspace.get_run(project.id, uuid.UUID(first.snapshot_id))
    assert snapshot is not None
    assert snapshot.timestamp.date() == DAY
    gone = compare(tmp_path, parcels(0), reference)
    assert gone.report_path is None
    assert not home.drift_report("parcels", DAY).exists()
    assert len(workspace.list_runs(project.id)) == 1
    assert [p.name for p in home.evidently_workspace.iterdir()] == [str(project.id)]


def test_reports_know_no_person(tmp_path: Path, reference: pa.Table) -> None:
    assert reference.column_names == ["weight", "counter", "income"]
    compare(tmp_path, parcels(250), reference)
    for file in tmp_path.rglob("*"):
        if file.is_file():
            text = file.read_text()
            assert "person-" not in text
            assert "p-1-" not in text


def test_reference_sample_is_seeded_and_indifferent_to_order() -> None:
    spec = make_spec(monitoring={"drift": {"reference_rows": 100}})
    rows = parcels(400).append_column("score", pa.array(np.linspace(0, 1, 400)))
    sample = reference_sample(spec, rows)
    assert sample.num_rows == 100
    assert sample.column_names == ["weight", "counter", "income", "score"]
    order = pa.array(np.random.default_rng(5).permutation(400))
    assert reference_sample(spec, rows.take(order)).equals(sample)
    assert reference_window(spec, rows) == (DAY, DAY)
    assert reference_window(spec, rows.slice(0, 0)) is None


def test_metrics_plot_and_markdown_tell_the_same(tmp_path: Path, reference: pa.Table) -> None:
    spec, window = make_spec(), (date(2025, 10, 1), date(2025, 12, 31))
    score = pa.array(np.random.default_rng(1).beta(2, 8, 250))
    rows = parcels(250).append_column("score", score)
    scored = reference.append_column("score", pa.array([0.5] * reference.num_rows))
    result = drift_report(spec, Home(tmp_path), DAY, rows, scored, reference_window=window)
    assert result.drifted == ["score"]
    table = metrics_table(result, spec, "run-7")
    assert table.schema == METRICS_SCHEMA
    by_subject = {row["subject"]: row for row in table.to_pylist()}
    assert set(by_subject) == {"weight", "counter", "income", "score", "overall"}
    assert by_subject["score"]["verdict"] == "drifted"
    assert by_subject["overall"]["value"] == 0.25
    detail = json.loads(by_subject["overall"]["detail"])
    assert detail["drifted"] == ["score"]
    assert detail["reference_window"] == ["2025-10-01", "2025-12-31"]
    assert (tmp_path / detail["report"]).exists()
    assert drift_markdown(result).count("| yes |") == 1
    assert drift_plot(result).startswith(b"\x89PNG")

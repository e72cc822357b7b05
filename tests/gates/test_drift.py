"""Drift fires when the population moves, is silent when it does not, and admits not knowing."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.content import content_digest
from assets.gate_results import GateResult, record
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.monitoring import compare_night as comparing
from assets.monitoring.compare_night import Compared, compare_night
from assets.monitoring.drift import DriftResult, direction, drift
from assets.monitoring.impact import judge
from assets.monitoring.night import measures, night_rows
from assets.monitoring.plots import drift_markdown, drift_plot
from assets.monitoring.reference import Reference, reference_of, windows_of
from assets.monitoring.report import Report, drift_report, reference_sample
from assets.quality.scoring_population import GATE
from assets.release.events import Champion
from assets.scoring.loader import ModelRefused
from assets.spec import UseCaseSpec
from assets.tables import (
    DECISIONS,
    DECISIONS_SCHEMA,
    MEASURES_SCHEMA,
    PREDICTIONS,
    PREDICTIONS_SCHEMA,
    SCORING_SET,
    TRAINING_SET,
)
from tests.parcels import parcels_spec

DAY = date(2026, 3, 16)
DAYS, A_DAY = 60, 60
FIRST = DAY - timedelta(days=DAYS + 20)
"""First day of the reference."""


def make_spec(**changed: object) -> UseCaseSpec:
    return parcels_spec(**({"monitoring": {"drift": {"min_rows": 50}}} | changed))


def parcels(rows: int, seed: int = 1, day: date = DAY) -> pa.Table:
    """Cases of one night of a population: the seed changes the sample, not the population."""
    draw = np.random.default_rng([seed, day.toordinal()])
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return pa.table(
        {
            "parcel_id": [f"p-{seed}-{day:%m%d}-{i}" for i in range(rows)],
            "sender": [f"person-{n}" for n in draw.integers(0, 10**6, rows)],
            "sent_at": pa.array(
                [start + timedelta(seconds=int(s)) for s in draw.integers(0, 86400, rows)],
                pa.timestamp("us", "UTC"),
            ),
            "weight": draw.gamma(2.0, 10.0, rows),
            "counter": draw.choice(["desk", "web", "phone"], rows, p=[0.6, 0.3, 0.1]),
            "income": pa.array(draw.lognormal(8, 0.5, rows), mask=draw.random(rows) < 0.05),
            PARTITION: pa.array([day] * rows, pa.date32()),
        }
    )


def night(day: date, rows: int = 200, **columns: object) -> pa.Table:
    """A night, with values of columns replaced."""
    found = parcels(rows, day=day)
    for name, values in columns.items():
        found = with_column(found, name, values)
    return found


def with_column(rows: pa.Table, name: str, values: object) -> pa.Table:
    array = values if isinstance(values, pa.ChunkedArray) else pa.array(values)
    if name not in rows.column_names:
        return rows.append_column(name, array)
    return rows.set_column(rows.column_names.index(name), name, array)


def poorer(rows: pa.Table, times: float = 0.6) -> pa.Table:
    return with_column(rows, "income", pc.multiply(rows["income"], times))


def training_set() -> pa.Table:
    days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    return pa.concat_tables([parcels(A_DAY, seed=99, day=day) for day in days])


@pytest.fixture(scope="module")
def training() -> pa.Table:
    return training_set()


@pytest.fixture(scope="module")
def reference(training: pa.Table) -> Reference:
    return reference_of(make_spec(), training)


def compare(rows: pa.Table, reference: Reference, day: date = DAY) -> DriftResult:
    return drift(make_spec(), day, rows, reference)


def page(home: Path, rows: pa.Table, training: pa.Table, day: date = DAY) -> Report | None:
    spec = make_spec()
    shown = reference_sample(spec, training)
    result = compare(rows, reference_of(spec, training), day)
    return drift_report(spec, Home(home), result, rows, shown)


def window(nights: int = 7, rows: int = 60, **more: Any) -> pa.Table:
    """The nights up to DAY."""
    return pa.concat_tables([night(DAY - timedelta(days=n), rows, **more) for n in range(nights)])


# Did the input move?


def test_shifted_income_moves(reference: Reference) -> None:
    result = compare(poorer(night(DAY)), reference)
    assert result.verdict == "moved"
    assert result.drifted == ["income"]
    assert result.largest is not None
    assert result.largest > 1


def test_unchanged_population_stays_stable(reference: Reference) -> None:
    """Also with few rows, where chance alone exceeds the declared threshold of 0.1."""
    largest = 0.0
    for seed in range(8):
        result = compare(parcels(60, seed=seed), reference)
        assert result.verdict == "stable", result.drifted
        largest = max(largest, *(one.effect for one in result.night))
    assert largest > 0.1


@pytest.mark.parametrize("rows", [0, 1, 49])
def test_few_rows_are_insufficient(reference: Reference, rows: int) -> None:
    result = compare(night(DAY).slice(0, rows), reference)
    assert (result.verdict, result.drifted, result.largest) == ("insufficient", [], None)
    assert {row["verdict"] for row in stored(result) if row["measure"].startswith("drift")} == {
        "insufficient"
    }


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
def test_outages_and_constants_are_drift(reference: Reference, column: str, values: object) -> None:
    result = compare(night(DAY, 250, **{column: values}), reference)
    assert result.drifted == [column]
    assert all(one.note for one in result.night if one.drifted)


def test_column_empty_then_and_now_has_not_moved(training: pa.Table) -> None:
    nothing = pa.nulls(training.num_rows, pa.float64())
    empty = reference_of(make_spec(), with_column(training, "income", nothing))
    now = night(DAY, 250, income=pa.nulls(250, pa.float64()))
    assert compare(now, empty).verdict == "stable"
    result = compare(night(DAY, 250), empty)
    assert result.drifted == ["income"]
    assert "100.0% before" in result.night[2].note


def test_column_constant_then_and_now_has_not_moved(training: pa.Table) -> None:
    constant = reference_of(make_spec(), with_column(training, "weight", [3.0] * training.num_rows))
    assert compare(night(DAY, weight=[3.0] * 200), constant).verdict == "stable"
    result = compare(night(DAY), constant)
    assert result.drifted == ["weight"]
    assert result.night[0].note == "constant in the reference"


def test_new_category_is_told_and_counts(reference: Reference) -> None:
    few = night(DAY, counter=["drone"] * 2 + ["desk"] * 119 + ["web"] * 59 + ["phone"] * 20)
    result = compare(few, reference)
    assert result.night[1].novelty == 0.01
    assert [row["value"] for row in stored(result) if row["measure"] == "novelty"] == [0.01]
    many = night(DAY, counter=["drone"] * 60 + ["desk"] * 84 + ["web"] * 42 + ["phone"] * 14)
    assert compare(many, reference).drifted == ["counter"]


def test_two_nights_show_what_one_leaves_open(reference: Reference) -> None:
    """Half a standard deviation in sixty cases: one night may be chance, two are not."""
    before = DAY - timedelta(days=1)
    shifted = [poorer(night(day, 60), float(np.exp(-0.3))) for day in (DAY, before)]
    alone = compare(shifted[0], reference)
    both = compare(pa.concat_tables(shifted), reference)
    assert alone.night[2].times < both.night[2].times
    assert both.night[2].nights == 2
    assert both.drifted == ["income"]
    assert both.rows == 60


def test_small_move_shows_in_the_window_alone(reference: Reference) -> None:
    nights = poorer(window(), float(np.exp(-0.12)))
    result = compare(nights, reference)
    assert not any(one.drifted for one in result.night)
    assert [one.column for one in result.window if one.drifted] == ["income"]
    assert (result.verdict, result.drifted) == ("moved", ["income"])
    assert {one.nights for one in result.window} == {7}


def test_small_nights_are_known_together(reference: Reference) -> None:
    result = compare(window(rows=20), reference)
    assert result.verdict == "stable"
    assert not any(one.known for one in result.night)
    assert all(one.known for one in result.window)
    assert compare(poorer(window(rows=20)), reference).drifted == ["income"]


def test_nights_outside_the_window_do_not_count(reference: Reference) -> None:
    long_ago = poorer(night(DAY - timedelta(days=3)))
    result = compare(pa.concat_tables([night(DAY), long_ago]), reference)
    assert {one.rows for one in result.night} == {200}
    assert {one.rows for one in result.window} == {400}
    assert [windows_of(drift_spec(window_days=days)) for days in (1, 2, 9)] == [
        (1,),
        (1, 2),
        (1, 2, 9),
    ]


def drift_spec(**limits: object) -> UseCaseSpec:
    return make_spec(monitoring={"drift": limits})


def test_effect_below_the_declared_threshold_never_counts(training: pa.Table) -> None:
    spec = drift_spec(column_threshold=2.0)
    result = drift(spec, DAY, poorer(night(DAY)), reference_of(spec, training))
    assert (result.verdict, {one.band for one in result.night}) == ("stable", {2.0})


def test_order_of_rows_changes_nothing(training: pa.Table, reference: Reference) -> None:
    nights = poorer(window())
    order = np.random.default_rng(3).permutation
    again = reference_of(make_spec(), training.take(pa.array(order(training.num_rows))))
    assert compare(nights.take(pa.array(order(nights.num_rows))), again) == compare(
        nights, reference
    )


def test_free_text_and_persons_are_not_compared(training: pa.Table) -> None:
    texts = [f"left at the door of house {n}" for n in range(training.num_rows)]
    found = reference_of(make_spec(), with_column(training, "counter", texts))
    assert [one.column for one in found.columns] == ["weight", "income"]
    spec = make_spec(
        features={"request": ["weight", "counter", "sender"]}, monitoring={"drift": {}}
    )
    assert [one.column for one in reference_of(spec, training).columns] == ["weight", "counter"]


def test_scores_of_nobody_are_no_missing_values(training: pa.Table) -> None:
    """Whom the champion did not score says nothing about its scores."""
    draw = np.random.default_rng(5).beta
    scored = training.append_column("score", pa.array(draw(2, 8, training.num_rows)))
    known = reference_of(make_spec(), training, scored)
    mask = np.arange(200) % 2 == 0
    result = compare(night(DAY, score=pa.array(draw(2, 8, 200), mask=mask)), known)
    assert result.verdict == "stable"
    (one,) = (one for one in result.night if one.column == "score")
    assert (one.rows, one.missing, one.known) == (100, 0.0, True)
    none = compare(night(DAY, score=pa.nulls(200, pa.float64())), known)
    assert none.verdict == "stable"
    assert not any(one.known for one in none.scores)


def test_nothing_to_compare_with_is_insufficient(training: pa.Table) -> None:
    nobody = reference_of(make_spec(), training.slice(0, 0))
    result = compare(night(DAY), nobody)
    assert (result.verdict, result.reference_rows, result.reference_days) == ("insufficient", 0, 0)
    assert direction(make_spec(), night(DAY), training.slice(0, 0), ["income"]) == {
        "income": "values where there were none"
    }


def stored(result: DriftResult, **more: Any) -> list[dict[str, Any]]:
    """The night's rows as they are stored, judged without anything but the comparison."""
    spec = make_spec()
    judged = judge(spec, result, estimate=None, trained=None, approvals=None, performance=[])
    said: dict[str, Any] = {"words": {}, "weighted": None, "estimate": None, "scores": 0}
    said |= {"worst": None, "report": None, "snapshot": None} | more
    table = measures(night_rows(spec, result, judged, **said), "run-7", 3)
    assert table.schema == MEASURES_SCHEMA
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_rows_plot_and_markdown_tell_the_same(training: pa.Table, reference: Reference) -> None:
    rows = poorer(night(DAY))
    span = (FIRST, FIRST + timedelta(days=DAYS - 1))
    result = drift(make_spec(), DAY, rows, reference, reference_window=span)
    words = direction(make_spec(), rows, training, ["income", "counter"])
    assert words["income"].startswith("median 18")
    assert words["counter"].startswith("'")
    kept = stored(result, words=words)
    of_night = {row["subject"]: row for row in kept if row["measure"] == "drift"}
    assert set(of_night) == {"weight", "counter", "income"}
    assert of_night["income"]["verdict"] == "drifted"
    assert of_night["income"]["value"] > of_night["income"]["limit"]
    (moved,) = (row for row in kept if row["measure"] == "input_moved")
    assert (moved["verdict"], moved["limit"], moved["n"]) == ("moved", 1.0, 200)
    detail = json.loads(moved["detail"])
    assert detail["drifted"] == ["income"]
    assert detail["words"] == {"income": words["income"]}
    assert detail["reference_window"] == [day.isoformat() for day in span]
    assert (detail["reference_rows"], detail["reference_days"]) == (DAYS * A_DAY, DAYS)
    assert {row["subject"] for row in kept if row["measure"] == "missing"} == {"income"}
    judged = judge(make_spec(), result, estimate=None, trained=None, approvals=None, performance=[])
    assert drift_markdown(result, judged).count("| yes |") == 1
    assert drift_plot(result, judged).startswith(b"\x89PNG")


def test_reference_sample_is_seeded_and_indifferent_to_order() -> None:
    spec = drift_spec(reference_rows=100)
    rows = parcels(400).append_column("score", pa.array(np.linspace(0, 1, 400)))
    sample = reference_sample(spec, rows)
    assert sample.num_rows == 100
    assert sample.column_names == ["weight", "counter", "income", "score"]
    order = pa.array(np.random.default_rng(5).permutation(400))
    assert reference_sample(spec, rows.take(order)).equals(sample)


# The page and the snapshot


def test_rerun_replaces_and_an_emptied_day_takes_its_report_away(
    tmp_path: Path, training: pa.Table
) -> None:
    from evidently.ui.workspace import Workspace

    home, next_day = Home(tmp_path), DAY + timedelta(days=1)
    first = page(tmp_path, poorer(night(DAY)), training)
    assert first is not None
    assert first.path.stat().st_size > 100_000
    assert tmp_path / first.relative == first.path == home.drift_report("parcels", DAY)
    order = pa.array(np.random.default_rng(3).permutation(200))
    again = page(tmp_path, poorer(night(DAY)).take(order), training)
    assert again == first
    page(tmp_path, night(next_day), training, next_day)
    workspace = Workspace(str(home.evidently_workspace))
    (project,) = workspace.list_projects()
    assert project.name == "parcels"
    assert [p.title for p in project.dashboard.model().panels] == [
        "Share of drifted columns",
        "Effect against the training window, by column",
        "Cases of a night",
        "Values that are missing",
        "Mean score",
    ]
    assert len({str(run) for run in workspace.list_runs(project.id)}) == 2
    snapshot = workspace.get_run(project.id, uuid.UUID(first.snapshot_id))
    assert snapshot is not None
    assert snapshot.timestamp.date() == DAY
    # The page says what the table says.
    result = compare(poorer(night(DAY)), reference_of(make_spec(), training))
    folder = home.evidently_workspace / str(project.id) / "snapshots"
    shares = (folder / f"{first.snapshot_id}.json").read_text()
    assert all(str(one.effect) in shares for one in result.night)
    assert page(tmp_path, night(DAY).slice(0, 0), training) is None
    assert not home.drift_report("parcels", DAY).exists()
    assert len(workspace.list_runs(project.id)) == 1
    assert [p.name for p in home.evidently_workspace.iterdir()] == [str(project.id)]


def test_reports_know_no_person(tmp_path: Path, training: pa.Table) -> None:
    assert reference_sample(make_spec(), training).column_names == ["weight", "counter", "income"]
    page(tmp_path, window(), training)
    for file in tmp_path.rglob("*"):
        if file.is_file():
            text = file.read_text()
            assert "person-" not in text
            assert "p-1-" not in text


def test_page_of_a_column_without_values(tmp_path: Path, training: pa.Table) -> None:
    nothing = pa.nulls(training.num_rows, pa.float64())
    empty = with_column(training, "income", nothing)
    assert page(tmp_path, night(DAY, income=pa.nulls(200, pa.float64())), empty) is not None
    assert page(tmp_path, night(DAY), empty) is not None


# A night out of the lake


def champion(version: int = 1) -> Champion:
    as_of = datetime.combine(FIRST + timedelta(days=DAYS), datetime.min.time(), UTC)
    said = {"metrics": {"roc_auc": 0.8}, "training_set_version": 1, "importance": {"income": 0.1}}
    return Champion("parcels", version, "0" * 64, FIRST, as_of, said)


def kept_nights(lake: Lake, nights: Sequence[pa.Table], *, passed: bool = True) -> None:
    """Scoring sets and the gate's verdict on each; ``score`` and ``version`` become predictions,
    which approve below a half."""
    spec = make_spec()
    for rows in nights:
        day = rows.column(PARTITION)[0].as_py()
        cases = rows.select([*[c for c in rows.column_names if c not in ("score", "version")]])
        lake.ensure(spec.name, SCORING_SET, cases.drop_columns([PARTITION]).schema)
        lake.replace_day(spec.name, SCORING_SET, day, cases.drop_columns([PARTITION]))
        evidence = content_digest(lake.read_day(spec.name, SCORING_SET, day))
        verdict = GateResult(
            GATE, SCORING_SET, "pass" if passed else "fail", "as told", {}, {}, evidence
        )
        record(lake, spec.name, day, verdict, spec_version=spec.version, run_id="r")
        approve = pc.less(rows["score"], 0.5)
        own = {
            "case_key": rows["parcel_id"],
            "score": rows["score"],
            "model_version": rows["version"],
            "decision": pc.if_else(approve, "approve", "refer"),
            "rule": ["line"] * rows.num_rows,
            "reasons": pa.array([[]] * rows.num_rows, DECISIONS_SCHEMA.field("reasons").type),
        }
        for name, schema in ((PREDICTIONS, PREDICTIONS_SCHEMA), (DECISIONS, DECISIONS_SCHEMA)):
            filled = {f.name: own.get(f.name, pa.nulls(rows.num_rows, f.type)) for f in schema}
            lake.ensure(spec.name, name, schema)
            lake.replace_day(spec.name, name, day, pa.table(filled).cast(schema))


def scored_night(day: date, ours: float, theirs: float, rows: int = 120, **more: Any) -> pa.Table:
    """A night in which versions 1 and 2 scored every other case, around these values."""
    version = np.arange(rows) % 2 + 1
    around = np.where(version == 1, ours, theirs)
    scores = np.clip(np.random.default_rng(day.toordinal()).normal(around, 0.05), 0, 1)
    return night(day, rows, score=scores, version=pa.array(version, pa.int64()), **more)


@pytest.fixture
def kept(lake: Lake, training: pa.Table, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with the training set of version 1, which scores it around 0.3."""
    rows = training.drop_columns([PARTITION])
    lake.ensure("parcels", TRAINING_SET, rows.schema)
    commit = lake.replace_day("parcels", TRAINING_SET, FIRST + timedelta(days=DAYS - 1), rows)
    assert commit.version == 1

    def scores(_spec: object, _home: object, _champion: object, some: pa.Table) -> pa.Array:
        return pa.array(np.random.default_rng(8).normal(0.3, 0.05, some.num_rows))

    monkeypatch.setattr(comparing, "_scored", scores)
    return lake


def looked_at(lake: Lake, home: Home, who: Champion | None) -> tuple[Compared, list[str]]:
    said: list[str] = []
    return compare_night(make_spec(), lake, home, DAY, who, "run-7", said.append), said


def test_scores_of_other_versions_are_not_compared(kept: Lake, home: Home) -> None:
    """The canary's half of a night is no move of the champion's scores; its own half is."""
    nights = [scored_night(DAY - timedelta(days=n), 0.3, 0.9) for n in range(2)]
    kept_nights(kept, nights)
    found, said = looked_at(kept, home, champion(1))
    assert (found.result.verdict, found.judged.verdict, said) == ("stable", "none", [])
    (score,) = (one for one in found.result.window if one.column == "score")
    assert (score.rows, score.nights) == (120, 2)
    assert found.report is not None
    other, _ = looked_at(kept, home, champion(2))
    assert (other.result.drifted, other.judged.verdict) == (["score"], "matters")
    rows = {(row["measure"], row["subject"]): row for row in other.rows.to_pylist()}
    assert rows["score_shift", "overall"]["verdict"] == "drifted"
    assert {row["model_version"] for row in rows.values()} == {2}
    assert rows["decision_share", "approve"]["value"] == 0.5
    assert {row["n"] for row in rows.values() if row["measure"] == "confidence"} == {120}


def test_night_without_a_champion_tells_only_what_it_was_made_of(kept: Lake, home: Home) -> None:
    kept_nights(kept, [scored_night(DAY, 0.3, 0.3)])
    found, _ = looked_at(kept, home, None)
    assert (found.result.verdict, found.judged.verdict) == ("insufficient", "unknown")
    assert found.report is None
    measured = {row["measure"] for row in found.rows.to_pylist()}
    assert {"decision_share", "confidence", "impact"} <= measured


def test_model_that_cannot_be_loaded_leaves_the_features(
    kept: Lake, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> pa.Array:
        raise ModelRefused("another file than was signed")

    monkeypatch.setattr(comparing, "_scored", refuse)
    kept_nights(kept, [poorer(scored_night(DAY, 0.3, 0.3))])
    found, said = looked_at(kept, home, champion())
    assert (found.result.drifted, found.judged.verdict) == (["income"], "unknown")
    assert said == [
        "features are compared, scores are not: another file than was signed",
    ]


def test_night_stopped_at_the_gate_is_looked_at_by_itself_and_colours_none(
    kept: Lake, home: Home
) -> None:
    before = poorer(scored_night(DAY - timedelta(days=1), 0.3, 0.3))
    kept_nights(kept, [before], passed=False)
    kept_nights(kept, [scored_night(DAY, 0.3, 0.3)])
    found, _ = looked_at(kept, home, champion())
    assert found.result.verdict == "stable"
    assert {one.nights for one in found.result.window} == {1}
    kept_nights(kept, [poorer(scored_night(DAY, 0.3, 0.3))], passed=False)
    found, _ = looked_at(kept, home, champion())
    assert (found.result.drifted, found.judged.verdict) == (["income"], "unknown")
    assert not found.result.trusted

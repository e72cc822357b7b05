"""Nights on the simulated lender: decided, drifted, stopped, run again, refused."""

import json
from datetime import date

import dagster as dg
import pyarrow.compute as pc
import pytest

from assets.gate_results import passed_days, verdicts
from assets.quality.scoring_population import GATE, docs_page
from orchestration.jobs import nightly_job, training_job
from orchestration.nights import night
from tests.road_fixtures import BAD, DRIFTED, NIGHTS, QUIET, USE_CASE, Road

pytestmark = pytest.mark.slow

DECIDED = [day for day in NIGHTS if day != BAD]


def check_status(road: Road, asset: str, check: str, day: date) -> tuple[str, str | None]:
    """Status and severity of the newest execution of a check for a partition."""
    records = road.session.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey([USE_CASE, asset]), check), limit=100
    )
    record = next(r for r in records if r.partition == str(day))
    evaluation = record.evaluation
    return record.status.value, evaluation.severity.value if evaluation else None


@pytest.mark.parametrize("day", DECIDED)
def test_a_decided_night_has_one_decision_per_case(road: Road, day: date) -> None:
    lake = road.session.lake
    assert road.outcomes[day].succeeded, road.outcomes[day].problems
    cases = lake.read_day(USE_CASE, "population", day).column("application_id")
    decisions = lake.read_day(USE_CASE, "decisions", day)
    predictions = lake.read_day(USE_CASE, "predictions", day)
    assert sorted(decisions.column("case_key").to_pylist()) == sorted(cases.to_pylist())
    assert sorted(predictions.column("case_key").to_pylist()) == sorted(cases.to_pylist())
    assert pc.count_distinct(decisions.column("decision_id")).as_py() == cases.length()
    assert set(decisions.column("decision").to_pylist()) <= {"approve", "refer"}
    assert set(decisions.column("model_version").to_pylist()) == {1}


def test_the_gate_stays_silent_on_a_quiet_night(road: Road) -> None:
    assert verdicts(road.session.lake, USE_CASE, GATE)[QUIET] == "pass"
    assert check_status(road, "scoring_set", GATE, QUIET) == ("SUCCEEDED", "ERROR")
    page = docs_page(road.session.spec(USE_CASE), road.session.home, QUIET)
    assert "monthly_income" in page.read_text()


def test_the_bad_night_is_stopped_at_the_gate_and_shown(road: Road) -> None:
    lake = road.session.lake
    assert not road.outcomes[BAD].succeeded
    assert verdicts(lake, USE_CASE, GATE)[BAD] == "fail"
    assert check_status(road, "scoring_set", GATE, BAD) == ("FAILED", "ERROR")
    for table in ("predictions", "decisions"):
        assert lake.read_day(USE_CASE, table, BAD).num_rows == 0
    row = night(road.session, USE_CASE, BAD)
    assert row.outcome == "stopped"
    assert row.gate_failures == [GATE]
    assert "median of amount" in row.problem
    assert row.cases == lake.read_day(USE_CASE, "population", BAD).num_rows


def test_drift_is_reported_and_does_not_stop_the_night(road: Road) -> None:
    row = night(road.session, USE_CASE, DRIFTED)
    assert (row.outcome, row.drift) == ("decided", "moved")
    assert "monthly_income" in row.drifted
    assert check_status(road, "drift_report", "population_is_stable", DRIFTED) == ("FAILED", "WARN")
    assert road.session.home.drift_report(USE_CASE, DRIFTED).stat().st_size > 100_000


def test_drift_stays_silent_on_a_quiet_night(road: Road) -> None:
    assert night(road.session, USE_CASE, QUIET).drift == "stable"
    status, _ = check_status(road, "drift_report", "population_is_stable", QUIET)
    assert status == "SUCCEEDED"


def test_evidently_shows_one_dated_snapshot_a_night(road: Road) -> None:
    from evidently.ui.workspace import Workspace

    workspace = Workspace(str(road.session.home.evidently_workspace))
    project = next(p for p in workspace.list_projects() if p.name == USE_CASE)
    snapshots = [workspace.get_run(project.id, run) for run in workspace.list_runs(project.id)]
    assert sorted(s.timestamp.date() for s in snapshots) == DECIDED


@pytest.mark.parametrize("day", [QUIET, BAD])
def test_a_night_run_again_changes_no_table(road: Road, day: date) -> None:
    before = road.versions()
    again = road.session.run(nightly_job(USE_CASE), day=day)
    assert again.succeeded == road.outcomes[day].succeeded
    assert road.versions() == before


def test_training_again_on_the_same_labels_registers_no_twin(road: Road) -> None:
    before = road.versions()
    assert road.session.run(training_job(USE_CASE), day=date(2026, 7, 17)).succeeded
    assert road.versions() == before


@pytest.mark.parametrize("asset", ["predictions", "drift_report"])
def test_a_separate_run_refuses_what_the_gate_did_not_pass(road: Road, asset: str) -> None:
    before = road.versions()
    definitions = road.session.definitions
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=road.session.instance,
        partition_key=str(BAD),
        asset_selection=[dg.AssetKey([USE_CASE, asset])],
        raise_on_error=False,
    )
    assert not result.success
    assert f"gate '{GATE}' says fail" in road.session.problems(result.run_id)[0]
    assert road.versions() == before


def test_the_bad_night_is_no_training_material(road: Road) -> None:
    assert BAD not in passed_days(road.session.lake, USE_CASE, GATE, NIGHTS[0], NIGHTS[-1])
    assert QUIET in passed_days(road.session.lake, USE_CASE, GATE, NIGHTS[0], NIGHTS[-1])


def test_a_duplicated_file_is_stopped_by_the_uniqueness_test(road: Road) -> None:
    day = date(2026, 7, 24)
    before = road.versions()
    done = road.session.run(nightly_job(USE_CASE), day=day)
    assert not done.succeeded
    assert any("population_application_id_unique" in problem for problem in done.problems)
    assert check_status(road, "population", "population_application_id_unique", day)[0] == "FAILED"
    after = road.versions()
    # The rows are through the door, for every file is taken in; nothing beyond it changed.
    changed = {table for table, version in after.items() if version != before[table]}
    assert changed <= {"validated_applications", "validated_bureau", "validated_outcomes"}


def test_a_missing_file_fails_the_night_and_says_what_to_do(road: Road) -> None:
    before = road.versions()
    done = road.session.run(nightly_job(USE_CASE), day=date(2026, 7, 25))
    assert not done.succeeded
    message = "\n".join(done.problems)
    assert "source 'applications': no file for 2026-07-25" in message
    assert "Drop it there and run the partition again" in message
    after = road.versions()
    assert {t for t in after if after[t] != before[t]} <= {"validated_bureau", "validated_outcomes"}


def test_a_column_of_the_wrong_type_gives_one_message(road: Road) -> None:
    day = date(2026, 7, 26)
    landed = road.session.home.landing_source(USE_CASE, "applications") / f"applications_{day}.csv"
    header, *lines = landed.read_text().splitlines()
    amount = header.split(",").index("amount")
    broken = [
        ",".join("about 5k" if n == amount else cell for n, cell in enumerate(line.split(",")))
        for line in lines
    ]
    landed.write_text("\n".join([header, *broken]) + "\n")
    before = road.versions()
    done = road.session.run(nightly_job(USE_CASE), day=day)
    assert not done.succeeded
    assert f"applications_{day}.csv: column 'amount' has no float" in done.problems[0]
    assert "ask the source for the agreed type" in done.problems[0]
    after = road.versions()
    assert {t for t in after if after[t] != before[t]} <= {"validated_bureau", "validated_outcomes"}


def test_decisions_cite_what_they_were_made_with(road: Road) -> None:
    from assets.release.events import require_champion

    champion = require_champion(road.session.lake, USE_CASE, QUIET)
    decisions = road.session.lake.read_day(USE_CASE, "decisions", QUIET)
    assert set(decisions.column("model_digest").to_pylist()) == {champion.digest}
    spec = road.session.spec(USE_CASE)
    assert set(decisions.column("spec_version").to_pylist()) == {spec.version}
    assert set(decisions.column("run_id").to_pylist()) == {road.outcomes[QUIET].run_id}


def test_mlflow_holds_the_champion_with_its_evidence(road: Road) -> None:
    from assets.training.session import registry_client

    with registry_client(road.session.home) as client:
        version = client.get_model_version_by_alias(USE_CASE, "champion")
        run = client.get_run(version.run_id)
        plots = {a.path for a in client.list_artifacts(version.run_id, "plots")}
        children = client.search_runs(
            [run.info.experiment_id],
            f"tags.`mlflow.parentRunId` = '{version.run_id}'",
        )
    assert int(version.version) == 1
    assert {"plots/roc.png", "plots/calibration.png"} <= plots
    assert run.inputs.dataset_inputs[0].dataset.source_type == "delta_table"
    assert run.data.metrics["holdout_roc_auc"] > 0.7
    assert {child.info.run_name for child in children} == {
        "logistic_regression",
        "hist_gradient_boosting",
    }


def test_personal_data_stays_at_the_door(road: Road) -> None:
    import csv

    spec, home = road.session.spec(USE_CASE), road.session.home
    landed = home.landing_source(USE_CASE, "applications") / f"applications_{QUIET}.csv"
    with landed.open() as file:
        rows = list(csv.DictReader(file))
    planted = {row[c] for row in rows for c in ("customer_id", "full_name", "email", "phone")}
    assert len(planted) > 100
    for table in road.versions():
        for column in road.session.lake.read(USE_CASE, table).columns:
            if str(column.type) == "string":
                assert planted.isdisjoint(column.to_pylist()), table
    needles = [value.encode() for value in sorted(planted)[:40]]
    places = [p for p in home.root.rglob("*") if p.is_file() and home.landing not in p.parents]
    assert len(places) > 100
    for place in places:
        content = place.read_bytes()
        assert not any(needle in content for needle in needles), place
    kept = spec.sources["applications"].kept_columns
    assert not {"full_name", "email", "phone"} & set(kept)


def test_the_night_is_on_record_as_json(road: Road) -> None:
    row = json.loads(json.dumps(night(road.session, USE_CASE, QUIET).as_json()))
    assert row["approved"] + row["referred"] + row["declined"] == row["cases"]
    assert row["gates"] == {GATE: "pass"}

"""Nights on the simulated lender: decided, drifted, stopped, run again, refused."""

import json
from datetime import UTC, date, datetime

import dagster as dg
import pyarrow.compute as pc
import pytest

from assets.gate_results import passed_days, verdicts
from assets.ledger.verify import verify
from assets.quality.scoring_population import GATE, docs_page
from orchestration.jobs import ingestion_job, nightly_job, training_job
from orchestration.nights import night
from tests.road_fixtures import BAD, DRIFTED, NIGHTS, QUIET, USE_CASE, Road

pytestmark = pytest.mark.slow

DOOR_GATE = "applications.unit_error"
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


def test_the_bad_night_is_stopped_at_the_door_and_shown(road: Road) -> None:
    lake = road.session.lake
    assert not road.outcomes[BAD].succeeded
    assert verdicts(lake, USE_CASE, DOOR_GATE)[BAD] == "fail"
    assert check_status(road, "applications", "unit_error", BAD) == ("FAILED", "ERROR")
    for table in ("population", "predictions", "decisions"):
        assert lake.read_day(USE_CASE, table, BAD).num_rows == 0
    row = night(road.session, USE_CASE, BAD)
    assert row.outcome == "stopped"
    assert DOOR_GATE in row.gate_failures
    assert "amount" in row.problem
    assert "100" in row.problem


def test_a_night_that_passes_the_door_can_still_be_too_odd_to_score(road: Road) -> None:
    """Amounts four times what they were: no unit is wrong by that, but nobody wants them scored."""
    day, lake = date(2026, 7, 27), road.session.lake
    landed = road.session.home.landing_source(USE_CASE, "applications") / f"applications_{day}.csv"
    header, *lines = landed.read_text().splitlines()
    amount = header.split(",").index("amount")
    dearer = [line.split(",") for line in lines]
    for cells in dearer:
        cells[amount] = str(float(cells[amount]) * 4)
    landed.write_text("\n".join([header, *(",".join(cells) for cells in dearer)]) + "\n")
    assert road.session.run(nightly_job(USE_CASE), day=day).succeeded
    assert verdicts(lake, USE_CASE, DOOR_GATE)[day] == "pass"
    assert verdicts(lake, USE_CASE, GATE)[day] == "fail"
    assert check_status(road, "scoring_set", GATE, day) == ("FAILED", "ERROR")
    # Nobody scores it, people decide every case, and are told why.
    decisions = lake.read_day(USE_CASE, "decisions", day)
    assert decisions.num_rows == lake.read_day(USE_CASE, "population", day).num_rows > 0
    assert set(decisions.column("decision").to_pylist()) == {"refer"}
    assert set(decisions.column("score").to_pylist()) == {None}
    row = night(road.session, USE_CASE, day)
    assert (row.outcome, row.gate_failures, row.cases) == ("fallback", [GATE], row.referred)
    assert "median of amount" in row.problem
    alerts = lake.read_day(USE_CASE, "alerts", day).to_pylist()
    assert len([one for one in alerts if "median of amount" in one["happened"]]) == 1
    # What it was like is reported all the same, and colours no later window.
    assert "amount" in row.drifted
    before = road.versions()
    assert road.session.run(nightly_job(USE_CASE), day=day).succeeded
    assert road.versions() == before

    # Another file for a night that is on the ledger: the door judges anew, and no audit minds.
    landed.write_text("\n".join([header, *lines[:60]]) + "\n")
    road.session.run(ingestion_job(USE_CASE), day=day)
    session, spec = road.session, road.session.spec(USE_CASE)
    assert road.versions()["gate_results"] > before["gate_results"]
    found = verify(lake, session.home, spec, now=datetime(2026, 8, 1, tzinfo=UTC))
    assert found.sound, found.findings


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
    dates = sorted(s.timestamp.date() for s in snapshots)
    assert [day for day in dates if day <= NIGHTS[-1]] == DECIDED


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


def alone(road: Road, day: date, assets: list[str]) -> list[str]:
    """What went wrong when some assets were asked for by themselves, in a run of their own."""
    job = road.session.definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=road.session.instance,
        partition_key=str(day),
        asset_selection=[dg.AssetKey([USE_CASE, asset]) for asset in assets],
        raise_on_error=False,
    )
    assert not result.success
    return road.session.problems(result.run_id)


def test_a_separate_run_refuses_what_the_door_did_not_pass(road: Road) -> None:
    before = road.versions()
    specs = road.session.definitions.resolve_all_asset_specs()
    marts = [s.key.path[-1] for s in specs if s.group_name == "marts" and s.key.path[0] == USE_CASE]
    problems = alone(road, BAD, marts)
    assert f"the door of {USE_CASE} is shut for {BAD}" in problems[0]
    for asset in ("predictions", "drift_report"):
        assert f"gate '{GATE}' has no recorded result" in alone(road, BAD, [asset])[0]
    assert road.versions() == before


def test_a_stopped_night_raises_one_alert_however_often_it_is_run(road: Road) -> None:
    def raised() -> list[dict[str, str]]:
        rows = road.session.lake.read_day(USE_CASE, "alerts", BAD).to_pylist()
        lines = road.session.home.alert_log.read_text().splitlines()
        assert {row["alert_id"] for row in rows} <= {json.loads(line)["alert_id"] for line in lines}
        return list(rows)

    (alert,) = raised()
    assert "amount" in alert["happened"]
    assert not road.session.run(nightly_job(USE_CASE), day=BAD).succeeded
    assert raised() == [alert]
    decided = road.session.lake.read_day(USE_CASE, "alerts", QUIET)
    assert decided.num_rows == 0


def test_the_bad_night_is_no_training_material(road: Road) -> None:
    assert BAD not in passed_days(road.session.lake, USE_CASE, GATE, NIGHTS[0], NIGHTS[-1])
    assert QUIET in passed_days(road.session.lake, USE_CASE, GATE, NIGHTS[0], NIGHTS[-1])


def test_a_file_that_came_twice_counts_once(road: Road) -> None:
    day, lake = date(2026, 7, 24), road.session.lake
    done = road.session.run(nightly_job(USE_CASE), day=day)
    assert done.succeeded, done.problems
    files = lake.read_day(USE_CASE, "files_applications", day).to_pylist()
    first, again = sorted(files, key=lambda one: one["repeats"] is not None)
    assert again["repeats"] == first["file"]
    assert (again["landed"], again["sha256"]) == (0, first["sha256"])
    cases = lake.read_day(USE_CASE, "population", day).num_rows
    assert cases == first["validated"] == lake.read_day(USE_CASE, "decisions", day).num_rows


def of_other_sources(road: Road, before: dict[str, int]) -> bool:
    """Did nothing change but what belongs to the two sources whose files were fine?"""
    after = road.versions()
    changed = {table for table in after if after[table] != before[table]}
    return all(table.endswith(("_bureau", "_outcomes")) for table in changed)


def test_a_missing_file_fails_the_night_and_says_what_to_do(road: Road) -> None:
    before = road.versions()
    done = road.session.run(nightly_job(USE_CASE), day=date(2026, 7, 25))
    assert not done.succeeded
    message = "\n".join(done.problems)
    assert "source 'applications': no file for 2026-07-25" in message
    assert "Drop it there and run the partition again" in message
    assert of_other_sources(road, before)


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
    assert of_other_sources(road, before)


def test_decisions_cite_what_they_were_made_with(road: Road) -> None:
    from assets.release.champion import require_champion

    spec = road.session.spec(USE_CASE)
    champion = require_champion(road.session.lake, road.session.home, spec, QUIET)
    decisions = road.session.lake.read_day(USE_CASE, "decisions", QUIET)
    assert set(decisions.column("model_digest").to_pylist()) == {champion.digest}
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
        "explainable_boosting",
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
    assert "fail" not in row["gates"].values()
    assert {GATE: "pass", DOOR_GATE: "pass", "bureau.references": "pass"}.items() <= (
        row["gates"].items()
    )

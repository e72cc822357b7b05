"""The simulated lender: the same bytes every time, and scenarios that do what they say."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from examples.loan_approval.applications import OUTCOME_AFTER
from examples.loan_approval.bureau import FIGURES
from examples.loan_approval.customers import EPOCH
from examples.loan_approval.scenarios import (
    KINDS,
    Scenario,
    ScenarioError,
    ScenarioKind,
    demo_days,
    parse_scenario,
)
from examples.loan_approval.simulator import drop_files

DAY = date(2026, 6, 10)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
MATURED = DAY + OUTCOME_AFTER


def _files(landing: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(landing / "loan_approval")): path.read_bytes()
        for path in sorted(landing.rglob("*"))
        if path.is_file()
    }


def _csv(landing: Path, source: str, day: date) -> pa.Table:
    return pyarrow.csv.read_csv(landing / f"loan_approval/{source}/{source}_{day}.csv")


def _bureau(landing: Path, day: date) -> pa.Table:
    return pq.read_table(landing / f"loan_approval/bureau/bureau_{day}.parquet")


def _outcome_days(landing: Path) -> list[date]:
    folder = landing / "loan_approval/outcomes"
    return [date.fromisoformat(path.stem.removeprefix("outcomes_")) for path in folder.iterdir()]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty-one quiet days."""
    landing = tmp_path_factory.mktemp("quiet")
    drop_files(landing, EPOCH, EPOCH + timedelta(days=60))
    return landing


def test_same_arguments_same_bytes_however_the_days_are_split(tmp_path: Path) -> None:
    last = MATURED + timedelta(days=2)
    plan = [Scenario("income_drift", DAY, DAY)]
    drop_files(tmp_path / "one", EPOCH, last, scenarios=plan)
    for first, end in ((MATURED, last), (EPOCH, DAY), (AFTER, MATURED - timedelta(days=1))):
        drop_files(tmp_path / "split", first, end, scenarios=plan)

    assert _files(tmp_path / "one") == _files(tmp_path / "split")
    assert not list(tmp_path.rglob("*.partial"))


def test_another_seed_is_another_lender(tmp_path: Path) -> None:
    drop_files(tmp_path / "a", DAY, DAY, seed=1)
    drop_files(tmp_path / "b", DAY, DAY, seed=2)

    a, b = _files(tmp_path / "a"), _files(tmp_path / "b")
    assert a.keys() == b.keys()
    assert all(a[name] != b[name] for name in a)


def test_a_second_call_touches_no_file(tmp_path: Path) -> None:
    first = drop_files(tmp_path, BEFORE, AFTER)
    stamps = [(path.stat().st_mtime_ns, path.stat().st_ino) for path in first]
    second = drop_files(tmp_path, BEFORE, AFTER)

    assert second == first
    assert [(path.stat().st_mtime_ns, path.stat().st_ino) for path in second] == stamps


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        # Other people apply, so other reports are pulled, and other outcomes come of it.
        (
            "income_drift",
            {
                f"applications/applications_{DAY}.csv",
                f"bureau/bureau_{DAY}.parquet",
                f"outcomes/outcomes_{MATURED}.csv",
            },
        ),
        ("channel_shift", {f"applications/applications_{DAY}.csv"}),
        ("bureau_outage", {f"bureau/bureau_{DAY}.parquet"}),
        ("unit_error", {f"applications/applications_{DAY}.csv"}),
        ("duplicated_file", {f"applications/applications_{DAY}_resent.csv"}),
        ("missing_day", {f"applications/applications_{DAY}.csv"}),
    ],
)
def test_a_scenario_changes_what_it_says_and_nothing_else(
    kind: ScenarioKind, changed: set[str], quiet: Path, tmp_path: Path
) -> None:
    drop_files(tmp_path, EPOCH, EPOCH + timedelta(days=60), scenarios=[Scenario(kind, DAY, DAY)])

    as_ever, troubled = _files(quiet), _files(tmp_path)
    differing = {
        name for name in as_ever.keys() | troubled.keys() if as_ever.get(name) != troubled.get(name)
    }
    assert differing == changed


def _dropped(tmp_path: Path, kind: ScenarioKind) -> Path:
    drop_files(tmp_path, DAY, DAY, scenarios=[Scenario(kind, DAY, DAY)])
    return tmp_path


def test_unit_error_multiplies_amounts_by_100(quiet: Path, tmp_path: Path) -> None:
    wrong = _csv(_dropped(tmp_path, "unit_error"), "applications", DAY)
    right = _csv(quiet, "applications", DAY)

    assert wrong.drop_columns(["amount"]).equals(right.drop_columns(["amount"]))
    assert wrong["amount"].to_pylist() == [100 * a for a in right["amount"].to_pylist()]


def test_bureau_outage_nulls_the_figures_and_keeps_the_rows(quiet: Path, tmp_path: Path) -> None:
    dark, usual = _bureau(_dropped(tmp_path, "bureau_outage"), DAY), _bureau(quiet, DAY)

    assert dark.schema.equals(usual.schema)
    for name in usual.column_names:
        if name in FIGURES:
            assert dark[name].null_count == dark.num_rows > 0
        else:
            assert dark[name].equals(usual[name])


def test_income_drift_makes_applicants_poorer_and_deeper_in_debt(
    quiet: Path, tmp_path: Path
) -> None:
    drifted = _dropped(tmp_path, "income_drift")

    def median_income(landing: Path) -> float:
        return float(np.median(_csv(landing, "applications", DAY)["monthly_income"]))

    def utilisation_of_applicants(landing: Path) -> float:
        who = _csv(landing, "applications", DAY)["customer_id"]
        reports = _bureau(landing, DAY)
        of_them = reports.filter(pc.is_in(reports["customer_id"], value_set=who))
        return float(pc.mean(of_them["utilisation"]).as_py())

    assert median_income(drifted) < 0.7 * median_income(quiet)
    assert utilisation_of_applicants(drifted) > utilisation_of_applicants(quiet) + 0.1


def test_a_channel_shift_changes_the_channel_and_nothing_else(quiet: Path, tmp_path: Path) -> None:
    shifted = _dropped(tmp_path, "channel_shift")
    before, after = (_csv(one, "applications", DAY) for one in (quiet, shifted))

    def at_branch(rows: pa.Table) -> float:
        return float(pc.mean(pc.equal(rows["channel"], "branch").cast("int8")).as_py())

    assert at_branch(after) > at_branch(before) + 0.2
    assert before.drop_columns(["channel"]).equals(after.drop_columns(["channel"]))


def test_the_resent_file_is_the_same_file(tmp_path: Path) -> None:
    files = _files(_dropped(tmp_path, "duplicated_file"))

    assert (
        files[f"applications/applications_{DAY}.csv"]
        == files[f"applications/applications_{DAY}_resent.csv"]
    )


def test_outcomes_come_two_weeks_later_for_every_application(quiet: Path) -> None:
    first_known = EPOCH + OUTCOME_AFTER
    assert not (
        quiet / f"loan_approval/outcomes/outcomes_{first_known - timedelta(1)}.csv"
    ).exists()
    for day in (first_known, EPOCH + timedelta(days=60)):
        applied = _csv(quiet, "applications", day - OUTCOME_AFTER)
        known = _csv(quiet, "outcomes", day)
        assert known["application_id"].equals(applied["application_id"])
        waited = pc.subtract(known["observed_at"], applied["applied_at"])
        assert set(waited.to_pylist()) == {OUTCOME_AFTER}


def test_a_day_holds_its_own_events(quiet: Path) -> None:
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    for times in (
        _csv(quiet, "applications", DAY)["applied_at"],
        _bureau(quiet, DAY)["reported_at"],
    ):
        span = pc.min_max(times).as_py()
        assert start <= span["min"].replace(tzinfo=UTC)
        assert span["max"].replace(tzinfo=UTC) < start + timedelta(days=1)
    reports = _bureau(quiet, DAY)
    assert pc.all(pc.greater(reports["loaded_at"], reports["reported_at"])).as_py()


def test_volume_follows_the_parameter_and_the_weekday(quiet: Path, tmp_path: Path) -> None:
    monday, sunday = date(2026, 6, 8), date(2026, 6, 14)
    assert 200 < _csv(quiet, "applications", monday).num_rows < 300
    assert 110 < _csv(quiet, "applications", sunday).num_rows < 210

    drop_files(tmp_path, monday, monday, cases_per_day=20_000, customers=120_000)
    assert 20_000 < _csv(tmp_path, "applications", monday).num_rows < 25_000


@pytest.fixture(scope="module")
def matured(quiet: Path) -> pa.Table:
    """Applications of the first thirty-one days: newest report known then, and the outcome."""
    import duckdb

    folder = quiet / "loan_approval"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(
            """
            SELECT applications.*, reports.* EXCLUDE (customer_id), defaulted
            FROM read_csv($applications) applications
            JOIN read_csv($outcomes) USING (application_id)
            LEFT JOIN read_parquet($bureau) reports
              ON reports.customer_id = applications.customer_id
             AND reports.loaded_at <= applications.applied_at
             AND reports.reported_at > applications.applied_at - INTERVAL 90 DAY
            QUALIFY row_number() OVER (
              PARTITION BY application_id ORDER BY reported_at DESC) = 1
            ORDER BY application_id
            """,
            params={
                "applications": str(folder / "applications/*.csv"),
                "outcomes": str(folder / "outcomes/*.csv"),
                "bureau": str(folder / "bureau/*.parquet"),
            },
        ).to_arrow_table()


def test_default_rate_and_bureau_coverage_are_as_stated(matured: pa.Table) -> None:
    assert matured.num_rows > 6_000
    assert 0.10 < pc.mean(matured["defaulted"]).as_py() < 0.14
    without_report = matured["reported_at"].null_count / matured.num_rows
    assert 0.02 < without_report < 0.06


def test_defaults_can_be_learned_but_not_perfectly(matured: pa.Table) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    columns = ["amount", "term_months", "monthly_income", "employment_years", *FIGURES]
    features = np.column_stack(
        [pc.cast(matured[c], pa.float64()).to_numpy(zero_copy_only=False) for c in columns]
    )
    label = matured["defaulted"].to_numpy()
    cut = int(0.75 * len(label))  # ids ascend with time
    model = HistGradientBoostingClassifier(max_iter=60, early_stopping=False, random_state=0)
    model.fit(features[:cut], label[:cut])

    area = roc_auc_score(label[cut:], model.predict_proba(features[cut:])[:, 1])
    assert 0.78 < area < 0.88


def test_demo_is_ninety_days_with_trouble_among_the_nights() -> None:
    plan = demo_days()

    assert (plan.first, plan.history_last, plan.last) == (
        EPOCH,
        date(2026, 8, 15),
        date(2026, 8, 29),
    )
    assert (plan.last - plan.first).days + 1 == 90
    assert len(plan.nights) == 14
    assert all(s.first in plan.nights and s.last in plan.nights for s in plan.scenarios)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scenario_can_be_written_as_text(kind: ScenarioKind) -> None:
    assert parse_scenario(f"{kind}:2026-06-10") == Scenario(kind, DAY, DAY)
    assert parse_scenario(f"{kind}:2026-06-10:2026-06-11") == Scenario(kind, DAY, AFTER)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("income_drft:2026-06-10", "unknown scenario 'income_drft': choose from income_drift"),
        ("unit_error", "is not KIND:FIRST:LAST"),
        ("unit_error:2026-06-10:2026-06-11:2026-06-12", "is not KIND:FIRST:LAST"),
        ("unit_error:10 June", "'10 June' in 'unit_error:10 June' is no date"),
        ("unit_error:2026-06-11:2026-06-10", "ends on 2026-06-10, before it starts"),
    ],
)
def test_a_wrong_scenario_is_refused_clearly(text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        parse_scenario(text)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: drop_files(p, date(2026, 5, 31), DAY), "begins on 2026-06-01"),
        (lambda p: drop_files(p, DAY, BEFORE), "is before the first day"),
        (lambda p: drop_files(p, DAY, DAY, cases_per_day=0), "must be at least 1"),
    ],
)
def test_impossible_days_and_volumes_are_refused(
    call: Callable[[Path], Sequence[Path]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        call(tmp_path)
    assert _files(tmp_path) == {}


def test_command_line_drops_files_and_explains_a_wrong_scenario(tmp_path: Path) -> None:
    import subprocess

    def run(scenario: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "examples.loan_approval", "--landing", str(tmp_path)]
        days = ["--first", "2026-06-10", "--last", "2026-06-10"]
        return subprocess.run(
            [*command, *days, "--scenario", scenario],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )

    wrong = run("income_drft:2026-06-10")
    assert wrong.returncode == 2
    assert "income_drft" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert _files(tmp_path) == {}

    right = run("missing_day:2026-06-10")
    assert right.returncode == 0, right.stderr
    assert set(_files(tmp_path)) == {f"bureau/bureau_{DAY}.parquet"}

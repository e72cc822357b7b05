"""Real public data through the same road: figures, drift, and personal data kept out."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from orchestration.session import Session
from tests.approvals import approved

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
USE_CASE = "credit_loans"
FIRST = date(2020, 8, 25)
SEVENTY_PERCENT = date(2021, 5, 8)  # of the 365 days from first to last
LAST = date(2021, 8, 25)
NIGHTS = [
    *(date(2021, 5, 11) + timedelta(days=n) for n in range(3)),
    *(date(2021, 6, 21) + timedelta(days=n) for n in range(3)),
    *(date(2021, 8, 19) + timedelta(days=n) for n in range(7)),
]


@pytest.fixture(scope="module")
def credit(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    from examples.credit_loans.land import land
    from orchestration.jobs import history_job, nightly_job, training_job
    from orchestration.session import open_home

    before = dict(os.environ)
    home = tmp_path_factory.mktemp("credit") / "home"
    land(shared_data / "credit_loans", home / "landing")
    session = open_home(home, [REPOSITORY / "examples" / "credit_loans"])
    # The later days too: the training does not know of them, see training_set.
    done = session.run(history_job(USE_CASE), days=(FIRST, LAST))
    assert done.succeeded, done.problems
    done = session.run(training_job(USE_CASE), day=SEVENTY_PERCENT)
    assert done.succeeded, done.problems
    approved(session, USE_CASE, SEVENTY_PERCENT, SEVENTY_PERCENT + timedelta(days=1))
    for day in NIGHTS:
        done = session.run(nightly_job(USE_CASE), day=day)
        assert done.succeeded, (day, done.problems)
    yield session
    os.environ.clear()
    os.environ.update(before)


def defaulted(shared_data: Path) -> dict[str, int]:
    """Loan to whether it defaulted, from the file as it was published."""
    import pyarrow.parquet as pq

    loans = pq.read_table(
        shared_data / "credit_loans" / "loan_table.parquet", columns=["loan_id", "loan_status"]
    ).to_pydict()
    return dict(zip(map(str, loans["loan_id"]), loans["loan_status"], strict=True))


def test_discrimination_on_all_of_the_last_30_percent(credit: Session, shared_data: Path) -> None:
    """Of the approved version, as its nights load it, on features as of each loan."""
    from sklearn.metrics import roc_auc_score

    from assets.features.sets import scoring_set
    from assets.release.champion import require_champion
    from assets.scoring.loader import load_verified
    from assets.scoring.score import score

    spec, lake, home = credit.spec(USE_CASE), credit.lake, credit.home
    champion = require_champion(lake, home, spec, LAST)
    assert champion.training_window[1].date() <= SEVENTY_PERCENT
    days = [SEVENTY_PERCENT + timedelta(days=n + 1) for n in range((LAST - SEVENTY_PERCENT).days)]
    cases = pa.concat_tables([scoring_set(spec, lake, home, day) for day in days])
    assert cases.num_rows == lake.read(USE_CASE, "population", first=days[0], last=LAST).num_rows
    predictions = score(spec, load_verified(home, champion), cases, champion)
    truth = defaulted(shared_data)
    labels = [truth[key] for key in predictions.column("case_key").to_pylist()]
    assert len(labels) > 8000
    assert roc_auc_score(labels, predictions.column("score").to_numpy()) >= 0.91


def test_discrimination_on_the_later_nights(credit: Session, shared_data: Path) -> None:
    from sklearn.metrics import roc_auc_score

    scores = pa.concat_tables(
        [credit.lake.read_day(USE_CASE, "predictions", day) for day in NIGHTS]
    ).to_pandas()
    labels = scores["case_key"].map(defaulted(shared_data))
    assert len(scores) > 800
    assert roc_auc_score(labels, scores["score"]) >= 0.90


def test_the_last_month_moves_and_it_matters_and_nothing_does_before(credit: Session) -> None:
    from orchestration.nights import night

    found = {day: night(credit, USE_CASE, day) for day in NIGHTS}
    last = [found[day] for day in NIGHTS if day >= date(2021, 8, 1)]
    assert [(one.drift, one.impact) for one in last] == [("moved", "matters")] * len(last)
    before = [found[day] for day in NIGHTS if day < date(2021, 7, 1)]
    assert [(one.drift, one.impact) for one in before] == [("stable", "none")] * len(before)


def test_what_matters_opens_one_incident_and_asks_for_one_training(credit: Session) -> None:
    rows = credit.lake.read(USE_CASE, "incidents").to_pylist()
    drift = [row for row in rows if row["kind"] == "drift"]
    assert {row["incident_id"] for row in drift} == {drift[0]["incident_id"]}
    assert {str(row["opened_on"]) for row in drift} == {"2021-08-19"}
    (newest,) = [row for row in drift if row["partition_date"] == NIGHTS[-1]]
    assert newest["state"] == "open"
    assert newest["nights"] == 7
    assert str(newest["training_asked_on"]) == "2021-08-19"
    alerts = credit.lake.read(USE_CASE, "alerts").to_pylist()
    assert len([one for one in alerts if one["incident"].startswith("drift")]) == 1


def test_the_personal_column_never_leaves_ingestion(credit: Session, shared_data: Path) -> None:
    import pyarrow.parquet as pq

    values = pq.read_table(
        shared_data / "credit_loans" / "loan_table.parquet", columns=["dob_ssn"]
    ).column("dob_ssn")
    needles = [value.encode() for value in values.slice(0, 50).to_pylist()]
    lake = credit.lake
    for folder in (lake.root / USE_CASE).iterdir():
        assert "dob_ssn" not in lake.read(USE_CASE, folder.name).column_names
    for place in credit.home.root.rglob("*"):
        if place.is_file() and credit.home.landing not in place.parents:
            content = place.read_bytes()
            assert not any(needle in content for needle in needles), place


def test_no_row_is_lost_on_real_data(credit: Session) -> None:
    lake = credit.lake
    cases = lake.read(USE_CASE, "population", columns=["loan_id"]).num_rows
    validated = lake.read(USE_CASE, "validated_loans", columns=["loan_id"]).num_rows
    refused = lake.read(USE_CASE, "quarantine_loans", columns=["line"]).num_rows
    assert cases == validated
    assert refused == 0

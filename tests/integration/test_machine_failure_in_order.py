"""Readings of a machine in the order they were taken: the temperature wanders off, and it does no
harm. The public file, cut into days of 125 rows by its running number."""

import json
import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from orchestration.session import Session
from tests.approvals import approved

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
USE_CASE = "machine_failure"
FIRST, A_DAY, DAYS = date(2026, 6, 1), 125, 80
EVE = FIRST + timedelta(days=DAYS // 2 - 1)
NIGHT = EVE + timedelta(days=1)
LAST = FIRST + timedelta(days=DAYS - 1)


@pytest.fixture(scope="module")
def machine(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Trained on the first half of the file, and the night after it. The later days are built, and
    the training does not know of them."""
    from orchestration.jobs import history_job, nightly_job, training_job
    from orchestration.session import open_home

    file = shared_data / USE_CASE / "ai4i2020.csv"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    before = dict(os.environ)
    home = tmp_path_factory.mktemp("machine") / "home"
    folder = home / "landing" / USE_CASE / "milling"
    folder.mkdir(parents=True)
    header, *rows = file.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    for number in range(DAYS):
        text = header + "".join(rows[number * A_DAY : (number + 1) * A_DAY])
        (folder / f"ai4i2020_{FIRST + timedelta(days=number)}.csv").write_text(text)
    session = open_home(home, [EXAMPLES / USE_CASE])
    done = session.run(history_job(USE_CASE), days=(FIRST, LAST))
    assert done.succeeded, done.problems
    done = session.run(training_job(USE_CASE), day=EVE)
    assert done.succeeded, done.problems
    approved(session, USE_CASE, EVE, NIGHT)
    done = session.run(nightly_job(USE_CASE), day=NIGHT)
    assert done.succeeded, done.problems
    yield session
    os.environ.clear()
    os.environ.update(before)


def test_the_temperature_moves_and_does_no_harm(machine: Session) -> None:
    rows = machine.lake.read_day(USE_CASE, "drift", NIGHT).to_pylist()
    overall = {row["measure"]: row for row in rows if row["subject"] == "overall"}
    assert overall["input_moved"]["verdict"] == "moved"
    assert json.loads(overall["input_moved"]["detail"])["drifted"] == [
        "air_temperature",
        "process_temperature",
    ]
    effects = {row["subject"]: row["value"] for row in rows if row["measure"] == "drift"}
    assert effects["air_temperature"] > 2  # standard deviations: it is loud
    assert overall["impact"]["verdict"] == "harmless"
    sentence = json.loads(overall["impact"]["detail"])["sentence"]
    assert sentence.startswith("Moved, harmless so far: ")


def test_and_so_it_is_the_later_half_is_told_apart_as_well_as_ever(machine: Session) -> None:
    from sklearn.metrics import roc_auc_score

    from assets.features.sets import scoring_set
    from assets.release.champion import require_champion
    from assets.scoring.loader import load_verified
    from assets.scoring.score import score

    spec, lake, home = machine.spec(USE_CASE), machine.lake, machine.home
    champion = require_champion(lake, home, spec, NIGHT)
    days = [NIGHT + timedelta(days=n) for n in range(DAYS // 2)]
    cases = pa.concat_tables([scoring_set(spec, lake, home, day) for day in days])
    predictions = score(spec, load_verified(home, champion), cases, champion)
    known = lake.read(USE_CASE, "labels", first=NIGHT, last=LAST)
    truth = dict(
        zip(
            map(str, known.column(spec.population.key).to_pylist()),
            known.column("label").to_pylist(),
            strict=True,
        )
    )
    labels = [truth[key] for key in predictions.column("case_key").to_pylist()]
    assert len(labels) == DAYS // 2 * A_DAY
    later = roc_auc_score(labels, predictions.column("score").to_numpy())
    assert later > champion.metrics["roc_auc"] - spec.monitoring.performance.margin


def test_what_is_harmless_opens_no_incident(machine: Session) -> None:
    rows = machine.lake.read(USE_CASE, "incidents").to_pylist()
    assert [row for row in rows if row["kind"] in ("drift", "performance")] == []

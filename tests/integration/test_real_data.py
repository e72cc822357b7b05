"""Public files as they were published, each one raw file and one defs.yaml, on the whole road."""

import csv
import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from orchestration.session import Outcome, Session

if TYPE_CHECKING:
    from assets.training.registry import RegisteredVersion

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DAY = date(2026, 6, 1)
LEAKY = "machine_failure_with_flags"
FLAGS = {
    "tool_wear_failure",
    "heat_dissipation_failure",
    "power_failure",
    "overstrain_failure",
    "random_failure",
}


@dataclass(frozen=True)
class Raw:
    """A public file, where it lands, and what a model of it must reach."""

    file: str
    source: str
    rows: int
    metric: str
    least: float

    def lands_as(self) -> str:
        stem, suffix = self.file.rsplit(".", 1)
        return f"{stem}_{DAY}.{suffix}"


RAW = {
    "telco_churn": Raw("Telco-Customer-Churn.csv", "customers", 7_043, "roc_auc", 0.84),
    "machine_failure": Raw("ai4i2020.csv", "milling", 10_000, "roc_auc", 0.97),
    "it_tickets": Raw("it_tickets.zip", "tickets", 47_837, "macro_f1", 0.85),
}


@dataclass(frozen=True)
class Trained:
    """How the training ended, and the version it left behind."""

    outcome: Outcome
    version: "RegisteredVersion"
    verdicts: dict[str, str]
    messages: dict[str, str]


def with_flags(folder: Path) -> Path:
    """The use case of the machine under another name, its denied columns among the features."""
    document = yaml.safe_load((EXAMPLES / "machine_failure" / "defs.yaml").read_text())
    attributes = document["attributes"]
    attributes["start"] = str(attributes["start"])  # PyYAML reads a date
    assert set(attributes["deny"]) == FLAGS
    attributes["name"] = LEAKY
    attributes["features"]["request"] += attributes.pop("deny")
    folder.mkdir()
    (folder / "defs.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def session(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    from orchestration.session import open_home

    if lacking := [
        name for name, raw in RAW.items() if not (shared_data / name / raw.file).exists()
    ]:
        pytest.skip(f"{shared_data} lacks the public data of {', '.join(lacking)}")
    before = dict(os.environ)
    leaky = with_flags(tmp_path_factory.mktemp("use_cases") / LEAKY)
    folders = [*(EXAMPLES / name for name in RAW), leaky]
    yield open_home(tmp_path_factory.mktemp("real"), folders)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def train(session: Session, shared_data: Path) -> Callable[[str], Trained]:
    """Land the raw file of a use case with a date added to its name, and train on it; once."""
    done: dict[str, Trained] = {}

    def once(use_case: str) -> Trained:
        if use_case not in done:
            done[use_case] = _trained(session, shared_data, use_case)
        return done[use_case]

    return once


def _trained(session: Session, data: Path, use_case: str) -> Trained:
    from assets.content import content_digest
    from assets.training.registry import find_registered
    from orchestration.jobs import history_job, training_job

    name = "machine_failure" if use_case == LEAKY else use_case
    raw = RAW[name]
    folder = session.home.landing_source(use_case, raw.source)
    folder.mkdir(parents=True)
    shutil.copyfile(data / name / raw.file, folder / raw.lands_as())
    built = session.run(history_job(use_case), days=(DAY, DAY))
    assert built.succeeded, built.problems
    outcome = session.run(training_job(use_case), day=DAY)
    digest = content_digest(session.lake.read_day(use_case, "training_set", DAY))
    version = find_registered(session.spec(use_case), session.home, training_set_digest=digest)
    assert version is not None, outcome.problems
    gates = [
        row
        for row in session.lake.read_day(use_case, "gate_results", DAY).to_pylist()
        if row["gate"].startswith("training.")
    ]
    return Trained(
        outcome,
        version,
        {row["gate"]: row["verdict"] for row in gates},
        {row["gate"]: row["message"] for row in gates},
    )


@pytest.mark.parametrize("use_case", RAW)
def test_a_raw_file_and_a_spec_give_a_model_as_good_as_the_data_allows(
    train: Callable[[str], Trained], session: Session, use_case: str
) -> None:
    found, raw = train(use_case), RAW[use_case]
    assert found.version.metrics[raw.metric] >= raw.least
    assert found.outcome.succeeded, found.outcome.problems
    assert "fail" not in found.verdicts.values(), found.messages
    assert found.verdicts["training.leak"] == "pass", found.messages
    # No row is lost on the way to the model, and all are measured across folds.
    lake = session.lake
    for table in (f"validated_{raw.source}", "population", "labels", "training_set"):
        assert lake.read(use_case, table, columns=["partition_date"]).num_rows == raw.rows
    assert lake.read(use_case, f"quarantine_{raw.source}", columns=["line"]).num_rows == 0
    assert found.version.rows == raw.rows
    assert session.spec(use_case).model.validation == "cross_validation"


def test_what_says_how_a_machine_broke_down_is_refused_as_a_leak(
    train: Callable[[str], Trained], session: Session
) -> None:
    found = train(LEAKY)
    assert found.verdicts["training.leak"] == "fail"
    assert any(flag in found.messages["training.leak"] for flag in FLAGS)
    assert not found.outcome.succeeded
    assert any(flag in problem for problem in found.outcome.problems for flag in FLAGS)
    # Looked at with the same eyes, the spec without the flags passes.
    assert train("machine_failure").verdicts["training.leak"] == "pass"
    assert not FLAGS & set(session.spec("machine_failure").feature_names)


def test_cells_of_a_single_space_are_nulls(
    train: Callable[[str], Trained], session: Session
) -> None:
    train("telco_churn")
    rows = session.lake.read_day("telco_churn", "training_set", DAY)
    assert rows.column("total_charges").null_count == 11
    assert set(rows.column("senior_citizen").unique().to_pylist()) == {0.0, 1.0}
    assert rows.column("case_id").combine_chunks().unique().__len__() == rows.num_rows


def test_no_customer_is_named_behind_the_door(
    train: Callable[[str], Trained], session: Session, shared_data: Path
) -> None:
    train("telco_churn")
    path = shared_data / "telco_churn" / RAW["telco_churn"].file
    with path.open(newline="", encoding="utf-8") as file:
        needles = [row["customerID"].encode() for row in csv.DictReader(file)][::150]
    for place in session.home.root.rglob("*"):
        if place.is_file() and session.home.landing not in place.parents:
            content = place.read_bytes()
            assert not any(needle in content for needle in needles), place


def test_long_texts_come_through_to_the_letter_and_at_the_files_date(
    train: Callable[[str], Trained], session: Session, shared_data: Path
) -> None:
    train("it_tickets")
    path = shared_data / "it_tickets" / RAW["it_tickets"].file
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode("utf-8-sig")
    landed = [(row["Document"], row["Topic_group"]) for row in csv.DictReader(io.StringIO(text))]
    rows = session.lake.read_day("it_tickets", "training_set", DAY)
    texts, teams = rows.column("request_text").to_pylist(), rows.column("label").to_pylist()
    assert sorted(zip(texts, teams, strict=True)) == sorted(landed)
    assert max(map(len, texts)) > 7_000
    assert len(set(rows.column("ticket_id").to_pylist())) == len(landed)
    assert set(rows.column("sent_on").to_pylist()) == {
        datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    }

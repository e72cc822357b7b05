"""kill -9 while a model is registered or a report is stored, half-written files of Great
Expectations, and the run afterwards."""

import hashlib
import json
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from assets.home import Home
from assets.monitoring.evidently_report import PROJECT_FILES, project_id, snapshot_id
from assets.training.registry import RegisteredVersion, find_registered
from tests.faults.forked import Work

pytestmark = pytest.mark.slow

HERE = "tests.faults.test_models_and_reports_killed"
KILLED = -signal.SIGKILL
DAY = date(2026, 3, 1)
DIGEST = "a" * 64


def register(home: str) -> None:
    """Train and register a small model."""
    from tests.registered_models import model_spec, put, trained

    put(Home(Path(home)), model_spec(), trained(), DIGEST)


def register_other(home: str) -> None:
    """The same, of other rows."""
    from tests.registered_models import model_spec, put, trained

    put(Home(Path(home)), model_spec(), trained(), "b" * 64)


def report(home: str) -> None:
    """Store a report's page and snapshot."""
    import pandas as pd
    from evidently import Dataset, Report
    from evidently.metrics import RowCount

    from assets.monitoring.evidently_report import save_page, save_snapshot

    place = Home(Path(home))
    snapshot = Report([RowCount()]).run(Dataset.from_pandas(pd.DataFrame({"a": [1, 2]})), None)
    save_page(snapshot, place.drift_report("plant", DAY))
    save_snapshot(place, "plant", DAY, snapshot)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    modules = ("mlflow", "mlflow.sklearn", "skops.io", "sklearn.ensemble", "evidently")
    with Work(tmp_path_factory.mktemp("work"), HERE, *modules) as work:
        yield work


def test_a_model_killed_on_its_way_is_registered_once_and_leaves_nothing(
    work: Work, tmp_path: Path
) -> None:
    from assets.training.registry import list_versions
    from assets.training.session import registry_client
    from tests.registered_models import model_spec

    home = Home(tmp_path / "home")

    def found() -> RegisteredVersion | None:
        return find_registered(model_spec(), home, training_set_digest=DIGEST)

    for at in ("model.logging", "file.renamed:1", "model.logged", "file.written:4", "model.synced"):
        assert work.do(HERE, "register", str(home.root), at=at).code == KILLED, at
        assert found() is None, at
        assert list_versions(home, "widgets") == []
    assert work.do(HERE, "register", str(home.root), at="model.registered").code == KILLED
    version = found()
    assert version is not None
    assert version.version == 1
    file = home.root / version.model_path
    assert hashlib.sha256(file.read_bytes()).hexdigest() == version.digest
    outcome = work.do(HERE, "register", str(home.root))
    assert outcome.code == 0, outcome.said
    assert found() == version
    assert list_versions(home, "widgets") == [version]

    outcome = work.do(HERE, "register_other", str(home.root))
    assert outcome.code == 0, outcome.said
    other, first = list_versions(home, "widgets")
    assert (other.version, first) == (2, version)
    with registry_client(home) as client:
        experiment = client.get_experiment_by_name("widgets").experiment_id
        runs = client.search_runs([experiment])
        models = client.search_logged_models([experiment])
    # A parent and a candidate for each version, and not one run more.
    assert len(runs) == 4
    assert {run.info.status for run in runs} == {"FINISHED"}
    named = [one.model_folder for one in (other, first)]
    assert sorted(home.root / one for one in named) == sorted(
        Path(model.artifact_location.removeprefix("file://")) for model in models
    )
    folders = {p.parent.name for p in (home.models / "widgets").rglob("artifacts")}
    runs_named = {one.mlflow_run_id for one in (other, first)}
    assert folders == runs_named | {Path(one).parent.name for one in named}
    assert not list(home.root.rglob(".*.part"))


def test_a_report_killed_on_its_way_is_stored_whole_by_the_next_run(
    work: Work, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    project = home.evidently_workspace / str(project_id("plant"))
    stored = project / "snapshots" / f"{snapshot_id('plant', DAY)}.json"
    page = home.drift_report("plant", DAY)
    # In turn: in the page, between the two files of the project, in the snapshot.
    for at, expected in (
        ("file.written:1", (False, [], False)),
        ("file.renamed:2", (True, ["metadata.json"], False)),
        ("reports.snapshot", (True, list(PROJECT_FILES), False)),
    ):
        assert work.do(HERE, "report", str(home.root), at=at).code == KILLED
        files = [name for name in PROJECT_FILES if (project / name).exists()]
        assert (page.exists(), files, stored.exists()) == expected, at
        for name in files:
            json.loads((project / name).read_bytes())
    outcome = work.do(HERE, "report", str(home.root))
    assert outcome.code == 0, outcome.said
    assert json.loads(stored.read_bytes())
    assert page.read_text().rstrip().endswith("</html>")
    assert not [path for path in home.reports.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("folder", ["expectations", "validation_definitions"])
@pytest.mark.parametrize("share", [0, 0.5])
def test_half_written_files_of_great_expectations_do_not_stop_the_next_night(
    tmp_path: Path, folder: str, share: float
) -> None:
    import great_expectations as gx
    import pandas as pd

    from assets.quality.data_docs import context_root, docs_page, validate

    home = Home(tmp_path / "home")

    def night() -> None:
        expected = gx.expectations.ExpectColumnValuesToBeBetween(column="a", min_value=0)
        suite = gx.ExpectationSuite(name="plant", expectations=[expected])
        frame = pd.DataFrame({"a": [1.0, 2.0]})
        assert validate(home, "plant", suite, DAY, frame, data_docs=True).success
        assert docs_page(home, "plant", "plant", DAY).exists()

    night()
    stored = context_root(home) / folder / "plant.json"
    before = stored.read_bytes()
    night()
    assert stored.read_bytes() == before
    stored.write_bytes(before[: int(len(before) * share)])
    night()
    assert json.loads(stored.read_bytes()).keys() == json.loads(before).keys()

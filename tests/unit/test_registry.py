"""Registration: one version per training, all of its record, and every file of it signed."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assets.gate_results import Verdict
from assets.home import Home
from assets.signing import is_signed
from assets.spec import UseCaseSpec
from assets.training.evidence import Interval
from assets.training.manifest import MANIFEST, SIGNATURE
from assets.training.model_file import RegistryError
from assets.training.registered import passed, training_digest
from assets.training.registry import (
    RegisteredVersion,
    artifact_folder,
    find_registered,
    find_version,
    list_versions,
    log_card,
)
from tests.registered_models import AS_OF, copied, judged, model_spec, put, trained

pytestmark = pytest.mark.slow

ROWS = "a" * 64
SPEC = model_spec()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, RegisteredVersion]:
    """A home with one registered version: look, don't write."""
    home = Home(tmp_path_factory.mktemp("registry") / "home")
    return home, put(home, SPEC, trained(), ROWS, fairness="insufficient")


def changed(**blocks: object) -> UseCaseSpec:
    return UseCaseSpec.model_validate(SPEC.model_dump() | blocks)


def test_the_record_says_what_is_needed_to_trust_it(
    registry: tuple[Home, RegisteredVersion],
) -> None:
    version, model = registry[1], trained()
    assert version.version == 1
    assert version.metrics == model.metrics
    assert version.task == "binary"
    assert list(version.classes) == ["0", "1"]
    assert list(version.features) == SPEC.feature_names
    assert version.gates["training.leak"] == "pass"
    assert version.gates["training.fairness"] == "insufficient"
    assert version.passed
    assert version.requested_by == "system:nightshift"
    assert (version.spec_version, version.code_version) == (SPEC.version, "c0de")
    assert version.validation == "time"
    assert version.embargo_seconds == 10 * 86400
    assert version.split_at == model.split_at.isoformat()  # type: ignore[union-attr]
    assert {"python", "scikit-learn", "numpy", "pandas", "skops"} <= set(version.environment)
    interval = Interval(**version.intervals["roc_auc"])
    assert interval == model.candidates[model.winner].intervals["roc_auc"]
    figures = version.candidates["logistic_regression"]
    assert figures["metrics"] == model.metrics
    assert figures["parameters"] == model.candidates["logistic_regression"].parameters
    json.dumps(asdict(version), allow_nan=False)  # people sign a digest of it


def test_every_file_of_the_model_is_in_the_signed_manifest(
    registry: tuple[Home, RegisteredVersion],
) -> None:
    home, version = registry
    folder = home.root / version.model_folder
    manifest = (folder / MANIFEST).read_bytes()
    said = json.loads(manifest)
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there - {MANIFEST, SIGNATURE} == set(said["files"])
    assert {"model.skops", "golden.parquet", "requirements.txt", "MLmodel"} <= set(said["files"])
    assert said["files"]["model.skops"] == version.digest
    assert said["training"] == version.training_digest == training_digest(SPEC, ROWS)
    assert (folder / SIGNATURE).read_text() == version.signature
    assert is_signed(version.public_key, manifest, version.signature)
    golden = pq.read_table(folder / "golden.parquet")
    assert golden.equals(trained().golden)
    assert version.model_path == f"{version.model_folder}/model.skops"
    assert version.manifest_path == f"{version.model_folder}/{MANIFEST}"


def test_mlflow_shows_inputs_environment_gates_and_candidates(
    registry: tuple[Home, RegisteredVersion],
) -> None:
    from assets.training.session import registry_client

    home, version = registry
    with registry_client(home) as client:
        run = client.get_run(version.mlflow_run_id)
        children = client.search_runs(
            [run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
        )
        plots = {one.path for one in client.list_artifacts(run.info.run_id, "plots")}
    found = {one.dataset.name: one.dataset for one in run.inputs.dataset_inputs}
    source = json.loads(found["widgets.training_set"].source)
    assert source == {"path": "lake/widgets/training_set", "delta_table_version": 3, "sha256": ROWS}
    assert json.loads(found["widgets.labels"].source)["delta_table_version"] == 7
    assert run.data.tags["nightshift.code_version"] == "c0de"
    assert run.data.tags["dagster.run_id"] == "run"
    assert run.data.metrics["holdout_roc_auc"] == trained().metrics["roc_auc"]
    low, high = (run.data.metrics[f"holdout_roc_auc_{end}"] for end in ("low", "high"))
    assert low < trained().metrics["roc_auc"] < high
    assert {"plots/roc.png", "plots/calibration.png", "plots/importance.png"} == plots
    assert [child.info.run_name for child in children] == ["logistic_regression"]
    folder = artifact_folder(home, version)
    gates = json.loads((folder / "gates.json").read_text())
    assert {gate["gate"]: gate["verdict"] for gate in gates} == version.gates
    assert json.loads((folder / "environment.json").read_text()) == version.environment


def test_no_row_of_data_but_the_golden_ones_is_in_the_registry(
    registry: tuple[Home, RegisteredVersion],
) -> None:
    home, version = registry
    keys = trained().evaluation.column("order_id").to_pylist()
    kept = set(trained().golden.column("case_key").to_pylist())
    needles = [key.encode() for key in keys if key not in kept]
    assert len(needles) > 50
    golden = home.root / version.model_folder / "golden.parquet"
    for place in home.root.rglob("*"):
        if place.is_file() and place != golden:
            content = place.read_bytes()
            assert not any(needle in content for needle in needles), place


def test_the_same_training_is_registered_once_and_found(
    registry: tuple[Home, RegisteredVersion], tmp_path: Path
) -> None:
    home, version = registry
    assert put(home, SPEC, trained(), ROWS) == version
    assert find_registered(SPEC, home, training_set_digest=ROWS) == version
    assert find_registered(SPEC, home, training_set_digest="b" * 64) is None
    assert find_version(home, "widgets", 1) == version
    assert list_versions(home, "widgets") == [version]
    assert list_versions(Home(tmp_path), "widgets") == []
    assert not (tmp_path / "registry.db").exists()
    with pytest.raises(Exception, match="has no registered version 9"):
        find_version(home, "widgets", 9)


def test_register_once_and_leave_no_trace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of MLflow: nothing printed, nothing in the environment, whatever happened before."""
    from assets.training.session import QUIET, registry_client

    watched = (*QUIET, "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
    before = {name: os.environ.get(name) for name in watched}
    home = Home(tmp_path / "home")
    first = put(home, SPEC, trained(), ROWS)
    assert put(home, SPEC, trained(), ROWS) == first
    assert put(home, SPEC, trained(), "b" * 64).version == 2
    other = model_spec(metric="average_precision")
    assert find_registered(other, home, training_set_digest=ROWS) is None
    with registry_client(home) as client:
        runs = client.search_runs([client.get_run(first.mlflow_run_id).info.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * 4  # a candidate for each version
    assert {name: os.environ.get(name) for name in watched} == before
    assert tuple(capfd.readouterr()) == ("", "")


def test_of_two_at_once_one_registers_and_the_other_finds_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    put(home, SPEC, trained(), "b" * 64)  # the database is there
    script = (
        "import sys; from pathlib import Path; from assets.home import Home\n"
        "from tests.registered_models import model_spec, put, trained\n"
        "print(put(Home(Path(sys.argv[1])), model_spec(), trained(), 'a' * 64).version)"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(home.root)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [one.communicate()[0].strip() for one in both] == ["2", "2"]
    assert [one.version for one in list_versions(home, "widgets")] == [2, 1]


def test_a_moved_home_is_told_so(registry: tuple[Home, RegisteredVersion], tmp_path: Path) -> None:
    """What is there is found; a new model would be stored where the home was."""
    home = copied(registry[0], tmp_path)
    assert put(home, SPEC, trained(), ROWS) == registry[1]
    with pytest.raises(RegistryError, match="home was moved"):
        put(home, SPEC, trained(), "d" * 64)


def test_an_attempt_that_failed_is_cleared_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assets.training.session import registry_client

    home = Home(tmp_path / "home")

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("assets.training.model_file.write_manifest", full)
        with pytest.raises(OSError, match="no space left"):
            put(home, SPEC, trained(), ROWS)
    with registry_client(home) as client:
        experiment = client.get_experiment_by_name("widgets").experiment_id
        (failed,) = client.search_runs([experiment], "attributes.status = 'FAILED'")
        of_a_person = client.create_run(experiment, run_name="a look at the data")
    assert list_versions(home, "widgets") == []
    version = put(home, SPEC, trained(), ROWS)
    assert version.version == 1
    with registry_client(home) as client:
        runs = client.search_runs([experiment])
    assert failed.info.run_id not in {run.info.run_id for run in runs}
    # Its own run and its candidate's; and what is none of ours stays.
    assert len(runs) == 3
    assert of_a_person.info.run_id in {run.info.run_id for run in runs}
    assert len(list((home.models / "widgets" / "models").iterdir())) == 1
    assert not (home.models / "widgets" / failed.info.run_id).exists()


@pytest.mark.parametrize("record", [None, "{}", "no JSON", '{"version": 1}'])
def test_a_record_edited_by_hand_is_said_or_trained_anew(
    registry: tuple[Home, RegisteredVersion], tmp_path: Path, record: str | None
) -> None:
    from assets.training.session import registry_client

    home = copied(registry[0], tmp_path)
    with registry_client(home) as client:
        if record is None:
            client.delete_model_version_tag("widgets", "1", "nightshift.record")
        else:
            client.set_model_version_tag("widgets", "1", "nightshift.record", record)
    assert find_registered(SPEC, home, training_set_digest=ROWS) is None
    if record is None:
        assert list_versions(home, "widgets") == []
        return
    with pytest.raises(RegistryError, match=r"version 1: .* somebody edited its tag"):
        list_versions(home, "widgets")


def test_a_damaged_version_is_no_reason_not_to_train(
    registry: tuple[Home, RegisteredVersion], tmp_path: Path
) -> None:
    home = copied(registry[0], tmp_path)
    (home.root / registry[1].model_folder / "golden.parquet").unlink()
    assert find_registered(SPEC, home, training_set_digest=ROWS) is None


def test_a_card_joins_the_artifacts_whole_and_is_replaced(
    registry: tuple[Home, RegisteredVersion], tmp_path: Path
) -> None:
    from assets.training.session import registry_client

    home, version = registry
    log_card(home, version, {"model_card.md": "# first", "facts.json": b"{}"})
    log_card(home, version, {"model_card.md": "# second"})
    assert (artifact_folder(home, version) / "model_card.md").read_text() == "# second"
    with registry_client(home) as client:
        listed = {one.path for one in client.list_artifacts(version.mlflow_run_id)}
    assert {"model_card.md", "facts.json", "gates.json"} <= listed
    with pytest.raises(Exception, match="no folder for its artifacts within this home"):
        artifact_folder(home, replace(version, artifact_folder="../elsewhere"))


def test_what_has_a_say_in_the_result_is_in_the_digest() -> None:
    same = training_digest(SPEC, ROWS)
    assert training_digest(model_spec(), ROWS) == same
    assert training_digest(changed(description="Better told.", owners=["team:x"]), ROWS) == same
    described = {"derived": {"pace": {"ratio": ["weight", "parts"], "description": "Said so."}}}
    derived = {"derived": {"pace": {"ratio": ["weight", "parts"]}}}
    product = {"derived": {"pace": {"product": ["weight", "parts"]}}}
    request = {"request": SPEC.features.request}
    once = training_digest(changed(features=request | derived), ROWS)
    assert training_digest(changed(features=request | described), ROWS) == once
    others = {
        training_digest(SPEC, "b" * 64),
        once,
        training_digest(changed(features=request | product), ROWS),
        training_digest(model_spec(seed=1), ROWS),
        training_digest(model_spec(monotone={"weight": "increasing"}), ROWS),
        training_digest(model_spec(embargo="3d"), ROWS),
        training_digest(changed(sensitive={"maker": {}}), ROWS),
        training_digest(changed(deny=["maker"]), ROWS),
        training_digest(changed(policy={"approve_below": 0.2}), ROWS),
        training_digest(changed(features={"request": ["parts", "weight", "rushed"]}), ROWS),
        training_digest(changed(name="gadgets"), ROWS),
    }
    assert len(others | {same}) == 12


def test_a_feature_of_another_type_is_another_training() -> None:
    raw = SPEC.model_dump()
    raw["sources"]["orders"]["columns"]["parts"]["type"] = "float"
    assert training_digest(UseCaseSpec.model_validate(raw), ROWS) != training_digest(SPEC, ROWS)


@pytest.mark.parametrize(
    ("insufficient", "verdicts", "expected"),
    [
        ("proceed", {}, True),
        ("proceed", {"fairness": "insufficient"}, True),
        ("stop", {"fairness": "insufficient"}, False),
        ("proceed", {"leak": "fail"}, False),
    ],
)
def test_passed_means_every_gate(
    insufficient: str, verdicts: dict[str, Verdict], expected: bool
) -> None:
    spec = model_spec(gates={"insufficient": insufficient})
    assert passed(spec, judged("d" * 64, **verdicts)) is expected
    assert passed(spec, []) is False


def test_the_as_of_time_is_on_record(registry: tuple[Home, RegisteredVersion]) -> None:
    assert registry[1].as_of == AS_OF.isoformat()

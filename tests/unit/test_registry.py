"""Registration: one version per training, all of its record, and every file of it signed."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assets.home import Home
from assets.signing import is_signed
from assets.spec import UseCaseSpec
from assets.training.evidence import Interval
from assets.training.manifest import MANIFEST, SIGNATURE
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
def test_passed_means_every_gate(insufficient: str, verdicts: dict, expected: bool) -> None:
    spec = model_spec(gates={"insufficient": insufficient})
    assert passed(spec, judged("d" * 64, **verdicts)) is expected
    assert passed(spec, []) is False


def test_the_as_of_time_is_on_record(registry: tuple[Home, RegisteredVersion]) -> None:
    assert registry[1].as_of == AS_OF.isoformat()

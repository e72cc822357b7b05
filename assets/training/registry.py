"""Registration of a trained model in MLflow: tracked, digested, signed, and never twice.

One experiment and one registered model per use case, both named after it. A parent run holds the
winner, a nested run each candidate. Versions that a gate refused are registered too, so that people
see them; what may decide is in the release record alone.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assets.crash_points import reached
from assets.durable import make_folder, write_whole
from assets.tables import TRAINING_SET
from assets.training.abandoned import clear_abandoned
from assets.training.environment import environment
from assets.training.manifest import ManifestError, read_verified
from assets.training.model_file import RegistryError, log_model, place_of, relative_to_home
from assets.training.registered import (
    RegisteredVersion,
    record_of,
    training_digest,
    version_of,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from assets.gate_results import GateResult
    from assets.home import Home
    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel
    from assets.training.model_file import ModelFolder

__all__ = [
    "RegisteredVersion",
    "artifact_folder",
    "find_registered",
    "find_version",
    "list_versions",
    "log_card",
    "register",
    "training_digest",
]

TRAINING_DIGEST = "nightshift.training_digest"
RECORD = "nightshift.record"


def find_registered(
    spec: "UseCaseSpec", home: "Home", *, training_set_digest: str
) -> RegisteredVersion | None:
    """The version already trained on these rows with this spec, if there is one that is whole."""
    from assets.training.session import registry_client

    if not (home.root / "registry.db").exists():
        return None
    with registry_client(home) as client:
        return _find(client, home, spec.name, training_digest(spec, training_set_digest))


def find_version(home: "Home", use_case: str, version: int) -> RegisteredVersion:
    """One registered version. Raises RegistryError when MLflow does not know it."""
    for found in list_versions(home, use_case):
        if found.version == version:
            return found
    raise RegistryError(
        f"{use_case} has no registered version {version}: `nightshift models {use_case}` shows "
        "those there are"
    )


def list_versions(home: "Home", use_case: str) -> list[RegisteredVersion]:
    """Every registered version, the newest first; none where there is no registry yet.

    As MLflow has it, where anyone with the registry may edit: for people to look at. What is
    loaded goes by the release record.
    """
    from assets.training.session import registry_client

    if not (home.root / "registry.db").exists():
        return []
    with registry_client(home) as client:
        found = client.search_model_versions(
            f"name = '{use_case}'", order_by=["version_number DESC"]
        )
        return [version_of(one.tags[RECORD], one.version) for one in found if RECORD in one.tags]


def artifact_folder(home: "Home", registered: RegisteredVersion) -> Path:
    """Where the artifacts of the version's MLflow run lie."""
    folder = (home.root / registered.artifact_folder).resolve()
    if not registered.artifact_folder or not folder.is_relative_to(home.root.resolve()):
        raise RegistryError(
            f"version {registered.version}: MLflow run {registered.mlflow_run_id} has no folder "
            "for its artifacts within this home. Train anew"
        )
    return folder


def log_card(home: "Home", registered: RegisteredVersion, files: Mapping[str, str | bytes]) -> None:
    """Put files (name to content) among the artifacts of the version's MLflow run.

    Each is there as a whole or not at all, and replaces one of its name. Written to the run's
    folder, which is what MLflow lists: through its client a moved home would write to where it was.
    """
    folder = artifact_folder(home, registered)
    for name, content in files.items():
        write_whole(folder / name, content)


def register(
    spec: "UseCaseSpec",
    home: "Home",
    trained: "TrainedModel",
    gates: "Sequence[GateResult]",
    *,
    training_set_digest: str,
    training_set_version: int,
    input_versions: Mapping[str, tuple[int, str]],
    as_of: datetime,
    requested_by: str,
    code_version: str,
    run_tags: Mapping[str, str],
) -> RegisteredVersion:
    """Log the training and register its model; return the version that is there if it is a twin.

    ``training_set_digest`` is the content digest of the lake's training set at
    ``training_set_version``, ``input_versions`` version and digest of further lake tables it was
    made of; ``as_of`` the injected clock (UTC); ``requested_by`` who asked for it; ``code_version``
    of our own code; ``run_tags`` go onto the runs. The version carries all of its record from the
    moment it exists, and its model is signed before that, so no version is ever half-made. What a
    training that was killed or failed left in MLflow and on the disk is taken away. Raises
    RegistryError when the registry is of another place.
    """
    import mlflow

    from assets.training.run_log import log_candidates, log_training
    from assets.training.session import registry_client

    digest = training_digest(spec, training_set_digest)
    make_folder(home.models / spec.name)
    with _one_at_a_time(home.models / spec.name), registry_client(home) as client:
        twin = _find(client, home, spec.name, digest)
        if twin is not None:
            return twin
        tags = {
            **run_tags,
            "nightshift.use_case": spec.name,
            "nightshift.spec_version": spec.version,
            "nightshift.code_version": code_version,
            "nightshift.requested_by": requested_by,
            "nightshift.as_of": as_of.isoformat(),
            TRAINING_DIGEST: digest,
        }
        experiment = _experiment(client, home, spec.name)
        clear_abandoned(client, home, spec.name, experiment, TRAINING_DIGEST)
        with mlflow.start_run(
            experiment_id=experiment,
            run_name=f"{as_of:%Y-%m-%d} {digest[:8]}",
            tags=tags,
        ) as run:
            run_id = str(run.info.run_id)
            log_training(
                client,
                spec,
                trained,
                gates,
                run_id,
                inputs={
                    TRAINING_SET: (training_set_version, training_set_digest),
                    **input_versions,
                },
                environment=environment(),
            )
            log_candidates(trained, experiment, tags)
            reached("model.logging")
            stored = log_model(client, home, spec, trained, digest, tags)
            record = record_of(
                spec,
                trained,
                gates,
                stored,
                mlflow_run_id=run_id,
                artifact_folder=relative_to_home(home, place_of(run.info.artifact_uri)),
                digest=digest,
                training_set_digest=training_set_digest,
                training_set_version=training_set_version,
                input_versions=input_versions,
                as_of=as_of,
                requested_by=requested_by,
                code_version=code_version,
                environment=environment(),
            )
            named = {f"nightshift.{name}": f"{v:.6g}" for name, v in trained.metrics.items()}
            verdicts = {f"nightshift.gate.{one.gate}": one.verdict for one in gates}
            of_model = {
                "nightshift.digest": stored.digest,
                "nightshift.manifest_digest": stored.signed.digest,
                "nightshift.candidate": trained.winner,
            }
            said = {k: v for k, v in tags.items() if k.startswith("nightshift.")}
            version = _new_version(
                client,
                spec,
                stored,
                run_id,
                {**said, **of_model, **named, **verdicts, RECORD: record},
            )
            reached("model.registered")
        return version_of(record, version)


def _new_version(
    client: "MlflowClient",
    spec: "UseCaseSpec",
    stored: "ModelFolder",
    run_id: str,
    tags: Mapping[str, str],
) -> int:
    """Number of a new version, made together with all its tags."""
    if not client.search_registered_models(f"name = '{spec.name}'"):
        client.create_registered_model(spec.name, description=spec.description or None)
    made = client.create_model_version(
        spec.name,
        f"models:/{stored.model_id}",
        run_id=run_id,
        model_id=stored.model_id,
        tags=dict(tags),
    )
    return int(made.version)


def _find(
    client: "MlflowClient", home: "Home", use_case: str, digest: str
) -> RegisteredVersion | None:
    """Newest version of the use case with this training digest whose folder is as signed.

    One whose files are gone or damaged, or whose record was edited beyond reading, can never be
    loaded, so it is no reason not to train.
    """
    found = client.search_model_versions(
        f"name = '{use_case}' AND tags.`{TRAINING_DIGEST}` = '{digest}'",
        order_by=["version_number DESC"],
    )
    for version in found:
        try:
            there = version_of(version.tags[RECORD], version.version)
            read_verified(
                home,
                home.root / there.model_folder,
                use_case=use_case,
                digest=there.manifest_digest,
                keep=(),
            )
        except (KeyError, ManifestError, RegistryError):
            continue
        return there
    return None


def _experiment(client: "MlflowClient", home: "Home", use_case: str) -> str:
    """Id of the use case's experiment, whose artifacts live under the home's models."""
    folder = (home.models / use_case).resolve()
    there = client.get_experiment_by_name(use_case)
    if there is not None and there.artifact_location != folder.as_uri():
        raise RegistryError(
            f"{use_case}: the registry's models belong to {there.artifact_location}, this home's "
            f"to {folder}. The home was moved: nights still run, but to train move it back, or "
            "put registry.db aside and start a new registry"
        )
    if there is not None:
        return str(there.experiment_id)
    return str(client.create_experiment(use_case, artifact_location=folder.as_uri()))


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold the use case's models for this process until the block ends, or the process does.

    Two trainings on the same rows would else each find no twin, and register two.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

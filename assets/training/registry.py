"""Registration of a trained model in MLflow: tracked, digested, and never twice.

One experiment and one registered model per use case, both named after it. A parent run holds the
winner, a nested run each candidate. No row of data is logged: only the identity of the training
set (lake table, version, digest), its columns and its size.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assets.crash_points import reached
from assets.durable import make_folder
from assets.tables import TRAINING_SET
from assets.training.model_file import RegistryError, input_schema, log_model, relative_to_home

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from assets.home import Home
    from assets.spec import UseCaseSpec
    from assets.training.train import TrainedModel

TRAINING_DIGEST = "nightshift.training_digest"
RECORD = "nightshift.record"


@dataclass(frozen=True)
class RegisteredVersion:
    """A model version and what is needed to trust it. Times are ISO 8601, UTC."""

    version: int
    digest: str  # SHA-256 of the model file, hex
    mlflow_run_id: str
    metrics: Mapping[str, float]  # on the holdout, before the final fit
    model_path: str  # of the model file, relative to the home, with forward slashes
    candidate: str  # the estimator's name
    training_digest: str
    training_set_digest: str
    training_set_version: int
    as_of: str
    window_first: str  # earliest event trained on
    window_last: str  # latest event trained on
    rows: int
    positives: int


def training_digest(spec: "UseCaseSpec", training_set_digest: str) -> str:
    """SHA-256 that stands for one training: its rows and the spec's ``model`` block."""
    block = json.dumps(
        {"rows": training_set_digest, "model": spec.model.model_dump(mode="json")}, sort_keys=True
    )
    return hashlib.sha256(block.encode()).hexdigest()


def find_registered(
    spec: "UseCaseSpec", home: "Home", *, training_set_digest: str
) -> RegisteredVersion | None:
    """The version already trained on these rows with this model block, if there is one."""
    from assets.training.session import registry_client

    if not (home.root / "registry.db").exists():
        return None
    with registry_client(home) as client:
        return _find(client, home, spec.name, training_digest(spec, training_set_digest))


def register(
    spec: "UseCaseSpec",
    home: "Home",
    trained: "TrainedModel",
    *,
    training_set_digest: str,
    training_set_version: int,
    as_of: datetime,
    run_tags: Mapping[str, str],
) -> RegisteredVersion:
    """Log the training and register its model; return the version that is there if it is a twin.

    ``training_set_digest`` is the content digest of the lake's training set at
    ``training_set_version``; ``as_of`` the injected clock (UTC); ``run_tags`` go onto the parent
    run, for instance who asked. The version carries its tags from the moment it exists, so a run
    killed half way leaves a run in MLflow but no half-made version.
    """
    import mlflow

    from assets.training.session import registry_client

    digest = training_digest(spec, training_set_digest)
    with registry_client(home) as client:
        twin = _find(client, home, spec.name, digest)
        if twin is not None:
            return twin
        tags = {
            **run_tags,
            "nightshift.use_case": spec.name,
            "nightshift.spec_version": spec.version,
            "nightshift.as_of": as_of.isoformat(),
            TRAINING_DIGEST: digest,
        }
        experiment = _experiment(client, home, spec.name)
        with mlflow.start_run(
            experiment_id=experiment,
            run_name=f"{as_of:%Y-%m-%d} {digest[:8]}",
            tags=tags,
        ) as run:
            run_id = str(run.info.run_id)
            _log_training(client, spec, trained, run_id, training_set_digest, training_set_version)
            for candidate in trained.candidates.values():
                with mlflow.start_run(
                    experiment_id=experiment, run_name=candidate.name, nested=True, tags=tags
                ):
                    mlflow.log_params({k: str(v) for k, v in candidate.parameters.items()})
                    mlflow.log_metrics(_holdout(candidate.metrics))
            reached("model.logging")
            model_id, file = log_model(client, spec, trained, tags)
        registered = RegisteredVersion(
            version=0,  # MLflow's to give
            digest=hashlib.sha256(file.read_bytes()).hexdigest(),
            mlflow_run_id=run_id,
            metrics=trained.metrics,
            model_path=relative_to_home(home, file),
            candidate=trained.winner,
            training_digest=digest,
            training_set_digest=training_set_digest,
            training_set_version=training_set_version,
            as_of=as_of.isoformat(),
            window_first=trained.first.isoformat(),
            window_last=trained.last.isoformat(),
            rows=trained.rows,
            positives=trained.positives,
        )
        if not client.search_registered_models(f"name = '{spec.name}'"):
            client.create_registered_model(spec.name, description=spec.description or None)
        version = client.create_model_version(
            spec.name,
            f"models:/{model_id}",
            run_id=run_id,
            model_id=model_id,
            tags={
                **{k: v for k, v in tags.items() if k.startswith("nightshift.")},
                "nightshift.digest": registered.digest,
                "nightshift.candidate": registered.candidate,
                **{f"nightshift.{k}": f"{v:.6g}" for k, v in trained.metrics.items()},
                RECORD: json.dumps(asdict(registered), sort_keys=True),
            },
        )
        reached("model.registered")
        return _read(version.version, asdict(registered))


def _read(version: Any, record: Mapping[str, Any]) -> RegisteredVersion:
    return RegisteredVersion(**{**record, "version": int(version)})


def _find(
    client: "MlflowClient", home: "Home", use_case: str, digest: str
) -> RegisteredVersion | None:
    """Newest version of the use case with this training digest whose file is as recorded.

    A version whose file is gone or damaged can never be loaded, so it is no reason not to train.
    """
    found = client.search_model_versions(
        f"name = '{use_case}' AND tags.`{TRAINING_DIGEST}` = '{digest}'",
        order_by=["version_number DESC"],
    )
    for version in found:
        there = _read(version.version, json.loads(version.tags[RECORD]))
        file = home.root / there.model_path
        if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == there.digest:
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
    make_folder(folder)
    return str(client.create_experiment(use_case, artifact_location=folder.as_uri()))


def _holdout(metrics: Mapping[str, float]) -> dict[str, float]:
    return {f"holdout_{name}": value for name, value in metrics.items()}


def _log_training(
    client: "MlflowClient",
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    run_id: str,
    training_set_digest: str,
    training_set_version: int,
) -> None:
    """Parameters, figures, pictures and the identity of the input, on the parent run."""
    import mlflow

    from assets.training import plots

    mlflow.log_params(
        {
            **{f"model.{k}": str(v) for k, v in spec.model.model_dump(mode="json").items()},
            "winner": trained.winner,
            "features": ", ".join(spec.feature_names),
            "window_first": trained.first.isoformat(),
            "window_last": trained.last.isoformat(),
            "holdout_from": trained.split_at.isoformat(),
        }
    )
    mlflow.log_metrics(
        {
            **_holdout(trained.metrics),
            "training_rows": trained.rows,
            "training_positives": trained.positives,
            "rows_before_split": trained.earlier_rows,
        }
    )
    client.log_figure(run_id, plots.roc_plot(trained), "plots/roc.png")
    client.log_figure(run_id, plots.calibration_plot(trained), "plots/calibration.png")
    importance = plots.importance_plot(trained, spec.model.metric)
    client.log_figure(run_id, importance, "plots/importance.png")
    client.log_inputs(run_id, [_dataset(spec, trained, training_set_digest, training_set_version)])


def _dataset(spec: "UseCaseSpec", trained: "TrainedModel", digest: str, version: int) -> Any:
    """The training set by name, digest and place; columns and counts, but no row."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return DatasetInput(
        Dataset(
            name=f"{spec.name}.{TRAINING_SET}",
            digest=digest[:32],  # MLflow takes 36 characters; the whole one is on the version
            source_type="delta_table",
            source=json.dumps(
                {
                    # Relative: a home can be moved, and its place is nobody's business.
                    "path": f"lake/{spec.name}/{TRAINING_SET}",
                    "delta_table_version": version,
                }
            ),
            schema=input_schema(spec).to_json(),
            profile=json.dumps({"num_rows": trained.rows, "num_positives": trained.positives}),
        ),
        tags=[InputTag("mlflow.data.context", "training")],
    )

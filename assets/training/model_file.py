"""The model as MLflow stores it, under the home: a folder with a skops file, the golden rows and a
signed manifest of all its files."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from assets.crash_points import reached
from assets.durable import sync_folder_tree, write_whole
from assets.errors import NightshiftError
from assets.training.candidates import TRUSTED_TYPES
from assets.training.environment import EXPLAINABLE, MODEL_PACKAGES, environment, versions
from assets.training.manifest import MANIFEST, Signed, write_manifest

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

    from assets.home import Home
    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

MODEL, GOLDEN, ENVIRONMENT = "model.skops", "golden.parquet", "environment.json"
CHEAP = "cheap.skops"
"""Names in a model folder; MLflow gives the first, the last is there with a cascade alone."""


class RegistryError(NightshiftError):
    """The registry does not hold what it should. Says what is missing and what to do."""


@dataclass(frozen=True)
class ModelFolder:
    """Where a model was stored. Places are relative to the home, with forward slashes."""

    model_id: str  # MLflow's
    folder: str
    digest: str  # SHA-256 of the model file, hex
    signed: Signed
    cheap_digest: str = ""  # SHA-256 of the cheap model's file, hex; empty without one

    @property
    def model_path(self) -> str:
        return f"{self.folder}/{MODEL}"

    @property
    def manifest_path(self) -> str:
        return f"{self.folder}/{MANIFEST}"


def input_schema(spec: "UseCaseSpec") -> Any:
    """MLflow schema of the model's inputs: double or string, any of them may be missing.

    Integers are doubles too, because an integer column with one null would fail enforcement.
    """
    from mlflow.types.schema import ColSpec, DataType, Schema

    numeric = set(spec.numeric_features)
    return Schema(
        [
            ColSpec(DataType.double if name in numeric else DataType.string, name, required=False)
            for name in spec.feature_names
        ]
    )


def log_model(
    client: "MlflowClient",
    home: "Home",
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    training_digest: str,
    tags: Mapping[str, str],
) -> ModelFolder:
    """Store the pipeline in the active run, with golden rows, environment and signed manifest.

    Raises RegistryError when MLflow stores it outside the home.
    """
    import mlflow
    import numpy as np
    import skops.io
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    packages = [*MODEL_PACKAGES, *([EXPLAINABLE] if _explainable(trained) else [])]
    regression = trained.task == "regression"
    shape = (-1,) if regression else (-1, len(trained.classes))
    info = mlflow.sklearn.log_model(
        trained.pipeline,
        name="model",
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED_TYPES),
        # Given rather than inferred: inference loads the model in a child process for ten seconds.
        pip_requirements=[f"{name}=={found}" for name, found in versions(packages).items()],
        pyfunc_predict_fn="predict" if regression else "predict_proba",
        signature=ModelSignature(
            inputs=input_schema(spec),
            outputs=Schema([TensorSpec(np.dtype("float64"), shape)]),
        ),
        tags=dict(tags),
    )
    folder = place_of(client.get_logged_model(info.model_id).artifact_location)
    place = relative_to_home(home, folder)
    write_whole(folder / GOLDEN, golden_bytes(trained.golden))
    write_whole(folder / ENVIRONMENT, json.dumps(environment(), sort_keys=True, indent=1) + "\n")
    cheap_digest = ""
    if trained.cheap is not None:
        content = skops.io.dumps(trained.cheap.pipeline)
        write_whole(folder / CHEAP, content)
        cheap_digest = hashlib.sha256(content).hexdigest()
    reached("model.logged")
    signed = write_manifest(home, folder, use_case=spec.name, training_digest=training_digest)
    sync_folder_tree(folder)
    reached("model.synced")
    digest = hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()
    return ModelFolder(str(info.model_id), place, digest, signed, cheap_digest)


def golden_bytes(golden: "pa.Table") -> bytes:
    """The golden rows as Parquet; doubles come back bit by bit."""
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(golden, sink)
    return sink.getvalue()


def place_of(location: str) -> Path:
    """The folder of one of MLflow's artifact locations, which are ``file:`` addresses."""
    return Path(url2pathname(urlparse(location).path))


def relative_to_home(home: "Home", folder: Path) -> str:
    """The folder's place within the home: a home can be moved, its models stay loadable."""
    root = home.root.resolve()
    if not folder.is_dir() or not folder.resolve().is_relative_to(root):
        raise RegistryError(
            f"MLflow stores in {folder}, which is no folder of this home ({root}). The "
            "experiment's artifact location was made for another place: move the home back, or "
            "start from an empty registry.db"
        )
    return folder.resolve().relative_to(root).as_posix()


def _explainable(trained: "TrainedModel") -> bool:
    return trained.winner == "explainable_boosting"

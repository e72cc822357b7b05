"""The model as MLflow stores it: one skops file with a signature, under the home."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from assets.crash_points import reached
from assets.durable import sync_folder_tree
from assets.errors import NightshiftError

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from assets.home import Home
    from assets.spec import UseCaseSpec
    from assets.training.train import TrainedModel

TRUSTED_TYPES = [
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
]
"""Types beyond skops' own list that our candidates are made of. What is *loaded* is decided by the
list in :mod:`assets.scoring.loader`, not by this one."""


class RegistryError(NightshiftError):
    """The registry does not hold what it should. Says what is missing and what to do."""


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
    client: "MlflowClient", spec: "UseCaseSpec", trained: "TrainedModel", tags: Mapping[str, str]
) -> tuple[str, Path]:
    """Log the pipeline as skops in the active run; its MLflow model id and its file."""
    from importlib.metadata import version

    import mlflow
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    packages = ("scikit-learn", "skops", "pandas", "numpy")
    info = mlflow.sklearn.log_model(
        trained.pipeline,
        name="model",
        serialization_format="skops",
        skops_trusted_types=TRUSTED_TYPES,
        # Given rather than inferred: inference loads the model in a child process for ten seconds.
        pip_requirements=[f"{name}=={version(name)}" for name in packages],
        pyfunc_predict_fn="predict_proba",
        signature=ModelSignature(
            inputs=input_schema(spec),
            outputs=Schema([TensorSpec(np.dtype("float64"), (-1, 2))]),
        ),
        tags=dict(tags),
    )
    location = str(client.get_logged_model(info.model_id).artifact_location)
    folder = Path(url2pathname(urlparse(location).path))
    reached("model.logged")
    if folder.is_dir():  # whether it lies in this home is for relative_to_home to say
        sync_folder_tree(folder)
    reached("model.synced")
    return str(info.model_id), folder / "model.skops"


def relative_to_home(home: "Home", file: Path) -> str:
    """The model file's place within the home: a home can be moved, its models stay loadable."""
    root = home.root.resolve()
    if not file.is_file() or not file.resolve().is_relative_to(root):
        raise RegistryError(
            f"MLflow logged the model to {file}, where there is no file of this home ({root}). "
            "The experiment's artifact location was made for another place: move the home back, "
            "or start from an empty registry.db"
        )
    return file.resolve().relative_to(root).as_posix()

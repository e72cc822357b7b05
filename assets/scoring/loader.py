"""Loading a released model: only the very bytes that were released, made only of known types.

The release record (not MLflow's tags, which anyone with the registry can edit) says which folder,
and which SHA-256 its signed manifest has. The folder's place in it is relative to the home, so a
home can be moved. MLflow is not needed to score a night, so its import is not paid.
"""

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.training.manifest import ManifestError, read_verified

if TYPE_CHECKING:
    import pyarrow as pa
    from sklearn.pipeline import Pipeline

    from assets.home import Home
    from assets.release.events import Champion

MODEL, GOLDEN = "model.skops", "golden.parquet"

TRUSTED_TYPES = (
    "functools.partial",
    "interpret.glassbox._ebm._ebm.ExplainableBoostingClassifier",
    "interpret.glassbox._ebm._ebm.ExplainableBoostingRegressor",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
"""All that our candidates need beyond skops' own list. A model that needs more is not ours. Never
taken from elsewhere: what a file, MLflow or the training asks to be trusted is not evidence."""


class ModelRefused(NightshiftError):
    """The champion cannot be trusted with a night. The message says why and what to do."""


@dataclass(frozen=True)
class VerifiedModel:
    """A champion as it was released."""

    pipeline: "Pipeline"
    golden: "pa.Table"
    """``case_key``, the feature columns, and the scores it gave when it was registered."""


def load_verified(home: "Home", champion: "Champion") -> VerifiedModel:
    """The champion's pipeline and golden rows, from bytes that are those released.

    Each file is read once: what was verified is what is loaded. In this order: the folder lies in
    the home, its manifest is the one released, the installation signed it, the folder holds exactly
    its files, each with its SHA-256, the model file has the one released, and it holds nothing but
    types on our list. Raises ModelRefused for the first of these that is not so.
    """
    label = f"{champion.use_case} version {champion.version}"
    root = home.root.resolve()
    place = str(champion.evidence.get("model_folder") or "")
    folder = (root / place).resolve()
    if not place or folder == root or not folder.is_relative_to(root):
        raise ModelRefused(
            f"{label}: the release record names a model folder outside the home ('{place}'). "
            f"Nothing was loaded. {_again(champion)}"
        )
    try:
        files = read_verified(
            home,
            folder,
            use_case=champion.use_case,
            digest=champion.manifest_digest,
            keep=(MODEL, GOLDEN),
        )
    except ManifestError as error:
        raise ModelRefused(
            f"{label}: its folder {place} is not as released: {error}. Nothing was loaded. Restore "
            f"the folder from a backup, or: {_again(champion)}"
        ) from error
    digest = hashlib.sha256(files[MODEL]).hexdigest()
    if digest != champion.digest:
        raise ModelRefused(
            f"{label}: {MODEL} in {place} has SHA-256 {digest[:12]}…, released was "
            f"{champion.digest[:12]}…. Nothing was loaded. {_again(champion)}"
        )
    return VerifiedModel(_pipeline(files[MODEL], label, champion), _golden(files[GOLDEN], label))


def _pipeline(content: bytes, label: str, champion: "Champion") -> "Pipeline":
    from zipfile import BadZipFile

    import skops.io
    from sklearn.pipeline import Pipeline
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        pipeline = skops.io.loads(content, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        raise ModelRefused(
            f"{label}: {MODEL} holds types that are not trusted here and was not loaded. "
            f"{str(error).splitlines()[0]} {_again(champion)}"
        ) from error
    except (
        BadZipFile,
        AttributeError,
        EOFError,
        ImportError,
        LookupError,
        NotImplementedError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ModelRefused(
            f"{label}: {MODEL} is the released file, but cannot be read as a model here "
            f"({type(error).__name__}: {error}). Install the versions in the requirements.txt "
            f"beside it, or: {_again(champion)}"
        ) from error
    if not isinstance(pipeline, Pipeline):
        raise ModelRefused(
            f"{label}: {MODEL} holds a {type(pipeline).__name__}, not a pipeline. "
            f"{_again(champion)}"
        )
    return pipeline


def _golden(content: bytes, label: str) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(io.BytesIO(content))
    except pa.ArrowException as error:
        raise ModelRefused(f"{label}: {GOLDEN} is the released file, but no Parquet") from error


def _again(champion: "Champion") -> str:
    return f"Train and approve a new version (`nightshift train {champion.use_case}`)"

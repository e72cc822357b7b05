"""Loading a released model: only the very bytes that were released, made only of known types.

The release record (not MLflow's tags, which anyone with the registry can edit) says which folder,
and which SHA-256 its signed manifest has. The folder's place in it is relative to the home, so a
home can be moved. MLflow is not needed to score a night, so its import is not paid.
"""

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.errors import NightshiftError
from assets.training.manifest import ManifestError, read_verified

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa
    from sklearn.pipeline import Pipeline

    from assets.home import Home
    from assets.release.events import Champion

MODEL, GOLDEN = "model.skops", "golden.parquet"
CHEAP, CHEAP_SCORE = "cheap.skops", "cheap_score"
"""Of a cascade: the cheap model's file, and the column of the golden rows with its scores."""

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
    cheap: "Pipeline | None" = None  # of a cascade; verified like the pipeline
    cheap_golden: "np.ndarray | None" = None  # scores it gave the golden rows, in their order
    band: tuple[float, float] | None = None  # its gate judged it with


def load_verified(home: "Home", champion: "Champion") -> VerifiedModel:
    """The champion's pipeline and golden rows, from bytes that are those released.

    Each file is read once: what was verified is what is loaded. In this order: the folder lies in
    the home, its manifest is the one released, the installation signed it, the folder holds exactly
    its files, each with its SHA-256, the model file has the one released, and it holds nothing but
    types on our list. The cheap model of a cascade, where the record has one, is asked the same.
    Raises ModelRefused for the first of these that is not so.
    """
    label = f"{champion.use_case} version {champion.version}"
    cascade = champion.evidence.get("cascade") or {}
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
            keep=(MODEL, GOLDEN, *([CHEAP] if cascade else [])),
        )
    except ManifestError as error:
        raise ModelRefused(
            f"{label}: its folder {place} is not as released: {error}. Nothing was loaded. Restore "
            f"the folder from a backup, or: {_again(champion)}"
        ) from error
    released = {MODEL: champion.digest, **({CHEAP: str(cascade.get("digest"))} if cascade else {})}
    for name, wanted in released.items():
        digest = hashlib.sha256(files[name]).hexdigest()
        if digest != wanted:
            raise ModelRefused(
                f"{label}: {name} in {place} has SHA-256 {digest[:12]}…, released was "
                f"{wanted[:12]}…. Nothing was loaded. {_again(champion)}"
            )
    model = VerifiedModel(
        _pipeline(files[MODEL], MODEL, label, champion), _golden(files[GOLDEN], label)
    )
    return _with_cheap(model, files[CHEAP], cascade, label, champion) if cascade else model


def _with_cheap(
    model: VerifiedModel,
    content: bytes,
    cascade: "Mapping[str, Any]",
    label: str,
    champion: "Champion",
) -> VerifiedModel:
    """The model with its cheap one; the cheap scores of the golden rows apart from them."""
    if CHEAP_SCORE not in model.golden.column_names:
        raise ModelRefused(
            f"{label}: {GOLDEN} has no scores of the cheap model. {_again(champion)}"
        )
    low, high = cascade["band"]
    return VerifiedModel(
        model.pipeline,
        model.golden.drop_columns([CHEAP_SCORE]),
        _pipeline(content, CHEAP, label, champion),
        model.golden.column(CHEAP_SCORE).to_numpy(),
        (float(low), float(high)),
    )


def _pipeline(content: bytes, name: str, label: str, champion: "Champion") -> "Pipeline":
    from zipfile import BadZipFile

    import skops.io
    from sklearn.pipeline import Pipeline
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        pipeline = skops.io.loads(content, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        raise ModelRefused(
            f"{label}: {name} holds types that are not trusted here and was not loaded. "
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
            f"{label}: {name} is the released file, but cannot be read as a model here "
            f"({type(error).__name__}: {error}). Install the versions in the requirements.txt "
            f"beside it, or: {_again(champion)}"
        ) from error
    if not isinstance(pipeline, Pipeline):
        raise ModelRefused(
            f"{label}: {name} holds a {type(pipeline).__name__}, not a pipeline. {_again(champion)}"
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

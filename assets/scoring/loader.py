"""Loading a released model: only the very bytes that were released, made only of known types.

The release record (not MLflow's tags, which anyone with the registry can edit) says which file and
which SHA-256. The file's place in it is relative to the home, so a home can be moved. MLflow is not
needed to score a night, so its import is not paid.
"""

import hashlib
from typing import TYPE_CHECKING

from assets.errors import NightshiftError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from assets.home import Home
    from assets.release.events import Champion

TRUSTED_TYPES = (
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
"""All that our candidates need beyond skops' own list. A model that needs more is not ours."""


class ModelRefused(NightshiftError):
    """The champion's file is missing, altered or made of types we do not trust."""


def load_verified(home: "Home", use_case: str, champion: "Champion") -> "Pipeline":
    """The champion's pipeline, from bytes that hash to the released digest.

    The bytes are read once: what was verified is what is loaded. Raises ModelRefused when the file
    is not in the home, is missing, has another SHA-256, or holds a type that is not on our
    list, or no pipeline at all.
    """
    from zipfile import BadZipFile

    import skops.io
    from sklearn.pipeline import Pipeline
    from skops.io.exceptions import UntrustedTypesFoundException

    label = f"{use_case} version {champion.version}"
    root = home.root.resolve()
    file = (root / champion.model_path).resolve()
    if not file.is_relative_to(root):
        raise ModelRefused(
            f"{label}: the release record names a file outside the home ({champion.model_path}). "
            "Nothing was loaded; register the model again"
        )
    if not file.is_file():
        raise ModelRefused(
            f"{label}: its file {champion.model_path} is not there. Restore it from a backup, or "
            f"train and release a new version (`nightshift train {use_case}`)"
        )
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != champion.digest:
        raise ModelRefused(
            f"{label}: {champion.model_path} has SHA-256 {digest[:12]}…, released was "
            f"{champion.digest[:12]}…. The file was changed after release and was not loaded: "
            "restore it from a backup, or train and release a new version"
        )
    try:
        pipeline = skops.io.loads(content, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        raise ModelRefused(
            f"{label}: {champion.model_path} holds types that are not trusted here and was not "
            f"loaded. {error}"
        ) from error
    except (BadZipFile, AttributeError, ImportError, KeyError, TypeError, ValueError) as error:
        raise ModelRefused(
            f"{label}: {champion.model_path} is the released file, but cannot be read as a model "
            f"here ({type(error).__name__}: {error}). Install the versions in the requirements.txt "
            "beside it, or train and release a new version"
        ) from error
    if not isinstance(pipeline, Pipeline):
        raise ModelRefused(
            f"{label}: {champion.model_path} holds a {type(pipeline).__name__}, not a pipeline. "
            "Train and release a new version"
        )
    return pipeline

"""Golden rows: the model gives the scores it gave when it was registered, or it scores nothing.

A model that is read back whole may still not be the one that was judged: another version of a
library, another processor, a feature that now means something else. Every night, before any case is
scored, the rows kept with the version go the way of the cases (``feature_frame``, ``predict``).
"""

from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.scoring.loader import ModelRefused
from assets.training.frame import feature_frame
from assets.training.predict import predict

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from assets.release.events import Champion
    from assets.scoring.loader import VerifiedModel
    from assets.spec import UseCaseSpec

TOLERANCE = 1e-12
"""Largest difference that is none, of 1 or of the score where that is larger. The same machine
gives the same bits. Another processor's BLAS may add in another order, which moves the last of them
(about 1e-16 of a sum; Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 4.2);
a home moved there must not fall back for that. Nothing that could change a decision is so small."""


class GoldenDiffers(ModelRefused):
    """The model does not give the golden rows their scores."""


def require_same_shape(spec: "UseCaseSpec", model: "VerifiedModel", champion: "Champion") -> None:
    """Raise ModelRefused when the model was trained for another task, on other features or for
    other classes than the spec and the release record say."""
    label = f"{spec.name} version {champion.version}"
    task = str(champion.evidence.get("task") or "")
    if task != spec.model.task:
        raise ModelRefused(
            f"{label} was trained for a {task or 'different'} task, the spec says "
            f"{spec.model.task} now. Train and approve a version with this spec, or restore "
            "model.task"
        )
    expected = [str(name) for name in getattr(model.pipeline, "feature_names_in_", [])]
    if expected != spec.feature_names:
        differ = sorted(set(expected) ^ set(spec.feature_names)) or "their order"
        raise ModelRefused(
            f"{label} was trained on other features than the spec names now (differing: "
            f"{differ}). Train and approve a version with this spec, or restore the features"
        )
    if task == "regression":
        return
    released = [str(name) for name in champion.evidence.get("classes") or ()]
    known = [str(name) for name in model.pipeline.classes_]
    if known != released:
        raise ModelRefused(
            f"{label} knows {len(known)} classes, {len(released)} were released, and they are not "
            "the same. Train and approve a new version"
        )


def require_golden(spec: "UseCaseSpec", model: "VerifiedModel", champion: "Champion") -> float:
    """Score the golden rows; the largest difference to their stored scores, at most TOLERANCE.

    Raises GoldenDiffers when a score differs by more, is missing, or cannot be computed.
    """
    import numpy as np

    label = f"{spec.name} version {champion.version}"
    stored = _stored(spec, model.golden)
    what_to_do = (
        "Nothing was scored with it. Look at what changed (versions of libraries against the "
        "requirements.txt beside the model, types of features in the spec), or train and approve "
        f"a new version (`nightshift train {spec.name}`)"
    )
    try:
        scores = predict(spec, model.pipeline, feature_frame(spec, model.golden))
    except NightshiftError as error:
        raise GoldenDiffers(f"{label}: its golden rows cannot be scored: {error}") from error
    except Exception as error:
        # Whatever a broken model raises: the type alone, for the text may hold a value of a row.
        raise GoldenDiffers(
            f"{label} cannot score its own golden rows ({type(error).__name__}). {what_to_do}"
        ) from error
    if stored.shape != scores.shape or not len(scores):
        raise GoldenDiffers(
            f"{label}: {scores.shape} golden scores now, {stored.shape} stored. {what_to_do}"
        )
    apart = np.abs(scores - stored) / np.maximum(1.0, np.abs(stored))
    same = apart <= TOLERANCE  # of a NaN on either side: no
    if not same.all():
        rows = int((~same).reshape(len(same), -1).any(axis=1).sum())
        largest = float(np.nanmax(apart)) if np.isfinite(apart).any() else float("nan")
        raise GoldenDiffers(
            f"{label}: {rows} of {len(scores)} golden rows score otherwise than when it was "
            f"registered (largest difference {largest:.3g}, allowed {TOLERANCE:g}). {what_to_do}"
        )
    return float(apart.max())


def _stored(spec: "UseCaseSpec", golden: "pa.Table") -> "np.ndarray":
    """Scores of the golden rows: shape (n,), or (n, k) of several classes."""
    import numpy as np

    scores = [column.to_numpy() for column in golden.columns[1 + len(spec.feature_names) :]]
    if spec.model.task == "multiclass" and scores:
        return np.column_stack(scores)
    return np.asarray(scores[0]) if len(scores) == 1 else np.empty(0)

"""Probabilities put right: a map from scores to probabilities, learnt where the fit never looked.

The map is learnt on the scores that a model fitted on earlier rows gives to later ones, and is then
put behind the same kind of model fitted on all of them, as scikit-learn's CalibratedClassifierCV
does without an ensemble. It rises with the score, so ranks and declared directions stay.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline

    from assets.spec import UseCaseSpec
    from assets.training.rows import TrainingRows

PER_CLASS = 10
"""Fewest rows of any class a map is learnt from, and judged on."""

ISOTONIC_ROWS = 1000
"""Fewest rows for isotonic regression, which overfits on less
(scikit-learn user guide, 1.16.3.2)."""

METHODS = ("none", "sigmoid", "isotonic")
"""The simplest first."""


def calibrated(
    full: "Pipeline", early: "Pipeline", rows: "TrainingRows", later: "np.ndarray", method: str
) -> "Pipeline":
    """``full`` with a map of ``method`` behind its last step; ``full`` itself for ``none``.

    The map is learnt on what ``early`` says of the rows ``later`` (positions), none of which it
    was fitted on. ``early`` and ``full`` are of one candidate and the same settings.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    if method == "none":
        return full
    frame: Any = rows.frame.iloc[later]
    for _, step in early.steps[:-1]:
        frame = step.transform(frame)
    wrapped = CalibratedClassifierCV(FrozenEstimator(early.steps[-1][1]), method=method, cv=2)
    wrapped.fit(frame, rows.target[later])
    frozen = FrozenEstimator(full.steps[-1][1])
    wrapped.estimator = frozen
    wrapped.calibrated_classifiers_[0].estimator = frozen
    return Pipeline([*full.steps[:-1], (full.steps[-1][0], wrapped)])


def kept_method(
    spec: "UseCaseSpec", early: "Pipeline", rows: "TrainingRows", later: "np.ndarray"
) -> str:
    """The method to calibrate with: ``none``, ``sigmoid`` or ``isotonic``.

    A declared method is taken where ``later`` has ``PER_CLASS`` rows of each class. For ``auto`` a
    map is learnt on one half of ``later`` (the earlier half where there is time) and kept only if
    the log loss of the other half falls by more than one standard error of the fall: less is
    noise, and the simpler model is as good. The larger fall wins.
    """
    import numpy as np

    wanted = spec.model.calibration
    if spec.model.task == "regression" or wanted == "none":
        return "none"
    if min(rows.counts(later).values()) < PER_CLASS:
        return "none"
    if wanted != "auto":
        return wanted
    if spec.model.validation == "time":
        learnt, judged = np.array_split(later, 2)
    else:
        learnt, judged = later[::2], later[1::2]
    if min(*rows.counts(learnt).values(), *rows.counts(judged).values()) < PER_CLASS:
        return "none"
    plain = _surprise(early, rows, judged)
    best, fall = "none", 0.0
    for method in METHODS[1:]:
        if method == "isotonic" and len(learnt) < ISOTONIC_ROWS:
            continue
        falls = plain - _surprise(calibrated(early, early, rows, learnt, method), rows, judged)
        mean, error = float(falls.mean()), float(falls.std(ddof=1)) / len(falls) ** 0.5
        if mean > error and mean > fall:
            best, fall = method, mean
    return best


def _surprise(pipeline: "Pipeline", rows: "TrainingRows", chosen: "np.ndarray") -> "np.ndarray":
    """Log loss of each chosen row: -log of the probability of its own class."""
    import numpy as np

    probabilities = pipeline.predict_proba(rows.frame.iloc[chosen])
    tiny = np.finfo("float64").eps
    own = probabilities[np.arange(len(chosen)), rows.labels[chosen]]
    surprise: np.ndarray = -np.log(np.clip(own, tiny, 1 - tiny))
    return surprise

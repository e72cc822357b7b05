"""What a fitted pipeline says of a frame: the one place where scores come from."""

from typing import TYPE_CHECKING

from assets.training.threads import threads_for

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from assets.spec import UseCaseSpec


def predict(spec: "UseCaseSpec", pipeline: "Pipeline", frame: "pd.DataFrame") -> "np.ndarray":
    """Scores of the rows of ``frame`` (of :func:`assets.training.frame.feature_frame`), float64.

    Binary: probability of label 1, shape (n,). Multiclass: probability of each class in sorted
    order, shape (n, k). Regression: the value predicted, shape (n,). A frame without rows gives
    none (scikit-learn would refuse it; a quiet night is no error).
    """
    import numpy as np

    task = spec.model.task
    if not len(frame):
        return np.empty((0, len(pipeline.classes_)) if task == "multiclass" else 0)
    with threads_for(len(frame)):
        if task == "regression":
            return np.asarray(pipeline.predict(frame), dtype="float64")
        probabilities = np.asarray(pipeline.predict_proba(frame), dtype="float64")
    if task == "multiclass":
        return probabilities
    return np.ascontiguousarray(probabilities[:, list(pipeline.classes_).index(1)])

"""What a model leans on: how much its metric falls when a feature's values are shuffled."""

from typing import TYPE_CHECKING

from assets.training.evidence import Importance
from assets.training.measure import measure
from assets.training.predict import predict

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline

    from assets.spec import UseCaseSpec
    from assets.training.rows import TrainingRows

ROWS = 2000
"""Latest rows that importance is measured on: enough to rank, cheap to permute."""

REPEATS = 3


def importance(
    spec: "UseCaseSpec", pipeline: "Pipeline", rows: "TrainingRows", chosen: "np.ndarray"
) -> list[Importance]:
    """Permutation importance (Breiman, Random Forests, 2001) on the chosen rows, largest first.

    In units of the spec's metric, positive where the model is worse without the feature. The
    pipeline was not fitted on these rows.
    """
    import numpy as np

    random = np.random.default_rng(spec.model.seed)
    frame, labels = rows.frame.iloc[chosen].reset_index(drop=True), rows.labels[chosen]

    def figure() -> float:
        scores = predict(spec, pipeline, frame)
        return measure(spec.model.task, labels, scores, rows.classes)[spec.model.metric_name]

    whole, found = figure(), []
    for feature in frame.columns:
        kept = frame[feature]
        falls = []
        for _ in range(REPEATS):
            frame[feature] = kept.to_numpy()[random.permutation(len(frame))]
            falls.append(spec.model.sign * (whole - figure()))
        frame[feature] = kept
        found.append(Importance(str(feature), float(np.mean(falls)), float(np.std(falls))))
    return sorted(found, key=lambda one: -one.mean)


def latest_rows(rows: "TrainingRows", measured: "np.ndarray") -> "np.ndarray":
    """The latest ``ROWS`` of the measured rows; all of them if those lack a class."""
    latest = measured[-ROWS:]
    return latest if min(rows.counts(latest).values()) else measured

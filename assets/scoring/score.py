"""Scoring: one probability per case, checked before anyone can act on it."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.tables import PREDICTIONS_SCHEMA
from assets.training.frame import feature_frame
from assets.training.threads import threads_for

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline

    from assets.release.events import Champion
    from assets.spec import UseCaseSpec


class ScoringRefused(NightshiftError):
    """The scores of a night cannot be trusted. Says what is wrong, how often, and what to do."""


def score(
    spec: "UseCaseSpec", pipeline: "Pipeline", scoring_set: pa.Table, champion: "Champion"
) -> pa.Table:
    """Predictions of a night, columns as in ``PREDICTIONS_SCHEMA``, in the order of the cases.

    ``scoring_set`` has ``spec.population_columns`` and the feature columns. ``score`` is the
    probability of the positive label. A night without cases gives no rows.

    Raises ScoringRefused when a key is null or occurs twice, an event time is null, the model was
    trained on other features than the spec names, or the scores are not one finite number from 0
    to 1 per case; FeatureError when the table lacks a feature.
    """
    import numpy as np

    from assets.training.train import positive_scores

    keys = pc.cast(scoring_set.column(spec.population.key), pa.string())
    _require_cases(spec, scoring_set, keys)
    expected = [str(name) for name in getattr(pipeline, "feature_names_in_", [])]
    if expected != spec.feature_names:
        differ = sorted(set(expected) ^ set(spec.feature_names)) or "their order"
        raise ScoringRefused(
            f"{spec.name}: version {champion.version} was trained on other features than the spec "
            f"names now (differing: {differ}). Train and release a version with this spec, or "
            "restore the features"
        )
    frame = feature_frame(spec, scoring_set)
    # scikit-learn refuses an empty frame; a quiet night is no error.
    scores = np.empty(0)
    if len(frame):
        with threads_for(len(frame)):
            scores = positive_scores(pipeline, frame)
    require_probabilities(spec, scores, scoring_set.num_rows)
    event_time = scoring_set.column(spec.population.event_timestamp)
    return pa.table(
        {
            "case_key": keys,
            "entity_key": pc.cast(scoring_set.column(spec.population.entity), pa.string()),
            "event_timestamp": event_time,
            "score": pa.array(scores, pa.float64()),
            "model_version": pa.repeat(champion.version, scoring_set.num_rows),
            "model_digest": pa.repeat(champion.digest, scoring_set.num_rows),
        }
    ).cast(PREDICTIONS_SCHEMA)


def _require_cases(spec: "UseCaseSpec", scoring_set: pa.Table, keys: pa.ChunkedArray) -> None:
    rebuild = "Check the population mart and its source, then rebuild the scoring set"
    when = spec.population.event_timestamp
    for name, column in ((spec.population.key, keys), (when, scoring_set.column(when))):
        if column.null_count:
            raise ScoringRefused(
                f"{spec.name}: {column.null_count} of {scoring_set.num_rows} cases have no "
                f"'{name}'. {rebuild}"
            )
    twice = scoring_set.num_rows - pc.count_distinct(keys).as_py()
    if twice:
        raise ScoringRefused(
            f"{spec.name}: {scoring_set.num_rows} rows, but {twice} repeat a "
            f"'{spec.population.key}' that is there already. {rebuild}"
        )


def require_probabilities(spec: "UseCaseSpec", scores: "np.ndarray", cases: int) -> None:
    """Raise ScoringRefused unless there is one finite number from 0 to 1 for each of ``cases``."""
    import numpy as np

    if scores.shape != (cases,):
        raise ScoringRefused(
            f"{spec.name}: the model gave {scores.shape} scores for {cases} cases. It is no "
            "binary classifier of single cases: release another version"
        )
    strange = int(np.sum(~(np.isfinite(scores) & (scores >= 0) & (scores <= 1))))
    if strange:
        raise ScoringRefused(
            f"{spec.name}: {strange} of {cases} scores are not a number from 0 to 1. Nothing is "
            "decided on them: look at the model version and the features of this night"
        )

"""Scoring: one score per case, checked before anyone can act on it."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.scoring.loader import ModelRefused
from assets.tables import PREDICTIONS_SCHEMA
from assets.training.frame import feature_frame
from assets.training.predict import predict

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline

    from assets.model_spec import Task
    from assets.release.events import Champion
    from assets.spec import UseCaseSpec


class ScoringRefused(NightshiftError):
    """The cases of a night cannot be scored or referred one by one. Says what is wrong with them,
    how often, and what to do."""


def score(
    spec: "UseCaseSpec", pipeline: "Pipeline", scoring_set: pa.Table, champion: "Champion"
) -> pa.Table:
    """Predictions of a night, columns as in ``PREDICTIONS_SCHEMA``, in the order of the cases.

    ``scoring_set`` has ``spec.population_columns`` and the feature columns. ``score`` is the
    probability of the positive label (binary), the probability of the likeliest class, which is
    ``prediction`` (multiclass; the first in sorted order of equally likely ones), or the value
    (regression). A night without cases gives no rows.

    Raises ScoringRefused when a key is null or occurs twice or an event time is null, FeatureError
    when the table lacks a feature, and ModelRefused when the model fails on the cases, or gives
    anything but finite scores, one per case.
    """
    keys = require_cases(spec, scoring_set)
    frame = feature_frame(spec, scoring_set)
    label = f"{spec.name} version {champion.version}"
    try:
        scores = predict(spec, pipeline, frame)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        # The type alone: the text may hold a value of a case.
        raise ModelRefused(
            f"{label} fails on the cases of this night ({type(e).__name__}). Look at the night's "
            "features, or train and approve another version"
        ) from e
    prediction = pa.nulls(scoring_set.num_rows, pa.string())
    require_scores(spec.model.task, label, scores, scoring_set.num_rows)
    if spec.model.task == "multiclass":
        names = pa.array([str(name) for name in pipeline.classes_], pa.string())
        prediction = names.take(pa.array(scores.argmax(axis=1)))
        scores = scores.max(axis=1, initial=0.0)
    return _predictions(
        spec,
        scoring_set,
        keys,
        score=pa.array(scores, pa.float64()),
        prediction=prediction,
        missing=_missing(spec, scoring_set),
        model_version=pa.repeat(champion.version, scoring_set.num_rows),
        model_digest=pa.repeat(champion.digest, scoring_set.num_rows),
        fallback=pa.nulls(scoring_set.num_rows, pa.string()),
    )


def fallback_predictions(spec: "UseCaseSpec", scoring_set: pa.Table, reason: str) -> pa.Table:
    """One row per case that no model scored, columns as in ``PREDICTIONS_SCHEMA``.

    ``fallback`` is ``reason``; score, prediction and model are null. Raises ScoringRefused as
    :func:`score` does: a case that is there twice cannot be referred once.
    """
    keys, rows = require_cases(spec, scoring_set), scoring_set.num_rows
    return _predictions(
        spec,
        scoring_set,
        keys,
        score=pa.nulls(rows, pa.float64()),
        prediction=pa.nulls(rows, pa.string()),
        missing=pa.nulls(rows, pa.float64()),
        model_version=pa.nulls(rows, pa.int64()),
        model_digest=pa.nulls(rows, pa.string()),
        fallback=pa.repeat(pa.scalar(reason, pa.string()), rows),
    )


def require_cases(spec: "UseCaseSpec", scoring_set: pa.Table) -> pa.ChunkedArray:
    """Keys of the cases as text. Raises ScoringRefused unless each case is there once, with its
    event time."""
    keys = pc.cast(scoring_set.column(spec.population.key), pa.string())
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
    return keys


def require_scores(task: "Task", label: str, scores: "np.ndarray", cases: int) -> None:
    """Raise ModelRefused unless there is one score (or one per class) for each of ``cases``.

    Probabilities are finite and from 0 to 1, a regression's values finite. ``label`` names use case
    and version.
    """
    import numpy as np

    regression, several = task == "regression", task == "multiclass"
    if scores.ndim != (2 if several else 1) or len(scores) != cases:
        raise ModelRefused(
            f"{label} gave {scores.shape} scores for {cases} cases, which a {task} model does not. "
            "Train and approve another version"
        )
    good = np.isfinite(scores)
    if not regression:
        good &= (scores >= 0) & (scores <= 1)
    strange = int((~(good.all(axis=1) if several else good)).sum())
    if strange:
        raise ModelRefused(
            f"{label}: {strange} of {cases} scores are "
            f"{'no finite number' if regression else 'not a number from 0 to 1'}. Nothing is "
            "decided on them: look at the version and at the features of this night"
        )


def _missing(spec: "UseCaseSpec", scoring_set: pa.Table) -> pa.ChunkedArray:
    """Share of its features of which a case has no value, from 0 to 1: null, or no finite number
    (which the model is shown as missing, see ``feature_frame``)."""
    missing = pa.repeat(pa.scalar(0, pa.int32()), scoring_set.num_rows)
    for name in spec.feature_names:
        column = scoring_set.column(name)
        absent = pc.is_null(column)
        if pa.types.is_floating(column.type):
            absent = pc.invert(pc.fill_null(pc.is_finite(column), False))
        missing = pc.add(missing, absent.cast(pa.int32()))
    return pc.divide(missing.cast(pa.float64()), float(len(spec.feature_names) or 1))


def _predictions(
    spec: "UseCaseSpec", scoring_set: pa.Table, keys: pa.ChunkedArray, **columns: pa.Array
) -> pa.Table:
    return pa.table(
        {
            "case_key": keys,
            "entity_key": pc.cast(scoring_set.column(spec.population.entity), pa.string()),
            "event_timestamp": scoring_set.column(spec.population.event_timestamp),
            **columns,
        }
    ).cast(PREDICTIONS_SCHEMA)

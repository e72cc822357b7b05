"""Scoring: one score per case, checked before anyone can act on it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.scoring.loader import ModelRefused
from assets.tables import PREDICTIONS_SCHEMA
from assets.training.frame import feature_frame
from assets.training.predict import predict

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from assets.model_spec import Task
    from assets.release.events import Champion
    from assets.scoring.loader import VerifiedModel
    from assets.spec import UseCaseSpec


class ScoringRefused(NightshiftError):
    """The cases of a night cannot be scored or referred one by one. Says what is wrong with them,
    how often, and what to do."""


@dataclass(frozen=True)
class Scores:
    """What a model says of cases, in their order, before anybody asked whether it can be used."""

    values: "np.ndarray"  # as of predict: (n,), or (n, k) of several classes
    cheap: "np.ndarray"  # bool: by the cascade's cheap model
    classes: tuple[str, ...] = ()  # of a multiclass task, as the columns of values
    cascade: dict[str, Any] = field(default_factory=dict)  # the cascade's figures, plain JSON

    def usable(self, task: "Task") -> "np.ndarray":
        """Of each case (bool): finite, and of a probability from 0 to 1."""
        import numpy as np

        good: np.ndarray = np.isfinite(self.values)
        if task != "regression":
            good &= (self.values >= 0) & (self.values <= 1)
        return np.asarray(good.all(axis=1)) if good.ndim == 2 else good

    @property
    def likeliest(self) -> "np.ndarray":
        """One figure per case: the score itself, of several classes that of the likeliest."""
        return self.values.max(axis=1, initial=0.0) if self.classes else self.values

    @property
    def prediction(self) -> pa.Array:
        """The likeliest class of each case (the first of equally likely ones); else null."""
        if not self.classes:
            return pa.nulls(len(self.values), pa.string())
        return pa.array(self.classes, pa.string()).take(pa.array(self.values.argmax(axis=1)))


def score(
    spec: "UseCaseSpec",
    model: "VerifiedModel",
    scoring_set: pa.Table,
    champion: "Champion",
    *,
    arm: str = "champion",
) -> pa.Table:
    """Predictions of a night, columns as in ``PREDICTIONS_SCHEMA``, in the order of the cases.

    ``scoring_set`` has ``spec.population_columns`` and the feature columns. ``score`` is the
    probability of the positive label (binary), the probability of the likeliest class, which is
    ``prediction`` (multiclass; the first in sorted order of equally likely ones), or the value
    (regression). A night without cases gives no rows.

    Raises ScoringRefused when a key is null or occurs twice or an event time is null, FeatureError
    when the table lacks a feature, and ModelRefused when the model fails on the cases, gives
    anything but finite scores, one per case, or cannot say what they rest on.
    """
    require_cases(spec, scoring_set)
    frame = feature_frame(spec, scoring_set)
    scores = scores_of(spec, model, frame, champion)
    require_scores(spec.model.task, label_of(champion), scores.values, scoring_set.num_rows)
    return predictions_of(spec, model, scoring_set, frame, scores, champion, arm=arm)


def label_of(champion: "Champion") -> str:
    """The version, as messages name it."""
    return f"{champion.use_case} version {champion.version}"


def scores_of(
    spec: "UseCaseSpec", model: "VerifiedModel", frame: "pd.DataFrame", champion: "Champion"
) -> Scores:
    """What the model (with ``model.cascade``: the two of them) says of the rows of ``frame``.

    Raises ModelRefused when it fails on them. The scores are not looked at: require_scores does.
    """
    import numpy as np

    from assets.scoring.cascade import cascaded

    try:
        if spec.model.cascade is not None and len(frame):
            found = cascaded(spec, model, frame)
            return Scores(found.scores, found.cheap, cascade=found.figures)
        values = predict(spec, model.pipeline, frame)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        # The type alone: the text may hold a value of a case.
        raise ModelRefused(
            f"{label_of(champion)} fails on the cases of this night ({type(error).__name__}). "
            "Look at the night's features, or train and approve another version"
        ) from error
    several = spec.model.task == "multiclass"
    classes = tuple(str(name) for name in model.pipeline.classes_) if several else ()
    return Scores(values, np.zeros(len(values), dtype=bool), classes)


def predictions_of(
    spec: "UseCaseSpec",
    model: "VerifiedModel",
    scoring_set: pa.Table,
    frame: "pd.DataFrame",
    scores: Scores,
    champion: "Champion",
    *,
    arm: str,
) -> pa.Table:
    """The rows of cases with usable scores, as :func:`score` gives them.

    ``frame`` and ``scores`` are those of the very rows of ``scoring_set``.
    """
    rows = scoring_set.num_rows
    return _predictions(
        spec,
        scoring_set,
        pc.cast(scoring_set.column(spec.population.key), pa.string()),
        score=pa.array(scores.likeliest, pa.float64()),
        prediction=scores.prediction,
        missing=missing_share(spec, scoring_set),
        reasons=_reasons(spec, model, frame, scores, champion),
        arm=pa.repeat(arm, rows),
        cheap=pa.array(scores.cheap, pa.bool_()),
        model_version=pa.repeat(champion.version, rows),
        model_digest=pa.repeat(champion.digest, rows),
        fallback=pa.nulls(rows, pa.string()),
    )


def _reasons(
    spec: "UseCaseSpec",
    model: "VerifiedModel",
    frame: "pd.DataFrame",
    scores: Scores,
    champion: "Champion",
) -> pa.Array:
    from assets.scoring.reasons import case_reasons

    if not len(frame):
        return pa.nulls(0, PREDICTIONS_SCHEMA.field("reasons").type)
    try:
        return case_reasons(
            spec,
            model,
            frame,
            scores.values,
            spec.policy.most_reasons,
            cheap=scores.cheap if spec.model.cascade is not None else None,
        )
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        # A score nobody can give a reason for is none to decide by.
        raise ModelRefused(
            f"{label_of(champion)}: what its scores of this night rest on cannot be said "
            f"({type(error).__name__}). Train and approve another version"
        ) from error


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


def missing_share(spec: "UseCaseSpec", scoring_set: pa.Table) -> pa.ChunkedArray:
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
    given = {
        "case_key": keys,
        "entity_key": pc.cast(scoring_set.column(spec.population.entity), pa.string()),
        "event_timestamp": scoring_set.column(spec.population.event_timestamp),
        **columns,
    }
    rows = scoring_set.num_rows
    return pa.table(
        {
            field.name: given.get(field.name, pa.nulls(rows, field.type))
            for field in PREDICTIONS_SCHEMA
        }
    ).cast(PREDICTIONS_SCHEMA)

"""Reason codes: what pushed the score of a case up, by the model that scored it.

12 CFR 1002.9(b)(2) asks for the specific principal reasons of an adverse decision; of a scoring
system, official interpretation 9(b)(2)-5 names as one method the factors for which the score "fell
furthest below the average score for each of those factors" achieved by all applicants, averages
that may be taken "during the development or use of the system". So here: what a feature adds to the
log-odds of a case, less its mean over the reference, the model's golden rows, which are signed with
it. Over all features that sums to the log-odds of the case less the mean log-odds of the reference:

* logistic regression, words of a text among its inputs: coefficient times input, summed by feature;
* explainable boosting: the terms, those of a pair shared by halves;
* boosted trees: Shapley values against the reference, see ``assets/scoring/tree_shapley.py``.

Calibration is left out: it rises with the score and moves every feature's share alike. Log-odds are
those before it. Of several classes, it is what speaks for the likeliest. A regression has none.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.scoring.additive import boosted_curve_parts, input_owners, linear_parts
from assets.scoring.loader import ModelRefused
from assets.scoring.tree_shapley import tree_shapley
from assets.tables import PUSH
from assets.training.frame import feature_frame
from assets.training.threads import threads_for

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from assets.scoring.loader import VerifiedModel
    from assets.spec import UseCaseSpec

PUSHES = pa.list_(pa.field("element", PUSH))

LEAST = 1e-9
"""Log-odds up to which a push is what rounding leaves of nothing (about 1e-15), and no reason."""

CLOSE = 1e-9
"""How far the parts of a reference row may be from its log-odds, of 1 or of those where larger."""

BROKEN = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class ReasonsRefused(ModelRefused):
    """The model's scores cannot be explained, so nothing may be decided by them."""


def case_reasons(
    spec: "UseCaseSpec",
    model: "VerifiedModel",
    frame: "pd.DataFrame",
    scores: "np.ndarray",
    most: int,
    *,
    cheap: "np.ndarray | None" = None,
) -> pa.ListArray:
    """What pushed the score of each case up, the most first, at most ``most``: a list of PUSH.

    ``frame`` is of :func:`~assets.training.frame.feature_frame`, ``scores`` as
    :func:`~assets.training.predict.predict` gives them (multiclass: of every class, shape (n, k)).
    ``cheap`` (bool, n) says which cases the cascade's cheap model scored, and so has to explain.
    Worked out only where the score alone does not approve (:func:`may_need_reasons`); empty
    elsewhere, and of a regression. Weights are log-odds.

    Raises ReasonsRefused when the model is of a kind there is no method for, or its parts do not
    sum to its log-odds, and ValueError when a feature of the spec is denied or sensitive.
    """
    import numpy as np

    features = scored_features(spec)
    wanted = may_need_reasons(spec, scores)
    rows = np.flatnonzero(wanted)
    parts = np.zeros((len(rows), len(features)), order="F")
    by_cheap = np.zeros(len(rows), dtype=bool) if cheap is None else np.asarray(cheap)[rows]
    likeliest = scores.argmax(axis=1)[rows] if scores.ndim == 2 else np.ones(len(rows), dtype=int)
    for pipeline, own in ((model.pipeline, ~by_cheap), (_cheap(model), by_cheap)):
        for output in np.unique(likeliest[own]):
            place = own & (likeliest == output)
            parts[place] = contributions(
                spec, pipeline, model.golden, frame.iloc[rows[place]], int(output)
            )
    return _pushes(features, parts, rows, len(frame), most)


def scored_features(spec: "UseCaseSpec") -> list[str]:
    """Features a reason may name. Raises ValueError for one that is denied or sensitive."""
    forbidden = {*spec.deny, *spec.sensitive} & set(spec.feature_names)
    if forbidden:
        raise ValueError(f"{sorted(forbidden)} may be no feature, and no reason")
    return spec.feature_names


def may_need_reasons(spec: "UseCaseSpec", scores: "np.ndarray") -> "np.ndarray":
    """Which cases the thresholds do not approve by these scores (bool, n); none of a regression."""
    import numpy as np

    if spec.model.task == "regression":
        return np.zeros(len(scores), dtype=bool)
    if spec.model.task == "multiclass":
        if scores.ndim != 2:
            raise ValueError("reasons of several classes need the scores of every class")
        return np.asarray(~(scores.max(axis=1, initial=0.0) >= spec.policy.accept_above))
    return np.asarray(~(scores < spec.policy.approve_below))


def contributions(
    spec: "UseCaseSpec",
    pipeline: "Pipeline",
    reference: pa.Table,
    frame: "pd.DataFrame",
    output: int = 1,
) -> "np.ndarray":
    """What each feature adds to the log-odds of each row, less its mean over ``reference``.

    Shape (n, features), columns in the order of ``spec.feature_names``. ``reference`` has the
    feature columns; ``output`` is the place of the class among ``pipeline.classes_``. A row sums to
    its log-odds before calibration (of several classes: its class's decision function) less the
    mean of the reference's. Raises ReasonsRefused as :func:`case_reasons` does.
    """
    import numpy as np

    try:
        with threads_for(len(frame)):
            estimator = uncalibrated(pipeline)
            known, asked = (
                _inputs(pipeline, feature_frame(spec, reference)),
                _inputs(pipeline, frame),
            )
            two = np.asarray(estimator.decision_function(known), dtype="float64")
            # Two classes have one decision function: that of the second.
            sign, place = (1 if output else -1, 0) if two.ndim == 1 else (1, output)
            log_odds = sign * two if two.ndim == 1 else two[:, output]
            of_reference, of_rows = (
                sign * parts
                for parts in _parts(spec.feature_names, pipeline, estimator, known, asked, place)
            )
    except BROKEN as error:
        # The type alone: the text may hold a value of a case.
        raise ReasonsRefused(
            f"{spec.name}: the model's scores cannot be taken apart ({type(error).__name__}), so "
            "nobody could be told why. Nothing is decided by them: train and approve a version of "
            "a kind on the list of candidates"
        ) from error
    apart = np.abs(of_reference.sum(axis=1) - (log_odds - log_odds.mean()))
    if not (apart <= CLOSE * np.maximum(1, np.abs(log_odds))).all():
        raise ReasonsRefused(
            f"{spec.name}: what the features add to the scores of the golden rows does not sum to "
            f"those scores (up to {np.max(apart):.3g} apart, allowed {CLOSE:g}), so reasons would "
            "be wrong. Nothing is decided by them: look at the versions of libraries, or train and "
            "approve a new version"
        )
    return of_rows


def uncalibrated(pipeline: "Pipeline") -> Any:
    """The estimator at the end of a pipeline, without the map that calibrates its scores."""
    estimator = pipeline.steps[-1][1]
    if hasattr(estimator, "calibrated_classifiers_"):
        estimator = estimator.calibrated_classifiers_[0].estimator
    return getattr(estimator, "estimator", estimator)  # of a FrozenEstimator


def _parts(
    features: list[str], pipeline: "Pipeline", estimator: Any, known: Any, asked: Any, place: int
) -> "tuple[np.ndarray, np.ndarray]":
    """Parts of the reference rows and of the cases, each less the mean over the reference."""
    import numpy as np

    if hasattr(estimator, "coef_"):
        two = [linear_parts(features, pipeline, estimator, x, place) for x in (known, asked)]
    elif hasattr(estimator, "eval_terms"):
        two = [boosted_curve_parts(features, estimator, x) for x in (known, asked)]
    elif hasattr(estimator, "n_trees_per_iteration_"):
        both = np.concatenate([known, asked])
        parts = np.zeros((len(both), len(features)), order="F")
        owners = input_owners(features, pipeline.steps[0][1])
        parts[:, owners] = tree_shapley(estimator, known, both, place)
        two = [parts[: len(known)], parts[len(known) :]]
    else:
        raise TypeError(f"no method for a {type(estimator).__name__}")
    mean = two[0].mean(axis=0)
    return two[0] - mean, two[1] - mean


def _inputs(pipeline: "Pipeline", frame: "pd.DataFrame") -> Any:
    inputs: Any = frame
    for _, step in pipeline.steps[:-1]:
        inputs = step.transform(inputs)
    return inputs


def _cheap(model: "VerifiedModel") -> "Pipeline":
    """The cascade's cheap model; where there is none it scored nothing and is not asked."""
    found: Pipeline = getattr(model, "cheap", None) or model.pipeline
    return found


def _pushes(
    features: list[str], parts: "np.ndarray", rows: "np.ndarray", cases: int, most: int
) -> pa.ListArray:
    import numpy as np

    # Stable: of equal pushes the feature that the spec names first.
    order = np.argsort(-parts, axis=1, kind="stable")[:, :most]
    weights = np.take_along_axis(parts, order, axis=1)
    given = weights > LEAST
    counts = np.zeros(cases, dtype="int32")
    counts[rows] = given.sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype("int32")
    names = pa.array(features, pa.string()).take(pa.array(order[given]))
    flat = pa.StructArray.from_arrays(
        [names, pa.array(weights[given], pa.float64())], fields=list(PUSH)
    )
    return pa.ListArray.from_arrays(pa.array(offsets), flat, type=PUSHES)

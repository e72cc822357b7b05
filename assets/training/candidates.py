"""The allow-list of estimators: a name in the spec becomes an untrained scikit-learn pipeline.

Every pipeline takes the frame of :func:`assets.training.frame.feature_frame`, ends in the step
``model``, is deterministic in ``spec.model.seed`` and can be stored by skops. Classes are never
weighted or resampled: a rare class is a small probability, and that is what the score must say.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from assets.training.inputs import coded_inputs, scaled_inputs

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from assets.spec import UseCaseSpec

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
"""Types beyond skops' own list that candidates are made of, for saving. What is *loaded* is
decided by the list of the loader, not by this one."""

SETTINGS: dict[str, dict[str, Any]] = {
    "logistic_regression": {"C": 1.0},
    "ridge_regression": {"alpha": 1.0},
    "hist_gradient_boosting": {
        "learning_rate": 0.06,
        "max_iter": 100,
        "max_leaf_nodes": 15,
        "min_samples_leaf": 20,
        "l2_regularization": 1.0,
    },
    "explainable_boosting": {
        "learning_rate": 0.015,
        "max_leaves": 2,
        "min_samples_leaf": 4,
        "interactions": 5,
    },
    "tfidf_linear": {"C": 3.0, "min_df": 2},
}
"""Settings of each candidate when nothing is searched. The boosting rounds (``max_iter``) are only
for want of a later slice to stop them on."""

MONOTONE = ("hist_gradient_boosting", "explainable_boosting")
"""Candidates that can be held to ``spec.model.monotone``; the others follow the data."""

OUTER_BAGS = 8
"""Bags an explainable boosting machine averages over; the library's default is 14, and the time
taken grows with them."""

PAIR_BINS = 32
"""Bins a number has where it is paired with another; the library's default is 64. Measured on
12,000 rows of 13 features: the same held-out figure to four digits in two fifths of the time."""

CURVE_ROUNDS = 5000
"""Rounds of an explainable boosting machine at most; the library's default is 50,000. It needs a
few hundred to two thousand before it stops early. Rows that are there several times are in the
rows it stops on, too: it then never stops, and took seven minutes where others take five seconds.
"""


def build(
    name: str,
    spec: "UseCaseSpec",
    settings: Mapping[str, Any] | None = None,
    *,
    text: tuple[str, ...] = (),
) -> "Pipeline":
    """An untrained pipeline of the candidate ``name``.

    ``settings`` replace those of ``SETTINGS``; a :class:`~assets.training.evidence.Candidate`'s
    ``parameters`` are such settings. ``text`` are the features that are free text
    (:func:`assets.training.inputs.text_features`): ``tfidf_linear`` reads them as words, to the
    others each is a category.

    Raises ValueError for a name that is not on the allow-list, or a setting it does not have.
    """
    known: dict[str, Callable[..., Pipeline]] = {
        "logistic_regression": _logistic_regression,
        "ridge_regression": _ridge_regression,
        "hist_gradient_boosting": _hist_gradient_boosting,
        "explainable_boosting": _explainable_boosting,
        "tfidf_linear": _tfidf_linear,
    }
    if name not in known:
        raise ValueError(f"'{name}' is no candidate: choose from {sorted(known)}")
    unknown = sorted(set(settings or {}) - set(SETTINGS[name]))
    if unknown:
        raise ValueError(f"candidate '{name}' has no setting {unknown}: {sorted(SETTINGS[name])}")
    return known[name](spec, {**SETTINGS[name], **(settings or {})}, text)


def _logistic_regression(
    spec: "UseCaseSpec", settings: Mapping[str, Any], _: tuple[str, ...]
) -> "Pipeline":
    """Scaled numbers with missing indicators, one-hot categories; L2-penalised."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    model = LogisticRegression(C=settings["C"], max_iter=2000, random_state=spec.model.seed)
    return Pipeline([("inputs", scaled_inputs(spec)), ("model", model)])


def _ridge_regression(
    spec: "UseCaseSpec", settings: Mapping[str, Any], _: tuple[str, ...]
) -> "Pipeline":
    """The same inputs for a number; least squares with an L2 penalty."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline

    model = Ridge(alpha=settings["alpha"], random_state=spec.model.seed)
    return Pipeline([("inputs", scaled_inputs(spec)), ("model", model)])


def _tfidf_linear(
    spec: "UseCaseSpec", settings: Mapping[str, Any], text: tuple[str, ...]
) -> "Pipeline":
    """Logistic regression on the words of free text beside the inputs of the plain one."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    # On 30,000 rows of 7,000 words newton-cg takes a fifth of the time of lbfgs to the same place.
    model = LogisticRegression(
        C=settings["C"], solver="newton-cg", max_iter=2000, random_state=spec.model.seed
    )
    inputs = scaled_inputs(spec, text, settings["min_df"])
    return Pipeline([("inputs", inputs), ("model", model)])


def _hist_gradient_boosting(
    spec: "UseCaseSpec", settings: Mapping[str, Any], _: tuple[str, ...]
) -> "Pipeline":
    """Boosted trees on native categories; missing and unknown values take their own branch.

    It makes ``max_iter`` rounds. Stopping it early takes a later slice, which is the search's.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    kinds = {"regression": HistGradientBoostingRegressor}
    first = len(spec.numeric_features)
    model = kinds.get(spec.model.task, HistGradientBoostingClassifier)(
        **settings,
        categorical_features=list(range(first, first + len(spec.categorical_features))) or None,
        monotonic_cst=_monotone(spec, [*spec.numeric_features, *spec.categorical_features]),
        early_stopping=False,
        random_state=spec.model.seed,
    )
    return Pipeline([("inputs", coded_inputs(spec)), ("model", model)])


def _explainable_boosting(
    spec: "UseCaseSpec", settings: Mapping[str, Any], text: tuple[str, ...]
) -> "Pipeline":
    """A sum of one boosted curve per feature and a few pairs; exact additive contributions.

    It takes the frame as it is: missing values and unknown categories have bins of their own. It
    stops early on the rows each bag leaves out, all of them rows it is given to fit on. Free text
    is paired with nothing: a pair has a cell for each value of either, and each text is another.
    """
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor
    from sklearn.pipeline import Pipeline

    kinds = {"regression": ExplainableBoostingRegressor}
    numeric, names = set(spec.numeric_features), spec.feature_names
    of_text = [names.index(name) for name in text]
    pairs = {tuple(sorted((one, n))) for one in of_text for n in range(len(names)) if n != one}
    model = kinds.get(spec.model.task, ExplainableBoostingClassifier)(
        **settings,
        feature_types=["continuous" if f in numeric else "nominal" for f in spec.feature_names],
        monotone_constraints=_monotone(spec, spec.feature_names),
        exclude=sorted(pairs) or None,
        max_interaction_bins=PAIR_BINS,
        max_rounds=CURVE_ROUNDS,
        outer_bags=OUTER_BAGS,
        n_jobs=1,
        random_state=spec.model.seed,
    )
    return Pipeline([("model", model)])


def _monotone(spec: "UseCaseSpec", columns: list[str]) -> list[int] | None:
    """1 where the score rises with the column, -1 where it falls, 0 elsewhere; None if nowhere."""
    signs = {"increasing": 1, "decreasing": -1}
    if not spec.model.monotone:
        return None
    return [signs.get(spec.model.monotone.get(column, ""), 0) for column in columns]

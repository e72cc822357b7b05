"""The allow-list of estimators: a name in the spec becomes an untrained scikit-learn pipeline.

Every pipeline takes the frame of :func:`assets.training.frame.feature_frame`, gives probabilities
by ``predict_proba``, is deterministic in ``spec.model.seed`` and can be stored by skops.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from assets.spec import UseCaseSpec

RARE = 10
"""A category seen in fewer training rows shares one 'infrequent' level with its like."""

MOST_CATEGORIES = 254
"""Histogram gradient boosting has 255 bins a column, one of them for missing values."""


def build(name: str, spec: "UseCaseSpec") -> "Pipeline":
    """An untrained pipeline (steps ``inputs`` and ``model``) of the candidate ``name``.

    Raises ValueError for a name that is not on the allow-list.
    """
    known: dict[str, Callable[[UseCaseSpec], Pipeline]] = {
        "logistic_regression": _logistic_regression,
        "hist_gradient_boosting": _hist_gradient_boosting,
    }
    if name not in known:
        raise ValueError(f"'{name}' is no candidate: choose from {sorted(known)}")
    return known[name](spec)


def _logistic_regression(spec: "UseCaseSpec") -> "Pipeline":
    """Median imputation with missing indicators, scaling, one-hot; L2-penalised."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = Pipeline(
        [
            (
                "impute",
                SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
            ),
            ("scale", StandardScaler()),
        ]
    )
    # A category never seen in training counts as an infrequent one, or as none of the levels.
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE)
    inputs = ColumnTransformer(
        [
            (kind, transformer, columns)
            for kind, transformer, columns in (
                ("numeric", numeric, spec.numeric_features),
                ("categorical", one_hot, spec.categorical_features),
            )
            if columns
        ],
        sparse_threshold=0.0,
    )
    model = LogisticRegression(max_iter=2000, random_state=spec.model.seed)
    return Pipeline([("inputs", inputs), ("model", model)])


def _hist_gradient_boosting(spec: "UseCaseSpec") -> "Pipeline":
    """Boosted trees on native categories; missing and unknown values take their own branch."""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        min_frequency=RARE,
        max_categories=MOST_CATEGORIES,
    )
    inputs = ColumnTransformer(
        [
            (kind, transformer, columns)
            for kind, transformer, columns in (
                ("numeric", "passthrough", spec.numeric_features),
                ("categorical", codes, spec.categorical_features),
            )
            if columns
        ]
    )
    first = len(spec.numeric_features)
    model = HistGradientBoostingClassifier(
        learning_rate=0.06,
        max_iter=400,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        l2_regularization=1.0,
        categorical_features=list(range(first, first + len(spec.categorical_features))) or None,
        early_stopping=True,
        validation_fraction=0.15,
        n_iter_no_change=20,
        random_state=spec.model.seed,
    )
    return Pipeline([("inputs", inputs), ("model", model)])

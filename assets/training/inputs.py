"""How features become the inputs of an estimator: scaled, one-hot, in codes, or words of a text."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer

    from assets.spec import UseCaseSpec

RARE = 10
"""A category seen in fewer training rows shares one 'infrequent' level with its like."""

MOST_CATEGORIES = 254
"""Histogram gradient boosting has 255 bins a column, one of them for missing values."""

TEXT_DISTINCT = 0.2
"""A string feature is free text when this share of its values or more are distinct ..."""

TEXT_SPACES = 2
"""... and the median value has this many spaces or more, so three words."""


def text_features(spec: "UseCaseSpec", frame: "pd.DataFrame") -> tuple[str, ...]:
    """String features of ``frame`` that are free text, in the order of the spec.

    Decided from the values alone (never the labels): many distinct ones, of several words.
    """
    found = []
    for name in spec.categorical_features:
        values = frame[name].dropna()
        if not len(values) or values.nunique() < TEXT_DISTINCT * len(values):
            continue
        if float(values.str.count(" ").median()) >= TEXT_SPACES:
            found.append(name)
    return tuple(found)


def scaled_inputs(
    spec: "UseCaseSpec", text: tuple[str, ...] = (), min_df: int = 2
) -> "ColumnTransformer":
    """Numbers: median imputation, missing indicators, scaling. Categories: one-hot. Text: words.

    Words are weighted by TF-IDF with sublinear term frequency (Manning, Raghavan and Schütze,
    Introduction to Information Retrieval, 2008, section 6.4.1); a word in fewer than ``min_df``
    rows is left out.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    numeric = Pipeline([("impute", fill), ("scale", StandardScaler())])
    # A category never seen in training counts as an infrequent one, or as none of the levels.
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE)
    categories = [name for name in spec.categorical_features if name not in text]
    return ColumnTransformer(
        _used(
            ("numeric", numeric, spec.numeric_features),
            ("categorical", one_hot, categories),
            ("text", _words(len(text), min_df), list(text)),
        ),
        # Words are sparse; everything else is small enough to be dense, which is quicker.
        sparse_threshold=1.0 if text else 0.0,
    )


def _words(columns: int, min_df: int) -> Any:
    """TF-IDF of each of so many text columns; a missing text has no words."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline

    vectorisers = [
        (f"words_{place}", TfidfVectorizer(sublinear_tf=True, min_df=min_df), place)
        for place in range(columns)
    ]
    fill = SimpleImputer(strategy="constant", fill_value="", keep_empty_features=True)
    return Pipeline([("fill", fill), ("words", ColumnTransformer(vectorisers))])


def coded_inputs(spec: "UseCaseSpec") -> "ColumnTransformer":
    """Numbers as they are, then categories as codes; missing and unknown categories are NaN."""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        min_frequency=RARE,
        max_categories=MOST_CATEGORIES,
    )
    return ColumnTransformer(
        _used(
            ("numeric", "passthrough", spec.numeric_features),
            ("categorical", codes, spec.categorical_features),
        )
    )


def _used(*transformers: tuple[str, Any, list[str]]) -> list[tuple[str, Any, list[str]]]:
    return [one for one in transformers if one[2]]

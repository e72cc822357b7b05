"""What each feature adds to the log-odds of models that are sums, exactly.

A logistic regression is a sum over its input columns, several of which are made of one feature
(scaled number and missing indicator, the levels of a category, the words of a text). An explainable
boosting machine is a sum over terms of one feature or two (Lou, Caruana, Gehrke and Hooker,
Accurate Intelligible Models with Pairwise Interactions, KDD 2013); what a pair adds is shared by
halves.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline


def linear_parts(
    features: Sequence[str], pipeline: "Pipeline", estimator: Any, inputs: Any, output: int
) -> "np.ndarray":
    """What each of ``features`` adds to the log-odds of each row of ``inputs``, shape (n, k).

    ``inputs`` is what the pipeline's first step makes of a frame, dense or sparse; ``estimator`` a
    logistic regression, ``output`` a row of its coefficients. A row sums to the decision function
    less the intercept. A row's figures do not depend on the other rows, not to the last bit.
    """
    import numpy as np
    from scipy import sparse

    owners = input_owners(features, pipeline.steps[0][1])
    coefficients = np.asarray(estimator.coef_, dtype="float64")[output]
    if sparse.issparse(inputs):
        places = (np.arange(len(owners)), owners)
        weights: Any = sparse.csr_array((coefficients, places), shape=(len(owners), len(features)))
        product: Any = inputs @ weights
        return np.asarray(product.toarray())
    # Column by column: a BLAS product adds in another order when there are other rows.
    parts = np.zeros((inputs.shape[0], len(features)), order="F")
    for column, owner in enumerate(owners):
        parts[:, owner] += inputs[:, column] * coefficients[column]
    return parts


def input_owners(features: Sequence[str], inputs: "ColumnTransformer") -> "np.ndarray":
    """Of each output column of :func:`~assets.training.inputs.scaled_inputs` or ``coded_inputs``
    (fitted) the place in ``features`` of the feature it is made of.

    Raises ValueError when a column belongs to none.
    """
    import numpy as np

    places = {name: place for place, name in enumerate(features)}
    width = max(piece.stop for piece in inputs.output_indices_.values())
    owners = np.full(width, -1)
    for name, step, columns in inputs.transformers_:
        if isinstance(step, str) and step != "passthrough":
            continue  # dropped
        within = _within(step, len(columns))
        owners[inputs.output_indices_[name]] = [places[columns[place]] for place in within]
    if (owners < 0).any():
        raise ValueError("an input of the model belongs to no feature")
    return owners


def _within(step: Any, columns: int) -> list[int]:
    """Which of its ``columns`` each output column of a fitted transformer is made of."""
    first, last = (step.steps[0][1], step.steps[-1][1]) if hasattr(step, "steps") else (step, step)
    if hasattr(first, "indicator_") and first.indicator_ is not None:
        return [*range(columns), *(int(place) for place in first.indicator_.features_)]
    if hasattr(last, "infrequent_categories_"):
        rare = last.infrequent_categories_
        levels = [
            len(known) - (len(few) - 1 if few is not None else 0)
            for known, few in zip(last.categories_, rare, strict=True)
        ]
        # An ordinal encoder gives one code a column, a one-hot encoder one for each level.
        one_hot = hasattr(last, "drop_idx_")
        return [place for place, n in enumerate(levels) for _ in range(n if one_hot else 1)]
    if hasattr(last, "output_indices_"):
        return [
            int(columns_of[0] if isinstance(columns_of, list) else columns_of)
            for name, _, columns_of in last.transformers_
            for _ in range(last.output_indices_[name].stop - last.output_indices_[name].start)
        ]
    return list(range(columns))


def boosted_curve_parts(features: Sequence[str], estimator: Any, inputs: Any) -> "np.ndarray":
    """What each of ``features`` adds to the log-odds by an explainable boosting machine, (n, k).

    ``inputs`` is the frame, columns in the order of ``features``. Half of what a pair of features
    adds goes to either. A row sums to the decision function less the intercept.
    """
    import numpy as np

    terms = np.asarray(estimator.eval_terms(inputs), dtype="float64")
    parts = np.zeros((len(terms), len(features)), order="F")
    for term, members in enumerate(estimator.term_features_):
        for member in members:
            parts[:, member] += terms[:, term] / len(members)
    return parts

"""The control: a model of shuffled labels must know nothing.

The labels are shuffled over all rows, so that nothing ties them to the features; a small boosted
model is fitted on the rows that were fitted on and measured on the rows measured on, against
*their* shuffled labels. Away from chance means that rows measured on are among the rows fitted on:
the validation cannot be believed, whatever it says. (The permutation test of Ojala and Garriga
2010, "Permutation tests for studying classifier performance", as a control of the set-up.)

With time, the rows are those the training says it took. Of a snapshot they are the folds of
:func:`assets.training.validation.plan`, which are the training's own: they depend on nothing but
the rows and the spec. Each shuffle takes the next fold.

Several classes become the commonest against the rest, a number becomes above its median or not:
the control is of the rows, not of the task.
"""

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.training.gates.baseline import before_split

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

SHUFFLES = 5
ROWS = 5000
"""Rows fitted on and rows measured on in one shuffle, at most each (seeded sample)."""

PER_SIDE = 10
Z = 2.58
"""Two-sided 99 %: noise alone fires once in a hundred trainings, however few the rows."""


@dataclass(frozen=True)
class Control:
    """Mean AUC of the shuffles and how far from 0.5 chance alone takes it."""

    auc: float
    noise: float  # Z standard errors
    fitted_rows: int  # the mean over folds
    measured_rows: int
    shared_rows: int  # both fitted on and measured on, in one fold


def shuffled_control(
    spec: "UseCaseSpec", trained: "TrainedModel", training_set: pa.Table
) -> Control | None:
    """Fit on shuffled labels and measure; None where too few rows are on either side."""
    import numpy as np

    from assets.training.frame import feature_frame
    from assets.training.threads import threads_for

    random = np.random.default_rng(spec.model.seed)
    table, parts = _parts(spec, trained, training_set)
    target = _two_sided(trained, table)
    numbers = _numbers(spec, feature_frame(spec, table))
    areas: list[float] = []
    errors: list[float] = []
    with threads_for(table.num_rows):
        for turn in range(SHUFFLES):
            fitted, measured = (_some(part, random) for part in parts[turn % len(parts)])
            shuffled = random.permutation(target)
            inside = int(shuffled[measured].sum())
            outside = len(measured) - inside
            learnt = int(shuffled[fitted].sum())
            if min(inside, outside, learnt, len(fitted) - learnt) < PER_SIDE:
                return None
            areas.append(_area(spec, numbers, shuffled, fitted, measured))
            # Variance of the Mann-Whitney statistic when nothing is known (1947).
            errors.append((inside + outside + 1) / (12 * inside * outside))
    return Control(
        auc=float(np.mean(areas)),
        noise=Z * sqrt(sum(errors)) / SHUFFLES,
        fitted_rows=round(float(np.mean([len(fitted) for fitted, _ in parts]))),
        measured_rows=sum(len(measured) for _, measured in parts),
        shared_rows=sum(len(np.intersect1d(*part)) for part in parts),
    )


def _area(
    spec: "UseCaseSpec",
    numbers: "np.ndarray",
    shuffled: "np.ndarray",
    fitted: "np.ndarray",
    measured: "np.ndarray",
) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier

    from assets.training.gates.discrimination import auc

    model = HistGradientBoostingClassifier(
        max_iter=30, max_leaf_nodes=15, early_stopping=False, random_state=spec.model.seed
    ).fit(numbers[fitted], shuffled[fitted])
    return auc(shuffled[measured] == 1, model.predict_proba(numbers[measured])[:, 1])


def _parts(
    spec: "UseCaseSpec", trained: "TrainedModel", training_set: pa.Table
) -> "tuple[pa.Table, list[tuple[np.ndarray, np.ndarray]]]":
    """The rows, and the positions fitted on and measured on among them, fold by fold."""
    import numpy as np

    from assets.training.rows import training_rows
    from assets.training.validation import plan

    if trained.split_at is None:
        rows = training_rows(spec, training_set, trained.classes)
        return rows.table, [(fold.fitted, fold.measured) for fold in plan(spec, rows).folds]
    keys = training_set.column(spec.population.key).combine_chunks()
    found = pc.index_in(trained.evaluation.column(spec.population.key), keys)
    measured = np.asarray(found.drop_null().to_numpy(), dtype="int64")
    fitted = pc.indices_nonzero(before_split(spec, trained, training_set)).to_numpy()
    return training_set, [(fitted.astype("int64"), measured)]


def _some(places: "np.ndarray", random: "np.random.Generator") -> "np.ndarray":
    import numpy as np

    if len(places) <= ROWS:
        return places
    return np.sort(random.choice(places, ROWS, replace=False))


def _two_sided(trained: "TrainedModel", training_set: pa.Table) -> "np.ndarray":
    import numpy as np

    label = training_set.column(LABEL)
    if trained.task == "regression":
        values = label.to_numpy()
        return np.asarray(values > np.median(values), dtype="int64")
    if trained.task == "binary":
        return np.asarray(label.to_numpy(), dtype="int64")
    commonest = pc.mode(label.dictionary_encode().combine_chunks().indices)[0]["mode"].as_py()
    indices = label.dictionary_encode().combine_chunks().indices.to_numpy()
    return np.asarray(indices == commonest, dtype="int64")


def _numbers(spec: "UseCaseSpec", frame: "pd.DataFrame") -> "np.ndarray":
    """Features as numbers: categories by their code, which is all that memory needs."""
    import numpy as np
    import pandas as pd

    columns = [
        frame[name].to_numpy()
        if name in spec.numeric_features
        else np.where(frame[name].isna(), np.nan, pd.factorize(frame[name])[0].astype("float64"))
        for name in frame.columns
    ]
    return np.column_stack(columns)

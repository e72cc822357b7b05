"""The control: a model of shuffled labels must know nothing.

The labels are shuffled over all rows by case key, so that nothing ties them to the features; a
small boosted model is fitted on the rows that may be fitted on and measured on the evaluation rows
against *their* shuffled labels. Away from chance means that rows measured on are among the rows
fitted on: the validation cannot be believed, whatever it says. (The permutation test of Ojala and
Garriga 2010, "Permutation tests for studying classifier performance", as a control of the set-up.)

Several classes become the commonest against the rest, a number becomes above its median or not:
the control is of the rows, not of the task.
"""

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

SHUFFLES = 5
ROWS = 5000
"""Rows fitted on and rows measured on, at most each (seeded sample)."""

PER_SIDE = 10
Z = 2.58
"""Two-sided 99 %: noise alone fires once in a hundred trainings, however few the rows."""


@dataclass(frozen=True)
class Control:
    """Mean AUC of the shuffles and how far from 0.5 chance alone takes it."""

    auc: float
    noise: float  # Z standard errors
    fitted_rows: int
    measured_rows: int
    shared_rows: int  # cases both fitted on and measured on


def shuffled_control(
    spec: "UseCaseSpec", trained: "TrainedModel", training_set: pa.Table
) -> Control | None:
    """Fit on shuffled labels and measure; None where too few rows are on either side."""
    import numpy as np

    from assets.training.frame import feature_frame
    from assets.training.threads import threads_for

    key = spec.population.key
    keys = training_set.column(key).combine_chunks()
    target = _two_sided(trained, training_set)
    random = np.random.default_rng(spec.model.seed)
    fitted, measured = _parts(spec, trained, training_set, random)
    shared = len(np.intersect1d(fitted, measured))
    numbers = _numbers(spec, feature_frame(spec, training_set))
    areas: list[float] = []
    errors: list[float] = []
    with threads_for(len(keys)):
        for _ in range(SHUFFLES):
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
        fitted_rows=len(fitted),
        measured_rows=len(measured),
        shared_rows=shared,
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
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    training_set: pa.Table,
    random: "np.random.Generator",
) -> "tuple[np.ndarray, np.ndarray]":
    """Positions fitted on and measured on, as the training says it did.

    With time: rows before the split by the embargo, and the evaluation rows. Of a snapshot every
    row is measured on once, by a fold that did not see it: two seeded halves stand in for them.
    """
    import numpy as np

    keys = training_set.column(spec.population.key).combine_chunks()
    measured = pc.index_in(trained.evaluation.column(spec.population.key), keys)
    places = np.asarray(measured.drop_null().to_numpy(), dtype="int64")
    if trained.split_at is None:
        places = random.permutation(places)
        half = len(places) // 2
        return np.sort(places[:half][:ROWS]), np.sort(places[half:][:ROWS])
    times = training_set.column(spec.population.event_timestamp)
    until = pa.scalar(trained.split_at - trained.embargo, times.type)
    before = pc.fill_null(pc.less_equal(times, until), False).to_numpy(zero_copy_only=False)
    # The rows fitted on are strictly before the split, even without an embargo.
    before &= pc.less(times, pa.scalar(trained.split_at, times.type)).to_numpy(zero_copy_only=False)
    fitted = np.flatnonzero(before)
    return _some(fitted, random), _some(places, random)


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

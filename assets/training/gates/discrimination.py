"""How well one feature alone tells the outcome.

A class is told against the rest by the area under the ROC curve, a number by the larger of
Spearman's rank correlation (absolute) and the R2 of rates learnt from the feature. Three looks at
a feature, the best of which counts:

- its *rank*, either way round (numbers; rows with a value);
- whether it is *missing*, either way round;
- its *values*: the target rate of each value (numbers of many values in 20 bins of equal count),
  learnt on four seeded folds and told of the fifth. A row never tells of itself, so a value that
  occurs once tells nothing: keys and free text are no leak by being unique.
"""

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from assets.model_spec import Task
from assets.training.evidence import Interval
from assets.training.gates.shares import auc_interval, correlation_interval

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

FOLDS = 5
BINS = 20
FEW_VALUES = 50
"""A number of no more distinct values is looked at value by value."""

CONFIDENCE = 0.95

PER_SIDE = 10
"""Fewest rows inside and outside a class: fewer separate by chance."""


@dataclass(frozen=True)
class Discrimination:
    """The best a feature can do alone."""

    feature: str
    value: float  # 0.5 (chance) to 1 for classes; 0 to 1 for a number
    look: str  # rank | missing | values
    of: str  # the class told from the rest; empty for a binary label or a number
    rows: int  # looked at: of a rank those with a value
    low: float  # of the 95 % interval
    high: float


def discriminations(
    task: Task,
    frame: "pd.DataFrame",
    labels: "np.ndarray",
    classes: tuple[str, ...],
    seed: int,
) -> list[Discrimination]:
    """Every feature of the frame, the best first.

    ``labels`` are 0/1, class numbers (places in ``classes``) or values, without a missing one.
    """
    import numpy as np

    if task == "regression":
        targets = {"": labels}
    elif task == "binary":
        targets = {"": labels.astype("float64")}
    else:
        targets = {name: (labels == k).astype("float64") for k, name in enumerate(classes)}
    # Folds of equal shares of the label, so that no fold's prior gives its own rows away.
    random = np.random.default_rng(seed)
    order = np.lexsort((random.random(len(labels)), labels))
    folds = np.empty(len(labels), dtype="int64")
    folds[order] = np.arange(len(labels)) % FOLDS
    found = []
    for name in frame.columns:
        looks = [
            Discrimination(str(name), one.value, look, of, rows, one.low, one.high)
            for of, target in targets.items()
            for look, rows, one in _looks(frame[name], target, folds, task == "regression")
        ]
        chance = 0.0 if task == "regression" else 0.5
        nothing = Discrimination(str(name), chance, "values", "", len(labels), chance, chance)
        found.append(max([nothing, *looks], key=lambda one: one.value))
    return sorted(found, key=lambda one: (-one.value, one.feature))


def auc(positive: "np.ndarray", values: "np.ndarray") -> float:
    """Chance that a row inside has a larger value than one outside; a tie is half a win.

    The Mann-Whitney statistic over the number of pairs (Hanley and McNeil 1982). NaN with fewer
    than ``PER_SIDE`` rows on either side.
    """
    from scipy.stats import rankdata

    inside = int(positive.sum())
    outside = len(positive) - inside
    if min(inside, outside) < PER_SIDE:
        return float("nan")
    ranks = rankdata(values)
    return float((ranks[positive].sum() - inside * (inside + 1) / 2) / (inside * outside))


def _looks(
    column: "pd.Series", target: "np.ndarray", folds: "np.ndarray", number: bool
) -> list[tuple[str, int, Interval]]:
    import numpy as np

    missing = column.isna().to_numpy()
    numeric = column.dtype.kind == "f"
    found = []  # the plainest look first: of equals the first is named
    if missing.any() and not missing.all():
        found.append(("missing", _either_way(target, missing.astype("float64"), number), target))
    if numeric and not missing.all():
        there = ~missing
        values = column.to_numpy()[there]
        found.append(("rank", _either_way(target[there], values, number), target[there]))
    rates = _rates(_codes(column, missing), target, folds)
    found.append(("values", _told(target, rates, number), target))
    return [
        (look, len(of), _interval(value, of, look, number))
        for look, value, of in found
        if np.isfinite(value)
    ]


def _interval(value: float, target: "np.ndarray", look: str, number: bool) -> Interval:
    if not number:
        inside = int(target.sum())
        return auc_interval(value, inside, len(target) - inside, CONFIDENCE)
    if look != "values" or value <= 0:
        return correlation_interval(value, len(target), CONFIDENCE)
    # R2 is the square of a correlation: that of the rates with the number.
    root = correlation_interval(sqrt(value), len(target), CONFIDENCE)
    return Interval(value, root.low**2, root.high**2, CONFIDENCE)


def _either_way(target: "np.ndarray", values: "np.ndarray", number: bool) -> float:
    import numpy as np
    from scipy.stats import spearmanr

    if not number:
        area = auc(target == 1, values)
        return max(area, 1 - area)
    if len(values) < PER_SIDE or np.ptp(values) == 0 or np.ptp(target) == 0:
        return float("nan")
    return abs(float(spearmanr(values, target).statistic))


def _told(target: "np.ndarray", rates: "np.ndarray", number: bool) -> float:
    """How well rates learnt on other rows tell the target: AUC one way, or R2."""
    if not number:
        return auc(target == 1, rates)
    spread = float(((target - target.mean()) ** 2).sum())
    return 1 - float(((target - rates) ** 2).sum()) / spread if spread > 0 else float("nan")


def _codes(column: "pd.Series", missing: "np.ndarray") -> "np.ndarray":
    """A number per value, or per bin of equal count; missing is one more."""
    import numpy as np
    import pandas as pd

    if column.dtype.kind != "f":
        return np.asarray(pd.factorize(column, use_na_sentinel=False)[0])
    values = column.to_numpy()
    known = values[~missing]
    distinct = np.unique(known)
    if len(distinct) > FEW_VALUES:
        distinct = np.unique(np.quantile(known, np.arange(1, BINS) / BINS))
    return np.where(missing, len(distinct) + 1, np.searchsorted(distinct, values, side="right"))


def _rates(codes: "np.ndarray", target: "np.ndarray", folds: "np.ndarray") -> "np.ndarray":
    """Mean target of each row's value among the rows of the other folds; their overall mean
    where they have no row of that value."""
    import numpy as np

    kinds = int(codes.max()) + 1
    place = codes * FOLDS + folds
    rows = np.bincount(place, minlength=kinds * FOLDS).reshape(kinds, FOLDS)
    sums = np.bincount(place, target, minlength=kinds * FOLDS).reshape(kinds, FOLDS)
    others = rows.sum(axis=1, keepdims=True) - rows
    total = sums.sum(axis=1, keepdims=True) - sums
    prior = float(target.mean())
    # Where only few others share a value its rate is noise: one row of the prior is added.
    rates: np.ndarray = (total + prior) / (others + 1)
    own: np.ndarray = rates[codes, folds]
    return own

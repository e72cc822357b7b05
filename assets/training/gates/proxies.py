"""Features that are the label in other words: one-to-one with it on nearly all rows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.model_spec import Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

AGREEMENT = 0.995
"""Share of the rows of every outcome that the feature gives away: nearly all."""


@dataclass(frozen=True)
class Proxy:
    feature: str
    agreement: float  # smallest share of an outcome's rows that the feature gives away


def proxies(task: Task, frame: "pd.DataFrame", labels: "np.ndarray") -> list[Proxy]:
    """Features with as many values as there are outcomes, each standing for one of them.

    A missing value is a value. The smallest share over the outcomes counts, so a feature that is
    always the same does not pass for a rare label's twin. Of a number: a feature equal to it (or
    to it times and plus a constant) on nearly all rows.
    """
    found = []
    for name in frame.columns:
        agreement = (
            _line(frame[name], labels) if task == "regression" else _one_to_one(frame[name], labels)
        )
        if agreement >= AGREEMENT:
            found.append(Proxy(str(name), agreement))
    return found


def _one_to_one(column: "pd.Series", labels: "np.ndarray") -> float:
    import numpy as np
    import pandas as pd

    outcomes, rows = np.unique(labels, return_counts=True)
    codes, values = pd.factorize(column, use_na_sentinel=False)
    # A few stray values more than outcomes are still other words for it; hundreds are not.
    if len(values) < len(outcomes) or len(values) > 2 * len(outcomes) + 1:
        return 0.0
    table = np.zeros((len(values), len(outcomes)))
    np.add.at(table, (codes, np.searchsorted(outcomes, labels)), 1)
    stands_for = table.argmax(axis=1)
    given = np.zeros(len(outcomes))
    np.add.at(given, stands_for, table[np.arange(len(values)), stands_for])
    return float((given / rows).min())


def _line(column: "pd.Series", labels: "np.ndarray") -> float:
    """Share of rows on the line through two rows of the feature that are far apart."""
    import numpy as np

    if column.dtype.kind != "f":
        return 0.0
    values = column.to_numpy()
    known = np.isfinite(values)
    if known.sum() < 3 or np.ptp(values[known]) == 0 or np.ptp(labels[known]) == 0:
        return 0.0
    # Medians of the lower and upper third: a stray row does not turn the line.
    order = np.argsort(values[known], kind="stable")
    low, high = order[len(order) // 6], order[-1 - len(order) // 6]
    x, y = values[known], labels[known]
    if x[low] == x[high]:
        return 0.0
    slope = (y[high] - y[low]) / (x[high] - x[low])
    near = np.abs(y - (y[low] + slope * (x - x[low]))) <= 1e-6 * np.ptp(y)
    return float(near.sum() / len(values)) if slope else 0.0

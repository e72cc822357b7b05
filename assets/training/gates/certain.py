"""Values that give the outcome away: where a feature has one, what happened is all but certain.

A flag set in a third of the rare outcomes and in no other case has an AUC of 0.67 and escapes every
look at the feature as a whole; several of them together give the outcome away and still need not be
too good to be true. Set, though, each is certain, and what is certain of a rare outcome before it
happens was written down after it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.training.gates.shares import Share

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

CONFIDENCE = 0.95

FEW_VALUES = 50
"""Numbers of more distinct values are measurements: an extreme one may well be telling."""


@dataclass(frozen=True)
class CertainValue:
    """The most telling value of a feature. Which value it is stays out of messages and records."""

    feature: str
    rows: int  # that have it
    rate: float  # share of them with the rarer outcome
    low: float  # lower end of the rate's interval (Wilson, 95 %)


def certain_values(frame: "pd.DataFrame", labels: "np.ndarray", limit: float) -> list[CertainValue]:
    """Features of which one value (or being missing) makes the rarer outcome all but certain.

    ``labels`` are 0/1. A value counts when the lower end of the interval of its rate is above
    ``limit``: with a limit of 0.95 and no exception that takes 73 rows. Only the rarer outcome
    is asked about, for the commoner is nearly certain of many an honest value.
    """
    import numpy as np
    import pandas as pd

    rarer = (labels == 1) if labels.mean() <= 0.5 else (labels == 0)
    found = []
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind == "f" and column.nunique() > FEW_VALUES:
            codes = column.isna().to_numpy().astype("int64")
        else:
            codes = pd.factorize(column, use_na_sentinel=False)[0]
        rows = np.bincount(codes)
        hits = np.bincount(codes, rarer).astype("int64")
        # Few can pass, and those are the ones worth an interval each.
        worth = np.flatnonzero(hits > limit * rows)
        shares = [Share(int(hits[i]), int(rows[i])) for i in worth]
        values = [
            CertainValue(str(name), s.rows, s.value, s.interval(CONFIDENCE).low) for s in shares
        ]
        best = max(values, key=lambda one: one.low, default=None)
        if best is not None and best.low > limit:
            found.append(best)
    return found

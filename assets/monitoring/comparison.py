"""Which columns are compared with the reference, how, and from which distance on they count.

Each column is compared in one of three ways:

- ``numeric``: normed Wasserstein distance of its values;
- ``categorical``: Jensen-Shannon distance of its categories;
- ``presence``: Jensen-Shannon distance of value against no value. Chosen when one side has no
  values at all, or when the share of nulls itself has moved: an outage is drift, and no distance
  between the values that are left would show it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from assets.monitoring.chance import jensen_shannon, jensen_shannon_floor, wasserstein_floor
from assets.spec import UseCaseSpec

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

SCORE = "score"
PRESENT, ABSENT = "value", "no value"

Kind = Literal["numeric", "categorical", "presence"]
METHOD: dict[Kind, str] = {
    "numeric": "wasserstein",
    "categorical": "jensenshannon",
    "presence": "jensenshannon",
}


@dataclass(frozen=True)
class Comparison:
    """How one column is compared."""

    column: str
    kind: Kind
    threshold: float  # the declared one, or the chance floor where that is higher
    note: str  # what a reader must know about it; empty in the ordinary case


def compared_columns(spec: UseCaseSpec, current: pa.Table, reference: pa.Table) -> list[str]:
    """Features that can be compared, plus the score where both sides have it.

    Left out: keys, entities and anything personal (also pseudonyms: they are no distribution);
    timestamps; columns the reference does not have.
    """
    names = [*spec.numeric_features, *spec.categorical_features]
    wanted = [c for c in spec.feature_names if c in names and c not in _identifying(spec)]
    wanted = [c for c in wanted if c in reference.column_names]
    if SCORE in current.column_names and SCORE in reference.column_names and SCORE not in wanted:
        wanted.append(SCORE)
    return wanted


def _identifying(spec: UseCaseSpec) -> set[str]:
    population = spec.population
    names = {population.key, population.entity, *(v.entity for v in spec.features.views.values())}
    for source in spec.sources.values():
        names.update(name for name, column in source.columns.items() if column.pii is not None)
    return names


def to_frame(spec: UseCaseSpec, rows: pa.Table, columns: list[str]) -> "pd.DataFrame":
    """``columns`` as float64 or object; a column that is not there is all null."""
    import numpy as np
    import pandas as pd

    text = set(spec.categorical_features)
    frame = {}
    for column in columns:
        kind = pa.string() if column in text else pa.float64()
        if column not in rows.column_names:
            values = pa.nulls(rows.num_rows, kind)
        else:
            values = rows.column(column).combine_chunks()
            if pa.types.is_boolean(values.type):
                values = values.cast(pa.int8())
            values = values.cast(kind)
        series = values.to_pandas()
        frame[column] = series if column in text else series.replace([np.inf, -np.inf], np.nan)
    return pd.DataFrame(frame)


def compare(
    spec: UseCaseSpec, current: "pd.DataFrame", reference: "pd.DataFrame"
) -> list[Comparison]:
    """How each column of the two frames is to be compared, in their order."""
    return [_compare(spec, c, current[c], reference[c]) for c in current.columns]


def _compare(
    spec: UseCaseSpec, column: str, current: "pd.Series[Any]", reference: "pd.Series[Any]"
) -> Comparison:
    import numpy as np

    declared, seed = spec.monitoring.drift.column_threshold, spec.model.seed
    now, then = _presence(current), _presence(reference)
    presence_threshold = max(declared, jensen_shannon_floor(then, len(current), seed))
    moved = float(jensen_shannon(now / now.sum(), then / then.sum())) >= presence_threshold
    if moved or not now[0] or not then[0]:
        note = f"no value in {now[1] / now.sum():.1%} of rows, {then[1] / then.sum():.1%} before"
        return Comparison(column, "presence", presence_threshold, note)
    values, before = current.dropna(), reference.dropna()
    if column in set(spec.categorical_features):
        counts = np.array(before.value_counts().sort_index(), dtype=np.float64)
        floor = jensen_shannon_floor(counts, len(values), seed)
        kind: Kind = "categorical"
    else:
        floor = wasserstein_floor(before.to_numpy(), len(values), seed)
        kind = "numeric"
    notes = []
    if before.nunique() == 1:
        notes.append("constant in the reference")
    if values.nunique() == 1:
        notes.append("constant now")
    if floor > declared:
        notes.append(f"threshold raised from {declared:g}: few rows")
    return Comparison(column, kind, max(declared, floor), "; ".join(notes))


def as_compared(frame: "pd.DataFrame", comparisons: list[Comparison]) -> "pd.DataFrame":
    """The frame with every ``presence`` column replaced by whether there is a value."""
    import numpy as np

    shown = frame.copy()
    for one in comparisons:
        if one.kind == "presence":
            shown[one.column] = np.where(frame[one.column].notna(), PRESENT, ABSENT)
    return shown


def _presence(values: "pd.Series[Any]") -> "NDArray[np.float64]":
    """Rows with and without a value."""
    import numpy as np

    present = float(values.notna().sum())
    return np.array([present, len(values) - present])

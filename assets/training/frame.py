"""Model inputs: the one place where lake columns become what an estimator sees.

Training and scoring both come through here, so a value means the same on either side.
"""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from assets.spec import UseCaseSpec


class FeatureError(NightshiftError):
    """A feature that is not in the table, or of a type no model takes. Says which and why."""


def require_usable_features(spec: "UseCaseSpec") -> None:
    """Raise FeatureError when the spec names no feature, or one of a type no model takes."""
    if not spec.feature_names:
        raise FeatureError(
            f"use case '{spec.name}' names no feature: list columns under features.request or "
            "features.views in its defs.yaml"
        )
    usable = {*spec.numeric_features, *spec.categorical_features}
    for name in spec.feature_names:
        if name not in usable:
            raise FeatureError(
                f"feature '{name}' of use case '{spec.name}' is a {spec.feature_type(name)}: a "
                "model takes int, float, bool and string columns. Declare a duration or a part "
                "of it as a number instead, or take it out of features"
            )


def feature_frame(spec: "UseCaseSpec", table: pa.Table) -> "pd.DataFrame":
    """The features of ``table`` as a frame: columns ``spec.feature_names`` in that order.

    int, float and bool features become float64; a null, and an infinite value (no measurement can
    be infinite, and one such cell must not stop a night), becomes NaN. String features become
    object columns of str with NaN for null. Row order is kept; other columns are left out.

    Raises FeatureError when the spec names no usable feature or the table lacks one.
    """
    import pandas as pd

    require_usable_features(spec)
    missing = [name for name in spec.feature_names if name not in table.column_names]
    if missing:
        raise FeatureError(
            f"use case '{spec.name}': the table has no column {missing}, but the spec names them "
            "as features. Rebuild the table with the current spec"
        )
    # All numbers in one block, and each category as one Python object however often it occurs:
    # building the frame is a part of every night's scoring.
    numbers = {name: _numbers(table.column(name)) for name in spec.numeric_features}
    frame = pa.table(numbers).to_pandas() if numbers else pd.DataFrame(index=range(table.num_rows))
    for place, name in enumerate(spec.feature_names):
        if name not in frame.columns:
            frame.insert(place, name, pd.Series(_texts(table.column(name)), dtype="object"))
    return frame


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column as float64, null for what is infinite."""
    numbers = pc.cast(column, pa.float64(), safe=False)
    infinite = pc.is_inf(numbers)
    if pc.any(infinite).as_py():
        numbers = pc.if_else(infinite, pa.scalar(None, pa.float64()), numbers)
    return numbers


def _texts(column: pa.ChunkedArray) -> "np.ndarray":
    """The column as str objects, NaN for null.

    scikit-learn's encoders know NaN as missing in an object column; None is a category to them.
    """
    import numpy as np

    texts = np.asarray(pc.cast(column, pa.string()).to_pandas(deduplicate_objects=True))
    if column.null_count:
        texts = texts if texts.flags.writeable else texts.copy()
        texts[column.is_null().to_numpy()] = np.nan
    return texts

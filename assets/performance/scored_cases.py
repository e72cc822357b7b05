"""Matured cases with a version's scores, as the metrics take them."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.performance.figures import Scored

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import UseCaseSpec


def scored_cases(spec: "UseCaseSpec", cases: pa.Table) -> tuple[pa.Table, Scored]:
    """The cases (``label``, ``score``, ``prediction``) with an outcome and a finite score, and what
    the metrics ask of them, in the same order.

    The classes of several are all that happened or were predicted, sorted.
    """
    cases = cases.filter(usable(spec, cases))
    label = cases.column(LABEL)
    if spec.model.task != "multiclass":
        kind = "int64" if spec.model.task == "binary" else "float64"
        scores = _numbers(cases.column("score"))
        return cases, Scored(spec.model.task, _numbers(label).astype(kind), scores)
    said = (label, cases.column("prediction"))
    classes = tuple(sorted({str(name) for one in said for name in pc.unique(one).to_pylist()}))
    labels, scores = (
        _numbers(pc.index_in(one, pa.array(classes, pa.string()))).astype("int64") for one in said
    )
    return cases, Scored(spec.model.task, labels, scores, classes)


def usable(spec: "UseCaseSpec", cases: pa.Table) -> pa.ChunkedArray:
    """Of each case (bool): is there an outcome, a finite score, and of several classes one?"""
    known = pc.and_(pc.is_valid(cases.column(LABEL)), pc.is_finite(cases.column("score")))
    if spec.model.task == "multiclass":
        known = pc.and_(known, pc.is_valid(cases.column("prediction")))
    return pc.fill_null(known, False)


def _numbers(column: pa.ChunkedArray) -> "np.ndarray":
    numbers: np.ndarray = column.to_numpy()
    return numbers

"""Enough to learn from: without it no model is made, and the refusal says what to do.

Every refusal carries its ``figures`` and the ``threshold`` they missed, so that it can be put on
record like the finding of any gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.features.columns import LABEL

if TYPE_CHECKING:
    import pandas as pd

    from assets.spec import UseCaseSpec

EARLIER_PER_CLASS = 10
"""Fewest rows of any class to fit on; fewer cannot tell a class from its noise."""

LATER_PER_CLASS = 2
"""Fewest rows of any class to measure on: with none there is no curve."""

EARLIER_ROWS, LATER_ROWS = 20, 10
"""The same for a regression, where rows take the place of rows of a class."""


class TrainingRefused(NightshiftError):
    """There is not enough evidence to train. The message gives the figures and what to do."""

    def __init__(
        self,
        message: str,
        *,
        figures: Mapping[str, Any] | None = None,
        threshold: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.figures: dict[str, Any] = dict(figures or {})
        self.threshold: dict[str, Any] = dict(threshold or {})


@dataclass(frozen=True)
class Evidence:
    """What the training set holds."""

    rows: int
    positives: int  # of label 1 if binary, else of the rarest class, or the rows if regression
    classes: tuple[str, ...]  # of a multiclass label, sorted; ("0", "1") if binary; else empty


def require_enough(spec: "UseCaseSpec", training_set: pa.Table) -> Evidence:
    """Count the training set, or raise TrainingRefused.

    ``training_set`` has the event time and ``label``: integer 0 or 1 (binary), string
    (multiclass), or finite double (regression); neither has a null. Refused beside those: fewer
    rows than ``model.min_rows``, a label that is the same in every row, fewer rows of the rarest
    class (positives, as a rule) than ``model.min_positives``.
    """
    when = spec.population.event_timestamp
    for column in (LABEL, when, spec.population.key):
        if column not in training_set.column_names:
            raise TrainingRefused(f"{spec.name}: the training set has no column '{column}'")
    if training_set.column(when).null_count:
        raise TrainingRefused(
            f"{spec.name}: {training_set.column(when).null_count} rows of the training set have no "
            f"'{when}'. Check the population mart, and rebuild the training set"
        )
    label = training_set.column(LABEL)
    _require_labels(spec, label)
    rows = training_set.num_rows
    found: dict[str, int] = {}
    if spec.model.task == "multiclass":
        found = {str(c["values"]): c["counts"] for c in pc.value_counts(label).to_pylist()}
    binary = spec.model.task == "binary"
    if binary:
        positives = pc.sum(pc.equal(label, pa.scalar(1, label.type))).as_py() or 0
        found = {"0": rows - positives, "1": positives}
    counts = dict(sorted(found.items()))
    wait = (
        f"Outcomes mature {spec.label.matures_after} after the event: train with a later as-of "
        "time, land more history, or lower the limit in the spec if so few are enough for you"
    )
    figures: dict[str, Any] = {"rows": rows, **({"classes": counts} if counts else {})}
    if rows < spec.model.min_rows:
        raise TrainingRefused(
            f"{spec.name}: {rows} rows with a matured label, model.min_rows asks for "
            f"{spec.model.min_rows}. {wait}",
            figures=figures,
            threshold={"min_rows": spec.model.min_rows},
        )
    if spec.model.task == "regression":
        span = pc.min_max(label).as_py()
        if span["min"] == span["max"]:
            raise TrainingRefused(
                f"{spec.name}: all {rows} matured labels are the same number, there is nothing to "
                f"learn. Check label.column ({spec.label.column!r}) against the source",
                figures=figures,
            )
        return Evidence(rows, rows, ())
    if len(counts) < 2 or max(counts.values()) == rows:
        only = max(counts, key=lambda name: counts[name], default="")
        what = {"1": "positive", "0": "negative"}[only] if binary else f"'{only}'"
        raise TrainingRefused(
            f"{spec.name}: all {rows} matured labels are {what}, there is nothing to tell apart. "
            f"Check label.column ({spec.label.column!r}) and label.positive "
            f"({spec.label.positive!r}) against the source",
            figures=figures,
        )
    rarest = min(counts, key=lambda name: counts[name])
    fewest = counts[rarest]
    if fewest < spec.model.min_positives:
        what = f"rows of class '{rarest}'"
        if binary:
            what = "positives" if rarest == "1" else "negatives"
        raise TrainingRefused(
            f"{spec.name}: {fewest} {what} among {rows} rows with a matured label, "
            f"model.min_positives asks for {spec.model.min_positives}. {wait}",
            figures=figures,
            threshold={"min_positives": spec.model.min_positives},
        )
    return Evidence(rows, counts["1"] if binary else fewest, tuple(counts))


def _require_labels(spec: "UseCaseSpec", label: pa.ChunkedArray) -> None:
    """Raise TrainingRefused unless every label is of the task's type, and none is missing."""
    task, kind = spec.model.task, label.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    fits = pa.types.is_string(kind) if task == "multiclass" else numeric
    if not fits and len(label):
        raise TrainingRefused(
            f"{spec.name}: the label column is {kind}, a {task} task takes "
            f"{'text' if task == 'multiclass' else 'numbers'}. Check model.task, and rebuild the "
            "labels"
        )
    if task == "binary":
        good = pc.is_in(label, pa.array([0, 1], kind))
        meant = "neither 0 nor 1. Check label.column and label.positive"
    elif task == "multiclass":
        good = pc.is_valid(label)
        meant = "missing. Check label.column"
    else:
        good = pc.is_finite(label)
        meant = "missing or no finite number. Check label.column"
    strange = pc.fill_null(pc.invert(good), True)
    if pc.any(strange).as_py():
        raise TrainingRefused(
            f"{spec.name}: {pc.sum(strange).as_py()} rows of the training set have a label that is "
            f"{meant}, and rebuild the labels",
            figures={"strange_labels": pc.sum(strange).as_py()},
        )


def enough(counts: Mapping[str, int], fewest: int) -> bool:
    """Whether every class has at least ``fewest`` rows."""
    return min(counts.values()) >= fewest


def told(counts: Mapping[str, int], task: str) -> str:
    """Counts in words, like "7 positives and 93 negatives" or "5 of 'a' and 8 of 'b'"."""
    if task == "regression":
        return f"{sum(counts.values())} rows"
    if task == "binary":
        return f"{counts['1']} positives and {counts['0']} negatives"
    return " and ".join(f"{count} of '{name}'" for name, count in counts.items())


def require_values(spec: "UseCaseSpec", earlier: "pd.DataFrame") -> None:
    """Raise TrainingRefused when a feature has no value at all in the rows fitted on.

    ``earlier`` is their feature frame. Such a feature is a broken join or a source that never
    came: a model that learnt to ignore it would go on ignoring it once the values are back.
    """
    empty = [str(name) for name in earlier.columns if bool(earlier[name].isna().all())]
    if empty:
        raise TrainingRefused(
            f"{spec.name}: {empty} have no value in any of the {len(earlier)} rows before the "
            "split. Check the sources of these features and their ttl, or take them out of "
            "features",
            figures={"empty_features": empty, "rows": len(earlier)},
        )

"""Gates of training: without enough evidence no model is made, and the refusal says what to do."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.features.columns import LABEL

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from assets.spec import UseCaseSpec

EARLIER_PER_CLASS = 10
"""Fewest rows of either class before the split: early stopping needs both in its own part."""

HOLDOUT_PER_CLASS = 2
"""Fewest rows of either class after the split: with none there is no curve to measure."""


class TrainingRefused(NightshiftError):
    """There is not enough evidence to train. The message gives the figures and what to do."""


@dataclass(frozen=True)
class Evidence:
    """What the training set holds."""

    rows: int
    positives: int


def require_enough(spec: "UseCaseSpec", training_set: pa.Table) -> Evidence:
    """Count the training set, or raise TrainingRefused.

    ``training_set`` has ``label`` (integer 0 or 1, no null) and the event time. Refused: a label
    that is null or something else, fewer rows than ``model.min_rows``, fewer positives than
    ``model.min_positives``, or no negative at all.
    """
    for column in (LABEL, spec.population.event_timestamp):
        if column not in training_set.column_names:
            raise TrainingRefused(f"{spec.name}: the training set has no column '{column}'")
    label = training_set.column(LABEL)
    strange = pc.fill_null(pc.invert(pc.is_in(label, pa.array([0, 1], label.type))), True)
    if pc.any(strange).as_py():
        raise TrainingRefused(
            f"{spec.name}: {pc.sum(strange).as_py()} rows of the training set have a label that is "
            "neither 0 nor 1. Check label.column and label.positive, and rebuild the labels"
        )
    found = Evidence(rows=training_set.num_rows, positives=int(pc.sum(label).as_py() or 0))
    wait = (
        f"Outcomes mature {spec.label.matures_after} after the event: train with a later as-of "
        "time, land more history, or lower the limit in the spec if so few are enough for you"
    )
    if found.rows < spec.model.min_rows:
        raise TrainingRefused(
            f"{spec.name}: {found.rows} rows with a matured label, model.min_rows asks for "
            f"{spec.model.min_rows}. {wait}"
        )
    if found.positives < spec.model.min_positives:
        raise TrainingRefused(
            f"{spec.name}: {found.positives} positives among {found.rows} rows with a matured "
            f"label, model.min_positives asks for {spec.model.min_positives}. {wait}"
        )
    if found.positives == found.rows:
        raise TrainingRefused(
            f"{spec.name}: all {found.rows} matured labels are positive, there is nothing to tell "
            f"apart. Check label.positive ({spec.label.positive!r}) against the source"
        )
    return found


def require_both_classes(spec: "UseCaseSpec", earlier: "np.ndarray", holdout: "np.ndarray") -> None:
    """Raise TrainingRefused unless both sides of the time split hold enough of both classes.

    ``earlier`` and ``holdout`` are the labels (0/1) before and after the split.
    """
    for part, labels, fewest in (
        ("before the split", earlier, EARLIER_PER_CLASS),
        ("in the holdout", holdout, HOLDOUT_PER_CLASS),
    ):
        positives = int(labels.sum())
        negatives = len(labels) - positives
        if min(positives, negatives) < fewest:
            raise TrainingRefused(
                f"{spec.name}: {positives} positives and {negatives} negatives {part}, at least "
                f"{fewest} of each are needed. model.holdout ({spec.model.holdout}) cuts off the "
                "latest share of the time span: change it, or land more history"
            )


def require_values(spec: "UseCaseSpec", earlier: "pd.DataFrame") -> None:
    """Raise TrainingRefused when a feature has no value at all in the rows before the split.

    ``earlier`` is their feature frame. Such a feature is a broken join or a source that never
    came: a model that learnt to ignore it would go on ignoring it once the values are back.
    """
    empty = [str(name) for name in earlier.columns if bool(earlier[name].isna().all())]
    if empty:
        raise TrainingRefused(
            f"{spec.name}: {empty} have no value in any of the {len(earlier)} rows before the "
            "split. Check the sources of these features and their ttl, or take them out of features"
        )

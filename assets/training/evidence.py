"""What a training leaves behind: the model, and the evidence the gates and the card speak of."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.model_spec import Task

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval."""

    value: float
    low: float
    high: float
    confidence: float = 0.95


@dataclass(frozen=True)
class Candidate:
    """One estimator, measured on rows it was not fitted on."""

    name: str
    parameters: dict[str, Any]  # of the estimator, as chosen by the search
    metrics: dict[str, float]
    intervals: dict[str, Interval]  # of the metrics that have one (bootstrap, seeded)
    standard_error: float  # of the spec's metric
    scores: "np.ndarray"
    """Predictions on the evaluation rows, float64, in their order: probability of label 1
    (binary, shape n), one probability per class (multiclass, shape n x k), or the value
    (regression, shape n)."""
    calibration: str = "none"  # none | sigmoid | isotonic, as kept
    trials: int = 1  # settings tried
    iterations: int | None = None  # boosting rounds kept by early stopping


@dataclass(frozen=True)
class Importance:
    """How much the metric falls when a feature's values are shuffled among evaluation rows."""

    feature: str
    mean: float
    deviation: float


@dataclass(frozen=True)
class Distilled:
    """The cheap model of a cascade (binary only)."""

    pipeline: "Pipeline"  # fitted on what the final winner says of all rows
    scores: "np.ndarray"
    """Of the evaluation rows, in their order: probability of label 1, by a cheap model fitted on
    the rows the winner was fitted on when measured. With cross-validation NaN but for the rows of
    the first fold."""


@dataclass(frozen=True)
class TrainedModel:
    """A fitted pipeline and the evidence for it. Times are UTC event times."""

    task: Task
    classes: tuple[str, ...]  # of a multiclass label, sorted; ("0", "1") if binary; else empty
    winner: str
    why: str  # one sentence: why this candidate, with the figures
    pipeline: "Pipeline"  # the winner with the settings found, fitted on all rows
    candidates: dict[str, Candidate]  # in the order of the spec
    evaluation: pa.Table
    """Rows the candidates were measured on: the training set's columns, in the order of
    ``labels`` and of every candidate's scores. Held-out rows by rising time, or with
    cross-validation every row (scored by the fold that did not see it)."""
    labels: "np.ndarray"  # of the evaluation rows: 0/1, class number (int64), or value (float64)
    validation: str  # time | cross_validation
    split_at: datetime | None  # first instant of the held-out rows; None with cross-validation
    embargo: timedelta  # gap before it from which no row was fitted on
    embargoed_rows: int
    importance: list[Importance]  # of the winner, largest first
    importance_rows: int
    first: datetime  # earliest event
    last: datetime  # latest event
    rows: int
    positives: int  # of label 1 if binary, else of the rarest class, or the rows if regression
    fitted_rows: int  # rows the candidates were fitted on when measured (mean over folds)
    seconds: float  # spent; never part of a digest
    golden: pa.Table
    """case_key (string), the feature columns, then the scores of ``pipeline``: ``score``
    (float64) or for multiclass ``score_0``, ``score_1`` ... in the order of ``classes``;
    last, where there is a cheap model, its ``cheap_score``."""
    notes: list[str] = field(default_factory=list)  # what a reader must know, like a spent budget
    cheap: Distilled | None = None  # of a cascade, where the winner is dearer than it

    @property
    def metrics(self) -> dict[str, float]:
        """The winner's figures on the evaluation rows, before the final fit."""
        return self.candidates[self.winner].metrics

    @property
    def scores(self) -> "np.ndarray":
        """The winner's scores on the evaluation rows, before the final fit."""
        return self.candidates[self.winner].scores

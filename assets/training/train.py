"""Training: a split by time, every candidate measured on the later part, the better one kept.

What the figures mean. The candidates are fitted on the rows before the split and measured on the
rows after it; the better one is then fitted again on *all* matured rows, because the latest weeks
are the most like the nights to come. The reported metrics are those of the first fit: the final
model has seen the holdout, so nothing honest can be measured on it any more. The split is by event
time; that labels of the last rows before it were not yet mature at the split is not modelled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.training.candidates import build
from assets.training.frame import feature_frame
from assets.training.gates import Evidence, require_both_classes, require_enough, require_values
from assets.training.threads import threads_for

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from assets.spec import UseCaseSpec

GOLDEN_ROWS = 200
"""Rows kept with their scores, to hold every later load of the model against."""

IMPORTANCE_ROWS = 2000
"""Latest holdout rows on which importance is measured: enough to rank, cheap to permute."""


@dataclass(frozen=True)
class Candidate:
    """One estimator on the holdout."""

    name: str
    parameters: dict[str, Any]
    metrics: dict[str, float]
    scores: "np.ndarray"  # probability of label 1, float64, one per holdout row


@dataclass(frozen=True)
class Importance:
    """How much the metric falls when a feature's values are shuffled among the holdout rows."""

    feature: str
    mean: float
    deviation: float


@dataclass(frozen=True)
class TrainedModel:
    """A fitted pipeline and the evidence for it. Times are UTC event times."""

    winner: str
    pipeline: "Pipeline"  # the winner, fitted on all rows
    candidates: dict[str, Candidate]  # in the order of the spec
    holdout_labels: "np.ndarray"  # 0/1
    importance: list[Importance]  # of the winner, largest first
    importance_rows: int  # latest holdout rows it was measured on
    first: datetime  # earliest event
    last: datetime  # latest event
    split_at: datetime  # first instant of the holdout
    rows: int
    positives: int
    earlier_rows: int
    golden: pa.Table  # case_key (string), the feature columns, score (float64) of `pipeline`

    @property
    def metrics(self) -> dict[str, float]:
        """The winner's figures on the holdout, before the final fit."""
        return self.candidates[self.winner].metrics

    @property
    def holdout_rows(self) -> int:
        return self.rows - self.earlier_rows


def positive_scores(pipeline: "Pipeline", frame: "pd.DataFrame") -> "np.ndarray":
    """Probability of label 1 for each row (float64, 0 to 1)."""
    column = list(pipeline.classes_).index(1)
    scores: np.ndarray = pipeline.predict_proba(frame)[:, column].astype("float64")
    return scores


def measure(labels: "np.ndarray", scores: "np.ndarray") -> dict[str, float]:
    """Figures of probabilities against 0/1 labels, as scikit-learn defines them.

    ``roc_auc``, ``average_precision``, ``brier`` (mean squared error of the probability),
    ``log_loss`` (natural logarithm), ``base_rate`` (share of positives), ``mean_score``, ``rows``
    and ``positives``. Both classes must be present.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    return {
        "roc_auc": float(roc_auc_score(labels, scores)),
        "average_precision": float(average_precision_score(labels, scores)),
        "brier": float(brier_score_loss(labels, scores)),
        "log_loss": float(log_loss(labels, scores, labels=[0, 1])),
        "base_rate": float(labels.mean()),
        "mean_score": float(scores.mean()),
        "rows": float(len(labels)),
        "positives": float(labels.sum()),
    }


def split_time(first: datetime, last: datetime, holdout: float) -> datetime:
    """The instant from which rows are held out: the latest ``holdout`` share of the time span."""
    return last - (last - first) * holdout


def train(
    spec: "UseCaseSpec",
    training_set: pa.Table,
    *,
    progress: Callable[[str], None] | None = None,
) -> TrainedModel:
    """Fit and measure every candidate of the spec, and fit the better one on all rows.

    ``training_set``: ``spec.population_columns``, the feature columns and ``label`` (0/1), in any
    row order. No holdout row is earlier than any row the candidates were fitted on. The better
    candidate has the larger ``spec.model.metric`` on the holdout; on a tie the first listed wins.
    Same rows and spec give the same model.

    Raises TrainingRefused when there is too little evidence, FeatureError for a feature that
    cannot be used.
    """
    evidence = require_enough(spec, training_set)
    with threads_for(evidence.rows):
        return _train(spec, training_set, evidence, progress or (lambda _: None))


def _train(
    spec: "UseCaseSpec", training_set: pa.Table, evidence: Evidence, say: Callable[[str], None]
) -> TrainedModel:
    when = spec.population.event_timestamp
    # Ties in time are settled by the key: the order a table happens to be read in is no input.
    rows = training_set.sort_by([(when, "ascending"), (spec.population.key, "ascending")])
    features = feature_frame(spec, rows)
    labels = rows.column(LABEL).to_numpy().astype("int64")
    span = pc.min_max(rows.column(when)).as_py()
    split_at = split_time(span["min"], span["max"], spec.model.holdout)
    earlier = int(pc.sum(pc.less(rows.column(when), pa.scalar(split_at))).as_py())
    require_both_classes(spec, labels[:earlier], labels[earlier:])
    require_values(spec, features[:earlier])
    say(
        f"{evidence.rows} rows, {evidence.positives} positives; fitting on {earlier} before "
        f"{split_at:%Y-%m-%d %H:%M} UTC, measuring on {evidence.rows - earlier} after"
    )

    candidates: dict[str, Candidate] = {}
    fitted: dict[str, Pipeline] = {}
    for name in spec.model.candidates:
        pipeline = build(name, spec).fit(features[:earlier], labels[:earlier])
        scores = positive_scores(pipeline, features[earlier:])
        fitted[name] = pipeline
        candidates[name] = Candidate(
            name=name,
            parameters=dict(pipeline.named_steps["model"].get_params()),
            metrics=measure(labels[earlier:], scores),
            scores=scores,
        )
        metrics = candidates[name].metrics
        say(
            f"{name}: roc_auc {metrics['roc_auc']:.4f}, average_precision "
            f"{metrics['average_precision']:.4f} (base rate {metrics['base_rate']:.4f})"
        )
    # max keeps the first of equals, and the dict keeps the order of the spec.
    winner = max(candidates.values(), key=lambda c: c.metrics[spec.model.metric]).name
    # Positives can be rare: if the latest rows are of one class only, take the whole holdout.
    start = max(earlier, evidence.rows - IMPORTANCE_ROWS)
    start = start if labels[start:].min() < labels[start:].max() else earlier
    importance = _importance(spec, fitted[winner], features[start:], labels[start:])
    say(f"{winner} is better by {spec.model.metric}; fitting it on all {evidence.rows} rows")
    final = build(winner, spec).fit(features, labels)
    return TrainedModel(
        winner=winner,
        pipeline=final,
        candidates=candidates,
        holdout_labels=labels[earlier:],
        importance=importance,
        importance_rows=evidence.rows - start,
        first=span["min"],
        last=span["max"],
        split_at=split_at,
        rows=evidence.rows,
        positives=evidence.positives,
        earlier_rows=earlier,
        golden=_golden(spec, final, rows),
    )


def _importance(
    spec: "UseCaseSpec", pipeline: "Pipeline", features: "pd.DataFrame", labels: "np.ndarray"
) -> list[Importance]:
    """Permutation importance (Breiman 2001), in units of the metric."""
    from sklearn.inspection import permutation_importance

    found = permutation_importance(
        pipeline,
        features,
        labels,
        scoring=spec.model.metric,
        n_repeats=3,
        random_state=spec.model.seed,
    )
    ranked = [
        Importance(feature, float(mean), float(deviation))
        for feature, mean, deviation in zip(
            features.columns, found.importances_mean, found.importances_std, strict=True
        )
    ]
    return sorted(ranked, key=lambda i: -i.mean)


def _golden(spec: "UseCaseSpec", pipeline: "Pipeline", rows: pa.Table) -> pa.Table:
    """Rows spread evenly over the time span, with the scores the fitted model gives them."""
    import numpy as np

    picked = np.unique(np.linspace(0, rows.num_rows - 1, GOLDEN_ROWS).astype("int64"))
    some = rows.take(pa.array(picked))
    golden = pa.table({"case_key": pc.cast(some.column(spec.population.key), pa.string())})
    for name in spec.feature_names:
        golden = golden.append_column(name, some.column(name))
    scores = positive_scores(pipeline, feature_frame(spec, some))
    return golden.append_column("score", pa.array(scores, pa.float64()))

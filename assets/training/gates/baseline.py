"""Is the model better than what anyone could say without it?

Naive baselines, each measured on the same evaluation rows as the model:

- *prior*: the share of each class among the rows fitted on; of a number their mean (for ``mae``
  their median, which no other constant beats).
- *last value*, where it can be had for enough rows: the entity's latest earlier label that was
  known by the event. A number is taken as it is, else the prior; a class becomes the share of each
  class among rows fitted on with the same last value, one row added per class (Laplace).

The gate passes when the lower end of the paired bootstrap interval of the gain over each baseline
is above ``baseline_gain``. What is not shown to be better than guessing is refused; on fewer rows
than ``gates.calibration.min_rows``, which may be too few to show it, it is insufficient.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.training.gates.finding import Finding, told
from assets.training.gates.intervals import measured, paired_gain, unit

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

GATE = "training.baseline"

OBSERVED = "label_observed_at"
"""Column of the training set: when the label became known (UTC)."""

FEWEST = 10
"""Rows of either outcome (twice as many rows in all) without which a bootstrap says nothing."""

KNOWN_SHARE = 0.2
"""Share of evaluation rows that must have a last value: else labels are not time-like."""


def baseline_gate(spec: "UseCaseSpec", trained: "TrainedModel", training_set: pa.Table) -> Finding:
    """Compare the winner's measured scores with each naive baseline that can be had."""
    import numpy as np

    metric, enough = spec.model.metric_name, spec.model.gates.calibration.min_rows
    limits = spec.model.gates
    threshold = {
        "gain": limits.baseline_gain,
        "confidence": limits.champion.confidence,
        "min_rows": enough,
    }
    labels = trained.labels
    figures: dict[str, Any] = {"metric": metric, "rows": len(labels)}
    few = trained.task == "binary" and np.bincount(labels, minlength=2).min() < FEWEST
    if few or len(labels) < 2 * FEWEST or len(np.unique(labels)) < 2:
        return Finding(
            GATE,
            "insufficient",
            f"{spec.name}: {len(labels)} evaluation rows, or too few of an outcome ({FEWEST} of "
            "each are needed), cannot say whether the model is better than guessing. Train again "
            "when more outcomes have matured",
            figures,
            threshold,
        )
    model = measured(spec, labels, trained.scores, trained.classes)
    figures["model"] = model
    short = []
    found: dict[str, dict[str, Any]] = {}
    for name, scores in baselines(spec, trained, training_set).items():
        gain = paired_gain(spec, labels, trained.scores, scores, trained.classes)
        value = measured(spec, labels, scores, trained.classes)
        asked = limits.baseline_gain * unit(metric, value)
        found[name] = {"value": value, "gain": gain, "asked": asked}
        if not gain.low > asked:
            short.append(name)
    figures["baselines"] = found
    said = "; ".join(
        f"{name} {one['value']:.4g}, better by {told(one['gain'])}, asked more than "
        f"{one['asked']:.4g}"
        for name, one in found.items()
    )
    seen = f"{spec.name}: {metric} {model:.4g} on {len(labels)} rows against {said}"
    if not short:
        return Finding(GATE, "pass", seen, figures, threshold)
    if len(labels) < enough:
        return Finding(
            GATE,
            "insufficient",
            f"{seen}. That the model is better than {' and '.join(short)} is not shown, which "
            f"fewer than {enough} rows may be too few for: train again when more outcomes have "
            "matured, or approve knowing that",
            figures,
            threshold,
        )
    return Finding(
        GATE,
        "fail",
        f"{seen}. That the model is better than {' and '.join(short)} is not shown: the features "
        "say too little about the outcome, or there are too few rows. Add features or history, "
        "and check that the outcome is the one meant",
        figures,
        threshold,
    )


def baselines(
    spec: "UseCaseSpec", trained: "TrainedModel", training_set: pa.Table
) -> "dict[str, np.ndarray]":
    """Scores of each baseline on the evaluation rows, shaped like the model's.

    Learnt from the rows that may be fitted on: those before the split by the embargo or more; of a
    snapshot, all rows.
    """
    import numpy as np

    known = training_set.filter(before_split(spec, trained, training_set))
    learnt = label_numbers(trained, known)
    found = {"prior": _constant(spec, trained, learnt)}
    last = last_values(spec, trained, training_set, trained.evaluation)
    if len(last) and np.isfinite(last).mean() >= KNOWN_SHARE:
        if trained.task == "regression":
            found["last value"] = np.where(np.isfinite(last), last, found["prior"])
        else:
            before = last_values(spec, trained, training_set, known)
            found["last value"] = _by_last(trained, learnt, before, last)
    return found


def before_split(spec: "UseCaseSpec", trained: "TrainedModel", table: pa.Table) -> pa.ChunkedArray:
    """Which rows may be fitted on (bool): before the split, and by the embargo or more."""
    times = table.column(spec.population.event_timestamp)
    if trained.split_at is None:
        return pc.is_valid(times)
    until = pa.scalar(trained.split_at - trained.embargo, times.type)
    # Without an embargo a row of the very instant of the split is measured on.
    allowed = pc.and_(
        pc.less_equal(times, until), pc.less(times, pa.scalar(trained.split_at, times.type))
    )
    return pc.fill_null(allowed, False)


def last_values(
    spec: "UseCaseSpec", trained: "TrainedModel", history: pa.Table, rows: pa.Table
) -> "np.ndarray":
    """Latest label of the same entity known before each row's event (float64, NaN: none).

    Classes are class numbers. A label counts only from its ``label_observed_at``, and never
    before its own event, so no row is told its own label.
    """
    import numpy as np
    import pandas as pd

    if OBSERVED not in history.column_names:
        return np.full(rows.num_rows, np.nan)
    when, entity = spec.population.event_timestamp, spec.population.entity
    observed = history.column(OBSERVED)
    happened = pc.cast(history.column(when), observed.type)
    earlier = pd.DataFrame(
        {
            "entity": history.column(entity).to_pandas(),
            "known_at": pc.if_else(pc.less(observed, happened), happened, observed).to_pandas(),
            "event": happened.to_pandas(),
            "value": label_numbers(trained, history).astype("float64"),
        }
    )
    asked = pd.DataFrame(
        {
            "entity": rows.column(entity).to_pandas(),
            "at": pc.cast(rows.column(when), observed.type).to_pandas(),
            "place": np.arange(rows.num_rows),
        }
    )
    earlier = earlier.dropna(subset=["entity", "known_at"]).sort_values(["known_at", "event"])
    joined = pd.merge_asof(
        asked.dropna(subset=["entity", "at"]).sort_values("at", kind="stable"),
        earlier[["entity", "known_at", "value"]],
        left_on="at",
        right_on="known_at",
        by="entity",
        allow_exact_matches=False,
    )
    found = np.full(rows.num_rows, np.nan)
    found[joined["place"].to_numpy()] = joined["value"].to_numpy()
    return found


def label_numbers(trained: "TrainedModel", table: pa.Table) -> "np.ndarray":
    """Labels of a table as 0/1, class numbers, or values."""
    import numpy as np

    label = table.column(LABEL)
    if trained.task == "multiclass":
        places = pc.index_in(label, pa.array(trained.classes, label.type))
        return np.asarray(places.to_numpy(), dtype="int64")
    kind = "int64" if trained.task == "binary" else "float64"
    return np.asarray(label.to_numpy(), dtype=kind)


def _constant(spec: "UseCaseSpec", trained: "TrainedModel", learnt: "np.ndarray") -> "np.ndarray":
    import numpy as np

    rows = len(trained.labels)
    if trained.task == "regression":
        middle = np.median if spec.model.metric_name == "mae" else np.mean
        return np.full(rows, float(middle(learnt)))
    shares = np.bincount(learnt, minlength=len(trained.classes)) / len(learnt)
    if trained.task == "binary":
        return np.full(rows, shares[1])
    return np.tile(shares, (rows, 1))


def _by_last(
    trained: "TrainedModel", learnt: "np.ndarray", before: "np.ndarray", last: "np.ndarray"
) -> "np.ndarray":
    """Share of each class by last value; rows without one are a value of their own."""
    import numpy as np

    classes = len(trained.classes)
    given = np.where(np.isfinite(before), before, classes).astype("int64")
    asked = np.where(np.isfinite(last), last, classes).astype("int64")
    counts = np.ones((classes + 1, classes))
    np.add.at(counts, (given, learnt), 1)
    shares: np.ndarray = (counts / counts.sum(axis=1, keepdims=True))[asked]
    return shares[:, 1] if trained.task == "binary" else shares

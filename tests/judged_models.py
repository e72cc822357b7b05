"""A trained model of no particular trade, with scores as good or as bad as a test needs."""

from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from assets.spec import UseCaseSpec
from assets.training.evidence import Candidate, TrainedModel
from assets.training.frame import feature_frame
from assets.training.predict import predict

START = datetime(2026, 1, 1, tzinfo=UTC)
MATURITY = timedelta(days=2)

ATTRIBUTES: dict[str, Any] = {
    "name": "kiln",
    "start": "2026-01-01",
    "sources": {
        "firings": {
            "columns": {
                "firing_id": {"type": "string"},
                "potter": {"type": "string"},
                "fired_at": {"type": "timestamp"},
                "heat": {"type": "float", "required": False},
                "damp": {"type": "float", "required": False},
                "clay": {"type": "string", "required": False},
                "years": {"type": "float", "required": False},
                "guild": {"type": "string", "required": False},
            }
        },
        "sorted": {
            "columns": {
                "firing_id": {"type": "string"},
                "cracked": {"type": "int"},
                "sorted_at": {"type": "timestamp"},
            }
        },
    },
    "population": {
        "source": "firings",
        "key": "firing_id",
        "entity": "potter",
        "event_timestamp": "fired_at",
    },
    "label": {
        "source": "sorted",
        "column": "cracked",
        "positive": 1,
        "observed_at": "sorted_at",
        "matures_after": "2d",
    },
    "features": {"request": ["heat", "damp", "clay"]},
    # A base rate of about 0.25 is neither approved nor declined.
    "policy": {"approve_below": 0.2, "decline_above": 0.6},
}


def kiln_spec(**changes: Any) -> UseCaseSpec:
    """The spec; a path (``model__gates__invariant_to``, ``__`` for the dots) sets a value."""
    attributes = deepcopy(ATTRIBUTES)
    for path, value in changes.items():
        at = attributes
        *way, last = path.split("__")
        for step in way:
            at = at.setdefault(step, {})
        at[last] = value
    return UseCaseSpec.model_validate(attributes)


@dataclass
class Kiln:
    """Firings by rising time, an hour apart, and how likely each truly was to crack."""

    table: pa.Table
    chance: np.ndarray
    labels: np.ndarray

    def with_column(self, name: str, values: Any) -> "Kiln":
        table = self.table
        column = values if isinstance(values, pa.Array) else pa.array(values)
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            table = table.append_column(name, column)
        return Kiln(table, self.chance, self.labels)


def kiln(rows: int = 4000, seed: int = 1, strength: float = 1.5) -> Kiln:
    """Firings whose label depends on heat and clay, and a little on damp."""
    random = np.random.default_rng(seed)
    heat, damp = random.normal(size=rows), random.normal(size=rows)
    clay = random.choice(["red", "white", "grey"], rows)
    logit = strength * heat + 0.3 * damp + 0.8 * (clay == "red") - 1.6
    chance = 1 / (1 + np.exp(-logit))
    labels = (random.random(rows) < chance).astype("int64")
    when = np.array([START + timedelta(hours=i) for i in range(rows)])
    table = pa.table(
        {
            "firing_id": [f"f{i:06}" for i in range(rows)],
            "potter": [f"p{i}" for i in random.integers(0, rows, rows)],
            "fired_at": pa.array(when, pa.timestamp("us", "UTC")),
            "heat": heat,
            "damp": damp,
            "clay": clay,
            "years": random.uniform(18, 80, rows),
            "guild": random.choice(["north", "south"], rows),
            "label": labels,
            "label_observed_at": pa.array(when + MATURITY, pa.timestamp("us", "UTC")),
        }
    )
    return Kiln(table, chance, labels)


def linear(spec: UseCaseSpec, table: pa.Table) -> Any:
    """A logistic regression on the features of ``table``, or a ridge regression."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline

    from assets.training.inputs import scaled_inputs

    model = Ridge() if spec.model.task == "regression" else LogisticRegression(max_iter=1000)
    steps = [("inputs", scaled_inputs(spec)), ("model", model)]
    return Pipeline(steps).fit(feature_frame(spec, table), table.column("label").to_pylist())


def model_of(
    spec: UseCaseSpec,
    table: pa.Table,
    scores: np.ndarray | None = None,
    *,
    pipeline: Any = None,
    holdout: float = 0.5,
) -> TrainedModel:
    """A model measured on the latest share of ``table`` (rows by rising time).

    ``scores`` are of all rows; without them those of a pipeline fitted before the split.
    """
    snapshot = spec.model.validation == "cross_validation"
    split = 0 if snapshot else int(table.num_rows * (1 - holdout))
    times = table.column("fired_at")
    split_at = None if snapshot else times[split].as_py()
    gap = 0 if snapshot else int(spec.embargo / timedelta(hours=1))
    if pipeline is None:
        pipeline = linear(spec, table)
    if scores is None:
        fitted = linear(spec, table.slice(0, max(split - gap, 0) or table.num_rows))
        scores = predict(spec, fitted, feature_frame(spec, table))
    found = table.column("label").to_pylist()
    classes: tuple[str, ...] = ("0", "1")
    if spec.model.task == "multiclass":
        classes = tuple(sorted(set(found)))
        labels = np.array([classes.index(one) for one in found], dtype="int64")
    elif spec.model.task == "regression":
        classes, labels = (), np.array(found, dtype="float64")
    else:
        labels = np.array(found, dtype="int64")
    winner = Candidate("logistic_regression", {}, {}, {}, 0.01, np.asarray(scores)[split:])
    return TrainedModel(
        task=spec.model.task,
        classes=classes,
        winner=winner.name,
        why="the only one",
        pipeline=pipeline,
        candidates={winner.name: winner},
        evaluation=table.slice(split),
        labels=labels[split:],
        validation=spec.model.validation,
        split_at=split_at,
        embargo=timedelta() if snapshot else spec.embargo,
        embargoed_rows=gap,
        importance=[],
        importance_rows=0,
        first=times[0].as_py(),
        last=times[-1].as_py(),
        rows=table.num_rows,
        positives=int(labels.sum()) if classes == ("0", "1") else table.num_rows,
        fitted_rows=split - gap,
        seconds=0.0,
        golden=pa.table({"case_key": pa.array([], pa.string())}),
    )

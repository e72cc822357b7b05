"""A made-up model version for the card: evidence of every task, without a training."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from assets.gate_results import GateResult
from assets.spec import UseCaseSpec
from assets.training.evidence import Candidate, Importance, TrainedModel
from assets.training.measure import intervals, measure, resampled
from assets.training.registry import RegisteredVersion

START = datetime(2026, 1, 1, tzinfo=UTC)
TASKS = ("binary", "multiclass", "regression")
LABELS = {
    "binary": {"type": "int", "description": "1 where it broke."},
    "multiclass": {"type": "string", "description": "What broke."},
    "regression": {"type": "float", "unit": "hours", "description": "Time to mend it."},
}


def make_spec(task: str = "binary", **changes: Any) -> UseCaseSpec:
    given: dict[str, Any] = {
        "name": "widgets",
        "description": "Will a widget break within ten days?",
        "owners": ["team:widgets"],
        "risk": {"impact": "high"},
        "start": "2026-01-01",
        "sources": {
            "orders": {
                "columns": {
                    "order_id": {"type": "string"},
                    "maker": {"type": "string", "pii": "pseudonymise"},
                    "mail": {"type": "string", "pii": "drop"},
                    "ordered_at": {"type": "timestamp"},
                    "weight": {"type": "float", "unit": "kg", "description": "As shipped."},
                    "parts": {"type": "int", "required": False},
                    "colour": {"type": "string"},
                    "years": {"type": "int", "unit": "years", "description": "Age of the buyer."},
                    "town": {"type": "string"},
                }
            },
            "checks": {
                "format": "parquet",
                "columns": {
                    "maker": {"type": "string", "pii": "pseudonymise"},
                    "checked_at": {"type": "timestamp"},
                    "faults": {"type": "int", "required": False, "description": "Found so far."},
                },
            },
            "breakages": {
                "columns": {
                    "order_id": {"type": "string"},
                    "broke": LABELS[task],
                    "seen_at": {"type": "timestamp"},
                }
            },
        },
        "population": {
            "source": "orders",
            "key": "order_id",
            "entity": "maker",
            "event_timestamp": "ordered_at",
        },
        "label": {
            "source": "breakages",
            "column": "broke",
            "positive": 1 if task == "binary" else None,
            "observed_at": "seen_at",
            "matures_after": "10d",
        },
        "features": {
            "request": ["weight", "parts", "colour"],
            "views": {
                "checks": {
                    "entity": "maker",
                    "timestamp": "checked_at",
                    "ttl": "30d",
                    "columns": ["faults"],
                }
            },
            "derived": {"weight_per_part": {"ratio": ["weight", "parts"]}},
        },
        "deny": ["town"],
        "sensitive": {"years": {"bins": [30, 60]}},
        "model": {"task": task, "monotone": {"faults": "increasing"}},
        "policy": {"approve_below": 0.15, "decline_above": 0.5},
    }
    return UseCaseSpec.model_validate({**given, **changes})


def make_trained(spec: UseCaseSpec, *, rows: int = 3000, seed: int = 4) -> TrainedModel:
    """Evidence of a made-up training: scores that know something of the labels."""
    random = np.random.default_rng(seed)
    task, classes = spec.model.task, ()
    signal = random.normal(size=rows)
    if task == "binary":
        truth = 1 / (1 + np.exp(-(-2.0 + 1.4 * signal)))
        labels = (random.random(rows) < truth).astype("int64")
        first, second = truth, 1 / (1 + np.exp(-(-2.0 + 1.1 * signal + random.normal(size=rows))))
        classes = ("0", "1")
    elif task == "multiclass":
        classes = ("axle", "belt", "crank")
        labels = random.choice(3, rows, p=[0.6, 0.3, 0.1])
        heard = np.eye(3)[labels] * 2 + random.gumbel(size=(rows, 3))
        first = np.exp(heard) / np.exp(heard).sum(axis=1, keepdims=True)
        second = (first + 1) / (first + 1).sum(axis=1, keepdims=True)
    else:
        labels = 20 + 5 * signal + random.normal(size=rows)
        first, second = 20 + 5 * signal, 20 + 4 * signal + random.normal(size=rows)
    years = random.choice([24, 45, 70], rows, p=[0.3, 0.69, 0.01])
    days = np.sort(random.integers(0, 60 * 86400, rows))
    evaluation = pa.table(
        {
            "order_id": [f"secret-key-{i:05d}" for i in range(rows)],
            "maker": [f"secret-maker-{i % 300}" for i in range(rows)],
            "ordered_at": pa.array(
                [START + timedelta(days=120, seconds=int(s)) for s in days],
                pa.timestamp("us", "UTC"),
            ),
            "weight": random.lognormal(size=rows),
            "parts": pa.array(random.integers(1, 9, rows), mask=random.random(rows) < 0.6),
            "colour": random.choice(["red", "blue"], rows),
            "faults": pa.array(random.integers(0, 5, rows).astype("float64")),
            "weight_per_part": random.random(rows),
            "years": years,
            "town": random.choice(["Northam", "Southam"], rows),
            "label": labels,
        }
    )
    names = spec.model.candidates
    candidates = {}
    for name, scores in zip(names, (first, second), strict=True):
        metrics = measure(task, labels, scores, classes)
        again = resampled(task, labels, scores, classes, seed=1)
        found = intervals(metrics, again)
        candidates[name] = Candidate(
            name=name,
            parameters={"C": np.float64(0.5), "max_iter": 2000, "penalty": "l2", "warm": None},
            metrics=metrics,
            intervals=found,
            standard_error=float(np.std(again[spec.model.metric_name])),
            scores=scores,
            calibration="none",
            trials=4,
        )
    golden = pa.table({"case_key": ["secret-golden"], "score": [0.5]})
    timed = spec.model.validation == "time"
    return TrainedModel(
        task=task,
        classes=classes,
        winner=names[0],
        why=f"{names[0]} is the simplest within one standard error of the best.",
        pipeline=None,
        candidates=candidates,
        evaluation=evaluation,
        labels=labels,
        validation=spec.model.validation,
        split_at=START + timedelta(days=120) if timed else None,
        embargo=spec.embargo if timed else timedelta(0),
        embargoed_rows=312 if timed else 0,
        importance=[
            Importance("faults", 0.12, 0.01),
            Importance("weight", 0.05, 0.008),
            Importance("weight_per_part", 0.01, 0.004),
            Importance("colour", 0.001, 0.002),
            Importance("parts", -0.0005, 0.001),
        ],
        importance_rows=2000,
        first=START,
        last=START + timedelta(days=180),
        rows=12000,
        positives=2100,
        fitted_rows=8700,
        seconds=random.random(),
        golden=golden,
        notes=["The search reached its 8 trials."],
    )


def make_registered(**changes: Any) -> RegisteredVersion:
    given: dict[str, Any] = {
        "version": 3,
        "digest": "ab" * 32,
        "mlflow_run_id": "f" * 32,
        "metrics": {},
        "model_path": "models/widgets/x/model.skops",
        "candidate": "logistic_regression",
        "training_digest": "cd" * 32,
        "training_set_digest": "ef" * 32,
        "training_set_version": 7,
        "as_of": "2026-07-01T00:00:00+00:00",
        "window_first": "2026-01-01T00:00:00+00:00",
        "window_last": "2026-06-30T00:00:00+00:00",
        "rows": 12000,
        "positives": 2100,
    }
    return RegisteredVersion(**{**given, **changes})


def gate(name: str, verdict: str = "pass", message: str = "", **figures: Any) -> GateResult:
    return GateResult(
        gate=f"training.{name}",
        subject="model cdcdcdcdcdcd",
        verdict=verdict,
        message=message or f"{name} is as it should be",
        figures=figures,
        threshold={"max": 0.05},
        evidence_digest="cd" * 32,
    )


def make_gates(**verdicts: str) -> list[GateResult]:
    return [
        gate(name, verdicts.get(name, "pass"), found=0.031, low=0.02, high=0.05)
        for name in (
            "leak",
            "baseline",
            "champion",
            "calibration",
            "stability",
            "fairness",
            "behaviour",
            "coverage",
        )
    ]

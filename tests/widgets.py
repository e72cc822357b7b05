"""A made-up use case for tests of training: orders of widgets, and what became of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from assets.spec import UseCaseSpec

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 60
WORDS = {
    "bent": "corner of the frame arrived bent badly crooked",
    "broken": "glass cracked into pieces shattered on arrival",
    "lost": "parcel never came courier cannot find package",
}
"""Words of the complaints about each class of outcome."""


def widgets_spec(*, text: bool = False, matures_after: str = "10d", **model: Any) -> UseCaseSpec:
    """The spec; ``text`` adds the complaint as a feature, ``model`` is its model block."""
    optional = {"required": False}
    outcome = "float" if model.get("task") == "regression" else "string"
    return UseCaseSpec.model_validate(
        {
            "name": "widgets",
            "start": "2026-01-01",
            "sources": {
                "orders": {
                    "columns": {
                        "order_id": {"type": "string"},
                        "maker": {"type": "string"},
                        "ordered_at": {"type": "timestamp"},
                        "weight": {"type": "float", **optional},
                        "parts": {"type": "int", **optional},
                        "rushed": {"type": "bool", **optional},
                        "colour": {"type": "string", **optional},
                        "complaint": {"type": "string", **optional},
                    }
                },
                "breakages": {
                    "columns": {
                        "order_id": {"type": "string"},
                        "broke": {"type": outcome},
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
                "positive": "yes" if model.get("task", "binary") == "binary" else None,
                "observed_at": "seen_at",
                "matures_after": matures_after,
            },
            "features": {
                "request": [
                    "weight",
                    "parts",
                    "rushed",
                    "colour",
                    *(["complaint"] if text else []),
                ]
            },
            "model": {"golden_rows": 50, **model},
        }
    )


def orders(rows: int = 1200, task: str = "binary", seed: int = 5) -> pa.Table:
    """A training set by rising time: heavy and red widgets fare worse."""
    random = np.random.default_rng(seed)
    weight = random.lognormal(0, 1, rows)
    colour = random.choice(["red", "blue", "green"], rows)
    odds = -2 + 1.2 * np.log(weight) + (colour == "red")
    kinds = sorted(WORDS)
    pull = np.column_stack([odds, -odds, np.zeros(rows)]) + random.gumbel(size=(rows, 3))
    kind = np.array(kinds)[pull.argmax(axis=1)]
    labels: dict[str, Any] = {
        "binary": (random.random(rows) < 1 / (1 + np.exp(-odds))).astype("int64"),
        "multiclass": pa.array(kind),
        "regression": odds * 10 + random.normal(size=rows) * 3,
    }
    complaints = [" ".join(random.choice(WORDS[one].split(), 4)) for one in kind]
    # Several orders share a minute: ties in time must not cross the split.
    minutes = np.sort(random.integers(0, DAYS * 24, rows)) * 60
    return pa.table(
        {
            "order_id": [f"o{i:05d}" for i in range(rows)],
            "maker": [f"m{i}" for i in random.integers(0, 300, rows)],
            "ordered_at": pa.array(
                [START + timedelta(minutes=int(m)) for m in minutes], pa.timestamp("us", "UTC")
            ),
            "weight": pa.array(weight, mask=random.random(rows) < 0.05),
            "parts": pa.array(random.integers(1, 9, rows), mask=random.random(rows) < 0.05),
            "rushed": pa.array(random.random(rows) < 0.3),
            "colour": pa.array(colour, mask=random.random(rows) < 0.05),
            "complaint": pa.array(complaints, mask=random.random(rows) < 0.02),
            "label": labels[task],
        }
    )

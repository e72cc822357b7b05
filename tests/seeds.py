"""A made-up use case for tests of decisions: seeds sown, and how likely each is not to sprout."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from assets.decisions.policy import decide
from assets.spec import UseCaseSpec
from assets.tables import PREDICTIONS_SCHEMA

DAY = date(2026, 5, 4)


def make_spec(
    model: dict[str, Any] | None = None,
    fallback: dict[str, Any] | None = None,
    deny: tuple[str, ...] = (),
    **policy: Any,
) -> UseCaseSpec:
    seeds = {
        "seed": {"type": "string"},
        "tray": {"type": "string"},
        "sown_at": {"type": "timestamp"},
        "depth": {"type": "float", "required": False, "description": "Depth of the seed."},
        "water": {"type": "float", "required": False},
        "sort": {"type": "string", "required": False},
        "organic": {"type": "bool", "required": False},
    }
    sprouts = {
        "seed": {"type": "string"},
        "dead": {"type": "bool"},
        "colour": {"type": "string"},
        "seen_at": {"type": "timestamp"},
    }
    return UseCaseSpec.model_validate(
        {
            "name": "seeds",
            "start": "2026-01-01",
            "sources": {"seeds": {"columns": seeds}, "sprouts": {"columns": sprouts}},
            "population": {
                "source": "seeds",
                "key": "seed",
                "entity": "tray",
                "event_timestamp": "sown_at",
            },
            "label": {
                "source": "sprouts",
                "column": "dead" if model is None else "colour",
                **({"positive": True} if model is None else {}),
                "observed_at": "seen_at",
                "matures_after": "7d",
            },
            "features": {"request": ["depth", "water", "organic"]},
            "deny": ["sort", *deny],
            "policy": {"approve_below": 0.2, "decline_above": 0.6, **policy},
            "fallback": fallback or {},
            "model": model or {},
        }
    )


def predictions(
    scores: list[float | None],
    keys: list[str | None] | None = None,
    missing: float | None = 0.0,
    fallback: str | None = None,
    pushes: dict[str, float] | None = None,
) -> pa.Table:
    """Of each case the same ``pushes``: feature to weight, by default one of each feature."""
    rows = len(scores)
    given = {"depth": 0.9, "water": 0.4} if pushes is None else pushes
    told = [{"feature": feature, "weight": weight} for feature, weight in given.items()]
    columns = {
        "case_key": keys or [f"s{i}" for i in range(rows)],
        "entity_key": ["t"] * rows,
        "event_timestamp": [datetime(2026, 5, 4, 9, tzinfo=UTC)] * rows,
        "score": scores,
        "prediction": [None] * rows,
        "missing": [missing] * rows,
        "reasons": [None if fallback else told] * rows,
        "arm": ["champion"] * rows,
        "cheap": [False] * rows,
        "model_version": [2] * rows,
        "model_digest": ["d"] * rows,
        "fallback": [fallback] * rows,
    }
    return pa.table(columns, PREDICTIONS_SCHEMA)


def cases(predicted: pa.Table, **columns: list[Any]) -> pa.Table:
    """The scoring set of predictions; a column is null unless given."""
    rows = predicted.num_rows
    features = {name: columns.get(name, [None] * rows) for name in ("depth", "water", "organic")}
    return pa.table(
        {
            "seed": predicted.column("case_key"),
            "tray": predicted.column("entity_key"),
            "sown_at": predicted.column("event_timestamp"),
            **{name: pa.array(values, pa.float64()) for name, values in features.items()},
            "sort": pa.array(columns.get("sort", [None] * rows), pa.string()),
        }
    )


def decided(spec: UseCaseSpec, predicted: pa.Table, **columns: list[Any]) -> pa.Table:
    return decide(spec, predicted, cases(predicted, **columns), DAY, "run")


def row(spec: UseCaseSpec, predicted: pa.Table, **columns: list[Any]) -> dict[str, Any]:
    return dict(decided(spec, predicted, **columns).to_pylist()[0])

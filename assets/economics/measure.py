"""One measured figure of a night, and the table they make."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from assets.tables import MEASURES_SCHEMA

OVERALL = "overall"

PASS, FAIL, INSUFFICIENT, UNJUDGED = "pass", "fail", "insufficient", ""


@dataclass(frozen=True)
class Measure:
    """A row of MEASURES_SCHEMA of no arm and no version. ``value`` None: could not be computed, and
    ``detail`` says ``why``."""

    measure: str
    value: float | None
    subject: str = OVERALL
    low: float | None = None
    high: float | None = None
    n: int | None = None  # cases behind the value; None where it is of no cases
    limit: float | None = None
    verdict: str = UNJUDGED
    detail: Mapping[str, Any] = field(default_factory=dict)


def measures_table(found: Iterable[Measure], run_id: str) -> pa.Table:
    """MEASURES_SCHEMA, by measure and subject. Raises ValueError where two are of the same."""
    ordered = sorted(found, key=lambda one: (one.measure, one.subject))
    if len({(one.measure, one.subject) for one in ordered}) != len(ordered):
        raise ValueError("two figures of the same measure and subject")
    rows = [
        {
            "measure": one.measure,
            "subject": one.subject,
            "arm": "",
            "model_version": None,
            "value": one.value,
            "low": one.low,
            "high": one.high,
            "n": one.n,
            "limit": one.limit,
            "verdict": one.verdict,
            "detail": json.dumps(one.detail, sort_keys=True),
            "run_id": run_id,
        }
        for one in ordered
    ]
    return pa.Table.from_pylist(rows, schema=MEASURES_SCHEMA)


def named(found: Iterable[Measure], measure: str, subject: str = OVERALL) -> Measure:
    """The figure of this measure and subject. Raises KeyError."""
    for one in found:
        if (one.measure, one.subject) == (measure, subject):
            return one
    raise KeyError(f"{measure} of {subject}")

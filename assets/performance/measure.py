"""One measured figure of a night, and the table they make."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from assets.tables import MEASURES_SCHEMA
from assets.training.evidence import Interval
from assets.training.gates.finding import plain

OVERALL = "overall"

PASS, FAIL, INSUFFICIENT, UNJUDGED = "pass", "fail", "insufficient", ""

CHAMPION, CANARY, CHALLENGER = "champion", "canary", "challenger"
FORMER = "former"
"""Arms. ``champion`` is the version that is champion on the night, and of each measure and subject
there is one row of it; ``former`` one that decided cases of the window and is champion no more."""


@dataclass(frozen=True)
class Measure:
    """A row of MEASURES_SCHEMA. ``value`` None: could not be computed; ``detail`` says ``why``."""

    measure: str
    value: float | None
    subject: str = OVERALL
    arm: str = ""
    model_version: int | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    limit: float | None = None
    verdict: str = UNJUDGED
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def interval(self) -> Interval | None:
        """Value and ends; None without either."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return Interval(self.value, self.low, self.high)


def of_interval(measure: str, found: Interval, **more: Any) -> Measure:
    """A measure with its interval, whose confidence goes into the detail."""
    detail = {"confidence": found.confidence, **more.pop("detail", {})}
    return Measure(measure, found.value, low=found.low, high=found.high, detail=detail, **more)


def measures_table(found: Iterable[Measure], run_id: str) -> pa.Table:
    """MEASURES_SCHEMA, by measure, subject, arm and version; numbers of nine significant digits, so
    that the order a library adds in does not show. Raises ValueError where two are of the same."""
    ordered = sorted(found, key=_place)
    if len({_place(one) for one in ordered}) != len(ordered):
        raise ValueError("two figures of the same measure, subject, arm and version")
    rows = [
        {
            "measure": one.measure,
            "subject": one.subject,
            "arm": one.arm,
            "model_version": one.model_version,
            "value": _number(one.value),
            "low": _number(one.low),
            "high": _number(one.high),
            "n": one.n,
            "limit": _number(one.limit),
            "verdict": one.verdict,
            "detail": json.dumps(plain(one.detail), sort_keys=True),
            "run_id": run_id,
        }
        for one in ordered
    ]
    return pa.Table.from_pylist(rows, schema=MEASURES_SCHEMA)


def _place(one: Measure) -> tuple[str, str, str, int]:
    return one.measure, one.subject, one.arm, one.model_version or 0


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.9g}")

"""Measures of nights, as the assets that watch leave them, for tests of what follows from them."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from assets.lake import Lake
from assets.tables import (
    DRIFT,
    ECONOMICS,
    FAIRNESS,
    MEASURES_SCHEMA,
    PERFORMANCE,
    RELEASE_CHECKS,
    RELEASE_CHECKS_SCHEMA,
)

FIRST = date(2026, 3, 2)

SENTENCE = "What the model leans on most moved; estimated roc_auc fell from 0.80 to 0.71."


def night(number: int) -> date:
    return FIRST + timedelta(days=number)


def row(measure: str, verdict: str = "", subject: str = "overall", **more: Any) -> dict[str, Any]:
    """A row of MEASURES_SCHEMA; ``detail`` as an object."""
    detail = json.dumps(more.pop("detail", {}), sort_keys=True)
    known = {"measure": measure, "subject": subject, "verdict": verdict, "arm": "", "run_id": "r"}
    return {**dict.fromkeys(MEASURES_SCHEMA.names), **known, "detail": detail, **more}


def drift(verdict: str) -> list[dict[str, Any]]:
    """``matters``, ``harmless``, ``stable`` or ``insufficient``."""
    moved = {"matters": "moved", "harmless": "moved", "unknown": "moved"}.get(verdict, verdict)
    impact = {"stable": "none", "insufficient": "unknown"}.get(verdict, verdict)
    detail = {
        "drifted": ["wind", "waves"],
        "rows": 210,
        "reference_rows": 5000,
        "reference_window": ["2026-01-01", "2026-02-01"],
    }
    return [
        row("input_moved", moved, value=3.24, limit=1.0, n=210, model_version=1, detail=detail),
        row("impact", impact, detail={"sentence": SENTENCE, "signs": [], "asked": []}),
    ]


def performance(verdict: str, calibration: str = "pass") -> list[dict[str, Any]]:
    judged = {"subject": "overall", "arm": "champion", "model_version": 1, "n": 412}
    return [
        row("roc_auc", verdict, value=0.7123, low=0.66, high=0.76, limit=0.77, **judged),
        row("roc_auc", "", value=0.5, arm="challenger", model_version=2, n=400),
        row("roc_auc", "fail", value=0.5, subject="wind=strong", arm="champion", n=40),
        row("calibration_error", calibration, value=0.13, limit=0.1, **judged),
    ]


def fairness(verdict: str, column: str = "boat") -> list[dict[str, Any]]:
    figures = {"value": 0.55, "low": 0.41, "high": 0.68, "limit": 0.8, "n": 640}
    return [row("approval_ratio", verdict, subject=column, **figures)]


def economics(cost: str = "", overdue: str = "pass") -> list[dict[str, Any]]:
    return [
        row("night_cost", cost, value=61.5, limit=50.0 if cost else None, n=210),
        row("queue_overdue", overdue, value=3.0, limit=0.0, n=12),
    ]


def measured(lake: Lake, use_case: str, day: date, **tables: Sequence[Mapping[str, Any]]) -> None:
    """Put rows of a night into ``drift``, ``performance``, ``fairness`` and ``economics``."""
    names = {
        "drift": DRIFT,
        "performance": PERFORMANCE,
        "fairness": FAIRNESS,
        "economics": ECONOMICS,
    }
    for name, rows in tables.items():
        lake.ensure(use_case, names[name], MEASURES_SCHEMA)
        table = pa.Table.from_pylist([dict(one) for one in rows], schema=MEASURES_SCHEMA)
        lake.replace_day(use_case, names[name], day, table)


def moved(lake: Lake, use_case: str, day: date, version: int, verdict: str, stage: str) -> None:
    """Put what the ladder did with its challenger on record."""
    lake.ensure(use_case, RELEASE_CHECKS, RELEASE_CHECKS_SCHEMA)
    rows = [
        {
            "version": version,
            "stage": stage,
            "check": check,
            "verdict": said,
            "message": "approval_shift: 24.6 points more are approved (10.4 to 39.7, 70 cases)",
            "figures": "{}",
            "threshold": "{}",
            "run_id": "r",
        }
        for check, said in (("approval_shift", "pass"), ("move", verdict))
    ]
    table = pa.Table.from_pylist(rows, schema=RELEASE_CHECKS_SCHEMA)
    lake.replace_day(use_case, RELEASE_CHECKS, day, table)

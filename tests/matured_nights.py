"""Nights of boat trips whose outcomes have matured: a lake as the road leaves it, who decided."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.decisions.policy import decision_ids
from assets.features.columns import LABEL
from assets.lake import PARTITION, Lake
from assets.release.champion import NotApproved
from assets.release.deciders import Deciders
from assets.release.events import Champion
from assets.spec import UseCaseSpec
from assets.tables import (
    DECISIONS,
    DECISIONS_SCHEMA,
    LABELS,
    POPULATION,
    SCORING_SET,
    TIMESTAMP,
)
from tests.challenged import ladder_spec

FIRST = date(2026, 3, 1)
WINDOW = 5
DAY = FIRST + timedelta(days=WINDOW)
"""The night whose window is exactly the trips of the WINDOW days before it: outcomes take a day."""

TRAINED = datetime(2026, 3, 1, tzinfo=UTC)
INTERVALS = {"low": 0.77, "high": 0.83, "confidence": 0.95}


def boats_spec(
    *, economics: dict[str, Any] | None = None, fairness: dict[str, Any] | None = None,
    performance: dict[str, Any] | None = None, **ladder: Any,
) -> UseCaseSpec:  # fmt: skip
    """The boats of ``tests.challenged`` with a window of WINDOW days; judged by ``roc_auc``."""
    said = ladder_spec(**ladder).model_dump(exclude_unset=True)
    limits = {"window_days": WINDOW, "min_labels": 100, **(performance or {})}
    alike = {"window_days": WINDOW, **(fairness or {})}
    said["monitoring"] = {"performance": limits, "fairness": alike}
    said["economics"] = economics or {}
    return UseCaseSpec.model_validate(said)


def version(
    number: int = 1, metric: str = "roc_auc", figure: float = 0.8, **evidence: Any
) -> Champion:
    """A version trained on all trips before FIRST, with one figure on record."""
    ends = {"low": figure - 0.03, "high": figure + 0.03, "confidence": 0.95}
    said = {
        "metrics": {metric: figure, "rows": 900.0},
        "intervals": {metric: {"value": figure, **ends}},
        "window_first": "2026-01-01T00:00:00+00:00",
        "window_last": "2026-02-27T00:00:00+00:00",
        "training_set_version": 0,
        "split_at": "2026-02-10T00:00:00+00:00",
        **evidence,
    }
    return Champion("boats", number, f"{number}" * 64, FIRST, TRAINED, said)


def decided_by(
    monkeypatch: pytest.MonkeyPatch, champion: Champion | None, challenger: Champion | None = None
) -> None:
    """Who decides every night; an empty place where there is no champion."""
    found = Deciders(champion, challenger, "shadow" if challenger else None)
    monkeypatch.setattr("assets.performance.measured.deciders_on", lambda *_: found)


def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record names a champion nobody stands behind."""

    def refuse(*_: Any) -> Deciders:
        raise NotApproved("the record names a champion nobody approved")

    monkeypatch.setattr("assets.performance.measured.deciders_on", refuse)


def trips(
    number: int = 200,
    day: date = FIRST,
    *,
    spread: float = 1.6,
    noise: float = 0.0,
    shift: float = 0.0,
    seed: int = 0,
    **columns: Any,
) -> pa.Table:
    """Trips of a day: DECISIONS_SCHEMA, the day, ``wind``, ``flag`` and ``label`` (0/1).

    A score is the chance that the trip is late, made worse by ``noise`` and ``shift`` in log-odds.
    ``columns`` replace columns.
    """
    random = np.random.default_rng([seed, day.toordinal()])
    odds = random.normal(-0.6, spread, number)
    score = 1 / (1 + np.exp(-(odds + noise * random.normal(size=number) + shift)))
    label = (random.random(number) < 1 / (1 + np.exp(-odds))).astype("int64")
    keys = [f"{day:%m%d}-{i:05}" for i in range(number)]
    minutes = [datetime.combine(day, time(1), UTC) + timedelta(seconds=i) for i in range(number)]
    own: dict[str, Any] = {
        "decision_id": decision_ids("boats", keys, day),
        "revision": [1] * number,
        "case_key": keys,
        "entity_key": [f"b{key}" for key in keys],
        "event_timestamp": pa.array(minutes, TIMESTAMP),
        "score": score,
        "decision": np.where(score < 0.3, "approve", "refer"),
        "advice": np.where(score < 0.3, "approve", np.where(score > 0.6, "decline", "refer")),
        "rule": ["approve_below"] * number,
        "arm": ["champion"] * number,
        "model_version": [1] * number,
        PARTITION: pa.array([day] * number, pa.date32()),
        "wind": odds,
        "flag": random.choice(["a", "b"], number),
        LABEL: label,
        **columns,
    }
    schema = DECISIONS_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    extra = {name: own[name] for name in ("wind", "flag", LABEL)}
    rows = {f.name: own.get(f.name, pa.nulls(number, f.type)) for f in schema}
    return pa.table(
        {name: pa.array(v, schema.field(name).type) for name, v in rows.items()} | extra
    )


def window(number: int = 200, **more: Any) -> list[pa.Table]:
    """Trips of every day of the window of DAY."""
    return [trips(number, FIRST + timedelta(days=n), **more) for n in range(WINDOW)]


def put(
    lake: Lake, spec: UseCaseSpec, nights: Sequence[pa.Table], *, decided: bool = True,
    labelled: bool = True,
) -> None:  # fmt: skip
    """The nights in the lake: cases, features, decisions, and outcomes a day after each trip."""
    named = {"case_key": "trip", "entity_key": "boat", "event_timestamp": "left_at"}
    if not nights:
        return
    every = pa.concat_tables(nights)
    cases = every.rename_columns(named).select([*named.values(), "wind", "flag", PARTITION])
    _replace(lake, spec, POPULATION, cases)
    if decided:
        _replace(lake, spec, SCORING_SET, cases)
        _replace(lake, spec, DECISIONS, every.select([*DECISIONS_SCHEMA.names, PARTITION]))
    if labelled:
        _replace(lake, spec, LABELS, pa.concat_tables([_labels(night) for night in nights]))


def put_labels(lake: Lake, spec: UseCaseSpec, night: pa.Table, day: date) -> None:
    """The outcomes of the trips, observed at the beginning of ``day``."""
    _replace(lake, spec, LABELS, _labels(night, day))


def _labels(night: pa.Table, day: date | None = None) -> pa.Table:
    """Outcomes of a night's trips; a day later unless said."""
    rows = night.num_rows
    day = day or night.column(PARTITION)[0].as_py() + timedelta(days=1)
    observed = pa.array([datetime.combine(day, time(0), UTC)] * rows, TIMESTAMP)
    columns = {
        "trip": night.column("case_key"),
        LABEL: night.column(LABEL),
        "observed_at": observed,
    }
    return pa.table({**columns, PARTITION: pa.array([day] * rows, pa.date32())})


def _replace(lake: Lake, spec: UseCaseSpec, table: str, rows: pa.Table) -> None:
    days = rows.column(PARTITION).to_pylist()
    lake.ensure(spec.name, table, rows.schema)
    lake.replace_days(spec.name, table, min(days), max(days), rows)

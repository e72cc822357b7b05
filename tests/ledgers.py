"""A small ledger: a released version, nights of decisions by it, reviews, and its checkpoints."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.policy import decision_ids
from assets.gate_results import GateResult, record
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.ledger.record import checkpoint_day
from assets.release.events import read_events
from assets.spec import UseCaseSpec
from assets.tables import (
    DECISIONS,
    DECISIONS_SCHEMA,
    PREDICTIONS,
    PREDICTIONS_SCHEMA,
    REVIEWS,
    REVIEWS_SCHEMA,
    SCORING_SET,
)
from tests.released import NAME, approved, make_spec, person, put

DAY = date(2026, 3, 5)
NEXT = DAY + timedelta(days=1)
NOW = datetime(2026, 9, 2, tzinfo=UTC)
CASES = pa.schema(
    [
        ("trip", pa.string()),
        ("boat", pa.string()),
        ("left_at", pa.timestamp("us", "UTC")),
        ("wind", pa.float64()),
    ]
)


def cases(day: date = DAY, count: int = 6) -> list[str]:
    return [f"trip-{day:%m%d}-{n}" for n in range(count)]


def scored_cases(day: date = DAY, count: int = 6) -> pa.Table:
    """A scoring set of the use case of ``tests/released.py``."""
    start = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    return pa.table(
        {
            "trip": cases(day, count),
            "boat": [f"boat-{n % 3}" for n in range(count)],
            "left_at": [start + timedelta(minutes=n) for n in range(count)],
            "wind": [float(n) if n != 2 else None for n in range(count)],
        },
        schema=CASES,
    )


def decided(
    lake: Lake, spec: UseCaseSpec, day: date = DAY, count: int = 6, **changes: Any
) -> pa.Table:
    """Decisions of a night by version 1; ``changes``: columns that are the same in every row."""
    rows = scored_cases(day, count)
    keys = cases(day, count)
    event = read_events(lake, spec.name)[0]
    refers = [n % 2 == 1 for n in range(count)]
    reason = {"feature": "wind", "weight": 0.4, "text": "There was much wind"}
    columns: dict[str, Any] = {
        "decision_id": decision_ids(spec.name, keys, day),
        "revision": [1] * count,
        "case_key": keys,
        "entity_key": rows.column("boat").to_pylist(),
        "event_timestamp": rows.column("left_at").to_pylist(),
        "score": [0.7 if refer else 0.02 for refer in refers],
        "decision": ["refer" if refer else "approve" for refer in refers],
        "advice": ["decline" if refer else "approve" for refer in refers],
        "rule": ["decline_above" if refer else "approve_below" for refer in refers],
        "reasons": [[reason] if refer else [] for refer in refers],
        "overflow": [False] * count,
        "arm": ["champion"] * count,
        "model_version": [int(event["model_version"])] * count,
        "model_digest": [event["model_digest"]] * count,
        "scoring_set_version": [lake.version(spec.name, SCORING_SET)] * count,
        "spec_version": [spec.version] * count,
        "run_id": ["run-of-the-night"] * count,
    }
    columns |= {name: [value] * count for name, value in changes.items()}
    empty = dict.fromkeys(DECISIONS_SCHEMA.names, [None] * count)
    return pa.Table.from_pydict(empty | columns, schema=DECISIONS_SCHEMA)


def night(lake: Lake, spec: UseCaseSpec, day: date = DAY, count: int = 6) -> None:
    """Everything a night leaves in the lake, up to its decisions."""
    rows = scored_cases(day, count)
    lake.ensure(spec.name, SCORING_SET, rows.schema)
    lake.replace_day(spec.name, SCORING_SET, day, rows)
    result = GateResult("scoring_population", SCORING_SET, "pass", "fine", {"rows": 6}, {}, "e")
    record(lake, spec.name, day, result, spec_version=spec.version, run_id="run")
    decisions = decided(lake, spec, day, count)
    predictions = pa.table(
        {
            field.name: decisions.column(field.name)
            if field.name in ("case_key", "entity_key", "event_timestamp", "score", "arm")
            else pa.nulls(count, field.type)
            for field in PREDICTIONS_SCHEMA
        }
    ).cast(PREDICTIONS_SCHEMA)
    lake.ensure(spec.name, PREDICTIONS, PREDICTIONS_SCHEMA)
    lake.replace_day(spec.name, PREDICTIONS, day, predictions)
    put_decisions(lake, spec, day, decisions)


def put_decisions(lake: Lake, spec: UseCaseSpec, day: date, rows: pa.Table) -> None:
    lake.ensure(spec.name, DECISIONS, DECISIONS_SCHEMA)
    lake.replace_day(spec.name, DECISIONS, day, rows)


def revised(rows: pa.Table, place: int, **changes: Any) -> pa.Table:
    """The decisions with one of them changed."""
    told = rows.to_pylist()
    told[place] |= changes
    return pa.Table.from_pylist(told, schema=DECISIONS_SCHEMA)


def reviewed(
    lake: Lake, spec: UseCaseSpec, decision_id: str, day: date = DAY, **changes: Any
) -> None:
    """A review of a decision, as the desk appends it."""
    row = {
        "review_id": f"review of {decision_id}",
        "decision_id": decision_id,
        "revision": 1,
        "case_key": cases(day)[1],
        "sequence": 1,
        "kind": "review",
        "outcome": "approve",
        "machine": "decline",
        "rationale": "looked at the weather again",
        "reviewer": "bea",
        "at": NOW - timedelta(days=3),
        PARTITION: day,
    } | changes
    lake.ensure(spec.name, REVIEWS, REVIEWS_SCHEMA, append_only=True)
    schema = REVIEWS_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    lake.append(spec.name, REVIEWS, pa.Table.from_pylist([row], schema=schema))


def released(home: Home) -> UseCaseSpec:
    """A use case with one version, approved by a person."""
    lake, spec = Lake(home.lake), make_spec()
    put(lake, spec, 1)
    approved(home, lake, spec, 1, person(home, lake, "ann"))
    return spec


def two_nights(home: Home) -> UseCaseSpec:
    """Two nights on the ledger, one case of the first reviewed."""
    spec, lake = released(home), Lake(home.lake)
    for day in (DAY, NEXT):
        night(lake, spec, day)
    reviewed(lake, spec, decided(lake, spec).column("decision_id")[1].as_py())
    for day in (DAY, NEXT):
        checkpoint_day(lake, home, spec, day, run_id=f"run-{day}")
    return spec


def copied(home: Home, room: Path) -> tuple[Home, Lake]:
    """The same home elsewhere, for a test to spoil."""
    shutil.copytree(home.root, room / "home")
    there = Home(room / "home")
    return there, Lake(there.lake)


def day_rows(lake: Lake, table: str, day: date = DAY) -> pa.Table:
    return lake.read_day(NAME, table, day)


def only(rows: pa.Table, column: str, value: Any) -> dict[str, Any]:
    (row,) = rows.filter(pc.equal(rows.column(column), value)).to_pylist()
    return dict(row)

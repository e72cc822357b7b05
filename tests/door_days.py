"""Days of a small use case of no particular trade, as the gates at the door see them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from assets.ingestion.day_gates import Evidence
from assets.ingestion.profile import column_profiles
from assets.ingestion.source_days import LandedFile, SourceDay
from assets.source_spec import SourceSpec
from assets.spec import UseCaseSpec, closes_at

if TYPE_CHECKING:
    import duckdb

DAY = date(2026, 3, 30)
ROWS = 60
Columns = dict[str, list[Any]]


def spec_with(**events_gates: Any) -> UseCaseSpec:
    """Machines' events, readings of their sensors, a catalogue of parts, failures."""
    return UseCaseSpec.model_validate(
        {
            "name": "plant",
            "start": "2026-03-01",
            "sources": {
                "events": {
                    "timestamp": "at",
                    "key": ["event_id"],
                    "gates": events_gates,
                    "columns": {
                        "event_id": {"type": "string"},
                        "unit": {"type": "string", "pii": "pseudonymise"},
                        "at": {"type": "timestamp"},
                        "load": {"type": "float", "required": False},
                        "count": {"type": "int", "required": False},
                        "shift": {"type": "string", "values": ["early", "late", "night"]},
                        "batch": {"type": "string", "required": False},
                    },
                },
                "readings": {
                    "columns": {
                        "unit": {"type": "string", "pii": "pseudonymise"},
                        "read_at": {"type": "timestamp"},
                        "heat": {"type": "float"},
                    }
                },
                "parts": {
                    "arrival": "snapshot",
                    "gates": {"freshness": "7d"},
                    "columns": {"part": {"type": "string"}, "price": {"type": "float"}},
                },
                "failures": {
                    "arrival": "optional",
                    "columns": {
                        "event_id": {"type": "string"},
                        "failed": {"type": "int"},
                        "seen_at": {"type": "timestamp"},
                    },
                },
            },
            "population": {
                "source": "events",
                "key": "event_id",
                "entity": "unit",
                "event_timestamp": "at",
            },
            "label": {
                "source": "failures",
                "column": "failed",
                "positive": 1,
                "observed_at": "seen_at",
                "matures_after": "2d",
            },
            "features": {
                "request": ["load"],
                "views": {
                    "readings": {
                        "entity": "unit",
                        "timestamp": "read_at",
                        "ttl": "5d",
                        "columns": ["heat"],
                    }
                },
            },
        }
    )


SPEC = spec_with()
EVENTS = SPEC.sources["events"]


def events(seed: int, rows: int = ROWS, **changes: Callable[[Any], Any]) -> Columns:
    """A day of events; ``load`` about 50 with a fraction, ``count`` 0 to 9. The seed changes the
    sample, not what it is drawn from. ``changes`` turn a column into another."""
    draw = np.random.default_rng(seed)
    columns: Columns = {
        "load": list(np.round(draw.lognormal(4, 0.5, rows), 2)),
        "count": [int(n) for n in draw.integers(0, 10, rows)],
        "shift": list(draw.choice(["early", "late", "night"], rows, p=[0.5, 0.3, 0.2])),
        "batch": [f"{seed}-{n}" for n in range(rows)],
    }
    return columns | {
        name: [change(value) for value in columns[name]] for name, change in changes.items()
    }


@cache
def _database() -> "duckdb.DuckDBPyConnection":
    """One for all days: opening it takes longer than all that is asked of it."""
    import duckdb

    return duckdb.connect()


def source_day(
    day: date, columns: Columns, source: SourceSpec = EVENTS, **changes: Any
) -> SourceDay:
    """The profile of a day with these values; columns left out are null."""
    types = {"int": "BIGINT", "float": "DOUBLE", "string": "VARCHAR"}
    rows = len(next(iter(columns.values()), []))
    values = ", ".join(
        f"CAST({f'given.{name}' if name in columns else 'NULL'} AS "
        f"{types.get(c.type, 'TIMESTAMPTZ')}) AS value_{number}"
        for number, (name, c) in enumerate(source.columns.items())
    )
    with _database().cursor() as connection:
        connection.register("given", pa.table({"row": list(range(rows))} | columns))
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE judged AS SELECT {values}, 0 AS broken FROM given"
        )
        found = json.loads(json.dumps(column_profiles(connection, "judged", source)))
    said: dict[str, Any] = {
        "landed": rows,
        "validated": rows,
        "quarantined": 0,
        "future": 0,
        "duplicates": 0,
        "newest": closes_at(day) - timedelta(hours=2),
        "rows_hash": f"duckdb2:{rows}:{day:%m%d}",
        "input_digest": f"digest of {day}",
        "columns": found,
    }
    return SourceDay(day=day, **(said | changes))


PAST = [source_day(DAY - timedelta(days=n), events(n)) for n in range(30, 0, -1)]


def evidence(
    today: SourceDay, history: Sequence[SourceDay] = PAST, source: SourceSpec = EVENTS, **more: Any
) -> Evidence:
    brought = [LandedFile(DAY, f"events_{DAY}.csv", "sha of today", today.landed)]
    known: dict[str, Any] = {"files": brought, "earlier": history, **more}
    return Evidence(source=source, day=DAY, today=today, history=history, **known)


def limited(source: SourceSpec = EVENTS, **gates: Any) -> SourceSpec:
    return source.model_copy(update={"gates": source.gates.model_copy(update=gates)})


def today(rows: int = ROWS, **changes: Any) -> SourceDay:
    """Today's profile, an ordinary one but for the fields given."""
    return replace(source_day(DAY, events(99, rows)), **changes)

"""A small use case of no particular trade, its files, and the road up to its marts."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from assets.home import Home
from assets.ingestion.ingest import Ingested, ingest
from assets.lake import Lake
from assets.spec import UseCaseSpec

KEY = b"0123456789abcdef0123456789abcdef"
START = date(2026, 3, 1)

ATTRIBUTES: dict[str, Any] = {
    "name": "plant",
    "owners": ["team:plant"],
    "start": "2026-03-01",
    "sources": {
        "events": {
            "timestamp": "happened_at",
            "columns": {
                "event_id": {"type": "string"},
                "unit": {"type": "string", "pii": "pseudonymise"},
                "badge": {"type": "string", "required": False, "pii": "drop"},
                "happened_at": {"type": "timestamp"},
                "load": {"type": "float", "min": 0, "max": 100},
                "shift": {"type": "string", "values": ["early", "late", "night"]},
                "crew": {"type": "int", "required": False, "min": 1},
            },
        },
        "readings": {
            "arrival": "optional",
            "columns": {
                "unit": {"type": "string", "required": False, "pii": "pseudonymise"},
                "read_at": {"type": "timestamp"},
                "loaded_at": {"type": "timestamp"},
                "heat": {"type": "float", "required": False},
            },
        },
        "outcomes": {
            "arrival": "optional",
            "columns": {
                "event_id": {"type": "string"},
                "failed": {"type": "int", "required": False},
                "seen_at": {"type": "timestamp"},
            },
        },
    },
    "population": {
        "source": "events",
        "key": "event_id",
        "entity": "unit",
        "event_timestamp": "happened_at",
    },
    "label": {
        "source": "outcomes",
        "column": "failed",
        "positive": 1,
        "observed_at": "seen_at",
        "matures_after": "2d",
    },
    "features": {
        "request": ["load", "shift", "crew"],
        "views": {
            "readings": {
                "entity": "unit",
                "timestamp": "read_at",
                "created": "loaded_at",
                "ttl": "5d",
                "columns": ["heat"],
            }
        },
    },
}


def small_spec(**changes: Any) -> UseCaseSpec:
    """The spec; a dotted path (``sources__events__columns__load``, ``__`` for the dots) replaces
    the value there."""
    attributes = deepcopy(ATTRIBUTES)
    for path, value in changes.items():
        at = attributes
        *way, last = path.split("__")
        for step in way:
            at = at[step]
        at[last] = value
    return UseCaseSpec.model_validate(attributes)


def event(number: int, day: date = START, **changes: Any) -> dict[str, Any]:
    """A row of the events that passes the contract."""
    row = {
        "event_id": f"e{day:%m%d}{number:04}",
        "unit": f"u{number % 7}",
        "badge": f"badge-{number}",
        "happened_at": f"{day}T{number % 24:02}:00:00Z",
        "load": number % 100 + 0.5,
        "shift": ("early", "late", "night")[number % 3],
        "crew": number % 5 + 1,
    }
    return row | changes


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV with a header; no quoting, None is an empty cell."""
    lines = [",".join(rows[0])]
    lines += [",".join("" if v is None else str(v) for v in row.values()) for row in rows]
    return "\n".join(lines) + "\n"


def land(home: Home, source: str, name: str, content: str | bytes) -> Path:
    """Drop a file into the landing zone of the small use case."""
    path = home.landing_source("plant", source) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def land_events(home: Home, day: date, rows: Iterable[Mapping[str, Any]]) -> Path:
    """The events file of a day."""
    return land(home, "events", f"events_{day}.csv", csv_text(list(rows)))


def land_days(home: Home, days: int, cases: int = 20, heat: float = 0.0) -> None:
    """Consistent files of all three sources for the first days."""
    for day in (START + timedelta(days=n) for n in range(days)):
        land_events(home, day, [event(n, day) for n in range(cases)])
        readings = [
            {
                "unit": f"u{n}",
                "read_at": f"{day}T00:00:00Z",
                "loaded_at": f"{day}T01:00:00Z",
                "heat": heat + n,
            }
            for n in range(7)
        ]
        land(home, "readings", f"readings_{day}.csv", csv_text(readings))
        outcomes = [
            {
                "event_id": event(n, day)["event_id"],
                "failed": n % 2,
                "seen_at": f"{day + timedelta(days=1)}T00:00:00Z",
            }
            for n in range(cases)
        ]
        land(home, "outcomes", f"outcomes_{day}.csv", csv_text(outcomes))


def take(
    spec: UseCaseSpec,
    home: Home,
    source: str = "events",
    first: date = START,
    last: date | None = None,
    run_id: str = "run",
) -> Ingested:
    """Ingest days of one source."""
    return ingest(spec, source, home, Lake(home.lake), first, last or first, KEY, run_id)

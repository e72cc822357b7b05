"""A small use case with refused rows, made by hand: for tests of what becomes of them."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from assets.ingestion.quarantine import quarantined
from assets.ingestion.vault import Vault
from assets.lake import Lake
from assets.tables import QUARANTINE_SCHEMA, quarantine

KEY = b"k" * 32
DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)
AT = datetime(2026, 3, 3, tzinfo=UTC)
SHA = "ab" * 32
MASK = "(masked)"

ATTRIBUTES: dict[str, Any] = {
    "name": "hotel",
    "start": "2026-03-01",
    "sources": {
        "stays": {
            "timestamp": "arrived_at",
            "delimiter": ";",
            "decimal": ",",
            "encoding": "cp1252",
            "columns": {
                "stay_id": {"type": "string"},
                "phone": {"type": "string", "required": False, "pii": "drop"},
                "guest": {"type": "string", "pii": "pseudonymise"},
                "arrived_at": {"type": "timestamp"},
                "price": {"type": "float", "min": 0},
                "rule": {"type": "string", "required": False},
            },
        },
        "reviews": {
            "format": "parquet",
            "arrival": "optional",
            "columns": {
                "author": {"type": "string", "pii": "pseudonymise"},
                "stars": {"type": "int", "min": 1},
            },
        },
        "outcomes": {
            "arrival": "optional",
            "columns": {
                "stay_id": {"type": "string"},
                "left_early": {"type": "int"},
                "seen_at": {"type": "timestamp"},
            },
        },
    },
    "population": {
        "source": "stays",
        "key": "stay_id",
        "entity": "guest",
        "event_timestamp": "arrived_at",
    },
    "label": {
        "source": "outcomes",
        "column": "left_early",
        "positive": 1,
        "observed_at": "seen_at",
        "matures_after": "2d",
    },
    "features": {"request": ["price"]},
}


def refused_row(record: int, **changes: Any) -> dict[str, Any]:
    """A row of the stays with a bad price, as the door hands it over."""
    guest, phone = changes.pop("guest", f"g{record}"), changes.pop("phone", f"+49 {record}")
    cells = {
        "stay_id": f"s{record}",
        "phone": MASK,
        "guest": MASK,
        "arrived_at": "2026-03-01T10:00:00Z",
        "price": "-1,5",
        "rule": None,
    } | changes.pop("cells", {})
    row = {
        "record": record,
        "line": record,
        "column": "price",
        "rule": "range",
        "message": "-1,5 < 0",
        "original": json.dumps(cells),
        "personal": json.dumps({"phone": phone, "guest": guest}),
        "person": guest,
    }
    return row | changes


def uncut_row(record: int, raw: str) -> dict[str, Any]:
    """A row of the stays that the reader could not cut into cells."""
    return refused_row(
        record, column=None, rule="shape", message="cells", original=MASK, personal=raw, person=None
    )


def sealed(vault: Vault, *rows: dict[str, Any], key: bytes = KEY, **changes: str) -> pa.Table:
    """The rows as they are kept, of one file."""
    schema = pa.schema(
        [
            (name, pa.int64() if name in ("record", "line") else pa.string())
            for name in refused_row(1)
        ]
    )
    about = {"source": "stays", "file": "stays_2026-03-01.csv", "file_sha256": SHA, "run_id": "r"}
    return quarantined(
        pa.Table.from_pylist(list(rows), schema=schema),
        person_key=key,
        vault=vault,
        **(about | changes),  # type: ignore[arg-type]
    )


def put(lake: Lake, rows: pa.Table, day: date = DAY, source: str = "stays") -> None:
    """Make the rows what is in quarantine of a day."""
    lake.ensure("hotel", quarantine(source), QUARANTINE_SCHEMA)
    lake.replace_day("hotel", quarantine(source), day, rows)

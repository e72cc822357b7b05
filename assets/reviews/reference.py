"""The training set of a model version, as a case is compared with it: quantiles, bars, shares.

Made once per version and kept as JSON under ``home.desk/reference``, named by the digest of what it
is made of; a file that cannot be read is made anew. Nothing in it is of one person: no smallest or
largest value, no category of fewer than ten rows, no text.
"""

import hashlib
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.durable import write_whole
from assets.errors import NightshiftError
from assets.release.events import entry_of, evidence_of, read_events
from assets.spec import closes_at
from assets.tables import TRAINING_SET
from assets.training.card.measures import plain

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

FORM = 1
"""Of the files; count it up when what they hold changes."""

BARS = 20
SHOWN = ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99")
RARE = 10
"""Rows a category has at least, as in the encoders (``assets/training/inputs.py``)."""

LONGEST = 60
"""Characters of a category; what is longer is somebody's words."""

MOST_CATEGORIES = 500

Reference = dict[str, dict[str, Any]]
"""By feature: ``kind`` (number | category) and ``missing``; of a number ``grid`` (quantiles 0.01 to
0.99), ``edges``, ``counts``; of a category ``shares`` (name, share; the most frequent first)."""


def reference(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", version: int | None, day: date
) -> Reference | None:
    """Of the version that scored a case; where none did, of the newest one trained by ``day``.

    None when no such version is on record or its training set can no longer be read.
    """
    record = _record(lake, spec, version, day)
    if record is None:
        return None
    types = [[name, spec.feature_type(name)] for name in spec.feature_names]
    made_of = [FORM, spec.name, record["training_set_digest"], types]
    digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
    path = home.desk / "reference" / spec.name / f"{digest}.json"
    found = _kept(path)
    if found is None:
        rows = _training_set(lake, spec, record)
        if rows is None:
            return None
        found = described(spec, rows)
        write_whole(path, json.dumps(found, sort_keys=True), private=True)
    return found


def described(spec: "UseCaseSpec", rows: pa.Table) -> Reference:
    """What is kept of a training set; features that it does not have are left out."""
    found: Reference = {}
    for name in spec.feature_names:
        if name not in rows.column_names:
            continue
        kind, column = spec.feature_type(name), rows.column(name)
        if kind in ("int", "float"):
            found[name] = _numbers(column)
        elif kind == "bool":
            yes = pc.if_else(pc.equal(column.cast(pa.float64()), 0.0), "False", "True")
            found[name] = _categories(yes)
        else:
            found[name] = _categories(pc.cast(column, pa.string()))
    return found


def _numbers(column: pa.ChunkedArray) -> dict[str, Any]:
    import numpy as np

    values = pc.cast(column, pa.float64(), safe=False).to_numpy()
    finite = values[np.isfinite(values)]
    missing = 1 - len(finite) / len(values) if len(values) else 1.0
    if not len(finite):
        return {"kind": "number", "missing": missing, "grid": [], "edges": [], "counts": []}
    grid = np.quantile(finite, np.arange(1, 100) / 100)
    low, high = float(grid[0]), float(grid[-1])
    edges = np.linspace(low, high, BARS + 1) if high > low else np.array([low, high])
    counts = np.histogram(np.clip(finite, low, high), edges)[0] if high > low else [len(finite)]
    return {
        "kind": "number",
        "missing": missing,
        "grid": plain(grid),
        "edges": plain(edges),
        "counts": [int(count) for count in counts],
    }


def _categories(column: pa.ChunkedArray) -> dict[str, Any]:
    rows = len(column)
    counted = pc.value_counts(column.drop_null()).to_pylist()
    common = [
        (str(one["values"]), int(one["counts"]))
        for one in counted
        if one["counts"] >= RARE and len(str(one["values"])) <= LONGEST
    ]
    common.sort(key=lambda one: (-one[1], one[0]))
    shares = [[name, count / rows] for name, count in common[:MOST_CATEGORIES]]
    missing = column.null_count / rows if rows else 1.0
    return {"kind": "category", "missing": missing, "shares": shares}


def _record(
    lake: "Lake", spec: "UseCaseSpec", version: int | None, day: date
) -> dict[str, Any] | None:
    """What was registered of the version."""
    events = read_events(lake, spec.name)
    versions = sorted({int(event["model_version"]) for event in events})
    for one in [version] if version is not None else reversed(versions):
        entry = entry_of(events, one)
        record = evidence_of(entry).get("record") if entry is not None else None
        if record and (version or datetime.fromisoformat(record["as_of"]) <= closes_at(day)):
            return dict(record)
    return None


def _training_set(lake: "Lake", spec: "UseCaseSpec", record: dict[str, Any]) -> pa.Table | None:
    """The rows it was trained on; None when they can no longer be read."""
    from deltalake.exceptions import DeltaError

    of = datetime.fromisoformat(record["as_of"]).date() - timedelta(days=1)
    version = int(record["training_set_version"])
    try:
        return lake.read(spec.name, TRAINING_SET, first=of, last=of, version=version)
    except (NightshiftError, DeltaError, OSError, pa.ArrowException):
        # Vacuumed, or moved away: a case is shown without what is usual rather than not at all.
        return None


def _kept(path: Path) -> Reference | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None

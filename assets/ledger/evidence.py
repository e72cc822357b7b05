"""What a checkpoint says beside its root: what the rows were made from, and what became of them."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.ledger.covered import inputs_of, read
from assets.ledger.roots import root_of
from assets.ledger.specs import digests

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


def decisions_evidence(
    lake: "Lake", spec: "UseCaseSpec", day: date, rows: pa.Table
) -> dict[str, Any]:
    """``inputs`` (table to version, rows and root of the day), ``specs`` (version to SHA-256),
    ``models`` (version, digest, arm and rows of each that decided)."""
    inputs: dict[str, Any] = {}
    for table, keys in inputs_of(spec).items():
        if not lake.exists(spec.name, table):
            continue
        version = lake.version(spec.name, table)
        found = root_of(read(lake, spec.name, table, day, version), keys)
        if found.rows:
            inputs[table] = {"version": version, "rows": found.rows, "root": found.root}
    kept = digests(lake, spec.name)
    cited = sorted(v for v in pc.unique(rows.column("spec_version")).to_pylist() if v)
    return {
        "inputs": inputs,
        "specs": {version: kept.get(version, "") for version in cited},
        "models": models_in(rows),
    }


def models_in(rows: pa.Table) -> list[dict[str, Any]]:
    """Model version, digest, arm and how many decisions cite them; of no model: null."""
    keys = ["model_version", "model_digest", "arm"]
    counted = rows.select(keys).group_by(keys).aggregate([([], "count_all")])
    found: list[dict[str, Any]] = counted.rename_columns({"count_all": "decisions"}).to_pylist()
    return sorted(found, key=lambda one: tuple(str(one[key]) for key in keys))


def releases_evidence(rows: pa.Table) -> dict[str, Any]:
    """``models``: version to the digest of its file, by the newest event of each."""
    events = sorted(rows.to_pylist(), key=lambda event: int(event["sequence"]))
    return {"models": {str(e["model_version"]): e["model_digest"] for e in events}}


def gates_evidence(rows: pa.Table) -> dict[str, Any]:
    """``verdicts``: verdict to how many gates say so."""
    counted: Mapping[str, int] = {
        one["values"]: one["counts"] for one in pc.value_counts(rows.column("verdict")).to_pylist()
    }
    return {"verdicts": dict(sorted(counted.items()))}

"""Gate results: what a gate found, on which evidence, and the refusal when it did not pass.

Dagster's blocking checks stop what is downstream only within one run. So whoever consumes a gated
table asks here, in its own run, whether the gate passed on exactly the rows it is about to use.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pyarrow as pa

from assets.content import content_digest
from assets.errors import NightshiftError
from assets.lake import PARTITION, Lake
from assets.tables import GATE_RESULTS, GATE_RESULTS_SCHEMA

Verdict = Literal["pass", "fail", "insufficient"]


class GateRefusal(NightshiftError):
    """A gate did not pass, or there is no record that it did. Nothing downstream may happen."""


@dataclass(frozen=True)
class GateResult:
    """One verdict of one gate on one table's day."""

    gate: str
    subject: str
    verdict: Verdict
    message: str
    figures: Mapping[str, Any]
    threshold: Mapping[str, Any]
    evidence_digest: str


def record(
    lake: Lake, use_case: str, day: date, result: GateResult, *, spec_version: str, run_id: str
) -> None:
    """Put a gate's result on record for a day; the same finding twice leaves one record."""
    record_many(lake, use_case, {day: [result]}, spec_version=spec_version, run_id=run_id)


def record_many(
    lake: Lake,
    use_case: str,
    results: Mapping[date, Sequence[GateResult]],
    *,
    spec_version: str,
    run_id: str,
) -> None:
    """Put the results of days on record in one commit: all of them, or none.

    What other gates, and the same gates on other subjects, have on record of these days, and of
    days between them, stays.
    """
    if not results:
        return
    lake.ensure(use_case, GATE_RESULTS, GATE_RESULTS_SCHEMA)
    first, last = min(results), max(results)
    # Gates of one day may be recorded at once: the slower writer is refused, and tries again.
    seen = lake.version(use_case, GATE_RESULTS)
    others = lake.read(use_case, GATE_RESULTS, first=first, last=last, version=seen)
    new = {(day, result.gate, result.subject) for day, found in results.items() for result in found}
    recorded = [others.column(name).to_pylist() for name in (PARTITION, "gate", "subject")]
    stays = [key not in new for key in zip(*recorded, strict=True)]
    rows = [
        {
            "gate": result.gate,
            "subject": result.subject,
            "verdict": result.verdict,
            "message": result.message,
            "figures": json.dumps(result.figures, sort_keys=True),
            "threshold": json.dumps(result.threshold, sort_keys=True),
            "evidence_digest": result.evidence_digest,
            "spec_version": spec_version,
            "run_id": run_id,
            PARTITION: day,
        }
        for day, found in results.items()
        for result in found
    ]
    kept = others.filter(pa.array(stays, pa.bool_()))
    merged = pa.concat_tables([kept, pa.Table.from_pylist(rows, schema=others.schema)])
    lake.replace_days(use_case, GATE_RESULTS, first, last, merged, {"run_id": run_id}, since=seen)


def require_passed(lake: Lake, use_case: str, day: date, gate: str, rows: pa.Table) -> None:
    """Return only if ``gate`` passed for ``day`` on exactly these rows.

    Raises GateRefusal when there is no record, the verdict is not ``pass``, or the rows have
    changed since the gate looked at them.
    """
    recorded = (
        lake.read_day(use_case, GATE_RESULTS, day).to_pylist()
        if lake.exists(use_case, GATE_RESULTS)
        else []
    )
    found = [r for r in recorded if r["gate"] == gate]
    if not found:
        raise GateRefusal(
            f"gate '{gate}' has no recorded result for {use_case} {day}: run the checks of this "
            "partition first"
        )
    if found[0]["verdict"] != "pass":
        raise GateRefusal(
            f"gate '{gate}' says {found[0]['verdict']} for {use_case} {day}: {found[0]['message']}"
        )
    if found[0]["evidence_digest"] != content_digest(rows):
        raise GateRefusal(
            f"gate '{gate}' passed for {use_case} {day}, but on other rows than are there now: "
            "run the checks of this partition again"
        )


def verdicts(
    lake: Lake, use_case: str, gate: str, first: date | None = None, last: date | None = None
) -> dict[date, str]:
    """Verdict of a gate by day, for every day on record, or those first..last."""
    import pyarrow.dataset as ds

    if not lake.exists(use_case, GATE_RESULTS):
        return {}
    rows = lake.read(
        use_case,
        GATE_RESULTS,
        columns=["verdict", PARTITION],
        where=ds.field("gate") == gate,
        first=first,
        last=last,
    )
    return {row[PARTITION]: row["verdict"] for row in rows.to_pylist()}


def passed_days(lake: Lake, use_case: str, gate: str, first: date, last: date) -> list[date]:
    """Days first..last on which the gate passed, ascending."""
    found = verdicts(lake, use_case, gate, first, last)
    return sorted(d for d, v in found.items() if v == "pass")

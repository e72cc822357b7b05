"""A gate before scoring that failed: the night ends with people, or does not happen.

Which of the two is the use case's ``fallback.on_failed_gate``. Missing or stale evidence is neither
a pass nor a failure, and stops a night either way: the checks have to look at these very rows.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from assets.content import content_digest
from assets.gate_results import GateRefusal, require_passed
from assets.tables import GATE_RESULTS

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

    from assets.lake import Lake
    from assets.spec import UseCaseSpec

FAILED_GATE = "a gate before scoring did not pass, so nothing was scored: "
"""How the ``fallback`` of such a night begins. Decisions tell by it that no rule may be asked: the
values a rule would look at are what is not to be trusted."""


def failed_gate(
    lake: "Lake", spec: "UseCaseSpec", day: "date", gates: Iterable[str], rows: "pa.Table"
) -> str | None:
    """What to put into ``fallback`` when a gate failed on exactly these rows; None if all passed.

    ``rows`` is the scoring set of ``day``. The text begins with ``FAILED_GATE`` and holds the
    message of each gate on record as ``fail``. Raises GateRefusal as
    :func:`~assets.gate_results.require_passed` does when a gate has no record, its record is of
    other rows, its verdict is ``insufficient``, or the spec says ``on_failed_gate: stop``.
    """
    told = []
    digest = ""
    for gate in gates:
        found = _on_record(lake, spec, day, gate)
        if found is None or found["verdict"] != "fail" or spec.fallback.on_failed_gate == "stop":
            require_passed(lake, spec.name, day, gate, rows)
            continue
        digest = digest or content_digest(rows)
        if found["evidence_digest"] != digest:
            raise GateRefusal(
                f"gate '{gate}' failed for {spec.name} {day}, but on other rows than are there "
                "now: run the checks of this partition again"
            )
        told.append(f"{gate}: {found['message']}")
    return FAILED_GATE + "; ".join(told) if told else None


def by_failed_gate(fallback: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Of each ``fallback`` of the predictions whether it is of a failed gate; no nulls."""
    return pc.fill_null(pc.starts_with(fallback, FAILED_GATE), False)


def _on_record(lake: "Lake", spec: "UseCaseSpec", day: "date", gate: str) -> dict[str, str] | None:
    if not lake.exists(spec.name, GATE_RESULTS):
        return None
    rows = lake.read_day(spec.name, GATE_RESULTS, day).to_pylist()
    return next((row for row in rows if row["gate"] == gate), None)

"""What a night decided, counted."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.counts import by_value, summary, why_fallback
from assets.decisions.outcomes import WITHDRAWN

CANARY = "canary"


@dataclass(frozen=True)
class Decided:
    """Counts of one night's decisions."""

    cases: int
    approved: int
    referred: int
    declined: int
    advised_decline: int
    fallback: int  # that no model scored
    overflow: int  # referred beyond what people can look at in a night
    why_fallback: str
    version: int | None  # that decided most cases
    canary: tuple[int, int] | None  # version in canary, and the cases it decided
    rules: dict[str, int] = field(hash=False)  # rule to the cases it decided


def decided_of(rows: pa.Table) -> Decided:
    """Count decisions (``decision``, ``advice``, ``rule``, ``overflow``, ``arm``,
    ``model_version``, ``fallback``). Those withdrawn are of no case any more and not counted."""
    rows = rows.filter(pc.fill_null(pc.not_equal(rows.column("rule"), WITHDRAWN), True))
    found = summary(rows)
    of_canary = pc.fill_null(pc.equal(rows.column("arm"), CANARY), False)
    beside = by_value(rows.filter(of_canary), "model_version")
    own = by_value(rows.filter(pc.invert(of_canary)), "model_version")
    return Decided(
        cases=found["cases"],
        approved=found["approve"],
        referred=found["refer"],
        declined=found["decline"],
        advised_decline=found["advised_decline"],
        fallback=found["fallback"],
        overflow=found["overflow"],
        why_fallback=why_fallback(rows),
        version=_first(own),
        canary=next(((int(v), n) for v, n in beside.items()), None),
        rules=by_value(rows, "rule"),
    )


def _first(counts: dict[str, int]) -> Any:
    return next((int(version) for version in counts), None)

"""Nights that were not scored: nothing is learnt from them, and nothing is proven by them."""

from datetime import date
from typing import TYPE_CHECKING

from assets.features.coverage import GATE as COVERAGE
from assets.gate_results import verdicts
from assets.quality.scoring_population import GATE

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


def stopped_nights(
    spec: "UseCaseSpec", lake: "Lake", first: date | None = None, last: date | None = None
) -> list[date]:
    """Days whose cases no model scored, because a gate on them or their features did not pass; of
    all days, or of those first..last."""
    gates = (GATE, COVERAGE) if spec.features.views else (GATE,)
    judged = [verdicts(lake, spec.name, gate, first, last) for gate in gates]
    return sorted({day for found in judged for day, verdict in found.items() if verdict != "pass"})

"""What a gate found, before it is put on record, and figures as a record can hold them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assets.gate_results import GateResult, Verdict
from assets.training.evidence import Interval
from assets.training.gate_names import model_subject


@dataclass(frozen=True)
class Finding:
    """Verdict of one gate on one trained model."""

    gate: str
    verdict: Verdict
    message: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    threshold: Mapping[str, Any] = field(default_factory=dict)

    def result(self, digest: str) -> GateResult:
        """The finding as it goes on record: subject and evidence are the training's digest."""
        return GateResult(
            gate=self.gate,
            subject=model_subject(digest),
            verdict=self.verdict,
            message=self.message,
            figures=plain(self.figures),
            threshold=plain(self.threshold),
            evidence_digest=digest,
        )


def plain(value: Any) -> Any:
    """``value`` as JSON holds it: floats of six significant digits, no NaN or infinity (null)."""
    if isinstance(value, Interval):
        return plain(vars(value))
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    return value


def told(found: Interval) -> str:
    """A figure and its interval in words, like "0.812 (0.790 to 0.833)"."""
    return f"{found.value:.4g} ({found.low:.4g} to {found.high:.4g})"

"""How carefully a version comes to decide cases: shadow, canary, guardrails, proof."""

from typing import Literal

from pydantic import Field

from assets.source_spec import Block


class ShadowSpec(Block):
    """Scoring every case beside the champion, deciding none."""

    days: int = Field(default=7, ge=1, description="Nights, at least.")
    cases: int = Field(default=500, ge=1, description="Scored by both, at least.")
    most_disagreement: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Largest share of cases on which the policy would decide otherwise.",
    )


class CanarySpec(Block):
    """Deciding a stable share of entities."""

    share: float = Field(default=0.1, gt=0, le=0.5, description="Of entities.")
    days: int = Field(default=7, ge=1, description="Nights, at least.")
    cases: int = Field(default=100, ge=1, description="Decided by the challenger, at least.")


class GuardrailsSpec(Block):
    """What may not happen to the challenger's share of cases. Asked each night of the canary.

    A difference counts beyond chance only: its interval at ``confidence`` must lie outside.
    """

    referral_shift: float = Field(
        default=0.1, gt=0, le=1, description="Largest difference of the arms' referral rates."
    )
    approval_shift: float = Field(
        default=0.1, gt=0, le=1, description="Largest difference of the arms' approval rates."
    )
    calibration_error: float = Field(
        default=0.1, gt=0, le=1, description="Of the challenger on matured labels of the canary."
    )
    fairness_ratio: float = Field(
        default=0.8, gt=0, le=1, description="Smallest ratio of selection rates between groups."
    )
    invalid_scores: float = Field(
        default=0.0, ge=0, le=1, description="Largest share of the challenger's unusable scores."
    )
    min_cases: int = Field(default=50, ge=1, description="Fewer in the arm: insufficient.")
    confidence: float = Field(default=0.99, gt=0.5, lt=1)


class NonInferioritySpec(Block):
    """Proof that a challenger is no worse, on labels that matured since it came."""

    margin: float = Field(default=0.02, ge=0, description="Loss of the metric that is no worse.")
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=1000, ge=100, description="Of the paired bootstrap.")
    min_labels: int = Field(default=200, ge=20, description="Fewer matured cases: insufficient.")
    insufficient: Literal["hold", "promote"] = Field(
        default="hold",
        description=(
            "What too few matured labels mean when everything else is met. hold: it stays where it "
            "is. promote: time alone may promote, and the record says that it did."
        ),
    )


class ReleaseSpec(Block):
    """Who has to agree, and what must be shown, before a version decides all cases."""

    approvals: int | None = Field(
        default=None,
        ge=1,
        le=5,
        description="Named people who must approve. May be more than the risk tier asks, not less.",
    )
    approvers: list[str] = Field(
        default=[], description="Who may approve, by enrolled name. Empty: anyone enrolled."
    )
    shadow: ShadowSpec | None = Field(
        default=ShadowSpec(), description="null: an approved version goes straight to the canary."
    )
    canary: CanarySpec | None = Field(
        default=CanarySpec(), description="null: what leaves the shadow becomes champion."
    )
    guardrails: GuardrailsSpec = GuardrailsSpec()
    non_inferiority: NonInferioritySpec = NonInferioritySpec()

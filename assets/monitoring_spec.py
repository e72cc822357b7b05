"""What is watched once decisions are made, when it counts, what it costs, what then happens."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from assets.source_spec import Block, parse_duration


class DriftSpec(Block):
    """When the input counts as moved, against the champion's training window."""

    window_days: int = Field(
        default=7, ge=1, description="Nights up to the partition, compared beside the night itself."
    )
    column_threshold: float = Field(
        default=0.1, gt=0, description="Effect size below which no move counts, however sure."
    )
    false_alarms: float = Field(
        default=0.01,
        gt=0,
        le=0.2,
        description="Share of nights on which an unchanged population may be called moved.",
    )
    min_rows: int = Field(default=50, ge=1, description="Fewer rows: insufficient, not 'stable'.")
    reference_rows: int = Field(
        default=5000, ge=100, description="Seeded sample of the window that the page draws."
    )


class PerformanceSpec(Block):
    """When the champion counts as worse than it was when it was trained."""

    window_days: int = Field(
        default=28, ge=1, description="Matured cases of so many days are looked at together."
    )
    margin: float = Field(
        default=0.05,
        ge=0,
        description="Loss of the metric that is no breach (of mae and rmse a share).",
    )
    calibration_error: float = Field(
        default=0.1, gt=0, le=1, description="Largest expected calibration error (binary)."
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    min_labels: int = Field(default=200, ge=20, description="Fewer matured cases: insufficient.")
    slices: list[str] = Field(
        default=[], description="Features by whose values performance is told apart as well."
    )


class FairnessSpec(Block):
    """When groups of the sensitive columns count as treated unequally by the decisions."""

    window_days: int = Field(default=28, ge=1, description="Nights looked at together.")
    ratio: float = Field(
        default=0.8, gt=0, le=1, description="Smallest ratio of approval rates between groups."
    )
    min_cases: int = Field(default=50, ge=1, description="Groups with fewer are not judged.")
    confidence: float = Field(default=0.95, gt=0.5, lt=1)


class RetrainSpec(Block):
    """When the road asks for a training by itself. What is trained still needs its approval."""

    on: list[Literal["drift", "performance"]] = Field(
        default=["drift", "performance"], description="Kinds of incident that ask for a training."
    )
    cool_down: str = Field(default="7d", description="Between two requests, like 7d.")

    @field_validator("cool_down")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value

    @property
    def pause(self) -> timedelta:
        return parse_duration(self.cool_down)


class MonitoringSpec(Block):
    """What is watched night by night; nothing here stops a night."""

    drift: DriftSpec = DriftSpec()
    performance: PerformanceSpec = PerformanceSpec()
    fairness: FairnessSpec = FairnessSpec()
    retrain: RetrainSpec = RetrainSpec()
    closes_after: int = Field(
        default=2, ge=1, description="Quiet nights in a row that close an incident."
    )
    overdue_cases: int = Field(
        default=0, ge=0, description="More cases overdue at the desk than this are an incident."
    )


class OutcomeValue(Block):
    """What a decided case is worth, in the currency (or, with ``value``, as a share of it)."""

    good: float = Field(default=0.0, description="Where the positive outcome does not happen.")
    bad: float = Field(default=0.0, description="Where it does; a loss is negative.")


class EconomicsSpec(Block):
    """What the road costs and what its decisions are worth."""

    currency: str = Field(default="EUR", description="Name or sign money is told in.")
    compute_hour: float = Field(default=0.10, ge=0, description="Price of an hour of the machine.")
    reviewer_hour: float = Field(default=45.0, ge=0, description="Price of a reviewer's hour.")
    review_minutes: float = Field(default=12.0, ge=0, description="A reviewer takes for a case.")
    value: str | None = Field(
        default=None,
        description="Numeric population column: values below are shares of it, like the amount.",
    )
    approve: OutcomeValue | None = Field(default=None, description="What an approved case brings.")
    decline: OutcomeValue | None = Field(default=None, description="What a declined case brings.")
    night_budget: float | None = Field(
        default=None, ge=0, description="Compute and review of one night; more is an incident."
    )

    @model_validator(mode="after")
    def _worth_of_both(self) -> "EconomicsSpec":
        if self.decline is not None and self.approve is None:
            raise ValueError("economics.decline says what a case is worth, approve does not")
        return self

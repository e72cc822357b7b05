"""How scores become decisions, and who looks at what a machine should not decide alone."""

import re
from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from assets.source_spec import Block, parse_duration

RULE_ID = re.compile(r"[a-z][a-z0-9_]*\Z")


class RuleSpec(Block):
    """A hard rule: what it asks of one column of the case, and what then happens.

    Exactly one of ``below``, ``above``, ``among`` and ``missing`` is given. ``below`` and ``above``
    are strict and never hold of a null; ``among`` compares as text.
    """

    id: str = Field(description="Stands in the decision, with the version: min_income@2.")
    version: int = Field(default=1, ge=1, description="Count it up with every change of the rule.")
    column: str = Field(description="A feature, or another column of the population; not sensitive")
    below: float | None = None
    above: float | None = None
    among: list[str | int | bool] | None = None
    missing: bool | None = Field(default=None, description="true: holds where there is no value.")
    then: Literal["approve", "decline", "refer"]
    reason: str = Field(min_length=1, description="For the person the case is about.")

    @model_validator(mode="after")
    def _one_question(self) -> "RuleSpec":
        if not RULE_ID.match(self.id):
            raise ValueError(f"'{self.id}' is no rule id (lower-case letters, digits, underscore)")
        asked = [self.below, self.above, self.among, self.missing]
        if sum(one is not None for one in asked) != 1:
            raise ValueError(f"rule '{self.id}': give exactly one of below, above, among, missing")
        return self

    @property
    def name(self) -> str:
        """As decisions cite it."""
        return f"{self.id}@{self.version}"


class CapacitySpec(Block):
    """How many referrals of a night people can look at.

    Nothing is decided otherwise for want of people: what is over stays referred, marked as
    ``overflow``, and all are ordered by value at risk, the largest first.
    """

    referrals: int = Field(ge=0, description="A night.")
    value: str | None = Field(
        default=None,
        description=(
            "Numeric column of the case (a feature or another column of the population) that is at "
            "stake; times the score it is the value at risk. Without it the score alone orders."
        ),
    )


class PolicySpec(Block):
    """Turns a score (probability of the positive label) into a decision; outside the model."""

    rules: list[RuleSpec] = Field(
        default=[], description="Asked before the score, in this order; the first that holds says."
    )
    approve_below: float = Field(default=0.1, ge=0, le=1)
    decline_above: float = Field(default=0.5, ge=0, le=1)
    accept_above: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Multiclass only: a class this probable or more is taken, others are referred.",
    )
    automatic_decline: bool = Field(
        default=False, description="When false a person confirms: the case is referred."
    )
    refer_missing: float | None = Field(
        default=1.0,
        gt=0,
        le=1,
        description=(
            "Share of a case's features without a value from which on a person decides, whatever "
            "the score. null: the score alone counts, and the behaviour gate asks what it makes of "
            "a case of which nothing is known."
        ),
    )
    bands: dict[str, float] = Field(
        default={},
        description=(
            "Names of score bands by their upper end, rising, like {low: 0.02, medium: 0.1}; a "
            "score at or above the last end is in no band. For people and reports: they decide "
            "nothing."
        ),
    )
    capacity: CapacitySpec | None = None
    reasons: dict[str, str] = Field(
        default={},
        description=(
            "Feature to what a person is told when it counted against them. Without a text the "
            "column's description is used, and without that its name."
        ),
    )
    most_reasons: int = Field(default=4, ge=1, le=4, description="Given with a case, at most.")

    @model_validator(mode="after")
    def _ordered(self) -> "PolicySpec":
        if self.approve_below > self.decline_above:
            raise ValueError("approve_below must not be above decline_above")
        ends = list(self.bands.values())
        if ends != sorted(set(ends)):
            raise ValueError("bands must rise")
        _unique_rules(self.rules)
        return self


class FallbackSpec(Block):
    """What happens to a night's cases when no model can be trusted with them."""

    refer_all: Literal[True] = Field(
        default=True, description="Whatever no rule below decides goes to a person."
    )
    rules: list[RuleSpec] = Field(
        default=[], description="Asked of each case in this order; the first that holds says."
    )
    on_failed_gate: Literal["refer", "stop"] = Field(
        default="refer",
        description=(
            "When a gate before scoring fails (the cases are known, their values are not to be "
            "trusted). refer: nothing is scored, every case goes to a person whatever the rules "
            "say, and the night ends. stop: nothing is decided."
        ),
    )

    @model_validator(mode="after")
    def _ids(self) -> "FallbackSpec":
        _unique_rules(self.rules)
        return self


class ReviewSpec(Block):
    """The review desk: how people decide what was referred to them."""

    due: str = Field(default="3d", description="From the close of the night, like 3d.")
    second_review: Literal["never", "declines", "always"] = Field(
        default="never", description="When another reviewer must agree before a review stands."
    )
    blind_sample: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description=(
            "Share of automatic decisions that are put to a reviewer who is not told the outcome."
        ),
    )
    outcomes_as_labels: bool = Field(
        default=False, description="Whether reviews flow back as outcomes for training."
    )
    shortest_rationale: int = Field(default=10, ge=1, description="Characters.")
    longest_rationale: int = Field(default=4000, ge=10, le=20000, description="Characters.")

    @field_validator("due")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value

    @property
    def due_after(self) -> timedelta:
        return parse_duration(self.due)


class AuditSpec(Block):
    """How long what a decision was made of must stay readable."""

    retention: str = Field(
        default="1825d", description="Of tables, models and records, like 1825d."
    )

    @field_validator("retention")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value

    @property
    def keep(self) -> timedelta:
        return parse_duration(self.retention)


def _unique_rules(rules: list[RuleSpec]) -> None:
    ids = [rule.id for rule in rules]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise ValueError(f"rules: {', '.join(twice)} is there twice")

"""What is true of a use case: the typed form of its ``defs.yaml``, shared by every stage.

Plain pydantic, frozen, unknown keys refused. Nothing here knows Dagster; the component in
``orchestration/components/use_case.py`` takes :class:`UseCaseSpec` as its schema, so what ``dg
check yaml`` enforces and what the stages receive are one and the same.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from assets.model_spec import ModelSpec
from assets.monitoring_spec import EconomicsSpec, MonitoringSpec
from assets.policy_spec import AuditSpec, FallbackSpec, PolicySpec, ReviewSpec
from assets.release_spec import ReleaseSpec
from assets.source_spec import Block, ColumnType, SourceSpec, parse_duration

NAME = re.compile(r"^[a-z][a-z0-9_]*$")


class PopulationSpec(Block):
    """The cases to decide in a partition: events of the day."""

    source: str
    key: str = Field(description="Unique id of a case.")
    entity: str = Field(description="Whom the case is about; join key of feature views.")
    event_timestamp: str = Field(description="When the case arose; nothing later may be used.")


class LabelSpec(Block):
    """Where the outcome comes from, and when it may be believed."""

    source: str
    column: str
    positive: str | int | bool | None = Field(
        default=None, description="The value that means 'it happened'; only for a binary task."
    )
    observed_at: str = Field(description="Timestamp column: when the outcome became known.")
    matures_after: str = Field(description="Observation window after the event, like 30d.")

    @field_validator("matures_after")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value

    @property
    def maturity(self) -> timedelta:
        return parse_duration(self.matures_after)


class FeatureViewSpec(Block):
    """A table of versioned facts about an entity, joined point in time."""

    source: str | None = Field(default=None, description="Source; the view's own name if unset.")
    entity: str = Field(description="Join key, a column of the population and of the source.")
    timestamp: str = Field(description="When the fact was true.")
    created: str | None = Field(default=None, description="When we came to know it.")
    ttl: str = Field(description="How long a fact stays valid, like 90d.")
    columns: list[str]
    min_coverage: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description=(
            "Smallest share of cases with any fact of this view, in training and every night. A "
            "view without a single value never passes."
        ),
    )

    @field_validator("ttl")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value

    @property
    def time_to_live(self) -> timedelta:
        return parse_duration(self.ttl)


class DerivedSpec(Block):
    """A feature made of others of the same case, the same way in training, batch and online.

    Exactly one of the fields is given; each names two numeric features. A null in either gives
    null, and so does a division by zero.
    """

    ratio: tuple[str, str] | None = Field(default=None, description="First divided by second.")
    difference: tuple[str, str] | None = Field(default=None, description="First less second.")
    product: tuple[str, str] | None = Field(default=None, description="First times second.")
    description: str = ""

    @model_validator(mode="after")
    def _one_of_them(self) -> "DerivedSpec":
        if len([f for f in (self.ratio, self.difference, self.product) if f]) != 1:
            raise ValueError("give exactly one of ratio, difference and product")
        return self

    @property
    def operation(self) -> Literal["ratio", "difference", "product"]:
        return "ratio" if self.ratio else "difference" if self.difference else "product"

    @property
    def operands(self) -> tuple[str, str]:
        found = self.ratio or self.difference or self.product
        assert found is not None  # the validator saw to it
        return found


class FeaturesSpec(Block):
    """What a model may see."""

    request: list[str] = Field(default=[], description="Columns of the population row itself.")
    views: dict[str, FeatureViewSpec] = Field(default={}, description="Feast feature views.")
    derived: dict[str, DerivedSpec] = Field(
        default={}, description="Features made of other features of the same case, on demand."
    )


class SensitiveSpec(Block):
    """A population column by whose groups a model is audited; never a feature."""

    bins: list[float] | None = Field(
        default=None,
        description="Edges that cut a number into groups: [30, 60] gives <30, 30-60 and >=60.",
    )
    description: str = ""

    @field_validator("bins")
    @classmethod
    def _rising(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and (not value or value != sorted(set(value))):
            raise ValueError("bins must be rising numbers")
        return value


class ColumnQuality(Block):
    """What the scoring population must look like, column by column, before it is scored."""

    median: tuple[float, float] | None = Field(default=None, description="Allowed median range.")
    null_share: float | None = Field(default=None, ge=0, le=1, description="Largest null share.")


class QualitySpec(Block):
    """Blocking gate on the scoring population; evaluated by Great Expectations."""

    min_rows: int = Field(default=1, ge=1, description="Fewer rows: the evidence is insufficient.")
    max_rows: int | None = Field(default=None, description="More rows than this fail the gate.")
    columns: dict[str, ColumnQuality] = Field(default={})


class RiskSpec(Block):
    """Impact x volume x visibility; the tier says how much governance a use case needs."""

    impact: Literal["low", "medium", "high"] = "medium"
    volume: Literal["low", "medium", "high"] = "medium"
    visibility: Literal["low", "medium", "high"] = "medium"

    @property
    def tier(self) -> Literal["low", "medium", "high"]:
        """The highest of the three: one high dimension is enough to need a person."""
        levels: tuple[Literal["low", "medium", "high"], ...] = ("high", "medium", "low")
        return next(t for t in levels if t in (self.impact, self.volume, self.visibility))


class UseCaseSpec(Block):
    """One use case. Needed: ``name``, ``start``, ``sources``, ``population`` and ``label``."""

    name: str = Field(description="Lower-case identifier; prefix of assets, jobs and tables.")
    description: str = ""
    owners: list[str] = Field(default=[], description="Dagster owners: team:x or an e-mail.")
    risk: RiskSpec = RiskSpec()
    start: str = Field(description="First daily partition, YYYY-MM-DD (UTC).")
    schedule: str = Field(default="0 2 * * *", description="Cron, UTC; scores the day just closed.")
    training_schedule: str = Field(default="0 4 * * 1", description="Cron, UTC; retrains.")
    sources: dict[str, SourceSpec]
    population: PopulationSpec
    label: LabelSpec
    features: FeaturesSpec = FeaturesSpec()
    deny: list[str] = Field(default=[], description="Columns that may never be a feature.")
    sensitive: dict[str, SensitiveSpec] = Field(
        default={}, description="Population columns the fairness gate groups by; never features."
    )
    quality: QualitySpec = QualitySpec()
    model: ModelSpec = ModelSpec()
    policy: PolicySpec = PolicySpec()
    fallback: FallbackSpec = FallbackSpec()
    release: ReleaseSpec = ReleaseSpec()
    review: ReviewSpec = ReviewSpec()
    audit: AuditSpec = AuditSpec()
    monitoring: MonitoringSpec = MonitoringSpec()
    economics: EconomicsSpec = EconomicsSpec()

    @field_validator("start")
    @classmethod
    def _iso_date(cls, value: str) -> str:
        date.fromisoformat(value)
        return value

    @model_validator(mode="after")
    def _references_resolve(self) -> "UseCaseSpec":
        for problem in self._problems():
            raise ValueError(f"use case '{self.name}': {problem}")
        return self

    def _problems(self) -> Iterator[str]:
        for name in (self.name, *self.sources, *self.features.views):
            if not NAME.match(name):
                yield f"'{name}' is no identifier (lower-case letters, digits, underscore)"
        population = self.sources.get(self.population.source)
        if population is None:
            yield f"population.source '{self.population.source}' is not under sources"
            return
        for field in ("key", "entity", "event_timestamp"):
            column = getattr(self.population, field)
            if column not in population.kept_columns:
                yield f"population.{field} '{column}' is not a column of '{self.population.source}'"
        label = self.sources.get(self.label.source)
        if label is None:
            yield f"label.source '{self.label.source}' is not under sources"
            return
        for column in (self.label.column, self.label.observed_at, self.population.key):
            if column not in label.kept_columns:
                yield f"label: '{column}' is not a column of '{self.label.source}'"
        for column in self.features.request:
            if column not in population.kept_columns:
                yield f"features.request '{column}' is not a column of '{self.population.source}'"
        yield from self._problems_of_given(population, label)
        for name, view in self.features.views.items():
            source = self.sources.get(self.view_source(name))
            if source is None:
                yield f"features.views.{name}: source '{self.view_source(name)}' is unknown"
                continue
            if view.entity not in population.kept_columns:
                yield f"features.views.{name}: entity '{view.entity}' is not in the population"
            wanted = [view.entity, view.timestamp, *view.columns]
            for column in wanted + ([view.created] if view.created else []):
                if column not in source.kept_columns:
                    yield f"features.views.{name}: '{column}' is not a column of its source"
        if self.model.task == "binary" and self.label.positive is None:
            yield "label.positive is missing: which value of the label means 'it happened'?"
        outcome = label.columns.get(self.label.column)
        types = {"regression": ("int", "float"), "multiclass": ("string", "int", "bool")}
        fitting = types.get(self.model.task)
        if outcome is not None and fitting is not None and outcome.type not in fitting:
            yield (
                f"label.column '{self.label.column}' is of type {outcome.type}; a "
                f"{self.model.task} label is {' or '.join(fitting)}"
            )
        for column in self.sensitive:
            if column not in population.kept_columns:
                yield f"sensitive '{column}' is not a column of '{self.population.source}'"
        plain = [f for f in self.feature_names if f not in self.features.derived]
        for name, derived in self.features.derived.items():
            if not NAME.match(name):
                yield f"features.derived: '{name}' is no identifier"
            for operand in derived.operands:
                if operand not in plain:
                    yield f"features.derived.{name}: '{operand}' is no feature listed elsewhere"
                elif self.feature_type(operand) not in ("int", "float", "bool"):
                    yield f"features.derived.{name}: '{operand}' is no number"
        for column in [*self.model.monotone, *self.model.gates.invariant_to]:
            if column not in self.feature_names:
                yield f"model: '{column}' is no feature"
        for column in self.model.monotone:
            if column in self.feature_names and column not in self.numeric_features:
                yield f"model.monotone: '{column}' is no number"
        yield from self._problems_of_policy(population)
        seen: set[str] = set()
        for column in self.feature_names:
            if column in seen:
                yield f"feature '{column}' comes from two places; names must be unique"
            seen.add(column)
            if column in self.deny or column in self.sensitive:
                yield f"'{column}' is denied or sensitive and cannot be a feature"
            if column == self.label.column:
                yield f"'{column}' is the label and cannot be a feature"

    def _problems_of_policy(self, population: SourceSpec) -> Iterator[str]:
        known = {*self.feature_names, *(c for c in self.population_columns)}
        for rule in (*self.policy.rules, *self.fallback.rules):
            if rule.column in self.sensitive:
                yield f"rule '{rule.id}' asks the sensitive column '{rule.column}'"
            elif rule.column not in known:
                yield (
                    f"rule '{rule.id}': '{rule.column}' is neither a feature nor a column of the "
                    "population mart"
                )
            elif (rule.below, rule.above) != (None, None) and not self._is_number(rule.column):
                yield f"rule '{rule.id}': '{rule.column}' is no number: nothing is above or below"
        for column in self.policy.reasons:
            if column not in self.feature_names:
                yield f"policy.reasons: '{column}' is no feature"
        capacity = self.policy.capacity
        if capacity is not None and capacity.value is not None:
            if capacity.value not in known:
                yield f"policy.capacity.value: '{capacity.value}' is no column of a case"
            elif not self._is_number(capacity.value):
                yield f"policy.capacity.value: '{capacity.value}' is no number"
        worth = self.economics
        if worth.value is not None and (
            worth.value not in population.kept_columns or not self._is_number(worth.value)
        ):
            yield f"economics.value: '{worth.value}' is no numeric column of the population"
        if worth.approve is not None and self.model.task != "binary":
            yield "economics.approve: only a binary task has an outcome that happened or did not"
        for column in self.monitoring.performance.slices:
            if column not in self.feature_names:
                yield f"monitoring.performance.slices: '{column}' is no feature"
        cascade = self.model.cascade
        if cascade is not None and self.model.task != "binary":
            yield "model.cascade: only a binary task has a band of uncertainty"
        if self.review.outcomes_as_labels and self.model.task != "binary":
            yield "review.outcomes_as_labels: approve and decline are labels of a binary task only"

    def _problems_of_given(self, population: SourceSpec, label: SourceSpec) -> Iterator[str]:
        """What does not go with columns that the door gives, see ColumnSpec.given."""

        def given(source: SourceSpec, name: str) -> str | None:
            return source.columns[name].given if name in source.columns else None

        for column in [*self.features.request, *self.sensitive]:
            if given(population, column):
                yield (
                    f"'{column}' is given by the door: it says which row this is and when its file "
                    "came, nothing about the case; leave it out of features and sensitive"
                )
        if given(label, self.label.column):
            yield f"label.column '{self.label.column}' is given by the door and is no outcome"
        key = self.population.key
        if given(population, key) == "row_id" and self.label.source != self.population.source:
            yield (
                f"population.key '{key}' is given by the door, so no file can name it: outcomes "
                f"must be in the same rows (label.source: {self.population.source}), or the rows "
                "need a key of their own"
            )
        for name, view in self.features.views.items():
            if given(population, view.entity) == "row_id":
                yield f"features.views.{name}: entity '{view.entity}' is given by the door"
        time = self.population.event_timestamp
        if (
            given(population, time)
            and self.model.validation == "time"
            and "validation" not in self.model.model_fields_set
        ):
            yield (
                f"population.event_timestamp '{time}' is the date of the file, so all cases of a "
                "file arise at one instant and none is later than another: write model.validation: "
                "cross_validation for a snapshot (or time, if files come day after day)"
            )

    def _is_number(self, column: str) -> bool:
        """Of a feature, or of another column of the population."""
        if column in self.feature_names:
            return column in self.numeric_features
        return self.sources[self.population.source].columns[column].type in ("int", "float", "bool")

    def view_source(self, view: str) -> str:
        """The source a feature view reads: declared, or the one of its own name."""
        return self.features.views[view].source or view

    @property
    def feature_names(self) -> list[str]:
        """All model inputs in order: request columns, each view's columns, derived ones."""
        names = list(self.features.request)
        for view in self.features.views.values():
            names.extend(view.columns)
        return names + list(self.features.derived)

    def feature_type(self, feature: str) -> ColumnType:
        """Declared type of a feature. Raises KeyError for a name that is no feature."""
        if feature in self.features.derived:
            return "float"
        if feature in self.features.request:
            return self.sources[self.population.source].columns[feature].type
        for name, view in self.features.views.items():
            if feature in view.columns:
                return self.sources[self.view_source(name)].columns[feature].type
        raise KeyError(feature)

    @property
    def numeric_features(self) -> list[str]:
        """Features of type int, float or bool."""
        return [f for f in self.feature_names if self.feature_type(f) in ("int", "float", "bool")]

    @property
    def categorical_features(self) -> list[str]:
        """Features of type string."""
        return [f for f in self.feature_names if self.feature_type(f) == "string"]

    @property
    def population_columns(self) -> list[str]:
        """Columns of the population mart: key, join keys, event time, request columns, others.

        Sensitive and denied columns travel along (the fairness audit and the leak gate need them)
        but are never features.
        """
        source = self.sources[self.population.source].kept_columns
        wanted = [self.population.key, self.population.entity]
        wanted += [view.entity for view in self.features.views.values()]
        wanted += [self.population.event_timestamp, *self.features.request]
        kept = [*self.sensitive, *self.deny]
        wanted += [c for c in kept if c in source and c != self.label.column]
        return list(dict.fromkeys(wanted))

    @property
    def embargo(self) -> timedelta:
        """Gap between rows fitted on and rows measured on: declared, or the label's maturity."""
        declared = self.model.embargo
        return parse_duration(declared) if declared is not None else self.label.maturity

    @property
    def approvals_needed(self) -> int:
        """Named people who must approve a version: one, or as many as the spec asks for."""
        return self.release.approvals or 1

    @property
    def start_date(self) -> date:
        return date.fromisoformat(self.start)

    @property
    def version(self) -> str:
        """Content hash of the spec (12 hex digits): what a decision cites as its policy version."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def closes_at(day: date) -> datetime:
    """As-of time of a nightly partition: midnight UTC at which the day has closed."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)

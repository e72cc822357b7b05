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
    positive: str | int | bool = Field(description="The value that means 'it happened'.")
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

    @field_validator("ttl")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value

    @property
    def time_to_live(self) -> timedelta:
        return parse_duration(self.ttl)


class FeaturesSpec(Block):
    """What a model may see."""

    request: list[str] = Field(default=[], description="Columns of the population row itself.")
    views: dict[str, FeatureViewSpec] = Field(default={}, description="Feast feature views.")


class ColumnQuality(Block):
    """What the scoring population must look like, column by column, before it is scored."""

    median: tuple[float, float] | None = Field(default=None, description="Allowed median range.")
    null_share: float | None = Field(default=None, ge=0, le=1, description="Largest null share.")


class QualitySpec(Block):
    """Blocking gate on the scoring population; evaluated by Great Expectations."""

    min_rows: int = Field(default=1, ge=1, description="Fewer rows: the evidence is insufficient.")
    max_rows: int | None = Field(default=None, description="More rows than this fail the gate.")
    columns: dict[str, ColumnQuality] = Field(default={})


class ModelSpec(Block):
    """What is trained. Estimators come from an allow-list by name."""

    task: Literal["binary"] = "binary"
    candidates: list[Literal["logistic_regression", "hist_gradient_boosting"]] = Field(
        default=["logistic_regression", "hist_gradient_boosting"], min_length=1
    )
    metric: Literal["roc_auc", "average_precision"] = "roc_auc"
    holdout: float = Field(default=0.25, gt=0, lt=1, description="Latest share of time held out.")
    min_rows: int = Field(default=200, ge=2, description="Fewer matured rows: training refuses.")
    min_positives: int = Field(default=20, ge=1, description="Fewer positives: training refuses.")
    seed: int = 20260601


class PolicySpec(Block):
    """Turns a score (probability of the positive label) into a decision; outside the model."""

    approve_below: float = Field(default=0.1, ge=0, le=1)
    decline_above: float = Field(default=0.5, ge=0, le=1)
    automatic_decline: bool = Field(
        default=False, description="When false a person confirms: the case is referred."
    )

    @model_validator(mode="after")
    def _ordered(self) -> "PolicySpec":
        if self.approve_below > self.decline_above:
            raise ValueError("approve_below must not be above decline_above")
        return self


class DriftSpec(Block):
    """When the world counts as moved, against the champion's training window."""

    window_days: int = Field(default=1, ge=1, description="Days up to the partition compared.")
    column_threshold: float = Field(default=0.1, gt=0, description="Distance that counts as drift.")
    share: float = Field(default=0.3, gt=0, le=1, description="Share of drifted columns: moved.")
    min_rows: int = Field(default=50, ge=1, description="Fewer rows: insufficient, not 'stable'.")
    reference_rows: int = Field(default=5000, ge=100, description="Seeded sample of the window.")


class MonitoringSpec(Block):
    drift: DriftSpec = DriftSpec()


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
    quality: QualitySpec = QualitySpec()
    model: ModelSpec = ModelSpec()
    policy: PolicySpec = PolicySpec()
    monitoring: MonitoringSpec = MonitoringSpec()

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
        seen: set[str] = set()
        for column in self.feature_names:
            if column in seen:
                yield f"feature '{column}' comes from two places; names must be unique"
            seen.add(column)
            if column in self.deny:
                yield f"'{column}' is denied and cannot be a feature"
            if column == self.label.column:
                yield f"'{column}' is the label and cannot be a feature"

    def view_source(self, view: str) -> str:
        """The source a feature view reads: declared, or the one of its own name."""
        return self.features.views[view].source or view

    @property
    def feature_names(self) -> list[str]:
        """All model inputs in a fixed order: request columns, then each view's columns."""
        names = list(self.features.request)
        for view in self.features.views.values():
            names.extend(view.columns)
        return names

    def feature_type(self, feature: str) -> ColumnType:
        """Declared type of a feature. Raises KeyError for a name that is no feature."""
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
        """Columns of the population mart: key, join keys, event time, request columns, denied ones.

        Denied columns travel along (the fairness audit needs them) but are never features.
        """
        source = self.sources[self.population.source].kept_columns
        wanted = [self.population.key, self.population.entity]
        wanted += [view.entity for view in self.features.views.values()]
        wanted += [self.population.event_timestamp, *self.features.request]
        wanted += [c for c in self.deny if c in source and c != self.label.column]
        return list(dict.fromkeys(wanted))

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

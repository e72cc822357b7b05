"""Names and types of feature columns: in the day files Feast reads, and in the model's tables.

A column keeps its own name wherever Feast can bear it. Feast's DuckDB join drops every column that
ends in ``_y`` and uses a few names for itself, so such a column is stored under a neighbouring
name and gets its own name back after the join.
"""

import re
from collections.abc import Iterator

import pyarrow as pa

from assets.errors import NightshiftError
from assets.ingestion.values import ARROW
from assets.lake import PARTITION
from assets.source_spec import ColumnType
from assets.spec import UseCaseSpec
from assets.tables import TIMESTAMP

EVENT_TIMESTAMP = "event_timestamp"
"""What Feast calls the time of a case in the frame it is handed."""

POSITION = "case_position"
"""Row number of a case in that frame: what puts the answer back in order."""

LABEL = "label"
"""Outcome column of the labels mart and of the training set."""

LABEL_OBSERVED = "label_observed_at"
"""Column of the training set: when the outcome became known (UTC)."""

TAKEN = frozenset({"rn", "entity_row_id", "event_expire_timestamp", POSITION})
"""Columns Feast's join (or ours) makes up on the way."""


class FeatureSpecError(NightshiftError):
    """The spec's feature block cannot be joined point in time. Says which column, and why."""


def stored_name(column: str) -> str:
    """Name of a column in the day files and in Feast: its own, unless Feast would lose it."""
    name = re.sub(r"\W", "_", column)
    return f"{name}_" if name.lower().endswith("_y") or name.lower() in TAKEN else name


def view_columns(spec: UseCaseSpec, view: str) -> list[str]:
    """Columns of a view's facts: entity, timestamp, created if any, features; no day."""
    facts = spec.features.views[view]
    created = [facts.created] if facts.created else []
    return [facts.entity, facts.timestamp, *created, *facts.columns]


def stored_schema(spec: UseCaseSpec, view: str) -> pa.Schema:
    """Schema of a view's day files: the view's columns under their stored names, times in UTC."""
    source = spec.sources[spec.view_source(view)].columns
    return pa.schema([(stored_name(c), ARROW[source[c].type]) for c in view_columns(spec, view)])


def feature_type(spec: UseCaseSpec, feature: str) -> pa.DataType:
    """Type of a feature in front of a model.

    Numbers and truth values are double, so that a null needs no other type; categories are
    strings; timestamps and dates stay what they are.
    """
    declared = spec.feature_type(feature)
    return pa.float64() if declared in ("int", "float", "bool") else ARROW[declared]


def label_type(spec: UseCaseSpec) -> pa.DataType:
    """Type of the label: int64 (1 when it happened, else 0), string (a class), or double."""
    types = {"binary": pa.int64(), "multiclass": pa.string(), "regression": pa.float64()}
    return types[spec.model.task]


def view_features(spec: UseCaseSpec) -> list[str]:
    """Features that come from views, in the order of the spec."""
    return [column for view in spec.features.views.values() for column in view.columns]


def population_type(spec: UseCaseSpec, column: str) -> pa.DataType:
    """Type of a population column in the model's tables: a feature's, or the declared one."""
    if column in spec.features.request:
        return feature_type(spec, column)
    return ARROW[spec.sources[spec.population.source].columns[column].type]


def check_joinable(spec: UseCaseSpec) -> None:
    """Raise FeatureSpecError unless every feature can be joined under a name of its own."""
    for problem in _problems(spec):
        raise FeatureSpecError(f"use case '{spec.name}': {problem}")


def _problems(spec: UseCaseSpec) -> Iterator[str]:
    population = spec.sources[spec.population.source].columns
    time = spec.population.event_timestamp
    if ARROW[population[time].type] != TIMESTAMP:
        yield (
            f"population.event_timestamp '{time}' is a {population[time].type}; declare it "
            "type: timestamp"
        )
    for column in (LABEL, LABEL_OBSERVED, PARTITION):
        if column in spec.feature_names or column in spec.population_columns:
            yield f"a column is called '{column}', which the platform adds; give it another name"
    for name in spec.features.derived:
        if name in spec.population_columns:
            yield f"features.derived.{name}: the population has a column of that name already"
    for view, facts in spec.features.views.items():
        source = spec.sources[spec.view_source(view)].columns
        where = f"features.views.{view}"
        for column in (facts.timestamp, *([facts.created] if facts.created else [])):
            if source[column].type != "timestamp":
                yield f"{where}: '{column}' is a {source[column].type}; declare it type: timestamp"
        ttl = facts.time_to_live
        if not ttl:
            yield f"{where}: ttl: {facts.ttl} would mean 'for ever' to Feast; write how long"
        if ttl.days and ttl.seconds:
            # ibis cannot write an interval of days and hours ("mixed units").
            yield (
                f"{where}: ttl: {facts.ttl} is no whole number of days; Feast's DuckDB store takes "
                f"hours only below a day: write {ttl.days}d or {ttl.days + 1}d"
            )
        ours: ColumnType = population[facts.entity].type
        theirs: ColumnType = source[facts.entity].type
        if ours != theirs:
            yield (
                f"{where}: entity '{facts.entity}' is {ours} in '{spec.population.source}' but "
                f"{theirs} in '{spec.view_source(view)}'; declare the same type in both"
            )
        taken = {facts.entity, facts.timestamp, facts.created, EVENT_TIMESTAMP}
        for column in facts.columns:
            if column in taken:
                yield (
                    f"{where}: '{column}' is a key or time of the view and cannot be a feature "
                    "too; give the feature another name in the source"
                )
            if column in spec.population_columns:
                yield (
                    f"{where}: '{column}' is also a column of the population; give one of them "
                    "another name"
                )
        stored: dict[str, str] = {}
        for column in view_columns(spec, view):
            name = stored_name(column).lower()  # DuckDB tells no case
            if stored.get(name, column) != column:
                yield f"{where}: '{column}' and '{stored[name]}' are too much alike for Feast"
            stored[name] = column
    everywhere: dict[str, str] = {}
    keys = [facts.entity for facts in spec.features.views.values()]
    columns = [c for facts in spec.features.views.values() for c in facts.columns]
    for column in dict.fromkeys([*keys, *columns]):
        name = stored_name(column).lower()
        if name in everywhere:
            yield (
                f"features.views: '{column}' and '{everywhere[name]}' are too much alike for "
                "Feast; give one of them another name"
            )
        everywhere[name] = column

"""What a use case says of itself, by the spec its last decisions were made by."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.tables import DECISIONS
from nightshift.errors import ReadError

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class UseCase:
    """Names and meanings one needs to read the tables of a use case."""

    name: str
    description: str
    task: str
    """binary, multiclass or regression."""
    metric: str
    """What models are compared by, like average_precision."""
    larger_is_better: bool
    key: str
    """Column that tells cases apart in population, labels, scoring_set and training_set; as text it
    is ``case_key`` in decisions."""
    entity: str
    event_timestamp: str
    features: tuple[str, ...]
    sensitive: dict[str, tuple[float, ...] | None]
    """Columns whose groups are audited; bins of numbers, None where each value is a group."""
    units: dict[str, str]
    """Of the columns that have one."""
    descriptions: dict[str, str]
    outcome: str
    """Column of the source that says what happened; ``label`` in the tables."""
    matures_after: timedelta
    """After a case's event its outcome counts."""
    approve_below: float
    decline_above: float
    currency: str
    spec_version: str

    def titled(self, column: str) -> str:
        """A column with its unit, as an axis is labelled."""
        unit = self.units.get(column)
        return f"{column} ({unit})" if unit else column


def about(lake: "Lake", use_case: str, version: str) -> UseCase:
    """What the recorded spec of that version says. Raises ReadError where it cannot be read."""
    from assets.ledger.specs import kept_spec

    try:
        spec = kept_spec(lake, use_case, version).spec
    except NightshiftError as error:
        raise ReadError(f"what {use_case} says of itself is not on record: {error}") from error
    described = _columns(spec)
    return UseCase(
        name=spec.name,
        description=spec.description,
        task=spec.model.task,
        metric=spec.model.metric_name,
        larger_is_better=spec.model.sign > 0,
        key=spec.population.key,
        entity=spec.population.entity,
        event_timestamp=spec.population.event_timestamp,
        features=tuple(spec.feature_names),
        sensitive={
            column: tuple(one.bins) if one.bins else None for column, one in spec.sensitive.items()
        },
        units={name: unit for name, (unit, _) in described.items() if unit},
        descriptions={name: text for name, (_, text) in described.items() if text},
        outcome=spec.label.column,
        matures_after=spec.label.maturity,
        approve_below=spec.policy.approve_below,
        decline_above=spec.policy.decline_above,
        currency=spec.economics.currency,
        spec_version=version,
    )


def last_version(lake: "Lake", use_case: str, day: date) -> str:
    """The spec version most decisions of a day were made by."""
    import pyarrow.compute as pc

    rows = lake.read(use_case, DECISIONS, columns=["spec_version"], first=day, last=day)
    counts = pc.value_counts(rows.column("spec_version")).to_pylist()
    return max((one["counts"], one["values"] or "") for one in counts)[1]


def _columns(spec: "UseCaseSpec") -> dict[str, tuple[str | None, str]]:
    """Unit and description of population columns, view columns and derived features."""
    found: dict[str, tuple[str | None, str]] = {}
    for view in spec.features.views:
        source = spec.sources[spec.view_source(view)].columns
        for column in spec.features.views[view].columns:
            found[column] = (source[column].unit, source[column].description)
    for column in spec.population_columns:
        declared = spec.sources[spec.population.source].columns[column]
        found[column] = (declared.unit, declared.description)
    for name, derived in spec.features.derived.items():
        found[name] = (None, derived.description)
    return found

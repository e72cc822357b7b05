"""Which column of a source every column of a staging view or mart is."""

from typing import TYPE_CHECKING

from assets.marts.dbt_files import feature_table_columns
from assets.tables import LABELS, POPULATION, features

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

Columns = dict[str, list[tuple[str, str]]]
"""Column → the (table, column) pairs it is made of; tables of the use case's own assets."""


def mart_columns(spec: "UseCaseSpec") -> dict[str, Columns]:
    """Staging view or mart → its columns, and the column of the source or staging view each is."""
    made: dict[str, Columns] = {
        f"stg_{source}": {column: [(source, column)] for column in declared.kept_columns}
        for source, declared in spec.sources.items()
    }
    cases, outcomes = f"stg_{spec.population.source}", f"stg_{spec.label.source}"
    made[POPULATION] = {column: [(cases, column)] for column in spec.population_columns}
    for view in spec.features.views:
        facts = f"stg_{spec.view_source(view)}"
        made[features(view)] = {c: [(facts, c)] for c in feature_table_columns(spec, view)}
    made[LABELS] = {
        spec.population.key: [(outcomes, spec.population.key)],
        "label": [(outcomes, spec.label.column)],
        "observed_at": [(outcomes, spec.label.observed_at)],
    }
    return made

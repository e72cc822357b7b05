"""The dbt project of a use case, written from its spec: staging and marts with docs and contracts.

The SQL lives once, in the macros of ``dbt_project/``; a model is one call of one macro. A use case
needs no SQL of its own, and the same spec always gives the same files.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from assets.durable import remove, write_whole
from assets.home import Home
from assets.ingestion.csv_rows import quoted
from assets.ingestion.values import DUCKDB
from assets.lake import PARTITION
from assets.model_spec import Task
from assets.source_spec import ColumnSpec
from assets.spec import UseCaseSpec
from assets.tables import LABELS, POPULATION, features, validated

LABEL_TYPE: dict[Task, str] = {
    "binary": "BIGINT",
    "multiclass": "VARCHAR",
    "regression": "DOUBLE",
}
"""Type of the published label by the model's task: 0/1, the class, or the value."""

MACROS = Path(__file__).resolve().parents[2] / "dbt_project" / "macros"
Json = dict[str, Any]


def project_files(spec: UseCaseSpec, home: Home) -> dict[str, str]:
    """Relative path → text of every file of the use case's dbt project."""
    files = {
        "dbt_project.yml": _yaml(
            {
                "name": spec.name,
                "profile": "nightshift",
                "version": "1.0.0",
                "config-version": 2,
                "macro-paths": [str(MACROS)],
                "vars": {"first": spec.start, "last": spec.start},
                "flags": {"send_anonymous_usage_stats": False, "use_colors": False},
                "models": {
                    spec.name: {
                        "staging": {"+materialized": "view"},
                        "marts": {"+materialized": "table"},
                    }
                },
            }
        ),
        "profiles.yml": _yaml(
            {
                "nightshift": {
                    "target": "night",
                    "outputs": {
                        "night": {
                            "type": "duckdb",
                            "path": str(home.marts_database(spec.name)),
                            "threads": 1,
                            "settings": {"TimeZone": "UTC"},
                            "plugins": [{"module": "delta", "alias": "delta"}],
                        }
                    },
                }
            }
        ),
        "models/sources.yml": _yaml({"sources": [_sources(spec, home)]}),
    }
    models: list[Json] = []
    for source in spec.sources:
        files[f"models/staging/stg_{source}.sql"] = _staging_sql(spec, source)
        models.append(_staging_properties(spec, source))
    files[f"models/marts/{POPULATION}.sql"] = _call(
        "population", _ref(spec.population.source), _list(spec.population_columns)
    )
    models.append(_population_properties(spec))
    for view in spec.features.views:
        files[f"models/marts/{features(view)}.sql"] = _call(
            "feature_table",
            _ref(spec.view_source(view)),
            _literal(spec.features.views[view].entity),
            _list(feature_table_columns(spec, view)),
        )
        models.append(_feature_properties(spec, view))
    files[f"models/marts/{LABELS}.sql"] = _call(
        "labels",
        _ref(spec.label.source),
        _literal(spec.population.key),
        _literal(_label_sql(spec)),
        _literal(spec.label.observed_at),
    )
    models.append(_label_properties(spec))
    files["models/models.yml"] = _yaml({"models": models})
    return files


def write_project(spec: UseCaseSpec, home: Home) -> bool:
    """Write the project under the home; True when any file changed (the manifest is then stale)."""
    root = home.dbt_project(spec.name)
    files = {root / name: text for name, text in project_files(spec, home).items()}
    # A model of a source or view the spec no longer has would be built, or stop the build.
    gone = [path for path in (root / "models").rglob("*") if path.is_file() and path not in files]
    stale = [
        p for p, text in files.items() if not p.exists() or p.read_text(encoding="utf-8") != text
    ]
    if not gone and not stale:
        return False
    # First: whoever is killed on the way leaves no manifest of another project behind.
    remove(home.dbt_manifest(spec.name))
    for path in gone:
        remove(path)
    for path in stale:
        write_whole(path, files[path])
    return True


def feature_table_columns(spec: UseCaseSpec, view: str) -> list[str]:
    """Columns of a feature table: entity, timestamp, created where given, then the features."""
    declared = spec.features.views[view]
    created = [declared.created] if declared.created else []
    return list(dict.fromkeys([declared.entity, declared.timestamp, *created, *declared.columns]))


def marts(spec: UseCaseSpec) -> list[str]:
    """Names of the marts that are published to the lake."""
    return [POPULATION, *(features(view) for view in spec.features.views), LABELS]


def _sources(spec: UseCaseSpec, home: Home) -> Json:
    return {
        "name": "lake",
        "description": "Rows that passed the contract.",
        "tables": [
            {
                "name": name,
                "config": {
                    "meta": {
                        "plugin": "delta",
                        "delta_table_path": str(home.lake / spec.name / validated(name)),
                        "dagster": {"asset_key": [spec.name, name]},
                    }
                },
            }
            for name in spec.sources
        ],
    }


def _staging_sql(spec: UseCaseSpec, source: str) -> str:
    declared = spec.sources[source]
    every_day = "true" if declared.arrival == "snapshot" else "false"
    return _call("staging", _literal(source), _list(declared.kept_columns), every_day)


def _staging_properties(spec: UseCaseSpec, source: str) -> Json:
    declared = spec.sources[source]
    return _model(
        spec,
        f"stg_{source}",
        f"Rows of {source} that passed the contract, for the days being built.",
        [_column(name, column) for name, column in declared.kept_columns.items()],
        contract=False,
    )


def _population_properties(spec: UseCaseSpec) -> Json:
    source = spec.sources[spec.population.source].kept_columns
    tests: dict[str, list[Any]] = {
        spec.population.key: ["unique", "not_null"],
        spec.population.event_timestamp: ["not_null"],
    }
    columns = []
    for name in spec.population_columns:
        column = _column(name, source[name])
        if name in tests:
            column["data_tests"] = tests[name]
        columns.append(column)
    return _model(spec, POPULATION, "The cases to decide, one row each.", columns)


def _feature_properties(spec: UseCaseSpec, view: str) -> Json:
    declared = spec.features.views[view]
    source = spec.sources[spec.view_source(view)].kept_columns
    columns = []
    for name in feature_table_columns(spec, view):
        column = _column(name, source[name])
        if name in (declared.entity, declared.timestamp):
            column["data_tests"] = ["not_null"]
        columns.append(column)
    text = f"Facts about {declared.entity} over time; valid for {declared.ttl}."
    return _model(spec, features(view), text, columns)


def _label_properties(spec: UseCaseSpec) -> Json:
    source = spec.sources[spec.label.source].kept_columns
    key = _column(spec.population.key, source[spec.population.key])
    key["data_tests"] = ["not_null"]
    label: Json = {
        "name": "label",
        "data_type": LABEL_TYPE[spec.model.task],
        "description": _label_description(spec),
        "data_tests": ["not_null"],
    }
    if spec.model.task == "binary":
        zero_or_one = {"arguments": {"values": [0, 1], "quote": False}}
        label["data_tests"].append({"accepted_values": zero_or_one})
    observed = {
        "name": "observed_at",
        "data_type": DUCKDB["timestamp"],
        "description": "When the outcome became known (UTC).",
        "data_tests": ["not_null"],
    }
    text = f"Outcomes; believed {spec.label.matures_after} after the event."
    return _model(spec, LABELS, text, [key, label, observed])


def _label_sql(spec: UseCaseSpec) -> str:
    """SQL of the outcome as the model's task wants it; NULL where it is not known yet."""
    column = quoted(spec.label.column)
    kind = LABEL_TYPE[spec.model.task]
    if spec.model.task == "binary" and spec.label.positive is not None:
        return f"cast({column} = {_sql_value(spec.label.positive)} as {kind})"
    return f"cast({column} as {kind})"


def _label_description(spec: UseCaseSpec) -> str:
    column = spec.sources[spec.label.source].columns[spec.label.column]
    if spec.model.task == "binary":
        return f"1 when {spec.label.column} is {spec.label.positive}, else 0."
    unit = f" ({column.unit})" if column.unit else ""
    return f"{spec.label.column} of the case{unit}."


def _model(
    spec: UseCaseSpec, name: str, description: str, columns: list[Json], *, contract: bool = True
) -> Json:
    day = {"name": PARTITION, "data_type": "DATE", "description": "UTC day of the landing file."}
    return {
        "name": name,
        "description": description,
        "config": {
            "contract": {"enforced": contract},
            "meta": {"dagster": {"asset_key": [spec.name, name], "group": "marts"}},
        },
        "columns": [*(_with_named_tests(name, column) for column in columns), day],
    }


def _with_named_tests(model: str, column: Json) -> Json:
    """The column with its tests named ``<model>_<column>_<test>``: the name of the asset check."""
    if "data_tests" not in column:
        return column
    named = []
    for test in column["data_tests"]:
        kind, settings = (test, {}) if isinstance(test, str) else next(iter(test.items()))
        named.append({kind: {"name": f"{model}_{column['name']}_{kind}", **settings}})
    return {**column, "data_tests": named}


def _column(name: str, column: ColumnSpec) -> Json:
    unit = f" ({column.unit})" if column.unit else ""
    token = " Pseudonym." if column.pii == "pseudonymise" else ""
    return {
        "name": name,
        "data_type": DUCKDB[column.type],
        "description": f"{column.description or name.replace('_', ' ')}{unit}{token}",
        "quote": True,
    }


def _call(macro: str, *arguments: str) -> str:
    return "{{ " + f"{macro}({', '.join(arguments)})" + " }}\n"


def _ref(source: str) -> str:
    return f"ref('stg_{source}')"


def _literal(value: str) -> str:
    return json.dumps(value)


def _list(values: Any) -> str:
    return json.dumps(list(values))


def _sql_value(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def _yaml(content: Json) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)

"""The Feast objects of a use case, built from its spec, and the store they are registered in.

All use cases share the Feast project ``nightshift``; object names start with the use case:
entity ``<use_case>__<join key>``, view and source ``<use_case>__<view>``, service ``<use_case>``.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.features.columns import check_joinable, stored_name
from assets.features.day_files import day_files
from assets.features.derived import formula
from assets.home import Home
from assets.source_spec import ColumnType
from assets.spec import UseCaseSpec

if TYPE_CHECKING:
    from feast import FeatureStore, RepoConfig

PROJECT = "nightshift"


def entity_name(spec: UseCaseSpec, join_key: str) -> str:
    return f"{spec.name}__{join_key}"


def view_name(spec: UseCaseSpec, view: str) -> str:
    return f"{spec.name}__{view}"


def service_name(spec: UseCaseSpec) -> str:
    return spec.name


def feast_objects(spec: UseCaseSpec, home: Home) -> list[Any]:
    """Entities, feature views and the feature service of a use case; empty without views.

    Raises FeatureSpecError when the spec's views cannot be joined.
    """
    check_joinable(spec)
    if not spec.features.views:
        return []
    from feast import Entity, FeatureService, FeatureView, Field, FileSource
    from feast.data_format import ParquetFormat
    from feast.types import Bool, Float64, Int64, String, UnixTimestamp
    from feast.value_type import ValueType

    field_types: dict[ColumnType, Any] = {
        "string": String,
        "int": Int64,
        "float": Float64,
        "bool": Bool,
        "timestamp": UnixTimestamp,
        "date": UnixTimestamp,
    }
    key_types: dict[ColumnType, ValueType] = {
        "string": ValueType.STRING,
        "int": ValueType.INT64,
        "float": ValueType.DOUBLE,
        "bool": ValueType.BOOL,
        "timestamp": ValueType.UNIX_TIMESTAMP,
        "date": ValueType.UNIX_TIMESTAMP,
    }
    owner = ", ".join(spec.owners)
    tags = {"use_case": spec.name, "risk_tier": spec.risk.tier}
    entities: dict[str, Any] = {}
    views = []
    for name, facts in spec.features.views.items():
        columns = spec.sources[spec.view_source(name)].columns
        key = columns[facts.entity]
        if facts.entity not in entities:
            entities[facts.entity] = Entity(
                name=entity_name(spec, facts.entity),
                join_keys=[stored_name(facts.entity)],
                value_type=key_types[key.type],
                description=key.description,
                owner=owner,
                tags=tags,
            )
        source = FileSource(
            name=view_name(spec, name),
            path=day_files(spec, home, name),
            file_format=ParquetFormat(),
            timestamp_field=stored_name(facts.timestamp),
            created_timestamp_column=stored_name(facts.created) if facts.created else "",
            description=f"Day files of '{name}', one per day of arrival, times in UTC.",
            owner=owner,
            tags=tags,
        )
        views.append(
            FeatureView(
                name=view_name(spec, name),
                entities=[entities[facts.entity]],
                ttl=facts.time_to_live,
                # The join key is declared too, or Feast opens the files to infer it.
                schema=[Field(name=stored_name(facts.entity), dtype=field_types[key.type])]
                + [
                    Field(
                        name=stored_name(column),
                        dtype=field_types[columns[column].type],
                        description=columns[column].description,
                        tags={"unit": unit} if (unit := columns[column].unit) else {},
                    )
                    for column in facts.columns
                ],
                source=source,
                description=f"'{name}' of {spec.name}: valid for {facts.ttl} from "
                f"'{facts.timestamp}'"
                + (f", known from '{facts.created}'." if facts.created else "."),
                owner=owner,
                tags=tags,
            )
        )
    derived = {f"derived.{name}": formula(one) for name, one in spec.features.derived.items()}
    service = FeatureService(
        name=service_name(spec),
        features=views,
        description=f"Every feature a model of {spec.name} joins, in training and in scoring."
        + (" Tags name what is made of them afterwards." if derived else ""),
        owner=owner,
        tags=tags | derived,
    )
    return [*entities.values(), *views, service]


def store_config(home: Home, online: Path | None = None) -> "RepoConfig":
    """The installation's Feast configuration; ``online``: another SQLite file for online values.

    Registry and online store are SQLite files under ``home.feast`` (a registry in one file that is
    rewritten in place can be read half-written; SQLite's transactions cannot), the offline store
    is DuckDB. ``feature_repo/feature_store.yaml`` says the same.
    """
    from feast import RepoConfig

    folder = home.feast.resolve()
    return RepoConfig(
        project=PROJECT,
        provider="local",
        registry={"registry_type": "sql", "path": f"sqlite:///{folder / 'registry.db'}"},
        offline_store={"type": "duckdb"},
        online_store={"type": "sqlite", "path": str((online or folder / "online.db").resolve())},
        entity_key_serialization_version=3,
        repo_path=folder,
    )


def open_store(home: Home) -> "FeatureStore":
    """The installation's feature store."""
    from feast import FeatureStore

    home.feast.mkdir(parents=True, exist_ok=True)
    return FeatureStore(config=store_config(home))


def apply(spec: UseCaseSpec, home: Home) -> bool:
    """Register the use case's objects beside those of others; True when anything changed.

    Nothing is written when the registry holds exactly these objects already. A registry that is
    no database any more is put aside and made anew: it holds nothing that the specs do not say,
    and each use case registers itself again.
    """
    objects = feast_objects(spec, home)
    if not objects:
        return False
    from sqlalchemy.exc import DatabaseError

    try:
        return register(open_store(home), objects)
    except DatabaseError as error:
        # Its own kinds (locked by another process, a row somebody else just wrote) pass.
        if type(error) is not DatabaseError:
            raise
    for path in sorted(home.feast.glob("registry.db*")):
        path.replace(path.with_name(f"damaged-{path.name}"))
    return register(open_store(home), objects)


def register(store: "FeatureStore", objects: list[Any]) -> bool:
    """Add or replace ``objects`` in the registry unless they are there as they are."""
    from feast import Entity, FeatureService, FeatureView

    there: dict[tuple[type, str], Any] = {}
    for found in (
        *store.list_entities(),
        *store.list_feature_views(),
        *store.list_feature_services(),
    ):
        there[(type(found), found.name)] = found
    known = (Entity, FeatureView, FeatureService)
    if all(isinstance(o, known) and there.get((type(o), o.name)) == o for o in objects):
        return False
    store.apply(objects)
    return True

"""The whole asset graph of the built-in use case, as a person would read it."""

from collections.abc import Iterator

import dagster as dg
import pytest
from syrupy.assertion import SnapshotAssertion

from assets.home import Home
from orchestration.road import STAGE_TAG, STAGES, USE_CASE_TAG, stage


@pytest.fixture(scope="module")
def definitions(prepared_home: Home) -> Iterator[dg.Definitions]:
    from orchestration.definitions import defs

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTSHIFT_HOME", str(prepared_home.root))
        patch.delenv("NIGHTSHIFT_USE_CASES", raising=False)
        yield defs()


def nodes(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    specs = definitions.resolve_all_asset_specs()
    return sorted(specs, key=lambda spec: spec.key.to_user_string())


def test_graph(definitions: dg.Definitions, snapshot: SnapshotAssertion) -> None:
    described = {
        spec.key.to_user_string(): {
            "group": spec.group_name,
            "kinds": sorted(spec.kinds),
            "owners": list(spec.owners),
            "upstream": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "partitions": type(spec.partitions_def).__name__,
            "fresh": spec.freshness_policy is not None,
        }
        for spec in nodes(definitions)
    }
    assert described == snapshot


def test_checks(definitions: dg.Definitions, snapshot: SnapshotAssertion) -> None:
    graph = definitions.resolve_asset_graph()
    checks = {
        f"{key.asset_key.to_user_string()}: {key.name}": {
            "blocking": graph.get_check_spec(key).blocking,
            "partitioned": graph.get_check_spec(key).partitions_def is not None,
        }
        for key in sorted(graph.asset_check_keys, key=str)
    }
    assert checks == snapshot
    assert all(check["partitioned"] for check in checks.values())


def test_jobs_and_schedules(definitions: dg.Definitions, snapshot: SnapshotAssertion) -> None:
    repository = definitions.get_repository_def()
    jobs = {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
        for job in repository.get_all_jobs()
        if not job.name.startswith("__")
    }
    schedules = {
        schedule.name: [schedule.cron_schedule, schedule.execution_timezone, schedule.job_name]
        for schedule in repository.schedule_defs
    }
    assert {"jobs": jobs, "schedules": schedules} == snapshot


def test_every_asset_says_what_it_is(definitions: dg.Definitions) -> None:
    for spec in nodes(definitions):
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.group_name in STAGES
        assert spec.tags[STAGE_TAG] == stage(spec.group_name)
        assert spec.tags[USE_CASE_TAG] == spec.key.path[0]
        assert "use case at the desk" in spec.metadata
        # A model and Feast's online store are no tables.
        if spec.key.path[-1] not in ("model", "online_features"):
            assert spec.metadata["dagster/column_schema"].columns, spec.key


def test_lineage_names_columns_that_are_there(definitions: dg.Definitions) -> None:
    specs = {spec.key: spec for spec in nodes(definitions)}
    columns = {
        key: {column.name for column in schema.columns}
        for key, spec in specs.items()
        if (schema := spec.metadata.get("dagster/column_schema"))
    }
    told = 0
    for spec in specs.values():
        lineage = spec.metadata.get("dagster/column_lineage")
        for column, deps in (lineage.deps_by_column if lineage else {}).items():
            for dep in deps:
                told += 1
                assert dep.column_name in columns[dep.asset_key], (spec.key, column, dep)
    assert told


def test_a_night_that_never_came_is_seen(definitions: dg.Definitions) -> None:
    fresh = {spec.key.path[-1] for spec in nodes(definitions) if spec.freshness_policy}
    assert fresh == {"decisions", "ladder", "ledger", "incidents"}


def test_every_check_says_what_it_asks(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.asset_check_keys:
        assert graph.get_check_spec(key).description, key

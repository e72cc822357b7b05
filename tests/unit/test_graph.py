"""The whole asset graph of the built-in use case, as a person would read it."""

from collections.abc import Iterator

import dagster as dg
import pytest
from syrupy.assertion import SnapshotAssertion

from assets.home import Home


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
        assert spec.group_name in (
            "ingestion",
            "marts",
            "features",
            "training",
            "release",
            "scoring",
            "decisions",
            "monitoring",
        )

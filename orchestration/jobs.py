"""The jobs of a use case and when they run."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from assets.ingestion.assets import BALANCE
from assets.spec import UseCaseSpec

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )


def history_job(use_case: str) -> str:
    """Name of the job that builds past days without scoring them; takes a range in one run."""
    return f"{use_case}_history"


def ingestion_job(use_case: str) -> str:
    """Name of the job that takes files through the door and judges its gates, no further."""
    return f"{use_case}_ingestion"


def nightly_job(use_case: str) -> str:
    """Name of the job that takes one closed day from landing to decisions and reports."""
    return f"{use_case}_nightly"


def training_job(use_case: str) -> str:
    """Name of the job that trains as of the close of a day, registers and enters the ladder."""
    return f"{use_case}_training"


NIGHT_GROUPS = ("scoring", "decisions", "monitoring")
LADDER = "ladder"
"""Asset of the release group that belongs to the night: it judges what the night showed."""


def _selection(spec: UseCaseSpec, *groups: str) -> dg.AssetSelection:
    return dg.AssetSelection.groups(*groups) & dg.AssetSelection.key_prefixes([spec.name])


def jobs_and_schedules(
    spec: UseCaseSpec,
) -> "tuple[Sequence[UnresolvedAssetJobDefinition], Sequence[dg.ScheduleDefinition]]":
    """History, nightly and training jobs; the schedules, in UTC, for the last two.

    Schedules ship stopped: switching a night on is a person's act, in the UI.
    """
    views = dg.AssetSelection.assets(*([spec.name, f"{v}_view"] for v in spec.features.views))
    sets = dg.AssetSelection.assets([spec.name, "scoring_set"])
    training_set = dg.AssetSelection.assets([spec.name, "training_set"])
    built = _selection(spec, "ingestion", "marts") | views
    ladder = dg.AssetSelection.assets([spec.name, LADDER])
    # dbt's tests and the door's gates run (and stop) the build all the same; recording each for
    # each of many past days would cost more than the build.
    balance = dg.AssetSelection.checks(
        *(dg.AssetCheckKey(dg.AssetKey([spec.name, source]), BALANCE) for source in spec.sources)
    )
    past_days = _selection(spec, "ingestion", "marts").without_checks() | balance | views
    tags = {"use_case": spec.name, "tier": spec.risk.tier}
    limit = {"dagster/max_runtime": str(int(timedelta(hours=2).total_seconds()))}
    nightly = dg.define_asset_job(
        nightly_job(spec.name),
        selection=built | sets | _selection(spec, *NIGHT_GROUPS) | ladder,
        description="A closed day: landed files to decisions and reports. Safe to run again.",
        tags=tags | limit,
    )
    training = dg.define_asset_job(
        training_job(spec.name),
        selection=training_set | (_selection(spec, "training", "release") - ladder),
        description="Train on labels matured by the close of the partition's day, and register.",
        tags=tags | limit,
    )
    past = dg.define_asset_job(
        history_job(spec.name),
        selection=past_days,
        description="Ingest and build past days, in one run for a whole range; scores nothing.",
        tags=tags | limit,
    )
    arrived = dg.define_asset_job(
        ingestion_job(spec.name),
        selection=_selection(spec, "ingestion"),
        description="Take landed files through the door and judge its gates; what a sensor starts.",
        tags=tags | limit,
    )
    return [arrived, past, nightly, training], [
        _schedule(nightly, spec.schedule),
        _schedule(training, spec.training_schedule),
    ]


def _schedule(job: "UnresolvedAssetJobDefinition", cron: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        name=f"{job.name}_schedule",
        description="For the day that closed before the tick.",
    )
    def closed_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
        return dg.RunRequest(partition_key=day, run_key=day)

    return closed_day

"""Sensors of a use case: files that came are ingested, days that became stale are built anew.

Both ship stopped, like the schedules: switching one on is a person's act, in the UI.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.errors import NightshiftError
from assets.ingestion.arrival import look
from assets.ingestion.revisions import WantedRerun, versions, wanted_reruns
from assets.spec import UseCaseSpec
from orchestration.jobs import history_job, ingestion_job, nightly_job
from orchestration.partitions import RANGE_END, RANGE_START, daily
from orchestration.resources.installation import Installation

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

EVERY_SECONDS = 30
RUNS_A_LOOK = 10
"""More days than that are joined into ranges, or wait for the next look."""


def arrival_sensor(spec: UseCaseSpec) -> dg.SensorDefinition:
    """Starts the ingestion of the days for which files came; needs the job of that name."""

    @dg.sensor(
        name=f"{spec.name}_arrival",
        job_name=ingestion_job(spec.name),
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=(
            "Takes files that were the same at two looks in a row through the door, all of a "
            "closed day in one run. Why files wait or are ignored is in the reason of a skipped "
            "look, or in its log. Resetting the cursor makes it look at every file anew; what is "
            "in the lake already still starts nothing."
        ),
    )
    def arrived(
        context: dg.SensorEvaluationContext, installation: Installation
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            found = look(
                spec,
                installation.home,
                installation.lake,
                context.cursor,
                _last_closed_day(spec),
                RUNS_A_LOOK,
            )
        except NightshiftError as error:
            context.log.error(str(error))
            return dg.SkipReason(str(error))
        if not found.requests:
            return dg.SensorResult(skip_reason=found.note, cursor=found.cursor)
        if found.note:
            context.log.info(found.note)
        job = ingestion_job(spec.name)
        requests = [
            _day(one.first, one.run_key, job)
            if one.first == one.last
            else _range(one.first, one.last, one.run_key, job)
            for one in found.requests
        ]
        return dg.SensorResult(run_requests=requests, cursor=found.cursor)

    return arrived


def late_rows_sensor(
    spec: UseCaseSpec, jobs: "Sequence[UnresolvedAssetJobDefinition]"
) -> dg.SensorDefinition | None:
    """Builds stale days anew as ``late.then`` of their sources says; None when all say ``mark``.

    ``jobs``: those of the use case, its history and nightly job among them.
    """
    if all(source.late.then == "mark" for source in spec.sources.values()):
        return None
    wanted = (history_job(spec.name), nightly_job(spec.name))

    @dg.sensor(
        name=f"{spec.name}_late_rows",
        jobs=[job for job in jobs if job.name in wanted],
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=(
            "Rebuilds the marts of days for which rows came late or files were corrected, or runs "
            "their whole night again, once for each change; a run that failed is a person's to "
            "repeat."
        ),
    )
    def late_rows(
        context: dg.SensorEvaluationContext, installation: Installation
    ) -> dg.SensorResult | dg.SkipReason:
        before = _remembered(context.cursor)
        try:
            now = versions(installation.lake, spec)
            if now == before["versions"]:
                return dg.SkipReason("nothing was ingested or built since the last look")
            stale = wanted_reruns(installation.lake, spec)
        except NightshiftError as error:
            context.log.error(str(error))
            return dg.SkipReason(str(error))
        asked = before["asked"]
        new = [one for one in stale if asked.get(str(one.day)) != one.digest]
        runs = _again(spec, new)[:RUNS_A_LOOK]
        taken = {day for days, _ in runs for day in days}
        cursor = {
            # What is left over is looked for again, whether or not a table has moved by then.
            "versions": now if len(taken) == len(new) else {},
            "asked": {
                str(one.day): one.digest
                for one in stale
                if one.day in taken or asked.get(str(one.day)) == one.digest
            },
        }
        requests = [request for _, request in runs]
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else _nothing(len(stale)),
            cursor=json.dumps(cursor),
        )

    return late_rows


def _again(
    spec: UseCaseSpec, wanted: Sequence[WantedRerun]
) -> list[tuple[list[date], dg.RunRequest]]:
    """Runs, each with the days it is for: a night by itself, days on end to rebuild together."""
    spans: list[list[WantedRerun]] = []
    for one in wanted:
        last = spans[-1][-1] if spans else None
        if (
            last is not None
            and one.then == last.then == "rebuild"
            and one.day - last.day == timedelta(days=1)
        ):
            spans[-1].append(one)
        else:
            spans.append([one])
    runs = []
    for span in spans:
        days = [one.day for one in span]
        digest = hashlib.sha256("".join(one.digest for one in span).encode()).hexdigest()
        key = f"{days[0]}:{days[-1]}:{digest[:32]}"
        if span[0].then == "rerun":
            request = _day(days[0], key, nightly_job(spec.name))
        else:
            # A range of one day too: a range judges the gates of its days itself, which late rows
            # have set back to unjudged.
            request = _range(days[0], days[-1], key, history_job(spec.name))
        runs.append((days, request))
    return runs


def _day(day: date, run_key: str, job: str) -> dg.RunRequest:
    return dg.RunRequest(run_key=run_key, job_name=job, partition_key=str(day))


def _range(first: date, last: date, run_key: str, job: str) -> dg.RunRequest:
    """All the days in a single run."""
    tags = {RANGE_START: str(first), RANGE_END: str(last)}
    return dg.RunRequest(run_key=run_key, job_name=job, tags=tags)


def _remembered(cursor: str | None) -> dict[str, dict[str, Any]]:
    """Table versions at the last look, and the digest of each stale day asked for; nothing when the
    cursor makes no sense: Dagster itself starts no run of the same key twice."""
    try:
        found = json.loads(cursor or "{}")
        return {"versions": dict(found["versions"]), "asked": dict(found["asked"])}
    except (ValueError, TypeError, KeyError):
        return {"versions": {}, "asked": {}}


def _nothing(stale: int) -> str:
    return f"asked for before: {stale} days are stale" if stale else "no day is stale"


def _last_closed_day(spec: UseCaseSpec) -> date:
    """The newest partition; the day before the first while there is none."""
    newest = daily(spec).get_last_partition_key()
    return date.fromisoformat(newest) if newest else spec.start_date - timedelta(days=1)

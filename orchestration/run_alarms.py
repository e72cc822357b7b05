"""Runs of a use case that failed, or came through after they failed: told once each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from assets.alerts import raise_alert
from assets.incidents.run_alerts import (
    Kind,
    OnRecord,
    Work,
    Wrong,
    failed_alert,
    failures,
    recovered_alert,
    recovered_from,
    untold,
)
from assets.tables import ALERTS, DECISIONS
from orchestration.jobs import history_job, ingestion_job, nightly_job, training_job
from orchestration.partitions import RANGE_END, RANGE_START
from orchestration.run_address import run_address
from orchestration.run_problems import problems_of

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

PARTITION_TAG = "dagster/partition"
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
"""Statuses that say how it went; a run that a person cancelled says nothing."""

OVERLAP = timedelta(seconds=5)
"""Looked at again: of two runs that end at once, one may be on record after a look at the other."""

RUNS_A_LOOK = 500


@dataclass(frozen=True)
class Looked:
    """``until``: where the next look begins; ``told``: alerts that were raised."""

    until: datetime
    told: list[str]


def look_at_runs(
    spec: "UseCaseSpec",
    home: "Home",
    lake: "Lake",
    instance: dg.DagsterInstance,
    since: datetime,
) -> Looked:
    """Tell people of runs that ended after ``since`` (UTC), by how the newest of the same work did.

    A look rather than a sensor of failures alone: of a failure and a success between two looks the
    order counts, and an alert that could not be raised is raised at the next look.
    """
    records = instance.get_run_records(
        dg.RunsFilter(statuses=FINISHED, updated_after=since - OVERLAP),
        limit=RUNS_A_LOOK,
        order_by="update_timestamp",
        ascending=True,
    )
    kinds = jobs_of(spec.name)
    told, done = [], set[Work]()
    for record in records:
        run = record.dagster_run
        work = work_of(spec.name, kinds, run, record.update_timestamp)
        if work is None or work in done:
            continue
        done.add(work)
        newest = instance.get_runs(
            dg.RunsFilter(job_name=work.job, tags=_days(run), statuses=FINISHED), limit=1
        )
        told += _told(spec, home, lake, instance, work, newest[0] if newest else run)
    until = max([since, *(_utc(record.update_timestamp) for record in records)])
    return Looked(until, told)


def jobs_of(use_case: str) -> dict[str, Kind]:
    """The jobs that are watched, by what they do."""
    return {
        nightly_job(use_case): "night",
        training_job(use_case): "training",
        history_job(use_case): "history",
        ingestion_job(use_case): "ingestion",
    }


def work_of(
    use_case: str, kinds: dict[str, Kind], run: dg.DagsterRun, ended: datetime
) -> Work | None:
    """What a run was for; None where it is none of these jobs. One without a partition is of the
    day it ended."""
    if run.job_name not in kinds:
        return None
    tags = run.tags
    one = tags.get(PARTITION_TAG) or _utc(ended).date().isoformat()
    first, last = tags.get(RANGE_START, one), tags.get(RANGE_END, one)
    return Work(
        use_case,
        kinds[run.job_name],
        run.job_name,
        date.fromisoformat(first),
        date.fromisoformat(last),
    )


def _told(
    spec: "UseCaseSpec",
    home: "Home",
    lake: "Lake",
    instance: dg.DagsterInstance,
    work: Work,
    run: dg.DagsterRun,
) -> list[str]:
    alerts = _alerts(lake, work)
    incidents = [one.incident for one in alerts]
    before = recovered_from(work, incidents)
    link = run_address(run.run_id)
    if run.is_success:
        failed = failures(work, incidents)
        if failed <= before:
            return []
        alert = recovered_alert(work, failed, link)
    else:
        wrong = [Wrong(one.step, one.text) for one in problems_of(instance, run.run_id)]
        new = untold(wrong, alerts, f"{spec.name}_door")
        if wrong and not new:
            return []
        decided = _decided(lake, work)
        alert = failed_alert(spec, work, new, decided=decided, link=link, after=before)
    return [alert.incident] if raise_alert(home, lake, alert, run.run_id) else []


def _alerts(lake: "Lake", work: Work) -> list[OnRecord]:
    if not lake.exists(work.use_case, ALERTS):
        return []
    columns = ["incident", "happened"]
    rows = lake.read(work.use_case, ALERTS, columns=columns, first=work.first, last=work.last)
    return [OnRecord(row["incident"], row["happened"]) for row in rows.to_pylist()]


def _decided(lake: "Lake", work: Work) -> int:
    if work.kind != "night" or not lake.exists(work.use_case, DECISIONS):
        return 0
    rows = lake.read(
        work.use_case, DECISIONS, columns=["decision_id"], first=work.first, last=work.last
    )
    return int(rows.num_rows)


def _days(run: dg.DagsterRun) -> dict[str, str]:
    wanted: Iterable[str] = (PARTITION_TAG, RANGE_START, RANGE_END)
    return {tag: run.tags[tag] for tag in wanted if tag in run.tags}


def _utc(time: datetime) -> datetime:
    """Dagster's times of a run are UTC, with a zone or without."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)

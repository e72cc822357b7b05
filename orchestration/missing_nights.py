"""Nights that are not on record when they should be."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from assets.alerts import raise_alert
from assets.incidents.run_alerts import came_alert, missing_alert
from assets.lake import PARTITION
from assets.release.first_day import newest_night
from assets.tables import ALERTS, DECISIONS
from orchestration.jobs import nightly_job
from orchestration.run_address import run_address
from orchestration.run_alarms import FINISHED, PARTITION_TAG

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

GRACE = timedelta(hours=6)
"""From the tick of the schedule to the alarm: a night may wait for files, and run for a while."""

AWAITED_DAYS = 14
"""Nights that never came are looked for so long; one that comes later still is no news."""


def due_night(
    spec: "UseCaseSpec", now: datetime, grace: timedelta = GRACE
) -> tuple[date, datetime]:
    """The newest night that should be on record at ``now`` (UTC), and the tick it was due at."""
    from dagster._utils.schedules import get_latest_completed_cron_tick

    tick = get_latest_completed_cron_tick(spec.schedule, now - grace, "UTC")
    return tick.date() - timedelta(days=1), tick


def look_for_night(
    spec: "UseCaseSpec",
    home: "Home",
    lake: "Lake",
    instance: dg.DagsterInstance,
    now: datetime,
    grace: timedelta = GRACE,
) -> list[str]:
    """Tell people of the night that is due and not there, and of those that came after all.

    A night is there with its decisions, or with a run that ended: of one that failed people are
    told elsewhere, and a day may have no case. Returns what was told.
    """
    day, due = due_night(spec, now, grace)
    alerts = []
    for missed in _missed(lake, spec.name, day):
        decided = _decided(lake, spec.name, missed)
        if decided:
            alerts.append(came_alert(spec, missed, decided))
    if day >= spec.start_date and not _decided(lake, spec.name, day):
        runs = instance.get_runs(
            dg.RunsFilter(job_name=nightly_job(spec.name), tags={PARTITION_TAG: str(day)}), limit=1
        )
        if not runs or runs[0].status not in FINISHED:
            newest = newest_night(lake, spec.name)
            alerts.append(missing_alert(spec, day, due, grace, newest, _going(runs)))
    return [one.incident for one in alerts if raise_alert(home, lake, one, "")]


def _going(runs: Sequence[dg.DagsterRun]) -> str:
    if not runs:
        return ""
    state = runs[0].status.value.lower().replace("_", " ")
    return f"Its last run is {state}: {run_address(runs[0].run_id)}."


def _missed(lake: "Lake", use_case: str, until: date) -> list[date]:
    """Nights people were told never came, and were not told that they did."""
    if not lake.exists(use_case, ALERTS):
        return []
    first = until - timedelta(days=AWAITED_DAYS)
    rows = lake.read(use_case, ALERTS, columns=["incident", PARTITION], first=first).to_pylist()
    never, came = (
        {row[PARTITION] for row in rows if row["incident"].startswith(f"night {what}:")}
        for what in ("never came", "came")
    )
    return sorted(never - came)


def _decided(lake: "Lake", use_case: str, day: date) -> int:
    if not lake.exists(use_case, DECISIONS):
        return 0
    return int(
        lake.read(use_case, DECISIONS, columns=["decision_id"], first=day, last=day).num_rows
    )

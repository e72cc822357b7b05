"""Sensors that watch a use case: runs that failed, nights that never came, trainings asked for.

All ship stopped, like the schedules: switching one on is a person's act, in the UI.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from assets.alert_channels import channels, send_waiting
from assets.errors import NightshiftError
from assets.incidents.newest import training_request
from assets.release.events import SYSTEM
from assets.spec import UseCaseSpec
from assets.tables import INCIDENTS
from orchestration.identity import REQUESTED_BY
from orchestration.jobs import training_job
from orchestration.missing_nights import GRACE, look_for_night
from orchestration.resources.installation import Installation
from orchestration.run_alarms import look_at_runs

Clock = Callable[[], datetime]

OFTEN, HOURLY = 30, 3600
"""Seconds between looks."""


def _now() -> datetime:
    return datetime.now(UTC)


def incident_sensors(spec: UseCaseSpec, clock: Clock = _now) -> list[dg.SensorDefinition]:
    """The three of a use case. ``clock``: what time it is (UTC)."""
    return [
        run_alarm_sensor(spec, clock),
        missing_night_sensor(spec, clock),
        retraining_sensor(spec),
    ]


def run_alarm_sensor(spec: UseCaseSpec, clock: Clock = _now) -> dg.SensorDefinition:
    """Tells people of runs that failed or were ended, and of those that came through after all."""

    @dg.sensor(
        name=f"{spec.name}_run_alarm",
        minimum_interval_seconds=OFTEN,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=(
            "One alert for a night, a training or past days whose run failed, was stopped by a "
            "gate, or was ended because it sat, however often it is tried; one when it comes "
            "through. What the run tells people itself (a shut door, a broken seal) is not told "
            "twice. Begins with the runs that end after it was switched on."
        ),
    )
    def run_alarm(
        context: dg.SensorEvaluationContext, installation: Installation
    ) -> dg.SensorResult | dg.SkipReason:
        since = _since(context.cursor)
        if since is None:
            return dg.SensorResult(
                skip_reason="looks at runs from now on", cursor=clock().isoformat()
            )
        try:
            looked = look_at_runs(
                spec, installation.home, installation.lake, context.instance, since
            )
        except NightshiftError as error:
            # The cursor stays: nothing is lost, the next look tells.
            context.log.error(str(error))
            return dg.SkipReason(str(error))
        return dg.SensorResult(
            skip_reason="told: " + "; ".join(looked.told) if looked.told else "nothing to tell",
            cursor=looked.until.isoformat(),
        )

    return run_alarm


def missing_night_sensor(spec: UseCaseSpec, clock: Clock = _now) -> dg.SensorDefinition:
    """Tells people of a night that is not on record when it should be, and when it came."""
    hours = GRACE.total_seconds() / 3600

    @dg.sensor(
        name=f"{spec.name}_missing_night",
        minimum_interval_seconds=HOURLY,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=(
            f"One alert for a night that is not on record {hours:g} hours after it was due by the "
            f"schedule ({spec.schedule}, UTC), and one when it came after all. Also sends again "
            "what a channel of alerts did not take."
        ),
    )
    def missing_night(
        context: dg.SensorEvaluationContext, installation: Installation
    ) -> dg.SkipReason:
        home = installation.home
        try:
            told = look_for_night(spec, home, installation.lake, context.instance, clock())
            send_waiting(home, channels())
        except NightshiftError as error:
            context.log.error(str(error))
            return dg.SkipReason(str(error))
        return dg.SkipReason("told: " + "; ".join(told) if told else "nothing to tell")

    return missing_night


def retraining_sensor(spec: UseCaseSpec) -> dg.SensorDefinition:
    """Starts the training that an incident asks for; needs the job of that name."""

    @dg.sensor(
        name=f"{spec.name}_retraining",
        job_name=training_job(spec.name),
        minimum_interval_seconds=OFTEN,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=(
            "Runs the training an open incident asks for, once, on what was known at the end of "
            f"its night, in the name of {SYSTEM}. What comes of it decides nothing until people "
            "approve it."
        ),
    )
    def retraining(
        context: dg.SensorEvaluationContext, installation: Installation
    ) -> dg.SensorResult | dg.SkipReason:
        lake, home = installation.lake, installation.home
        try:
            if not lake.exists(spec.name, INCIDENTS):
                return dg.SkipReason("no incident was ever recorded")
            version = str(lake.version(spec.name, INCIDENTS))
            if context.cursor == version:
                return dg.SkipReason("nothing was recorded since the last look")
            found = training_request(spec, lake, home)
        except NightshiftError as error:
            context.log.error(str(error))
            return dg.SkipReason(str(error))
        if found is None:
            return dg.SensorResult(skip_reason="no training is asked for", cursor=version)
        request = dg.RunRequest(
            run_key=found.run_key,
            job_name=training_job(spec.name),
            partition_key=found.day.isoformat(),
            tags={REQUESTED_BY: SYSTEM},
        )
        return dg.SensorResult(run_requests=[request], cursor=version)

    return retraining


def _since(cursor: str | None) -> datetime | None:
    """Where the last look ended; None before the first, or where the cursor makes no sense."""
    try:
        found = datetime.fromisoformat(cursor or "")
    except ValueError:
        return None
    return found if found.tzinfo else None

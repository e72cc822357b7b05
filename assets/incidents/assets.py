"""Incidents in Dagster: what is wrong as of a night, said once, closed when it is over."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from assets.decisions.assets import FRESH_WITHIN
from assets.figures import png_bytes
from assets.incidents.plots import incidents_markdown, timeline
from assets.incidents.publish import SHOWN_DAYS, Recorded, record_night
from assets.incidents.story import title
from assets.release.assets import LADDER
from assets.spec import UseCaseSpec
from assets.tables import ECONOMICS, FAIRNESS, INCIDENTS, INCIDENTS_SCHEMA, PERFORMANCE
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import column_schema, picture
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

GROUP = "monitoring"
CHECK = "nothing_is_wrong"
DRIFT_REPORT = "drift_report"


def incidents_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """The incidents of a use case as of a night, and everybody told; a non-blocking check."""
    key = dg.AssetKey([spec.name, INCIDENTS])
    watch = spec.monitoring
    nights = "1 quiet night" if watch.closes_after == 1 else f"{watch.closes_after} quiet nights"

    @dg.asset(
        key=key,
        deps=[
            [spec.name, table] for table in (DRIFT_REPORT, PERFORMANCE, FAIRNESS, ECONOMICS, LADDER)
        ],
        group_name=GROUP,
        kinds={"deltalake"},
        owners=spec.owners or None,
        description=(
            "What is wrong as of the night: drift that matters, a performance breach, unfairness, "
            "a budget or a queue beyond its limit, a roll back. One incident per kind and subject, "
            f"told once when it opens and once when {nights} in a row have closed it; a night "
            "without enough evidence is neither. Asks for a training where "
            f"{' or '.join(watch.retrain.on) or 'nothing'} is found, at most once in "
            f"{watch.retrain.cool_down}. Nothing here stops a night."
        ),
        partitions_def=daily(spec),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESH_WITHIN),
        retry_policy=SAME_STORE,
        metadata=column_schema(INCIDENTS_SCHEMA),
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=key,
                blocking=False,
                partitions_def=daily(spec),
                description=(
                    "No incident is open. Warns, and says what to do; it does not stop the night, "
                    "for the decisions are made already."
                ),
            )
        ],
    )
    def watched(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None]]:
        day, lake, home = day_of(context), installation.lake, installation.home
        with explained():
            found = record_night(spec, home, lake, day, context.run.run_id)
        if found.problem:
            context.log.error(f"no training is asked for: {found.problem}")
        for one in found.opened:
            context.log.error(one.happened)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(found.incidents),
                "open": len(found.open),
                "opened tonight": len(found.opened),
                "closed tonight": len(found.closed),
                "open incidents": dg.MetadataValue.md(incidents_markdown(found.open)),
                "the night at the desk": dg.MetadataValue.url(
                    installation.night_url(spec.name, day)
                ),
                "table version": found.commit.version,
                "changed": found.commit.changed,
                **_drawn(spec, found),
            },
            check_results=[
                dg.AssetCheckResult(
                    passed=not found.open,
                    check_name=CHECK,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=told_of(found),
                    metadata={"open": len(found.open), "allowed": 0},
                )
            ],
        )

    return watched


def told_of(found: Recorded) -> str:
    """The open incidents, one after the other: since when, what happened, what to do."""
    if not found.open:
        return "No incident is open."
    count = (
        "1 incident is open" if len(found.open) == 1 else f"{len(found.open)} incidents are open"
    )
    return "\n\n".join(
        [
            f"{count}.",
            *(
                f"{title(one)}, since {one.opened_on}. {one.happened} {one.person_should}"
                for one in found.open
            ),
        ]
    )


def _drawn(spec: UseCaseSpec, found: Recorded) -> dict[str, Any]:
    """The last nights as a picture, where there is something to see."""
    first = found.day - timedelta(days=SHOWN_DAYS - 1)
    recent = {night: known for night, known in found.history.items() if night >= first and known}
    if not recent:
        return {}
    start = max(spec.start_date, min(min(recent), found.day - timedelta(days=13)))
    drawn = png_bytes(timeline(spec.name, recent, start, found.day), dpi=80)
    return {"timeline": picture(drawn, "incidents, night by night")}

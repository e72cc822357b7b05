"""Where a night's time went, by stage, from the step events Dagster has on record."""

from collections import defaultdict
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from orchestration.session import Session

STAGES = ("ingestion", "marts", "features", "quality", "scoring", "decisions", "monitoring")


def stage_seconds(session: "Session", run_id: str) -> dict[str, float]:
    """Wall seconds from start to success of the steps of each stage, in the order of the road.

    A step belongs to the group of the assets it materialised; one that only judges is ``quality``.
    """
    groups = {
        asset.key: asset.group_name or "" for asset in session.definitions.resolve_all_asset_specs()
    }
    began: dict[str, float] = {}
    took: dict[str, float] = {}
    stage: dict[str, str] = {}
    for entry in session.instance.all_logs(run_id):
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        if event.event_type is dg.DagsterEventType.STEP_START:
            began[event.step_key] = entry.timestamp
        elif event.event_type is dg.DagsterEventType.STEP_SUCCESS:
            took[event.step_key] = entry.timestamp - began[event.step_key]
        elif event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key:
            stage[event.step_key] = groups[event.asset_key]
    total: dict[str, float] = defaultdict(float)
    for step, seconds in took.items():
        total[stage.get(step, "quality")] += seconds
    return {name: total.pop(name, 0.0) for name in STAGES} | dict(total)

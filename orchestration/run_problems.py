"""What went wrong in a run, in the words of the step that failed."""

from dataclasses import dataclass

import dagster as dg


@dataclass(frozen=True)
class Problem:
    """``step``: name of the step that failed, empty where the run itself did."""

    step: str
    text: str


def problems_of(instance: dg.DagsterInstance, run_id: str) -> list[Problem]:
    """What failed and what to do, an entry per failed step, or per check that stopped it.

    Of a run that was ended, or never began: what Dagster says of it.
    """
    found: list[Problem] = []
    ended: list[Problem] = []
    refused: dict[str, list[str]] = {}
    records = instance.all_logs(
        run_id,
        of_type={
            dg.DagsterEventType.STEP_FAILURE,
            dg.DagsterEventType.ASSET_CHECK_EVALUATION,
            dg.DagsterEventType.RUN_CANCELING,
            dg.DagsterEventType.RUN_FAILURE,
        },
    )
    for record in records:
        event = record.dagster_event
        if event is None:
            continue
        step = event.step_key or ""
        if event.event_type in (dg.DagsterEventType.RUN_CANCELING, dg.DagsterEventType.RUN_FAILURE):
            if event.message and not event.message.startswith("Execution of run for"):
                ended.append(Problem("", event.message.strip()))
            continue
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
                why = check.description or f"check '{check.check_name}' failed"
                refused.setdefault(step, []).append(why)
            continue
        data = event.step_failure_data
        if data.error and data.error.cls_name == "DagsterAssetCheckFailedError":
            # Dagster's own words are how many checks failed, not why.
            said = refused.get(step, [data.error.message.strip()])
            found += [Problem(step, text) for text in said]
            continue
        description = data.user_failure_data.description if data.user_failure_data else None
        error = data.error.message.strip() if data.error else "failed"
        found.append(Problem(step, description or f"{step}: {error}"))
    return [*ended, *found]

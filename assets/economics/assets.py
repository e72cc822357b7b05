"""Economics in Dagster: what a night cost and what its decisions are worth."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.economics import compute, kpis
from assets.economics.advice import budget_advice, money, queue_advice
from assets.economics.compute import RUNS_SCHEMA, STEPS_SCHEMA, Bill
from assets.economics.measure import PASS, UNJUDGED, Measure, measures_table, named
from assets.economics.plots import economics_figure, history
from assets.figures import png_bytes
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, ECONOMICS, MEASURES_SCHEMA
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import column_schema, picture
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

GROUP = "monitoring"
WITHIN_BUDGET, WORKED_OFF = "night_within_budget", "queue_is_worked_off"

BEFORE = (DECISIONS, "ledger", "drift_report")
"""Assets of the night it comes after: what their steps took is on the night's own bill."""

PARTITION_TAG, USE_CASE_TAG = "dagster/partition", "use_case"
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]

BEGIN = dg.DagsterEventType.STEP_START
END = {dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE}


def economics_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """Compute, review, value, automation and queue of one night; two non-blocking verdicts."""
    key = dg.AssetKey([spec.name, ECONOMICS])
    budget = spec.economics.night_budget
    allowed = (
        "No budget is declared." if budget is None else f"{money(budget, spec.economics.currency)}."
    )

    @dg.asset(
        key=key,
        deps=[[spec.name, one] for one in BEFORE],
        group_name=GROUP,
        kinds={"deltalake"},
        owners=spec.owners or None,
        description=(
            "What the night cost (machine, reviewers), what its decisions are worth by their "
            "scores and what earlier ones proved to be worth, how much was decided without a "
            "person, and what waits for people. Run again, only the machine's part grows: a night "
            "that is run again costs again."
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        metadata=column_schema(MEASURES_SCHEMA),
        check_specs=[
            dg.AssetCheckSpec(
                WITHIN_BUDGET,
                asset=key,
                blocking=False,
                partitions_def=daily(spec),
                description=(
                    "Machine and reviewers of the night cost no more than economics.night_budget. "
                    f"{allowed} Warns; the night is decided already."
                ),
            ),
            dg.AssetCheckSpec(
                WORKED_OFF,
                asset=key,
                blocking=False,
                partitions_def=daily(spec),
                description=(
                    f"At most {spec.monitoring.overdue_cases} cases had waited longer than "
                    f"{spec.review.due} at the close of the night. Warns."
                ),
            ),
        ],
    )
    def measured(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None]]:
        day, lake = day_of(context), installation.lake
        with explained():
            lake.ensure(spec.name, ECONOMICS, MEASURES_SCHEMA)
            bill = _charged(context, spec, lake, day)
            found = kpis.measures(spec, kpis.read_night(lake, spec, day), bill)
            rows = measures_table(found, context.run.run_id)
            said = {"run_id": context.run.run_id, "spec_version": spec.version}
            commit = lake.replace_day(spec.name, ECONOMICS, day, rows, said)
            drawn = economics_figure(spec, history(lake, spec, day), day)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows.num_rows,
                **_told(spec, found),
                "seconds by stage": dg.MetadataValue.json(
                    {name: round(spent, 2) for name, spent in compute.by_stage(found).items()}
                ),
                "trend": picture(png_bytes(drawn, dpi=80), "value, cost and automation"),
                "the night at the desk": dg.MetadataValue.url(
                    installation.night_url(spec.name, day)
                ),
                "table version": commit.version,
                "changed": commit.changed,
            },
            check_results=_checks(spec, day, found),
        )

    return measured


def _checks(spec: UseCaseSpec, day: date, found: list[Measure]) -> list[dg.AssetCheckResult]:
    cost, overdue = named(found, "night_cost"), named(found, "queue_overdue")
    queue = queue_advice(
        spec, named(found, "queue_open"), overdue, named(found, "queue_oldest_days")
    )
    return [
        dg.AssetCheckResult(
            passed=one.verdict in (PASS, UNJUDGED),
            check_name=name,
            severity=dg.AssetCheckSeverity.WARN,
            description=told,
            metadata={
                "verdict": one.verdict or "not judged",
                **({} if one.value is None else {"value": one.value}),
                **({} if one.limit is None else {"limit": one.limit}),
            },
        )
        for name, one, told in (
            (WITHIN_BUDGET, cost, budget_advice(spec, day, cost)),
            (WORKED_OFF, overdue, queue),
        )
    ]


def _told(spec: UseCaseSpec, found: list[Measure]) -> dict[str, Any]:
    """The figures a manager asks for, in words."""
    currency = spec.economics.currency

    def amount(measure: str) -> str:
        one = named(found, measure)
        if one.value is None:
            return f"not known: {one.detail.get('why', '')}"
        ends = ""
        if one.low is not None and one.high is not None:
            ends = f" ({money(one.low, currency)} to {money(one.high, currency)})"
        return f"{money(one.value, currency)}{ends}, n = {one.n:,}"

    automated = named(found, "automation_rate")
    share = "not known: no case tonight"
    if automated.value is not None and automated.low is not None and automated.high is not None:
        share = (
            f"{automated.value:.1%} ({automated.low:.1%} to {automated.high:.1%}), "
            f"n = {automated.n:,}"
        )
    return {
        "cases": int(named(found, "cases").value or 0),
        "cost of the night": amount("night_cost"),
        "expected value": amount("expected_value"),
        "realised value, 28 days": amount("realised_value"),
        "decided without a person": share,
        "waiting for people": int(named(found, "queue_open").value or 0),
        "compute seconds": round(named(found, "compute_seconds").value or 0.0, 2),
    }


def _charged(context: dg.AssetExecutionContext, spec: UseCaseSpec, lake: Lake, day: date) -> Bill:
    """The night's bill, with what Dagster knows of runs that are on none."""
    there = compute.closed_runs(compute.on_record(lake, spec, day))
    runs = _runs(context, spec, day)
    open_runs = [run for run in runs.column("run_id").to_pylist() if run not in there]
    stages = _stages(context)
    jobs = dict(zip(*(runs.column(c).to_pylist() for c in ("run_id", "job")), strict=True))
    steps = [
        step
        for run in open_runs
        for step in _steps(context.instance, run, stages, _purpose(spec, jobs[run]))
    ]
    table = pa.Table.from_pylist(steps, schema=STEPS_SCHEMA)
    bill, added = compute.charge(lake, spec, day, runs, table)
    context.log.info(f"compute: {added} rows new, {bill.rows.num_rows} on the night's bill")
    return bill


def _runs(context: dg.AssetExecutionContext, spec: UseCaseSpec, day: date) -> pa.Table:
    """RUNS_SCHEMA: this run, and those of the use case that have ended, for this day or one of the
    days before. A run over a range of days (a history) is for no day."""
    days = [one.isoformat() for one in compute.days_of_runs(day)]
    ended = context.instance.get_run_records(
        dg.RunsFilter(tags={USE_CASE_TAG: spec.name, PARTITION_TAG: days}, statuses=ENDED)
    )
    rows = [
        {
            "run_id": one.dagster_run.run_id,
            "job": one.dagster_run.job_name,
            "day": date.fromisoformat(one.dagster_run.tags[PARTITION_TAG]),
            "started": _time(one.start_time),
            "ended": _time(one.end_time),
        }
        for one in ended
    ]
    own = {"run_id": context.run.run_id, "job": context.run.job_name, "day": day}
    return pa.Table.from_pylist([*rows, own], schema=RUNS_SCHEMA)


def _steps(
    instance: dg.DagsterInstance, run_id: str, stages: dict[str, str], otherwise: str
) -> list[dict[str, Any]]:
    """STEPS_SCHEMA of a run, from the times its steps began and ended.

    Not by ``get_run_step_stats``, which reads every materialisation and its pictures as well: twice
    to five times as dear, measured on nights of the demo.
    """
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    for event in instance.all_logs(run_id, of_type={BEGIN, *END}):
        if event.step_key is None:
            continue
        if event.dagster_event_type == BEGIN:
            began.setdefault(event.step_key, event.timestamp)
            # A step that is tried again has not ended.
            ended.pop(event.step_key, None)
        else:
            ended[event.step_key] = event.timestamp
    return [
        {
            "run_id": run_id,
            "step": step,
            "stage": stages.get(step, otherwise),
            "started": _time(at),
            "ended": _time(ended.get(step)),
        }
        for step, at in began.items()
    ]


def _stages(context: dg.AssetExecutionContext) -> dict[str, str]:
    """Step to the group of its asset, or of the asset it checks; of the steps of this job."""
    graph = context.job_def.asset_layer.asset_graph
    found = {}
    for definition in graph.assets_defs:
        keys = [*definition.keys, *(check.asset_key for check in definition.check_keys)]
        groups = [graph.get(one).group_name for one in keys if graph.has(one)]
        if groups and definition.is_executable:
            found[definition.node_def.name] = groups[0]
    return found


def _purpose(spec: UseCaseSpec, job: str) -> str:
    """Stage of a step this job has not: what its own job is for, like training."""
    return job.removeprefix(f"{spec.name}_")


def _time(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)

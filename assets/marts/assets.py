"""Marts in Dagster: dbt's models as assets, its tests as asset checks."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from assets.errors import NightshiftError
from assets.ingestion.door_gates import judge_days, record_doors, require_door, stopped_days
from assets.ingestion.revisions import inputs_now, record_built
from assets.ledger.judged_anew import put_judged_anew
from assets.marts.build import build, publish
from assets.marts.lineage import mart_columns
from assets.spec import UseCaseSpec
from orchestration.failures import SAME_STORE
from orchestration.partitions import RANGE_START, daily, settle_range_checks, span
from orchestration.resources.installation import Installation

if TYPE_CHECKING:
    from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

GROUP = "marts"


class MartsTranslator(DagsterDbtTranslator):
    """dbt nodes as Dagster specs: owners, kinds and partitioned checks."""

    def __init__(self, spec: UseCaseSpec) -> None:
        super().__init__()
        self._spec = spec
        self._made_of = mart_columns(spec)

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        base = super().get_asset_spec(manifest, unique_id, project)
        made_of = self._made_of.get(base.key.path[-1]) if unique_id.startswith("model.") else None
        if made_of:
            lineage = {
                column: [dg.TableColumnDep([self._spec.name, table], name) for table, name in deps]
                for column, deps in made_of.items()
            }
            base = base.merge_attributes(
                metadata={"dagster/column_lineage": dg.TableColumnLineage(lineage)}
            )
        return base.replace_attributes(owners=self._spec.owners, kinds={"dbt", "duckdb"})

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        # The default adds the model's SQL, which here is one call of a macro.
        return str(dbt_resource_props["description"])

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        base = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if base is None:
            return None
        node = manifest["nodes"][unique_id]
        kind = (node.get("test_metadata") or {}).get("name", node["name"])
        column = (node.get("column_name") or "").strip('"')
        return base._replace(
            description=base.description
            or f"dbt test `{kind}`" + (f" on `{column}`." if column else "."),
            # An unpartitioned check on a partitioned asset leaves a planned row open for ever.
            partitions_def=daily(self._spec),
        )


def marts_assets(spec: UseCaseSpec, manifest: Path) -> dg.AssetsDefinition:
    """All staging views and marts of a use case, built in one step and published to the lake."""
    translator = MartsTranslator(spec)

    @dbt_assets(
        manifest=manifest,
        name=f"{spec.name}_marts",
        partitions_def=daily(spec),
        dagster_dbt_translator=translator,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=SAME_STORE,
        pool=f"{spec.name}_marts",
    )
    def built(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[Any]:
        first, last = span(context)
        lake, run_id = installation.lake, context.run.run_id
        messages: list[Mapping[str, Any]] = []
        problem: str | None = None
        rows: dict[str, Any] = {}
        try:
            closed: list[date] = []
            seen = inputs_now(lake, spec, first, last)
            if RANGE_START not in context.run.tags:
                require_door(spec, lake, first)
            else:
                # A range has no check of its own for each day: the gates are judged here, and a
                # day that does not pass is left out instead of stopping all the others.
                judged = judge_days(spec, lake, first, last)
                record_doors(lake, spec, judged, run_id)
                put_judged_anew(lake, installation.home, spec, judged, run_id)
                closed = stopped_days(spec, judged)
                if closed:
                    days = ", ".join(map(str, closed))
                    context.log.warning(f"left out, the gates at the door did not pass: {days}")
            build(spec, installation.home, first, last, messages.append, without=closed)
            published = publish(spec, installation.home, lake, first, last, run_id, without=closed)
            record_built(lake, spec, first, last, run_id, inputs=seen, without=closed)
            rows = {
                name: {
                    "dagster/row_count": one.rows,
                    "table version": one.commit.version,
                    "changed": one.commit.changed,
                }
                for name, one in published.items()
            }
        except NightshiftError as error:
            problem = str(error)
        nodes = json.loads(manifest.read_text())
        # Results of failed tests go to Dagster too: the failing check is the explanation.
        results = []
        wanted = {"LogModelResult"}
        if context.selected_asset_check_keys:
            wanted.add("LogTestResult")
        for message in _results(m for m in messages if m["info"]["name"] in wanted):
            for event in message.to_default_asset_events(
                manifest=nodes, dagster_dbt_translator=translator, context=context
            ):
                if isinstance(event, dg.AssetCheckResult):
                    event = _worded(event, message.raw_event["data"])
                    results.append(event)
                elif isinstance(event, dg.Output):
                    table = context.asset_key_for_output(event.output_name).path[-1]
                    event = event.with_metadata({**event.metadata, **rows.get(table, {})})
                yield event
        settle_range_checks(context, results)
        if problem is not None:
            raise dg.Failure(description=problem, allow_retries=False)

    return built


def _worded(result: dg.AssetCheckResult, said: Mapping[str, Any]) -> dg.AssetCheckResult:
    """The result of a dbt test, in words; ``said``: the data of dbt's own event."""
    found = int(said.get("num_failures") or 0)
    rows = f"`{said['name']}`: {found} rows break it, allowed are 0"
    return dg.AssetCheckResult(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        severity=result.severity,
        metadata=result.metadata,
        description=(
            f"{rows}."
            if result.passed
            else f"{rows}, or it could not be run (see the step's log). Nothing is published. Look "
            "at the rows of the day's files, drop corrected ones and run the day again."
        ),
    )


def _results(messages: Iterable[Mapping[str, Any]]) -> Iterator["DbtCoreCliEventMessage"]:
    """dagster-dbt's own reading of dbt's log events, fed from the warm runner."""
    from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

    for message in messages:
        yield DbtCoreCliEventMessage(raw_event=dict(message), event_history_metadata={})

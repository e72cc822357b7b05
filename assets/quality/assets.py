"""The gate on the scoring population as an asset check, and on record."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.gate_results import GateResult, record
from assets.ledger.judged_anew import put_judged_anew
from assets.quality.scoring_population import GATE, docs_page, evaluate
from assets.spec import UseCaseSpec
from assets.tables import SCORING_SET
from orchestration.failures import SAME_STORE, explained
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

if TYPE_CHECKING:
    from dagster._core.execution.context.system import StepExecutionContext


class FailedAndTold(dg.AssetCheckResult):
    """A check that failed (severity ERROR, red in the UI) and does not stop the run.

    The check itself stays blocking: only of a blocking one does Dagster wait for before what is
    downstream starts, and scoring must find its record. What it found says that it does not block.
    """

    def to_asset_check_evaluation(
        self, step_context: "StepExecutionContext"
    ) -> dg.AssetCheckEvaluation:
        found = super().to_asset_check_evaluation(step_context)
        return dg.AssetCheckEvaluation(
            asset_key=found.asset_key,
            check_name=found.check_name,
            passed=found.passed,
            metadata=found.metadata,
            target_materialization_data=found.target_materialization_data,
            severity=found.severity,
            description=found.description,
            blocking=False,
            partition=found.partition,
        )


def finding(
    spec: UseCaseSpec, result: GateResult, metadata: Mapping[str, Any]
) -> dg.AssetCheckResult:
    """What a gate before scoring found, as Dagster's check result.

    A failure stops the run, unless ``fallback.on_failed_gate`` is ``refer``: scoring then sends
    every case to a person. A gate without enough evidence stops it in any case.
    """
    refers = result.verdict == "fail" and spec.fallback.on_failed_gate == "refer"
    kind = FailedAndTold if refers else dg.AssetCheckResult
    return kind(
        passed=result.verdict == "pass",
        severity=dg.AssetCheckSeverity.ERROR,
        description=result.message,
        metadata={"verdict": result.verdict, **metadata},
    )


def scoring_population_check(spec: UseCaseSpec) -> dg.AssetChecksDefinition:
    """Great Expectations on the night's cases; nothing is scored unless it passes.

    A failure stops the night or, with ``fallback.on_failed_gate: refer``, sends it to people.
    """

    @dg.asset_check(
        asset=[spec.name, SCORING_SET],
        name=GATE,
        blocking=True,
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        description=(
            "Great Expectations suite built from the spec: row count, unique keys, ranges, "
            "categories, medians and null shares of the night's cases."
        ),
    )
    def judged(
        context: dg.AssetCheckExecutionContext, installation: Installation
    ) -> dg.AssetCheckResult:
        day, lake, run_id = day_of(context), installation.lake, context.run.run_id
        with explained():
            # In the schema of the lake's table: the same bytes the consumer will look at.
            rows = lake.read_day(spec.name, SCORING_SET, day)
            result = evaluate(spec, installation.home, day, rows)
            record(lake, spec.name, day, result, spec_version=spec.version, run_id=run_id)
            put_judged_anew(lake, installation.home, spec, [day], run_id)
        # The check's own description is not shown on the page of the run: say there what it found.
        (context.log.info if result.verdict == "pass" else context.log.error)(result.message)
        return finding(
            spec,
            result,
            {
                "rows": rows.num_rows,
                "observed": dg.MetadataValue.json(dict(result.figures)),
                "allowed": dg.MetadataValue.json(dict(result.threshold)),
                "data docs": dg.MetadataValue.url(
                    installation.report_url(docs_page(spec, installation.home, day))
                ),
            },
        )

    return judged

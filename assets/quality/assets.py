"""The gate on the scoring population as a blocking asset check, and on record."""

import dagster as dg

from assets.gate_results import record
from assets.quality.scoring_population import GATE, docs_page, evaluate
from assets.spec import UseCaseSpec
from assets.tables import SCORING_SET
from orchestration.failures import SAME_STORE, explained
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation


def scoring_population_check(spec: UseCaseSpec) -> dg.AssetChecksDefinition:
    """Great Expectations on the night's cases; nothing is scored unless it passes."""

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
        day, lake = day_of(context), installation.lake
        with explained():
            # In the schema of the lake's table: the same bytes the consumer will look at.
            rows = lake.read_day(spec.name, SCORING_SET, day)
            result = evaluate(spec, installation.home, day, rows)
            record(
                lake,
                spec.name,
                day,
                result,
                spec_version=spec.version,
                run_id=context.run.run_id,
            )
        passed = result.verdict == "pass"
        # The check's own description is not shown on the page of the run: say there why it stopped.
        (context.log.info if passed else context.log.error)(result.message)
        return dg.AssetCheckResult(
            passed=passed,
            description=result.message,
            metadata={
                "verdict": result.verdict,
                "rows": rows.num_rows,
                "observed": dg.MetadataValue.json(dict(result.figures)),
                "allowed": dg.MetadataValue.json(dict(result.threshold)),
                "data docs": dg.MetadataValue.url(
                    installation.report_url(docs_page(spec, installation.home, day))
                ),
            },
        )

    return judged

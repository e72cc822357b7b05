"""Ingestion in Dagster: one asset per source, with the row balance as a blocking check."""

from collections.abc import Iterator

import dagster as dg

from assets.ingestion.ingest import ingest
from assets.spec import UseCaseSpec
from orchestration.failures import SAME_STORE, explained
from orchestration.partitions import daily, settle_range_checks, span
from orchestration.resources.installation import Installation

GROUP = "ingestion"
BALANCE = "no_row_lost"


def source_asset(spec: UseCaseSpec, source: str) -> dg.AssetsDefinition:
    """The validated rows of one source, per day."""
    declared = spec.sources[source]
    partitions = daily(spec)
    key = dg.AssetKey([spec.name, source])
    personal = [name for name, column in declared.columns.items() if column.pii]

    @dg.asset(
        key=key,
        group_name=GROUP,
        kinds={declared.format, "duckdb", "deltalake"},
        owners=spec.owners or None,
        description=(
            f"Rows of `{source}` that passed the contract ({declared.arrival} files). "
            f"Personal columns: {', '.join(personal) or 'none'}. "
            "What did not pass is in the quarantine table with its reason."
        ),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=SAME_STORE,
        check_specs=[
            dg.AssetCheckSpec(
                BALANCE,
                asset=key,
                blocking=True,
                partitions_def=partitions,
                description="Every landed row is either validated or in quarantine.",
            )
        ],
        metadata={
            "dagster/column_schema": dg.TableSchema(
                [
                    dg.TableColumn(name, column.type, description=column.description)
                    for name, column in declared.kept_columns.items()
                ]
            )
        },
    )
    def landed(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None]]:
        first, last = span(context)
        with explained():
            found = ingest(
                spec,
                source,
                installation.home,
                installation.lake,
                first,
                last,
                installation.pseudonym_key(),
                context.run.run_id,
                context.log.info,
            )
        if found.extra_columns:
            context.log.warning(f"{source}: columns not in the contract: {found.extra_columns}")
        rules = "\n".join(f"| {rule} | {n} |" for rule, n in found.broken_rules.items())
        gaps = ", ".join(str(day) for day in found.days_without_file)
        balance = dg.AssetCheckResult(
            passed=found.landed == found.validated + found.quarantined,
            asset_key=key,
            check_name=BALANCE,
            metadata={
                "landed": found.landed,
                "validated": found.validated,
                "quarantined": found.quarantined,
            },
        )
        settle_range_checks(context, [balance])
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": found.validated,
                "landed": found.landed,
                "quarantined": found.quarantined,
                "files": dg.MetadataValue.json(found.files[:50]),
                "broken rules": dg.MetadataValue.md(
                    f"| column: rule | rows |\n|---|---|\n{rules}" if rules else "none"
                ),
                "days without a file": gaps or "none",
                "table version": found.version,
                "changed": found.changed,
            },
            check_results=[balance],
        )

    return landed

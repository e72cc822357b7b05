"""The ledger in Dagster: a night's checkpoints, after everything that decides it."""

import dagster as dg

from assets.alerts import raise_alert
from assets.decisions.assets import FRESH_WITHIN
from assets.ledger.alert import ledger_alert
from assets.ledger.checkpoints import Checkpoint, LedgerError
from assets.ledger.record import checkpoint_day
from assets.spec import UseCaseSpec
from assets.tables import CHECKPOINTS_SCHEMA, DECISIONS
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import column_schema
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

GROUP = "decisions"
LEDGER, LADDER = "ledger", "ladder"


def ledger_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """Signed checkpoints of the night's decisions, gates and reviews, and of the releases."""

    @dg.asset(
        key=[spec.name, LEDGER],
        deps=[[spec.name, DECISIONS], [spec.name, LADDER]],
        group_name=GROUP,
        kinds={"deltalake"},
        owners=spec.owners or None,
        description=(
            "Chained, signed checkpoints over the night's decisions, gates and reviews and over "
            "the release record, with a second copy elsewhere. A re-run writes none; rows that "
            "were edited since their checkpoint get none, and this fails. `nightshift audit "
            "verify` checks them all."
        ),
        partitions_def=daily(spec),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESH_WITHIN),
        retry_policy=SAME_STORE,
        metadata=column_schema(CHECKPOINTS_SCHEMA),
    )
    def sealed(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake, home = day_of(context), installation.lake, installation.home
        run_id = context.run.run_id
        with explained():
            try:
                written = checkpoint_day(lake, home, spec, day, run_id=run_id)
            except LedgerError as refusal:
                raise_alert(home, lake, ledger_alert(spec, day, refusal), run_id)
                raise
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(one.rows for one in written),
                "checkpoints": dg.MetadataValue.md(_table(written) or "none: nothing changed"),
                "newest digest": written[-1].digest if written else "as before",
            }
        )

    return sealed


def _table(written: list[Checkpoint]) -> str:
    if not written:
        return ""
    lines = [
        f"| {one.sequence} | {one.kind} | {one.day or ''} | {one.rows} | {one.table_version} "
        f"| `{one.root[:16]}…` |"
        for one in written
    ]
    head = "| # | of | day | rows | table version | root |\n|---|---|---|---|---|---|"
    return "\n".join([head, *lines])

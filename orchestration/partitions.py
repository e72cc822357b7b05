"""Daily partitions of a use case, and what a run over one day or a range of days must do alike."""

from collections.abc import Iterable
from datetime import date

import dagster as dg
from dagster import AssetCheckEvaluation

from assets.spec import UseCaseSpec

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
"""Tags of a run over a range of days, even one of a single day."""


def daily(spec: UseCaseSpec) -> dg.DailyPartitionsDefinition:
    """One partition per UTC day from the spec's start."""
    return dg.DailyPartitionsDefinition(start_date=spec.start, timezone="UTC")


def all_days() -> dg.AllPartitionMapping:
    """For inputs of which a partition may use every earlier day, not just its own."""
    return dg.AllPartitionMapping()


def span(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """First and last day of the run: the same day twice for a night, a range for a backfill."""
    keys = context.partition_key_range
    return date.fromisoformat(keys.start), date.fromisoformat(keys.end)


def day_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> date:
    """The night a run is for."""
    return date.fromisoformat(context.partition_key)


def settle_range_checks(
    context: dg.AssetExecutionContext, results: Iterable[dg.AssetCheckResult]
) -> None:
    """Give every day of a range its check result.

    In a single run over a range Dagster records a check once, without a partition, and leaves the
    row it planned for each day open for ever.
    """
    first, last = span(context)
    if first == last:
        return
    for result in results:
        if result.asset_key is None or result.check_name is None:
            raise ValueError("a check result needs its asset key and its name")
        for day in context.partition_keys:
            context.log_event(
                AssetCheckEvaluation(
                    asset_key=result.asset_key,
                    check_name=result.check_name,
                    passed=result.passed,
                    metadata={"run": context.run.run_id, "days": f"{first} to {last}"},
                    severity=result.severity,
                    description=result.description,
                    partition=day,
                )
            )

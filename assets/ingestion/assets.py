"""Ingestion in Dagster: one asset per source, and the gates at the door as blocking checks."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import dagster as dg

from assets.alerts import door_alert, raise_alert
from assets.figures import png_bytes
from assets.gate_results import GateResult
from assets.ingestion.door_gates import (
    GATES,
    gate_name,
    gates_of,
    judge_days,
    record_doors,
    stops,
)
from assets.ingestion.door_plots import rules_bar_chart
from assets.ingestion.ingest import Ingested, ingest
from assets.ingestion.quarantine import broken_rules, top_messages
from assets.ledger.judged_anew import put_judged_anew
from assets.spec import UseCaseSpec
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import picture
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
            "What did not pass is in the quarantine table with its reason: "
            f"`nightshift quarantine list {spec.name}`."
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
                description="Every landed row of every file is either validated or in quarantine.",
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
        if found.extra_columns and declared.extra_columns == "warn":
            context.log.warning(f"{source}: columns not in the contract: {found.extra_columns}")
        for day in found.reopened:
            if day >= spec.start_date:
                context.log.info(f"{source}: late rows opened a new revision of {day}")
                context.log_event(_revision(key, day, last))
        balance = dg.AssetCheckResult(
            passed=not found.unbalanced,
            asset_key=key,
            check_name=BALANCE,
            description=_balance(source, found),
            metadata={
                "landed": found.landed,
                "validated": found.validated,
                "quarantined": found.quarantined,
                "files out of balance": ", ".join(found.unbalanced) or "none",
            },
        )
        settle_range_checks(context, [balance])
        # Same files, same contract: what is downstream need not count as out of date.
        version = dg.DataVersion(found.input_digest) if first == last else None
        yield dg.MaterializeResult(
            metadata=_metadata(found), check_results=[balance], data_version=version
        )

    return landed


def _balance(source: str, found: Ingested) -> str:
    """What the balance says, and what to do where rows are missing."""
    rows = (
        f"{source}: {found.landed} rows landed, {found.validated} validated, {found.quarantined} "
        "in quarantine; allowed are 0 lost"
    )
    if not found.unbalanced:
        return rows
    return (
        f"{rows}. Out of balance: {', '.join(found.unbalanced)}. Nothing of the file can be "
        "trusted: keep it as it is, run the day again, and report it if it stays so."
    )


def _revision(key: dg.AssetKey, day: date, landed_on: date) -> dg.AssetMaterialization:
    """The event that shows an earlier day as changed, and what was built from it as stale."""
    return dg.AssetMaterialization(
        asset_key=key,
        partition=str(day),
        description=f"Late rows that came with the files of {landed_on}.",
        metadata={"late rows came on": str(landed_on)},
    )


def _metadata(found: Ingested) -> dict[str, Any]:
    rules = broken_rules(found.quarantine)
    messages = "\n".join(
        f"| {count} | {message.replace('|', '/')} |"
        for message, count in top_messages(found.quarantine).items()
    )
    shown: dict[str, Any] = {
        "dagster/row_count": found.validated,
        "landed": found.landed,
        "quarantined": found.quarantined,
        "files": dg.MetadataValue.json(found.files[:50]),
        "days without a file": ", ".join(map(str, found.days_without_file)) or "none",
        "late rows changed": ", ".join(map(str, found.reopened)) or "no earlier day",
        "table version": found.version,
        "changed": found.changed,
    }
    if found.forgiven:
        shown["forgiven"] = dg.MetadataValue.json(dict(list(found.forgiven.items())[:50]))
    if rules:
        chart = png_bytes(rules_bar_chart(rules), dpi=80)
        shown["quarantined rows by rule"] = picture(chart, "rows in quarantine by broken rule")
        shown["most frequent reasons"] = dg.MetadataValue.md(
            f"| rows | reason |\n|--:|---|\n{messages}"
        )
    return shown


def door_checks(spec: UseCaseSpec) -> dg.AssetChecksDefinition:
    """The gates at the door, all sources of a use case in one step; each is on record."""
    partitions = daily(spec)

    @dg.multi_asset_check(
        name=f"{spec.name}_door",
        specs=[
            dg.AssetCheckSpec(
                gate,
                asset=[spec.name, source],
                blocking=True,
                partitions_def=partitions,
                description=GATES[gate],
            )
            for source in spec.sources
            for gate in gates_of(spec, source)
        ],
        retry_policy=SAME_STORE,
    )
    def judged(
        context: dg.AssetCheckExecutionContext, installation: Installation
    ) -> Iterable[dg.AssetCheckResult]:
        lake, run_id = installation.lake, context.run.run_id
        days = [date.fromisoformat(key) for key in context.partition_keys]
        with explained():
            by_day = judge_days(spec, lake, days[0], days[-1])
            record_doors(lake, spec, by_day, run_id)
            put_judged_anew(lake, installation.home, spec, by_day, run_id)
            for day, results in by_day.items():
                stopping = [one for one in results if stops(spec, one)]
                if stopping:
                    alert = door_alert(spec, day, stopping)
                    raise_alert(installation.home, lake, alert, run_id)
        last = {one.gate: one for one in by_day[days[-1]]}
        for source in spec.sources:
            for gate in gates_of(spec, source):
                found = last[gate_name(source, gate)]
                stopped = stops(spec, found)
                if found.verdict != "pass":
                    # The check's own description is not shown on the page of the run.
                    (context.log.error if stopped else context.log.warning)(found.message)
                yield _check(spec.name, source, gate, found, stopped)

    return judged


def _check(
    use_case: str, source: str, gate: str, found: GateResult, stopped: bool
) -> dg.AssetCheckResult:
    let_through = found.verdict != "pass" and not stopped
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey([use_case, source]),
        check_name=gate,
        # Insufficient evidence that the spec lets through is a warning, never shown as passed.
        passed=found.verdict == "pass",
        severity=dg.AssetCheckSeverity.WARN if let_through else dg.AssetCheckSeverity.ERROR,
        description=found.message,
        metadata={
            "verdict": found.verdict,
            "observed": dg.MetadataValue.json(dict(found.figures)),
            "allowed": dg.MetadataValue.json(dict(found.threshold)),
        },
    )

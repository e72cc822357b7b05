"""Drift in Dagster: did the input move, and does it matter?"""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from assets.home import Home
from assets.lake import Lake
from assets.monitoring.compare_night import Compared, compare_night
from assets.monitoring.plots import drift_markdown, drift_plot
from assets.release.champion import NoChampion, NotApproved, require_champion
from assets.release.events import Champion
from assets.spec import UseCaseSpec
from assets.tables import DRIFT, MEASURES_SCHEMA, PERFORMANCE, PREDICTIONS, SCORING_SET
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import column_schema, picture
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

GROUP = "monitoring"
DRIFT_REPORT = "drift_report"
STABLE = "population_is_stable"
HARMLESS = "what_moved_is_harmless"


def drift_report_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """Evidently report, snapshot, and measures of one night; two non-blocking verdicts."""
    key = dg.AssetKey([spec.name, DRIFT_REPORT])
    limits = spec.monitoring.drift
    days = "The night" if limits.window_days == 1 else f"The night and {limits.window_days} nights"

    @dg.asset(
        key=key,
        deps=[[spec.name, SCORING_SET], [spec.name, PREDICTIONS], [spec.name, PERFORMANCE]],
        group_name=GROUP,
        kinds={"evidently", "deltalake"},
        owners=spec.owners or None,
        description=(
            f"{days} against the champion's training window: did the input move (effect sizes "
            "against the noise of quiet days), and does it matter (scores, estimated performance, "
            "decisions, matured outcomes)?"
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        metadata=column_schema(MEASURES_SCHEMA),
        check_specs=[
            dg.AssetCheckSpec(
                STABLE,
                asset=key,
                blocking=False,
                partitions_def=daily(spec),
                description=(
                    "No feature lies further from the training window than quiet days do. Warns; "
                    "it does not stop the night, for the decisions are made already."
                ),
            ),
            dg.AssetCheckSpec(
                HARMLESS,
                asset=key,
                blocking=False,
                partitions_def=daily(spec),
                description=(
                    "Neither scores, estimated performance, decisions nor matured outcomes say "
                    "that it matters. Warns; an incident is opened where the input moved too."
                ),
            ),
        ],
    )
    def compared(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None]]:
        day, lake, home = day_of(context), installation.lake, installation.home
        with explained():
            champion = _champion(context, spec, lake, home, day)
            found = compare_night(
                spec, lake, home, day, champion, context.run.run_id, context.log.warning
            )
            lake.ensure(spec.name, DRIFT, MEASURES_SCHEMA)
            commit = lake.replace_day(
                spec.name,
                DRIFT,
                day,
                found.rows,
                {"run_id": context.run.run_id, "spec_version": spec.version},
            )
        result, judged = found.result, found.judged
        report, elsewhere = {}, {}
        if found.report is not None:
            report["report"] = dg.MetadataValue.url(installation.report_url(found.report.path))
            snapshot = installation.snapshot_url(spec.name, found.report.snapshot_id)
            elsewhere["the night in Evidently"] = dg.MetadataValue.url(snapshot)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": found.rows.num_rows,
                "input": result.verdict,
                "impact": judged.verdict,
                "in a sentence": judged.sentence,
                "moved": ", ".join(result.drifted) or "none",
                "rows": result.rows,
                "reference rows": result.reference_rows,
                "champion": champion.version if champion else "none",
                "drift": picture(drift_plot(result, judged), "effect against noise of quiet days"),
                "columns": dg.MetadataValue.md(drift_markdown(result, judged)),
                "table version": commit.version,
                "changed": commit.changed,
                "the night at the desk": dg.MetadataValue.url(
                    installation.night_url(spec.name, day)
                ),
                **report,
                **elsewhere,
            },
            check_results=[
                dg.AssetCheckResult(
                    passed=result.verdict == "stable",
                    check_name=STABLE,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=_moved(spec, found),
                    metadata={
                        "verdict": result.verdict,
                        "largest effect, in noise bands": result.largest,
                        "threshold": 1.0,
                        "rows": result.rows,
                        **report,
                    },
                ),
                dg.AssetCheckResult(
                    passed=judged.verdict in ("none", "harmless"),
                    check_name=HARMLESS,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=_matters(spec, found),
                    metadata={
                        "verdict": judged.verdict,
                        "signs that it matters": ", ".join(judged.signs) or "none",
                        "signs allowed": "none",
                        "not known yet": ", ".join(judged.open) or "nothing",
                        "rows": result.rows,
                        **report,
                    },
                ),
            ],
        )

    return compared


def _champion(
    context: dg.AssetExecutionContext, spec: UseCaseSpec, lake: Lake, home: Home, day: date
) -> Champion | None:
    """Whose training window the night is held against; None where no version may decide."""
    try:
        return require_champion(lake, home, spec, day)
    except (NoChampion, NotApproved) as refusal:
        context.log.warning(f"nothing to compare the night with: {refusal}")
        return None


def _moved(spec: UseCaseSpec, found: Compared) -> str:
    result = found.result
    if result.verdict == "stable":
        return (
            f"{result.rows:,} cases look like the champion's training window "
            f"({result.reference_rows:,} cases): the largest effect is {result.largest or 0:.2g} "
            "times its noise band, allowed is 1."
        )
    if result.verdict == "insufficient":
        return (
            f"{result.rows} rows are too few to tell (min_rows is "
            f"{spec.monitoring.drift.min_rows}); nothing is known about drift tonight."
        )
    return (
        f"The input has moved: {', '.join(result.drifted)}; the largest effect is "
        f"{result.largest or 0:.1f} times its noise band, allowed is 1 ({result.rows:,} cases "
        f"against {result.reference_rows:,}). Whether it matters is the check {HARMLESS}. "
        "Look at the report before anything else."
    )


def _matters(spec: UseCaseSpec, found: Compared) -> str:
    judged = found.judged
    if judged.verdict != "matters":
        return judged.sentence
    return (
        f"{judged.sentence} Look at the report; if the change is real, retrain: nightshift train "
        f"{spec.name}"
    )

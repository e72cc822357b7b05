"""Drift in Dagster: the night against the champion's training window."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
import pyarrow as pa

from assets.gate_results import passed_days
from assets.home import Home
from assets.lake import Lake
from assets.monitoring.comparison import SCORE
from assets.monitoring.drift import (
    DriftResult,
    drift_report,
    metrics_table,
    reference_sample,
    reference_window,
)
from assets.monitoring.plots import drift_markdown, drift_plot
from assets.quality.scoring_population import GATE
from assets.release.champion import NoChampion, NotApproved, require_champion
from assets.release.events import Champion
from assets.scoring.gate_fallback import failed_gate
from assets.scoring.loader import ModelRefused, load_verified
from assets.signing import SigningKeyError
from assets.spec import UseCaseSpec
from assets.tables import METRICS, METRICS_SCHEMA, PREDICTIONS, SCORING_SET, TRAINING_SET
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import picture
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

GROUP = "monitoring"
DRIFT_REPORT = "drift_report"
CHECK = "population_is_stable"


def drift_report_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """Evidently report, snapshot, and metric rows of one night; a non-blocking verdict."""
    key = dg.AssetKey([spec.name, DRIFT_REPORT])
    limits = spec.monitoring.drift
    days = "the night" if limits.window_days == 1 else f"the last {limits.window_days} nights"

    @dg.asset(
        key=key,
        deps=[[spec.name, SCORING_SET], [spec.name, PREDICTIONS]],
        group_name=GROUP,
        kinds={"evidently", "deltalake"},
        owners=spec.owners or None,
        description=f"Features and score of {days} against the champion's training window.",
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=key,
                blocking=False,
                partitions_def=daily(spec),
                description=(
                    f"Fewer than {limits.share:.0%} of the columns have drifted. Warns; it does "
                    "not stop the night, for the decisions are made already."
                ),
            )
        ],
    )
    def compared(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None]]:
        day, lake, home = day_of(context), installation.lake, installation.home
        with explained():
            champion = _champion(context, spec, lake, home, day)
            result = _compare(context, spec, lake, home, day, champion)
            lake.ensure(spec.name, METRICS, METRICS_SCHEMA)
            commit = lake.replace_day(
                spec.name,
                METRICS,
                day,
                metrics_table(result, spec, context.run.run_id),
                {"run_id": context.run.run_id, "spec_version": spec.version},
            )
        report = {}
        if result.report_path is not None:
            report["report"] = dg.MetadataValue.url(installation.report_url(result.report_path))
        yield dg.MaterializeResult(
            metadata={
                "verdict": result.verdict,
                "drifted": ", ".join(result.drifted) or "none",
                "rows": result.rows,
                "reference rows": result.reference_rows,
                "champion": champion.version if champion else "none",
                "drift": picture(drift_plot(result), "distance from the training window"),
                "columns": dg.MetadataValue.md(drift_markdown(result)),
                "table version": commit.version,
                "changed": commit.changed,
                **report,
            },
            check_results=[
                dg.AssetCheckResult(
                    passed=result.verdict == "stable",
                    check_name=CHECK,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=_advice(spec, result),
                    metadata={
                        "verdict": result.verdict,
                        "share of drifted columns": result.share,
                        "threshold": limits.share,
                        **report,
                    },
                )
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


def _compare(
    context: dg.AssetExecutionContext,
    spec: UseCaseSpec,
    lake: Lake,
    home: Home,
    day: date,
    champion: Champion | None,
) -> DriftResult:
    rows = lake.read_day(spec.name, SCORING_SET, day)
    failed = failed_gate(lake, spec, day, (GATE,), rows)
    first = day - timedelta(days=spec.monitoring.drift.window_days - 1)
    # A night stopped at the gate was never decided on: it must not colour its successors.
    nights = passed_days(lake, spec.name, GATE, first, day)
    if failed:
        # Nor did anybody score it; what has moved is what people now have to know.
        nights = [day]
    current = pa.concat_tables([_scored(spec, lake, night) for night in nights])
    if champion is None:
        return drift_report(spec, home, day, current, current.slice(0, 0))
    trained_as_of = champion.as_of.date() - timedelta(days=1)
    training_set = lake.read(
        spec.name,
        TRAINING_SET,
        first=trained_as_of,
        last=trained_as_of,
        version=champion.training_set_version,
    )
    sample = reference_sample(spec, training_set)
    window = reference_window(spec, training_set)
    if failed:
        current = current.drop_columns([SCORE])
        return drift_report(spec, home, day, current, sample, reference_window=window)
    try:
        sample = sample.append_column(SCORE, _scores(spec, home, champion, sample))
    except (ModelRefused, SigningKeyError) as refusal:
        context.log.warning(f"features are compared, scores are not: {refusal}")
        current = current.drop_columns([SCORE])
    return drift_report(spec, home, day, current, sample, reference_window=window)


def _scores(spec: UseCaseSpec, home: Home, champion: Champion, sample: pa.Table) -> pa.Array:
    """What the champion makes of the sample, as a night records it (predictions.score)."""
    from assets.training.frame import feature_frame
    from assets.training.predict import predict

    pipeline = load_verified(home, champion).pipeline
    scores = predict(spec, pipeline, feature_frame(spec, sample))
    return pa.array(scores.max(axis=1) if scores.ndim == 2 else scores, pa.float64())


def _scored(spec: UseCaseSpec, lake: Lake, night: date) -> pa.Table:
    """Features of a night's cases with their scores, joined by case."""
    cases = lake.read_day(spec.name, SCORING_SET, night)
    keys = cases.column(spec.population.key).cast(pa.string())
    scores = lake.read_day(spec.name, PREDICTIONS, night).select(["case_key", SCORE])
    cases = cases.select(spec.feature_names).append_column("case_key", keys)
    return cases.join(scores, keys="case_key", join_type="left outer").drop_columns(["case_key"])


def _advice(spec: UseCaseSpec, result: DriftResult) -> str:
    if result.verdict == "stable":
        return "The population looks like the champion's training window."
    if result.verdict == "insufficient":
        return (
            f"{result.rows} rows are too few to tell (min_rows is "
            f"{spec.monitoring.drift.min_rows}); nothing is known about drift tonight."
        )
    return (
        f"The population has moved: {', '.join(result.drifted)}. Look at the report; if the "
        f"change is real, retrain: nightshift train {spec.name}"
    )

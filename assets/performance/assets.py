"""Performance on matured cases and fairness of the decisions in Dagster: a table of each."""

from collections.abc import Iterator

import dagster as dg

from assets.figures import png_bytes
from assets.performance.group_rates import measure_fairness
from assets.performance.measure import INSUFFICIENT, Measure, measures_table
from assets.performance.measured import measure_performance
from assets.performance.plots import fairness_plot, performance_plot
from assets.performance.trend import trend
from assets.performance.words import fairness_words, performance_words
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, FAIRNESS, MEASURES_SCHEMA, PERFORMANCE
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import column_schema, picture
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

GROUP = "monitoring"
PERFORMANCE_HOLDS = "performance_holds"
TREATED_ALIKE = "groups_are_treated_alike"


def performance_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """How good the decided cases turned out to be, against what the training promised."""
    key = dg.AssetKey([spec.name, PERFORMANCE])
    limits = spec.monitoring.performance

    @dg.asset(
        key=key,
        deps=[[spec.name, DECISIONS]],
        group_name=GROUP,
        kinds={"deltalake"},
        owners=spec.owners or None,
        description=(
            f"Cases whose outcome matured in the last {limits.window_days} days: how well the "
            "champion told them apart, whether its scores mean what they say, and what decisions "
            "cost against the best in hindsight; overall, by slice, version and arm, each with n "
            "and interval. Also how late outcomes come and what they are, how often people decide "
            "otherwise, and once a week the frozen holdout."
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        metadata=column_schema(MEASURES_SCHEMA),
        check_specs=[
            dg.AssetCheckSpec(
                PERFORMANCE_HOLDS,
                asset=key,
                blocking=False,
                partitions_def=daily(spec),
                description=(
                    f"The champion's {spec.model.metric_name} is not surely worse than at training "
                    f"by more than {limits.margin:g}, its calibration error not surely more than "
                    f"{limits.calibration_error:g}, from {limits.min_labels} matured cases on. "
                    "Warns; the decisions are made already."
                ),
            )
        ],
    )
    def measured(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None]]:
        day, lake, home = day_of(context), installation.lake, installation.home
        with explained():
            found = measure_performance(spec, lake, home, day)
            for problem in found.problems:
                context.log.warning(f"not everything could be measured: {problem}")
            tonight = found.find(found.metric)
            drawn = performance_plot(found, trend(spec, lake, day, found.metric, tonight))
            rows = measures_table(found.measures, context.run.run_id)
            lake.ensure(spec.name, PERFORMANCE, MEASURES_SCHEMA)
            commit = lake.replace_day(spec.name, PERFORMANCE, day, rows, _said(context, spec))
        judged = [one for one in found.measures if one.verdict and one.subject == "overall"]
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows.num_rows,
                "champion": found.champion.version if found.champion else "none",
                "matured cases": tonight.n if tonight else 0,
                **{one.measure: _told(one) for one in judged},
                "performance": picture(
                    png_bytes(drawn, dpi=80), "performance over the nights, and calibration"
                ),
                "the night at the desk": dg.MetadataValue.url(
                    installation.night_url(spec.name, day)
                ),
                "table version": commit.version,
                "changed": commit.changed,
            },
            check_results=[
                dg.AssetCheckResult(
                    passed=not found.failed,
                    check_name=PERFORMANCE_HOLDS,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=performance_words(spec, found),
                    metadata={one.measure: _told(one) for one in judged},
                )
            ],
        )

    return measured


def fairness_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """How often the groups of the sensitive columns are approved, night after night."""
    key = dg.AssetKey([spec.name, FAIRNESS])
    limits = spec.monitoring.fairness

    @dg.asset(
        key=key,
        deps=[[spec.name, DECISIONS]],
        group_name=GROUP,
        kinds={"deltalake"},
        owners=spec.owners or None,
        description=(
            f"Decisions of the last {limits.window_days} nights by group of each sensitive column: "
            "share approved with its interval, the ratio of the lowest to the highest, and of "
            "matured cases the shares held back with and without the outcome."
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        metadata=column_schema(MEASURES_SCHEMA),
        check_specs=[
            dg.AssetCheckSpec(
                TREATED_ALIKE,
                asset=key,
                blocking=False,
                partitions_def=daily(spec),
                description=(
                    f"No group of {limits.min_cases} cases or more is surely approved less than "
                    f"{limits.ratio:g} times as often as another. Warns; the decisions are made "
                    "already."
                ),
            )
        ],
    )
    def measured(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None]]:
        day, lake = day_of(context), installation.lake
        with explained():
            found = measure_fairness(spec, lake, day)
            drawn = fairness_plot(found)
            rows = measures_table(found.measures, context.run.run_id)
            lake.ensure(spec.name, FAIRNESS, MEASURES_SCHEMA)
            commit = lake.replace_day(spec.name, FAIRNESS, day, rows, _said(context, spec))
        judged = [one for one in found.measures if one.limit is not None]
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows.num_rows,
                "cases": found.cases,
                **{f"ratio by {one.subject}": _told(one) for one in judged},
                "groups": picture(png_bytes(drawn, dpi=80), "share approved by group"),
                "the night at the desk": dg.MetadataValue.url(
                    installation.night_url(spec.name, day)
                ),
                "table version": commit.version,
                "changed": commit.changed,
            },
            check_results=[
                dg.AssetCheckResult(
                    passed=not found.failed,
                    check_name=TREATED_ALIKE,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=fairness_words(spec, found),
                    metadata={f"ratio by {one.subject}": _told(one) for one in judged},
                )
            ],
        )

    return measured


def _said(context: dg.AssetExecutionContext, spec: UseCaseSpec) -> dict[str, str]:
    return {"run_id": context.run.run_id, "spec_version": spec.version}


def _told(one: Measure) -> str:
    """A measure in one line: verdict, value, interval, limit, n."""
    if one.value is None:
        return f"{one.verdict or INSUFFICIENT}: {one.detail.get('why', '')}"
    ends = f" ({one.low:.4g} to {one.high:.4g})" if one.low is not None else ""
    limit = f", limit {one.limit:.4g}" if one.limit is not None else ""
    return f"{one.verdict}: {one.value:.4g}{ends}{limit}, n = {one.n:,}"

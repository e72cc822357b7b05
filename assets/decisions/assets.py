"""Decisions in Dagster: the policy applied to the night's predictions."""

from datetime import timedelta

import dagster as dg

from assets.decisions.plots import score_histogram
from assets.decisions.policy import decide, summary, why_fallback
from assets.figures import png_bytes
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, DECISIONS_SCHEMA, PREDICTIONS
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import picture
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

GROUP = "decisions"

FRESH_WITHIN = timedelta(hours=30)
"""A day and a quarter: a night that never came is seen before the next one starts."""


def decisions_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """One decision per case of the night: approve, decline or refer."""

    @dg.asset(
        key=[spec.name, DECISIONS],
        deps=[[spec.name, PREDICTIONS]],
        group_name=GROUP,
        kinds={"deltalake"},
        owners=spec.owners or None,
        description=(
            "One decision per case, with a stable id, the rule that decided, and the versions of "
            "model and policy behind it. Cases no model could be trusted with go to a person, by "
            "the rule 'fallback'."
        ),
        partitions_def=daily(spec),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESH_WITHIN),
        retry_policy=SAME_STORE,
    )
    def decided(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake = day_of(context), installation.lake
        with explained():
            predictions = lake.read_day(spec.name, PREDICTIONS, day)
            decisions = decide(spec, predictions, day, context.run.run_id)
            lake.ensure(spec.name, DECISIONS, DECISIONS_SCHEMA)
            commit = lake.replace_day(
                spec.name,
                DECISIONS,
                day,
                decisions,
                {
                    "run_id": context.run.run_id,
                    "spec_version": spec.version,
                    "predictions_version": str(lake.version(spec.name, PREDICTIONS)),
                },
            )
        why = why_fallback(decisions)
        if why:
            context.log.warning(f"every case without a score goes to a person: {why}")
        histogram = png_bytes(score_histogram(spec, decisions, day), dpi=80)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": decisions.num_rows,
                **summary(decisions),
                "decided by": "people alone (fallback)" if why else "model and policy",
                **({"why": why} if why else {}),
                "scores": picture(histogram, "scores of the night against the policy"),
                "table version": commit.version,
                "changed": commit.changed,
            }
        )

    return decided

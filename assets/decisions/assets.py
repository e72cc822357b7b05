"""Decisions in Dagster: the policy applied to the night's predictions."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.counts import by_reason, by_value, summary, why_fallback
from assets.decisions.plots import score_histogram
from assets.decisions.publish import decide_day
from assets.figures import png_bytes
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, DECISIONS_SCHEMA, PREDICTIONS, SCORING_SET
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import column_lineage, column_schema, picture
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
            "One decision per case, with a stable id and revision, the rule that decided, the "
            "reasons, and the versions of model, values and policy behind it. Cases no model could "
            "be trusted with go by the rules of the fallback, and without one to a person."
        ),
        partitions_def=daily(spec),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESH_WITHIN),
        retry_policy=SAME_STORE,
        metadata=column_schema(DECISIONS_SCHEMA) | column_lineage(spec.name, _made_of(spec)),
    )
    def decided(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day = day_of(context)
        with explained():
            done = decide_day(spec, installation.lake, day, context.run.run_id)
        decisions = done.decisions
        why = why_fallback(decisions)
        if why:
            context.log.warning(f"no model scored these cases: {why}")
        counts = summary(decisions)
        for what, told in WORTH_A_WORD.items():
            if counts[what]:
                context.log.warning(f"{counts[what]} {told}")
        drawn = png_bytes(score_histogram(spec, decisions, day), dpi=80)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": decisions.num_rows,
                **counts,
                **_tables(decisions),
                "decided by": "people and rules (fallback)" if why else "model and policy",
                **({"why": why} if why else {}),
                "new revisions": done.revised,
                "the night at the desk": dg.MetadataValue.url(
                    installation.night_url(spec.name, day)
                ),
                "scores": picture(drawn, "scores of the night against the policy, and reasons"),
                "table version": done.commit.version,
                "changed": done.commit.changed,
            }
        )

    return decided


AS_SCORED = (
    "case_key",
    "entity_key",
    "event_timestamp",
    "score",
    "prediction",
    "arm",
    "model_version",
    "model_digest",
    "fallback",
)
"""Columns a decision takes over from its prediction."""


def _made_of(spec: UseCaseSpec) -> dict[str, list[tuple[str, str]]]:
    """Columns of the decisions: the columns of predictions, and of the cases the rules ask of."""
    asked = {rule.column: None for rule in (*spec.policy.rules, *spec.fallback.rules)}
    ruled = [(SCORING_SET, column) for column in asked]
    by_policy = [(PREDICTIONS, "score"), (PREDICTIONS, "prediction"), *ruled]
    return {
        **{column: [(PREDICTIONS, column)] for column in AS_SCORED},
        **dict.fromkeys(("decision", "advice", "rule"), by_policy),
        "band": [(PREDICTIONS, "score")],
        "reasons": [(PREDICTIONS, "reasons"), *ruled],
    }


WORTH_A_WORD = {
    "overflow": "referrals are more than people can look at in a night (policy.capacity): they "
    "stay referred, marked as overflow, those with the least at risk",
    "withdrawn": "cases decided before are not among the day's cases any more: referred to people",
}


def _tables(decisions: pa.Table) -> dict[str, Any]:
    """Counts for people: by rule, band, arm and reason."""
    columns = {"by rule": "rule", "by band": "band", "by arm": "arm"}
    found = {name: by_value(decisions, column) for name, column in columns.items()}
    # Of what is not approved: an approval needs no reason.
    adverse = pc.greater(pc.list_value_length(decisions.column("reasons")), 0)
    found["by reason"] = by_reason(decisions.filter(adverse))
    return {name: dg.MetadataValue.json(counts) for name, counts in found.items()}

"""Batch scoring in Dagster: the champion's predictions for one night."""

import dagster as dg

from assets.gate_results import require_passed
from assets.quality.scoring_population import GATE
from assets.release.assets import RELEASE
from assets.release.events import require_champion
from assets.scoring.loader import load_verified
from assets.scoring.score import score
from assets.spec import UseCaseSpec
from assets.tables import PREDICTIONS, PREDICTIONS_SCHEMA, SCORING_SET
from orchestration.failures import SAME_STORE, explained
from orchestration.partitions import all_days, daily, day_of
from orchestration.resources.installation import Installation

GROUP = "scoring"


def predictions_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """One score per case of the night, by the champion effective on that day."""

    @dg.asset(
        key=[spec.name, PREDICTIONS],
        deps=[
            dg.AssetKey([spec.name, SCORING_SET]),
            dg.AssetDep(dg.AssetKey([spec.name, RELEASE]), partition_mapping=all_days()),
        ],
        group_name=GROUP,
        kinds={"scikitlearn", "deltalake"},
        owners=spec.owners or None,
        description=(
            "Probability of the positive label for each case. Refuses, by itself and in any run, "
            "when the gate has no passing record for exactly these rows, or when the champion's "
            "file is not the one released."
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
    )
    def scored(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake = day_of(context), installation.lake
        with explained():
            rows = lake.read_day(spec.name, SCORING_SET, day)
            require_passed(lake, spec.name, day, GATE, rows)
            champion = require_champion(lake, spec.name, day)
            pipeline = load_verified(installation.home, spec.name, champion)
            predictions = score(spec, pipeline, rows, champion)
            lake.ensure(spec.name, PREDICTIONS, PREDICTIONS_SCHEMA)
            commit = lake.replace_day(
                spec.name,
                PREDICTIONS,
                day,
                predictions,
                {
                    "run_id": context.run.run_id,
                    "spec_version": spec.version,
                    "model_digest": champion.digest,
                    "scoring_set_version": str(lake.version(spec.name, SCORING_SET)),
                },
            )
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": predictions.num_rows,
                "champion": champion.version,
                "model digest": champion.digest,
                "table version": commit.version,
                "changed": commit.changed,
            }
        )

    return scored

"""Batch scoring in Dagster: the champion's predictions for one night, or the fallback."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.alerts import fallback_alert, raise_alert
from assets.errors import NightshiftError
from assets.features.coverage import GATE as COVERAGE
from assets.gate_results import require_passed
from assets.quality.scoring_population import GATE
from assets.release.aliases import project_aliases
from assets.release.assets import RELEASE
from assets.scoring.alias_check import AliasMoved
from assets.scoring.night import ScoredNight, score_night
from assets.spec import UseCaseSpec
from assets.tables import PREDICTIONS, PREDICTIONS_SCHEMA, SCORING_SET
from orchestration.failures import SAME_STORE, explained
from orchestration.partitions import all_days, daily, day_of
from orchestration.resources.installation import Installation

if TYPE_CHECKING:
    from datetime import date

GROUP = "scoring"


def predictions_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """One row per case of the night, scored by the champion effective on that day or by nobody."""

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
            f"{_what(spec)} for each case, by the champion people approved. Refuses, by itself and "
            "in any run, when a gate has no passing record for exactly these rows. Where the "
            "champion cannot be trusted (not approved, files not as released and signed, alias "
            "moved by hand, golden rows that score otherwise) nothing is scored: an alert is "
            "raised and every case goes to a person."
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
            for gate in (GATE, COVERAGE) if spec.features.views else (GATE,):
                require_passed(lake, spec.name, day, gate, rows)
            night = score_night(spec, installation.home, lake, day, rows)
            if night.refusal is not None:
                # Before the predictions: there is no fallback nobody was told of.
                _tell(context, spec, installation, day, night.refusal)
            lake.ensure(spec.name, PREDICTIONS, PREDICTIONS_SCHEMA)
            commit = lake.replace_day(
                spec.name,
                PREDICTIONS,
                day,
                night.predictions,
                {
                    "run_id": context.run.run_id,
                    "spec_version": spec.version,
                    "model_digest": night.champion.digest if night.champion else "",
                    "scoring_set_version": str(lake.version(spec.name, SCORING_SET)),
                },
            )
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": night.predictions.num_rows,
                **_who(night),
                "table version": commit.version,
                "changed": commit.changed,
            }
        )

    return scored


def _what(spec: UseCaseSpec) -> str:
    return {
        "binary": "Probability of the positive label",
        "multiclass": "Likeliest class and its probability",
        "regression": "Predicted value",
    }[spec.model.task]


def _tell(
    context: dg.AssetExecutionContext,
    spec: UseCaseSpec,
    installation: Installation,
    day: "date",
    refusal: NightshiftError,
) -> None:
    """Alert people, once; put MLflow's aliases back where one was moved."""
    lake, home = installation.lake, installation.home
    context.log.error(
        f"No model is trusted with this night, every case goes to a person: {refusal}"
    )
    raise_alert(home, lake, fallback_alert(spec, day, refusal), context.run.run_id)
    if not isinstance(refusal, AliasMoved):
        return
    try:
        repaired = project_aliases(lake, home, spec)
    except NightshiftError as error:
        context.log.warning(f"the aliases could not be put back: {error}")
        return
    context.log.warning(f"put back from the release record: {repaired}")


def _who(night: ScoredNight) -> dict[str, Any]:
    """Who scored the night, as people read it."""
    if night.champion is None:
        return {
            "scored by": "nobody: every case goes to a person (fallback)",
            "why": str(night.refusal),
        }
    return {
        "scored by": f"version {night.champion.version}, the champion",
        "champion": night.champion.version,
        "model digest": night.champion.digest,
        "approved by": ", ".join(night.champion.approved_by),
        "golden rows": f"as registered (largest difference {night.golden_difference:.3g})",
    }

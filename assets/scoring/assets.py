"""Batch scoring in Dagster: the night's predictions by champion and canary, or the fallback."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.alerts import Alert, fallback_alert, raise_alert
from assets.errors import NightshiftError
from assets.features.coverage import GATE as COVERAGE
from assets.lake import Commit
from assets.quality.scoring_population import GATE
from assets.release.aliases import project_aliases
from assets.release.assets import RELEASE
from assets.scoring.alias_check import AliasMoved
from assets.scoring.gate_fallback import failed_gate
from assets.scoring.night import ScoredNight, score_night
from assets.scoring.night_alerts import challenger_alert, gate_alert, unsound_alert
from assets.scoring.publish import publish
from assets.scoring.score import fallback_predictions
from assets.spec import UseCaseSpec
from assets.tables import PREDICTIONS, PREDICTIONS_SCHEMA, SCORING_SET
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import column_lineage, column_schema
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
            f"{_what(spec)} for each case, by the champion people approved; a challenger scores "
            "beside it, and in its canary decides a stable share of entities. Refuses, by itself "
            "and in any run, when a gate has no passing record for exactly these rows. Where the "
            "champion cannot be trusted (not approved, files not as released and signed, alias "
            "moved by hand, golden rows that score otherwise), or a gate failed on these very "
            "cases, nothing is scored: an alert is raised and every case goes to a person. A "
            "challenger that cannot be trusted costs nobody a decision: the champion decides all."
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        metadata=column_schema(PREDICTIONS_SCHEMA) | column_lineage(spec.name, _made_of(spec)),
    )
    def scored(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake = day_of(context), installation.lake
        with explained():
            rows = lake.read_day(spec.name, SCORING_SET, day)
            gates = (GATE, COVERAGE) if spec.features.views else (GATE,)
            failed = failed_gate(lake, spec, day, gates, rows)
            night = (
                ScoredNight(fallback_predictions(spec, rows, failed), failed_gate=failed)
                if failed
                else score_night(
                    spec, installation.home, lake, day, rows, key=installation.pseudonym_key
                )
            )
            # Before the predictions: there is no fallback nobody was told of.
            _tell(context, spec, installation, day, night)
            commit = publish(lake, spec, day, night, run_id=context.run.run_id)
        card = {}
        if night.champion is not None:
            page = installation.home.model_card(spec.name, night.champion.version)
            card["model card"] = dg.MetadataValue.url(installation.report_url(page))
        return dg.MaterializeResult(metadata={**_metadata(night, commit), **card})

    return scored


def _made_of(spec: UseCaseSpec) -> dict[str, list[tuple[str, str]]]:
    """Columns of the predictions: the columns of the scoring set each is made of."""
    features = [(SCORING_SET, name) for name in spec.feature_names]
    told = dict.fromkeys(("score", "prediction", "missing", "reasons"), features)
    return {
        "case_key": [(SCORING_SET, spec.population.key)],
        "entity_key": [(SCORING_SET, spec.population.entity)],
        "event_timestamp": [(SCORING_SET, spec.population.event_timestamp)],
        **told,
    }


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
    night: ScoredNight,
) -> None:
    """Alert people, once, of what was not as it should be; put MLflow's aliases back."""
    lake, home = installation.lake, installation.home

    def alert(told: Alert) -> None:
        context.log.error(told.happened)
        raise_alert(home, lake, told, context.run.run_id)

    if night.failed_gate:
        alert(gate_alert(spec, day, night.failed_gate))
    if night.challenger_problem:
        alert(unsound_alert(spec, day, night.challenger_problem))
    if night.beside is not None and night.beside.refusal is not None:
        alert(challenger_alert(spec, day, night.beside))
    if night.refusal is None:
        return
    context.log.error(
        f"No model is trusted with this night, every case goes to a person: {night.refusal}"
    )
    raise_alert(home, lake, fallback_alert(spec, day, night.refusal), context.run.run_id)
    if not isinstance(night.refusal, AliasMoved):
        return
    try:
        repaired = project_aliases(lake, home, spec)
    except NightshiftError as error:
        context.log.warning(f"the aliases could not be put back: {error}")
        return
    context.log.warning(f"put back from the release record: {repaired}")


def _metadata(night: ScoredNight, commit: Commit) -> dict[str, Any]:
    return {
        "dagster/row_count": night.predictions.num_rows,
        **_who(night),
        "table version": commit.version,
        "changed": commit.changed,
    }


def _who(night: ScoredNight) -> dict[str, Any]:
    """Who scored the night, as people read it."""
    if night.champion is None:
        return {
            "scored by": "nobody: every case goes to a person (fallback)",
            "why": night.failed_gate or str(night.refusal),
        }
    told: dict[str, Any] = {
        "scored by": f"version {night.champion.version}, the champion",
        "champion": night.champion.version,
        "model digest": night.champion.digest,
        "approved by": ", ".join(night.champion.approved_by),
        "golden rows": f"as registered (largest difference {night.golden_difference:.3g})",
    }
    if night.cascade:
        told["cascade"] = dg.MetadataValue.json(dict(night.cascade))
    if night.challenger_problem:
        told["challenger"] = f"none that counts: {night.challenger_problem}"
    if night.beside is None:
        return told
    beside = night.beside
    told["challenger"] = f"version {beside.challenger.version}, in the {beside.stage}"
    if beside.stage == "canary":
        told["decided by the challenger"] = f"{beside.decided} of {night.predictions.num_rows}"
    if beside.refusal is not None:
        told["challenger refused"] = str(beside.refusal)
    return told

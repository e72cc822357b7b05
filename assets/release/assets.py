"""The release record in Dagster: which version holds which stage after this training."""

from datetime import datetime

import dagster as dg

from assets.content import content_digest
from assets.errors import NightshiftError
from assets.features.lineage import lineage_table
from assets.release.aliases import project_aliases
from assets.release.backing import requirement
from assets.release.events import APPROVED, REGISTERED, SYSTEM, Event, read_events
from assets.release.ladder import enter
from assets.spec import UseCaseSpec
from assets.tables import TRAINING_SET
from assets.training.assets import MODEL
from assets.training.registry import list_versions
from orchestration.failures import SAME_STORE, explained
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

GROUP = "release"
RELEASE = "release"


class NotRegistered(NightshiftError):
    """There is no registered version for the training set of this partition."""


def release_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """Append-only release events, with MLflow's aliases set from them."""

    @dg.asset(
        key=[spec.name, RELEASE],
        deps=[[spec.name, MODEL]],
        group_name=GROUP,
        kinds={"mlflow", "deltalake"},
        owners=spec.owners or None,
        description=(
            "Append-only record of what became of each version: registered or refused by its "
            "gates, approved, champion, retired, rejected, and since when. People make a version "
            f"champion, nothing else does: {requirement(spec)}. MLflow's aliases are set from it, "
            "and put back when moved by hand."
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
    )
    def entered(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake, home = day_of(context), installation.lake, installation.home
        with explained():
            digest = content_digest(lake.read_day(spec.name, TRAINING_SET, day))
            # Of one training set there may be several, trained with other settings; those that a
            # gate stopped before they came here are put on record now.
            registered = list_versions(home, spec.name)
            versions = [one for one in registered if one.training_set_digest == digest]
            if not versions:
                raise NotRegistered(
                    f"{spec.name} {day}: no registered version for this training set. "
                    f"Materialise {spec.name}/{MODEL} for the partition first."
                )
            for one in reversed(versions):
                stage = enter(
                    lake,
                    spec,
                    one,
                    as_of=datetime.fromisoformat(one.as_of),
                    actor=SYSTEM,
                    run_id=context.run.run_id,
                    requested_by=one.requested_by,
                )
            version = versions[0]
            repaired = project_aliases(lake, home, spec)
        command = f"nightshift approve {spec.name} {version.version} --reason TEXT"
        card = installation.report_url(home.model_card(spec.name, version.version))
        return dg.MaterializeResult(
            metadata={
                "version": version.version,
                "stage": stage,
                "asked for by": version.requested_by,
                "who must approve": requirement(spec),
                "to approve": command if stage in (REGISTERED, APPROVED) else "nothing to approve",
                "model card": dg.MetadataValue.url(card),
                "aliases changed": dg.MetadataValue.json(repaired),
                "features, and the versions using them": dg.MetadataValue.md(
                    lineage_table(spec, {one.version: one.features for one in registered})
                ),
                "events": dg.MetadataValue.md(_events_table(read_events(lake, spec.name))),
            }
        )

    return entered


def _events_table(events: list[Event]) -> str:
    lines = [
        f"| {e['sequence']} | {e['at']:%Y-%m-%d} | {e['model_version']} | {e['stage']} "
        f"| {e['effective_from']} | {e['actor']} | {e['reason'].replace('|', '/')} |"
        for e in events
    ]
    return "\n".join(
        [
            "| # | as of | version | stage | effective from | actor | reason |",
            "|---|---|---|---|---|---|---|",
            *lines,
        ]
    )

"""The release record in Dagster: which version holds which stage after this training."""

import dagster as dg

from assets.content import content_digest
from assets.errors import NightshiftError
from assets.release.aliases import project_aliases
from assets.release.events import read_events
from assets.release.ladder import enter
from assets.spec import UseCaseSpec, closes_at
from assets.tables import TRAINING_SET
from assets.training.assets import MODEL
from assets.training.registry import find_registered
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
            "Append-only record of which version is champion or challenger and since when. "
            "MLflow's aliases are set from it, and put back when moved by hand."
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
            version = find_registered(spec, home, training_set_digest=digest)
            if version is None:
                raise NotRegistered(
                    f"{spec.name} {day}: no registered version for this training set. "
                    f"Materialise {spec.name}/{MODEL} for the partition first."
                )
            stage = enter(
                lake,
                spec,
                version,
                as_of=closes_at(day),
                actor="system:nightshift",
                run_id=context.run.run_id,
            )
            repaired = project_aliases(lake, home, spec.name)
        events = "\n".join(
            f"| {e['sequence']} | {e['at']:%Y-%m-%d} | {e['model_version']} | {e['stage']} "
            f"| {e['effective_from']} | {e['actor']} | {e['reason']} |"
            for e in read_events(lake, spec.name)
        )
        return dg.MaterializeResult(
            metadata={
                "version": version.version,
                "stage": stage,
                "aliases changed": dg.MetadataValue.json(repaired),
                "events": dg.MetadataValue.md(
                    "| # | as of | version | stage | effective from | actor | reason |\n"
                    "|---|---|---|---|---|---|---|\n" + events
                ),
            }
        )

    return entered

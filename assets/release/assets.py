"""The release record in Dagster: what became of a version after its training and every night."""

from datetime import date, datetime
from typing import Any

import dagster as dg

from assets.alerts import raise_alert
from assets.content import content_digest
from assets.decisions.assets import FRESH_WITHIN
from assets.errors import NightshiftError
from assets.features.lineage import lineage_table
from assets.figures import png_bytes
from assets.home import Home
from assets.lake import Lake
from assets.ledger.alert import ledger_alert
from assets.ledger.checkpoints import LedgerError
from assets.ledger.record import checkpoint_releases
from assets.release.aliases import project_aliases, wanted_aliases
from assets.release.backing import requirement
from assets.release.champion import NotApproved
from assets.release.checks import record_checks, rows_of
from assets.release.evaluation import Evaluation, evaluate
from assets.release.events import APPROVED, REGISTERED, SHADOW, SYSTEM, Event, read_events
from assets.release.evidence_plot import checks_figure
from assets.release.held_aliases import held_aliases
from assets.release.ladder import enter
from assets.release.moves import advance
from assets.release.rollback_alert import redecide, rollback_alert
from assets.release.timeline import release_timeline
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, RELEASE_CHECKS_SCHEMA, RELEASE_EVENTS_SCHEMA, TRAINING_SET
from assets.training.assets import MODEL
from assets.training.registry import list_versions
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import column_schema, picture
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

GROUP = "release"
RELEASE = "release"
LADDER = "ladder"

WAITING = (REGISTERED, APPROVED, SHADOW)
"""Stages in which people may still approve a version."""


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
        metadata=column_schema(RELEASE_EVENTS_SCHEMA),
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
            # With no night to judge: only whoever waits at the foot may take a free place.
            run_id = context.run.run_id
            climbed = advance(lake, home, spec, day, None, run_id=run_id, trained=True)
            _seal(lake, home, spec, day, run_id)
            repaired = project_aliases(lake, home, spec)
            events = read_events(lake, spec.name)
        command = f"nightshift approve {spec.name} {version.version} --reason TEXT"
        card = installation.report_url(home.model_card(spec.name, version.version))
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(events),
                "version": version.version,
                "stage": stage,
                "what followed": [f"version {e['model_version']}: {e['stage']}" for e in climbed],
                "asked for by": version.requested_by,
                "who must approve": requirement(spec),
                "to approve": command if stage in WAITING else "nothing to approve",
                "model card": dg.MetadataValue.url(card),
                "aliases changed": dg.MetadataValue.json(repaired),
                "features, and the versions using them": dg.MetadataValue.md(
                    lineage_table(spec, {one.version: one.features for one in registered})
                ),
                "events": dg.MetadataValue.md(_events_table(events)),
            }
        )

    return entered


def _seal(lake: Lake, home: Home, spec: UseCaseSpec, day: date, run_id: str) -> None:
    """Put the record on the ledger: a training has no night after it that would."""
    try:
        checkpoint_releases(lake, home, spec, run_id=run_id)
    except LedgerError as refusal:
        raise_alert(home, lake, ledger_alert(spec, day, refusal), run_id)
        raise


def ladder_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """The night's step of the release ladder: checks of the challenger, and what follows."""

    @dg.asset(
        key=[spec.name, LADDER],
        deps=[[spec.name, DECISIONS]],
        group_name=GROUP,
        kinds={"deltalake"},
        owners=spec.owners or None,
        description=(
            "What the night shows of the challenger, check by check with figures and intervals, "
            "and what follows: it stays where it is, goes a step up (shadow, canary, champion), or "
            "a guardrail takes it off the ladder the same night. Changes apply from the next "
            "night on. Run again for the same day, it changes nothing."
        ),
        partitions_def=daily(spec),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESH_WITHIN),
        retry_policy=SAME_STORE,
        metadata=column_schema(RELEASE_CHECKS_SCHEMA),
    )
    def judged(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake, home = day_of(context), installation.lake, installation.home
        run_id = context.run.run_id
        with explained():
            try:
                found = evaluate(spec, lake, home, day)
            except NotApproved as refusal:
                # The night went to people, who were told why: nobody climbs meanwhile.
                context.log.error(f"no version moves: {refusal}")
                return dg.MaterializeResult(
                    metadata={"dagster/row_count": 0, "move": "none", "why": str(refusal)}
                )
            rows = []
            if found.move is not None:
                rows = rows_of(found.checks, found.move, run_id)
                record_checks(lake, spec.name, day, rows, run_id)
                if found.move.verdict == "roll_back":
                    alert = rollback_alert(spec, found)
                    context.log.error(alert.happened)
                    # Before the event: nothing is rolled back that nobody was told of.
                    raise_alert(home, lake, alert, run_id)
            events = advance(lake, home, spec, day, found.move, run_id=run_id)
            repaired = _repaired(context, lake, home, spec)
            timeline = release_timeline(lake, home, spec, day)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(rows),
                **_told(spec, lake, home, found),
                "the night at the desk": dg.MetadataValue.url(
                    installation.night_url(spec.name, day)
                ),
                "events written": dg.MetadataValue.md(_events_table(events)),
                "aliases changed": dg.MetadataValue.json(repaired),
                "timeline": picture(timeline, "stages of every version, night by night"),
            }
        )

    return judged


def _told(spec: UseCaseSpec, lake: Lake, home: Home, found: Evaluation) -> dict[str, Any]:
    """The evaluation, as people read it."""
    told: dict[str, Any] = {}
    if found.problem:
        told["challenger on record"] = f"does not count: {found.problem}"
    if found.move is None:
        return {**told, "move": "none", "why": "no version is in the shadow or the canary"}
    move = found.move
    told |= {
        "challenger": f"version {move.version}, in the {move.stage}",
        "move": move.verdict,
        "why": move.reason,
        "checks": dg.MetadataValue.md(_checks_table(found)),
        "evidence": picture(png_bytes(checks_figure(found), dpi=80), "checks against their limits"),
    }
    if move.verdict == "roll_back" and found.affected:
        told["affected days"] = ", ".join(str(day) for day in found.affected)
        told["to decide them anew"] = redecide(spec, found)
    return told


def _repaired(
    context: dg.AssetExecutionContext, lake: Lake, home: Home, spec: UseCaseSpec
) -> dict[str, int | None]:
    """MLflow's aliases put right by the record. What is only a picture of it stops no night."""
    try:
        held = held_aliases(home, spec.name)
        if held is None:
            return {}
        wanted = wanted_aliases(lake, home, spec)
        if all(held.get(alias) == version for alias, version in wanted.items()):
            return {}  # without three seconds of importing MLflow
        return project_aliases(lake, home, spec)
    except NightshiftError as error:
        context.log.warning(f"MLflow's aliases could not be put right: {error}")
        return {}


def _checks_table(found: Evaluation) -> str:
    lines = [
        f"| {check.name} | {check.verdict} | {check.message.replace('|', '/')} |"
        for check in found.checks
    ]
    return "\n".join(["| check | verdict | what was found |", "|---|---|---|", *lines])


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

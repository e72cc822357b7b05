"""Training in Dagster: candidates compared, judged by the gates, registered with a model card."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.code_version import code_version
from assets.content import content_digest
from assets.features.lineage import lineage_table
from assets.figures import png_bytes
from assets.gate_results import GateResult, record_many
from assets.model_spec import ModelSpec
from assets.release.events import SYSTEM
from assets.release.gate_record import Judged, gates_on_record, stopping
from assets.release.ladder import enter
from assets.spec import UseCaseSpec, closes_at
from assets.tables import LABELS, POPULATION, TRAINING_SET, features
from assets.training.gate_names import GATES, PREFIX, SUFFICIENCY, gates_of, model_subject
from assets.training.registry import RegisteredVersion, find_registered, register, training_digest
from assets.training.sufficiency import TrainingRefused
from orchestration.failures import SAME_STORE, explained
from orchestration.identity import requested_by
from orchestration.metadata import picture
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

if TYPE_CHECKING:
    import pyarrow as pa

    from assets.training.evidence import TrainedModel
    from assets.training.gates.champion import ChampionEvidence

GROUP = "training"
MODEL = "model"


class TrainingConfig(dg.Config):
    """What may be tried out without touching the use case's file."""

    model: dict[str, Any] = {}  # noqa: RUF012 (a default Dagster shows in its launchpad)
    """Fields of the spec's ``model`` block that replace those of the file, for this training."""


def model_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """A registered model version trained on the training set of the same partition."""

    @dg.asset(
        key=[spec.name, MODEL],
        deps=[[spec.name, TRAINING_SET]],
        group_name=GROUP,
        kinds={"scikitlearn", "mlflow"},
        owners=spec.owners or None,
        description=(
            f"The best of {', '.join(spec.model.candidates)} by {spec.model.metric_name} on rows "
            "it was not fitted on, judged by the training gates and registered in MLflow with a "
            "signed manifest and a model card. The same training set is trained once."
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        metadata={
            "where features come from": dg.MetadataValue.md(lineage_table(spec)),
            "dagster/column_lineage": dg.TableColumnLineage(
                {
                    name: [dg.TableColumnDep([spec.name, TRAINING_SET], name)]
                    for name in spec.feature_names
                }
            ),
        },
        check_specs=[
            dg.AssetCheckSpec(
                gate,
                asset=[spec.name, MODEL],
                blocking=True,
                partitions_def=daily(spec),
                description=GATES[gate],
            )
            for gate in gates_of(spec)
        ],
    )
    def trained(
        context: dg.AssetExecutionContext, config: TrainingConfig, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None]]:
        day, lake = day_of(context), installation.lake
        pictures = {}
        with explained():
            wanted = tried(spec, config.model)
            rows = lake.read_day(spec.name, TRAINING_SET, day)
            digest = content_digest(rows)
            version = find_registered(wanted, installation.home, training_set_digest=digest)
            # Without its card, the run that registered it was ended on its way.
            if version is None or not _card(installation, spec, version).exists():
                model, version = _train(context, wanted, installation, day, rows, digest)
                pictures = _pictures(wanted, model)
            judged = gates_on_record(lake, wanted, version.training_digest)
            # Here, for a gate that stops this run keeps the release step from ever starting.
            enter(
                lake,
                wanted,
                version,
                as_of=closes_at(day),
                actor=SYSTEM,
                run_id=context.run.run_id,
                requested_by=version.requested_by,
            )
            page = _card(installation, spec, version)
        yield dg.MaterializeResult(
            metadata={
                "version": version.version,
                "candidate": version.candidate,
                "dagster/row_count": version.rows,
                "positives": version.positives,
                "window": f"{version.window_first} to {version.window_last}",
                **{f"held out {name}": float(v) for name, v in version.metrics.items()},
                "features": ", ".join(version.features),
                "model digest": version.digest,
                "manifest digest": version.manifest_digest,
                "MLflow run": dg.MetadataValue.url(
                    installation.mlflow_run_url(version.mlflow_run_id)
                ),
                "model card": dg.MetadataValue.url(installation.report_url(page)),
                **pictures,
            },
            check_results=_checks(context, spec, wanted, judged),
        )

    return trained


def _card(installation: Installation, spec: UseCaseSpec, version: RegisteredVersion) -> Path:
    return installation.home.model_card(spec.name, version.version)


def tried(spec: UseCaseSpec, changes: dict[str, Any]) -> UseCaseSpec:
    """The spec with other fields in its ``model`` block. Raises what the spec itself raises."""
    if not changes:
        return spec
    model = ModelSpec.model_validate({**spec.model.model_dump(), **changes})
    return UseCaseSpec.model_validate({**spec.model_dump(), "model": model.model_dump()})


def _train(
    context: dg.AssetExecutionContext,
    spec: UseCaseSpec,
    installation: Installation,
    day: date,
    rows: "pa.Table",
    rows_digest: str,
) -> "tuple[TrainedModel, RegisteredVersion]":
    """Train, judge, put the verdicts on record, register, write the card; in this order."""
    from assets.training.card.facts import card_facts
    from assets.training.card.write import write_card
    from assets.training.gates.judge import judge
    from assets.training.train import train

    lake, home, run_id = installation.lake, installation.home, context.run.run_id
    digest = training_digest(spec, rows_digest)

    def on_record(results: list[GateResult]) -> None:
        record_many(lake, spec.name, {day: results}, spec_version=spec.version, run_id=run_id)

    try:
        model = train(spec, rows, progress=context.log.info)
    except TrainingRefused as refusal:
        on_record([_sufficiency(digest, str(refusal), refusal.figures, refusal.threshold, "fail")])
        raise
    enough = _sufficiency(
        digest,
        f"{model.rows} rows, {model.positives} positives; asked at least {spec.model.min_rows} and "
        f"{spec.model.min_positives}",
        {"rows": model.rows, "positives": model.positives},
        {"min_rows": spec.model.min_rows, "min_positives": spec.model.min_positives},
        "pass",
    )
    champion = _champion(context, spec, installation, day)
    results = [enough, *judge(spec, model, rows, champion, digest, progress=context.log.info)]
    on_record(results)
    inputs = [POPULATION, LABELS, *(features(view) for view in spec.features.views)]
    version = register(
        spec,
        home,
        model,
        results,
        training_set_digest=rows_digest,
        training_set_version=lake.version(spec.name, TRAINING_SET),
        input_versions={table: lake.identity(spec.name, table) for table in inputs},
        as_of=closes_at(day),
        requested_by=requested_by(context.run.tags),
        code_version=code_version(),
        run_tags={"dagster.run_id": run_id},
    )
    write_card(home, version, card_facts(spec, model, version, results), [])
    return model, version


def _sufficiency(
    digest: str, message: str, figures: dict[str, Any], threshold: dict[str, Any], verdict: Any
) -> GateResult:
    return GateResult(
        gate=PREFIX + SUFFICIENCY,
        subject=model_subject(digest),
        verdict=verdict,
        message=message,
        figures=figures,
        threshold=threshold,
        evidence_digest=digest,
    )


def _champion(
    context: dg.AssetExecutionContext, spec: UseCaseSpec, installation: Installation, day: date
) -> "ChampionEvidence | None":
    """The champion of the day after, loaded as a night would load it; None where there is none.

    One that cannot be trusted is none to be compared with: the night itself raises the alarm.
    """
    from assets.release.champion import NotApproved, champion_on
    from assets.scoring.loader import ModelRefused, load_verified
    from assets.signing import SigningKeyError
    from assets.training.gates.champion import ChampionEvidence

    try:
        champion = champion_on(installation.lake, installation.home, spec, closes_at(day).date())
        if champion is None:
            return None
        model = load_verified(installation.home, champion)
    except (ModelRefused, NotApproved, SigningKeyError) as refusal:
        context.log.warning(f"not compared with the champion, which was refused: {refusal}")
        return None
    return ChampionEvidence(champion.version, model.pipeline, champion.training_window[1])


def _pictures(spec: UseCaseSpec, model: "TrainedModel") -> dict[str, dg.MetadataValue]:
    from assets.training.plots import figures_for

    return {
        name: picture(png_bytes(figure, dpi=80), name)
        for name, figure in figures_for(spec, model).items()
    }


def _checks(
    context: dg.AssetExecutionContext,
    spec: UseCaseSpec,
    wanted: UseCaseSpec,
    judged: Sequence[Judged],
) -> list[dg.AssetCheckResult]:
    """One result per gate of the use case as declared; what did not apply this time has passed.

    ``wanted``: the spec as tried, by which insufficient evidence is read. A gate only it asks for
    has no check in Dagster; its verdict is on record, and stops the version all the same.
    """
    found = {one.gate.removeprefix(PREFIX): one for one in judged}
    stops = {one.gate for one in stopping(wanted, list(judged))}
    results = []
    for gate in gates_of(spec):
        one = found.get(gate)
        if one is None:
            text = "Does not apply to this training."
            results.append(_check(spec, gate, dg.AssetCheckSeverity.WARN, True, text, {}))
            continue
        stopped, passed = one.gate in stops, one.verdict == "pass"
        if not passed:
            (context.log.error if stopped else context.log.warning)(one.message)
        severity = dg.AssetCheckSeverity.ERROR if stopped else dg.AssetCheckSeverity.WARN
        shown = {
            "verdict": one.verdict,
            "observed": dg.MetadataValue.json(dict(one.figures)),
            "allowed": dg.MetadataValue.json(dict(one.threshold)),
        }
        results.append(_check(spec, gate, severity, passed, one.message, shown))
    return results


def _check(
    spec: UseCaseSpec,
    gate: str,
    severity: dg.AssetCheckSeverity,
    passed: bool,
    text: str,
    shown: dict[str, Any],
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey([spec.name, MODEL]),
        check_name=gate,
        passed=passed,
        severity=severity,
        description=text,
        metadata=shown,
    )

"""Training in Dagster: candidates compared, the better one registered in MLflow."""

import dagster as dg

from assets.content import content_digest
from assets.figures import png_bytes
from assets.spec import UseCaseSpec, closes_at
from assets.tables import TRAINING_SET
from assets.training.plots import calibration_plot, importance_plot, roc_plot
from assets.training.registry import find_registered, register
from assets.training.train import train
from orchestration.failures import explained
from orchestration.metadata import picture
from orchestration.partitions import daily, day_of
from orchestration.resources.installation import Installation

GROUP = "training"
MODEL = "model"


def model_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """A registered model version trained on the training set of the same partition."""

    @dg.asset(
        key=[spec.name, MODEL],
        deps=[[spec.name, TRAINING_SET]],
        group_name=GROUP,
        kinds={"scikitlearn", "mlflow"},
        owners=spec.owners or None,
        description=(
            f"The better of {', '.join(spec.model.candidates)} by {spec.model.metric} on the "
            "latest part of the training window, in MLflow with its digest. The same training set "
            "is trained once."
        ),
        partitions_def=daily(spec),
    )
    def trained(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake, home = day_of(context), installation.lake, installation.home
        pictures = {}
        with explained():
            rows = lake.read_day(spec.name, TRAINING_SET, day)
            digest = content_digest(rows)
            version = find_registered(spec, home, training_set_digest=digest)
            if version is None:
                model = train(spec, rows, progress=context.log.info)
                version = register(
                    spec,
                    home,
                    model,
                    training_set_digest=digest,
                    training_set_version=lake.version(spec.name, TRAINING_SET),
                    as_of=closes_at(day),
                    run_tags={"dagster.run_id": context.run.run_id},
                )
                pictures = {
                    "ROC": picture(png_bytes(roc_plot(model), dpi=80), "ROC"),
                    "calibration": picture(
                        png_bytes(calibration_plot(model), dpi=80), "calibration"
                    ),
                    "importance": picture(
                        png_bytes(importance_plot(model, spec.model.metric), dpi=80), "importance"
                    ),
                }
        return dg.MaterializeResult(
            metadata={
                "version": version.version,
                "candidate": version.candidate,
                "rows": version.rows,
                "positives": version.positives,
                "window": f"{version.window_first} to {version.window_last}",
                **{f"holdout {name}": float(v) for name, v in version.metrics.items()},
                "model digest": version.digest,
                "MLflow run": version.mlflow_run_id,
                **pictures,
            }
        )

    return trained

"""The UseCase component: one ``defs.yaml`` in, the whole road of that use case out."""

import dagster as dg
from pydantic import BaseModel

from assets.decisions.assets import decisions_asset
from assets.economics.assets import economics_asset
from assets.features.assets import (
    feature_coverage_check,
    online_features_asset,
    scoring_set_asset,
    training_set_asset,
    view_asset,
)
from assets.features.columns import check_joinable
from assets.incidents.assets import incidents_asset
from assets.ingestion.assets import door_checks, source_asset
from assets.ledger.assets import ledger_asset
from assets.marts.assets import marts_assets
from assets.marts.build import prepare
from assets.monitoring.assets import drift_report_asset
from assets.performance.assets import fairness_asset, performance_asset
from assets.quality.assets import scoring_population_check
from assets.release.assets import ladder_asset, release_asset
from assets.scoring.assets import predictions_asset
from assets.spec import UseCaseSpec
from assets.training.assets import model_asset
from orchestration.incident_sensors import incident_sensors
from orchestration.jobs import jobs_and_schedules
from orchestration.resources.installation import home_from_environment
from orchestration.road import on_the_road
from orchestration.sensors import arrival_sensor, late_rows_sensor


class UseCase(dg.Component, dg.Resolvable):
    """A use case on the road: sources, marts, gates, features, model, decisions, monitoring.

    The attributes are the spec itself, so a key it does not know, or a value it refuses, is
    reported at its line by ``dg check yaml``.
    """

    def __init__(self, spec: UseCaseSpec) -> None:
        self.spec = spec

    @classmethod
    def model(cls) -> type[BaseModel]:
        return UseCaseSpec

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> "UseCase":
        spec = UseCaseSpec.model_validate(model)
        # Now, not in the first night: what the feature store could not join as it is declared.
        check_joinable(spec)
        return cls(spec)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return use_case_definitions(self.spec)


def use_case_definitions(spec: UseCaseSpec) -> dg.Definitions:
    """Everything Dagster needs to know of one use case.

    Writes the use case's dbt project under the home when the spec changed; otherwise only reads
    its manifest.
    """
    home = home_from_environment()
    prepare(spec, home)
    jobs, schedules = jobs_and_schedules(spec)
    return dg.Definitions(
        assets=dg.map_asset_specs(
            on_the_road(spec),
            [
                *(source_asset(spec, source) for source in spec.sources),
                marts_assets(spec, home.dbt_manifest(spec.name)),
                *(view_asset(spec, view) for view in spec.features.views),
                *([online_features_asset(spec)] if spec.features.views else []),
                scoring_set_asset(spec),
                training_set_asset(spec),
                model_asset(spec),
                release_asset(spec),
                predictions_asset(spec),
                decisions_asset(spec),
                ladder_asset(spec),
                ledger_asset(spec),
                performance_asset(spec),
                fairness_asset(spec),
                drift_report_asset(spec),
                economics_asset(spec),
                incidents_asset(spec),
            ],
        ),
        asset_checks=[
            door_checks(spec),
            scoring_population_check(spec),
            feature_coverage_check(spec),
        ],
        jobs=jobs,
        schedules=schedules,
        sensors=[
            sensor
            for sensor in (
                arrival_sensor(spec),
                late_rows_sensor(spec, jobs),
                *incident_sensors(spec),
            )
            if sensor is not None
        ],
    )

"""What every asset of a use case says beside its own: its place on the road, its neighbours."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.resources.installation import addresses_from_environment

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

STAGES = (
    "ingestion",
    "marts",
    "features",
    "training",
    "release",
    "scoring",
    "decisions",
    "monitoring",
)
"""Groups of assets in the order of the road. Dagster lists groups by the alphabet."""

STAGE_TAG, USE_CASE_TAG = "nightshift/stage", "use_case"


def stage(group: str) -> str:
    """The group with its place on the road, like ``3-features``: what a list can be sorted by."""
    return f"{STAGES.index(group) + 1}-{group}"


def on_the_road(spec: "UseCaseSpec") -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    """Adds to an asset its stage and use case as tags, and the addresses of the neighbouring tools.

    Those of one night are on its materialisation. The addresses are of the tools that serve this
    code location, ports included.
    """
    at = addresses_from_environment()
    desk, name = at["desk"], spec.name
    from assets.monitoring.evidently_report import project_id

    versions = {"model versions in MLflow": f"{at['mlflow']}/#/models/{name}"}
    releases = {"releases at the desk": f"{desk}/releases/{name}"}
    by_table = {
        "scoring_set": {"Data Docs": f"{at['reports']}/data_docs/index.html"},
        "model": versions,
        "release": versions | releases,
        "predictions": versions,
        "decisions": {"review queue at the desk": f"{desk}/queues/{name}"},
        "ladder": releases,
        "drift_report": {
            "drift of all nights in Evidently": f"{at['evidently']}/projects/{project_id(name)}"
        },
        "incidents": {"incidents at the desk": f"{desk}/incidents"},
    }
    by_group = {"marts": {"dbt docs": f"{at['reports']}/dbt/{name}.html"}}

    def placed(asset: dg.AssetSpec) -> dg.AssetSpec:
        group = asset.group_name or ""
        addresses = {
            "use case at the desk": f"{desk}/use-cases/{name}",
            **by_group.get(group, {}),
            **by_table.get(asset.key.path[-1], {}),
        }
        return asset.merge_attributes(
            tags={USE_CASE_TAG: name, STAGE_TAG: stage(group)},
            metadata={title: dg.MetadataValue.url(url) for title, url in addresses.items()},
        )

    return placed

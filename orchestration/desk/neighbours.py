"""Where the tools beside the desk listen, as whoever started them all says it."""

import os

from assets.night_report.elsewhere import DAGSTER, EVIDENTLY, MLFLOW, REPORTS, Addresses
from orchestration.resources.installation import (
    EVIDENTLY_URL_VARIABLE,
    MLFLOW_URL_VARIABLE,
    REPORTS_URL_VARIABLE,
)

VARIABLES = {
    DAGSTER: "NIGHTSHIFT_DAGSTER_URL",
    MLFLOW: MLFLOW_URL_VARIABLE,
    EVIDENTLY: EVIDENTLY_URL_VARIABLE,
    REPORTS: REPORTS_URL_VARIABLE,
}
"""Tool to the variable that has its address."""


def addresses_from_environment() -> Addresses:
    """The tools whose address is set. A desk that runs alone knows none."""
    found = {tool: os.environ.get(variable, "") for tool, variable in VARIABLES.items()}
    kept = {k: v for k, v in found.items() if v.startswith(("http://", "https://"))}
    return Addresses(kept)

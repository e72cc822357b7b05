"""Where a run is to be seen."""

import os

DAGSTER_URL_VARIABLE = "NIGHTSHIFT_DAGSTER_URL"
DAGSTER_URL = "http://127.0.0.1:3000"


def run_address(run_id: str) -> str:
    """Its page in Dagster: where the environment says Dagster is, else at the usual port."""
    return f"{os.environ.get(DAGSTER_URL_VARIABLE) or DAGSTER_URL}/runs/{run_id}"

"""The installation a run works on: its home, its lake, its key."""

import os
from datetime import date
from functools import cached_property
from pathlib import Path

import dagster as dg

from assets.home import Home
from assets.ingestion.pseudonym import load_key
from assets.lake import Lake
from orchestration.ledger_place import ledger_copy_from_environment

HOME_VARIABLE = "NIGHTSHIFT_HOME"
KEY_VARIABLE = "NIGHTSHIFT_PSEUDONYM_KEY"
DEFAULT_HOME = ".nightshift"
MLFLOW_URL_VARIABLE = "NIGHTSHIFT_MLFLOW_URL"
EVIDENTLY_URL_VARIABLE = "NIGHTSHIFT_EVIDENTLY_URL"
REPORTS_URL_VARIABLE = "NIGHTSHIFT_REPORTS_URL"
DESK_URL_VARIABLE = "NIGHTSHIFT_DESK_URL"

USUAL = {
    "mlflow": (MLFLOW_URL_VARIABLE, "http://127.0.0.1:3001"),
    "evidently": (EVIDENTLY_URL_VARIABLE, "http://127.0.0.1:3002"),
    "reports": (REPORTS_URL_VARIABLE, "http://127.0.0.1:3003"),
    "desk": (DESK_URL_VARIABLE, "http://127.0.0.1:3005"),
}
"""Tool to the variable that has its address, and where it listens otherwise."""


def home_from_environment() -> Home:
    """The home that ``NIGHTSHIFT_HOME`` names, else ``.nightshift`` in the working folder."""
    root = Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).resolve()
    return Home(root, ledger_copy_from_environment())


def addresses_from_environment() -> dict[str, str]:
    """Where the tools beside Dagster listen: mlflow, evidently, reports, desk."""
    return {tool: os.environ.get(name) or usual for tool, (name, usual) in USUAL.items()}


class Installation(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where everything of one Nightshift installation lives."""

    root: str
    reports_url: str = USUAL["reports"][1]
    mlflow_url: str = USUAL["mlflow"][1]
    evidently_url: str = USUAL["evidently"][1]
    desk_url: str = USUAL["desk"][1]

    @cached_property
    def home(self) -> Home:
        return Home(Path(self.root), ledger_copy_from_environment())

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.home.lake)

    def report_url(self, page: Path) -> str:
        """Address of a page below the home's reports, as ``make dev`` serves them."""
        return f"{self.reports_url}/{page.relative_to(self.home.reports).as_posix()}"

    def night_url(self, use_case: str, day: date) -> str:
        """Address of a night's page at the desk."""
        return f"{self.desk_url}/use-cases/{use_case}/nights/{day}"

    def mlflow_run_url(self, run_id: str) -> str:
        """Address of a run in MLflow; its own page finds the experiment."""
        return f"{self.mlflow_url}/#/runs/{run_id}"

    def snapshot_url(self, use_case: str, snapshot: str) -> str:
        """Address of a snapshot in Evidently's own user interface."""
        from assets.monitoring.evidently_report import project_id

        return f"{self.evidently_url}/projects/{project_id(use_case)}/reports/{snapshot}"

    def pseudonym_key(self) -> bytes:
        """From the environment when set there, else the 0600 file in the home."""
        return load_key(self.home.pseudonym_key, os.environ.get(KEY_VARIABLE))

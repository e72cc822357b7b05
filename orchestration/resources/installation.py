"""The installation a run works on: its home, its lake, its key."""

import os
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
REPORTS_URL_VARIABLE = "NIGHTSHIFT_REPORTS_URL"
REPORTS_URL = "http://127.0.0.1:3003"


def home_from_environment() -> Home:
    """The home that ``NIGHTSHIFT_HOME`` names, else ``.nightshift`` in the working folder."""
    root = Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).resolve()
    return Home(root, ledger_copy_from_environment())


def reports_url_from_environment() -> str:
    """Where the home's reports are served: ``NIGHTSHIFT_REPORTS_URL``, else the usual port."""
    return os.environ.get(REPORTS_URL_VARIABLE) or REPORTS_URL


class Installation(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where everything of one Nightshift installation lives."""

    root: str
    reports_url: str = REPORTS_URL

    @cached_property
    def home(self) -> Home:
        return Home(Path(self.root), ledger_copy_from_environment())

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.home.lake)

    def report_url(self, page: Path) -> str:
        """Address of a page below the home's reports, as ``make dev`` serves them."""
        return f"{self.reports_url}/{page.relative_to(self.home.reports).as_posix()}"

    def pseudonym_key(self) -> bytes:
        """From the environment when set there, else the 0600 file in the home."""
        return load_key(self.home.pseudonym_key, os.environ.get(KEY_VARIABLE))

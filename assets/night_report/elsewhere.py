"""Where the details of exactly this night are: reports in the home, pages of the other tools."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from assets.night_report.words import day as said_day
from assets.tables import DECISIONS, DRIFT

if TYPE_CHECKING:
    from assets.home import Home
    from assets.night_report.reading import Record

DAGSTER, MLFLOW, EVIDENTLY, REPORTS = "dagster", "mlflow", "evidently", "reports"


@dataclass(frozen=True)
class Addresses:
    """Where the other tools listen, like ``http://127.0.0.1:3000``; those that do not are left out.

    ``reports``: what serves the home's reports folder.
    """

    known: Mapping[str, str] = field(default_factory=dict, hash=False)

    def of(self, tool: str, path: str) -> str:
        """An address of a tool; empty where it is not known."""
        base = self.known.get(tool, "").rstrip("/")
        return f"{base}/{path.lstrip('/')}" if base else ""


@dataclass(frozen=True)
class Link:
    """A place to read on: an address, or, where nothing serves it, a file under the home."""

    title: str
    address: str = ""
    path: str = ""


def links(home: "Home", record: "Record", addresses: Addresses) -> list[Link]:
    """What there is to read on about this night. A report that was not written, and a page of a
    tool nobody serves, are left out."""
    return [link for link in _links(home, record, addresses) if link.address or link.path]


def _links(home: "Home", record: "Record", to: Addresses) -> Iterator[Link]:
    spec, day, version = record.spec, record.day, record.version
    iso = day.isoformat()
    moved = record.of(DRIFT, "input_moved")
    snapshot = str(moved.detail.get("snapshot") or "") if moved is not None else ""
    if snapshot:
        yield Link("Evidently report", to.of(EVIDENTLY, _snapshot(spec.name, snapshot)))
    yield _page(home, home.drift_report(spec.name, day), "Drift report", to)
    yield _page(home, _data_docs(home, record), "Great Expectations Data Docs", to)
    yield _page(home, home.dbt_docs(spec.name), "dbt docs", to)
    if version is not None:
        run = str(record.trained.get(version, {}).get("mlflow_run_id") or "")
        if run:
            # Without the experiment's id: MLflow's own page finds it, by way of the run.
            yield Link(f"MLflow run of version {version}", to.of(MLFLOW, f"#/runs/{quote(run)}"))
        yield _page(
            home, home.model_card(spec.name, version), f"Model card of version {version}", to
        )
    asked = urlencode({"view": "partitions", "partition": iso})
    yield Link(
        f"Decisions of {said_day(day)} in Dagster",
        to.of(DAGSTER, f"assets/{spec.name}/{DECISIONS}?{asked}"),
    )


def _snapshot(use_case: str, snapshot: str) -> str:
    from assets.monitoring.evidently_report import project_id

    return f"projects/{project_id(use_case)}/reports/{quote(snapshot)}"


def _data_docs(home: "Home", record: "Record") -> Path:
    from assets.quality.data_docs import docs_page
    from assets.quality.suite import suite_name

    return docs_page(home, record.spec.name, suite_name(record.spec), record.day)


def _page(home: "Home", page: Path, title: str, to: Addresses) -> Link:
    """A page below the home's reports, if it was written."""
    if not page.is_file():
        return Link(title)
    served = to.of(REPORTS, quote(page.relative_to(home.reports).as_posix()))
    return Link(title, served, "" if served else page.relative_to(home.root).as_posix())

"""Where everything of one installation lives. Paths only: nothing here touches the disk."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folder ``NIGHTSHIFT_HOME`` points at, and the places in it."""

    root: Path
    copies: Path | None = None
    """Where the second copy of the ledger is kept; None: in the home."""

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    def landing_source(self, use_case: str, source: str) -> Path:
        return self.landing / use_case / source

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    def feature_view(self, use_case: str, view: str) -> Path:
        """Folder of a view's immutable day files, ``<YYYY-MM-DD>.parquet``."""
        return self.root / "features" / use_case / view

    @property
    def feast(self) -> Path:
        return self.root / "feast"

    @property
    def registry_uri(self) -> str:
        """MLflow tracking and registry store."""
        return f"sqlite:///{self.root / 'registry.db'}"

    @property
    def models(self) -> Path:
        """MLflow artifacts."""
        return self.root / "models"

    def dbt_project(self, use_case: str) -> Path:
        return self.root / "dbt" / use_case

    def dbt_manifest(self, use_case: str) -> Path:
        """Our copy, complete or not there; dbt rewrites its own in place with every command."""
        return self.dbt_project(use_case) / "manifest.json"

    def marts_database(self, use_case: str) -> Path:
        """DuckDB file of the marts last built; the lake holds them all."""
        return self.dbt_project(use_case) / "marts.duckdb"

    @property
    def reports(self) -> Path:
        """Pages for people."""
        return self.root / "reports"

    @property
    def data_docs(self) -> Path:
        return self.reports / "data_docs"

    @property
    def evidently_workspace(self) -> Path:
        return self.reports / "evidently"

    def drift_report(self, use_case: str, day: date) -> Path:
        return self.reports / "drift" / use_case / f"{day.isoformat()}.html"

    def dbt_docs(self, use_case: str) -> Path:
        """dbt's own docs of the use case's models, one page."""
        return self.reports / "dbt" / f"{use_case}.html"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    @property
    def pseudonym_key(self) -> Path:
        return self.root / "secrets" / "pseudonym.key"

    @property
    def vault(self) -> Path:
        """Keys of the personal values in quarantine, one per person; deleting one is forgetting."""
        return self.root / "secrets" / "vault.db"

    @property
    def signing_key(self) -> Path:
        """Private key of the installation: signs what it registers. Made on first use."""
        return self.root / "secrets" / "signing.key"

    def model_card(self, use_case: str, version: int) -> Path:
        """Page of a model version, for people."""
        return self.reports / "models" / use_case / f"version_{version}.html"

    @property
    def ledger_copy(self) -> Path:
        """Second copy of the ledger's checkpoints, one JSON object a line; keep it elsewhere."""
        return self.copies or self.root / "ledger_copy"

    @property
    def desk(self) -> Path:
        """Folder of the review desk: users.db, queue.db (an index, made anew from the lake)."""
        return self.root / "desk"

    @property
    def scratch(self) -> Path:
        """Copies a run makes of odd files, gone when it ends; swept when the next one begins."""
        return self.root / "scratch"

    @property
    def alert_log(self) -> Path:
        """One JSON object a line."""
        return self.root / "alerts.log"

    @property
    def alerts_waiting(self) -> Path:
        """Alerts that a channel has yet to take, a file each; see assets/alert_channels.py."""
        return self.root / "alerts_waiting"

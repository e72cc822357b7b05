"""MLflow's aliases as it holds them, read without importing MLflow where that can be had."""

import sqlite3
from typing import TYPE_CHECKING

from assets.errors import NightshiftError

if TYPE_CHECKING:
    from assets.home import Home

SQLITE = "sqlite:///"

PATIENCE = 30.0
"""Seconds to wait while MLflow writes to its database."""


class RegistryUnreadable(NightshiftError):
    """MLflow's registry is there and cannot be read."""


def held_aliases(home: "Home", use_case: str) -> dict[str, int] | None:
    """Alias to version as MLflow has it, or None where MLflow does not know the use case.

    A registry in SQLite is read as a file, which takes a millisecond; importing MLflow takes three
    seconds of every night. Raises RegistryUnreadable for a file that is no database.
    """
    if home.registry_uri.startswith(SQLITE):
        return _held_in_sqlite(home, use_case)
    from assets.training.session import registry_client

    with registry_client(home) as client:
        from mlflow.exceptions import MlflowException

        try:
            found = client.get_registered_model(use_case)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return {str(alias): int(version) for alias, version in found.aliases.items()}


def _held_in_sqlite(home: "Home", use_case: str) -> dict[str, int] | None:
    from contextlib import closing
    from pathlib import Path

    file = Path(home.registry_uri.removeprefix(SQLITE))
    if not file.is_file():
        return None
    address = f"{file.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE)) as connection:
            known = connection.execute(
                "SELECT 1 FROM registered_models WHERE name = ?", (use_case,)
            ).fetchone()
            if known is None:
                return None
            found = connection.execute(
                "SELECT alias, version FROM registered_model_aliases WHERE name = ?", (use_case,)
            ).fetchall()
    except sqlite3.DatabaseError as error:
        raise RegistryUnreadable(
            f"{use_case}: MLflow's registry cannot be read ({error}), so nobody can say whether "
            "its aliases were moved by hand. Restore registry.db from a backup, or put it aside: "
            "nights are scored by the release record"
        ) from error
    return {str(alias): int(version) for alias, version in found}

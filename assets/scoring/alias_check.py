"""MLflow's alias against the release record: who moved one by hand meant something by it.

The alias decides nothing. But a person or a program that sets it believes it does, and somebody who
may write to the registry may have done more. So a night on which the two differ is not scored until
a person has been told; the alias is put back from the record.
"""

import sqlite3
from typing import TYPE_CHECKING

from assets.release.aliases import CHAMPION_ALIAS, wanted_aliases
from assets.release.events import read_events
from assets.scoring.loader import ModelRefused

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

SQLITE = "sqlite:///"

PATIENCE = 30.0
"""Seconds to wait while MLflow writes to its database."""


class AliasMoved(ModelRefused):
    """MLflow's alias names another version than the release record."""


def require_alias(home: "Home", lake: "Lake", spec: "UseCaseSpec") -> None:
    """Raise AliasMoved when MLflow's ``champion`` is not the one of the release record.

    A registry that is gone, or does not know the use case, says nothing: nights are scored by the
    release record, and what MLflow holds is only a picture of it.
    """
    held = held_aliases(home, spec.name)
    if held is None or not read_events(lake, spec.name):
        return
    there = held.get(CHAMPION_ALIAS)
    wanted = wanted_aliases(lake, home, spec)[CHAMPION_ALIAS]
    if there != wanted:
        raise AliasMoved(
            f"{spec.name}: MLflow's alias '{CHAMPION_ALIAS}' is on {_version(there)}, the release "
            f"record says {_version(wanted)}. Somebody moved one of them by hand. Only "
            f"`nightshift approve` makes a version champion: find out who did it and why, see "
            f"`nightshift models {spec.name}`"
        )


def held_aliases(home: "Home", use_case: str) -> dict[str, int] | None:
    """Alias to version as MLflow has it, or None where MLflow does not know the use case.

    A registry in SQLite is read as a file, which takes a millisecond; importing MLflow takes three
    seconds of every night.
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
        raise ModelRefused(
            f"{use_case}: MLflow's registry cannot be read ({error}), so nobody can say whether "
            "its aliases were moved by hand. Restore registry.db from a backup, or put it aside: "
            "nights are scored by the release record"
        ) from error
    return {str(alias): int(version) for alias, version in found}


def _version(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"

"""MLflow aliases as a projection of the release record."""

from typing import TYPE_CHECKING

from assets.release.events import CHALLENGER, CHAMPION, current_stages, read_events

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from assets.home import Home
    from assets.lake import Lake


def project_aliases(lake: "Lake", home: "Home", use_case: str) -> dict[str, int | None]:
    """Make the aliases ``champion`` and ``challenger`` say what the release events say.

    Returns what had to be changed: alias to the version it now has, or None where it was taken
    away. An alias moved by hand is put back; one that is right is not touched.

    Raises RegistryError when MLflow does not know a model or version that is on record.
    """
    from assets.training.model_file import RegistryError
    from assets.training.session import registry_client

    events = read_events(lake, use_case)
    if not events:
        return {}
    stages = current_stages(events)
    wanted: dict[str, int | None] = {}
    for alias in (CHAMPION, CHALLENGER):
        # The newest event wins should two versions ever hold the same stage.
        holders = [int(e["model_version"]) for e in events if e["stage"] == alias]
        wanted[alias] = next((v for v in reversed(holders) if stages[v] == alias), None)
    with registry_client(home) as client:
        from mlflow.exceptions import MlflowException

        try:
            return _set_aliases(client, use_case, wanted)
        except MlflowException as error:
            raise RegistryError(
                f"{use_case}: the aliases {wanted} on the release record cannot be set in MLflow "
                f"({error.message}). If {home.root / 'registry.db'} was lost, restore it from a "
                "backup; nights are scored by the release record in the meantime"
            ) from error


def _set_aliases(
    client: "MlflowClient", use_case: str, wanted: dict[str, int | None]
) -> dict[str, int | None]:
    there = client.get_registered_model(use_case).aliases
    changed: dict[str, int | None] = {}
    for alias, version in wanted.items():
        held = int(there[alias]) if alias in there else None
        if held == version:
            continue
        if version is None:
            client.delete_registered_model_alias(use_case, alias)
        else:
            client.set_registered_model_alias(use_case, alias, str(version))
        changed[alias] = version
    return changed

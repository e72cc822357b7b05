"""MLflow aliases as a projection of the release record."""

from datetime import date
from typing import TYPE_CHECKING

from assets.release.champion import NotApproved, champion_of, genuine
from assets.release.events import APPROVED, REGISTERED, current_stages, read_events
from assets.release.people import read_people

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

CHAMPION_ALIAS, CHALLENGER_ALIAS = "champion", "challenger"


def wanted_aliases(lake: "Lake", home: "Home", spec: "UseCaseSpec") -> dict[str, int | None]:
    """What the aliases must say: the champion people stand behind, and as challenger the newest
    version that passed its gates and waits for people. None where there is no such version."""
    events, people = read_events(lake, spec.name), read_people(lake, home)
    try:
        champion = champion_of(spec, events, people, date.max)
    except NotApproved:
        champion = None  # whoever asks it to decide is told why; an alias points at nobody
    stages = current_stages(genuine(spec, events, people))
    waiting = [v for v, stage in stages.items() if stage in (REGISTERED, APPROVED)]
    return {
        CHAMPION_ALIAS: champion.version if champion else None,
        CHALLENGER_ALIAS: max(waiting, default=None),
    }


def project_aliases(lake: "Lake", home: "Home", spec: "UseCaseSpec") -> dict[str, int | None]:
    """Make the aliases ``champion`` and ``challenger`` say what the release record says.

    Returns what had to be changed: alias to the version it now has, or None where it was taken
    away. An alias moved by hand is put back; one that is right is not touched.

    Raises RegistryError when MLflow does not know a model or version that is on record.
    """
    from assets.training.model_file import RegistryError
    from assets.training.session import registry_client

    if not read_events(lake, spec.name):
        return {}
    wanted = wanted_aliases(lake, home, spec)
    with registry_client(home) as client:
        from mlflow.exceptions import MlflowException

        try:
            return _set_aliases(client, spec.name, wanted)
        except MlflowException as error:
            raise RegistryError(
                f"{spec.name}: the aliases {wanted} on the release record cannot be set in MLflow "
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

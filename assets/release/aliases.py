"""MLflow aliases as a projection of the release record."""

from datetime import date
from typing import TYPE_CHECKING

from assets.release.authority import read_authority
from assets.release.champion import NotApproved, genuine
from assets.release.deciders import Deciders, deciders_of
from assets.release.events import APPROVED, REGISTERED, current_stages, read_events

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec
    from assets.training.model_file import RegistryError

CHAMPION_ALIAS, CHALLENGER_ALIAS = "champion", "challenger"


def wanted_aliases(lake: "Lake", home: "Home", spec: "UseCaseSpec") -> dict[str, int | None]:
    """What the aliases must say: the champion people stand behind, and as challenger the version
    beside it in shadow or canary, else the newest that passed its gates and waits. None where there
    is no such version."""
    events, authority = read_events(lake, spec.name), read_authority(lake, home)
    try:
        now = deciders_of(spec, events, authority, date.max)
    except NotApproved:
        now = Deciders()  # whoever asks it to decide is told why; an alias points at nobody
    stages = current_stages(genuine(spec, events, authority))
    waiting = [v for v, stage in stages.items() if stage in (REGISTERED, APPROVED)]
    return {
        CHAMPION_ALIAS: now.champion.version if now.champion else None,
        CHALLENGER_ALIAS: now.challenger.version if now.challenger else max(waiting, default=None),
    }


def project_aliases(lake: "Lake", home: "Home", spec: "UseCaseSpec") -> dict[str, int | None]:
    """Make the aliases ``champion`` and ``challenger`` say what the release record says.

    Returns what had to be changed: alias to the version it now has, or None where it was taken
    away. An alias moved by hand is put back; one that is right is not touched.

    Raises RegistryError when MLflow's database is gone or cannot be read (and makes no new one), or
    does not know a model or version that is on record.
    """
    from assets.release.held_aliases import RegistryUnreadable, held_aliases

    if not read_events(lake, spec.name):
        return {}
    wanted = wanted_aliases(lake, home, spec)
    try:
        held = held_aliases(home, spec.name)
    except RegistryUnreadable as error:
        raise _cannot(home, spec.name, wanted, str(error)) from error
    if held is None:
        raise _cannot(home, spec.name, wanted, "MLflow knows no such model")
    if all(held.get(alias) == version for alias, version in wanted.items()):
        return {}
    from assets.training.session import registry_client

    with registry_client(home) as client:
        from mlflow.exceptions import MlflowException

        try:
            return _set_aliases(client, spec.name, wanted)
        except MlflowException as error:
            raise _cannot(home, spec.name, wanted, error.message) from error


def _cannot(
    home: "Home", use_case: str, wanted: dict[str, int | None], why: str
) -> "RegistryError":
    from assets.training.model_file import RegistryError

    return RegistryError(
        f"{use_case}: the aliases {wanted} on the release record cannot be set in MLflow ({why}). "
        f"If {home.root / 'registry.db'} was lost, restore it from a backup; nights are scored by "
        "the release record in the meantime, and the next night sets the aliases"
    )


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

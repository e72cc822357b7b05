"""MLflow's alias against the release record: who moved one by hand meant something by it.

The alias decides nothing. But a person or a program that sets it believes it does, and somebody who
may write to the registry may have done more. So a night on which the two differ is not scored until
a person has been told; the alias is put back from the record.
"""

from typing import TYPE_CHECKING

from assets.release.aliases import CHAMPION_ALIAS, wanted_aliases
from assets.release.events import read_events
from assets.release.held_aliases import RegistryUnreadable, held_aliases
from assets.scoring.loader import ModelRefused

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


class AliasMoved(ModelRefused):
    """MLflow's alias names another version than the release record."""


def require_alias(home: "Home", lake: "Lake", spec: "UseCaseSpec") -> None:
    """Raise AliasMoved when MLflow's ``champion`` is not the one of the release record.

    A registry that is gone, or does not know the use case, says nothing: nights are scored by the
    release record, and what MLflow holds is only a picture of it. The alias ``challenger`` costs
    nobody a night: what scores beside the champion decides nothing by it, and the step that ends
    the night puts it back.
    """
    try:
        held = held_aliases(home, spec.name)
    except RegistryUnreadable as error:
        raise ModelRefused(str(error)) from error
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


def _version(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"

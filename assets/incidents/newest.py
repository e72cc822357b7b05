"""Incidents as they stand now, and the training they ask for, for whoever looks from outside."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from assets.incidents.road import read_trained
from assets.incidents.state import OPEN, Incident, states_of
from assets.lake import PARTITION
from assets.tables import INCIDENTS

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

EVER = date.max - timedelta(days=1)
"""A night later than any."""


@dataclass(frozen=True)
class TrainingRequest:
    """A training on what was known at the end of ``day``, and the incident that asks for it."""

    incident_id: str
    day: date

    @property
    def run_key(self) -> str:
        """The same for the same request: it is run once."""
        return f"{self.incident_id}:{self.day}"


def newest_state(lake: "Lake", use_case: str) -> list[Incident]:
    """Incidents of the newest night that knew of any; those closed that night among them."""
    if not lake.exists(use_case, INCIDENTS):
        return []
    import pyarrow.dataset as ds

    # The day is in the name of each file's folder: not a row is read.
    days = [
        ds.get_partition_keys(fragment.partition_expression)[PARTITION]
        for fragment in lake.dataset(use_case, INCIDENTS).get_fragments()
    ]
    if not days:
        return []
    newest = max(days)
    return states_of(lake.read(use_case, INCIDENTS, first=newest, last=newest))[newest]


def every_incident(lake: "Lake", use_case: str) -> list[Incident]:
    """Every incident on record as the newest night that knew of it left it, the oldest first."""
    if not lake.exists(use_case, INCIDENTS):
        return []
    found: dict[str, Incident] = {}
    for state in states_of(lake.read(use_case, INCIDENTS)).values():
        found |= {one.incident_id: one for one in state}
    return list(found.values())


def training_request(spec: "UseCaseSpec", lake: "Lake", home: "Home") -> TrainingRequest | None:
    """The newest request of an incident that is still open, unless a version was trained since.

    One that was trained and refused by its gates is an answer too. Raises SigningKeyError when the
    installation's key cannot be read.
    """
    asking = [
        (one.training_asked_on, one.incident_id)
        for one in newest_state(lake, spec.name)
        if one.state == OPEN and one.training_asked_on is not None
    ]
    if not asking:
        return None
    day, incident_id = max(asking)
    if any(one.until >= day for one in read_trained(lake, home, spec, EVER)):
        return None
    return TrainingRequest(incident_id, day)

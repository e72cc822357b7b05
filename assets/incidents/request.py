"""When an incident asks for a training: at once, but never twice within the cool-down."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from assets.incidents.state import OPEN, Incident

if TYPE_CHECKING:
    from assets.monitoring_spec import RetrainSpec


def asked(
    incidents: Sequence[Incident],
    day: date,
    retrain: "RetrainSpec",
    asked_before: date | None,
    acted: Collection[str],
) -> list[Incident]:
    """The incidents of a night, with ``training_asked_on`` set on the one that asks, if any does.

    ``asked_before``: the latest request of any incident of the use case on an earlier night;
    ``acted``: ids of incidents since which a version was trained that is on the ladder, or waits
    for a place on it. Asks only what the night has found itself; of several the first one asks,
    for one training answers them all.
    """
    if asked_before is not None and day - asked_before < retrain.pause:
        return list(incidents)
    for number, one in enumerate(incidents):
        if (
            one.state == OPEN
            and one.kind in retrain.on
            and one.last_seen_on == day
            and one.incident_id not in acted
        ):
            asking = replace(one, training_asked_on=day)
            return [*incidents[:number], asking, *incidents[number + 1 :]]
    return list(incidents)


def latest_request(incidents: Sequence[Incident]) -> date | None:
    """The latest day one of them asked for a training."""
    days = [one.training_asked_on for one in incidents if one.training_asked_on is not None]
    return max(days, default=None)

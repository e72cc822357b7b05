"""The incidents of a night on record, and everybody told who has to know: once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from assets.alerts import raise_alert
from assets.errors import NightshiftError
from assets.incidents.kinds import RELEASE
from assets.incidents.request import asked, latest_request
from assets.incidents.road import Road, read_moves, read_trained, taken_off
from assets.incidents.signs import Signs, signs_of, wanted
from assets.incidents.state import CLOSED, OPEN, Incident, next_state, rows_of, states_of
from assets.incidents.story import closed_alert, opened_alert, told, withdrawn_alert
from assets.lake import PARTITION, Commit
from assets.tables import INCIDENTS, INCIDENTS_SCHEMA

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

SHOWN_DAYS = 90
"""Nights up to the partition that are read: what a timeline shows."""

MEASURE = (
    *("measure", "subject", "arm", "model_version", "value", "low", "high", "n"),
    *("limit", "verdict", "detail", PARTITION),
)
"""Columns of MEASURES_SCHEMA that findings are made of."""


@dataclass(frozen=True)
class Recorded:
    """A night's incidents, and those of the nights before it for whoever shows them."""

    day: date
    incidents: list[Incident]
    history: dict[date, list[Incident]]
    """By rising night, the last of them this one."""
    commit: Commit
    problem: str = ""
    """Why it is not known which versions were trained; empty where it is."""

    @property
    def open(self) -> list[Incident]:
        return [one for one in self.incidents if one.state == OPEN]

    @property
    def closed(self) -> list[Incident]:
        return [one for one in self.incidents if one.state == CLOSED]

    @property
    def opened(self) -> list[Incident]:
        return [one for one in self.incidents if one.opened_on == self.day]


def record_night(
    spec: "UseCaseSpec", home: "Home", lake: "Lake", day: date, run_id: str
) -> Recorded:
    """Fold the night's signs into the state of the night before; tell people, then write it down.

    The same night again writes and tells nothing new. Where an old night now shows something else,
    the nights after it are made anew from what they measured, as far as that changes them. People
    are told before it is written: nothing is on record that nobody was told of.
    """
    lake.ensure(spec.name, INCIDENTS, INCIDENTS_SCHEMA)
    seen = lake.version(spec.name, INCIDENTS)
    known = _known(spec, lake, day, seen)
    earlier = {night: found for night, found in known.items() if night < day}
    fold = _Fold(spec, home, lake, dict(earlier))
    state = fold.night(read_signs(spec, lake, day, day, [day])[day])
    states = {day: state}
    if state != known.get(day, []):
        later = [night for night in known if night > day]
        for night, signs in read_signs(spec, lake, day + timedelta(days=1), None, later).items():
            state = fold.night(signs)
            if state == known.get(night, []):
                break
            states[night] = state
    for night, found in states.items():
        _tell(spec, home, lake, night, found, known.get(night, []), run_id)
    commit = lake.replace_days(
        spec.name,
        INCIDENTS,
        day,
        max(states),
        rows_of(states, run_id),
        {"run_id": run_id, "spec_version": spec.version},
        since=seen,
    )
    return Recorded(day, states[day], {**earlier, day: states[day]}, commit, fold.problem)


def read_signs(
    spec: "UseCaseSpec", lake: "Lake", first: date, last: date | None, also: Collection[date]
) -> dict[date, Signs]:
    """The signs of the nights first..last that were measured, and of ``also``, by rising night."""
    import pyarrow.dataset as ds

    measures: dict[date, dict[str, list[Mapping[str, Any]]]] = {night: {} for night in also}
    for table, names in wanted(spec).items():
        if not lake.exists(spec.name, table):
            continue
        mine = ds.field("measure").isin(names)
        rows = lake.read(spec.name, table, columns=MEASURE, where=mine, first=first, last=last)
        for row in rows.to_pylist():
            measures.setdefault(row[PARTITION], {}).setdefault(table, []).append(row)
    if not measures:
        return {}
    moves: dict[date, list[Mapping[str, Any]]] = {}
    for move in read_moves(lake, spec.name, first, max(measures)):
        moves.setdefault(move[PARTITION], []).append(move)
    return {
        night: signs_of(spec, night, measures[night], moves.get(night, ()))
        for night in sorted(measures)
    }


def _known(
    spec: "UseCaseSpec", lake: "Lake", day: date, version: int
) -> dict[date, list[Incident]]:
    """States on record by rising night: of the last ones, of the night itself and of later ones.

    A night that knew of no incident has none; nor does that mean it was not looked at.
    """
    first = day - max(timedelta(days=SHOWN_DAYS), spec.monitoring.retrain.pause)
    known = states_of(lake.read(spec.name, INCIDENTS, first=first, version=version))
    if not known or min(known) >= day:
        older = lake.read(spec.name, INCIDENTS, last=first, version=version)
        known = {**states_of(older), **known}
    return known


class _Fold:
    """Night after night, what is known of incidents."""

    def __init__(
        self,
        spec: "UseCaseSpec",
        home: "Home",
        lake: "Lake",
        earlier: dict[date, list[Incident]],
    ) -> None:
        self.spec, self.home, self.lake, self.states = spec, home, lake, earlier
        self.problem = ""

    def night(self, signs: Signs) -> list[Incident]:
        """The state after a night, which must be later than those before; it is kept."""
        spec, day = self.spec, signs.day
        before = self.states[max(self.states)] if self.states else []
        found = next_state(spec.name, before, signs, spec.monitoring.closes_after)
        if found:
            road = self._road(min(one.opened_on for one in found), day)
            # Of those who cannot be asked, nobody knows what they were trained on.
            acted = {one.incident_id for one in found if self.problem or road.acted_on(one)}
            request = latest_request([one for state in self.states.values() for one in state])
            found = asked(found, day, spec.monitoring.retrain, request, acted)
            request = latest_request(found) or request
            found = [told(spec, one, road, request) for one in found]
            self.states[day] = found
        return found

    def _road(self, first: date, day: date) -> Road:
        off = taken_off(read_moves(self.lake, self.spec.name, first, day))
        try:
            return Road(off, read_trained(self.lake, self.home, self.spec, day))
        except NightshiftError as error:
            self.problem = str(error)
            return Road(off)


def _tell(
    spec: "UseCaseSpec",
    home: "Home",
    lake: "Lake",
    night: date,
    found: list[Incident],
    before: list[Incident],
    run_id: str,
) -> None:
    """``before``: what was on record of the night."""
    there = {one.incident_id for one in found}
    alerts = [
        # Of a roll back the ladder told people itself, before it was done.
        *(opened_alert(spec.name, o) for o in found if o.opened_on == night and o.kind != RELEASE),
        *(closed_alert(spec.name, one) for one in found if one.closed_on == night),
        *(
            withdrawn_alert(spec.name, one)
            for one in before
            if one.opened_on == night and one.incident_id not in there
        ),
    ]
    for alert in alerts:
        raise_alert(home, lake, alert, run_id)

"""Incidents on record: the state of each as of a night."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from assets.incidents import state
from assets.incidents.kinds import ALL, KINDS
from assets.lake import PARTITION
from assets.night_report.words import named, sentence


@dataclass(frozen=True)
class Incident(state.Incident):
    """An incident as of one night (:data:`assets.tables.INCIDENTS_SCHEMA`), and whose it is."""

    use_case: str = ""
    as_of: date = date.min

    @property
    def is_open(self) -> bool:
        return self.state == state.OPEN

    @property
    def title(self) -> str:
        """What it is, as a heading: ``Groups are treated unequally (age)``."""
        said = sentence(KINDS.get(self.kind, named(self.kind))).rstrip(".")
        return said if self.subject == ALL else f"{said} ({named(self.subject)})"

    @property
    def found(self) -> Mapping[str, Any]:
        """What says so; empty where that is no JSON object."""
        try:
            said = json.loads(self.evidence or "{}")
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    def was_open(self, day: date) -> bool:
        """Was it open at the end of that night, as far as this record knows?"""
        return self.opened_on <= day and (self.closed_on is None or day < self.closed_on)


def incident_of(use_case: str, row: Mapping[str, Any]) -> Incident:
    """A row of the incidents table, with its day."""
    names = state.Incident.__dataclass_fields__
    return Incident(**{n: row[n] for n in names}, use_case=use_case, as_of=row[PARTITION])


def newest(incidents: Iterable[Incident], upto: date) -> list[Incident]:
    """Each incident as its newest record up to a night has it: open ones first, then the latest.

    An incident has a row for every night it is open on and one for the night that closed it, so
    what its newest row says holds until there is another.
    """
    last: dict[str, Incident] = {}
    for one in sorted(incidents, key=lambda one: one.as_of):
        if one.as_of <= upto:
            last[one.incident_id] = one
    return sorted(
        last.values(),
        key=lambda one: (not one.is_open, -one.opened_on.toordinal(), one.kind, one.subject),
    )

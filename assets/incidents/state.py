"""Incidents as of a night: what was open the night before, and what tonight shows of it.

Pure: the same state and the same signs give the same state. Of a kind and subject one incident is
open at most. It is found by nights that show it and closed by quiet ones; a night without enough
evidence is neither.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from assets.incidents.signs import Finding, Signs

if TYPE_CHECKING:
    import pyarrow as pa

NAMESPACE = uuid.UUID("a2c1f8b4-3f1e-5d0a-8b7e-5f0c9d2e6a41")
"""Of the ids of incidents; must never change, or every one would be another."""

OPEN, CLOSED = "open", "closed"


@dataclass(frozen=True)
class Incident:
    """A row of INCIDENTS_SCHEMA without its run: as of one night (UTC day)."""

    incident_id: str
    kind: str
    subject: str
    state: str
    opened_on: date
    last_seen_on: date
    closed_on: date | None
    nights: int
    quiet: int
    happened: str
    road_did: str
    person_should: str
    model_version: int | None
    training_asked_on: date | None
    evidence: str

    @property
    def short_id(self) -> str:
        """Enough of the id to tell it from others, for people."""
        return self.incident_id[:8]


def next_state(
    use_case: str, before: Iterable[Incident], signs: Signs, closes_after: int
) -> list[Incident]:
    """Incidents open on, or closed by, the night of ``signs``, in the order of :func:`ordered`.

    ``before``: those of the latest earlier night on record; closed ones count no more.
    ``closes_after``: quiet nights in a row that close one. What the road did and what a person
    should do stays as it was, and is empty of a new one: see ``assets/incidents/story.py``.
    """
    lasting = [one for one in before if one.state == OPEN]
    known = {(one.kind, one.subject) for one in lasting}
    new = [
        one
        for one in signs.findings
        if one.verdict == "seen" and (one.kind, one.subject) not in known
    ]
    return ordered(
        [
            *(
                _after(one, signs.of(one.kind, one.subject), signs.day, closes_after)
                for one in lasting
            ),
            *(_opened(use_case, one, signs.day) for one in new),
        ]
    )


def ordered(incidents: Iterable[Incident]) -> list[Incident]:
    """The oldest first, then by kind and subject."""
    return sorted(incidents, key=lambda one: (one.opened_on, one.kind, one.subject))


def _opened(use_case: str, finding: Finding, day: date) -> Incident:
    name = f"{use_case}|{finding.kind}|{finding.subject}|{day}"
    return Incident(
        incident_id=str(uuid.uuid5(NAMESPACE, name)),
        kind=finding.kind,
        subject=finding.subject,
        state=OPEN,
        opened_on=day,
        last_seen_on=day,
        closed_on=None,
        nights=1,
        quiet=0,
        happened=finding.happened,
        road_did="",
        person_should="",
        model_version=finding.model_version,
        training_asked_on=None,
        evidence=_evidence(finding, day),
    )


def _after(one: Incident, finding: Finding, day: date, closes_after: int) -> Incident:
    if finding.verdict == "seen":
        return replace(
            one,
            last_seen_on=day,
            nights=one.nights + 1,
            quiet=0,
            evidence=_evidence(finding, day),
        )
    if finding.verdict == "unsure":
        return one
    quiet = one.quiet + 1
    if quiet < closes_after:
        return replace(one, quiet=quiet)
    return replace(one, quiet=quiet, state=CLOSED, closed_on=day)


def _evidence(finding: Finding, day: date) -> str:
    said = {"night": day.isoformat(), "says": finding.happened, **finding.evidence}
    return json.dumps(said, sort_keys=True)


def rows_of(states: Mapping[date, Sequence[Incident]], run_id: str) -> "pa.Table":
    """States of nights as rows of INCIDENTS_SCHEMA with the day column."""
    import pyarrow as pa

    from assets.lake import PARTITION
    from assets.tables import INCIDENTS_SCHEMA

    rows = [
        {**asdict(one), "run_id": run_id, PARTITION: day}
        for day, found in states.items()
        for one in found
    ]
    schema = INCIDENTS_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    return pa.Table.from_pylist(rows, schema=schema)


def states_of(rows: "pa.Table") -> dict[date, list[Incident]]:
    """Rows of INCIDENTS_SCHEMA with the day column, back as states by rising night."""
    from assets.lake import PARTITION

    found: dict[date, list[Incident]] = {}
    for row in rows.to_pylist():
        found.setdefault(row[PARTITION], []).append(_incident(row))
    return {day: ordered(found[day]) for day in sorted(found)}


def _incident(row: dict[str, Any]) -> Incident:
    return Incident(**{name: row[name] for name in Incident.__dataclass_fields__})

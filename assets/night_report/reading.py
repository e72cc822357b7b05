"""A night read from the lake: each table once, no more columns and days than are shown.

A table that an older home does not have reads as empty. No row of a case is read but its decision,
and of that only what is counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assets.ingestion.door_gates import GATES
from assets.lake import PARTITION
from assets.night_report.decided import Decided, decided_of
from assets.night_report.incident import Incident, incident_of, newest
from assets.night_report.measures import OVERALL, Measure, Measures, measure_of
from assets.release.non_inferiority import compared_by
from assets.tables import (
    ALERTS,
    DECISIONS,
    GATE_RESULTS,
    INCIDENTS,
    MEASURED,
    PERFORMANCE,
    RELEASE_CHECKS,
    RELEASE_EVENTS,
)

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

NIGHTS = 90
"""That a trend looks back."""

FEWEST = 14
"""Nights that a trend has room for, however few there are."""

OF_A_NIGHT = ("calibration", "drift", "drift_window")
"""Measures shown of the night alone: most rows of their tables, and no trend of any."""

TABLES = (
    *MEASURED, INCIDENTS, DECISIONS, GATE_RESULTS, ALERTS, RELEASE_CHECKS, RELEASE_EVENTS,
)  # fmt: skip
"""All a record is read from."""

MEASURE_COLUMNS = [
    "measure", "subject", "arm", "model_version", "value", "low", "high", "n", "limit", "verdict",
    "detail",
]  # fmt: skip
DECISION_COLUMNS = ["decision", "advice", "rule", "overflow", "arm", "model_version", "fallback"]
TRAINING = "training."
"""Beginning of the gates of a training, which are of no night."""

DECIDED, STOPPED, NEVER = "decided", "stopped", "missing"


@dataclass(frozen=True)
class Gate:
    """What a gate said of the night."""

    name: str
    subject: str
    verdict: str
    message: str


@dataclass(frozen=True)
class Told:
    """What an alert or the ladder said that night."""

    happened: str
    road_did: str
    person_should: str


@dataclass(frozen=True)
class Record:
    """All a night's page is made of. Days are partitions (UTC)."""

    spec: "UseCaseSpec"
    day: date
    first: date  # of the trends
    state: str  # decided | stopped | missing
    decided: Decided | None
    measures: Measures
    incidents: tuple[Incident, ...]  # as of the night, see incident.newest
    gates: tuple[Gate, ...]
    alerts: tuple[Told, ...]
    ladder: str  # what became of the challenger; empty without one
    nights: Mapping[date, str] = field(hash=False)  # first..day, those since the first on record
    trained: Mapping[int, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    """Version to what was registered of it."""

    @cached_property
    def days(self) -> list[date]:
        """Every day of the trends, ascending: a fortnight at least, and not from before the first
        night on record."""
        begun = min([*self.nights, self.day - timedelta(days=FEWEST - 1)])
        first = max(self.first, begun)
        return [first + timedelta(days=n) for n in range((self.day - first).days + 1)]

    @property
    def open_incidents(self) -> list[Incident]:
        return [one for one in self.incidents if one.is_open]

    def of(self, table: str, measure: str, subject: str = "overall") -> Measure | None:
        """The night's measure; None where it is not on record."""
        return self.measures.of(table, measure, self.day, subject)

    @property
    def version(self) -> int | None:
        """Version that decided, by the decisions, or by what was measured of it."""
        if self.decided is not None:
            return self.decided.version
        found = self.of(PERFORMANCE, compared_by(self.spec))
        return found.model_version if found is not None else None


def newest_night(lake: "Lake", use_case: str) -> date | None:
    """The newest night that was decided or stopped; None before the first."""
    decided = days_of(lake, use_case, DECISIONS)
    after = decided[-1] if decided else None
    return max([*decided[-1:], *_stopped(lake, use_case, decided, after, None)], default=None)


def states(lake: "Lake", use_case: str, first: date, last: date) -> dict[date, str]:
    """What became of each night first..last, from the first on record on: decided, stopped, or
    missing where nothing is on record.

    History that is built before the first night leaves gates on record too, but no night.
    """
    decided = days_of(lake, use_case, DECISIONS)
    found = {day: DECIDED for day in decided if first <= day <= last}
    found |= dict.fromkeys(_stopped(lake, use_case, decided, first, last), STOPPED)
    begun = max(first, min([*decided[:1], *found], default=last))
    every = [begun + timedelta(days=n) for n in range((last - begun).days + 1)]
    return {day: found.get(day, NEVER) for day in every}


def days_of(lake: "Lake", use_case: str, table: str) -> list[date]:
    """Days a table has rows of, ascending; not a row is read."""
    if not lake.exists(use_case, table):
        return []
    import pyarrow.dataset as ds

    days = {
        ds.get_partition_keys(fragment.partition_expression)[PARTITION]
        for fragment in lake.dataset(use_case, table).get_fragments()
    }
    return sorted(day for day in days if day is not None)


def read_record(lake: "Lake", spec: "UseCaseSpec", day: date, nights: int = NIGHTS) -> Record:
    """The record of a night, with the ``nights`` that end with it.

    A day that is no night on record has ``state`` missing, and whatever tables say of it.
    """
    name, first = spec.name, day - timedelta(days=nights - 1)
    measures = [m for table in MEASURED for m in _measures(lake, name, table, first, day)]
    gates = _gates(lake, name, day)
    rows = _rows(lake, name, DECISIONS, DECISION_COLUMNS, day, day)
    decided = decided_of(rows) if rows is not None and rows.num_rows else None
    nights_so_far = states(lake, name, first, day)
    return Record(
        spec=spec,
        day=day,
        first=first,
        state=nights_so_far.get(day, NEVER),
        decided=decided,
        measures=Measures(measures),
        incidents=tuple(newest(read_incidents(lake, name, first, day), day)),
        gates=tuple(gates),
        alerts=tuple(_alerts(lake, name, day)),
        ladder=_ladder(lake, name, day),
        nights=nights_so_far,
        trained=_trained(lake, name),
    )


def read_incidents(lake: "Lake", use_case: str, first: date, last: date) -> list[Incident]:
    """Every row of the incidents of these nights, by night."""
    rows = _rows(lake, use_case, INCIDENTS, None, first, last)
    found = rows.to_pylist() if rows is not None else []
    return sorted((incident_of(use_case, row) for row in found), key=lambda one: one.as_of)


def _measures(lake: "Lake", use_case: str, table: str, first: date, day: date) -> list[Measure]:
    """The night whole, and of the nights before what trends are made of."""
    if not lake.exists(use_case, table):
        return []
    import pyarrow.dataset as ds

    followed = ~ds.field("measure").isin(OF_A_NIGHT)
    if table == PERFORMANCE:
        # Slices, many a night, are of the night alone.
        followed = followed & (ds.field("subject") == OVERALL)
    shown = followed | (ds.field(PARTITION) == day)
    rows = lake.read(
        use_case, table, columns=[*MEASURE_COLUMNS, PARTITION], where=shown, first=first, last=day
    )
    return [measure_of(table, row) for row in rows.to_pylist()]


def _gates(lake: "Lake", use_case: str, day: date) -> list[Gate]:
    columns = ["gate", "subject", "verdict", "message"]
    rows = _rows(lake, use_case, GATE_RESULTS, columns, day, day)
    found = [
        Gate(row["gate"], row["subject"], row["verdict"], _alone(row["message"], day))
        for row in (rows.to_pylist() if rows is not None else [])
        if not row["gate"].startswith(TRAINING)
    ]
    return sorted(found, key=_rank)


def _alone(message: str, day: date) -> str:
    """What a gate found, without the source and the day it begins with: both are known here."""
    about, colon, said = message.partition(f" {day}: ")
    return said if colon and " " not in about else message


def _rank(gate: Gate) -> tuple[int, str, int, str]:
    """What failed first; of a source in the door's own order, nearest to the cause first."""
    source, _, kind = gate.name.rpartition(".")
    order, at_the_door = {"fail": 0, "insufficient": 1}, list(GATES)
    place = at_the_door.index(kind) if kind in at_the_door else len(at_the_door)
    return order.get(gate.verdict, 2), source or "~", place, gate.name


def _alerts(lake: "Lake", use_case: str, day: date) -> list[Told]:
    rows = _rows(lake, use_case, ALERTS, ["happened", "road_did", "person_should"], day, day)
    found = rows.to_pylist() if rows is not None else []
    return sorted(
        (Told(row["happened"], row["road_did"], row["person_should"]) for row in found),
        key=lambda told: told.happened,
    )


MOVES = {"hold": "stays where it is", "promote": "goes a step up", "roll_back": "was rolled back"}


def _ladder(lake: "Lake", use_case: str, day: date) -> str:
    columns = ["version", "stage", "check", "verdict", "message"]
    rows = _rows(lake, use_case, RELEASE_CHECKS, columns, day, day)
    for row in rows.to_pylist() if rows is not None else []:
        if row["check"] == "move":
            moved = MOVES.get(row["verdict"], row["verdict"])
            return f"Version {row['version']}, in {row['stage']}, {moved}: {row['message']}"
    return ""


def _trained(lake: "Lake", use_case: str) -> dict[int, Mapping[str, Any]]:
    """What was registered of every version. What people signed is not asked: nothing is decided by
    it here."""
    if not lake.exists(use_case, RELEASE_EVENTS):
        return {}
    from assets.release.events import evidence_of

    rows = lake.read(
        use_case, RELEASE_EVENTS, columns=["sequence", "model_version", "stage", "evidence"]
    )
    events = sorted(rows.to_pylist(), key=lambda row: int(row["sequence"]))
    entered = [event for event in events if event["stage"] in ("registered", "refused")]
    return {int(e["model_version"]): evidence_of(e).get("record") or {} for e in entered}


def _stopped(
    lake: "Lake", use_case: str, decided: list[date], first: date | None, last: date | None
) -> list[date]:
    """Days of first..last on which a gate failed and nothing was decided, ascending; none before
    the first decided one."""
    if not lake.exists(use_case, GATE_RESULTS):
        return []
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    failed = ds.field("verdict") == "fail"
    rows = lake.read(
        use_case, GATE_RESULTS, columns=["gate", PARTITION], where=failed, first=first, last=last
    )
    own = pc.invert(pc.starts_with(rows.column("gate"), TRAINING))
    days = set(pc.unique(rows.filter(own).column(PARTITION)).to_pylist()) - set(decided)
    return sorted(day for day in days if not decided or day > decided[0])


def _rows(
    lake: "Lake", use_case: str, table: str, columns: list[str] | None, first: date, last: date
) -> Any:
    """Rows of days first..last as an Arrow table; None where there is no such table."""
    if not lake.exists(use_case, table):
        return None
    return lake.read(use_case, table, columns=columns, first=first, last=last)

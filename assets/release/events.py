"""The record of releases: an append-only table of events, in the order of ``sequence``.

State is derived from it; nothing else says which model is the champion, and MLflow's aliases are a
projection. Who may be champion is in ``assets/release/champion.py``: an event alone makes nobody
one.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.release.one_writer import one_writer
from assets.tables import RELEASE_EVENTS, RELEASE_EVENTS_SCHEMA

if TYPE_CHECKING:
    from assets.lake import Lake

REGISTERED, REFUSED, APPROVED = "registered", "refused", "approved"
SHADOW, CANARY, CHAMPION = "shadow", "canary", "champion"
RETIRED, REJECTED, ROLLED_BACK = "retired", "rejected", "rolled_back"
REDECIDED = "redecided"
"""No stage of a version: says that days it decided are decided anew, by whom people named."""

SYSTEM = "system:nightshift"
"""Who acts, or asked, where no person did."""

Event = dict[str, Any]
"""A row of RELEASE_EVENTS_SCHEMA. ``evidence`` is a JSON object with some of these:

- ``record``: what is registered; of registered, refused, shadow, canary and champion
- ``gates``: verdict and message of each; of registered and refused
- ``statement``: what a person signed; of approved, rejected, redecided, and rolled_back by a person
- ``approvals``: signatures that back a canary or a champion, in order
- ``night``, ``move``: of an event of the ladder: the night whose step wrote it, what it found
- ``affected``: days a rolled back version decided, in part or all
- ``reinstates``, ``rollback``: of a champion that is back: signatures of the champion event that
  counts again and of the rollback it is back by
- ``superseded_by``: version; of retired
"""


@dataclass(frozen=True)
class Champion:
    """A version that may score a day, as the release record has it: the champion of that day, or
    the challenger beside it. Times are UTC."""

    use_case: str
    version: int
    digest: str  # SHA-256 of the model file, hex
    effective_from: date  # first partition it applies to
    as_of: datetime  # as-of time of its training: nothing later was known
    evidence: Mapping[str, Any] = field(hash=False)
    """What was registered: the fields of ``RegisteredVersion``."""
    manifest_digest: str = ""  # SHA-256 of the signed manifest of its files, hex
    approved_by: tuple[str, ...] = ()  # names, in the order they approved; of a shadow none count

    @property
    def model_path(self) -> str:
        """Model file, relative to the home."""
        return str(self.evidence["model_path"])

    @property
    def mlflow_run_id(self) -> str:
        return str(self.evidence["mlflow_run_id"])

    @property
    def metrics(self) -> dict[str, float]:
        """Figures on the held-out rows of its training."""
        return {name: float(value) for name, value in self.evidence["metrics"].items()}

    @property
    def training_window(self) -> tuple[datetime, datetime]:
        """Earliest and latest event it was trained on: the reference of drift."""
        first, last = (str(self.evidence[k]) for k in ("window_first", "window_last"))
        return datetime.fromisoformat(first), datetime.fromisoformat(last)

    @property
    def training_set_version(self) -> int:
        """Version of the lake's training set table it was trained on."""
        return int(self.evidence["training_set_version"])


def read_events(lake: "Lake", use_case: str) -> list[Event]:
    """All release events of a use case by rising ``sequence``; empty when there is no table."""
    if not lake.exists(use_case, RELEASE_EVENTS):
        return []
    rows: list[Event] = lake.read(use_case, RELEASE_EVENTS).to_pylist()
    return sorted(rows, key=lambda row: int(row["sequence"]))


def append_events(
    lake: "Lake", use_case: str, decide: Callable[[list[Event]], list[Event]]
) -> list[Event]:
    """Append what ``decide`` makes of the events on record, in one commit; return what was added.

    ``sequence`` is given here, ``public_key`` and ``signature`` are null where left out; the other
    columns are the caller's. Whoever appends at the same moment waits, and then decides by what
    this call left. Nothing is written when ``decide`` raises or returns nothing.
    """
    lake.ensure(
        use_case, RELEASE_EVENTS, RELEASE_EVENTS_SCHEMA, partitioned=False, append_only=True
    )
    with one_writer(lake, use_case, RELEASE_EVENTS):
        there = read_events(lake, use_case)
        rows = decide(there)
        if not rows:
            return []
        following = int(there[-1]["sequence"]) + 1 if there else 1
        empty: Event = dict.fromkeys(RELEASE_EVENTS_SCHEMA.names)
        numbered = [{**empty, **row, "sequence": following + i} for i, row in enumerate(rows)]
        lake.append(
            use_case, RELEASE_EVENTS, pa.Table.from_pylist(numbered, schema=RELEASE_EVENTS_SCHEMA)
        )
    return numbered


def evidence_of(event: Event) -> dict[str, Any]:
    """The evidence of an event; empty for what is no JSON object."""
    try:
        found = json.loads(event["evidence"] or "{}")
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def current_stages(events: list[Event]) -> dict[int, str]:
    """Stage of every version after all events, as written: see ``deciders_on`` for who counts.

    An approval moves nobody who is on the ladder already; days decided anew move nobody at all.
    """
    stages: dict[int, str] = {}
    for event in events:
        version, stage = int(event["model_version"]), str(event["stage"])
        held = stages.get(version)
        if stage == REDECIDED and held is not None:
            continue
        if stage == APPROVED and held in (SHADOW, CANARY, CHAMPION):
            continue
        stages[version] = stage
    return stages


def stage_event(events: list[Event]) -> Event:
    """The event of one version by which it has its stage. ``events``: its own, at least one."""
    (stage,) = set(current_stages(events).values())
    return [event for event in events if event["stage"] == stage][-1]


def entry_of(events: list[Event], version: int) -> Event | None:
    """The event by which a version came on record; the newest, should it have been judged again."""
    found = [
        e
        for e in events
        if int(e["model_version"]) == version and e["stage"] in (REGISTERED, REFUSED)
    ]
    return found[-1] if found else None


def sound_entry(events: list[Event], version: int) -> Event | None:
    """As :func:`entry_of`, but None unless the record is as the road writes it: registered once,
    with the digests of what is registered."""
    entry = entry_of(events, version)
    if entry is None:
        return None
    record = evidence_of(entry).get("record") or {}
    times = [e["stage"] for e in events if int(e["model_version"]) == version].count(REGISTERED)
    same = all(
        record.get(name) == entry[column]
        for name, column in (("digest", "model_digest"), ("manifest_digest", "manifest_digest"))
    )
    return entry if same and times <= 1 else None


def utc(time: datetime) -> datetime:
    """The time in UTC. Raises ValueError for one without a zone."""
    if time.tzinfo is None:
        raise ValueError(f"{time} has no zone: times are UTC")
    return time.astimezone(UTC)

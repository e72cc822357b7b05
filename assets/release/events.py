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
CHAMPION, RETIRED, REJECTED = "champion", "retired", "rejected"
SYSTEM = "system:nightshift"
"""Who acts, or asked, where no person did."""

Event = dict[str, Any]
"""A row of RELEASE_EVENTS_SCHEMA. ``evidence`` is a JSON object: ``record`` (what is registered,
of registered, refused, approved and champion), ``gates`` (registered, refused), ``statement`` (what
a person signed: approved, rejected), ``approvals`` (signatures that back a champion, in order),
``superseded_by`` (version, of retired)."""


@dataclass(frozen=True)
class Champion:
    """The version that may score a day, as the release record has it. Times are UTC."""

    use_case: str
    version: int
    digest: str  # SHA-256 of the model file, hex
    effective_from: date  # first partition it applies to
    as_of: datetime  # as-of time of its training: nothing later was known
    evidence: Mapping[str, Any] = field(hash=False)
    """What was registered: the fields of ``RegisteredVersion``."""
    manifest_digest: str = ""  # SHA-256 of the signed manifest of its files, hex
    approved_by: tuple[str, ...] = ()  # names, in the order they approved

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
    """Stage of every version after all events, as written: see ``champion_on`` for who counts."""
    return {int(event["model_version"]): str(event["stage"]) for event in events}


def entry_of(events: list[Event], version: int) -> Event | None:
    """The event by which a version came on record; the newest, should it have been judged again."""
    found = [
        e
        for e in events
        if int(e["model_version"]) == version and e["stage"] in (REGISTERED, REFUSED)
    ]
    return found[-1] if found else None


def utc(time: datetime) -> datetime:
    """The time in UTC. Raises ValueError for one without a zone."""
    if time.tzinfo is None:
        raise ValueError(f"{time} has no zone: times are UTC")
    return time.astimezone(UTC)

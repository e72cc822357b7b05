"""The record of releases: an append-only table, and what it says about versions and days.

State is derived from the events in the order of ``sequence``; nothing else says which model is the
champion. MLflow's aliases are a projection of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.errors import NightshiftError
from assets.tables import RELEASE_EVENTS, RELEASE_EVENTS_SCHEMA

if TYPE_CHECKING:
    from assets.lake import Lake

REGISTERED, CHALLENGER, CHAMPION = "registered", "challenger", "champion"
RETIRED, REJECTED = "retired", "rejected"


class NoChampion(NightshiftError):
    """No version is champion for the day. The message says what to do."""


@dataclass(frozen=True)
class Champion:
    """The version that may score a day, as the release record has it. Times are UTC."""

    use_case: str
    version: int
    digest: str  # SHA-256 of the model file, hex
    effective_from: date  # first partition it applies to
    as_of: datetime  # injected clock of the event that made it champion
    evidence: Mapping[str, Any] = field(hash=False)

    @property
    def model_path(self) -> str:
        """Model file, relative to the home."""
        return str(self.evidence["model_path"])

    @property
    def mlflow_run_id(self) -> str:
        return str(self.evidence["mlflow_run_id"])

    @property
    def metrics(self) -> dict[str, float]:
        """Figures on the holdout of its training."""
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


def read_events(lake: "Lake", use_case: str) -> list[dict[str, Any]]:
    """All release events of a use case by rising ``sequence``; empty when there is no table."""
    if not lake.exists(use_case, RELEASE_EVENTS):
        return []
    rows: list[dict[str, Any]] = lake.read(use_case, RELEASE_EVENTS).to_pylist()
    return sorted(rows, key=lambda row: int(row["sequence"]))


def append_events(lake: "Lake", use_case: str, rows: list[dict[str, Any]]) -> None:
    """Append events in one commit. ``sequence`` is given here; the other columns by the caller."""
    lake.ensure(
        use_case, RELEASE_EVENTS, RELEASE_EVENTS_SCHEMA, partitioned=False, append_only=True
    )
    there = read_events(lake, use_case)
    following = int(there[-1]["sequence"]) + 1 if there else 1
    numbered = [{**row, "sequence": following + i} for i, row in enumerate(rows)]
    lake.append(
        use_case, RELEASE_EVENTS, pa.Table.from_pylist(numbered, schema=RELEASE_EVENTS_SCHEMA)
    )


def current_stages(events: list[dict[str, Any]]) -> dict[int, str]:
    """Stage of every version after all events."""
    return {int(event["model_version"]): str(event["stage"]) for event in events}


def champion_on(lake: "Lake", use_case: str, day: date) -> Champion | None:
    """The champion for a partition: what the events effective on or before ``day`` leave in place.

    A later event wins over an earlier one; a champion that was retired or rejected with effect on
    or before the day leaves the place empty.
    """
    holder: dict[str, Any] | None = None
    for event in read_events(lake, use_case):
        if event["effective_from"] > day:
            continue
        if event["stage"] == CHAMPION:
            holder = event
        elif (
            holder is not None
            and event["model_version"] == holder["model_version"]
            and event["stage"] in (RETIRED, REJECTED)
        ):
            holder = None
    if holder is None:
        return None
    return Champion(
        use_case=use_case,
        version=int(holder["model_version"]),
        digest=str(holder["model_digest"]),
        effective_from=holder["effective_from"],
        as_of=holder["at"],
        evidence=json.loads(holder["evidence"]),
    )


def require_champion(lake: "Lake", use_case: str, day: date) -> Champion:
    """The champion for a partition. Raises NoChampion with what to do when there is none."""
    champion = champion_on(lake, use_case, day)
    if champion is not None:
        return champion
    later = [
        event["effective_from"]
        for event in read_events(lake, use_case)
        if event["stage"] == CHAMPION and event["effective_from"] > day
    ]
    if later:
        raise NoChampion(
            f"{use_case}: no champion for {day}, the first one is effective from {min(later)}. "
            f"Train with an earlier as-of time (`nightshift train {use_case} --as-of {day}`) or "
            f"score nights from {min(later)} on"
        )
    raise NoChampion(
        f"{use_case}: no champion for {day}, because no version was ever released. Train one "
        f"first: `nightshift train {use_case} --as-of {day}`"
    )

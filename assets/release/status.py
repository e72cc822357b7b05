"""How things stand on the release ladder of a use case, and what is awaited."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from assets.lake import PARTITION
from assets.release.authority import read_authority
from assets.release.champion import NotApproved, genuine
from assets.release.deciders import Deciders, deciders_of
from assets.release.events import Champion, Event, evidence_of, read_events
from assets.release.first_day import newest_night
from assets.release.redecision import outstanding
from assets.tables import RELEASE_CHECKS

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

MOVE = "move"
"""The row of release_checks that says what follows from the others."""


@dataclass(frozen=True)
class Checked:
    """A check of the ladder in the newest night that asked it."""

    check: str
    verdict: str  # pass | fail | insufficient; of ``move``: hold | promote | roll_back
    message: str
    figures: Mapping[str, Any]
    threshold: Mapping[str, Any]


@dataclass(frozen=True)
class ReleaseStatus:
    """As of the night after the newest one scored. Days are partitions (UTC)."""

    use_case: str
    night: date | None  # the newest scored; None before the first
    champion: Champion | None
    challenger: Champion | None
    stage: str | None  # of the challenger: shadow | canary
    approved_by: list[str]  # of the challenger, so far
    approvals_needed: int
    checked_on: date | None  # night of the checks; None where the challenger has none yet
    checks: list[Checked]
    awaited: list[str]  # what has to happen next, or people to do
    problems: list[str]  # what is wrong with the record
    timeline: list[dict[str, Any]] = field(default_factory=list)
    """Events by rising sequence, plain values: ``sequence``, ``at``, ``version``, ``stage``,
    ``effective_from``, ``actor``, ``reason``, ``counts`` (bool), ``affected`` (days)."""

    def of_asked(self, check: str) -> tuple[int, int] | None:
        """How many ``days`` or ``cases`` there are, and how many are asked for."""
        for one in self.checks:
            if one.check == check and check in one.figures and check in one.threshold:
                return int(one.figures[check]), int(one.threshold[check])
        return None

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {
            "use_case": self.use_case,
            "night": _iso(self.night),
            "champion": _version(self.champion),
            "challenger": _version(self.challenger),
            "stage": self.stage,
            "approved_by": self.approved_by,
            "approvals_needed": self.approvals_needed,
            "checked_on": _iso(self.checked_on),
            "checks": [
                {
                    "check": one.check,
                    "verdict": one.verdict,
                    "message": one.message,
                    "figures": dict(one.figures),
                    "threshold": dict(one.threshold),
                }
                for one in self.checks
            ],
            "awaited": self.awaited,
            "problems": self.problems,
            "timeline": self.timeline,
        }


def release_status(lake: "Lake", home: "Home", spec: "UseCaseSpec") -> ReleaseStatus:
    """Who decides from the next night on, what the newest checks said, what is awaited."""
    from assets.release.awaited import awaited
    from assets.release.standing import standings

    events, authority = read_events(lake, spec.name), read_authority(lake, home)
    night = newest_night(lake, spec.name)
    day = night + timedelta(days=1) if night is not None else date.max
    try:
        now = deciders_of(spec, events, authority, day)
    except NotApproved:
        now = Deciders()
    versions, problems = standings(lake, home, spec)
    checked_on, checks = None, list[Checked]()
    if now.challenger is not None:
        checked_on, checks = last_checks(lake, spec, now.challenger.version, str(now.stage))
    own = [one for one in versions if now.challenger and one.version == now.challenger.version]
    status = ReleaseStatus(
        use_case=spec.name,
        night=night,
        champion=now.champion,
        challenger=now.challenger,
        stage=now.stage,
        approved_by=own[0].approved_by if own else [],
        approvals_needed=spec.approvals_needed,
        checked_on=checked_on,
        checks=checks,
        awaited=[],
        problems=[*problems, *(f"version {v.version}: {p}" for v in versions for p in v.problems)],
        timeline=timeline_rows(events, genuine(spec, events, authority)),
    )
    left = outstanding(lake, spec, events, authority)
    status.awaited.extend(awaited(lake, home, spec, status, versions, left))
    return status


def last_checks(
    lake: "Lake", spec: "UseCaseSpec", version: int, stage: str
) -> tuple[date | None, list[Checked]]:
    """The newest night that looked at the version in this stage, and its checks in their order."""
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    if not lake.exists(spec.name, RELEASE_CHECKS):
        return None, []
    own = (ds.field("version") == version) & (ds.field("stage") == stage)
    rows = lake.read(spec.name, RELEASE_CHECKS, where=own)
    night = pc.max(rows.column(PARTITION)).as_py()
    if night is None:
        return None, []
    found = rows.filter(pc.equal(rows.column(PARTITION), night)).to_pylist()
    return night, [
        Checked(
            row["check"],
            row["verdict"],
            row["message"],
            json.loads(row["figures"] or "{}"),
            json.loads(row["threshold"] or "{}"),
        )
        for row in found
    ]


def timeline_rows(events: list[Event], counted: list[Event]) -> list[dict[str, Any]]:
    """Events as plain values; ``counted``: those of them that count."""
    numbers = {int(event["sequence"]) for event in counted}
    return [
        {
            "sequence": int(event["sequence"]),
            "at": event["at"].isoformat(),
            "version": int(event["model_version"]),
            "stage": str(event["stage"]),
            "effective_from": event["effective_from"].isoformat(),
            "actor": str(event["actor"]),
            "reason": str(event["reason"]),
            "counts": int(event["sequence"]) in numbers,
            "affected": _days(event),
        }
        for event in events
    ]


def _days(event: Event) -> list[str]:
    """Days that a rollback leaves as the version decided them, or that are decided anew."""
    evidence = evidence_of(event)
    said = evidence.get("statement") or evidence
    return [str(day) for day in said.get("affected") or said.get("days") or []]


def _version(one: Champion | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "version": one.version,
        "digest": one.digest,
        "effective_from": one.effective_from.isoformat(),
        "approved_by": list(one.approved_by),
    }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None

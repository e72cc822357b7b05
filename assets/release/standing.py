"""Where every version of a use case stands: what `nightshift models` shows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from assets.release.authority import read_authority
from assets.release.champion import NotApproved, genuine
from assets.release.deciders import deciders_of
from assets.release.events import (
    APPROVED,
    CANARY,
    CHAMPION,
    REFUSED,
    REJECTED,
    RETIRED,
    ROLLED_BACK,
    SHADOW,
    Event,
    entry_of,
    evidence_of,
    read_events,
    stage_event,
)
from assets.release.first_day import as_of_day, newest_night
from assets.release.gate_record import short

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class Standing:
    """One version. Days are partitions (UTC)."""

    use_case: str
    version: int
    # registered | refused | approved | shadow | canary | champion | retired | rejected |
    # rolled_back
    stage: str
    candidate: str  # the estimator's name
    metrics: Mapping[str, float]  # on held-out rows
    intervals: Mapping[str, Any]  # metric to its confidence interval, where it has one
    gates: Mapping[str, str]  # gate, without the stage's name, to verdict
    requested_by: str
    approved_by: list[str]
    approvals_needed: int
    as_of: date  # the day that began when its training's knowledge ended
    age_days: int | None  # from then to the newest night; None before the first
    effective_from: date | None  # first partition its stage holds for; None while it waits
    digest: str
    reason: str  # of its stage
    problems: list[str] = field(default_factory=list)  # events that do not count, and why

    @property
    def described(self) -> str:
        """The stage, and what it hangs on: ``refused: leak``, ``approved by 1 of 2``, ``shadow,
        approved by 0 of 1``."""
        if self.stage == REFUSED:
            stopped = [gate for gate, verdict in self.gates.items() if verdict != "pass"]
            failed = [gate for gate in stopped if self.gates[gate] == "fail"]
            return f"refused: {', '.join(failed or stopped)}"
        given = f"approved by {len(self.approved_by)} of {self.approvals_needed}"
        if self.stage == SHADOW:
            return f"{SHADOW}, {given}"
        return given if self.stage == APPROVED else self.stage.replace("_", " ")

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        effective = self.effective_from.isoformat() if self.effective_from else None
        return {
            **asdict(self),
            "as_of": self.as_of.isoformat(),
            "effective_from": effective,
            "described": self.described,
        }


def standings(lake: "Lake", home: "Home", spec: "UseCaseSpec") -> tuple[list[Standing], list[str]]:
    """Every version on the release record, the newest first; and what is wrong with the record.

    A stage that people would have had to give, and did not, is not shown as one.
    """
    events, authority = read_events(lake, spec.name), read_authority(lake, home)
    newest = newest_night(lake, spec.name)
    counted = genuine(spec, events, authority)
    problems = [f"people: {problem}" for problem in authority.people.problems]
    try:
        now = deciders_of(spec, events, authority, date.max)
        problems += [now.problem] if now.problem else []
    except NotApproved as wrong:
        problems.append(str(wrong))
    versions = sorted({int(e["model_version"]) for e in events}, reverse=True)
    return [_standing(spec, events, counted, version, newest) for version in versions], problems


def decisions(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", version: int
) -> list[dict[str, str]]:
    """What people decided on a version, in that order: ``name``, ``at`` (ISO 8601, UTC),
    ``reason`` and ``decision`` (approve or reject). Only what they really signed."""
    counted = genuine(spec, read_events(lake, spec.name), read_authority(lake, home))
    return [
        {key: str(evidence_of(e)["statement"][key]) for key in ("name", "at", "reason", "decision")}
        for e in counted
        if int(e["model_version"]) == version and e["stage"] in (APPROVED, REJECTED)
    ]


def _standing(
    spec: "UseCaseSpec",
    events: list[Event],
    counted: list[Event],
    version: int,
    newest: date | None,
) -> Standing:
    every = [e for e in events if int(e["model_version"]) == version]
    own = [e for e in counted if int(e["model_version"]) == version]
    entry, last = entry_of(own, version), stage_event(own or every)
    evidence = evidence_of(entry) if entry is not None else {}
    record = evidence.get("record", {})
    as_of = as_of_day(entry if entry is not None else last)
    placed = last["stage"] in (SHADOW, CANARY, CHAMPION, RETIRED, REJECTED, ROLLED_BACK)
    return Standing(
        use_case=spec.name,
        version=version,
        stage=str(last["stage"]) if own else "unknown",
        candidate=str(record.get("candidate", "")),
        metrics=record.get("metrics", {}),
        intervals=record.get("intervals") or {},
        gates={short(gate): g["verdict"] for gate, g in evidence.get("gates", {}).items()},
        requested_by=str(record.get("requested_by", "")),
        approved_by=_approvers(own),
        approvals_needed=spec.approvals_needed,
        as_of=as_of,
        age_days=max(0, (newest - as_of).days) if newest is not None else None,
        effective_from=last["effective_from"] if placed and own else None,
        digest=str(last["model_digest"]),
        reason=str(last["reason"]),
        problems=[
            f"event {e['sequence']} ({e['stage']} by {e['actor']}) does not count"
            for e in every
            if e not in own
        ],
    )


def _approvers(own: list[Event]) -> list[str]:
    names = [str(e["actor"]).removeprefix("person:") for e in own if e["stage"] == APPROVED]
    return list(dict.fromkeys(names))

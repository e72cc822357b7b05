"""Entry to the release ladder: what becomes of a newly registered version."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assets.release.events import (
    CHALLENGER,
    CHAMPION,
    REGISTERED,
    RETIRED,
    append_events,
    current_stages,
    read_events,
)

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec
    from assets.training.registry import RegisteredVersion


def enter(
    lake: "Lake",
    spec: "UseCaseSpec",
    registered: "RegisteredVersion",
    *,
    as_of: datetime,
    actor: str,
    run_id: str,
) -> str:
    """Record a version and give it a place; return its stage.

    The first version ever becomes champion for partitions from ``as_of``'s UTC day on, for there
    is nothing to compare it with. Every later one becomes the challenger, and the challenger
    before it is retired. All events of one entry are one commit, so an entry happens wholly or not
    at all. A version that is on record already keeps its stage, and nothing is written.

    ``as_of`` is the injected clock (UTC); ``actor`` the system or person; ``run_id`` the run.
    """
    events = read_events(lake, spec.name)
    stages = current_stages(events)
    if registered.version in stages:
        return stages[registered.version]
    evidence = json.dumps(asdict(registered), sort_keys=True)

    def event(version: int, stage: str, digest: str, reason: str, why: str) -> dict[str, Any]:
        return {
            "at": as_of,
            "model_version": version,
            "stage": stage,
            "effective_from": as_of.date(),
            "model_digest": digest,
            "actor": actor,
            "reason": reason,
            "evidence": why,
            "spec_version": spec.version,
            "run_id": run_id,
        }

    version, digest = registered.version, registered.digest
    rows = [event(version, REGISTERED, digest, "passed the training gates", evidence)]
    if any(e["stage"] == CHAMPION for e in events):
        digests = {int(e["model_version"]): str(e["model_digest"]) for e in events}
        rows += [
            event(old, RETIRED, digests[old], f"version {version} is the new challenger", "{}")
            for old, held in stages.items()
            if held == CHALLENGER
        ]
        reason = "a champion is in place: to be compared with it"
        rows.append(event(version, CHALLENGER, digest, reason, evidence))
    else:
        reason = "first version: no champion to compare with"
        rows.append(event(version, CHAMPION, digest, reason, evidence))
    append_events(lake, spec.name, rows)
    return str(rows[-1]["stage"])

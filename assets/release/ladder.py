"""Entry to the release ladder: what becomes of a newly registered version."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from assets.release.events import (
    REFUSED,
    REGISTERED,
    Event,
    append_events,
    current_stages,
    entry_of,
    evidence_of,
    utc,
)
from assets.release.gate_record import Judged, gates_on_record, short, stopping, verdicts_of

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec
    from assets.training.registered import RegisteredVersion


def enter(
    lake: "Lake",
    spec: "UseCaseSpec",
    registered: "RegisteredVersion",
    *,
    as_of: datetime,
    actor: str,
    run_id: str,
    requested_by: str,
) -> str:
    """Record a version as ``registered``, or as ``refused`` by its gates; return its stage.

    What counts is the gates' results in the lake for exactly this training: each must have passed
    (``insufficient`` counts as spec.model.gates.insufficient says), and those no model can go
    without must be there. No version decides anything by being registered: people approve it.

    A version that is on record keeps its stage, and nothing is written; only one that was refused
    for nothing but missing results is judged again. ``as_of`` is the injected clock (UTC),
    ``actor`` the system or person, ``run_id`` the run, ``requested_by`` who asked for the training.
    """
    gates = gates_on_record(lake, spec, registered.training_digest)
    stopped = stopping(spec, gates)
    record = asdict(registered)
    # Whoever first asked for the training did, whoever's run enters it.
    record["requested_by"] = record.get("requested_by") or requested_by
    evidence = {
        "record": record,
        "gates": {g.gate: {"verdict": g.verdict, "message": g.message} for g in gates},
    }
    entered: Event = {
        "at": utc(as_of),
        "model_version": registered.version,
        "stage": REFUSED if stopped else REGISTERED,
        "effective_from": utc(as_of).date(),
        "model_digest": registered.digest,
        "manifest_digest": registered.manifest_digest,
        "actor": actor,
        "reason": _refusal(stopped) if stopped else _passed(gates),
        "evidence": json.dumps(evidence, sort_keys=True, default=str),
        "spec_version": spec.version,
        "run_id": run_id,
    }
    stage = REFUSED

    def decide(events: list[Event]) -> list[Event]:
        nonlocal stage
        stages = current_stages(events)
        if registered.version in stages and not _only_missing(events, registered.version, gates):
            stage = stages[registered.version]
            return []
        stage = str(entered["stage"])
        return [entered]

    append_events(lake, spec.name, decide)
    return stage


def _only_missing(events: list[Event], version: int, gates: list[Judged]) -> bool:
    """Was it refused for missing results alone, and are there others now?"""
    entry = entry_of(events, version)
    if entry is None or current_stages(events)[version] != REFUSED:
        return False
    then = {gate: g["verdict"] for gate, g in evidence_of(entry).get("gates", {}).items()}
    lacked = "missing" in then.values() and "fail" not in then.values()
    return lacked and then != verdicts_of(gates)


def _refusal(stopped: list[Judged]) -> str:
    return "; ".join(f"{short(g.gate)} ({g.verdict}): {g.message}" for g in stopped)


def _passed(gates: list[Judged]) -> str:
    passed = sum(g.verdict == "pass" for g in gates)
    unsure = [short(g.gate) for g in gates if g.verdict == "insufficient"]
    told = f"{passed} training gates passed"
    return f"{told}; not enough evidence for {', '.join(unsure)}" if unsure else told

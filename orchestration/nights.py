"""What is on record about nights and use cases, as rows a person reads and a program parses."""

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.ingestion.door_gates import GATES
from assets.ingestion.revisions import stale_days
from assets.lake import PARTITION, Lake
from assets.release.events import champion_on, read_events
from assets.tables import DECISIONS, GATE_RESULTS, METRICS, POPULATION
from orchestration.jobs import nightly_job
from orchestration.session import PARTITION_TAG

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from orchestration.session import Session


@dataclass(frozen=True)
class Night:
    """One night of a use case, from the lake's records and Dagster's runs.

    ``cases``: rows of the population, None when it was never built. Decisions are zero for a night
    that was stopped. ``drift``: stable | moved | insufficient, None when there is no report.
    """

    use_case: str
    night: date
    outcome: str  # decided | stopped | not run
    cases: int | None
    approved: int = 0
    referred: int = 0
    declined: int = 0
    advised_decline: int = 0
    drift: str | None = None
    drifted: list[str] = field(default_factory=list)
    gates: dict[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def gate_failures(self) -> list[str]:
        """Gates on record that stopped the night; one without enough evidence may let it go on."""
        if self.outcome == "decided":
            return []
        failed = [name for name, verdict in self.gates.items() if verdict == "fail"]
        return failed or [name for name, verdict in self.gates.items() if verdict != "pass"]

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {
            **asdict(self),
            "night": self.night.isoformat(),
            "gate_failures": self.gate_failures,
        }


def night(session: "Session", use_case: str, day: date) -> Night:
    """The record of one night. The latest finished run says whether it stood or was stopped."""
    lake = session.lake
    run = _last_run(session, use_case, day)
    decisions = _rows(lake, use_case, DECISIONS, day)
    gates = _rows(lake, use_case, GATE_RESULTS, day)
    drift = [m for m in _rows(lake, use_case, METRICS, day) if m["metric"] == "drift_share"]
    problems = session.problems(run.run_id) if run is not None and not run.is_success else []
    gates.sort(key=lambda gate: _rank(gate["gate"]))
    refused = [g["message"] for g in gates if g["verdict"] == "fail"]
    # One without enough evidence is the reason only where nothing else is.
    unsure = [g["message"] for g in gates if g["verdict"] == "insufficient"]
    outcome = "not run" if run is None else "decided" if run.is_success else "stopped"
    cases = len(_rows(lake, use_case, POPULATION, day)) or None

    def count(column: str, value: str) -> int:
        return sum(row[column] == value for row in decisions)

    return Night(
        use_case=use_case,
        night=day,
        outcome=outcome,
        cases=cases,
        approved=count("decision", "approve"),
        referred=count("decision", "refer"),
        declined=count("decision", "decline"),
        advised_decline=count("advice", "decline"),
        drift=drift[0]["verdict"] if drift else None,
        drifted=json.loads(drift[0]["detail"])["drifted"] if drift else [],
        gates={g["gate"]: g["verdict"] for g in gates},
        problem="" if outcome == "decided" else (refused or problems or unsure or [""])[0],
    )


def use_case_status(session: "Session", spec: "UseCaseSpec") -> dict[str, Any]:
    """Champion and its held-out figures, the last night on record, the days to be built anew."""
    runs = session.instance.get_runs(dg.RunsFilter(job_name=nightly_job(spec.name)), limit=200)
    days = [run.tags[PARTITION_TAG] for run in runs if PARTITION_TAG in run.tags]
    last = date.fromisoformat(max(days)) if days else None
    champion = champion_on(session.lake, spec.name, last or date.max)
    stages = {int(e["model_version"]): e["stage"] for e in read_events(session.lake, spec.name)}
    return {
        "use_case": spec.name,
        "champion": champion.version if champion else None,
        "champion_since": champion.effective_from.isoformat() if champion else None,
        "candidate": champion.evidence["candidate"] if champion else None,
        "holdout": champion.metrics if champion else {},
        "challenger": next((v for v, s in stages.items() if s == "challenger"), None),
        "last_night": night(session, spec.name, last).as_json() if last else None,
        "stale_days": [str(stale.day) for stale in stale_days(session.lake, spec)],
    }


def _rank(gate: str) -> tuple[int, str]:
    """Gates at the door in their own order, the one nearest to the cause first; then the others."""
    order = list(GATES)
    kind = gate.split(".")[-1]
    return (order.index(kind) if kind in order else len(order), gate)


def _last_run(session: "Session", use_case: str, day: date) -> dg.DagsterRun | None:
    finished = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    runs = session.instance.get_runs(
        dg.RunsFilter(
            job_name=nightly_job(use_case), tags={PARTITION_TAG: str(day)}, statuses=finished
        ),
        limit=1,
    )
    return runs[0] if runs else None


def _rows(lake: Lake, use_case: str, table: str, day: date) -> list[dict[str, Any]]:
    """A day's rows; none when the table is not there yet."""
    if not lake.exists(use_case, table):
        return []

    columns = {
        DECISIONS: ["decision", "advice"],
        POPULATION: [PARTITION],
        GATE_RESULTS: ["gate", "verdict", "message"],
        METRICS: ["metric", "verdict", "detail"],
    }[table]
    rows = lake.read(use_case, table, columns=columns, first=day, last=day)
    return list(rows.to_pylist())

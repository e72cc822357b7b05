"""What is on record about nights and use cases, as rows a person reads and a program parses."""

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.ingestion.door_gates import GATES
from assets.ingestion.revisions import stale_days
from assets.lake import PARTITION, Lake
from assets.release.aliases import CHALLENGER_ALIAS, wanted_aliases
from assets.release.champion import NotApproved, champion_on
from assets.release.events import CANARY
from assets.tables import DECISIONS, DRIFT, GATE_RESULTS, POPULATION, RELEASE_CHECKS
from assets.training.gate_names import PREFIX as TRAINING
from orchestration.jobs import nightly_job
from orchestration.session import PARTITION_TAG

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from orchestration.session import Session


@dataclass(frozen=True)
class Night:
    """One night of a use case, from the lake's records and Dagster's runs.

    ``cases``: rows of the population, None when it was never built. Decisions are zero for a night
    that was stopped. ``drift``: stable | moved | insufficient, None when there is no report;
    ``impact``: none | harmless | matters | unknown, what becomes of it.
    ``problem``: why it was stopped, or why no model could be trusted with it.
    """

    use_case: str
    night: date
    outcome: str  # decided | fallback (every case went to a person) | stopped | not run
    cases: int | None
    approved: int = 0
    referred: int = 0
    declined: int = 0
    advised_decline: int = 0
    model_version: int | None = None  # that scored it; None where none did
    challenger: str = ""  # in words: "2 in canary (76): held"
    drift: str | None = None
    drifted: list[str] = field(default_factory=list)
    impact: str | None = None
    gates: dict[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def gate_failures(self) -> list[str]:
        """Gates on record that stopped the night, or gave it to people; one without enough evidence
        may let it go on."""
        if self.outcome == "decided":
            return []
        failed = [name for name, verdict in self.gates.items() if verdict == "fail"]
        if self.outcome == "fallback":
            return failed
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
    # A training as of this day leaves its gates on record beside those of the night.
    lake = session.lake
    run = _last_run(session, use_case, day)
    decisions = _rows(lake, use_case, DECISIONS, day)
    recorded = _rows(lake, use_case, GATE_RESULTS, day)
    gates = [gate for gate in recorded if not gate["gate"].startswith(TRAINING)]
    drift = {m["measure"]: m for m in _rows(lake, use_case, DRIFT, day) if not m["arm"]}
    moved = drift.get("input_moved")
    problems = session.problems(run.run_id) if run is not None and not run.is_success else []
    gates.sort(key=lambda gate: _rank(gate["gate"]))
    refused = [g["message"] for g in gates if g["verdict"] == "fail"]
    # One without enough evidence is the reason only where nothing else is.
    unsure = [g["message"] for g in gates if g["verdict"] == "insufficient"]
    outcome = "not run" if run is None else "decided" if run.is_success else "stopped"
    unscored = [row["fallback"] for row in decisions if row["fallback"] is not None]
    if outcome == "decided" and unscored:
        outcome = "fallback"
    champion = [row for row in decisions if row["arm"] != CANARY]
    models = {row["model_version"] for row in champion if row["model_version"] is not None}
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
        model_version=max(models, default=None),
        challenger=_challenger(lake, use_case, day, len(decisions) - len(champion)),
        drift=moved["verdict"] if moved else None,
        drifted=json.loads(moved["detail"])["drifted"] if moved else [],
        impact=drift["impact"]["verdict"] if "impact" in drift else None,
        gates={g["gate"]: g["verdict"] for g in gates},
        problem=_problem(outcome, unscored, refused, problems, unsure),
    )


MOVED = {"hold": "held", "promote": "goes on", "roll_back": "rolled back"}


def _challenger(lake: Lake, use_case: str, day: date, decided: int) -> str:
    """What became of the challenger of the night; empty where there was none."""
    moves = [row for row in _rows(lake, use_case, RELEASE_CHECKS, day) if row["check"] == "move"]
    if not moves:
        return ""
    (move,) = moves
    cases = f" ({decided})" if move["stage"] == CANARY else ""
    return f"{move['version']} in {move['stage']}{cases}: {MOVED[move['verdict']]}"


def _problem(outcome: str, unscored: list[str], *stopping: list[str]) -> str:
    """The one thing to know: why nobody scored it, or the first reason of those that stopped it."""
    if outcome == "decided":
        return ""
    if outcome == "fallback":
        return unscored[0]
    return next((found[0] for found in stopping if found), "")


def use_case_status(session: "Session", spec: "UseCaseSpec") -> dict[str, Any]:
    """Champion and its held-out figures, the last night on record, the days to be built anew.

    ``challenger``: the version that waits for people. ``champion_problem``: why the champion on
    record does not count, empty where nothing is wrong.
    """
    runs = session.instance.get_runs(dg.RunsFilter(job_name=nightly_job(spec.name)), limit=200)
    days = [run.tags[PARTITION_TAG] for run in runs if PARTITION_TAG in run.tags]
    last = date.fromisoformat(max(days)) if days else None
    problem = ""
    try:
        champion = champion_on(session.lake, session.home, spec, last or date.max)
    except NotApproved as refusal:
        champion, problem = None, str(refusal)
    waiting = wanted_aliases(session.lake, session.home, spec)[CHALLENGER_ALIAS]
    return {
        "use_case": spec.name,
        "champion": champion.version if champion else None,
        "champion_since": champion.effective_from.isoformat() if champion else None,
        "candidate": champion.evidence["candidate"] if champion else None,
        "holdout": champion.metrics if champion else {},
        "challenger": waiting,
        "champion_problem": problem,
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
        DECISIONS: ["decision", "advice", "rule", "arm", "model_version", "fallback"],
        RELEASE_CHECKS: ["version", "stage", "check", "verdict"],
        POPULATION: [PARTITION],
        GATE_RESULTS: ["gate", "verdict", "message"],
        DRIFT: ["measure", "arm", "verdict", "detail"],
    }[table]
    rows = lake.read(use_case, table, columns=columns, first=day, last=day)
    return list(rows.to_pylist())

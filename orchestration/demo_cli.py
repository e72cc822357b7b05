"""``nightshift demo``: the whole road on simulated files, told step by step."""

import json
import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.errors import NightshiftError
from orchestration.command import HOME, HomeOption, JsonOption, opened, tell
from orchestration.night_table import line, print_nights

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from orchestration.demo import DemoPlan, Training
    from orchestration.nights import Night
    from orchestration.session import Outcome, Session

STEPS = 3


def demo(
    name: Annotated[str | None, typer.Argument(help="Which installed demo.")] = None,
    home: HomeOption = HOME,
    as_json: JsonOption = False,
) -> None:
    """Land simulated files and run nights; of three challengers one is refused, one rolled back,
    and one wins."""
    from orchestration.demo import demo_plan

    with opened(home, None) as session:
        plan = demo_plan(name)
        spec = session.spec(plan.use_case)
        _land_and_build(session, spec, plan)
        _enrol(session, plan)
        _step(3, f"nights from {plan.nights[0]} to {plan.nights[1]}")
        rows = []
        for day in _days(*plan.nights):
            for training in plan.trainings:
                if training.night == day:
                    _train(session, spec, plan, training)
            rows.append(_night(session, spec, day))
        print_nights(rows, as_json)
        if not as_json:
            _where_next(session, spec.name, rows)


def _step(number: int, said: str) -> None:
    tell(f"[{number}/{STEPS}] {said}")


def _land_and_build(session: "Session", spec: "UseCaseSpec", plan: "DemoPlan") -> None:
    from orchestration.jobs import history_job

    first, eve = plan.history
    started = time.monotonic()
    files = plan.land(session.home.landing)
    _step(1, f"{len(files)} landing files from {first} to {plan.nights[1]} ({_took(started)})")
    started = time.monotonic()
    _step(2, f"history from {first} to {eve}")
    done = session.run_once(
        history_job(spec.name),
        days=(first, eve),
        inputs=session.inputs(spec, first, eve),
        progress=True,
    )
    _require(done)
    _step(2, f"{_done(done)} ({_took(started)})")


def _enrol(session: "Session", plan: "DemoPlan") -> None:
    """The plan's two people, with keys in the demo's own home: on a real one they are elsewhere."""
    from orchestration.approving import enrol_once

    for person in plan.people:
        enrol_once(session, person, _identity(session, person))


def _identity(session: "Session", person: str) -> Path:
    return session.home.root / "demo_people" / f"{person}.key"


def _train(session: "Session", spec: "UseCaseSpec", plan: "DemoPlan", training: "Training") -> None:
    """Train as of a night, requested by the first person; approved by the second, or refused."""
    from orchestration.approving import version_of_partition
    from orchestration.jobs import training_job

    started, eve = time.monotonic(), training.night - timedelta(days=1)
    changes = dict(training.changes)
    tell(f"      training as of {training.night}: {training.about}")
    inputs = session.inputs(spec, plan.history[0], eve)
    done = session.run_once(
        training_job(spec.name),
        day=eve,
        inputs=f"{inputs} {json.dumps(changes, sort_keys=True)}",
        stopped=training.refused,
        progress=True,
        tags={"nightshift/requested_by": plan.people[0]},
        steps={f"{spec.name}__model": {"model": changes}} if changes else None,
    )
    if training.refused:
        if done.succeeded:
            raise NightshiftError(f"{training.about} passed its gates: no gate fired")
        tell(f"      refused: {done.problems[0]} ({_took(started)})")
        return
    _require(done)
    version = version_of_partition(session, spec.name, eve)
    tell(f"      version {version} passed its gates, {_done(done)} ({_took(started)})")
    _approve(session, spec, plan, version, training.night)


def _approve(
    session: "Session", spec: "UseCaseSpec", plan: "DemoPlan", version: int, night: date
) -> None:
    from orchestration.approving import approve_once

    requester, approver = plan.people
    done = approve_once(
        session,
        spec.name,
        version,
        _identity(session, approver),
        "demonstration: gates and card looked at",
        night,
    )
    again = "" if done else ", done before"
    tell(
        f"      version {version} asked for by {requester}, approved by {approver}: may decide "
        f"from {night}{again}"
    )


def _night(session: "Session", spec: "UseCaseSpec", day: date) -> "Night":
    from assets.release.champion import NotApproved
    from assets.release.deciders import deciders_on
    from orchestration.jobs import nightly_job
    from orchestration.nights import night

    started = time.monotonic()
    try:
        found = deciders_on(session.lake, session.home, spec, day)
        models = [one.digest for one in (found.champion, found.challenger) if one is not None]
    except NotApproved:
        models = []
    before = night(session, spec.name, day)
    done = session.run_once(
        nightly_job(spec.name),
        day=day,
        inputs=session.inputs(spec, day, day, *models),
        stopped=before.outcome == "stopped" and bool(before.gate_failures),
    )
    row = night(session, spec.name, day)
    tell(f"      {line(row, done)} ({_took(started)})")
    return row


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _require(outcome: "Outcome") -> None:
    if not outcome.succeeded:
        raise NightshiftError("\n".join(outcome.problems) or f"run {outcome.run_id} failed")


def _took(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


def _done(outcome: "Outcome") -> str:
    return "done before, unchanged" if outcome.skipped else "done"


def _where_next(session: "Session", use_case: str, rows: "list[Night]") -> None:
    root = session.home.root
    moved = next((row.night for row in rows if row.drift == "moved"), rows[-1].night)
    cards = sorted(session.home.model_card(use_case, 1).parent.glob("*.html"))
    typer.echo(
        "\nWhere to look next\n"
        f"  drift report    {session.home.drift_report(use_case, moved)}\n"
        f"  quality docs    {session.home.data_docs / 'index.html'}\n"
        f"  model card      {cards[-1] if cards else 'none'}\n"
        f"  models          .venv/bin/nightshift models --home {root}\n"
        f"  status          .venv/bin/nightshift status --home {root}\n"
        f"  the ladder      .venv/bin/nightshift release status --home {root}\n"
        f"  one decision    .venv/bin/nightshift explain {_referred(session, use_case, rows)} "
        f"--home {root}\n"
        f"  the ledger      .venv/bin/nightshift audit verify --home {root}\n"
        f"  everything      .venv/bin/nightshift dev --home {root}"
    )


def _referred(session: "Session", use_case: str, rows: "list[Night]") -> str:
    """Id of a case of the last night that a person has to decide."""
    from assets.tables import DECISIONS

    columns = ["decision_id", "decision"]
    day = rows[-1].night
    found = session.lake.read(use_case, DECISIONS, columns=columns, first=day, last=day)
    ids = [row["decision_id"] for row in found.to_pylist() if row["decision"] == "refer"]
    return min(ids, default="ID")

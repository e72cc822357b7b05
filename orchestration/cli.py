"""The ``nightshift`` command: a thin shell over the jobs the UI launches."""

import gc
import json
import sys
import time
import warnings
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assets.errors import NightshiftError
from assets.model_spec import METRICS
from orchestration.approval_cli import approve, reject
from orchestration.audit_cli import audit_app, explain, replay
from orchestration.command import (
    COLLECTION,
    HOME,
    HomeOption,
    JsonOption,
    UseCaseArgument,
    UseCasesOption,
    console,
    opened,
    tell,
)
from orchestration.demo_cli import demo
from orchestration.desk_cli import desk
from orchestration.forget_cli import forget
from orchestration.incidents_cli import incidents
from orchestration.models_cli import models
from orchestration.night_table import line, print_nights
from orchestration.people_cli import people_app
from orchestration.quarantine_cli import quarantine_app
from orchestration.release_cli import redecide, release_app, rollback
from orchestration.report_cli import report
from orchestration.users_cli import users_app

if TYPE_CHECKING:
    from orchestration.session import Outcome, Session

app = typer.Typer(
    help="The governed nightly batch-ML road.", no_args_is_help=True, pretty_exceptions_enable=False
)

app.add_typer(quarantine_app, name="quarantine")
app.add_typer(people_app, name="people")
app.add_typer(release_app, name="release")
app.add_typer(audit_app, name="audit")
app.add_typer(users_app, name="users")
app.command()(demo)
app.command()(forget)
app.command()(models)
app.command()(incidents)
app.command()(approve)
app.command()(reject)
app.command()(rollback)
app.command()(redecide)
app.command()(explain)
app.command()(replay)
app.command()(desk)
app.command()(report)


@app.command()
def run(
    use_case: UseCaseArgument,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First night.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last night.")],
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the nightly job for each night in turn, in this one process."""
    from orchestration.jobs import nightly_job
    from orchestration.nights import night

    with opened(home, use_cases) as session:
        session.spec(use_case)
        days = _days(first.date(), last.date())
        rows = []
        for number, day in enumerate(days, 1):
            started = time.monotonic()
            outcome = session.run(nightly_job(use_case), day=day)
            row = night(session, use_case, day)
            rows.append(row)
            tell(f"[{number}/{len(days)}] {line(row, outcome)} ({_took(started)})")
        print_nights(rows, as_json)
        if any(row.outcome != "decided" for row in rows):
            raise typer.Exit(1)


@app.command()
def history(
    use_case: UseCaseArgument,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
) -> None:
    """Ingest and build past days in one run, without scoring them."""
    from orchestration.jobs import history_job

    with opened(home, use_cases) as session:
        session.spec(use_case)
        started = time.monotonic()
        outcome = session.run(
            history_job(use_case), days=(first.date(), last.date()), progress=True
        )
        _require(outcome)
        tell(f"history of {use_case} from {first:%Y-%m-%d} to {last:%Y-%m-%d} ({_took(started)})")


@app.command()
def train(
    use_case: UseCaseArgument,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            formats=["%Y-%m-%d"],
            help="Midnight (UTC) at which this day began: what was known then. "
            "Default: the day after the newest day in the lake.",
        ),
    ] = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train on matured labels, judge the best candidate by the gates and register it.

    It decides nothing until people approve it: `nightshift models`, `nightshift approve`.
    """
    from orchestration.identity import REQUESTED_BY, who_asks
    from orchestration.jobs import training_job
    from orchestration.nights import use_case_status

    with opened(home, use_cases) as session:
        spec = session.spec(use_case)
        day = as_of.date() - timedelta(days=1) if as_of else _newest_day(session, use_case)
        started = time.monotonic()
        asked = {REQUESTED_BY: who_asks(session, datetime.now(UTC))}
        tell(f"training {use_case} as of {day + timedelta(days=1)}, for {asked[REQUESTED_BY]}")
        _require(session.run(training_job(use_case), day=day, progress=True, tags=asked))
        tell(f"trained ({_took(started)})")
        _print_status([use_case_status(session, spec)], as_json)


@app.command()
def status(
    use_case: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Per use case: champion and its held-out figures, last night, decisions, gates, drift."""
    from orchestration.nights import use_case_status

    with opened(home, use_cases) as session:
        specs = [session.spec(use_case)] if use_case else list(session.specs.values())
        _print_status([use_case_status(session, spec) for spec in specs], as_json)


@app.command()
def dev(
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    port: Annotated[
        int, typer.Option(help="Of the Dagster UI; the five after it are taken too.")
    ] = 3000,
) -> None:
    """Serve the start page, Dagster, MLflow, Evidently and reports, on loopback, until ctrl-C."""
    from orchestration.dev import DAGSTER, DESK, EVIDENTLY, MLFLOW, REPORTS, serve, url

    with opened(home, use_cases) as session:
        tell(
            f"start page {url(port + DESK)}\n"
            f"Dagster    {url(port + DAGSTER)}\n"
            f"MLflow     {url(port + MLFLOW)}\n"
            f"Evidently  {url(port + EVIDENTLY)}\n"
            f"reports    {url(port + REPORTS)}\n"
            "ctrl-C stops all of them."
        )
        raise typer.Exit(serve(session, port))


def main() -> None:
    """Entry point: a user's mistake ends in one message and exit code 1."""
    if not sys.warnoptions:
        # Libraries warn about each other and about Dagster features in preview: nothing a user of
        # the command can act on. Python's own -W brings them back.
        warnings.simplefilter("ignore")
    gc.set_threshold(*COLLECTION)
    try:
        app()
    except NightshiftError as error:
        tell(f"nightshift: {error}")
        sys.exit(1)


def _days(first: date, last: date) -> list[date]:
    if last < first:
        raise typer.BadParameter(f"--to {last} lies before --from {first}")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _newest_day(session: "Session", use_case: str) -> date:
    days = session.lake.days(use_case, "population")
    if not days:
        raise NightshiftError(
            f"{use_case} has no history yet: run `nightshift history {use_case} --from D --to D`"
        )
    return days[-1]


def _require(outcome: "Outcome") -> None:
    if not outcome.succeeded:
        raise NightshiftError("\n".join(outcome.problems) or f"run {outcome.run_id} failed")


def _took(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


def _print_status(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.table import Table

    known = {name for names in METRICS.values() for name in names}
    table = Table(title="Use cases", show_lines=True)
    for heading in (
        "use case",
        "champion",
        "held out",
        "last night",
        "decisions",
        "gates",
        "drift",
    ):
        table.add_column(heading)
    for row in rows:
        last = row["last_night"]
        held = "\n".join(
            f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in row["holdout"].items()
            if name in known
        )
        champion = f"version {row['champion']}\n{row['candidate']}\nsince {row['champion_since']}"
        table.add_row(
            row["use_case"],
            champion if row["champion"] is not None else "none: train one",
            held or "-",
            f"{last['night']}\n{last['outcome']}" if last else "none",
            f"{last['cases']} cases\n{last['approved']} approved\n{last['referred']} referred\n"
            f"{last['declined']} declined"
            if last
            else "-",
            _gates(last) if last else "-",
            (last["drift"] or "-") if last else "-",
        )
    console().print(table)
    for row in rows:
        if row["stale_days"]:
            days = ", ".join(row["stale_days"])
            typer.echo(f"{row['use_case']}: built from other files than are there now: {days}")


def _gates(night: dict[str, Any]) -> str:
    verdicts = list(night["gates"].values())
    counts = [f"{verdicts.count('pass')} passed"]
    if "insufficient" in verdicts:
        counts.append(f"{verdicts.count('insufficient')} insufficient")
    return "\n".join([*counts, *(f"[red]{gate}[/]" for gate in night["gate_failures"])])

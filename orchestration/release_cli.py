"""``nightshift release status``, ``rollback`` and ``redecide``: the ladder, and down from it."""

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.approval_cli import ReasonOption, plain, told
from orchestration.command import (
    HOME,
    HomeOption,
    JsonOption,
    UseCaseArgument,
    UseCasesOption,
    console,
    opened,
    shown,
    tell,
)
from orchestration.identity import IdentityOption, identity_file
from orchestration.models_cli import COLOURS

if TYPE_CHECKING:
    from assets.release.events import Champion
    from assets.release.status import ReleaseStatus

release_app = typer.Typer(help="The release ladder: who decides, who is on the way.")

VERDICTS = {"pass": "green", "fail": "red", "insufficient": "yellow"}

EVENTS_SHOWN = 20
"""Newest events in the table; --json has all."""

VersionOption = Annotated[
    int | None,
    typer.Option("--version", help="The one you mean: refuse if another is found."),
]


@release_app.callback()
def release() -> None:
    """The release ladder: who decides, who is on the way."""


@release_app.command()
def status(
    use_case: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who decides, who is in shadow or canary and how far, what is awaited, what happened."""
    from assets.release.status import release_status

    with opened(home, use_cases) as session:
        specs = [session.spec(use_case)] if use_case else list(session.specs.values())
        found = [release_status(session.lake, session.home, spec) for spec in specs]
        if as_json:
            typer.echo(json.dumps([one.as_json() for one in found], indent=2))
            return
        for one in found:
            _print(one)
            for problem in one.problems:
                tell(shown(problem))


def rollback(
    use_case: UseCaseArgument,
    reason: ReasonOption,
    identity: IdentityOption = None,
    version: VersionOption = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Roll back who decides now, as yourself: the canary if there is one, else the champion.

    Any enrolled person may. It holds from the next night on: the champion before is back, and where
    there was none, cases go to people. What was decided stands until `nightshift redecide`. Nothing
    but the release record is needed: neither MLflow nor a model. With --version the same command
    again changes nothing; without it, it rolls back whoever decides then.
    """
    from assets.release.status import release_status
    from orchestration.approving import roll_back, signer_at_terminal

    with opened(home, use_cases) as session:
        events = roll_back(
            session,
            use_case,
            signer_at_terminal(identity_file(identity)),
            reason=reason,
            now=datetime.now(UTC),
            version=version,
        )
        after = release_status(session.lake, session.home, session.spec(use_case))
        if as_json:
            said = {"written": [plain(event) for event in events], **after.as_json()}
            typer.echo(json.dumps(said, indent=2))
            return
        if not events:
            typer.echo(f"{use_case} version {version} was rolled back before: nothing was changed")
        for event in events:
            typer.echo(told(use_case, event))
        typer.echo(f"from the next night on: {_decides(after.champion)}")
        for line in after.awaited:
            typer.echo(f"awaited: {shown(line)}")


def redecide(
    use_case: UseCaseArgument,
    reason: ReasonOption,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")
    ] = None,
    version: VersionOption = None,
    identity: IdentityOption = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide days anew that a version decided before it was rolled back or rejected.

    Puts on record, signed by you, that these days (all that are affected, unless --from and --to
    say which) are the champion's, and runs their nights again: a decision that differs becomes a
    new revision, the others stay as they are. Ended on the way, the same command goes on.
    """
    from orchestration.approving import redecide_as
    from orchestration.jobs import nightly_job
    from orchestration.night_table import line, print_nights
    from orchestration.nights import night

    with opened(home, use_cases) as session:
        done = redecide_as(
            session,
            use_case,
            identity_file(identity),
            reason,
            first=first.date() if first else None,
            last=last.date() if last else None,
            version=version,
            now=datetime.now(UTC),
        )
        for event in done.events:
            tell(told(use_case, event))
        rows = []
        for number, day in enumerate(done.days, 1):
            started = time.monotonic()
            outcome = session.run(nightly_job(use_case), day=day)
            row = night(session, use_case, day)
            rows.append(row)
            took = f"{time.monotonic() - started:.1f} s"
            tell(f"[{number}/{len(done.days)}] {line(row, outcome)} ({took})")
        print_nights(rows, as_json)
        if any(row.outcome == "stopped" for row in rows):
            raise typer.Exit(1)


def _print(one: "ReleaseStatus") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{one.use_case}: release", show_header=False, padding=(0, 1))
    table.add_column("what", no_wrap=True)
    table.add_column("how it stands", overflow="fold")
    for what, how in _lines(one):
        table.add_row(what, Text(shown(how)))
    console().print(table)
    if one.checks:
        checks = Table(title=f"checks of {one.checked_on}", padding=(0, 1))
        for heading in ("check", "verdict"):
            checks.add_column(heading, no_wrap=True)
        checks.add_column("what was found", overflow="fold")
        for check in one.checks:
            verdict = Text(check.verdict.replace("_", " "), style=VERDICTS.get(check.verdict, ""))
            checks.add_row(check.check.replace("_", " "), verdict, Text(shown(check.message)))
        console().print(checks)
    if one.timeline:
        console().print(_timeline(one.timeline))


def _lines(one: "ReleaseStatus") -> list[tuple[str, str]]:
    lines = [
        ("last night", str(one.night or "none yet")),
        ("decides", _decides(one.champion)),
    ]
    if one.challenger is not None:
        given = f"approved by {len(one.approved_by)} of {one.approvals_needed}"
        who = f" ({', '.join(one.approved_by)})" if one.approved_by else ""
        lines.append(
            (
                "challenger",
                f"version {one.challenger.version} in the {one.stage} from night "
                f"{one.challenger.effective_from} on, {given}{who}",
            )
        )
        for check, unit in (("days", "nights"), ("cases", "cases")):
            there = one.of_asked(check)
            if there is not None:
                lines.append((f"{unit} so far", f"{there[0]} of {there[1]}"))
    else:
        lines.append(("challenger", "none"))
    return lines + [("awaited", text) for text in one.awaited]


def _decides(champion: "Champion | None") -> str:
    if champion is None:
        return "no version: every case goes to people"
    return (
        f"version {champion.version} from night {champion.effective_from} on, approved by "
        f"{', '.join(champion.approved_by)}"
    )


def _timeline(events: list[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    left = len(events) - EVENTS_SHOWN
    title = f"events (the newest {EVENTS_SHOWN} of {len(events)})" if left > 0 else "events"
    table = Table(title=title, padding=(0, 1))
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("from night", no_wrap=True)
    table.add_column("version", justify="right")
    table.add_column("stage", no_wrap=True)
    table.add_column("by", overflow="fold")
    table.add_column("why", overflow="fold")
    for event in events[-EVENTS_SHOWN:]:
        why = event["reason"] if event["counts"] else f"DOES NOT COUNT: {event['reason']}"
        table.add_row(
            str(event["sequence"]),
            event["effective_from"],
            str(event["version"]),
            Text(event["stage"].replace("_", " "), style=COLOURS.get(event["stage"], "")),
            shown(event["actor"].replace("person:", "")),
            Text(shown(why)),
        )
    return table

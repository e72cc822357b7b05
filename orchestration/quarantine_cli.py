"""``nightshift quarantine ...``: refused rows in the hands of people."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assets.errors import NightshiftError
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
    vault_of,
)

if TYPE_CHECKING:
    from assets.ingestion.quarantine import Summary

quarantine_app = typer.Typer(help="Rows that were refused at the door.", no_args_is_help=True)

SourceOption = Annotated[str, typer.Option("--source", help="Name of the source.")]
AnySourceOption = Annotated[str | None, typer.Option("--source", help="Only rows of this source.")]
DayOption = Annotated[
    datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], help="Only rows of this day's files."),
]
RuleOption = Annotated[str | None, typer.Option("--rule", help="Only rows that broke this rule.")]
PersonalOption = Annotated[
    bool, typer.Option("--with-personal", help="Unseal personal values; needs the key.")
]


@quarantine_app.command("list")
def list_rows(
    use_case: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    source: AnySourceOption = None,
    day: DayOption = None,
    rule: RuleOption = None,
    every: Annotated[bool, typer.Option("--all", help="Closed rows too.")] = False,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count refused rows by day, source, column and rule, with the most frequent reasons."""
    from assets.ingestion.quarantine import open_rows, summary

    with opened(home, use_cases) as session:
        specs = [session.spec(use_case)] if use_case else list(session.specs.values())
        found = {}
        for spec in specs:
            if source is not None and not use_case and source not in spec.sources:
                continue
            rows = open_rows(
                session.lake,
                spec,
                source=source,
                day=day.date() if day else None,
                rule=rule,
                include_closed=every,
            )
            found[spec.name] = summary(rows)
        if as_json:
            listed = [{"use_case": name, **asdict(one)} for name, one in found.items()]
            typer.echo(json.dumps(listed, indent=2, default=str))
            return
        for name, one in found.items():
            _print_summary(name, one, every)


def _print_summary(use_case: str, found: "Summary", every: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    which = "rows in quarantine, closed ones too" if every else "open rows in quarantine"
    if not found.rows:
        typer.echo(f"{use_case}: no {which}")
        return
    table = Table(title=f"{use_case}: {found.rows} {which}")
    for heading in ("day", "source", "column", "rule"):
        table.add_column(heading)
    table.add_column("rows", justify="right")
    for one in found.counts:
        cells = (str(one["day"]), one["source"], one["column"] or "(row)", one["rule"])
        table.add_row(*map(Text, map(shown, cells)), str(one["rows"]))
    console().print(table)
    typer.echo("Most frequent reasons")
    for message, count in found.messages.items():
        typer.echo(f"{count:>8}  {shown(message)}")


@quarantine_app.command()
def show(
    row: Annotated[str, typer.Argument(metavar="ID", help="Its quarantine id.")],
    with_personal: PersonalOption = False,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one refused row in full: where it is from, why it was refused, its cells."""
    import pyarrow.compute as pc

    from assets.ingestion.quarantine import open_rows, opened_cells
    from assets.lake import PARTITION

    with opened(home, use_cases) as session:
        vault = vault_of(session.home) if with_personal else None
        found = []
        for spec in session.specs.values():
            rows = open_rows(session.lake, spec, include_closed=True)
            rows = rows.filter(pc.equal(rows.column("quarantine_id"), row))
            cells = opened_cells(rows, vault)
            for one, original in zip(rows.to_pylist(), cells, strict=True):
                about = {"use_case": spec.name, "day": str(one.pop(PARTITION))}
                hidden = ("original", "sealed", "person")
                about |= {name: value for name, value in one.items() if name not in hidden}
                found.append({**about, "cells": original})
        if not found:
            raise NightshiftError(
                f"there is no row '{row}' in quarantine. `nightshift quarantine export` writes "
                "the ids of all that are there."
            )
        if as_json:
            typer.echo(json.dumps(found, indent=2))
            return
        for one in found:
            _print_row(one)


def _print_row(row: dict[str, Any]) -> None:
    cells = row.pop("cells")
    width = max(map(len, (*row, *cells)))
    for name, value in row.items():
        typer.echo(f"{name:<{width}}  {shown('-' if value is None else str(value))}")
    typer.echo()
    for name, value in cells.items():
        typer.echo(f"{shown(name):<{width}}  {shown(value or '')}")


@quarantine_app.command()
def export(
    use_case: UseCaseArgument,
    source: SourceOption,
    to: Annotated[Path, typer.Option("--to", help="CSV file to write; must not exist.")],
    day: DayOption = None,
    rule: RuleOption = None,
    with_personal: PersonalOption = False,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
) -> None:
    """Write open rows to a CSV file, the reason in front of each, to be corrected and replayed."""
    from assets.ingestion.quarantine import export as exported
    from assets.ingestion.quarantine import open_rows

    with opened(home, use_cases) as session:
        spec = session.spec(use_case)
        rows = open_rows(
            session.lake, spec, source=source, day=day.date() if day else None, rule=rule
        )
        if not rows.num_rows:
            tell(f"no open rows of {use_case} {source} in quarantine: nothing was written")
            return
        vault = vault_of(session.home) if with_personal else None
        content = exported(spec.sources[source], rows, vault)
        _write_new(to, content, 0o600 if with_personal else 0o666)
        tell(
            f"{rows.num_rows} rows written to {to}"
            f"{', personal values among them: delete it when done' if with_personal else ''}.\n"
            "Correct them, delete those you do not mean to send, and replay:\n"
            f"  nightshift quarantine replay {use_case} {to} --source {source} --by NAME "
            f"--home {session.home.root}"
        )


@quarantine_app.command()
def replay(
    use_case: UseCaseArgument,
    file: Annotated[Path, typer.Argument(help="The exported file, corrected.")],
    source: SourceOption,
    by: Annotated[str, typer.Option("--by", help="Your name, for the record.")],
    into: Annotated[
        datetime | None,
        typer.Option(
            "--into",
            formats=["%Y-%m-%d"],
            help="Take the rows in with this day's files. Default: each with its own file's day.",
        ),
    ] = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
) -> None:
    """Take corrected rows in: as a new file of their day, whose ingestion is run at once.

    Rows that would be refused again are not sent and stay in quarantine; the exit code is 1 then.
    """
    from assets.ingestion.corrections import correction
    from assets.ingestion.replay import close_rows
    from orchestration.replaying import day_of, taken_in, tried

    with opened(home, use_cases) as session:
        spec = session.spec(use_case)
        vault = vault_of(session.home)
        target = day_of(spec, source, into)
        plan = correction(session.lake, spec, source, file, vault, target)
        refused = tried(session, spec, plan)
        sent = [row for row in plan.rows if row.quarantine_id not in refused]
        closures, taken = taken_in(session, spec, plan, refused)
        close_rows(session.lake, spec, source, closures, at=datetime.now(UTC), by=by)
        days = sorted({row.day for row in sent if row.quarantine_id not in refused})
        for one, reason in refused.items():
            tell(f"still refused: {one}  {shown(reason)}")
        if plan.untouched:
            tell(f"left as they are, without cells: {', '.join(plan.untouched)}")
        rows = f"{taken} row{'' if taken == 1 else 's'}"
        tell(f"{rows} of {source} taken in and closed, {len(refused)} refused again")
        for day in days:
            tell(
                f"What was built from {day} is stale now. Run its night again:\n"
                f"  nightshift run {use_case} --from {day} --to {day} --home {session.home.root}"
            )
        if refused:
            raise typer.Exit(1)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except FileExistsError:
        raise NightshiftError(
            f"{path} is there already, perhaps with corrections in it: give another name."
        ) from None
    except OSError as error:
        raise NightshiftError(f"{path} cannot be written: {error.strerror}.") from error

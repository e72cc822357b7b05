"""Nights as people read them at a terminal: a line each as they end, a table at the end."""

import json
from typing import TYPE_CHECKING

import typer

from orchestration.command import console

if TYPE_CHECKING:
    from orchestration.nights import Night
    from orchestration.session import Outcome


def line(row: "Night", outcome: "Outcome") -> str:
    """One night in one line."""
    again = ", done before" if outcome.skipped else ""
    if row.outcome not in ("decided", "fallback"):
        return f"{row.night} {row.outcome}{again}: {row.problem}"
    why = f" (fallback: {row.problem})" if row.outcome == "fallback" else ""
    return (
        f"{row.night} {row.cases} cases, {row.approved} approved, {row.referred} referred, "
        f"{row.declined} declined, input {moved(row)}"
        f"{f', challenger {row.challenger}' if row.challenger else ''}{again}{why}"
    )


def print_nights(rows: "list[Night]", as_json: bool) -> None:
    """Table of nights with a line for each that needs explaining, or JSON."""
    if as_json:
        typer.echo(json.dumps([row.as_json() for row in rows], indent=2))
        return
    from rich.table import Table

    table = Table(title="Nights", pad_edge=False)
    for heading in ("night", "outcome"):
        table.add_column(heading, no_wrap=True)
    for heading in ("model", "cases", "approved", "referred", "advised\ndecline", "declined"):
        table.add_column(heading, justify="right")
    table.add_column("challenger", min_width=13)
    for heading in ("input", "gate failures"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        told, colour = moved(row), COLOURS.get(row.impact or "", "yellow")
        table.add_row(
            str(row.night),
            row.outcome,
            "-" if row.model_version is None else str(row.model_version),
            "-" if row.cases is None else str(row.cases),
            str(row.approved),
            str(row.referred),
            str(row.advised_decline),
            str(row.declined),
            f"[red]{row.challenger}[/]" if "rolled back" in row.challenger else row.challenger,
            f"[{colour}]{told}[/]" if row.drift == "moved" else told,
            _gates(row),
        )
    console().print(table)
    typer.echo(
        "model: the champion; challenger: its version, stage (cases it decided) and what followed; "
        "referred: a person decides; advised decline: those of them the score would decline; "
        "input moved: beyond what quiet days do; whether it matters: by scores and outcomes"
    )
    for row in rows:
        if row.drift == "moved":
            typer.echo(f"{row.night} moved: {', '.join(row.drifted)}")
        if row.problem:
            typer.echo(f"{row.night} {row.outcome}: {row.problem}")


COLOURS = {"harmless": "cyan", "matters": "red"}


def moved(row: "Night") -> str:
    """Whether the input moved, and whether that matters."""
    if row.drift != "moved":
        return row.drift or "-"
    return {"harmless": "moved, harmless so far", "matters": "moved, and it matters"}.get(
        row.impact or "", "moved"
    )


def _gates(row: "Night") -> str:
    before = "stopped before the gate" if row.outcome == "stopped" else ""
    failed = ", ".join(row.gate_failures) or before
    return f"[red]{failed}[/]" if failed else "none"

"""``python -m examples.loan_approval``: drop the simulated lender's files into a landing zone."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from examples.loan_approval.scenarios import KINDS, Scenario, ScenarioError, parse_scenario
from examples.loan_approval.simulator import drop_files


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is no date: write YYYY-MM-DD") from error


def _scenario(text: str) -> Scenario:
    try:
        return parse_scenario(text)
    except ScenarioError as error:
        raise typer.BadParameter(str(error)) from error


def simulate(
    landing: Annotated[Path, typer.Option(help="Landing zone; made if it is not there.")],
    first: Annotated[date, typer.Option(parser=_day, metavar="DATE", help="First UTC day.")],
    last: Annotated[date, typer.Option(parser=_day, metavar="DATE", help="Last UTC day.")],
    seed: Annotated[int, typer.Option(help="Another seed, another lender.")] = 7,
    cases_per_day: Annotated[int, typer.Option(min=1, help="Mean applications a day.")] = 220,
    scenario: Annotated[
        list[Scenario] | None,
        typer.Option(
            parser=_scenario,
            metavar="KIND:FIRST:LAST",
            help=f"Trouble on these days; may be repeated. Kinds: {', '.join(KINDS)}.",
        ),
    ] = None,
) -> None:
    """Drop the files of the simulated lender, the same bytes for the same arguments."""
    try:
        paths = drop_files(
            landing, first, last, seed=seed, cases_per_day=cases_per_day, scenarios=scenario or ()
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"{len(paths)} files for {first} to {last} are under {landing / 'loan_approval'}")


if __name__ == "__main__":
    typer.run(simulate)

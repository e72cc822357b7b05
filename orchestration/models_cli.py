"""``nightshift models``: where every version of a use case stands."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assets.model_spec import METRICS
from orchestration.command import (
    HOME,
    HomeOption,
    JsonOption,
    UseCasesOption,
    console,
    opened,
    shown,
    tell,
)

if TYPE_CHECKING:
    from assets.release.standing import Standing
    from assets.spec import UseCaseSpec

COLOURS = {
    "champion": "green",
    "shadow": "cyan",
    "canary": "magenta",
    "approved": "yellow",
    "refused": "red",
    "rejected": "red",
    "rolled_back": "red",
}


def models(
    use_case: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """List model versions: stage, figures, gates, who asked, who approved, age, since when."""
    from assets.release.backing import requirement
    from assets.release.standing import standings

    with opened(home, use_cases) as session:
        specs = [session.spec(use_case)] if use_case else list(session.specs.values())
        listed: list[dict[str, Any]] = []
        for spec in specs:
            found, problems = standings(session.lake, session.home, spec)
            listed.append(
                {
                    "use_case": spec.name,
                    "requirement": requirement(spec),
                    "versions": [one.as_json() for one in found],
                    "problems": problems,
                }
            )
            if as_json:
                continue
            _print(spec, found)
            for problem in [*problems, *_of_versions(found)]:
                tell(shown(problem))
        if as_json:
            typer.echo(json.dumps(listed, indent=2))


def _of_versions(found: "list[Standing]") -> list[str]:
    return [
        f"{one.use_case} version {one.version}: {problem}"
        for one in found
        for problem in one.problems
    ]


def _print(spec: "UseCaseSpec", found: "list[Standing]") -> None:
    from rich.table import Table
    from rich.text import Text

    from assets.release.backing import requirement

    if not found:
        typer.echo(f"{spec.name}: no version yet: `nightshift train {spec.name}`")
        return
    count = "1 version" if len(found) == 1 else f"{len(found)} versions"
    table = Table(title=f"{spec.name}: {count}", show_lines=True, padding=0)
    table.add_column("no.", justify="right")
    table.add_column("stage", overflow="fold")
    table.add_column("candidate", overflow="fold")
    table.add_column("held out", no_wrap=True)
    table.add_column("gates", overflow="fold")
    table.add_column("asked by", no_wrap=True)
    table.add_column("approved by", no_wrap=True)
    table.add_column("age", justify="right", no_wrap=True)
    table.add_column("from night", no_wrap=True)
    for one in found:
        cells = (
            str(one.version),
            one.described,
            one.candidate.replace("_", " ") or "-",
            _figures(spec, one),
            _gates(one),
            one.requested_by.replace(":", ":\n") or "-",
            "\n".join(one.approved_by) or "-",
            "-" if one.age_days is None else f"{one.age_days} d",
            str(one.effective_from or "-"),
        )
        texts = [Text("\n".join(map(shown, cell.split("\n")))) for cell in cells]
        texts[1].stylize(COLOURS.get(one.stage, ""))
        table.add_row(*texts)
    console().print(table)
    typer.echo(requirement(spec))


def _figures(spec: "UseCaseSpec", one: "Standing") -> str:
    """The use case's own metric first, then the others of its task; with intervals where there are.

    What else was measured (rows, rates) is in ``--json`` and on the card.
    """
    own = spec.model.metric_name
    lines = []
    for name in sorted(METRICS[spec.model.task], key=lambda name: (name != own, name)):
        if name not in one.metrics:
            continue
        lines.append(f"{name} {one.metrics[name]:.3f}")
        between = one.intervals.get(name)
        if between:
            lines.append(f"  {between['low']:.3f} to {between['high']:.3f}")
    return "\n".join(lines) or "-"


def _gates(one: "Standing") -> str:
    verdicts = list(one.gates.values())
    lines = [f"{verdicts.count('pass')} passed"]
    for verdict, said in (
        ("fail", "failed"),
        ("missing", "no result"),
        ("insufficient", "insufficient"),
    ):
        lines += [f"{said}: {gate}" for gate, found in one.gates.items() if found == verdict]
    return "\n".join(lines)

"""What a night costs, beside the bare computation of the same scores.

``python -m benchmarks.night``: for each size a home of its own is filled with a history, and each
measurement runs in a process of its own, so that what is imported is paid where it is counted.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks.prepared_home import BenchmarkError

if TYPE_CHECKING:
    from rich.table import Table

Figures = dict[str, Any]
PROJECT = Path(__file__).resolve().parents[1]


def nights(
    sizes: Annotated[str, typer.Option(help="Cases of a night, separated by commas.")] = (
        "1000,100000"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Measure one night at each size, cold and warm, against the bare computation."""
    found = [measured(int(size)) for size in sizes.split(",")]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from rich.console import Console

    # A pipe or a log has no width of its own, and 80 columns would cut the words.
    console = Console(width=None if sys.stdout.isatty() else 110)
    for figures in found:
        console.print(table(figures))
        typer.echo(footnote(figures))


def measured(cases: int) -> Figures:
    """All figures of one size. Raises BenchmarkError when a measurement fails."""
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as folder:
        home = Path(folder)
        _tell(f"{cases:,} cases: history and champion")
        took = _child("prepare", home, cases)
        _tell(f"{cases:,} cases: prepared in {took['wall']:.0f} s; two nights")
        before = os.getloadavg()[0]
        road = _child("road", home, cases)
        _tell(f"{cases:,} cases: bare computation")
        bare = _child("bare", home, cases)
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": before,
        "load_after": os.getloadavg()[0],
    }
    return {"size": cases, "machine": machine, "bare_cold": bare} | road | _ratios(road, bare)


def _ratios(road: Figures, bare: Figures) -> Figures:
    return {
        f"{name}_ratio_{unit}": one[unit] / other[unit]
        for unit in ("wall", "cpu")
        for name, one, other in (
            ("warm", road["warm"], road["bare"]),
            ("cold", road["cold"], bare),
            ("cold_to_warm_bare", road["cold"], road["bare"]),
        )
    }


def _child(what: str, home: Path, cases: int) -> Figures:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", what, str(home), str(cases), str(time.time())],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"'{what}' at {cases} cases failed:\n{done.stderr[-3000:]}")
    figures: Figures = json.loads((home / f"{what}.json").read_text())
    return figures


def table(figures: Figures) -> "Table":
    """Stages and totals of the cold and the warm night beside the bare computation."""
    from rich.table import Table

    cold, warm = figures["cold"], figures["warm"]
    bare_cold, bare = figures["bare_cold"], figures["bare"]
    shown = Table(title=f"A night of {warm['cases']:,} cases, wall seconds", title_justify="left")
    shown.add_column("")
    for heading in ("night, cold", "night, warm", "bare, cold", "bare, warm"):
        shown.add_column(heading, justify="right")
    shown.add_row("start: interpreter, imports, definitions", f"{cold['start']:.2f}", "-", "", "")
    for stage in cold["stages"]:
        shown.add_row(stage, f"{cold['stages'][stage]:.2f}", f"{warm['stages'][stage]:.2f}", "", "")
    rest = [_rest(cold), _rest(warm)]
    shown.add_row("Dagster overhead (the rest)", *(f"{r:.2f}" for r in rest), "", "")
    shown.add_section()
    columns = (cold, warm, bare_cold, bare)
    shown.add_row("whole, wall s", *(f"{one['wall']:.2f}" for one in columns))
    shown.add_row("whole, CPU s", *(f"{one['cpu']:.2f}" for one in columns))
    shown.add_row(
        "peak memory, MB",
        *(f"{one['peak_mb']:,.0f}" for one in (cold, warm, bare_cold)),
        "",
    )
    shown.add_section()
    for unit, name in (("wall", "wall"), ("cpu", "CPU")):
        shown.add_row(
            f"night / bare, {name}: each like its like",
            f"{figures[f'cold_ratio_{unit}']:.1f}",
            f"{figures[f'warm_ratio_{unit}']:.1f}",
            "1",
            "1",
        )
    shown.add_row(
        "cold night / warm bare, wall", f"{figures['cold_to_warm_bare_ratio_wall']:.1f}", "", "", ""
    )
    return shown


def _rest(night: Figures) -> float:
    return float(night["wall"] - night.get("start", 0.0) - sum(night["stages"].values()))


def footnote(figures: Figures) -> str:
    """What the comparison rests on, and how busy the machine was."""
    machine, cold, warm = figures["machine"], figures["cold"], figures["warm"]
    return (
        f"{cold['cases']:,} cases cold, {warm['cases']:,} warm; drift {warm['drift']}. Scores of "
        f"night and bare are at most {figures['scores_apart']:.0e} apart, drift distances "
        f"{figures['distances_apart']:.3f}; {figures['cases_without_view']:.1%} of the cases have "
        f"no view facts.\n{machine['cores']} cores, CPython {machine['python']}, load average "
        f"{machine['load_before']:.2f} before and {machine['load_after']:.2f} after.\n"
    )


def _tell(text: str) -> None:
    """Progress goes to the error stream, so that --json leaves the output clean."""
    typer.echo(text, err=True)


def main() -> None:
    """A measurement that fails ends in its message and exit code 1."""
    try:
        typer.run(nights)
    except BenchmarkError as error:
        _tell(f"benchmark: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()

"""What a demonstration is: an example that lands files, and the days to run on them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import entry_points
from pathlib import Path

from assets.errors import NightshiftError

GROUP = "nightshift.demos"


class NoSuchDemo(NightshiftError):
    """No example of that name is installed."""


@dataclass(frozen=True)
class DemoPlan:
    """``land`` drops the files of history and nights under a landing root, and may be repeated."""

    use_case: str
    history: tuple[date, date]
    nights: tuple[date, date]
    land: Callable[[Path], list[Path]]


def demo_plan(name: str | None = None) -> DemoPlan:
    """The plan an example declares under the entry point group ``nightshift.demos``."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if not found:
        raise NoSuchDemo("no demo is installed: install the project with its examples")
    chosen = name or sorted(found)[0]
    if chosen not in found:
        raise NoSuchDemo(f"there is no demo '{chosen}'. Installed: {', '.join(sorted(found))}")
    plan: DemoPlan = found[chosen].load()()
    return plan

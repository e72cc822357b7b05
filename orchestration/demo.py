"""What a demonstration is: an example that lands files, and the days to run on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from assets.errors import NightshiftError

GROUP = "nightshift.demos"


class NoSuchDemo(NightshiftError):
    """No example of that name is installed."""


@dataclass(frozen=True)
class DemoPlan:
    """``land`` drops the files of history and nights under a landing root, and may be repeated.

    The first model is trained as of the first night. As of ``retrained`` (a night) come two
    challengers: one with the mistake of ``mistaken`` in its model block, one without.
    ``people``: who requests and who approves; they are made up and live in the demo's home.
    """

    use_case: str
    history: tuple[date, date]
    nights: tuple[date, date]
    land: Callable[[Path], list[Path]]
    retrained: date
    mistaken: Mapping[str, Any]
    mistake: str
    people: tuple[str, str]


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

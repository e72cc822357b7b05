"""What a demonstration is: an example that lands files, and the days to run on them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from assets.errors import NightshiftError

GROUP = "nightshift.demos"


class NoSuchDemo(NightshiftError):
    """No example of that name is installed."""


@dataclass(frozen=True)
class Training:
    """A version the demo trains before one of its nights.

    ``changes`` replace fields of the spec's model block; ``about`` says what is the matter with it.
    ``refused``: a gate must stop it. Any other is approved by the plan's second person.
    """

    night: date  # as of the begin of its day
    about: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    refused: bool = False


@dataclass(frozen=True)
class DemoPlan:
    """``land`` drops the files of history and nights under a landing root, and may be repeated.

    The first of ``trainings`` makes the first champion, so its night is the first; of one night
    they are in order. ``people``: who requests and who approves; they are made up and live in the
    demo's home.
    """

    use_case: str
    history: tuple[date, date]
    nights: tuple[date, date]
    land: Callable[[Path], list[Path]]
    trainings: Sequence[Training]
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

"""What can go wrong (or change) in the simulated world, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

ScenarioKind = Literal[
    "income_drift",
    "channel_shift",
    "bureau_outage",
    "unit_error",
    "duplicated_file",
    "missing_day",
]
"""
- ``income_drift``: applicants are poorer (income x 0.6) and more of them stand deep in debt.
  The world itself changes, so the outcomes 14 days later do too.
- ``channel_shift``: most apply at a branch, not on the web. Who they are, and what becomes of
  their loans, is as before: a change that does no harm.
- ``bureau_outage``: the bureau's file is there, its figures are null.
- ``unit_error``: amounts in the file are 100 times too large (cents instead of whole units).
- ``duplicated_file``: the day's applications come a second time, under another name.
- ``missing_day``: the applications file of the day never comes.
"""

KINDS: tuple[ScenarioKind, ...] = get_args(ScenarioKind)


class ScenarioError(ValueError):
    """A scenario that cannot be read. The message says what is wrong and what would be right."""


@dataclass(frozen=True)
class Scenario:
    """One kind of trouble on the UTC days ``first`` to ``last``, both included."""

    kind: ScenarioKind
    first: date
    last: date

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ScenarioError(f"unknown scenario '{self.kind}': choose from {', '.join(KINDS)}")
        if self.last < self.first:
            raise ScenarioError(
                f"scenario {self.kind} ends on {self.last}, before it starts on {self.first}: "
                "swap the two dates"
            )

    def covers(self, day: date) -> bool:
        return self.first <= day <= self.last


def active(scenarios: Sequence[Scenario], kind: ScenarioKind, day: date) -> bool:
    """Is a scenario of this kind switched on for ``day``?"""
    return any(s.kind == kind and s.covers(day) for s in scenarios)


def parse_scenario(text: str) -> Scenario:
    """``KIND:FIRST:LAST`` or ``KIND:DAY`` with ISO dates as a Scenario.

    Raises ScenarioError, naming the part that cannot be read.
    """
    kind, *days = text.split(":")
    known = next((k for k in KINDS if k == kind), None)
    if known is None:
        raise ScenarioError(f"unknown scenario '{kind}': choose from {', '.join(KINDS)}")
    if len(days) not in (1, 2):
        raise ScenarioError(
            f"'{text}' is not KIND:FIRST:LAST or KIND:DAY; write for example {kind}:2026-08-21"
        )
    dates = []
    for day in days:
        try:
            dates.append(date.fromisoformat(day))
        except ValueError as error:
            raise ScenarioError(f"'{day}' in '{text}' is no date: write YYYY-MM-DD") from error
    return Scenario(known, dates[0], dates[-1])


@dataclass(frozen=True)
class DemoDays:
    """The days of the demo: history ``first..history_last``, then one run a night."""

    first: date
    history_last: date
    nights: tuple[date, ...]
    scenarios: tuple[Scenario, ...]

    @property
    def last(self) -> date:
        return self.nights[-1]


DEMO_SCENARIOS: tuple[Scenario, ...] = (
    Scenario("channel_shift", date(2026, 8, 18), date(2026, 8, 18)),
    Scenario("income_drift", date(2026, 8, 21), date(2026, 8, 24)),
    Scenario("unit_error", date(2026, 8, 27), date(2026, 8, 27)),
)


def demo_days() -> DemoDays:
    """Ninety days: 76 of history (2026-06-01 to 2026-08-15), then 14 nights to 2026-08-29."""
    nights = tuple(date(2026, 8, 16) + timedelta(days=n) for n in range(14))
    return DemoDays(date(2026, 6, 1), date(2026, 8, 15), nights, DEMO_SCENARIOS)

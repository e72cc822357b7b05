"""The demonstration: 76 days of history, then 14 nights with a drift episode and one bad file."""

from datetime import date
from pathlib import Path

from examples.loan_approval.scenarios import demo_days
from examples.loan_approval.simulator import drop_files
from orchestration.demo import DemoPlan


def plan() -> DemoPlan:
    """Entry point ``nightshift.demos``."""
    days = demo_days()

    def land(landing: Path) -> list[Path]:
        return drop_files(landing, days.first, days.last, scenarios=days.scenarios)

    return DemoPlan(
        use_case="loan_approval",
        history=(days.first, days.history_last),
        nights=(days.nights[0], days.last),
        land=land,
        retrained=date(2026, 8, 26),
        # Linear alone, for it cannot be held to a direction: the data has it the other way.
        mistaken={
            "candidates": ["logistic_regression"],
            "monotone": {"delinquencies_24m": "decreasing", "utilisation": "decreasing"},
        },
        mistake="declares its directions the wrong way round",
        people=("sam.modeller", "robin.riskowner"),
    )

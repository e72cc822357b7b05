"""The demonstration: 76 days of history, 14 nights: a harmless drift, a harmful one, a bad file.

One challenger is refused by a gate, one gets past all of them and is rolled back from its canary on
the night incomes collapse, one climbs the ladder and wins.
"""

from datetime import date
from pathlib import Path

from examples.loan_approval.scenarios import demo_days
from examples.loan_approval.simulator import drop_files
from orchestration.demo import DemoPlan, Training


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
        trainings=[
            Training(days.nights[0], "the first version"),
            # Income the wrong way round, and the gate that would have noticed opened wide: it does
            # well enough on quiet days, and approves three times as many when incomes collapse.
            Training(
                date(2026, 8, 17),
                "a challenger that takes income the wrong way round, let past a gate opened wide",
                {
                    "candidates": ["hist_gradient_boosting"],
                    "monotone": {
                        "delinquencies_24m": "increasing",
                        "utilisation": "increasing",
                        "monthly_income": "increasing",
                        "amount_to_income": "decreasing",
                    },
                    "gates": {"champion": {"margin": 0.15}},
                },
            ),
            # Linear alone, for it cannot be held to a direction: the data has it the other way.
            Training(
                date(2026, 8, 22),
                "a challenger whose directions are declared the wrong way round",
                {
                    "candidates": ["logistic_regression"],
                    "monotone": {"delinquencies_24m": "decreasing", "utilisation": "decreasing"},
                },
                refused=True,
            ),
            Training(date(2026, 8, 22), "a sound challenger"),
        ],
        people=("sam.modeller", "robin.riskowner"),
    )

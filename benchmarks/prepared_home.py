"""A home to measure in: the simulated lender's history, a champion, and two nights of one size."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from assets.errors import NightshiftError

if TYPE_CHECKING:
    from orchestration.session import Outcome

USE_CASE = "loan_approval"
FIRST, EVE = date(2026, 6, 1), date(2026, 7, 15)
COLD, WARM = date(2026, 7, 16), date(2026, 7, 17)
HISTORY_CASES = 360
"""A day, over the history. Half a month of matured labels, just above the 5,000 rows that drift is
compared with."""


class BenchmarkError(NightshiftError):
    """A measurement that would not mean what it says."""


def drop_landing_files(landing: Path, cases: int) -> None:
    """Files of the history, and of two nights with about ``cases`` cases each.

    One pool of customers for both, as large as a lender with that many cases a night would have:
    every one of them has a bureau history before the first measured night.
    """
    from examples.loan_approval.applications import WEEKDAY_LOAD
    from examples.loan_approval.simulator import default_customers, drop_files

    pool = default_customers(cases)
    drop_files(landing, FIRST, EVE, cases_per_day=HISTORY_CASES, customers=pool)
    for night in (COLD, WARM):
        mean = round(cases / WEEKDAY_LOAD[night.weekday()])
        drop_files(landing, night, night, cases_per_day=mean, customers=pool)


def prepare(root: Path, cases: int) -> None:
    """Drop the files, build the history, train and release a champion for the night ``COLD``."""
    from orchestration.jobs import history_job, training_job
    from orchestration.session import open_home

    session = open_home(root)
    drop_landing_files(session.home.landing, cases)
    require(session.run(history_job(USE_CASE), days=(FIRST, EVE)))
    require(session.run(training_job(USE_CASE), day=COLD - timedelta(days=1)))


def require(outcome: "Outcome") -> None:
    """Raise BenchmarkError unless the run succeeded."""
    if not outcome.succeeded:
        raise BenchmarkError("; ".join(outcome.problems) or f"run {outcome.run_id} failed")

"""The simulated lender drops its files, day by day, the same bytes every time.

A day's content follows from the seed, the day, the volume and the scenarios; not from which other
days are made in the same call. Same arguments, same files; a second call touches none.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from examples.loan_approval.applications import (
    OUTCOME_AFTER,
    applications_table,
    corrupted,
    draw_applications,
    outcomes_table,
)
from examples.loan_approval.bureau import bureau_table
from examples.loan_approval.customers import EPOCH, Customers, draw_customers
from examples.loan_approval.landing_file import csv_bytes, drop, parquet_bytes
from examples.loan_approval.scenarios import Scenario, active

USE_CASE = "loan_approval"


def default_customers(cases_per_day: int) -> int:
    """Pool size: each customer applies about once in 36 days; at high volume more often."""
    return max(5 * cases_per_day, min(36 * cases_per_day, 1_000_000))


def drop_files(
    landing: Path,
    first: date,
    last: date,
    *,
    seed: int = 7,
    cases_per_day: int = 220,
    customers: int | None = None,
    scenarios: Sequence[Scenario] = (),
) -> list[Path]:
    """Write the files of the UTC days first..last below ``landing/loan_approval/<source>/``.

    ``cases_per_day`` is the mean; weekdays see more, Sundays fewer. ``customers`` is the size of
    the pool (:func:`default_customers`). Returns the day's files in order, also those that were
    already there. Raises ValueError for days before 2026-06-01, where this world begins, or for
    a range that ends before it starts.
    """
    if first < EPOCH:
        raise ValueError(f"the simulated world begins on {EPOCH}: choose a first day from then on")
    if last < first:
        raise ValueError(f"the last day {last} is before the first day {first}: swap them")
    if cases_per_day < 1:
        raise ValueError(f"cases_per_day is {cases_per_day}: it must be at least 1")
    pool = draw_customers(seed, customers or default_customers(cases_per_day))
    paths: list[Path] = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        paths.extend(_drop_day(landing / USE_CASE, pool, day, seed, cases_per_day, scenarios))
    return paths


def _drop_day(
    folder: Path,
    pool: Customers,
    day: date,
    seed: int,
    cases_per_day: int,
    scenarios: Sequence[Scenario],
) -> list[Path]:
    truth = draw_applications(
        pool, day, seed=seed, cases_per_day=cases_per_day, scenarios=scenarios
    )
    paths = []
    if not active(scenarios, "missing_day", day):
        content = csv_bytes(applications_table(pool, corrupted(truth, scenarios)))
        paths.append(drop(folder / "applications" / f"applications_{day}.csv", content))
        if active(scenarios, "duplicated_file", day):
            resent = folder / "applications" / f"applications_{day}_resent.csv"
            paths.append(drop(resent, content))
    reports = bureau_table(pool, truth, seed=seed, scenarios=scenarios)
    paths.append(drop(folder / "bureau" / f"bureau_{day}.parquet", parquet_bytes(reports)))
    applied_on = day - OUTCOME_AFTER
    if applied_on >= EPOCH:
        earlier = draw_applications(
            pool, applied_on, seed=seed, cases_per_day=cases_per_day, scenarios=scenarios
        )
        known = csv_bytes(outcomes_table(pool, earlier, seed=seed))
        paths.append(drop(folder / "outcomes" / f"outcomes_{day}.csv", known))
    return paths

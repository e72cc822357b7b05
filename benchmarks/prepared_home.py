"""A home to measure in: the simulated lender's history, a champion, and two nights of one size."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from assets.errors import NightshiftError

if TYPE_CHECKING:
    from orchestration.session import Outcome

USE_CASE = "measured_loans"
SHIPPED = "loan_approval"
"""The use case measured is the one that ships, but for its name and for the gate that would stop a
night of three (or three hundred) times the usual number of cases."""

FIRST, EVE = date(2026, 6, 1), date(2026, 7, 15)
COLD, WARM = date(2026, 7, 16), date(2026, 7, 17)
HISTORY_CASES = 360
"""A day, over the history. Half a month of matured labels, just above the 5,000 rows that drift is
compared with."""


class BenchmarkError(NightshiftError):
    """A measurement that would not mean what it says."""


def use_case_folder(root: Path) -> Path:
    """Where the home keeps the use case it measures."""
    return root / "use_case"


def write_use_case(root: Path) -> None:
    """The spec of the use case, of the one that ships."""
    import yaml

    shipped = Path(__file__).resolve().parents[1] / "orchestration" / "defs" / SHIPPED
    spec = yaml.safe_load((shipped / "defs.yaml").read_text(encoding="utf-8"))
    spec["attributes"]["name"] = USE_CASE
    for source in spec["attributes"]["sources"].values():
        source["gates"] = {**source.get("gates", {}), "volume": [0, 1_000_000]}
    use_case_folder(root).mkdir(parents=True)
    (use_case_folder(root) / "defs.yaml").write_text(
        yaml.safe_dump(spec, sort_keys=False), encoding="utf-8"
    )


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
    (landing / SHIPPED).rename(landing / USE_CASE)


def prepare(root: Path, cases: int) -> None:
    """Drop the files, build the history, train and approve a champion for the night ``COLD``."""
    from orchestration.approving import approve_as, enrol_once, version_of_partition
    from orchestration.jobs import history_job, training_job
    from orchestration.session import open_home

    write_use_case(root)
    session = open_home(root, [use_case_folder(root)])
    drop_landing_files(session.home.landing, cases)
    require(session.run(history_job(USE_CASE), days=(FIRST, EVE)))
    trained = COLD - timedelta(days=1)
    require(session.run(training_job(USE_CASE), day=trained))
    identity = root / "identity.key"
    enrol_once(session, "made.up", identity)
    version = version_of_partition(session, USE_CASE, trained)
    approve_as(session, USE_CASE, version, identity, "to measure a night", COLD)


def require(outcome: "Outcome") -> None:
    """Raise BenchmarkError unless the run succeeded."""
    if not outcome.succeeded:
        raise BenchmarkError("; ".join(outcome.problems) or f"run {outcome.run_id} failed")

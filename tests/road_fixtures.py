"""A small road, run once a session: history, training, approval, six nights (drift, a bad file)."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.tables import COMPUTE, ECONOMICS
from orchestration.session import Outcome, Session
from tests.approvals import approved

USE_CASE = "loan_approval"
FIRST, EVE = date(2026, 6, 1), date(2026, 7, 17)
NIGHTS = [date(2026, 7, 18) + timedelta(days=n) for n in range(6)]
QUIET, DRIFTED, BAD = date(2026, 7, 19), date(2026, 7, 21), date(2026, 7, 23)
LANDED_UNTIL = date(2026, 8, 5)


@dataclass(frozen=True)
class Road:
    """An opened home and how its nights ended."""

    session: Session
    outcomes: dict[date, Outcome]
    after_the_nights: Path
    """A copy of the home from before any test ran days of its own: read it, or copy it."""

    @property
    def home(self) -> Path:
        return self.session.home.root

    def versions(self) -> dict[str, int]:
        """Version of every lake table of the use case but those of what runs cost: a night that is
        run again costs again."""
        lake = self.session.lake
        tables = sorted(path.name for path in (lake.root / USE_CASE).iterdir())
        tables = [table for table in tables if table not in (COMPUTE, ECONOMICS)]
        return {table: lake.version(USE_CASE, table) for table in tables}


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Shared by tests that look, and by tests that run days of their own after the last night."""
    from examples.loan_approval.scenarios import parse_scenario
    from examples.loan_approval.simulator import drop_files
    from orchestration.jobs import history_job, nightly_job, training_job
    from orchestration.session import open_home

    before = dict(os.environ)
    folder = tmp_path_factory.mktemp("road")
    session = open_home(folder / "home")
    drop_files(
        session.home.landing,
        FIRST,
        LANDED_UNTIL,
        cases_per_day=130,
        scenarios=[
            parse_scenario("income_drift:2026-07-20:2026-07-21"),
            parse_scenario("unit_error:2026-07-23"),
            parse_scenario("duplicated_file:2026-07-24"),
            parse_scenario("missing_day:2026-07-25"),
        ],
    )
    done = session.run(history_job(USE_CASE), days=(FIRST, EVE))
    assert done.succeeded, done.problems
    done = session.run(training_job(USE_CASE), day=EVE)
    assert done.succeeded, done.problems
    approved(session, USE_CASE, EVE, NIGHTS[0])
    outcomes = {day: session.run(nightly_job(USE_CASE), day=day) for day in NIGHTS}
    yield Road(session, outcomes, shutil.copytree(session.home.root, folder / "after_the_nights"))
    os.environ.clear()
    os.environ.update(before)

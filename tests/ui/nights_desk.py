"""A desk over ninety nights on record: one use case with a story, one without a night."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from assets.desk.users import Users
from assets.home import Home
from orchestration.session import Session
from tests.nights_on_record import LAST, kept, loans
from tests.released import make_spec
from tests.ui.desk_home import PASSWORD, Clock, Desk, app_on

NOW = datetime(2026, 8, 29, 9, 30, tzinfo=UTC)
LOANS = loans().name
NIGHT = f"/use-cases/{LOANS}/nights/{LAST}"


def make_nights_desk(folder: Path) -> Desk:
    """A home under ``folder`` with the nights, an analyst and an owner; and its desk."""
    home, clock = Home(folder / "home"), Clock(NOW)
    shutil.copytree(kept().root, home.root)
    for name, roles in {"ana.analyst": ["analyst"], "rae.reviewer": ["reviewer"]}.items():
        Users(home).add(name, PASSWORD, roles, now=NOW, by="user:admin")
    session = Session(home)
    boats = make_spec()
    session.__dict__["specs"] = {LOANS: loans(), boats.name: boats}
    return Desk(home, session, app_on(session, clock), clock)

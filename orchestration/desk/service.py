"""What the pages work with: a home's records, its users, its queue, a clock and a key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import Request

from assets.night_report.elsewhere import Addresses
from orchestration.desk.limits import LOOPBACK
from orchestration.desk.problems import Problem
from orchestration.desk.records import Records

if TYPE_CHECKING:
    from assets.desk.users import Users
    from assets.home import Home
    from assets.lake import Lake
    from assets.reviews.queue import Queue
    from assets.spec import UseCaseSpec
    from orchestration.session import Session


@dataclass(frozen=True)
class Service:
    """One desk. ``clock``: now, UTC; the only place the desk has its time from."""

    session: "Session"
    users: "Users"
    queue: "Queue"
    key: bytes
    clock: Callable[[], datetime]
    hosts: tuple[str, ...] = LOOPBACK
    addresses: Addresses = field(default_factory=Addresses)
    """Of the tools beside it."""
    records: Records = field(default_factory=Records)

    @property
    def lake(self) -> "Lake":
        return self.session.lake

    @property
    def home(self) -> "Home":
        return self.session.home

    @property
    def specs(self) -> "Mapping[str, UseCaseSpec]":
        return self.session.specs

    def spec(self, use_case: str) -> "UseCaseSpec":
        """Ends the request with 404 for a use case that is not loaded."""
        if use_case not in self.specs:
            raise Problem(
                404,
                "There is no such use case",
                f"This desk serves: {', '.join(sorted(self.specs))}.",
            )
        return self.specs[use_case]


def service(request: Request) -> Service:
    """The desk a request came to."""
    found: Service = request.app.state.service
    return found

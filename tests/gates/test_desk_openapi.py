"""Schemathesis asks the desk what its description allows, and some that it does not: bounded."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import positive_data_acceptance

from assets.release.events import read_events
from orchestration.desk.app import AREAS
from tests.released import NAME as BOATS
from tests.ui.desk_client import OWN, signed_in
from tests.ui.desk_home import Desk, make_desk
from tests.ui.desk_server import served

EXAMPLES = 12
"""Per operation; there are some twenty."""

BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Asked:
    """A desk that listens, its description, and who asks: somebody with every role."""

    def __init__(self, desk: Desk, url: str) -> None:
        self.desk, self.url = desk, url
        client = signed_in(desk, "may.both")
        self.token = client.token("/look-up")
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        self.headers = OWN | {"cookie": cookies}
        self.schema: Any = schemathesis.openapi.from_dict(desk.app.openapi())

    def ask(self, case: Any, deep: bool) -> Any:
        """Send a case; ``deep``: with the names and the token that are right."""
        if deep:
            known = {"decision_id": self.desk.decisions[0], "use_case": BOATS, "version": 2}
            known |= {"incident_id": self.desk.decisions[0], "day": "2026-03-12"}
            for name in case.path_parameters or {}:
                case.path_parameters[name] = known[name]
            if isinstance(case.body, dict) and "token" in case.body:
                case.body["token"] = self.token
        return case.call(base_url=self.url, headers=self.headers, allow_redirects=False)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder: Path = tmp_path_factory.mktemp("openapi")
    desk = make_desk(folder)
    with served(desk) as url:
        yield Asked(desk, url)


@pytest.mark.parametrize(
    ("method", "path"),
    sorted((m, r.path) for area in AREAS for r in area.router.routes for m in r.methods),
)
def test_every_answer_is_one_that_is_described(
    asked: Asked, method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    operation = asked.schema[path][method]
    before = len(read_events(asked.desk.lake, BOATS))

    @BOUNDED
    @given(case=operation.as_strategy(), deep=st.booleans())
    def answers(case: Any, deep: bool) -> None:
        answer = asked.ask(case, deep)
        # Which words make a rationale, and which id a decision, no schema says: 422 is described.
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    with caplog.at_level(logging.CRITICAL):
        answers()
    # Nobody's passphrase can be guessed, so no version moves.
    assert len(read_events(asked.desk.lake, BOATS)) == before

"""Nights whose cases wait for people: decisions as the policy writes them, users, reviews."""

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from assets.decisions.policy import decision_ids
from assets.desk.users import Users
from assets.home import Home
from assets.lake import Lake
from assets.reviews.record import Review, review
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, DECISIONS_SCHEMA
from tests.widgets import widgets_spec

NIGHT = date(2026, 3, 12)
NOW = datetime(2026, 3, 13, 9, tzinfo=UTC)
WHY = "looked at the photographs"
PASSWORD = "quiet river stones"  # noqa: S105 (of nobody)


def review_spec(**review: Any) -> UseCaseSpec:
    """The widgets; ``review``: fields of its review block. No blind sample unless given."""
    said = widgets_spec().model_dump()
    said["review"] = {"blind_sample": 0.0, **review}
    return UseCaseSpec.model_validate(said)


def decided(spec: UseCaseSpec, day: date, cases: Sequence[dict[str, Any]]) -> pa.Table:
    """Decisions: each case referred with the advice to decline, unless it says otherwise."""
    keys = [str(case.get("case_key", f"c{n}")) for n, case in enumerate(cases)]
    ids = decision_ids(spec.name, keys, day)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    rows = [
        {
            **dict.fromkeys(DECISIONS_SCHEMA.names),
            "decision_id": ids[n],
            "revision": 1,
            "case_key": keys[n],
            "entity_key": "maker",
            "event_timestamp": noon + timedelta(seconds=n),
            "score": 0.6,
            "decision": "refer",
            "advice": "decline",
            "rule": "decline_above",
            "reasons": [{"feature": "weight", "weight": 0.7, "text": "It is heavy"}],
            "overflow": False,
            "model_version": 1,
            "spec_version": spec.version,
            "run_id": "r",
            **case,
        }
        for n, case in enumerate(cases)
    ]
    return pa.Table.from_pylist(rows, schema=DECISIONS_SCHEMA)


def put(lake: Lake, spec: UseCaseSpec, decisions: pa.Table, day: date = NIGHT) -> list[str]:
    """Make these the decisions of a day; their ids."""
    lake.ensure(spec.name, DECISIONS, DECISIONS_SCHEMA)
    lake.replace_day(spec.name, DECISIONS, day, decisions)
    ids: list[str] = decisions.column("decision_id").to_pylist()
    return ids


def waiting(lake: Lake, spec: UseCaseSpec, cases: int = 1, day: date = NIGHT) -> list[str]:
    """A night of referred cases; their ids."""
    return put(lake, spec, decided(spec, day, [{} for _ in range(cases)]), day)


def automatic(lake: Lake, spec: UseCaseSpec, cases: int, day: date = NIGHT) -> list[str]:
    """A night of cases a machine approved; their ids."""
    said = {"decision": "approve", "advice": "approve", "score": 0.01, "reasons": []}
    return put(lake, spec, decided(spec, day, [said] * cases), day)


def people(home: Home, *names: str) -> None:
    """Reviewers: ann, bob and cy, unless others are named."""
    home.desk.mkdir(parents=True, mode=0o700, exist_ok=True)
    descriptor = os.open(home.desk / "users.db", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_users(names or ("ann", "bob", "cy")))


@cache
def _users(names: tuple[str, ...]) -> bytes:
    """A database of users, made once: a password takes its time to hash."""
    with TemporaryDirectory() as folder:
        home = Home(Path(folder))
        for name in names:
            Users(home).add(name, PASSWORD, ["reviewer"], now=NOW, by="user:admin")
        return (home.desk / "users.db").read_bytes()


def say(
    lake: Lake,
    home: Home,
    spec: UseCaseSpec,
    decision_id: str,
    reviewer: str = "ann",
    outcome: Any = "approve",
    seen: int = 0,
    **more: Any,
) -> Review:
    """Review a decision, with a rationale, a time and revision 1 unless given."""
    given = {"rationale": WHY, "revision": 1, "now": NOW + timedelta(minutes=seen), **more}
    return review(
        lake, home, spec, decision_id, reviewer=reviewer, outcome=outcome, seen=seen, **given
    )

"""A small home for the desk: one use case with referred cases, one with versions to approve."""

import atexit
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.home import Home
from assets.lake import Lake
from assets.release.events import append_events
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, DECISIONS_SCHEMA, SCORING_SET, TRAINING_SET
from tests import released
from tests.widgets import orders, widgets_spec

if TYPE_CHECKING:
    from fastapi import FastAPI

    from orchestration.session import Session

NIGHT = date(2026, 3, 12)
NOW = datetime(2026, 3, 13, 9, 30, tzinfo=UTC)
TRAINED = datetime(2026, 3, 1, tzinfo=UTC)
PASSWORD = "correct horse battery staple"  # noqa: S105
PASSPHRASE = "seven seals on one small key"  # noqa: S105
KEY = b"k" * 64
"""Signs the cookies of these desks."""

PEOPLE = {
    "rae.reviewer": ["reviewer"],
    "ben.reviewer": ["reviewer"],
    "ola.owner": ["owner"],
    "aud.auditor": ["auditor"],
    "may.both": ["reviewer", "owner"],
    "ana.analyst": ["analyst"],
}
TEXTS = {
    "weight": "It is heavier than most of what arrives whole",
    "parts": "Many parts have to be fitted",
    "colour": "Its coating scratches easily",
}


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def go(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Desk:
    """A home with a desk on it."""

    home: Home
    session: "Session"
    app: "FastAPI"
    clock: Clock
    decisions: list[str] = field(default_factory=list)  # ids of referred cases, most at risk first
    blind: list[str] = field(default_factory=list)
    automatic: list[str] = field(default_factory=list)  # decided by the machine, not sampled

    @property
    def lake(self) -> Lake:
        return Lake(self.home.lake)

    @property
    def spec(self) -> UseCaseSpec:
        return self.session.spec("widgets")


def desk_spec(**review: Any) -> UseCaseSpec:
    """Orders of widgets with units and words for people; ``review``: fields of that block."""
    said = widgets_spec().model_dump(exclude_unset=True)
    columns = said["sources"]["orders"]["columns"]
    columns["weight"] |= {"unit": "kg", "description": "Weight of the parcel"}
    columns["parts"] |= {"description": "Parts that have to be fitted"}
    columns["rushed"] |= {"description": "Next-day delivery"}
    columns["colour"] |= {"description": "Colour of the coating"}
    said["description"] = "Will a widget arrive broken?"
    said["policy"] = {
        "reasons": TEXTS,
        "bands": {"low": 0.1, "medium": 0.4, "high": 0.8},
        "capacity": {"referrals": 60, "value": "weight"},
    }
    said["review"] = {"blind_sample": 0.2, "due": "1d"} | review
    return UseCaseSpec.model_validate(said)


def make_desk(folder: Path, *, cases: int = 60, **review: Any) -> Desk:
    """A home under ``folder`` with decisions of two nights, versions, users; and its desk."""
    from orchestration.session import Session

    shutil.copytree(_made(cases, tuple(sorted(review.items()))), folder / "home")
    home = Home(folder / "home")
    session, clock = Session(home), Clock()
    session.__dict__["specs"] = {"widgets": desk_spec(**review), released.NAME: boats_spec()}
    made = Desk(home, session, app_on(session, clock), clock)
    _find(made)
    return made


def app_on(session: "Session", clock: Clock) -> "FastAPI":
    """Another desk of the same home, as a second process would be."""
    from assets.desk.users import Users
    from assets.reviews.queue import Queue
    from orchestration.desk.app import desk_app
    from orchestration.desk.service import Service

    users, queue = Users(session.home), Queue(session.home)
    return desk_app(Service(session=session, users=users, queue=queue, key=KEY, clock=clock))


def boats_spec() -> UseCaseSpec:
    """The use case with versions to approve."""
    return released.make_spec()


@cache
def _made(cases: int, review: tuple[tuple[str, Any], ...]) -> Path:
    """A home to copy, with decisions."""
    kept = _kept()
    shutil.copytree(_peopled(), kept)
    decide_nights(Lake(Home(kept).lake), desk_spec(**dict(review)), cases)
    return kept


@cache
def _peopled() -> Path:
    """A home to copy, with versions and users: passwords and keys take their time."""
    from assets.desk.identity import make_identity
    from assets.desk.users import Users

    home = Home(_kept())
    lake, before = Lake(home.lake), NOW - timedelta(days=9)
    release(home, lake)
    for name, roles in PEOPLE.items():
        Users(home).add(name, PASSWORD, roles, now=before, by="user:admin")
        if "owner" in roles:
            make_identity(lake, home, name, PASSPHRASE, now=before, by="user:admin")
    return home.root


def _kept() -> Path:
    """A folder that lasts as long as this process."""
    folder = tempfile.TemporaryDirectory(prefix="desk")
    atexit.register(folder.cleanup)
    return Path(folder.name) / "home"


def decide_nights(lake: Lake, spec: UseCaseSpec, cases: int) -> None:
    """Scoring sets, a training set, and the decisions a simple score makes of them."""
    trained = _features(orders(2000))
    lake.ensure(spec.name, TRAINING_SET, trained.schema)
    lake.replace_day(spec.name, TRAINING_SET, TRAINED.date() - timedelta(days=1), trained)
    _on_record(lake, spec, lake.version(spec.name, TRAINING_SET))
    rows = orders(cases, seed=77).drop_columns(["label"])
    lake.ensure(spec.name, SCORING_SET, _features(rows).schema)
    lake.ensure(spec.name, DECISIONS, DECISIONS_SCHEMA)
    for back in (1, 0):
        day = NIGHT - timedelta(days=back)
        night = _at(rows, day, back)
        lake.replace_day(spec.name, SCORING_SET, day, _features(night))
        version = lake.version(spec.name, SCORING_SET)
        lake.replace_day(spec.name, DECISIONS, day, decisions(spec, night, day, version))


def decisions(spec: UseCaseSpec, cases: pa.Table, day: date, version: int) -> pa.Table:
    """What the policy would say of scores that rise with the weight."""
    from assets.decisions.ids import decision_ids

    made = []
    ids = decision_ids(spec.name, cases.column("order_id").to_pylist(), day)
    for number, row in zip(ids, cases.to_pylist(), strict=True):
        odds = -3.2 + 1.3 * np.log(row["weight"] or 1) + (1.1 if row["colour"] == "red" else 0)
        score = float(1 / (1 + np.exp(-odds)))
        refer = score > 0.12
        pushes = [("weight", 1.3 * float(np.log(row["weight"] or 1))), ("parts", 0.2)]
        pushes += [("colour", 1.1)] if row["colour"] == "red" else []
        reasons = [
            {"feature": f, "weight": w, "text": TEXTS[f]}
            for f, w in sorted(pushes, key=lambda push: -push[1])
            if w > 0
        ]
        band = next((n for n, end in spec.policy.bands.items() if score < end), None)
        made.append(
            {
                **dict.fromkeys(DECISIONS_SCHEMA.names),
                "decision_id": number,
                "revision": 1,
                "case_key": row["order_id"],
                "entity_key": row["maker"],
                "event_timestamp": row["ordered_at"],
                "score": score,
                "decision": "refer" if refer else "approve",
                "advice": ("decline" if score > 0.5 else "refer") if refer else "approve",
                "rule": "score",
                "reasons": reasons if refer else [],
                "band": band,
                "overflow": False,
                "value_at_risk": score * (row["weight"] or 0),
                "arm": "champion",
                "model_version": 3,
                "model_digest": "d" * 64,
                "scoring_set_version": version,
                "spec_version": spec.version,
                "run_id": "run",
            }
        )
    return pa.Table.from_pylist(made, schema=DECISIONS_SCHEMA)


def release(home: Home, lake: Lake) -> None:
    """A champion made by its approval, and a version that waits for an owner."""
    spec = boats_spec()
    signer = released.person(home, lake, "ann")
    released.put(lake, spec, 1)
    released.approved(home, lake, spec, 1, signer, reason="first of its kind, gates and card read")
    released.put(lake, spec, 2)
    page = home.model_card(spec.name, 2)
    page.parent.mkdir(parents=True)
    page.write_text(
        "<!doctype html><html lang=en><title>Card</title><style>h1{font:20px sans-serif}</style>"
        "<main><h1>Model card: version 2</h1><p>What it is for, and what not.</p></main>"
        "<script>document.title='ran'</script>"
    )


def _at(rows: pa.Table, day: date, back: int) -> pa.Table:
    """The orders as if they came in the course of a day, under other names on another day."""
    start = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
    times = [start + timedelta(minutes=4 * i % 900) for i in range(rows.num_rows)]
    names = pc.binary_join_element_wise(rows.column("order_id"), str(back), "-")
    rows = rows.set_column(0, "order_id", names)
    place = rows.column_names.index("ordered_at")
    return rows.set_column(place, "ordered_at", pa.array(times, pa.timestamp("us", "UTC")))


def _features(rows: pa.Table) -> pa.Table:
    """As the sets have them: numbers as doubles."""
    kept = rows.drop_columns([c for c in ("complaint",) if c in rows.column_names])
    for name in ("parts", "rushed"):
        place = kept.column_names.index(name)
        column = kept.column(name)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int64())
        kept = kept.set_column(place, name, column.cast(pa.float64()))
    return kept


def _on_record(lake: Lake, spec: UseCaseSpec, training_set: int) -> None:
    """Version 3 as registered, for its training set is what values are compared with."""
    version = replace(released.registered(3, as_of=TRAINED), training_set_version=training_set)
    entered = {
        "at": TRAINED,
        "model_version": 3,
        "stage": "registered",
        "effective_from": TRAINED.date(),
        "model_digest": version.digest,
        "manifest_digest": version.manifest_digest,
        "actor": "system:nightshift",
        "reason": "8 training gates passed",
        "evidence": json.dumps({"record": asdict(version), "gates": {}}),
        "spec_version": spec.version,
        "run_id": "run",
    }
    append_events(lake, spec.name, lambda _: [entered])


def _find(desk: Desk) -> None:
    from assets.reviews.blind import blind_sample

    spec = desk.spec
    rows = desk.lake.read(spec.name, DECISIONS)
    rows = rows.sort_by([("value_at_risk", "descending")])
    waits = pc.equal(rows.column("decision"), "refer")
    desk.decisions = rows.filter(waits).column("decision_id").to_pylist()
    alone = rows.filter(pc.invert(waits)).column("decision_id")
    sampled = blind_sample(desk.home, spec, alone)
    desk.blind = alone.filter(sampled).to_pylist()
    desk.automatic = alone.filter(pc.invert(sampled)).to_pylist()

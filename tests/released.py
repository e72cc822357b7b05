"""A small release record: a use case, its registered versions, their gates, people with keys."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.gate_results import GateResult, Verdict, record_many
from assets.home import Home
from assets.lake import Lake
from assets.release.approval import Signer, approve, reject
from assets.release.events import Event, append_events
from assets.release.ladder import enter
from assets.release.moves import Move, advance
from assets.release.moves import Verdict as Moved
from assets.release.people import enrol
from assets.release.rollback import rollback
from assets.release.seal import sealed
from assets.signing import create_private_key, load_private_key
from assets.spec import UseCaseSpec
from assets.tables import PREDICTIONS, PREDICTIONS_SCHEMA
from assets.training.gate_names import gates_of
from assets.training.manifest import installation_key, write_manifest
from assets.training.registered import RegisteredVersion

NAME = "boats"
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
"""The wall clock of the people: long after the days of the data, as when history is built."""

ATTRIBUTES: dict[str, Any] = {
    "name": NAME,
    "start": "2026-01-01",
    "sources": {
        "trips": {
            "columns": {
                "trip": {"type": "string"},
                "boat": {"type": "string"},
                "left_at": {"type": "timestamp"},
                "wind": {"type": "float"},
            }
        },
        "returns": {
            "columns": {
                "trip": {"type": "string"},
                "late": {"type": "bool"},
                "back_at": {"type": "timestamp"},
            }
        },
    },
    "population": {
        "source": "trips",
        "key": "trip",
        "entity": "boat",
        "event_timestamp": "left_at",
    },
    "label": {
        "source": "returns",
        "column": "late",
        "positive": True,
        "observed_at": "back_at",
        "matures_after": "7d",
    },
    "features": {"request": ["wind"]},
}


def make_spec(tier: str = "medium", insufficient: str = "proceed", **release: Any) -> UseCaseSpec:
    """The use case; ``release``: fields of its release block."""
    return UseCaseSpec.model_validate(
        {
            **ATTRIBUTES,
            "risk": {"impact": tier, "volume": "low", "visibility": "low"},
            "model": {"gates": {"insufficient": insufficient}},
            "release": release,
        }
    )


def direct_spec(**release: Any) -> UseCaseSpec:
    """The use case without a ladder: an approval makes a champion at once."""
    return make_spec(shadow=None, canary=None, **release)


def registered(version: int, as_of: datetime = AS_OF, **changes: Any) -> RegisteredVersion:
    """A version as the registry returns it, digests made up: :func:`stored` has real ones."""
    known: dict[str, Any] = {
        "version": version,
        "digest": f"{version:x}" * 64,
        "manifest_digest": f"{version:x}f" * 32,
        "mlflow_run_id": f"run{version}",
        "metrics": {"roc_auc": 0.8, "log_loss": 0.31},
        "model_path": f"models/{NAME}/{version}/model.skops",
        "model_folder": f"models/{NAME}/{version}",
        "candidate": "logistic_regression",
        "training_digest": f"{version:x}e" * 32,
        "training_set_digest": "s" * 64,
        "training_set_version": 3,
        "as_of": as_of.isoformat(),
        "window_first": "2026-01-01T00:00:00+00:00",
        "window_last": "2026-02-01T00:00:00+00:00",
        "rows": 500,
        "positives": 50,
        "requested_by": "system:nightshift",
        **changes,
    }
    return RegisteredVersion(**known)


def stored(home: Home, version: RegisteredVersion) -> RegisteredVersion:
    """The version with a model folder, signed by the installation as the registry signs it."""
    folder = home.root / version.model_folder
    folder.mkdir(parents=True, exist_ok=True)
    content = f"model {version.version}".encode()
    (folder / "model.skops").write_bytes(content)
    signed = write_manifest(home, folder, use_case=NAME, training_digest=version.training_digest)
    digest = hashlib.sha256(content).hexdigest()
    return replace(version, digest=digest, manifest_digest=signed.digest)


def judged(lake: Lake, version: RegisteredVersion, **verdicts: Verdict) -> None:
    """Put the training gates of a version on record: passed unless said."""
    asked = [gate for gate in gates_of(make_spec()) if gate != "champion"]
    found: Mapping[str, Verdict] = {**dict.fromkeys(asked, "pass"), **verdicts}
    day = datetime.fromisoformat(version.as_of).date() - timedelta(days=1)
    results = [
        GateResult(
            gate=f"training.{gate}",
            subject=f"model {version.training_digest[:12]}",
            verdict=verdict,
            message=f"the finding of {gate}",
            figures={"auc": 0.99},
            threshold={"auc": 0.95},
            evidence_digest=version.training_digest,
        )
        for gate, verdict in found.items()
    ]
    record_many(lake, NAME, {day: results}, spec_version="s", run_id="r")


def put(
    lake: Lake,
    spec: UseCaseSpec,
    version: RegisteredVersion | int,
    requested_by: str = "system:nightshift",
    **verdicts: Verdict,
) -> str:
    """Store a version, judge it and enter it on the ladder; its stage."""
    if isinstance(version, int):
        version = registered(version, requested_by=requested_by)
    judged(lake, version, **verdicts)
    return entered(lake, spec, stored(Home(lake.root.parent), version))


def entered(lake: Lake, spec: UseCaseSpec, version: RegisteredVersion) -> str:
    return enter(
        lake,
        spec,
        version,
        as_of=datetime.fromisoformat(version.as_of),
        actor="system:nightshift",
        run_id="r",
        requested_by=version.requested_by,
    )


def person(
    home: Home, lake: Lake, name: str, *, at: datetime = NOW - timedelta(days=30), user: str = ""
) -> Signer:
    """Someone enrolled, at the terminal of their own login."""
    path = identity(home, name)
    enrol(lake, home, name, create_private_key(path), at=at, by="user:admin")
    return Signer(load_private_key(path), user or f"login_{name}")


def identity(home: Home, name: str) -> Path:
    return home.root.parent / "keys" / f"{name}.key"


def approved(
    home: Home, lake: Lake, spec: UseCaseSpec, version: int, signer: Signer, **more: Any
) -> list[Event]:
    """Approve, with a reason and a time unless given."""
    return approve(
        home, lake, spec, version, signer, **({"reason": "looks right", "now": NOW} | more)
    )


def rejected(
    home: Home, lake: Lake, spec: UseCaseSpec, version: int, signer: Signer, **more: Any
) -> list[Event]:
    return reject(
        home, lake, spec, version, signer, **({"reason": "looks wrong", "now": NOW} | more)
    )


def written(lake: Lake, *events: Event) -> None:
    """Append events as they are, the way somebody with access to the table would."""
    append_events(lake, NAME, lambda _: list(events))


def written_with_the_key(home: Home, lake: Lake, *events: Event) -> None:
    """As :func:`written`, by somebody who holds the installation's key as well."""
    key = installation_key(home)
    append_events(lake, NAME, lambda there: sealed(key, NAME, there, events))


def stepped(
    home: Home,
    lake: Lake,
    spec: UseCaseSpec,
    day: date,
    version: int | None = None,
    stage: str = "shadow",
    verdict: Moved = "promote",
) -> list[Event]:
    """A night is scored and the ladder takes its step."""
    scored(lake, day)
    move = None
    if version is not None:
        move = Move(version, stage, verdict, f"{verdict} it", {"checks": {"cases": 700}})
    return advance(lake, home, spec, day, move, run_id=f"run of {day}")


def rolled_back(
    home: Home, lake: Lake, spec: UseCaseSpec, signer: Signer, **more: Any
) -> list[Event]:
    return rollback(home, lake, spec, signer, **({"reason": "went wrong", "now": NOW} | more))


def scored(lake: Lake, *days: date, versions: Sequence[int | None] = (None,)) -> None:
    """Predictions of a case by each of the versions on each day."""
    lake.ensure(NAME, PREDICTIONS, PREDICTIONS_SCHEMA)
    empty = dict.fromkeys(PREDICTIONS_SCHEMA.names)
    cases = [
        {**empty, "case_key": f"c{number}", "score": 0.5, "model_version": version}
        for number, version in enumerate(versions)
    ]
    rows = pa.Table.from_pylist(cases, schema=PREDICTIONS_SCHEMA)
    for day in days:
        lake.replace_day(NAME, PREDICTIONS, day, rows)

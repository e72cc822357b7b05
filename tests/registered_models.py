"""Real versions in a home: trained, registered, approved by a person; and a night to score."""

import shutil
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.gate_results import GateResult, Verdict, record_many
from assets.home import Home
from assets.lake import Lake
from assets.model_spec import Task
from assets.release.aliases import project_aliases
from assets.release.approval import Signer, approve
from assets.release.champion import require_champion
from assets.release.events import Champion
from assets.release.ladder import enter
from assets.release.people import enrol
from assets.signing import create_private_key, load_private_key
from assets.spec import UseCaseSpec
from assets.training.evidence import TrainedModel
from assets.training.gate_names import GATES
from assets.training.registry import RegisteredVersion, register, training_digest
from assets.training.train import train
from tests.widgets import orders, widgets_spec

AS_OF = datetime(2026, 3, 10, tzinfo=UTC)
NIGHT = date(2026, 3, 12)
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
SIMPLE: dict[Task, str] = {
    "binary": "logistic_regression",
    "multiclass": "logistic_regression",
    "regression": "ridge_regression",
}


def model_spec(task: Task = "binary", **model: Any) -> UseCaseSpec:
    """A spec whose training is quick: one simple candidate, no search."""
    quick = {"candidates": [SIMPLE[task]], "search": {"trials": 1}, "golden_rows": 30}
    return widgets_spec(task=task, **{**quick, **model})


@cache
def trained(task: Task = "binary", seed: int = 5) -> TrainedModel:
    return train(model_spec(task), orders(500, task=task, seed=seed))


def judged(digest: str, **verdicts: Verdict) -> list[GateResult]:
    """Gates of one training; all passed unless said."""
    asked = [gate for gate in GATES if gate != "champion"]
    found: dict[str, Verdict] = {**dict.fromkeys(asked, "pass"), **verdicts}
    return [
        GateResult(f"training.{gate}", f"model {digest[:12]}", verdict, gate, {"x": 1}, {}, digest)
        for gate, verdict in found.items()
    ]


def put(
    home: Home, spec: UseCaseSpec, model: TrainedModel, rows_digest: str, **verdicts: Verdict
) -> RegisteredVersion:
    """Register a trained model under a digest of its rows."""
    return register(
        spec,
        home,
        model,
        judged(training_digest(spec, rows_digest), **verdicts),
        training_set_digest=rows_digest,
        training_set_version=3,
        input_versions={"labels": (7, "e" * 64)},
        as_of=AS_OF,
        requested_by="system:nightshift",
        code_version="c0de",
        run_tags={"dagster.run_id": "run"},
    )


def entered(home: Home, spec: UseCaseSpec, version: RegisteredVersion) -> str:
    """Put a version's gates on record and the version on the ladder; its stage."""
    lake, day = Lake(home.lake), AS_OF.date() - timedelta(days=1)
    results = judged(version.training_digest)
    record_many(lake, spec.name, {day: results}, spec_version=spec.version, run_id="r")
    return enter(
        lake,
        spec,
        version,
        as_of=AS_OF,
        actor="system:nightshift",
        run_id="r",
        requested_by=version.requested_by,
    )


def approved(home: Home, spec: UseCaseSpec, version: RegisteredVersion) -> Champion:
    """Enter a version, have a person approve it, set the aliases; the champion it became."""
    lake, key = Lake(home.lake), home.root / "secrets" / "ann.key"
    entered(home, spec, version)
    if not key.exists():
        public = create_private_key(key)
        enrol(lake, home, "ann", public, at=NOW - timedelta(days=1), by="user:admin")
    signer = Signer(load_private_key(key), "login_ann")
    approve(home, lake, spec, version.version, signer, reason="good", now=NOW)
    project_aliases(lake, home, spec)
    return require_champion(lake, home, spec, NIGHT)


def copied(home: Home, room: Path) -> Home:
    """The same home at another place, for a test to spoil."""
    shutil.copytree(home.root, room / "home")
    return Home(room / "home")


def night(rows: int = 40, task: Task = "binary") -> pa.Table:
    """Cases of a night: population columns and features, no label."""
    return orders(rows, task=task, seed=77).drop_columns(["label", "complaint"])

"""What is on record of a registered version: plain values, of which people sign a digest."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from assets.training.model_file import RegistryError

if TYPE_CHECKING:
    from datetime import datetime

    from assets.gate_results import GateResult
    from assets.spec import UseCaseSpec
    from assets.training.evidence import Candidate, TrainedModel
    from assets.training.model_file import ModelFolder


@dataclass(frozen=True)
class RegisteredVersion:
    """A model version and what is needed to trust it. Times are ISO 8601, UTC; places relative to
    the home. What is left out says "not known", which nothing that loads a model accepts."""

    version: int
    digest: str  # SHA-256 of the model file, hex
    mlflow_run_id: str
    metrics: Mapping[str, float]  # on rows not fitted on, before the final fit
    model_path: str  # the model file
    candidate: str  # the estimator's name
    training_digest: str  # of all that has a say in the result
    training_set_digest: str
    training_set_version: int
    as_of: str
    window_first: str  # earliest event trained on
    window_last: str  # latest event trained on
    rows: int
    positives: int
    model_folder: str = ""
    manifest_path: str = ""
    manifest_digest: str = ""  # SHA-256 of the signed manifest, hex
    public_key: str = ""  # the installation's, Ed25519, base64
    signature: str = ""  # of the manifest by that key, base64
    artifact_folder: str = ""  # of the MLflow run
    task: str = ""
    classes: Sequence[str] = ()
    features: Sequence[str] = ()
    intervals: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Metric to ``value``, ``low``, ``high`` and ``confidence``, where it has them."""
    candidates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name to ``metrics``, ``intervals``, ``standard_error``, ``parameters``, ``calibration``,
    ``trials`` and ``iterations``."""
    gates: Mapping[str, str] = field(default_factory=dict)  # gate to verdict, when registered
    passed: bool = False  # all of them, as the spec reads insufficient evidence
    requested_by: str = ""
    spec_version: str = ""
    code_version: str = ""
    validation: str = ""  # time | cross_validation
    split_at: str | None = None  # first instant measured on
    embargo_seconds: float = 0.0
    calibration: str = ""  # none | sigmoid | isotonic
    environment: Mapping[str, str] = field(default_factory=dict)  # package to version
    input_versions: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Further lake table to its version and digest."""
    importance: Mapping[str, float] = field(default_factory=dict)
    """Feature to how much the metric falls without it, as measured before the final fit."""
    cascade: Mapping[str, Any] = field(default_factory=dict)
    """Where there is a cheap model: ``digest`` (SHA-256 of its file, hex) and ``band``, the one its
    gate judged it with."""


def training_digest(spec: "UseCaseSpec", training_set_digest: str) -> str:
    """SHA-256 of all that has a say in a training and in the verdicts of its gates.

    The rows, and of the spec what a model is made of (``model``, features with their types and
    formulas) and judged by (label, denied and sensitive columns, policy, population). Words for
    people are left out: a better description makes no other model.
    """
    blocks = ("population", "label", "features", "deny", "sensitive", "model", "policy")
    said = {
        "use_case": spec.name,
        "rows": training_set_digest,
        "spec": _without_words(spec.model_dump(mode="json", include=set(blocks))),
        "types": {name: spec.feature_type(name) for name in spec.feature_names},
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def record_of(
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    gates: "Sequence[GateResult]",
    stored: "ModelFolder",
    *,
    mlflow_run_id: str,
    artifact_folder: str,
    digest: str,
    training_set_digest: str,
    training_set_version: int,
    input_versions: Mapping[str, tuple[int, str]],
    as_of: "datetime",
    requested_by: str,
    code_version: str,
    environment: Mapping[str, str],
) -> str:
    """The record of a version as JSON, its number (MLflow's to give) still 0."""
    winner = trained.candidates[trained.winner]
    registered = RegisteredVersion(
        version=0,
        digest=stored.digest,
        mlflow_run_id=mlflow_run_id,
        metrics=trained.metrics,
        model_path=stored.model_path,
        candidate=trained.winner,
        training_digest=digest,
        training_set_digest=training_set_digest,
        training_set_version=training_set_version,
        as_of=as_of.isoformat(),
        window_first=trained.first.isoformat(),
        window_last=trained.last.isoformat(),
        rows=trained.rows,
        positives=trained.positives,
        model_folder=stored.folder,
        manifest_path=stored.manifest_path,
        manifest_digest=stored.signed.digest,
        public_key=stored.signed.public_key,
        signature=stored.signed.signature,
        artifact_folder=artifact_folder,
        task=trained.task,
        classes=trained.classes,
        features=spec.feature_names,
        intervals={name: asdict(one) for name, one in winner.intervals.items()},
        candidates={one.name: _figures(one) for one in trained.candidates.values()},
        gates={result.gate: result.verdict for result in gates},
        passed=passed(spec, gates),
        requested_by=requested_by,
        spec_version=spec.version,
        code_version=code_version,
        validation=trained.validation,
        split_at=trained.split_at.isoformat() if trained.split_at else None,
        embargo_seconds=trained.embargo.total_seconds(),
        calibration=winner.calibration,
        environment=environment,
        input_versions=input_versions,
        importance={one.feature: float(one.mean) for one in trained.importance},
        cascade=_cascade(spec, stored),
    )
    return json.dumps(asdict(registered), sort_keys=True, default=_plain)


def version_of(record: str, version: Any) -> RegisteredVersion:
    """The version of a record written by :func:`record_of`, with its number.

    Raises RegistryError for anything else: MLflow's tags can be edited by whoever has the registry.
    """
    try:
        return RegisteredVersion(**{**json.loads(record), "version": int(version)})
    except (TypeError, ValueError) as error:
        raise RegistryError(
            f"version {version}: what MLflow has on record of it cannot be read, so somebody "
            "edited its tag 'nightshift.record'. Nights go by the release record and are scored "
            "as before; restore registry.db from a backup"
        ) from error


def passed(spec: "UseCaseSpec", gates: "Sequence[GateResult]") -> bool:
    """Did every gate pass? Too little evidence counts as ``model.gates.insufficient`` says, and no
    gate at all is no evidence."""
    enough = {"pass"} | ({"insufficient"} if spec.model.gates.insufficient == "proceed" else set())
    return bool(gates) and all(result.verdict in enough for result in gates)


def _cascade(spec: "UseCaseSpec", stored: "ModelFolder") -> dict[str, Any]:
    if spec.model.cascade is None or not stored.cheap_digest:
        return {}
    return {"digest": stored.cheap_digest, "band": list(spec.model.cascade.band)}


def _figures(candidate: "Candidate") -> dict[str, Any]:
    """What is known of a candidate, without its scores."""
    return {
        "metrics": candidate.metrics,
        "intervals": {name: asdict(one) for name, one in candidate.intervals.items()},
        "standard_error": candidate.standard_error,
        "parameters": candidate.parameters,
        "calibration": candidate.calibration,
        "trials": candidate.trials,
        "iterations": candidate.iterations,
    }


def _without_words(block: Any) -> Any:
    if isinstance(block, dict):
        # Of a declared feature called so, the value is a block: only texts are words.
        words = [key for key, value in block.items() if key == "description" and _text(value)]
        return {key: _without_words(one) for key, one in block.items() if key not in words}
    if isinstance(block, list):
        return [_without_words(one) for one in block]
    return block


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    return value.item()

"""What MLflow shows of a training: parameters, figures, pictures and the identity of its inputs.

No row of data is logged: only the names of lake tables, their versions and digests, their columns
and sizes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assets.tables import TRAINING_SET
from assets.training.model_file import input_schema

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from assets.gate_results import GateResult
    from assets.spec import UseCaseSpec
    from assets.training.evidence import Candidate, TrainedModel

DIGEST_SHOWN = 32
"""MLflow takes 36 characters of a data set's digest; the whole one is in its source."""


def log_training(
    client: "MlflowClient",
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    gates: "Sequence[GateResult]",
    run_id: str,
    *,
    inputs: Mapping[str, tuple[int, str]],
    environment: Mapping[str, str],
) -> None:
    """Log onto the parent run, which is active.

    ``inputs``: lake table to its version and digest, the training set among them. Artifacts are
    ``gates.json`` (every result in full), ``environment.json`` and ``plots/``.
    """
    import mlflow

    from assets.training.plots import figures_for

    mlflow.log_params(
        {
            **{f"model.{k}": str(v) for k, v in spec.model.model_dump(mode="json").items()},
            "winner": trained.winner,
            "why": trained.why,
            "features": ", ".join(spec.feature_names),
            "window_first": trained.first.isoformat(),
            "window_last": trained.last.isoformat(),
            "holdout_from": trained.split_at.isoformat() if trained.split_at else "every row",
        }
    )
    mlflow.log_metrics(
        {
            **holdout(trained.candidates[trained.winner]),
            "training_rows": trained.rows,
            "training_positives": trained.positives,
            "rows_fitted_on_when_measured": trained.fitted_rows,
        }
    )
    results = [
        {
            "gate": one.gate,
            "subject": one.subject,
            "verdict": one.verdict,
            "message": one.message,
            "figures": dict(one.figures),
            "threshold": dict(one.threshold),
            "evidence_digest": one.evidence_digest,
        }
        for one in gates
    ]
    client.log_text(run_id, _json(results), "gates.json")
    client.log_text(run_id, _json(environment), "environment.json")
    for name, figure in figures_for(spec, trained).items():
        client.log_figure(run_id, figure, f"plots/{name.lower()}.png")
    datasets = [_dataset(spec, trained, table, *found) for table, found in inputs.items()]
    client.log_inputs(run_id, datasets)


def log_candidates(trained: "TrainedModel", experiment: str, tags: Mapping[str, str]) -> None:
    """A run for each candidate, nested in the active one: its settings and its figures."""
    import mlflow

    for candidate in trained.candidates.values():
        with mlflow.start_run(
            experiment_id=experiment, run_name=candidate.name, nested=True, tags=dict(tags)
        ):
            mlflow.log_params({k: str(v) for k, v in candidate.parameters.items()})
            mlflow.log_params(
                {"calibration": candidate.calibration, "trials": str(candidate.trials)}
            )
            mlflow.log_metrics(holdout(candidate))


def holdout(candidate: "Candidate") -> dict[str, float]:
    """A candidate's figures as MLflow's metrics, intervals beside them."""
    named = {f"holdout_{name}": value for name, value in candidate.metrics.items()}
    for name, interval in candidate.intervals.items():
        named |= {f"holdout_{name}_low": interval.low, f"holdout_{name}_high": interval.high}
    return named


def _dataset(
    spec: "UseCaseSpec", trained: "TrainedModel", table: str, version: int, digest: str
) -> Any:
    """A lake table by name, version and digest."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    trained_on = table == TRAINING_SET
    source = {
        # Relative: a home can be moved, and its place is nobody's business.
        "path": f"lake/{spec.name}/{table}",
        "delta_table_version": version,
        "sha256": digest,
    }
    counts = {"num_rows": trained.rows, "num_positives": trained.positives}
    return DatasetInput(
        Dataset(
            name=f"{spec.name}.{table}",
            digest=digest[:DIGEST_SHOWN],
            source_type="delta_table",
            source=json.dumps(source),
            schema=input_schema(spec).to_json() if trained_on else None,
            profile=json.dumps(counts) if trained_on else None,
        ),
        tags=[InputTag("mlflow.data.context", "training" if trained_on else "source")],
    )


def _json(found: Any) -> str:
    return json.dumps(found, sort_keys=True, indent=1, ensure_ascii=False, default=str) + "\n"

"""Everything a card says, as plain JSON: made once, at training, and kept with the version."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from assets.content import content_digest
from assets.features.lineage import feature_lineage
from assets.tables import TRAINING_SET
from assets.training.card.groups import audited
from assets.training.card.limits import limits
from assets.training.card.measures import (
    confusion,
    histogram,
    mean_interval,
    outcomes,
    plain,
    reliability,
    roc,
    wilson,
)
from assets.training.card.slices import slice_limit, slices
from assets.training.card.words import gate_order
from assets.training.distil import CHEAP

if TYPE_CHECKING:
    from assets.gate_results import GateResult
    from assets.spec import UseCaseSpec
    from assets.training.evidence import Candidate, TrainedModel
    from assets.training.registry import RegisteredVersion

SCHEMA = 1
"""Of the facts; raised when a field changes its meaning, so that old cards can still be made."""


RECORDED = (
    "as_of",
    "code_version",
    "digest",
    "environment",
    "input_versions",
    "manifest_digest",
    "mlflow_run_id",
    "public_key",
    "requested_by",
    "signature",
    "training_digest",
)
"""Fields of the registered version that the card repeats."""


def card_facts(
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    registered: "RegisteredVersion",
    gates: "Sequence[GateResult]",
) -> dict[str, Any]:
    """The facts of a version. Sorted, deterministic; no row of data, no path of the machine.

    Shares and means are of the evaluation rows, scored by a model that had not seen them.
    """
    facts = {
        "schema": SCHEMA,
        "purpose": _purpose(spec),
        "risk": {
            **spec.risk.model_dump(),
            "tier": spec.risk.tier,
            "approvals_needed": spec.approvals_needed,
            "approvers": spec.release.approvers,
        },
        "policy": spec.policy.model_dump(),
        "version": _version(spec, trained, registered),
        "training": _training(spec, trained, registered),
        "evaluation": _evaluation(spec, trained),
        "metric": {"name": spec.model.metric_name, "sign": spec.model.sign},
        "why": trained.why,
        "candidates": [_candidate(c, trained.winner) for c in trained.candidates.values()],
        "discrimination": _discrimination(trained),
        "calibration": _calibration(spec, trained, gates),
        "outcomes": outcomes(spec, trained),
        "slices": slices(spec, trained),
        "slice_limit": slice_limit(spec, trained),
        "sensitive": audited(spec, trained),
        "importance": {
            "rows": trained.importance_rows,
            "features": [
                {"feature": i.feature, "mean": i.mean, "deviation": i.deviation}
                for i in trained.importance
            ],
        },
        "features": _features(spec, trained),
        "withheld": _withheld(spec),
        "gates": [_gate(spec, g) for g in sorted(gates, key=lambda g: gate_order(g.gate))],
        "gate_limits": spec.model.gates.model_dump(),
        "golden": {
            "rows": trained.golden.num_rows,
            "digest": content_digest(trained.golden),
        },
        "notes": trained.notes,
        "cascade": _cascade(spec, trained, registered),
    }
    known: dict[str, Any] = plain(facts)
    known["limits"] = limits(known)
    return known


def _purpose(spec: "UseCaseSpec") -> dict[str, Any]:
    label = spec.sources[spec.label.source].columns[spec.label.column]
    return {
        "use_case": spec.name,
        "description": spec.description,
        "owners": spec.owners,
        "task": spec.model.task,
        "population": spec.population.source,
        "label": {
            "source": spec.label.source,
            "column": spec.label.column,
            "positive": spec.label.positive,
            "description": label.description,
            "unit": label.unit,
            "matures_seconds": spec.label.maturity.total_seconds(),
        },
    }


def _version(
    spec: "UseCaseSpec", trained: "TrainedModel", registered: "RegisteredVersion"
) -> dict[str, Any]:
    winner, record = trained.candidates[trained.winner], asdict(registered)
    return {
        "number": registered.version,
        "estimator": trained.winner,
        "parameters": winner.parameters,
        "calibration": winner.calibration,
        "iterations": winner.iterations,
        "spec_version": spec.version,
        "seed": spec.model.seed,
        **{name: record.get(name) for name in RECORDED},
    }


def _training(
    spec: "UseCaseSpec", trained: "TrainedModel", registered: "RegisteredVersion"
) -> dict[str, Any]:
    return {
        "table": f"{spec.name}/{TRAINING_SET}",
        "table_version": registered.training_set_version,
        "digest": registered.training_set_digest,
        "rows": trained.rows,
        "positives": trained.positives,
        "classes": trained.classes,
        "first": trained.first,
        "last": trained.last,
        "days": (trained.last - trained.first).total_seconds() / 86400,
        "window": spec.model.window,
        "fitted_rows": trained.fitted_rows,
    }


def _evaluation(spec: "UseCaseSpec", trained: "TrainedModel") -> dict[str, Any]:
    import numpy as np

    labels = np.asarray(trained.labels)
    return {
        "validation": trained.validation,
        "holdout": spec.model.holdout,
        "folds": spec.model.folds,
        "split_at": trained.split_at,
        "embargo_seconds": trained.embargo.total_seconds(),
        "embargoed_rows": trained.embargoed_rows,
        "rows": len(labels),
        "positives": int((labels == 1).sum()) if trained.task == "binary" else None,
        "outcome": _overall(trained),
    }


def _overall(trained: "TrainedModel") -> dict[str, Any]:
    """What there was to predict: share of label 1, share of the largest class, mean value."""
    import numpy as np

    labels = np.asarray(trained.labels)
    if trained.task == "regression":
        return mean_interval(labels)
    hits = int((labels == 1).sum()) if trained.task == "binary" else int(np.bincount(labels).max())
    return wilson(hits, len(labels))


def _candidate(candidate: "Candidate", winner: str) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "chosen": candidate.name == winner,
        "metrics": candidate.metrics,
        "intervals": {
            name: {"value": i.value, "low": i.low, "high": i.high, "confidence": i.confidence}
            for name, i in candidate.intervals.items()
        },
        "standard_error": candidate.standard_error,
        "parameters": candidate.parameters,
        "calibration": candidate.calibration,
        "trials": candidate.trials,
        "iterations": candidate.iterations,
    }


def _discrimination(trained: "TrainedModel") -> dict[str, Any]:
    if trained.task == "multiclass":
        return {"classes": confusion(trained)}
    if trained.task == "regression":
        return {}
    ordered = sorted(trained.candidates.values(), key=lambda c: c.name != trained.winner)
    return {
        "histogram": histogram(trained.labels, trained.scores),
        "roc": [
            {"name": c.name, "chosen": c.name == trained.winner, **roc(trained.labels, c.scores)}
            for c in ordered
        ],
    }


def _calibration(
    spec: "UseCaseSpec", trained: "TrainedModel", gates: "Sequence[GateResult]"
) -> dict[str, Any]:
    """``points`` of the reliability plot; ``error``: the gate's expected calibration error."""
    import numpy as np

    labels, scores = np.asarray(trained.labels), trained.scores
    bins = spec.model.gates.calibration.bins
    if trained.task == "multiclass":  # of the likeliest class (Guo et al. 2017)
        scores, labels = scores.max(axis=1), (scores.argmax(axis=1) == labels).astype("int64")
    judged = next((g.figures for g in gates if g.gate == "training.calibration"), {})
    return {
        "error": judged.get("error"),
        "points": reliability(scores, labels, bins, binary=trained.task != "regression"),
    }


def _cascade(
    spec: "UseCaseSpec", trained: "TrainedModel", registered: "RegisteredVersion"
) -> dict[str, Any] | None:
    """What is declared of a cascade, and its cheap model; None where none is declared."""
    if spec.model.cascade is None:
        return None
    digest = registered.cascade.get("digest") if trained.cheap is not None else None
    return {**spec.model.cascade.model_dump(), "cheap": CHEAP, "digest": digest}


def _features(spec: "UseCaseSpec", trained: "TrainedModel") -> list[dict[str, Any]]:
    rows = max(trained.evaluation.num_rows, 1)
    return [
        {
            **one,
            "type": spec.feature_type(one["feature"]),
            "monotone": spec.model.monotone.get(one["feature"]),
            "null_share": trained.evaluation.column(one["feature"]).null_count / rows,
        }
        for one in feature_lineage(spec)
    ]


def _withheld(spec: "UseCaseSpec") -> dict[str, Any]:
    columns = {name: c for source in spec.sources.values() for name, c in source.columns.items()}
    return {
        "denied": sorted(spec.deny),
        "sensitive": sorted(spec.sensitive),
        "dropped": sorted(name for name, c in columns.items() if c.pii == "drop"),
        "pseudonymised": sorted(name for name, c in columns.items() if c.pii == "pseudonymise"),
    }


def _gate(spec: "UseCaseSpec", result: "GateResult") -> dict[str, Any]:
    return {
        "gate": result.gate,
        "verdict": result.verdict,
        # It begins with the use case; here the page does.
        "message": result.message.removeprefix(f"{spec.name}: "),
        "figures": result.figures,
        "threshold": result.threshold,
        "evidence_digest": result.evidence_digest,
    }

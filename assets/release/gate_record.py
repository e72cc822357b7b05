"""What the training gates have on record of a model: read again by whoever relies on it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.lake import PARTITION
from assets.tables import GATE_RESULTS
from assets.training.gate_names import PREFIX, gates_of, model_subject

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class Judged:
    """Verdict of one training gate."""

    gate: str
    verdict: str  # pass | fail | insufficient | missing
    message: str
    figures: Mapping[str, Any]
    threshold: Mapping[str, Any]


def gates_on_record(lake: "Lake", spec: "UseCaseSpec", training_digest: str) -> list[Judged]:
    """Every training gate's latest verdict on this very training, by name.

    A gate every model of the use case is asked, and that has no result, is among them as
    ``missing``. Only the champion's may have none: where there is none to compare with.
    """
    import pyarrow.dataset as ds

    rows: list[dict[str, Any]] = []
    if lake.exists(spec.name, GATE_RESULTS):
        rows = lake.read(
            spec.name,
            GATE_RESULTS,
            where=(ds.field("subject") == model_subject(training_digest))
            & (ds.field("evidence_digest") == training_digest),
        ).to_pylist()
    found = {
        str(row["gate"]): Judged(
            row["gate"],
            row["verdict"],
            row["message"],
            json.loads(row["figures"]),
            json.loads(row["threshold"]),
        )
        for row in sorted(rows, key=lambda row: row[PARTITION])
        if row["gate"].startswith(PREFIX)
    }
    for gate in (PREFIX + name for name in gates_of(spec) if name != "champion"):
        if gate not in found:
            found[gate] = Judged(gate, "missing", "there is no result on record", {}, {})
    return [found[gate] for gate in sorted(found)]


def stopping(spec: "UseCaseSpec", gates: list[Judged]) -> list[Judged]:
    """Those of the gates that keep the model from being approved."""
    stops = {"fail", "missing"}
    if spec.model.gates.insufficient == "stop":
        stops.add("insufficient")
    return [gate for gate in gates if gate.verdict in stops]


def verdicts_of(gates: list[Judged]) -> dict[str, str]:
    """Gate to verdict."""
    return {gate.gate: gate.verdict for gate in gates}


def short(gate: str) -> str:
    """The gate's name without the stage, as people say it: ``leak``."""
    return gate.removeprefix(PREFIX)

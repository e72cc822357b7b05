"""All gates on a trained model, one after the other: what each found, as it goes on record."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa

from assets.gate_results import GateResult
from assets.training.gates.baseline import baseline_gate
from assets.training.gates.behaviour import behaviour_gate
from assets.training.gates.calibration import calibration_gate
from assets.training.gates.cascade import cascade_gate
from assets.training.gates.champion import ChampionEvidence, champion_gate
from assets.training.gates.coverage import coverage_gate
from assets.training.gates.fairness import fairness_gate
from assets.training.gates.finding import Finding
from assets.training.gates.leak import leak_gate
from assets.training.gates.stability import stability_gate
from assets.training.rows import latest_window

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

__all__ = ["ChampionEvidence", "judge"]


def judge(
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    training_set: pa.Table,
    champion: ChampionEvidence | None,
    digest: str,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> list[GateResult]:
    """Results of every gate that applies, in a fixed order.

    ``training_set`` is the table the model was trained on (``spec.population_columns``, every
    feature, ``label``, ``label_observed_at``); ``digest`` the training's. A gate that does not
    apply is left out, never passed: champion without one, calibration of a regression, fairness
    without a sensitive column, cascade where none is declared. Same inputs, same results.

    Raises FeatureError when the training set lacks a feature of the spec.
    """
    # What the model was trained on: the rows of the window only.
    rows = latest_window(spec, training_set)
    gates: list[Callable[[], Finding]] = [
        lambda: leak_gate(spec, trained, rows),
        lambda: baseline_gate(spec, trained, rows),
    ]
    if champion is not None:
        known = champion
        gates.append(lambda: champion_gate(spec, trained, known))
    if trained.task != "regression":
        gates.append(lambda: calibration_gate(spec, trained))
    gates.append(lambda: stability_gate(spec, trained))
    if spec.sensitive:
        gates.append(lambda: fairness_gate(spec, trained))
    gates.append(lambda: behaviour_gate(spec, trained))
    if spec.model.cascade is not None:
        gates.append(lambda: cascade_gate(spec, trained))
    gates.append(lambda: coverage_gate(spec, rows))
    results = []
    for gate in gates:
        found = gate()
        progress(f"{found.gate}: {found.verdict}")
        results.append(found.result(digest))
    return results

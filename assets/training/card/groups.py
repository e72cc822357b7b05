"""How the groups of a sensitive column fare on the evaluation rows: counts and shares only."""

from typing import TYPE_CHECKING, Any

from assets.training.card.measures import mean_interval, wilson
from assets.training.gates.groups import group_names, may_be_named

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import SensitiveSpec, UseCaseSpec
    from assets.training.evidence import TrainedModel


def audited(spec: "UseCaseSpec", trained: "TrainedModel") -> list[dict[str, Any]]:
    """Per sensitive column: its groups, largest first, and what was not judged.

    A group under ``gates.fairness.min_group`` rows has its count, no shares. Where the spec names
    the groups (by ``bins`` or ``values``) it keeps its name; a name found only in the data could
    be somebody's own, so such small groups appear as one line.
    """
    import numpy as np

    fewest = spec.model.gates.fairness.min_group
    population = spec.sources[spec.population.source].columns
    found = []
    for column, sensitive in spec.sensitive.items():
        names = np.asarray(group_names(sensitive, trained.evaluation.column(column)))
        groups: list[dict[str, Any]] = []
        small: list[dict[str, Any]] = []
        for name in sorted(set(names.tolist())):
            mask = names == name
            if mask.sum() >= fewest:
                groups.append(
                    {"group": name, "cases": int(mask.sum()), **_fares(spec, trained, mask)}
                )
            else:
                named = may_be_named(spec, column, name)
                small.append({"group": name if named else None, "cases": int(mask.sum())})
        unnamed = [g["cases"] for g in small if g["group"] is None]
        found.append(
            {
                "column": column,
                "description": sensitive.description or population[column].description,
                "min_group": fewest,
                "groups": sorted(groups, key=lambda g: _order(sensitive, g["group"], g["cases"])),
                "small": [g for g in small if g["group"] is not None],
                "unnamed": {"groups": len(unnamed), "cases": sum(unnamed)},
            }
        )
    return found


def _order(sensitive: "SensitiveSpec", group: str, cases: int) -> tuple[float, str]:
    """Bins by their edge, other groups by size, the largest first."""
    if not sensitive.bins:
        return -cases, group
    names = [f"<{sensitive.bins[0]:g}", *(f"{edge:g}-" for edge in sensitive.bins[:-1])]
    place = next((k for k, name in enumerate(names) if group.startswith(name)), len(names))
    return place, group


def _fares(spec: "UseCaseSpec", trained: "TrainedModel", mask: "np.ndarray") -> dict[str, Any]:
    """Figures of the rows of ``mask``, by task.

    Binary: ``outcome`` (share with label 1), ``score`` (mean), ``approved`` (share the score alone
    would approve) and ``good_approved`` (the same among cases without the outcome: equal
    opportunity, Hardt, Price and Srebro 2016). Multiclass: ``right``. Regression: ``observed``,
    ``predicted`` and ``miss`` (absolute), means.
    """
    import numpy as np

    labels, scores = np.asarray(trained.labels)[mask], trained.scores[mask]
    if trained.task == "regression":
        return {
            "observed": mean_interval(labels),
            "predicted": mean_interval(scores),
            "miss": mean_interval(np.abs(scores - labels)),
        }
    if trained.task == "multiclass":
        return {"right": wilson(int((scores.argmax(axis=1) == labels).sum()), len(labels))}
    approved, good = scores < spec.policy.approve_below, labels == 0
    return {
        "outcome": wilson(int(labels.sum()), len(labels)),
        "score": float(scores.mean()),
        "approved": wilson(int(approved.sum()), len(labels)),
        "good_approved": wilson(int((approved & good).sum()), int(good.sum())),
    }

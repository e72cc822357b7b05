"""Does the model behave as was declared, whatever its metrics say?

Tests in the manner of Ribeiro et al. 2020 ("Beyond accuracy: behavioral testing of NLP models with
CheckList": direction, invariance, minimum functionality), on the model that would be registered:

- *direction*: a declared monotone feature, moved up through observed values with all else fixed,
  never moves the prediction against the declaration (insufficient of a feature that has one value);
- *invariance*: a personal attribute set to another observed value moves no prediction;
- *missing everything*: a case without a single value ends with a person;
- *strange values*: an unknown category and extreme numbers give a finite prediction in range;
- *order*: neither row order nor batch size changes a prediction.

A feature is moved as it moves in life: the derived features made of it follow.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.training.gates.finding import Finding

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

GATE = "training.behaviour"

TOLERANCE = 1e-9
"""Of a prediction: sums in another order differ by less (of a number, times its size)."""

CASES = 300
STEPS = 15
VALUES = 10
EXTREME = 1e12
UNKNOWN = "a category no source ever sent"


def behaviour_gate(spec: "UseCaseSpec", trained: "TrainedModel") -> Finding:
    """Try the final pipeline on evaluation rows spread evenly, and on made-up ones."""
    import numpy as np

    from assets.training.frame import feature_frame
    from assets.training.predict import predict

    count = trained.evaluation.num_rows
    picked = np.unique(np.linspace(0, count - 1, min(CASES, count)).astype("int64"))
    frame = feature_frame(spec, trained.evaluation.take(pa.array(picked)))
    observed = feature_frame(spec, trained.evaluation)

    def score(rows: "pd.DataFrame") -> "np.ndarray":
        return predict(spec, trained.pipeline, rows)

    before = score(frame)
    # A number is measured in its own units; probabilities in 1.
    tolerance = TOLERANCE
    if trained.task == "regression":
        tolerance *= max(1.0, float(np.abs(before).max()))
    figures: dict[str, Any] = {"cases": len(frame)}
    threshold = {"tolerance": tolerance, "missing_everything": "refer"}
    complaints = [
        *_direction(spec, trained, frame, observed, score, tolerance, figures),
        *_invariance(spec, frame, observed, before, score, tolerance, figures),
        *_missing_everything(spec, trained, frame, score, figures),
        *_strange(spec, trained, frame, score, figures),
        *_order(spec, frame, before, score, tolerance, figures),
    ]
    if complaints:
        return Finding(GATE, "fail", f"{spec.name}: {'; '.join(complaints)}", figures, threshold)
    untried = [name for name, one in figures["direction"].items() if one is None]
    if untried:
        return Finding(
            GATE,
            "insufficient",
            f"{spec.name}: whether the declared directions of {', '.join(untried)} hold cannot be "
            f"said, for all {observed.shape[0]} evaluation rows have the same value of it. Train "
            "again with rows that differ, or take it out of model.monotone",
            figures,
            threshold,
        )
    tried = [f"{len(spec.model.monotone)} directions"] if spec.model.monotone else []
    if spec.model.gates.invariant_to:
        tried.append(f"{len(spec.model.gates.invariant_to)} invariances")
    tried += ["a case without a value", "unknown categories and extreme values", "order"]
    return Finding(
        GATE,
        "pass",
        f"{spec.name}: behaves as declared on {len(frame)} cases ({', '.join(tried)})",
        figures,
        threshold,
    )


def _direction(
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    frame: "pd.DataFrame",
    observed: "pd.DataFrame",
    score: "Callable[[pd.DataFrame], np.ndarray]",
    tolerance: float,
    figures: dict[str, Any],
) -> list[str]:
    import numpy as np

    said: list[str] = []
    found: dict[str, Any] = {}
    for name, direction in spec.model.monotone.items():
        if trained.task == "multiclass":
            found[name] = None
            said.append(
                f"{name} is declared {direction}, but a class has no direction: take it out of "
                "model.monotone"
            )
            continue
        known = observed[name].dropna().to_numpy()
        steps = np.unique(np.quantile(known, np.linspace(0, 1, STEPS))) if len(known) else known
        if len(steps) < 2:
            found[name] = None
            continue
        along = np.column_stack([score(_moved(spec, frame, name, step)) for step in steps])
        moves = np.diff(along, axis=1) * (1 if direction == "increasing" else -1)
        against = moves.min(axis=1) < -tolerance
        found[name] = {"cases_against": int(against.sum()), "largest": float(max(0, -moves.min()))}
        if against.any():
            said.append(
                f"{name} is declared {direction}, but for {int(against.sum())} of {len(frame)} "
                f"cases moving it up moves the prediction the other way (by up to "
                f"{-moves.min():.3g}): leave only candidates that keep to a direction "
                "(hist_gradient_boosting, explainable_boosting), declare the derived features made "
                "of it too, or take it out of model.monotone"
            )
    figures["direction"] = found
    return said


def _invariance(
    spec: "UseCaseSpec",
    frame: "pd.DataFrame",
    observed: "pd.DataFrame",
    before: "np.ndarray",
    score: "Callable[[pd.DataFrame], np.ndarray]",
    tolerance: float,
    figures: dict[str, Any],
) -> list[str]:
    import numpy as np

    said: list[str] = []
    found: dict[str, Any] = {}
    for name in spec.model.gates.invariant_to:
        known = observed[name].dropna()
        if known.dtype.kind == "f":
            values = (
                list(np.unique(np.quantile(known, np.linspace(0, 1, VALUES)))) if len(known) else []
            )
        else:
            values = list(known.value_counts().index[:VALUES])
        moved = np.zeros(len(frame))
        for value in [*values, np.nan]:
            after = score(_moved(spec, frame, name, value))
            change = np.abs(after - before)
            moved = np.maximum(moved, change.max(axis=1) if change.ndim == 2 else change)
        found[name] = {"cases_moved": int((moved > tolerance).sum()), "largest": moved.max()}
        if found[name]["cases_moved"]:
            said.append(
                f"another value of {name} alone moves the prediction of "
                f"{found[name]['cases_moved']} of {len(frame)} cases (by up to {moved.max():.3g}), "
                f"which model.gates.invariant_to forbids: take {name}, and what is derived "
                "from it, out of features"
            )
    figures["invariance"] = found
    return said


def _moved(spec: "UseCaseSpec", frame: "pd.DataFrame", name: str, value: Any) -> "pd.DataFrame":
    """The frame with one value of a feature in every row, and what is derived from it made anew."""
    from assets.features.derived import with_derived

    moved = frame.assign(**{name: value}).astype({name: frame[name].dtype})
    operands = {o for derived in spec.features.derived.values() for o in derived.operands}
    if name not in operands:
        return moved
    rows = pa.table({o: pa.array(moved[o], from_pandas=True) for o in sorted(operands)})
    made = with_derived(spec, rows)
    return moved.assign(**{one: made.column(one).to_numpy() for one in spec.features.derived})


def _missing_everything(
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    frame: "pd.DataFrame",
    score: "Callable[[pd.DataFrame], np.ndarray]",
    figures: dict[str, Any],
) -> list[str]:
    import numpy as np

    empty = frame.iloc[:1].assign(**dict.fromkeys(frame.columns, np.nan)).astype(frame.dtypes)
    found = score(empty)[0]
    # What is refused here is what the policy would do; with ``refer_missing`` it asks no score.
    decision = "refer" if spec.policy.refer_missing is not None else _decision(spec, found)
    figures["missing_everything"] = {"score": found, "decision": decision}
    if trained.task == "regression":
        return [] if np.isfinite(found) else ["a case without a value gets no finite prediction"]
    if decision == "refer":
        return []
    shown = f"{np.max(found):.3g}"
    return [
        f"a case without a single value scores {shown}, which the policy would {decision}: nobody "
        "knows anything about it, so it must go to a person. Set policy.refer_missing, or tighten "
        "the policy's thresholds"
    ]


def _decision(spec: "UseCaseSpec", score: Any) -> str:
    """What :mod:`assets.decisions.policy` would decide on the score alone."""
    import numpy as np

    policy = spec.policy
    if not np.all(np.isfinite(score)):
        return "refer"
    if spec.model.task == "multiclass":
        return "approve" if float(np.max(score)) >= policy.accept_above else "refer"
    if score < policy.approve_below:
        return "approve"
    return "decline" if score > policy.decline_above and policy.automatic_decline else "refer"


def _strange(
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    frame: "pd.DataFrame",
    score: "Callable[[pd.DataFrame], np.ndarray]",
    figures: dict[str, Any],
) -> list[str]:
    import numpy as np

    numbers, words = spec.numeric_features, spec.categorical_features
    tried: dict[str, dict[str, Any]] = {}
    if words:
        tried["unknown category"] = dict.fromkeys(words, UNKNOWN)
    if numbers:
        tried["very large numbers"] = dict.fromkeys(numbers, EXTREME)
        tried["very small numbers"] = dict.fromkeys(numbers, -EXTREME)
    said, found = [], {}
    for what, values in tried.items():
        scores = score(frame.assign(**values))
        good = np.isfinite(scores)
        if trained.task != "regression":
            good &= (scores >= 0) & (scores <= 1)
        good = good.all(axis=1) if good.ndim == 2 else good
        found[what] = int((~good).sum())
        if found[what]:
            wanted = "finite" if trained.task == "regression" else "between 0 and 1"
            said.append(
                f"with {what} {found[what]} of {len(frame)} predictions are not {wanted}: bound "
                "the column in its source, or leave the candidate out"
            )
    figures["strange_values"] = found
    return said


def _order(
    spec: "UseCaseSpec",
    frame: "pd.DataFrame",
    before: "np.ndarray",
    score: "Callable[[pd.DataFrame], np.ndarray]",
    tolerance: float,
    figures: dict[str, Any],
) -> list[str]:
    import numpy as np

    shuffled = np.random.default_rng(spec.model.seed).permutation(len(frame))
    reordered = np.empty_like(before)
    reordered[shuffled] = score(frame.iloc[shuffled])
    few = np.concatenate([score(part) for part in (frame.iloc[:1], frame.iloc[1:8])])
    largest = max(
        float(np.abs(reordered - before).max()), float(np.abs(few - before[: len(few)]).max())
    )
    figures["order"] = largest
    if largest <= tolerance:
        return []
    return [
        f"the same case is predicted differently in another order or batch (by up to "
        f"{largest:.3g}): a step of the model looks at other rows; leave the candidate out"
    ]

"""May the cheap model of a cascade decide the clear cases?

Asked of the held-out rows whose cheap score lies outside the band, by a cheap model and a winner
that have seen none of them: on what share would the policy's thresholds advise otherwise by the
winner's score? It fails above ``model.cascade.max_disagreement``. So many clear rows are needed
that, without one disagreement among them, the interval of the share (Wilson 1927, see
:mod:`assets.training.gates.shares`) would end below the limit; with fewer it is insufficient,
unless the whole interval is above the limit.

Cheap scores stand in decisions, so what was found of the winner's must hold of the two together:
the gate fails, too, when the scores that would stand fail the gates of calibration or fairness, or
when the cheap model does not behave as declared, where the winner does.
"""

from math import ceil
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from assets.training.distil import APPROVE, CHEAP, DECLINE, REFER, advised, clear_cases, standing
from assets.training.gates.behaviour import behaviour_gate
from assets.training.gates.calibration import calibration_gate
from assets.training.gates.fairness import fairness_gate
from assets.training.gates.finding import Finding
from assets.training.gates.intervals import CONFIDENCE
from assets.training.gates.shares import Share

if TYPE_CHECKING:
    import numpy as np

    from assets.model_spec import CascadeSpec
    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

GATE = "training.cascade"

FEWEST, ENOUGH = 50, 1000
"""Clear rows without which nothing is said, and those that are enough however low the limit: with
one of 0.4 % and lower, a thousand without a disagreement are taken for none."""

ADVICE = {APPROVE: "approve", REFER: "refer", DECLINE: "decline"}


def cascade_gate(spec: "UseCaseSpec", trained: "TrainedModel") -> Finding:
    """Judge the cheap model by the held-out rows. ``spec.model.cascade`` is declared."""
    cascade = spec.model.cascade
    assert cascade is not None  # or the gate does not apply
    needed = needed_rows(cascade)
    threshold = {
        "max_disagreement": cascade.max_disagreement,
        "band": list(cascade.band),
        "min_clear": needed,
        "confidence": CONFIDENCE,
    }
    stands = standing(spec, trained)
    if stands is None or trained.cheap is None:
        return Finding(
            GATE,
            "insufficient",
            f"{spec.name}: the winner, {trained.winner}, is itself the model a cheap one would be, "
            "so there is nothing to save: the cascade is off for this version and every case is "
            f"scored by it. Take model.cascade out, or {CHEAP} out of model.candidates",
            {"winner": trained.winner, "cheap_model": False},
            threshold,
        )
    import numpy as np

    measured = np.isfinite(trained.cheap.scores)
    cheap, winner = trained.cheap.scores[measured], trained.scores[measured]
    clear = clear_cases(cascade, cheap)
    hits = advised(spec, cheap) != advised(spec, winner)
    figures: dict[str, Any] = {
        "cheap_model": True,
        "rows": len(cheap),
        "clear": int(clear.sum()),
        "cheap_share": float(clear.mean()) if len(clear) else 0.0,
        "agreement_of_all": float(1 - hits.mean()) if len(hits) else None,
        "otherwise": _otherwise(spec, cheap[clear], winner[clear]),
    }
    other = _others(spec, trained, stands, figures)
    low, high = cascade.band
    outside = (
        f"of {len(cheap)} held-out rows {figures['clear']} lie outside the band {low:g} to {high:g}"
    )
    if not figures["clear"]:
        return Finding(
            GATE,
            "insufficient",
            f"{spec.name}: {outside}, so the cheap model decides none and nothing is saved. Narrow "
            "model.cascade.band, or take model.cascade out",
            figures,
            threshold,
        )
    share = Share(int((hits & clear).sum()), figures["clear"])
    found = share.interval(CONFIDENCE)
    figures |= {"disagreements": share.hits, "disagreement": found}
    said = (
        f"{spec.name}: {outside}, and on {share.hits} of those ({100 * found.value:.2g} %, "
        f"interval {100 * found.low:.2g} to {100 * found.high:.2g}) the policy would advise "
        f"otherwise by the winner's score; allowed are {100 * cascade.max_disagreement:g} %"
    )
    limit = cascade.max_disagreement
    too_many = found.value > limit if share.rows >= needed else found.low > limit
    if too_many or other:
        advice = (
            "Widen model.cascade.band, so that the winner scores more of them, or take "
            "model.cascade out"
        )
        return Finding(GATE, "fail", f"{'. '.join([said, *other])}. {advice}", figures, threshold)
    if share.rows < needed:
        return Finding(
            GATE,
            "insufficient",
            f"{said}. It takes {needed} clear rows to say so: train again when more outcomes have "
            "matured, or approve knowing that a sample is compared every night",
            figures,
            threshold,
        )
    return Finding(GATE, "pass", said, figures, threshold)


def needed_rows(cascade: "CascadeSpec") -> int:
    """Clear rows it takes to hold a share against ``max_disagreement``.

    Wilson's interval of 0 in n ends at ``z^2 / (n + z^2)``, which is at the limit m or below from
    ``n = z^2 (1 - m) / m`` on: 189 for 2 %.
    """
    limit = cascade.max_disagreement
    if not limit:
        return ENOUGH
    squared = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) ** 2
    return max(FEWEST, ceil(min(ENOUGH, squared * (1 - limit) / limit)))


def _otherwise(spec: "UseCaseSpec", cheap: "np.ndarray", winner: "np.ndarray") -> dict[str, int]:
    """Clear rows by what the cheap score advises and what the winner's would, where they differ."""
    ours, theirs = advised(spec, cheap), advised(spec, winner)
    found = {}
    for one, name in ADVICE.items():
        for two, other in ADVICE.items():
            rows = int(((ours == one) & (theirs == two)).sum())
            if one != two and rows:
                found[f"{name}, by the winner {other}"] = rows
    return found


def _others(
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    stands: "TrainedModel",
    figures: dict[str, Any],
) -> list[str]:
    """What the scores that would stand, or the cheap model, fail of what the winner does not."""
    asked = {
        "calibration": (spec, calibration_gate),
        "behaviour": (_shown(spec, stands), behaviour_gate),
    }
    if spec.sensitive:
        asked["fairness"] = (spec, fairness_gate)
    verdicts, said = {}, []
    for name, (of, gate) in asked.items():
        found = gate(of, stands)
        verdicts[name] = found.verdict
        if found.verdict == "fail" and gate(spec, trained).verdict != "fail":
            message = found.message.removeprefix(f"{spec.name}: ")
            said.append(f"The winner passes {name}, the cascade does not: {message}")
    figures["with_the_scores_that_stand"] = verdicts
    return said


def _shown(spec: "UseCaseSpec", stands: "TrainedModel") -> "UseCaseSpec":
    """The spec as the behaviour of the cheap model is judged by.

    What becomes of a case without a single value is asked only where the cheap model would decide
    it: inside the band the winner does, and is asked itself.
    """
    import numpy as np

    from assets.training.frame import feature_frame
    from assets.training.predict import predict

    cascade = spec.model.cascade
    if cascade is None or spec.policy.refer_missing is not None or not stands.evaluation.num_rows:
        return spec
    frame = feature_frame(spec, stands.evaluation.slice(0, 1))
    empty = frame.assign(**dict.fromkeys(frame.columns, np.nan)).astype(frame.dtypes)
    if clear_cases(cascade, predict(spec, stands.pipeline, empty))[0]:
        return spec
    return spec.model_copy(update={"policy": spec.policy.model_copy(update={"refer_missing": 1.0})})

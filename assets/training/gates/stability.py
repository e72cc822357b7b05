"""Is the model as good in every part of the evaluation rows as over all?

Parts are slices of equal count by event time; of a snapshot, which has no time, seeded random
parts. A part fails when the metric is worse than over all by more than ``max_drop`` *and* the
difference is beyond noise: the over-all value lies outside the part's bootstrap interval. The
parts share the error probability (Bonferroni), so more of them do not mean more false alarms.
"""

from typing import TYPE_CHECKING, Any

from assets.training.gates.finding import Finding
from assets.training.gates.intervals import CONFIDENCE, interval, measured, metric_of, unit

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

GATE = "training.stability"


def stability_gate(spec: "UseCaseSpec", trained: "TrainedModel") -> Finding:
    """Judge the winner's measured scores slice by slice."""
    import numpy as np

    limits, metric, sign = spec.model.gates.stability, spec.model.metric_name, spec.model.sign
    threshold = {
        "max_drop": limits.max_drop,
        "slices": limits.slices,
        "min_rows": limits.min_rows,
        "confidence": CONFIDENCE,
    }
    labels, scores = trained.labels, trained.scores
    timed = trained.validation == "time"
    times = trained.evaluation.column(spec.population.event_timestamp)
    places = np.arange(len(labels))
    if not timed:
        places = np.random.default_rng(spec.model.seed).permutation(places)
    overall = measured(spec, labels, scores, trained.classes)
    allowed = limits.max_drop * unit(metric, overall)
    found: list[dict[str, Any]] = []
    for number, part in enumerate(np.array_split(places, limits.slices)):
        one: dict[str, Any] = {"slice": number + 1, "rows": len(part), "judged": False}
        if timed and len(part):
            one["first"] = times[int(part[0])].as_py().isoformat()
            one["last"] = times[int(part[-1])].as_py().isoformat()
        if len(part) >= limits.min_rows and len(np.unique(labels[part])) > 1:
            value = interval(
                metric_of(spec, labels[part], scores[part], trained.classes),
                len(part),
                seed=spec.model.seed + number,
                confidence=1 - (1 - CONFIDENCE) / limits.slices,
            )
            drop = sign * (overall - value.value)
            best = value.high if sign > 0 else value.low
            one |= {
                "judged": True,
                "value": value,
                "drop": drop,
                "fails": drop > allowed and sign * (overall - best) > 0,
            }
        found.append(one)
    judged = [one for one in found if one["judged"]]
    figures = {"metric": metric, "overall": overall, "max_drop": allowed, "slices": found}
    parts = "slices of time" if timed else "random parts"
    if not judged:
        return Finding(
            GATE,
            "insufficient",
            f"{spec.name}: none of {len(found)} {parts} has {limits.min_rows} rows and more than "
            f"one outcome ({len(labels)} evaluation rows in all). Train again when more outcomes "
            "have matured, or ask for fewer slices",
            figures,
            threshold,
        )
    bad = [one for one in judged if one["fails"]]
    left = f"; {len(found) - len(judged)} too small to judge" if len(judged) < len(found) else ""
    if not bad:
        worst = max(judged, key=lambda one: one["drop"])
        return Finding(
            GATE,
            "pass",
            f"{spec.name}: {metric} {overall:.4g} over all; the weakest of {len(judged)} {parts} "
            f"has {worst['value'].value:.4g}, allowed to be {allowed:.4g} worse or within "
            f"noise{left}",
            figures,
            threshold,
        )
    named = "; ".join(
        f"{one.get('first', '')[:10]} to {one.get('last', '')[:10]}: {one['value'].value:.4g} "
        f"({one['value'].low:.4g} to {one['value'].high:.4g}) on {one['rows']} rows"
        if timed
        else f"part {one['slice']}: {one['value'].value:.4g} on {one['rows']} rows"
        for one in bad
    )
    return Finding(
        GATE,
        "fail",
        f"{spec.name}: {metric} is {overall:.4g} over all, but {named}; allowed to be "
        f"{allowed:.4g} worse{left}. Look at what was different then (sources, population, "
        "outcomes): a model that fails part of the time will do so again",
        figures,
        threshold,
    )

"""Does the model know what nobody can know when a case arises?

Seven looks: columns that may never be features; labels known before their event; a feature that
tells the outcome alone (:mod:`assets.training.gates.discrimination`); a feature that is the label
in other words (:mod:`assets.training.gates.proxies`); a single value that gives the outcome away
(:mod:`assets.training.gates.certain`); a measured AUC that is too good to be true; a control of
shuffled labels (:mod:`assets.training.gates.control`).

A feature, or a model, fails by its figure alone: that it is above the limit is suspicion enough,
and its interval on record says how sure it is.

Kaufman, Rosset and Perlich 2012, "Leakage in data mining: formulation, detection, and avoidance"
(ACM TKDD 6:4), is where the looks come from; the limits are the spec's.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.gate_results import Verdict
from assets.training.gates.baseline import OBSERVED, label_numbers
from assets.training.gates.certain import certain_values
from assets.training.gates.control import shuffled_control
from assets.training.gates.discrimination import PER_SIDE, discriminations
from assets.training.gates.finding import Finding, told
from assets.training.gates.intervals import interval
from assets.training.gates.proxies import Proxy, proxies

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel
    from assets.training.gates.intervals import Statistic

GATE = "training.leak"

ROWS = 50_000
"""Rows single features are looked at on, at most (seeded sample): an AUC to the third digit."""

RESAMPLES = 300
"""Of the bootstrap of the measured figure, which decides nothing: two digits are enough."""

LISTED = 10
"""Features whose discrimination the figures hold, the best first."""


def leak_gate(spec: "UseCaseSpec", trained: "TrainedModel", training_set: pa.Table) -> Finding:
    """Look for leaks in the training set and the measured scores."""
    limits = spec.model.gates.leak
    figures: dict[str, Any] = {"rows": training_set.num_rows}
    threshold = {
        "single_feature": limits.single_feature,
        "too_good": limits.too_good,
        "shuffled": limits.shuffled,
        "forbidden_features": [],
        "labels_before_event": 0,
    }
    complaints = [
        *_forbidden(spec, trained, figures),
        *_early_labels(spec, training_set, figures),
        *_single_features(spec, trained, training_set, figures),
        *_too_good(spec, trained, figures),
    ]
    control_said, unknown = _control(spec, trained, training_set, figures)
    complaints += control_said
    if figures["labels_before_event"] is None:
        unknown.append(
            f"The training set has no {OBSERVED}, so nobody can say whether a label was known "
            "before its event: build it again"
        )
    if complaints:
        return Finding(
            GATE,
            "fail",
            f"{spec.name}: {'; '.join(complaints)}. Ask how each value is known when a case "
            "arises; take what is not out of features",
            figures,
            threshold,
        )
    best = figures["single_features"][0]
    seen = (
        f"{spec.name}: no leak found; the most telling feature alone, {best['feature']}, reaches "
        f"{best['value']:.3g} ({best['low']:.3g} to {best['high']:.3g}), allowed "
        f"{limits.single_feature:g}"
    )
    verdict: Verdict = "pass"
    if unknown:
        verdict = "insufficient"
        seen += f". {'. '.join(unknown)}"
    return Finding(GATE, verdict, seen, figures, threshold)


def _forbidden(spec: "UseCaseSpec", trained: "TrainedModel", figures: dict[str, Any]) -> list[str]:
    """Columns the model takes that may never be features."""
    taken = [str(n) for n in getattr(trained.pipeline, "feature_names_in_", spec.feature_names)]
    never = {*spec.deny, *spec.sensitive, spec.label.column, spec.label.observed_at, OBSERVED}
    never |= {"label", spec.population.key}
    found = sorted({*taken, *spec.feature_names} & never)
    figures["forbidden_features"] = found
    if not found:
        return []
    return [f"the model takes {', '.join(found)}, which are denied, sensitive, or the label's own"]


def _early_labels(
    spec: "UseCaseSpec", training_set: pa.Table, figures: dict[str, Any]
) -> list[str]:
    if OBSERVED not in training_set.column_names:
        figures["labels_before_event"] = None
        return []
    when = pc.cast(training_set.column(spec.population.event_timestamp), pa.timestamp("us", "UTC"))
    early = pc.sum(pc.less(training_set.column(OBSERVED), when)).as_py() or 0
    figures["labels_before_event"] = early
    if not early:
        return []
    return [
        f"{early} of {training_set.num_rows} labels were known before their event (check "
        "label.observed_at, and the time zone of both columns)"
    ]


def _single_features(
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    training_set: pa.Table,
    figures: dict[str, Any],
) -> list[str]:
    import numpy as np

    from assets.training.frame import feature_frame

    limit = spec.model.gates.leak.single_feature
    rows = training_set
    if rows.num_rows > ROWS:
        random = np.random.default_rng(spec.model.seed)
        rows = rows.take(np.sort(random.choice(rows.num_rows, ROWS, replace=False)))
    frame, labels = feature_frame(spec, rows), label_numbers(trained, rows)
    found = discriminations(trained.task, frame, labels, trained.classes, spec.model.seed)
    same = proxies(trained.task, frame, labels)
    figures["rows_looked_at"] = rows.num_rows
    figures["single_features"] = [vars(one) for one in found[:LISTED]]
    figures["label_in_other_words"] = [vars(one) for one in same]
    said = [_same(one) for one in same]
    known = {one.feature for one in same}
    by = "correlation or R2" if trained.task == "regression" else "AUC"
    said += [
        f"{one.feature} alone ({_LOOKS[one.look]}) tells "
        f"{f'class {one.of}' if one.of else 'the outcome'} with {by} {one.value:.4g} "
        f"({one.low:.4g} to {one.high:.4g}), allowed {limit:g}"
        for one in found
        if one.value > limit and one.feature not in known
    ]
    if trained.task == "binary":
        certain = certain_values(frame, labels, limit)
        figures["certain_values"] = [vars(one) for one in certain]
        known |= {one.feature for one in found if one.value > limit}
        said += [
            f"one value of {one.feature} gives the outcome away: {one.rate:.2%} of the {one.rows} "
            f"rows that have it are of the rarer outcome (surely above {one.low:.3g}, allowed "
            f"{limit:g})"
            for one in certain
            if one.feature not in known
        ]
    return said


_LOOKS = {"rank": "by size", "missing": "by being missing", "values": "by its values"}


def _same(one: Proxy) -> str:
    return (
        f"{one.feature} is the outcome in other words: it agrees with it on {one.agreement:.2%} of "
        "rows"
    )


def _too_good(spec: "UseCaseSpec", trained: "TrainedModel", figures: dict[str, Any]) -> list[str]:
    """The measured AUC; of several classes the mean of each against the rest; of a number R2."""
    import numpy as np

    limit = spec.model.gates.leak.too_good
    name = "R2" if trained.task == "regression" else "AUC"
    found = interval(
        _reached(trained), len(trained.labels), seed=spec.model.seed, resamples=RESAMPLES
    )
    figures["measured"] = {"figure": name, "value": found, "rows": len(trained.labels)}
    # NaN (one outcome only) is not too good, nor is an AUC of so few that chance gives it.
    few = trained.task == "binary" and np.bincount(trained.labels, minlength=2).min() < PER_SIDE
    if few or not found.value > limit:
        return []
    return [
        f"{name} {told(found)} on {len(trained.labels)} rows is too good to be true (believed up "
        f"to {limit:g}): together some features give the outcome away"
    ]


def _reached(trained: "TrainedModel") -> "Statistic":
    import numpy as np

    from assets.training.measure import counted

    labels, scores = trained.labels, trained.scores
    if trained.task == "regression":
        values = counted("regression", labels, scores)
        return lambda counts: values(counts)["r2"]
    if trained.task == "binary":
        whole = counted("binary", labels, scores)
        return lambda counts: whole(counts)["roc_auc"]
    known = [k for k in range(len(trained.classes)) if (labels == k).sum() >= PER_SIDE]
    each = [counted("binary", (labels == k).astype("int64"), scores[:, k]) for k in known]
    if not each:
        return lambda counts: np.full(len(counts), np.nan)
    return lambda counts: np.mean([of(counts)["roc_auc"] for of in each], axis=0)


def _control(
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    training_set: pa.Table,
    figures: dict[str, Any],
) -> tuple[list[str], list[str]]:
    """What the control says against the model, and what it could not say."""
    limit = spec.model.gates.leak.shuffled
    control = shuffled_control(spec, trained, training_set)
    figures["shuffled"] = control and vars(control)
    if control is None:
        return [], [
            "The control of shuffled labels needs more rows of each outcome: train again when "
            "more have matured"
        ]
    said = []
    if control.shared_rows:
        said.append(
            f"{control.shared_rows} rows measured on are among the rows fitted on, so no figure "
            "of this training can be believed"
        )
    away = abs(control.auc - 0.5)
    if away > limit and away > control.noise:
        said.append(
            f"a model of shuffled labels reaches AUC {control.auc:.3f} on the evaluation rows "
            f"(chance alone: 0.5 within {control.noise:.2g}), allowed {0.5 - limit:g} to "
            f"{0.5 + limit:g}: rows measured on are known to the fit"
        )
    return said, []

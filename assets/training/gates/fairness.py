"""Do the groups of a sensitive column fare alike under the policy?

Two questions of every pair of groups, for a binary task (favourable: the score alone would
approve, ``score < policy.approve_below``):

- *selection-rate ratio*: share approved in one group over the share in the other, at least
  ``min_ratio`` (the four-fifths rule, 29 CFR 1607.4 D);
- *equal opportunity*: the difference of the shares approved among cases without the outcome
  (label 0), at most ``max_difference`` (Hardt, Price and Srebro 2016, "Equality of opportunity in
  supervised learning").

Both are decided on intervals (:mod:`assets.training.gates.shares`), and the pairs of a column
share the error probability (Bonferroni): otherwise the more groups there are, the surer chance is
to find two that differ. It fails when an interval lies wholly beyond the limit. An estimate
beyond it whose interval is not is a suspicion the rows cannot settle: insufficient.

The shares of the groups are those of fairlearn's MetricFrame. Its bootstrap intervals are not used:
they know no uncertainty about a share of 0 or 1, that of the largest difference is of the largest
of many and never near 0, and a hundred resamples of 7,000 rows took a minute.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

from assets.training.gates.finding import Finding, told
from assets.training.gates.groups import group_names, may_be_named
from assets.training.gates.shares import Share, difference, ratio

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

GATE = "training.fairness"


def fairness_gate(spec: "UseCaseSpec", trained: "TrainedModel") -> Finding:
    """Judge the winner's measured scores by the groups of every sensitive column."""
    limits = spec.model.gates.fairness
    threshold = {
        "min_ratio": limits.min_ratio,
        "max_difference": limits.max_difference,
        "min_group": limits.min_group,
        "confidence": limits.confidence,
    }
    columns = ", ".join(spec.sensitive)
    if trained.task != "binary":
        return Finding(
            GATE,
            "insufficient",
            f"{spec.name}: a {trained.task} task has no approval whose share could be compared, so "
            f"groups by {columns} are not judged. Read the groups in the model card before "
            "approving",
            {"task": trained.task},
            threshold,
        )
    figures = {column: _column(spec, trained, column) for column in spec.sensitive}
    verdicts = {column: _verdict(found) for column, found in figures.items()}
    said = "; ".join(_said(column, figures[column]) for column in spec.sensitive)
    seen = (
        f"{spec.name}: {said}. Allowed: ratio of approval at least {limits.min_ratio:g}, "
        f"difference among cases without the outcome at most {limits.max_difference:g}"
    )
    if "fail" in verdicts.values():
        return Finding(
            GATE,
            "fail",
            f"{seen}. Look at which features stand in for the group (and whether they are needed), "
            "and at whether the outcome itself was recorded alike for all",
            figures,
            threshold,
        )
    if "insufficient" in verdicts.values():
        return Finding(
            GATE,
            "insufficient",
            f"{seen}. Not every column can be judged on {len(trained.labels)} evaluation rows: "
            "train again when more outcomes have matured, or approve knowing that",
            figures,
            threshold,
        )
    return Finding(GATE, "pass", seen, figures, threshold)


def group_shares(
    spec: "UseCaseSpec", trained: "TrainedModel", column: str
) -> dict[str, tuple[Share, Share]]:
    """Per group, largest first: share approved of all cases, and of those with label 0."""
    from fairlearn.metrics import MetricFrame, count, selection_rate, true_positive_rate

    good = (trained.labels == 0).astype("int64")
    approved = (trained.scores < spec.policy.approve_below).astype("int64")
    frame = MetricFrame(
        metrics={
            "rows": count,
            "good": lambda y_true, y_pred: int(y_true.sum()),
            "selected": selection_rate,
            "treated": true_positive_rate,
        },
        y_true=good,
        y_pred=approved,
        sensitive_features=group_names(spec.sensitive[column], trained.evaluation.column(column)),
    )
    found = {
        str(group): (
            Share(round(one["selected"] * one["rows"]), int(one["rows"])),
            # fairlearn gives a share of no cases as 0: their number tells the two apart
            Share(round(one["treated"] * one["good"]), int(one["good"])),
        )
        for group, one in frame.by_group.iterrows()
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1][0].rows, item[0])))


def _column(spec: "UseCaseSpec", trained: "TrainedModel", column: str) -> dict[str, Any]:
    limits = spec.model.gates.fairness
    shares = group_shares(spec, trained, column)
    selected = {g: s for g, (s, _) in shares.items() if s.rows >= limits.min_group}
    treated = {g: s for g, (_, s) in shares.items() if s.rows >= limits.min_group}
    small = [g for g in shares if g not in selected]
    named = [g for g in small if may_be_named(spec, column, g)]
    groups = {
        group: {
            "rows": share.rows,
            "selection_rate": share.interval(limits.confidence),
            "rows_without_outcome": shares[group][1].rows,
            "true_positive_rate": treated[group].interval(limits.confidence)
            if group in treated
            else None,
        }
        for group, share in selected.items()
    }
    return {
        "groups": groups,
        "not_judged": {g: shares[g][0].rows for g in named},
        "not_judged_unnamed": {
            "groups": len(small) - len(named),
            "rows": sum(shares[g][0].rows for g in small if g not in named),
        },
        "ratio": _ratios(selected, limits.confidence, limits.min_ratio),
        "difference": _differences(treated, limits.confidence, limits.max_difference),
    }


def _ratios(
    shares: Mapping[str, Share], confidence: float, smallest: float
) -> dict[str, Any] | None:
    """The pair most surely too far apart (the lowest upper end); None of fewer than two groups.

    ``shown``: its interval is wholly beyond the limit. ``beyond``: the estimate of some pair is.
    """
    pairs: list[dict[str, Any]] = [
        {"group": low, "against": high, "interval": ratio(shares[low], shares[high], each)}
        for low, high, each in _pairs(shares, confidence)
    ]
    if not pairs:
        return None
    worst = min(pairs, key=lambda one: (one["interval"].high, one["interval"].value))
    return {
        **worst,
        "shown": worst["interval"].high < smallest,
        "beyond": any(one["interval"].value < smallest for one in pairs),
    }


def _differences(
    shares: Mapping[str, Share], confidence: float, largest: float
) -> dict[str, Any] | None:
    """The same for the difference: the highest lower end."""
    pairs: list[dict[str, Any]] = [
        {"group": low, "against": high, "interval": difference(shares[high], shares[low], each)}
        for low, high, each in _pairs(shares, confidence)
    ]
    if not pairs:
        return None
    worst = max(pairs, key=lambda one: (one["interval"].low, one["interval"].value))
    return {
        **worst,
        "shown": worst["interval"].low > largest,
        "beyond": any(one["interval"].value > largest for one in pairs),
    }


def _pairs(shares: Mapping[str, Share], confidence: float) -> list[tuple[str, str, float]]:
    """Every pair, the lower share first, and the confidence each is judged at."""
    pairs = list(combinations(shares, 2))
    each = 1 - (1 - confidence) / max(len(pairs), 1)
    ranked = [sorted(pair, key=lambda g: (shares[g].value, g)) for pair in pairs]
    return [(low, high, each) for low, high in ranked]


def _verdict(found: Mapping[str, Any]) -> str:
    judged = [found["ratio"], found["difference"]]
    if any(one and one["shown"] for one in judged):
        return "fail"
    if any(one is None or one["beyond"] for one in judged):
        return "insufficient"
    return "pass"


def _said(column: str, found: Mapping[str, Any]) -> str:
    small = len(found["not_judged"]) + found["not_judged_unnamed"]["groups"]
    left = f", {small} groups too small to judge" if small else ""
    if found["ratio"] is None:
        return f"{column}: fewer than two groups are large enough to compare{left}"
    low, wide = found["ratio"], found["difference"]
    text = f"{column}: {low['group']} is approved {told(low['interval'])} times as often as "
    text += f"{low['against']}"
    if wide is None:
        return f"{text}; too few cases without the outcome to compare opportunities{left}"
    return (
        f"{text}; without the outcome {wide['group']} is approved less often than "
        f"{wide['against']} by {told(wide['interval'])}{left}"
    )

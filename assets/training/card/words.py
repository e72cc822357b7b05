"""Figures and names in words a person reads without knowing machine learning."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from assets.training.card.document import Badge, Tone

ESTIMATORS = {
    "logistic_regression": (
        "Logistic regression: every feature adds or takes away a fixed amount, and the sum becomes "
        "a probability."
    ),
    "ridge_regression": (
        "Ridge regression: every feature adds or takes away a fixed amount; the sum is the value."
    ),
    "hist_gradient_boosting": (
        "Gradient boosting: many small decision trees, each correcting those before it. Accurate, "
        "but how a single score comes about cannot be read off it."
    ),
    "explainable_boosting": (
        "Explainable boosting machine: every feature has a curve of its own that adds to the "
        "score, so each score can be taken apart exactly."
    ),
    "tfidf_linear": (
        "Words and word pairs of the texts, weighted by how telling they are (TF-IDF), under a "
        "linear model."
    ),
}

METRICS = {
    "roc_auc": "area under the ROC curve (AUC)",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "macro_f1": "macro F1",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "explained variance (R²)",
    "brier": "Brier score",
    "accuracy": "share of right answers",
}

MEANINGS = {
    "roc_auc": (
        "how often, of two cases of which one has the outcome, that one gets the higher score; "
        "0.5 is guessing, 1 is always. Hanley and McNeil 1982."
    ),
    "average_precision": (
        "going down from the highest score: the mean share of cases that have the outcome; "
        "guessing gives the share of all cases that have it."
    ),
    "log_loss": "how far the probabilities are from what happened; smaller is better.",
    "brier": "mean squared distance of the probability from what happened; smaller is better.",
    "macro_f1": (
        "for each class the balance of what is found and what is found rightly, averaged so that "
        "rare classes count as much as common ones; 1 is perfect."
    ),
    "mae": "mean distance of the predicted from the true value; smaller is better.",
    "rmse": "like it, but large misses count more; smaller is better.",
    "r2": "share of the spread of the true values that is predicted; 1 is perfect.",
    "accuracy": "share of the cases whose likeliest class is the true one.",
}

GATES = {
    "training.sufficiency": "Enough cases to learn from",
    "training.leak": "Knows nothing it could not have known",
    "training.coverage": "Features have values",
    "training.baseline": "Better than a naive guess",
    "training.champion": "No worse than the version in charge",
    "training.calibration": "Probabilities mean what they say",
    "training.stability": "As good in every stretch of time",
    "training.fairness": "Groups of people treated alike",
    "training.behaviour": "Behaves as declared",
    "training.cascade": "The cheap model decides clear cases as this one would",
}

VERDICTS: dict[str, tuple[str, Tone]] = {
    "pass": ("passed", "good"),
    "fail": ("failed", "bad"),
    "insufficient": ("not enough evidence", "unknown"),
}


def estimator(name: str) -> str:
    """What an estimator of the allow-list is, in a sentence or two."""
    return ESTIMATORS.get(name, name)


def metric(name: str) -> str:
    return METRICS.get(name, name.replace("_", " "))


def measures(facts: Mapping[str, Any]) -> list[str]:
    """Metrics of the candidates worth a reader's time, the one they were chosen by first."""
    first = facts["metric"]["name"]
    known = {name for candidate in facts["candidates"] for name in candidate["metrics"]}
    return [first, *(name for name in METRICS if name in known and name != first)]


def gate(name: str) -> str:
    """What a gate asks, as a statement that holds when it passed."""
    return GATES.get(name, name)


def gate_order(name: str) -> tuple[int, str]:
    """Where a gate stands in a list: what could make all else worthless comes first."""
    known = list(GATES)
    return (known.index(name) if name in known else len(known), name)


def verdict(value: str) -> Badge:
    text, tone = VERDICTS.get(value, (value, "unknown"))
    return Badge(text, tone)


def told(gate: Mapping[str, Any]) -> str:
    """What a gate asks, its verdict and what it found, in a line."""
    asks, said = GATES.get(gate["gate"], gate["gate"]), verdict(gate["verdict"]).text
    return f"Gate “{asks}” ({said}): {gate['message']}"


def number(value: float | int | None, digits: int = 3) -> str:
    """A figure to so many significant digits (thousands apart), or a dash for none."""
    if value is None:
        return "-"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1000):
        return f"{int(value):,}"
    if value == 0:
        return "0"
    shown = f"{value:.{digits}g}"
    if "e" in shown and 1e-4 <= abs(value) < 1e9:
        shown = f"{value:,.0f}"
    return shown


def fixed(value: float | None, decimals: int = 3) -> str:
    """A figure with so many decimals, so that a column of them lines up."""
    if value is None:
        return "-"
    return f"{value:,.{decimals}f}"


def percent(value: float | None, decimals: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{decimals}f} %"


def interval(found: Mapping[str, Any] | None, decimals: int = 3) -> str:
    """``0.871 (0.852 to 0.889)`` of a value with low and high; a dash for none."""
    if not found or found.get("value") is None:
        return "-"
    if found.get("low") is None:
        return fixed(found["value"], decimals)
    low, high = fixed(found["low"], decimals), fixed(found["high"], decimals)
    return f"{fixed(found['value'], decimals)} ({low} to {high})"


def share(found: Mapping[str, Any] | None) -> str:
    """``12.1 % (10.3 to 14.2)`` of a share with low and high; a dash for none."""
    if not found or found.get("value") is None:
        return "-"
    low, high = 100 * found["low"], 100 * found["high"]
    return f"{percent(found['value'])} ({low:.1f} to {high:.1f})"


def day(iso: str | None) -> str:
    """``3 June 2026`` of an ISO 8601 time."""
    if not iso:
        return "-"
    at = datetime.fromisoformat(iso)
    return f"{at.day} {at:%B %Y}"


def instant(iso: str | None) -> str:
    """``2026-06-03 02:00 UTC`` of an ISO 8601 time in UTC."""
    return "-" if not iso else f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M} UTC"


def duration(seconds: float) -> str:
    """``14 days``, ``36 hours``; whole days where they are."""
    span = timedelta(seconds=seconds)
    if span < timedelta(days=1) or span % timedelta(days=1):
        hours = round(span / timedelta(hours=1))
        return "1 hour" if hours == 1 else f"{hours} hours"
    return "1 day" if span.days == 1 else f"{span.days} days"


def listed(names: list[str]) -> str:
    """``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 case``, ``1,204 cases``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def parameter(value: Any) -> str:
    """A setting of an estimator as a short text."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int | float):
        return number(value, 4)
    return str(value)


def figures(found: Mapping[str, Any], most: int = 8) -> str:
    """The single figures of a gate, one after the other; what is deeper stays in facts.json."""
    said = [f"{name} {parameter(value)}" for name, value in _leaves(found, "")]
    return "; ".join(said[:most]) + (f"; and {len(said) - most} more" if len(said) > most else "")


def _leaves(found: Mapping[str, Any], within: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for name, value in found.items():
        label = f"{within}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            leaves += _leaves(value, f"{label}: ")
        elif isinstance(value, list):
            if value and all(isinstance(one, str | int | float) for one in value):
                leaves.append((label, ", ".join(parameter(one) for one in value)))
        else:
            leaves.append((label, value))
    return leaves

"""What measures are called and counted in, for people who did not name them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.model_spec import METRICS, SMALLER_IS_BETTER
from assets.night_report.words import Unit, named, sentence
from assets.training.card.words import MEANINGS
from assets.training.card.words import METRICS as METRIC_WORDS

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

SCORE = "score"
ESTIMATED, HOLDOUT = "estimated_", "holdout_"
_METRICS = {name for names in METRICS.values() for name in names}


@dataclass(frozen=True)
class Named:
    """A measure in words. ``of``: what its n counts, in the singular."""

    title: str
    unit: Unit
    meaning: str = ""
    of: str = "case"


NAMES: Mapping[str, Named] = {
    # Economics.
    "cases": Named("Cases", "count", "Cases that came in and were decided."),
    "approval_rate": Named("Approved", "share", "Share of the cases that were approved."),
    "referral_rate": Named("Referred", "share", "Share of the cases that went to people."),
    "automation_rate": Named(
        "Decided without a person", "share", "Share of the cases no person had to look at."
    ),
    "night_cost": Named("Cost of the night", "money", "Compute and review together."),
    "compute_cost": Named("Compute", "money", "Machine time at its price."),
    "compute_seconds": Named("Machine time", "seconds"),
    "review_cost": Named("Review", "money", "Reviewers' time at its price."),
    "review_minutes": Named("Reviewers' time", "minutes", "Cases for people at minutes a case."),
    "cost_per_prediction": Named("Compute per case", "money"),
    "expected_value": Named(
        "Expected value", "money", "What tonight's decisions are worth by their scores."
    ),
    "realised_value": Named(
        "Realised value", "money",
        "What decisions were worth whose outcome became known in the last 28 days.",
        "known outcome",
    ),
    "queue_open": Named("Waiting for people", "count", "Open cases at the desk.", "open case"),
    "queue_overdue": Named("Overdue", "count", "Open cases past their due time.", "open case"),
    "queue_oldest_days": Named(
        "Oldest case waiting", "days", "Since the night it is from closed.", "open case"
    ),
    # Drift.
    "impact": Named("Does it matter", "times"),
    "input_moved": Named(
        "Input moved", "times",
        "The largest effect on a column, in multiples of what it does between quiet nights.",
    ),
    "weighted_drift": Named(
        "Drift by importance", "times",
        "Effects on the columns, weighted by how much the model leans on each.",
    ),
    "score_shift": Named(
        "Shift of the scores", "deviations",
        "How far tonight's scores lie from those of the training window.",
    ),
    # Performance.
    "calibration_error": Named(
        "Calibration error", "points",
        "Mean distance of the probability that was said from the share that came true.",
        "known outcome",
    ),
    "cost_per_case": Named(
        "Money lost per case", "money", "Against the best decision in hindsight.", "known outcome"
    ),
    "label_delay_days": Named("Days until the outcome is known", "days", "", "known outcome"),
    "label_rate": Named(
        "Share with the outcome", "share", "Among cases whose outcome is known.", "known outcome"
    ),
    "matured_share": Named(
        "Outcomes known", "share", "Share of the cases old enough to have one that have it."
    ),
    "champion_gain": Named(
        "Challenger against champion", "metric",
        "The challenger's figure less the champion's, on the same cases.", "known outcome",
    ),
    "override_rate": Named(
        "People decided otherwise", "share",
        "Share of reviews that went against the machine's advice.", "review",
    ),
    # Fairness.
    "approval_ratio": Named(
        "Lowest approval rate against the highest", "metric",
        "1 means that every group is approved equally often.",
    ),
    "true_positive_rate": Named("Found among those with the outcome", "share", "", "known outcome"),
    "false_positive_rate": Named(
        "Taken for it among those without the outcome", "share", "", "known outcome"
    ),
    "precision": Named("Right among those flagged", "share", "", "known outcome"),
    "positive_rate": Named("With the outcome", "share", "", "known outcome"),
}  # fmt: skip


def name_of(measure: str) -> Named:
    """The measure in words; a name nobody described stands as it is."""
    if measure in NAMES:
        return NAMES[measure]
    if measure in _METRICS or measure in METRIC_WORDS:
        return Named(_capital(metric(measure)), "metric", _meaning(measure), "known outcome")
    if measure.startswith(ESTIMATED):
        return Named(
            f"Estimated {metric(measure.removeprefix(ESTIMATED))}", "metric",
            "Without outcomes: what it would come to if the scores mean what they say.",
        )  # fmt: skip
    if measure.startswith(HOLDOUT):
        bare = measure.removeprefix(HOLDOUT)
        return Named(
            f"{_capital(metric(bare))} on the frozen holdout", "metric",
            "The same rows every week: changes only if the model or the road does.", "row",
        )  # fmt: skip
    share = measure.endswith(("_rate", "_share"))
    return Named(_capital(named(measure)), "share" if share else "metric")


def metric(name: str) -> str:
    """A metric without its explanation in brackets."""
    return METRIC_WORDS.get(name, named(name)).split(" (")[0]


def smaller_is_better(measure: str) -> bool:
    """Is a breach to lie above the limit?"""
    return measure.removeprefix(ESTIMATED).removeprefix(HOLDOUT) in (
        *SMALLER_IS_BETTER,
        "calibration_error",
    )


def subject_words(subject: str) -> str:
    """Whom a measure is of: ``age 30-45``, ``weight``."""
    column, equals, value = subject.partition("=")
    return f"{named(column)} {value}" if equals else named(subject)


def column_words(spec: "UseCaseSpec", name: str) -> tuple[str, str]:
    """A column's name as words, and what it is, by the spec: description and unit."""
    if name == SCORE:
        return "the score", "What the model makes of all columns at once"
    if name in spec.features.derived:
        return named(name), spec.features.derived[name].description.rstrip(".")
    sources = [spec.population.source, *(spec.view_source(v) for v in spec.features.views)]
    for source in sources:
        column = spec.sources[source].columns.get(name)
        if column is not None:
            unit = f" ({column.unit})" if column.unit else ""
            return named(name), f"{column.description.rstrip('.')}{unit}".strip()
    return named(name), ""


def moved_words(spec: "UseCaseSpec", column: str, said: str) -> str:
    """What became of a column, with its unit: ``median 1690 EUR per month, 3120 before``."""
    found = re.fullmatch(r"(median|mean) (\S+), (\S+) before", said)
    unit = _unit(spec, column)
    if found is None or not unit:
        return said
    return f"{found[1]} {found[2]} {unit}, {found[3]} before"


def _unit(spec: "UseCaseSpec", column: str) -> str:
    for source in [spec.population.source, *(spec.view_source(v) for v in spec.features.views)]:
        if column in spec.sources[source].columns:
            return spec.sources[source].columns[column].unit or ""
    return ""


def reason_words(spec: "UseCaseSpec", name: str) -> str:
    """A feature or rule that was named first among the reasons."""
    rule = name.partition("@")[0]
    for one in spec.policy.rules:
        if one.id == rule:
            return f"rule: {named(rule)}"
    return named(name)


def _meaning(measure: str) -> str:
    # What follows the first sentence is its source, for the card.
    return sentence(MEANINGS.get(measure, "").split(". ")[0])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""The training gates by name: what each asks, and which of them a use case has."""

from assets.spec import UseCaseSpec

PREFIX = "training."
SUFFICIENCY = "sufficiency"

GATES = {
    SUFFICIENCY: "There are rows and positives enough to learn from, before and after the split.",
    "leak": "No feature, and not the model as a whole, knows what it could not have known.",
    "baseline": "The model is better than knowing nothing but the past average.",
    "champion": "On the same rows, none of which it has learnt from, the champion is no better.",
    "calibration": "A probability means what it says.",
    "stability": "The model is as good in each slice of time as over all.",
    "fairness": "No group of a sensitive column is approved, or wrongly declined, far more often.",
    "behaviour": "Declared directions hold; a case without any value goes to a person.",
    "cascade": "Where the cheap model decides, the policy would decide the same by the winner.",
    "coverage": "The feature views have values for enough of the cases.",
}
"""Gate, as Dagster shows it, to the question it answers."""


def gates_of(spec: UseCaseSpec) -> list[str]:
    """The gates that can apply to a use case, in the order they are asked."""
    without = set()
    if spec.model.task == "regression":
        without.add("calibration")
    if spec.model.cascade is None:
        without.add("cascade")
    if not spec.sensitive:
        without.add("fairness")
    return [gate for gate in GATES if gate not in without]


def model_subject(digest: str) -> str:
    """What a training gate looked at: a model, by its training digest."""
    return f"model {digest[:12]}"

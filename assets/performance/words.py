"""What the two checks tell people: what, how much, against which limit, what to do."""

from typing import TYPE_CHECKING

from assets.performance.calibration import ERROR
from assets.performance.group_rates import RATIO, Fairness
from assets.performance.holdout import PREFIX
from assets.performance.measure import FAIL, INSUFFICIENT, Measure
from assets.training.evidence import Interval
from assets.training.gates.finding import told

if TYPE_CHECKING:
    from assets.performance.measured import Performance
    from assets.spec import UseCaseSpec


def performance_words(spec: "UseCaseSpec", found: "Performance") -> str:
    """Of ``performance_holds``."""
    judged = [one for one in found.measures if one.verdict and one.subject == "overall"]
    parts = [_of_measure(spec, found, one) for one in judged]
    said = " ".join(part for part in parts if part)
    failed = [one.measure for one in found.failed]
    if not failed:
        return said
    if any(name.startswith(PREFIX) for name in failed):
        said += (
            " The same rows give other scores than before: look at the library versions and the "
            "features, and do not rely on tonight's scores until you know why."
        )
    if found.metric in failed or ERROR in failed:
        said += (
            " Look at the slices and at the drift report for what changed, and at whether outcomes "
            f"are recorded as before; then train again (nightshift train {spec.name}). While it is "
            f"worse, people may have to look at more: policy.approve_below, or nightshift rollback "
            f"{spec.name}."
        )
    return said


def _of_measure(spec: "UseCaseSpec", found: "Performance", one: Measure) -> str:
    if one.measure.startswith(PREFIX):
        return _of_holdout(one)
    name = one.measure.replace("_", " ")
    if one.value is None or one.low is None or one.high is None:
        return f"{name}: not measured ({one.detail.get('why', 'no reason is on record')})."
    seen = (
        f"{name} of version {one.model_version} is "
        f"{told(Interval(one.value, one.low, one.high))} on {one.n:,} cases whose outcome matured "
        f"within {spec.monitoring.performance.window_days} days"
    )
    if one.verdict == INSUFFICIENT:
        return f"{seen}; not judged: {one.detail.get('why')}."
    if one.measure == ERROR:
        beyond = "surely more than" if one.verdict == FAIL else "allowed up to"
        return f"{seen}, {beyond} {one.limit:g}."
    trained = one.detail
    then = (
        f"at training {trained['trained']:.4g} ({trained['trained_low']:.4g} to "
        f"{trained['trained_high']:.4g})"
    )
    worse_is_more = found.trained is not None and found.trained.smaller_is_better
    side = "above" if worse_is_more else "below"
    if one.verdict == FAIL:
        return f"{seen}, {then}: the whole interval is {side} the limit {one.limit:.4g}."
    return f"{seen}, {then}; it fails when the whole interval is {side} {one.limit:.4g}."


def _of_holdout(one: Measure) -> str:
    name = one.measure.removeprefix(PREFIX).replace("_", " ")
    if one.value is None:
        return f"Frozen holdout: {one.detail.get('why')}."
    if one.verdict != FAIL:
        return ""
    return (
        f"Frozen holdout: {name} is {one.value:.6g}, on {one.detail['first_on']} it was "
        f"{one.detail['first']:.6g}, and no outcome was corrected since."
    )


def fairness_words(spec: "UseCaseSpec", found: Fairness) -> str:
    """Of ``groups_are_treated_alike``."""
    parts = [_of_ratio(spec, one) for one in found.of(RATIO)]
    said = " ".join(parts) or f"Nothing is compared: {found.why}."
    if not found.failed:
        return said
    return (
        f"{said} Look at which features stand in for the group and whether they are needed, at the "
        "rates of matured cases (is the outcome itself as frequent?), and at policy.approve_below; "
        f"the card of the champion says what was known at its approval (nightshift models "
        f"{spec.name})."
    )


def _of_ratio(spec: "UseCaseSpec", one: Measure) -> str:
    if one.value is None or one.low is None or one.high is None:
        return f"{one.subject}: not judged, {one.detail.get('why')}."
    detail, found = one.detail, told(Interval(one.value, one.low, one.high))
    seen = (
        f"By {one.subject}, {detail['group']} is approved {found} times as often as "
        f"{detail['against']} ({detail['group_rate']:.1%} of {detail['group_n']:,} cases against "
        f"{detail['against_rate']:.1%} of {detail['against_n']:,}) over "
        f"{spec.monitoring.fairness.window_days} nights"
    )
    if one.verdict == FAIL:
        return f"{seen}: surely less than {one.limit:g}."
    return f"{seen}; at least {one.limit:g} is asked for."

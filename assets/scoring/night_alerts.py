"""What people are told of a night that was not scored as it should have been."""

import hashlib
from typing import TYPE_CHECKING

from assets.alerts import Alert

if TYPE_CHECKING:
    from datetime import date

    from assets.scoring.challenger import ChallengerNight
    from assets.spec import UseCaseSpec


def gate_alert(spec: "UseCaseSpec", day: "date", why: str) -> Alert:
    """One alert for a night whose cases are known, but whose values are not to be trusted.

    ``why``: of :func:`assets.scoring.gate_fallback.failed_gate`.
    """
    return Alert(
        use_case=spec.name,
        day=day,
        incident=f"gate: {_digest(why)}",
        happened=f"The cases of {spec.name} for {day} cannot be scored: {why}",
        road_did=(
            f"Scored nothing and referred every case of {spec.name} for {day} to a person (rule "
            "'fallback'), whatever the rules of the fallback say. The night went on; earlier days "
            "and other use cases are untouched."
        ),
        person_should=(
            "Put right what the message names and have the cases reviewed. To score them after "
            f"all: `nightshift run {spec.name} --from {day} --to {day}`. To have such a night stop "
            "instead: fallback.on_failed_gate: stop in defs.yaml."
        ),
    )


def challenger_alert(spec: "UseCaseSpec", day: "date", night: "ChallengerNight") -> Alert:
    """One alert for a night in which the challenger did not do its part. Raises ValueError when it
    did."""
    if night.refusal is None:
        raise ValueError("the challenger did its part: nothing to alert anyone to")
    version, why = night.challenger.version, str(night.refusal)
    return Alert(
        use_case=spec.name,
        day=day,
        incident=f"challenger: {type(night.refusal).__name__} [{_digest(why)}]",
        happened=(
            f"The challenger of {spec.name}, version {version} in the {night.stage}, could not be "
            f"used for {day}: {why}"
        ),
        road_did=(
            f"Let the champion decide every case of {spec.name} for {day}: nobody went without a "
            "decision. The night's step of the release ladder judges the challenger by what it gave"
        ),
        person_should=(
            f"Look at the version (`nightshift release status {spec.name}`); reject it if it is "
            f"not to be tried again: `nightshift reject {spec.name} {version} --reason TEXT`."
        ),
    )


def unsound_alert(spec: "UseCaseSpec", day: "date", problem: str) -> Alert:
    """One alert for a challenger on record that nobody stands behind."""
    return Alert(
        use_case=spec.name,
        day=day,
        incident=f"challenger record: {_digest(problem)}",
        happened=f"The challenger on the release record of {spec.name} does not count: {problem}",
        road_did=(
            f"Let the champion decide every case of {spec.name} for {day}; the challenger scored "
            "none."
        ),
        person_should=(
            "Find out who wrote into the release record and why, see `nightshift release status "
            f"{spec.name}`."
        ),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]

"""Incidents in words: what the road did, what a person should do, the alert at either end."""

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from assets.alerts import Alert
from assets.incidents.kinds import ALL, BUDGET, DRIFT, FAIRNESS, KINDS, PERFORMANCE, QUEUE, RELEASE
from assets.incidents.road import stage_words
from assets.incidents.state import CLOSED

if TYPE_CHECKING:
    from assets.incidents.road import Road
    from assets.incidents.state import Incident
    from assets.spec import UseCaseSpec

ONE_DAY = timedelta(days=1)
"""From the last day a training knows of to the midnight it is "as of"."""

OF_THE_MODEL = (DRIFT, PERFORMANCE, FAIRNESS)
"""Kinds in which who decides, and what it was trained on, matters."""


def told(
    spec: "UseCaseSpec", one: "Incident", road: "Road", last_request: date | None
) -> "Incident":
    """The incident with what the road did and what a person should do, as of its night.

    ``last_request``: the latest day any incident of the use case asked for a training.
    """
    return replace(
        one,
        road_did=road_did(spec, one, road, last_request),
        person_should=person_should(spec, one, road, last_request),
    )


def title(one: "Incident") -> str:
    """A few words: ``performance of roc_auc: the champion is worse than it was``."""
    of = "" if one.subject == ALL else f" of {one.subject}"
    return f"{one.kind}{of}: {KINDS.get(one.kind, one.kind)}"


def road_did(spec: "UseCaseSpec", one: "Incident", road: "Road", last_request: date | None) -> str:
    """What happened by itself since the incident was opened."""
    if one.kind == RELEASE:
        return (
            f"Took {one.subject} off the ladder the same night; the champion decides every case "
            "from the next night on. What was decided stands."
        )
    said = ["Stopped nothing; what was decided stands."]
    if one.kind in OF_THE_MODEL:
        said += [
            f"Rolled back version {off.version} from the {off.stage} on {off.day}: the champion "
            "decides every case from the night after."
            for off in road.taken_off_since(one)
        ]
    if one.kind in (DRIFT, PERFORMANCE):
        said.append(_of_training(spec, one, road, last_request))
    return " ".join(said)


def _of_training(
    spec: "UseCaseSpec", one: "Incident", road: "Road", last_request: date | None
) -> str:
    trained, on = road.trained_since(one), one.training_asked_on
    asked = f"Asked for a training on {on}" if on else ""
    if trained is not None:
        version = (
            f"version {trained.version}, trained on what was known at the end of {trained.until}, "
            f"{stage_words(trained.stage)}"
        )
        return f"{asked}; {version}." if asked else f"{version[0].upper()}{version[1:]}."
    if asked:
        return f"{asked}."
    if one.kind not in spec.monitoring.retrain.on:
        return "Asks for no training (monitoring.retrain.on)."
    if last_request is not None:
        free = last_request + spec.monitoring.retrain.pause
        return (
            f"Asked for no training of its own: another incident did on {last_request}, and the "
            f"next may on {free} (monitoring.retrain.cool_down)."
        )
    return "Asked for no training yet."


def person_should(
    spec: "UseCaseSpec", one: "Incident", road: "Road", last_request: date | None
) -> str:
    """The next steps, with the command for each."""
    if one.state == CLOSED:
        return "Nothing more for this incident."
    name, seen = spec.name, one.last_seen_on
    if one.kind == DRIFT:
        look = (
            f"Look at the drift report of {seen}: a real change, or a fault of a source? A fault "
            "is the source's to mend; the night then runs again: "
            f"`nightshift run {name} --from {seen} --to {seen}`."
        )
        return f"{look} {_train(spec, one, road, last_request)}"
    if one.kind == PERFORMANCE:
        training = _train(spec, one, road, last_request)
        return (
            f"{training} If the champion does harm meanwhile, bring the one before it back: "
            f"`nightshift rollback {name} --reason TEXT`."
        )
    if one.kind == FAIRNESS:
        return (
            f"Look with the owners at who was declined or referred by {one.subject} (page of the "
            "use case, fairness), and at the reasons. A model that is to blame is rolled back: "
            f"`nightshift rollback {name} --reason TEXT`; a rule of the policy is changed in "
            "defs.yaml."
        )
    if one.kind == RELEASE:
        return (
            f"See what it decided and what is awaited: `nightshift release status {name}`. Have "
            f"the cases it decided decided anew: `nightshift redecide {name} --reason TEXT`. Find "
            "out what is wrong with it before another is trained."
        )
    if one.kind == QUEUE:
        return (
            "Have the overdue cases decided at the review desk (`nightshift desk`), or tell its "
            "owners that more people are needed; what may be overdue is monitoring.overdue_cases "
            "in defs.yaml."
        )
    if one.kind == BUDGET:
        return (
            f"Look at which stage the money went to (asset {name}/economics of {seen}); where the "
            "cost is right, raise economics.night_budget in defs.yaml."
        )
    return f"`nightshift incidents {name}` says what is known."


def _train(spec: "UseCaseSpec", one: "Incident", road: "Road", last_request: date | None) -> str:
    trained = road.trained_since(one)
    if trained is not None and trained.on_the_way:
        return (
            f"Read the card of version {trained.version}, then approve or reject it: `nightshift "
            f"approve {spec.name} {trained.version} --reason TEXT`; how it fares: `nightshift "
            f"release status {spec.name}`."
        )
    pause = spec.monitoring.retrain.pause
    recent = last_request is not None and one.last_seen_on - last_request < pause
    asked = last_request if recent else one.training_asked_on
    command = f"`nightshift train {spec.name} --as-of {(asked or one.last_seen_on) + ONE_DAY}`"
    if asked is None:
        return f"If it lasts, train anew: {command}."
    return (
        f"The training asked for on {asked} starts by itself where the sensor {spec.name}"
        f"_retraining is on; elsewhere: {command}. What comes of it needs approval: `nightshift "
        f"models {spec.name}`."
    )


def opened_alert(use_case: str, one: "Incident") -> Alert:
    """The one alert of an incident while it is open."""
    return Alert(
        use_case=use_case,
        day=one.opened_on,
        incident=f"{one.kind} of {one.subject} [{one.short_id}]",
        happened=one.happened,
        road_did=one.road_did,
        person_should=one.person_should,
    )


def closed_alert(use_case: str, one: "Incident") -> Alert:
    """The alert that says it is over. Raises ValueError for one that is not."""
    if one.closed_on is None:
        raise ValueError("the incident is open: nothing is over")
    return Alert(
        use_case=use_case,
        day=one.closed_on,
        incident=f"{one.kind} of {one.subject} [{one.short_id}] closed",
        happened=(
            f"Over in {use_case}: {title(one)}. {_found(one)}; {_nights(one.quiet)} since, up to "
            f"{one.closed_on}, did not."
        ),
        road_did=f"Closed the incident. {one.road_did}",
        person_should=(
            "Nothing more for this incident. What was trained because of it still needs its "
            f"approval: `nightshift models {use_case}`."
            if one.training_asked_on is not None
            else "Nothing more for this incident."
        ),
    )


def withdrawn_alert(use_case: str, one: "Incident") -> Alert:
    """The alert for an incident that its night, run again, does not show any more."""
    return Alert(
        use_case=use_case,
        day=one.opened_on,
        incident=f"{one.kind} of {one.subject} [{one.short_id}] withdrawn",
        happened=(
            f"Withdrawn in {use_case}: {title(one)}. The night of {one.opened_on} was run again on "
            "other data, and does not show it."
        ),
        road_did="Took the incident back; a training that was asked for and has begun goes on.",
        person_should="Nothing, if the data was put right on purpose.",
    )


def _found(one: "Incident") -> str:
    if one.nights == 1:
        return f"The night of {one.opened_on} found it"
    return f"{one.nights} nights found it from {one.opened_on} to {one.last_seen_on}"


def _nights(count: int) -> str:
    return "1 night" if count == 1 else f"{count} nights"

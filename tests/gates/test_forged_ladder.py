"""Rows written into the record by hand put nobody on the ladder, and take nobody off it.

Each is a genuine row with one thing changed, or in another place.
"""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from assets.home import Home
from assets.lake import Lake
from assets.release.affected import affected_days
from assets.release.approval import Signer
from assets.release.champion import NotApproved, champion_on
from assets.release.deciders import Deciders, deciders_on
from assets.release.events import Event, evidence_of, read_events
from assets.release.redecision import redecide
from assets.release.standing import standings
from assets.spec import UseCaseSpec
from tests.released import (
    AS_OF,
    NAME,
    NOW,
    approved,
    make_spec,
    person,
    put,
    rejected,
    rolled_back,
    scored,
    stepped,
    written,
    written_with_the_key,
)
from tests.remembered import RememberedLake

FIRST = AS_OF.date()
LATE = date(2026, 12, 31)


def night(number: int) -> date:
    return FIRST + timedelta(days=number)


def asked(home: Home, lake: Lake, spec: UseCaseSpec) -> Deciders:
    return deciders_on(lake, home, spec, LATE)


def row(lake: Lake, stage: str) -> Event:
    """The newest event of a stage, as somebody would copy it: not in its place, and not signed."""
    event = [e for e in read_events(lake, NAME) if e["stage"] == stage][-1]
    return {name: value for name, value in event.items() if name != "sequence"}


def unsigned(event: Event, **changes: Any) -> Event:
    return {**event, "signature": None, "public_key": None, **changes}


@pytest.fixture
def lake(home: Home) -> Lake:
    """In memory: most of what is tested here is rules."""
    return RememberedLake(home.lake)


@pytest.fixture
def ann(home: Home, lake: Lake) -> Signer:
    """Someone enrolled, in a home with two registered versions."""
    for version in (1, 2):
        put(lake, make_spec(), version)
    return person(home, lake, "ann")


@pytest.fixture
def spec() -> UseCaseSpec:
    return make_spec()


@pytest.fixture
def in_shadow(home: Home, lake: Lake, spec: UseCaseSpec, ann: Signer) -> Signer:
    """Version 1 is champion, version 2 in the shadow and not approved, version 3 waits."""
    approved(home, lake, spec, 1, ann)
    stepped(home, lake, spec, night(0))
    put(lake, spec, 3)
    return ann


@pytest.fixture
def in_canary(home: Home, lake: Lake, spec: UseCaseSpec, in_shadow: Signer) -> Signer:
    """Version 2 is in the canary."""
    approved(home, lake, spec, 2, in_shadow)
    stepped(home, lake, spec, night(1), 2)
    return in_shadow


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (lambda e: {**e, "model_version": 3}, "is for other files than were registered"),
        (lambda e: {**e, "model_digest": "0" * 64}, "is for other files than were registered"),
        (lambda e: {**e, "model_version": 9}, "not on record as having passed its gates"),
        (lambda e: {**e, "evidence": "{}"}, "what is registered of the version is another"),
        (lambda e: {**e, "effective_from": night(9)}, "not as it stands there"),
        (lambda e: unsigned(e), "this installation did not sign it"),
        (lambda e: e, "not as it stands there"),  # nothing changed but its place
    ],
)
def test_a_shadow_event_written_by_hand_has_no_model_loaded(
    home: Home,
    lake: Lake,
    spec: UseCaseSpec,
    in_shadow: Signer,
    forge: Callable[[Event], Event],
    said: str,
) -> None:
    before = asked(home, lake, spec)
    assert before.challenger is not None
    forged = forge(row(lake, "shadow"))
    written(lake, forged)
    found = asked(home, lake, spec)
    assert found.champion == before.champion  # nights go on
    assert (found.challenger, found.stage) == (None, None)
    assert said in found.problem
    assert said in "".join(standings(lake, home, spec)[1])
    assert stepped(home, lake, spec, night(2), 2) == []  # and nobody enters meanwhile
    rejected(home, lake, spec, forged["model_version"], in_shadow)
    settled = asked(home, lake, spec)
    assert settled.problem == ""
    assert settled.challenger == (None if forged["model_version"] == 2 else before.challenger)


def test_nights_before_are_as_they_were_once_people_put_the_record_right(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer
) -> None:
    scored(lake, night(2))
    before = deciders_on(lake, home, spec, night(2))
    assert before.stage == "canary"
    written(lake, unsigned(row(lake, "canary"), model_version=3, effective_from=FIRST))
    assert deciders_on(lake, home, spec, night(2)).challenger is None
    rejected(home, lake, spec, 3, in_canary)
    assert deciders_on(lake, home, spec, night(2)) == before


def test_what_gates_refused_does_not_score_beside_the_champion(
    home: Home, lake: Lake, spec: UseCaseSpec, in_shadow: Signer
) -> None:
    """Not even where the installation's key was used."""
    put(lake, spec, 4, leak="fail")
    entry = next(e for e in read_events(lake, NAME) if e["model_version"] == 4)
    forged = {k: v for k, v in entry.items() if k != "sequence"}
    written_with_the_key(home, lake, {**forged, "stage": "shadow"})
    assert "version 4 is shadow, but it is not on record as having passed" in (
        asked(home, lake, spec).problem
    )


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (lambda e: unsigned(e), "this installation did not sign it"),
        (lambda e: e, "not as it stands there"),
        (lambda e: {**e, "effective_from": night(0)}, "it was approved from another day on"),
        (lambda e: {**e, "model_version": 3}, "it is for another model version"),
        (lambda e: {**e, "model_digest": "0" * 64}, "it is for another model digest"),
        (lambda e: {**e, "evidence": "{}"}, "no approval stands behind it"),
    ],
)
def test_a_canary_event_written_by_hand_decides_nothing(
    home: Home,
    lake: Lake,
    spec: UseCaseSpec,
    in_canary: Signer,
    forge: Callable[[Event], Event],
    said: str,
) -> None:
    assert asked(home, lake, spec).stage == "canary"
    written(lake, forge(row(lake, "canary")))
    found = asked(home, lake, spec)
    assert found.champion is not None
    assert (found.challenger, found.stage) == (None, None)
    assert said in found.problem


def test_a_canary_without_its_approvals_decides_nothing(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer
) -> None:
    """Not even where the installation's key was used."""
    event = row(lake, "canary")
    put(lake, spec, 4)
    entry = next(e for e in read_events(lake, NAME) if e["model_version"] == 4)
    evidence = {
        **evidence_of(event),
        "record": evidence_of(entry)["record"],
    }
    same = ("model_version", "model_digest", "manifest_digest")
    forged = unsigned(event, evidence=json.dumps(evidence)) | {name: entry[name] for name in same}
    written_with_the_key(home, lake, forged)
    assert "does not count: it is for another model version" in asked(home, lake, spec).problem
    stricter = make_spec(approvals=2)
    with pytest.raises(NotApproved, match="1 of the 2 people"):
        deciders_on(lake, home, stricter, LATE)


@pytest.mark.parametrize("stage", ["rolled_back", "rejected", "retired"])
def test_nobody_is_taken_off_the_ladder_by_hand(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer, stage: str
) -> None:
    event = row(lake, "canary")
    written(lake, unsigned(event, stage=stage))
    found = asked(home, lake, spec)
    assert found.challenger is None  # in doubt, it decides nothing
    assert f"version 2 is {stage.replace('_', ' ')}, but " in found.problem
    (one,) = [s for s in standings(lake, home, spec)[0] if s.version == 2]
    assert one.stage == "canary"


def test_a_champion_rolled_back_by_hand_is_in_doubt_and_another_does_not_come_back(
    home: Home, lake: Lake, spec: UseCaseSpec, in_shadow: Signer
) -> None:
    champion = row(lake, "champion")
    written(lake, unsigned(champion, stage="rolled_back"))
    with pytest.raises(NotApproved, match="rolled back, but this installation did not sign it"):
        champion_on(lake, home, spec, LATE)
    written(lake, unsigned(champion, stage="rolled_back", actor="person:ann"))
    with pytest.raises(NotApproved, match="rolled back, but"):
        champion_on(lake, home, spec, LATE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reinstates": "x"}, "the champion event it cites is not on record"),
        ({"rollback": "x"}, "the rollback it cites is not on record"),
        ({"approvals": ["x"]}, "under another record or by other approvals"),
    ],
)
def test_a_champion_is_back_only_by_what_it_cites(
    home: Home,
    lake: Lake,
    spec: UseCaseSpec,
    in_canary: Signer,
    changes: dict[str, Any],
    said: str,
) -> None:
    """Not even where the installation's key was used."""
    stepped(home, lake, spec, night(2), 2, "canary")
    rolled_back(home, lake, spec, in_canary)
    event = row(lake, "champion")
    assert "reinstates" in evidence_of(event)
    evidence = json.dumps(evidence_of(event) | changes)
    written_with_the_key(home, lake, unsigned(event, evidence=evidence))
    with pytest.raises(NotApproved, match=said):
        champion_on(lake, home, spec, LATE)


def test_a_version_that_was_rolled_back_is_not_back_by_hand(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer
) -> None:
    """Not even where the installation's key was used."""
    canary = row(lake, "canary")
    rolled_back(home, lake, spec, in_canary)
    written_with_the_key(home, lake, unsigned(canary, effective_from=night(5)))
    assert "but ann had rolled it back before" in asked(home, lake, spec).problem


def test_no_day_is_decided_anew_by_hand(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer
) -> None:
    scored(lake, night(2), versions=[1, 2])
    rolled_back(home, lake, spec, in_canary)
    before = deciders_on(lake, home, spec, night(2))
    assert before.stage == "canary"
    done = redecide(home, lake, spec, in_canary, reason="wrong", now=NOW)
    assert deciders_on(lake, home, spec, night(2)).challenger is None
    (event,) = done.events
    said = evidence_of(event)["statement"] | {"days": [str(night(0))]}
    written(lake, {**event, "evidence": json.dumps({"statement": said})})
    written(lake, unsigned(event, evidence=json.dumps({"statement": said})))
    assert deciders_on(lake, home, spec, night(2)).champion == before.champion
    assert affected_days(lake, spec, 2) == [night(2)]


def test_a_people_signature_is_none_of_the_installation(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer
) -> None:
    from assets.release.seal import sealed

    there = read_events(lake, NAME)
    (forged,) = sealed(in_canary.identity, NAME, there, [unsigned(row(lake, "canary"))])
    written(lake, forged)
    assert "this installation did not sign it" in asked(home, lake, spec).problem


def test_of_another_use_case_nothing_counts(
    home: Home, lake: Lake, spec: UseCaseSpec, in_canary: Signer
) -> None:
    from assets.release.seal import sealed
    from assets.training.manifest import installation_key

    there = read_events(lake, NAME)
    (forged,) = sealed(installation_key(home), "ships", there, [unsigned(row(lake, "canary"))])
    written(lake, forged)
    assert "this installation did not sign it" in asked(home, lake, spec).problem

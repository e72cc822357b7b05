"""Incidents on a lake: opened once, told once, closed by themselves, whatever is run again."""

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from assets.home import Home
from assets.incidents.publish import Recorded, record_night
from assets.incidents.state import Incident
from assets.lake import Lake
from assets.release.backing import is_requester
from assets.release.champion import champion_on
from assets.release.events import SYSTEM
from assets.spec import UseCaseSpec
from assets.tables import ALERTS, INCIDENTS
from tests.incident_nights import drift, economics, fairness, measured, moved, night, performance
from tests.released import NAME, approved, make_spec, person, put, registered, stepped
from tests.remembered import RememberedLake


def watching(*sensitive: str, **monitoring: Any) -> UseCaseSpec:
    """The boats, with sensitive columns and other settings of what is watched."""
    more = {"monitoring": monitoring, "sensitive": {column: {} for column in sensitive}}
    return UseCaseSpec.model_validate({**make_spec().model_dump(), **more})


@pytest.fixture
def spec() -> UseCaseSpec:
    return watching(closes_after=2)


@pytest.fixture
def quick(home: Home) -> Lake:
    """In memory: most of what is tested here is rules."""
    return RememberedLake(home.lake)


def run(home: Home, lake: Lake, spec: UseCaseSpec, number: int, **tables: Any) -> Recorded:
    """A night is measured, and its incidents recorded."""
    measured(lake, NAME, night(number), **tables)
    return record_night(spec, home, lake, night(number), f"run of {number}")


def told(home: Home) -> list[dict[str, str]]:
    """Alerts in the order they were raised."""
    if not home.alert_log.exists():
        return []
    return [json.loads(line) for line in home.alert_log.read_text().splitlines()]


def facts(one: Incident) -> tuple[str, int, int, date, date | None]:
    return one.state, one.nights, one.quiet, one.last_seen_on, one.closed_on


def midnight(number: int) -> datetime:
    """As-of time of a training on what was known at the end of the night before."""
    return datetime.combine(night(number), time(), UTC)


def test_drift_that_matters_opens_lasts_and_closes_and_is_told_twice(
    home: Home, lake: Lake, spec: UseCaseSpec
) -> None:
    nights = ["stable", "matters", "insufficient", "matters", "stable", "harmless", "stable"]
    found = [
        run(home, lake, spec, number, drift=drift(verdict)) for number, verdict in enumerate(nights)
    ]
    assert [len(one.incidents) for one in found] == [0, 1, 1, 1, 1, 1, 0]
    assert [facts(one.incidents[0]) for one in found[1:6]] == [
        ("open", 1, 0, night(1), None),
        ("open", 1, 0, night(1), None),
        ("open", 2, 0, night(3), None),
        ("open", 2, 1, night(3), None),
        ("closed", 2, 2, night(3), night(5)),
    ]
    assert len({one.incidents[0].incident_id for one in found[1:6]}) == 1
    evidence = json.loads(found[4].incidents[0].evidence)
    assert evidence["night"] == night(3).isoformat()
    assert evidence["measures"][0]["value"] == 3.24
    opened, closed = told(home)
    assert opened["day"] == night(1).isoformat()
    assert "it matters: wind, waves (210 cases" in opened["happened"]
    assert opened["road_did"] == (
        "Stopped nothing; what was decided stands. Asked for a training on 2026-03-03."
    )
    assert "`nightshift train boats --as-of 2026-03-04`" in opened["person_should"]
    assert closed["day"] == night(5).isoformat()
    assert closed["happened"] == (
        "Over in boats: drift: the input moved, and it matters. 2 nights found it from 2026-03-03 "
        "to 2026-03-05; 2 nights since, up to 2026-03-07, did not."
    )
    # Each of them run again, in any order: the same rows, and nobody is told anything.
    version = lake.version(NAME, INCIDENTS)
    for number in (3, 1, 5, 0, 2, 6, 4):
        again = record_night(spec, home, lake, night(number), "run again")
        assert again.incidents == found[number].incidents
        assert not again.commit.changed
    assert lake.version(NAME, INCIDENTS) == version
    assert len(told(home)) == 2
    assert lake.read(NAME, ALERTS).num_rows == 2


@pytest.mark.parametrize(
    ("kind", "subject", "fires", "silent", "insufficient"),
    [
        (
            "drift",
            "overall",
            {"drift": drift("matters")},
            {"drift": drift("harmless")},
            {"drift": drift("insufficient")},
        ),
        (
            "performance",
            "roc_auc",
            {"performance": performance("fail")},
            {"performance": performance("pass")},
            {"performance": performance("insufficient", "insufficient")},
        ),
        (
            "performance",
            "calibration_error",
            {"performance": performance("pass", "fail")},
            {"performance": performance("pass")},
            {"performance": performance("insufficient", "insufficient")},
        ),
        (
            "fairness",
            "boat",
            {"fairness": fairness("fail")},
            {"fairness": fairness("pass")},
            {"fairness": fairness("insufficient")},
        ),
        (
            "budget",
            "overall",
            {"economics": economics(cost="fail")},
            {"economics": economics(cost="pass")},
            {"economics": []},
        ),
        (
            "queue",
            "overall",
            {"economics": economics(overdue="fail")},
            {"economics": economics(overdue="pass")},
            {"economics": []},
        ),
    ],
)
def test_each_kind_fires_stays_silent_and_knows_when_it_does_not_know(
    home: Home,
    quick: Lake,
    kind: str,
    subject: str,
    fires: dict[str, Any],
    silent: dict[str, Any],
    insufficient: dict[str, Any],
) -> None:
    spec = watching("boat", closes_after=2)
    assert run(home, quick, spec, 0, **silent).incidents == []
    assert run(home, quick, spec, 1, **insufficient).incidents == []
    (one,) = run(home, quick, spec, 2, **fires).incidents
    assert (one.kind, one.subject, one.state) == (kind, subject, "open")
    assert one.happened
    assert one.person_should
    assert (one.training_asked_on is not None) == (kind in ("drift", "performance"))
    (one,) = run(home, quick, spec, 3, **insufficient).incidents
    assert facts(one)[:3] == ("open", 1, 0)
    run(home, quick, spec, 4, **silent)
    (one,) = run(home, quick, spec, 5, **silent).incidents
    assert facts(one)[:3] == ("closed", 1, 2)
    assert [alert["incident"] for alert in told(home)] == [
        f"{kind} of {subject} [{one.short_id}]",
        f"{kind} of {subject} [{one.short_id}] closed",
    ]


def test_a_roll_back_the_same_night_is_what_the_road_did_about_the_drift(
    home: Home, quick: Lake, spec: UseCaseSpec
) -> None:
    moved(quick, NAME, night(0), 2, "hold", "canary")
    moved(quick, NAME, night(1), 2, "roll_back", "canary")
    assert run(home, quick, spec, 0, drift=drift("stable")).incidents == []
    drifted, release = run(home, quick, spec, 1, drift=drift("matters")).incidents
    off = "Rolled back version 2 from the canary on 2026-03-03: the champion decides every case"
    assert off in drifted.road_did
    assert (release.kind, release.subject, release.model_version) == ("release", "version 2", 2)
    assert "24.6 points more are approved" in release.happened
    # Of the roll back the ladder has told people itself.
    assert [alert["incident"].split()[0] for alert in told(home)] == ["drift"]
    drifted, release = run(home, quick, spec, 2, drift=drift("matters")).incidents
    assert off in drifted.road_did
    assert release.quiet == 1
    states = run(home, quick, spec, 3, drift=drift("stable")).incidents
    assert [(one.kind, one.state) for one in states] == [("drift", "open"), ("release", "closed")]
    assert told(home)[-1]["incident"] == f"release of version 2 [{release.short_id}] closed"


def test_one_training_is_asked_for_and_the_next_after_the_cool_down(
    home: Home, quick: Lake
) -> None:
    spec = watching(closes_after=2, retrain={"on": ["drift", "performance"], "cool_down": "3d"})
    both = {"drift": drift("matters"), "performance": performance("fail")}
    first = run(home, quick, spec, 0, **both).incidents
    assert [one.training_asked_on for one in first] == [night(0), None]
    assert "another incident did on 2026-03-02, and the next may on 2026-03-05" in first[1].road_did
    asked = []
    for number, verdict in enumerate(["matters", "matters", "insufficient", "matters"], 1):
        found = run(home, quick, spec, number, drift=drift(verdict)).incidents
        asked.append([one.training_asked_on for one in found if one.kind == "drift"])
    # Night 3 is free to ask, and has not found it.
    assert asked == [[night(0)], [night(0)], [night(0)], [night(4)]]
    assert "Asked for a training on 2026-03-06." in found[0].road_did


def test_no_training_is_asked_for_by_kinds_the_spec_leaves_out(home: Home, quick: Lake) -> None:
    spec = watching(retrain={"on": ["performance"]})
    (one,) = run(home, quick, spec, 0, drift=drift("matters")).incidents
    assert one.training_asked_on is None
    assert "Asks for no training (monitoring.retrain.on)." in one.road_did
    assert "If it lasts, train anew: `nightshift train boats" in one.person_should


def test_a_version_trained_since_is_the_answer_while_it_is_on_its_way(
    home: Home, quick: Lake
) -> None:
    spec = watching(retrain={"cool_down": "2d"})
    ann = person(home, quick, "ann")
    put(quick, spec, registered(1, as_of=midnight(-3)))
    approved(home, quick, spec, 1, ann)
    put(quick, spec, registered(2, as_of=midnight(0)))  # older than the incident
    (one,) = run(home, quick, spec, 0, drift=drift("matters")).incidents
    assert one.training_asked_on == night(0)
    put(quick, spec, registered(3, as_of=midnight(1)))
    # The night itself, run again after the training it asked for, says what it said.
    assert record_night(spec, home, quick, night(0), "again").incidents == [one]
    (one,) = run(home, quick, spec, 1, drift=drift("matters")).incidents
    waits = "version 3, trained on what was known at the end of 2026-03-02, waits for approval"
    assert f"Asked for a training on 2026-03-02; {waits}" in one.road_did
    assert "Read the card of version 3" in one.person_should
    stepped(home, quick, spec, night(1))
    (one,) = run(home, quick, spec, 2, drift=drift("matters")).incidents
    assert "version 3, trained on what was known at the end of 2026-03-02, is in the shadow." in (
        one.road_did
    )
    assert one.training_asked_on == night(0)  # the cool-down is over, the road has acted
    moved(quick, NAME, night(3), 3, "roll_back", "shadow")
    stepped(home, quick, spec, night(3), 3, "shadow", "roll_back")
    found = run(home, quick, spec, 3, drift=drift("matters")).incidents
    assert found[0].training_asked_on == night(3)
    assert "version 3" in found[0].road_did
    assert "was rolled back" in found[0].road_did


def test_one_refused_by_its_gates_is_no_answer(home: Home, quick: Lake) -> None:
    spec = watching(retrain={"cool_down": "1d"})
    run(home, quick, spec, 0, drift=drift("matters"))
    assert put(quick, spec, registered(1, as_of=midnight(1)), calibration="fail") == "refused"
    (one,) = run(home, quick, spec, 1, drift=drift("matters")).incidents
    assert one.training_asked_on == night(1)
    assert "was refused by its gates" in one.road_did


def test_what_the_system_asked_for_is_approved_by_people_and_by_nobody_else(
    home: Home, quick: Lake
) -> None:
    spec = make_spec("high")
    for name in ("system", "nightshift", SYSTEM):
        assert is_requester(SYSTEM, name, "somebody") == (name == SYSTEM)
    put(quick, spec, 1, requested_by=SYSTEM)
    assert champion_on(quick, home, spec, date.max) is None
    approved(home, quick, spec, 1, person(home, quick, "ann"))
    champion = champion_on(quick, home, spec, date.max)
    assert champion is not None
    assert champion.approved_by == ("ann",)


def test_an_old_night_that_now_shows_something_else_is_told_in_all_that_follow(
    home: Home, quick: Lake, spec: UseCaseSpec
) -> None:
    for number in range(5):
        assert run(home, quick, spec, number, drift=drift("stable")).incidents == []
    found = run(home, quick, spec, 1, drift=drift("matters"))
    assert [one.state for one in found.incidents] == ["open"]
    rows = quick.read(NAME, INCIDENTS).to_pylist()
    assert [(row["partition_date"], row["state"]) for row in rows] == [
        (night(1), "open"),
        (night(2), "open"),
        (night(3), "closed"),
    ]
    assert [alert["incident"].split("] ")[-1:] for alert in told(home)][1] == ["closed"]
    # It was a mistake: put right, the night shows nothing again.
    assert run(home, quick, spec, 1, drift=drift("stable")).incidents == []
    assert quick.read(NAME, INCIDENTS).num_rows == 0
    last = told(home)[-1]
    assert last["happened"].startswith("Withdrawn in boats: drift: the input moved")
    assert len(told(home)) == 3


def test_a_night_that_was_not_run_is_neither_quiet_nor_found(
    home: Home, quick: Lake, spec: UseCaseSpec
) -> None:
    run(home, quick, spec, 0, performance=performance("fail"))
    run(home, quick, spec, 1, performance=performance("pass"))
    (one,) = run(home, quick, spec, 40, performance=performance("fail")).incidents
    assert facts(one)[:3] == ("open", 2, 0)
    (one,) = run(home, quick, spec, 240, performance=performance("pass")).incidents
    assert (one.opened_on, one.quiet) == (night(0), 1)
    assert record_night(spec, home, quick, night(241) + timedelta(days=9), "r").incidents == [one]


def test_without_a_key_nobody_knows_what_was_trained_and_nothing_is_asked(
    home: Home, quick: Lake, spec: UseCaseSpec
) -> None:
    person(home, quick, "ann")
    put(quick, spec, 1)
    home.signing_key.write_bytes(b"no key")
    found = run(home, quick, spec, 0, drift=drift("matters"))
    assert found.problem
    assert [one.training_asked_on for one in found.incidents] == [None]


def test_killed_after_people_were_told_the_next_run_writes_and_tells_nobody_twice(
    home: Home, quick: Lake, spec: UseCaseSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    measured(quick, NAME, night(0), drift=drift("matters"))
    with monkeypatch.context() as broken:
        broken.setattr(quick, "replace_days", killed)
        with pytest.raises(KeyboardInterrupt):
            record_night(spec, home, quick, night(0), "r")
    assert len(told(home)) == 1
    (one,) = record_night(spec, home, quick, night(0), "again").incidents
    assert quick.read(NAME, INCIDENTS).num_rows == 1
    assert [alert["incident"] for alert in told(home)] == [f"drift of overall [{one.short_id}]"]

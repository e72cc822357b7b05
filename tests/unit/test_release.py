"""The release record: how versions get on it, what it says of each, the aliases that follow it."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from assets.gate_results import Verdict
from assets.home import Home
from assets.lake import Lake
from assets.release.aliases import project_aliases
from assets.release.backing import requirement
from assets.release.champion import NoChampion, champion_on, require_champion
from assets.release.events import current_stages, evidence_of, read_events
from assets.release.first_day import newest_night
from assets.release.standing import decisions, standings
from assets.tables import RELEASE_EVENTS
from assets.training.gate_names import gates_of
from tests.released import (
    AS_OF,
    NAME,
    NOW,
    approved,
    direct_spec,
    entered,
    judged,
    make_spec,
    person,
    put,
    registered,
    rejected,
    scored,
    written,
)

FIRST = AS_OF.date()


def test_a_version_whose_gates_passed_is_registered_and_decides_nothing(
    home: Home, lake: Lake
) -> None:
    spec = make_spec()
    assert put(lake, spec, 1, stability="insufficient") == "registered"
    (event,) = read_events(lake, NAME)
    assert event["reason"] == "6 training gates passed; not enough evidence for stability"
    assert evidence_of(event)["gates"]["training.leak"]["verdict"] == "pass"
    assert event["manifest_digest"] == evidence_of(event)["record"]["manifest_digest"]
    assert champion_on(lake, home, spec, date.max) is None
    with pytest.raises(NoChampion, match=r"nightshift approve boats 1 --reason TEXT"):
        require_champion(lake, home, spec, FIRST)


@pytest.mark.parametrize(
    ("insufficient", "verdicts", "said"),
    [
        ("proceed", {"leak": "fail"}, "leak (fail): the finding of leak"),
        (
            "proceed",
            {"baseline": "fail", "fairness": "fail", "stability": "insufficient"},
            "baseline (fail): the finding of baseline; fairness (fail): the finding of fairness",
        ),
        (
            "stop",
            {"stability": "insufficient"},
            "stability (insufficient): the finding of stability",
        ),
    ],
)
def test_a_version_that_a_gate_stopped_is_refused(
    lake: Lake, insufficient: str, verdicts: dict[str, Verdict], said: str
) -> None:
    assert put(lake, make_spec(insufficient=insufficient), 1, **verdicts) == "refused"
    (event,) = read_events(lake, NAME)
    assert (event["stage"], event["reason"]) == ("refused", said)


def test_without_results_on_record_a_version_is_refused_until_they_are_there(lake: Lake) -> None:
    spec, version = make_spec(), registered(1)
    judged(lake, registered(2))  # another training's results are none of this one's
    assert entered(lake, spec, version) == "refused"
    assert entered(lake, spec, version) == "refused"
    (event,) = read_events(lake, NAME)
    asked = [gate for gate in gates_of(spec) if gate != "champion"]
    assert event["reason"] == "; ".join(
        f"{gate} (missing): there is no result on record" for gate in sorted(asked)
    )
    judged(lake, version)
    assert entered(lake, spec, version) == "registered"
    assert entered(lake, spec, version) == "registered"
    assert [e["stage"] for e in read_events(lake, NAME)] == ["refused", "registered"]


def test_a_version_refused_for_what_a_gate_found_stays_refused(lake: Lake) -> None:
    spec, version = make_spec(), registered(1)
    assert put(lake, spec, version, leak="fail") == "refused"
    judged(lake, version)
    before = lake.version(NAME, RELEASE_EVENTS)
    assert entered(lake, spec, version) == "refused"
    assert lake.version(NAME, RELEASE_EVENTS) == before


def test_the_same_version_twice_writes_nothing(home: Home, lake: Lake) -> None:
    spec = make_spec()
    put(lake, spec, 1)
    approved(home, lake, spec, 1, person(home, lake, "ann"))
    before = lake.version(NAME, RELEASE_EVENTS)
    assert put(lake, spec, 1) == "champion"
    assert lake.version(NAME, RELEASE_EVENTS) == before


def test_the_champion_of_a_day_follows_the_events(home: Home, lake: Lake) -> None:
    spec, ann = direct_spec(), person(home, lake, "ann")
    put(lake, spec, 1)
    put(lake, spec, 2)
    approved(home, lake, spec, 1, ann)
    approved(home, lake, spec, 2, ann, effective_from=date(2026, 3, 10))
    rejected(home, lake, spec, 2, ann, effective_from=date(2026, 3, 14))
    found = {
        day: champion_on(lake, home, spec, FIRST + timedelta(days=day)) for day in (-1, 0, 8, 9, 12)
    }
    assert {day: c.version if c else None for day, c in found.items()} == {
        -1: None,
        0: 1,
        8: 1,
        9: 2,
        12: 2,
    }
    assert champion_on(lake, home, spec, date(2026, 3, 14)) is None
    events = read_events(lake, NAME)
    assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))
    assert current_stages(events) == {1: "retired", 2: "rejected"}
    with pytest.raises(NoChampion, match="version 2 was rejected by person:ann"):
        require_champion(lake, home, spec, date(2026, 3, 20))


def test_what_a_champion_says_of_itself(home: Home, lake: Lake) -> None:
    spec = make_spec()
    put(lake, spec, 1)
    approved(home, lake, spec, 1, person(home, lake, "ann"))
    champion = require_champion(lake, home, spec, FIRST)
    entry = read_events(lake, NAME)[0]
    assert (champion.version, champion.digest) == (1, entry["model_digest"])
    assert champion.manifest_digest == entry["manifest_digest"]
    assert (champion.effective_from, champion.approved_by) == (FIRST, ("ann",))
    assert champion.as_of == AS_OF  # of its training, not of its approval
    assert champion.metrics == {"roc_auc": 0.8, "log_loss": 0.31}
    assert champion.model_path == registered(1).model_path
    assert champion.training_window == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    )


def test_no_champion_says_what_to_do(home: Home, lake: Lake) -> None:
    spec = make_spec()
    with pytest.raises(NoChampion, match="nightshift train boats --as-of 2026-02-01"):
        require_champion(lake, home, spec, date(2026, 2, 1))
    put(lake, spec, 1)
    approved(home, lake, spec, 1, person(home, lake, "ann"))
    with pytest.raises(NoChampion, match="effective from 2026-03-01"):
        require_champion(lake, home, spec, date(2026, 2, 1))


def test_the_newest_night_is_read_from_the_days_of_the_predictions(lake: Lake) -> None:
    assert newest_night(lake, NAME) is None
    scored(lake, date(2026, 3, 4), date(2026, 3, 2))
    assert newest_night(lake, NAME) == date(2026, 3, 4)


def test_where_every_version_stands(home: Home, lake: Lake) -> None:
    spec = make_spec(approvals=2)
    ann, bob = (person(home, lake, name) for name in ("ann", "bob"))
    for version in (1, 2, 4):
        put(lake, spec, version)
    put(lake, spec, registered(3, datetime(2026, 3, 8, tzinfo=UTC)), leak="fail")
    approved(home, lake, spec, 1, ann)
    approved(home, lake, spec, 1, bob)
    approved(home, lake, spec, 2, bob)
    scored(lake, date(2026, 3, 11))
    found, problems = standings(lake, home, spec)
    assert problems == []
    assert [(one.version, one.described, one.approved_by, one.age_days) for one in found] == [
        (4, "registered", [], 10),
        (3, "refused: leak", [], 3),
        (2, "approved by 1 of 2", ["bob"], 10),
        (1, "champion", ["ann", "bob"], 10),
    ]
    assert [one.effective_from for one in found] == [None, None, None, FIRST]
    assert set(found[0].gates.values()) == {"pass"}
    assert {"leak", "behaviour"} <= found[0].gates.keys()
    assert json.loads(json.dumps(found[1].as_json()))["described"] == "refused: leak"
    assert decisions(lake, home, spec, 2) == [
        {"name": "bob", "at": NOW.isoformat(), "reason": "looks right", "decision": "approve"}
    ]


def test_what_nobody_signed_is_shown_as_a_problem_and_not_as_a_stage(
    home: Home, lake: Lake
) -> None:
    spec = make_spec()
    put(lake, spec, 1)
    (entry,) = read_events(lake, NAME)
    written(lake, {**entry, "stage": "champion"})
    (one,), problems = standings(lake, home, spec)
    assert (one.stage, one.effective_from) == ("registered", None)
    assert one.problems == ["event 2 (champion by system:nightshift) does not count"]
    assert "release event 2 says that version 1 was made champion" in problems[0]


@pytest.mark.parametrize(
    ("tier", "release", "said"),
    [
        ("medium", {}, "1 person must approve: risk tier medium (impact medium, volume low"),
        ("high", {}, "1 person must approve, not the one who asked for the training: risk tier h"),
        (
            "high",
            {"approvals": 2, "approvers": ["ann", "bob"]},
            "2 people of ann, bob must approve, none of them the one who asked for the training",
        ),
    ],
)
def test_who_must_approve_is_said_with_the_reason(
    tier: str, release: dict[str, object], said: str
) -> None:
    assert requirement(make_spec(tier, **release)).startswith(said)


@pytest.mark.slow
def test_aliases_follow_the_record_and_are_put_back(home: Home, lake: Lake) -> None:
    from assets.training.model_file import RegistryError
    from assets.training.session import registry_client

    spec = make_spec()
    assert project_aliases(lake, home, spec) == {}
    for version in (1, 2):
        put(lake, spec, version)
    put(lake, spec, 3, leak="fail")
    ann = person(home, lake, "ann")
    approved(home, lake, spec, 1, ann)
    with pytest.raises(RegistryError, match=r"restore it from a backup"):
        project_aliases(lake, home, spec)
    with registry_client(home) as client:
        client.create_registered_model(NAME)
        for number in ("1", "2", "3"):
            made = client.create_model_version(NAME, f"file:///x/{number}")
            assert str(made.version) == number

    assert project_aliases(lake, home, spec) == {"champion": 1, "challenger": 2}
    assert project_aliases(lake, home, spec) == {}
    with registry_client(home) as client:
        client.set_registered_model_alias(NAME, "champion", "3")
    assert project_aliases(lake, home, spec) == {"champion": 1}
    rejected(home, lake, spec, 2, ann)
    assert project_aliases(lake, home, spec) == {"challenger": None}
    written(lake, {**read_events(lake, NAME)[0], "stage": "champion", "model_version": 3})
    assert project_aliases(lake, home, spec) == {"champion": None}

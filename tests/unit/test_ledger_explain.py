"""The record of one decision: complete, in plain words, and nothing personal in it."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.features.publish import publish_days
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.ledger.explain import explain
from assets.ledger.found import NoSuchDecision
from assets.ledger.record import checkpoint_day
from assets.ledger.rule_text import rule_text
from assets.ledger.values_used import values_used
from assets.policy_spec import RuleSpec
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, SCORING_SET, TIMESTAMP, features
from tests.ledgers import DAY, NEXT, copied, day_rows, put_decisions, revised, two_nights
from tests.released import NAME, make_spec
from tests.small_case import small_spec


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, UseCaseSpec]:
    home = Home(tmp_path_factory.mktemp("begun") / "home")
    return home, two_nights(home)


def ids(lake: Lake, day: date = DAY) -> list[str]:
    rows = day_rows(lake, DECISIONS, day).sort_by("case_key")
    found: list[str] = rows.column("decision_id").to_pylist()
    return found


def test_everything_about_a_decision(begun: tuple[Home, UseCaseSpec]) -> None:
    home, spec = begun
    lake = Lake(home.lake)
    one = ids(lake)[1]
    told = explain(lake, home, spec, one)
    record = told.as_json()
    assert json.loads(json.dumps(record)) == record
    assert record["day"] == "2026-03-05"
    assert record["case"]["key"] == "trip-0305-1"
    assert (record["decision"]["decision"], record["decision"]["advice"]) == ("refer", "decline")
    assert record["rule"]["id"] == "decline_above"
    assert [reason["text"] for reason in record["reasons"]] == ["There was much wind"]
    (value,) = record["values"]
    assert (value["name"], value["value"]) == ("wind", 1.0)
    assert value["known_at"] == "2026-03-05T09:01:00+00:00"
    model = record["model"]
    assert (model["version"], model["stage"]) == (1, "champion")
    assert [(a["name"], a["reason"]) for a in model["approvals"]] == [("ann", "looks right")]
    assert {gate["verdict"] for gate in model["gates"]} == {"pass"}
    assert [(g["gate"], g["verdict"]) for g in record["gates"]] == [("scoring_population", "pass")]
    assert [(r["reviewer"], r["outcome"]) for r in record["reviews"]] == [("bea", "approve")]
    assert (record["revisions"], record["notes"]) == ([], [])
    sealed = record["checkpoint"]
    assert (sealed["sequence"], sealed["signed"], sealed["holds"]) == (3, True, True)
    text = told.as_text()
    for said in (
        f"Decision {one} of {NAME}, 2026-03-05",
        "Decision: refer (revision 1)",
        "rule decline_above: score 0.7: above 0.5 is declined by a person",
        "There was much wind (wind, +0.4 log-odds)",
        "wind = 1  [the case itself, of 2026-03-05T09:01:00+00:00]",
        "approved by ann at 2026-09-01T12:00:00+00:00: looks right",
        "review by bea at",
        "signed by this installation",
    ):
        assert said in text


def test_a_decision_without_the_rest(begun: tuple[Home, UseCaseSpec]) -> None:
    home, spec = begun
    lake = Lake(home.lake)
    record = explain(lake, home, spec, ids(lake, NEXT)[2]).as_json()
    assert (record["reasons"], record["reviews"]) == ([], [])
    assert record["values"][0]["value"] is None
    assert "no value" in explain(lake, home, spec, ids(lake, NEXT)[2]).as_text()


@pytest.mark.parametrize("unknown", ["", "x", "0" * 36, "'; drop table decisions; --"])
def test_an_unknown_id(begun: tuple[Home, UseCaseSpec], unknown: str) -> None:
    home, spec = begun
    with pytest.raises(NoSuchDecision, match=f"{NAME} has no decision"):
        explain(Lake(home.lake), home, spec, unknown)


def test_earlier_revisions_are_told_from_the_versions_on_record(
    begun: tuple[Home, UseCaseSpec], tmp_path: Path
) -> None:
    home, lake = copied(begun[0], tmp_path)
    spec, one = begun[1], ids(lake)[0]
    rows = day_rows(lake, DECISIONS).sort_by("case_key")
    for revision, rule in ((2, "between"), (3, "decline_above")):
        rows = revised(rows, 0, decision="refer", rule=rule, revision=revision, score=0.6)
        put_decisions(lake, spec, DAY, rows)
        checkpoint_day(lake, home, spec, DAY, run_id=f"run {revision}")
    record = explain(lake, home, spec, one).as_json()
    assert record["decision"]["revision"] == 3
    assert [(r["revision"], r["decision"], r["rule"]) for r in record["revisions"]] == [
        (1, "approve", "approve_below"),
        (2, "refer", "between"),
    ]
    assert record["checkpoint"]["sequence"] == 8
    # Another case of the night was not decided again, and has no earlier ones.
    assert explain(lake, home, spec, ids(lake)[3]).as_json()["revisions"] == []


def test_a_decision_somebody_removed_is_still_told(
    begun: tuple[Home, UseCaseSpec], tmp_path: Path
) -> None:
    home, lake = copied(begun[0], tmp_path)
    one = ids(lake)[1]
    put_decisions(lake, begun[1], DAY, day_rows(lake, DECISIONS).slice(0, 0))
    record = explain(lake, home, begun[1], one).as_json()
    assert (record["live"], record["decision"]["decision"]) == (False, "refer")
    assert "no longer among the live decisions" in record["notes"][0]
    assert record["checkpoint"]["holds"] is False


def test_it_is_told_by_the_spec_of_then(begun: tuple[Home, UseCaseSpec]) -> None:
    home, _ = begun
    lake = Lake(home.lake)
    told = make_spec().model_dump() | {"policy": {"decline_above": 0.6}}
    record = explain(lake, home, UseCaseSpec.model_validate(told), ids(lake)[1]).as_json()
    assert "above 0.5" in record["rule"]["text"]
    assert record["notes"] == []


def test_a_night_that_did_not_come_to_the_ledger(
    begun: tuple[Home, UseCaseSpec], tmp_path: Path
) -> None:
    from tests.ledgers import night

    home, lake = copied(begun[0], tmp_path)
    day = NEXT + timedelta(days=1)
    night(lake, begun[1], day)
    record = explain(lake, home, begun[1], ids(lake, day)[0]).as_json()
    assert record["checkpoint"] is None
    assert "no checkpoint covers this decision" in record["notes"][0]


def test_what_is_wrong_is_told_with_it(begun: tuple[Home, UseCaseSpec], tmp_path: Path) -> None:
    home, lake = copied(begun[0], tmp_path)
    rows = day_rows(lake, DECISIONS).sort_by("case_key")
    put_decisions(lake, begun[1], DAY, revised(rows, 0, model_digest="b" * 64))
    told = explain(lake, home, begun[1], ids(lake)[0])
    assert any("another model digest" in note for note in told.as_json()["notes"])
    assert "the decisions are NOT what it says" in told.as_text()


# ------------------------------------------------------------------------- values of feature views

NIGHT = date(2026, 3, 5)
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
FACTS = pa.schema(
    [
        ("unit", pa.string()),
        ("read_at", TIMESTAMP),
        ("loaded_at", TIMESTAMP),
        ("heat", pa.float64()),
        (PARTITION, pa.date32()),
    ]
)


def fact(unit: str, days: float, heat: float, known: float | None = None) -> dict[str, Any]:
    """A reading so many days before noon, known later by ``known`` days."""
    read = NOON - timedelta(days=days)
    loaded = read + timedelta(days=known or 0)
    row = {"unit": unit, "read_at": read, "loaded_at": loaded, "heat": heat}
    return row | {PARTITION: min(loaded, NOON).date()}


def values_of(home: Home, spec: UseCaseSpec, unit: str, heat: float | None) -> dict[str, Any]:
    lake = Lake(home.lake)
    facts = [
        fact("u1", 4, 10.0),
        fact("u1", 2, 20.0),
        fact("u1", 1, 30.0, known=3),  # not known at noon
        fact("u2", 9, 40.0),  # too old
    ]
    lake.ensure(spec.name, features("readings"), FACTS)
    lake.append(spec.name, features("readings"), pa.Table.from_pylist(facts, schema=FACTS))
    publish_days(lake, home, spec, "readings")
    case = pa.table(
        {
            "event_id": ["e1"],
            "unit": [unit],
            "happened_at": pa.array([NOON], TIMESTAMP),
            "load": [3.5],
            "shift": ["late"],
            "crew": [2.0],
            "heat": pa.array([heat], pa.float64()),
            "strain": pa.array([heat and heat / 3.5], pa.float64()),
        }
    )
    lake.ensure(spec.name, SCORING_SET, case.schema)
    lake.replace_day(spec.name, SCORING_SET, NIGHT, case)
    found, problem = values_used(lake, home, spec, NIGHT, "e1", lake.version("plant", SCORING_SET))
    assert problem == ""
    return {one.name: one for one in found}


def plant() -> UseCaseSpec:
    spec = small_spec()
    derived = {"strain": {"ratio": ["heat", "load"]}}
    told = spec.model_dump()
    told["features"]["derived"] = derived
    return UseCaseSpec.model_validate(told)


def test_the_time_of_a_fact_is_that_of_the_fact(home: Home) -> None:
    found = values_of(home, plant(), "u1", 20.0)
    assert list(found) == ["load", "shift", "crew", "heat", "strain"]
    assert found["load"].known_at == NOON
    assert (found["heat"].value, found["heat"].known_at) == (20.0, NOON - timedelta(days=2))
    assert found["heat"].source == "view readings"
    assert found["strain"].known_at == NOON
    assert found["strain"].source == "ratio of heat and load"


def test_a_fact_that_is_not_there_or_another_now(home: Home, tmp_path: Path) -> None:
    nothing = values_of(home, plant(), "u2", None)["heat"]
    assert (nothing.known_at, nothing.note) == (None, "nothing was known of it within 5d")
    other = values_of(Home(tmp_path / "other"), plant(), "u1", 21.0)["heat"]
    assert (other.known_at, other.value) == (None, 21.0)
    assert "give another value now" in other.note


def test_values_that_cannot_be_shown_are_no_error(home: Home) -> None:
    spec = plant()
    values_of(home, spec, "u1", 20.0)
    lake = Lake(home.lake)
    for case, version in (("e1", 77), ("e2", None)):
        found, problem = values_used(lake, home, spec, NIGHT, case, version)
        assert found == []
        assert problem.startswith("the values cannot be shown: ")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"below": 2}, "crew is below 2: refer (too few)"),
        ({"above": 7.5}, "crew is above 7.5: refer (too few)"),
        ({"among": [1, 2]}, "crew is one of 1, 2: refer (too few)"),
        ({"missing": True}, "crew is missing: refer (too few)"),
    ],
)
def test_a_hard_rule_in_words(asked: dict[str, Any], says: str) -> None:
    rule = RuleSpec.model_validate(
        {"id": "crew_size", "version": 3, "column": "crew", "then": "refer", "reason": "too few"}
        | asked
    )
    spec = small_spec(policy={"rules": [rule.model_dump()]})
    assert rule_text(spec, {"rule": "crew_size@3", "score": 0.2, "fallback": None}) == says
    assert rule_text(spec, {"rule": "unheard_of@1", "score": 0.2, "fallback": None}) == ""

"""A case file: values against the training set, history as of the night, and what is not told."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from assets.features.sets import set_schema
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.release.events import REGISTERED, append_events
from assets.reviews.case_file import CaseFile, CategoryRange, NumberRange, Value, case_file
from assets.reviews.reference import RARE, described
from assets.reviews.refusals import UnknownDecision
from assets.spec import UseCaseSpec, closes_at
from assets.tables import LABELS, SCORING_SET, TIMESTAMP, TRAINING_SET
from tests.reviewed import NIGHT, NOW, automatic, decided, people, put, review_spec, say, waiting
from tests.widgets import orders

AS_OF = datetime(2026, 3, 10, tzinfo=UTC)


def told_spec(**review: Any) -> UseCaseSpec:
    """With units, a sensitive column, and a rule on a column that is no feature."""
    said = review_spec(**review).model_dump()
    columns = said["sources"]["orders"]["columns"]
    columns["weight"] |= {"unit": "kg", "description": "Weight of the order"}
    columns["wing"] = {"type": "string", "required": False}
    said["sensitive"] = {"wing": {}}
    said["deny"] = ["complaint"]
    said["policy"]["rules"] = [
        {"id": "angry", "column": "complaint", "missing": False, "then": "refer", "reason": "Angry"}
    ]
    return UseCaseSpec.model_validate(said)


def table(spec: UseCaseSpec, rows: pa.Table, *, label: bool) -> pa.Table:
    """The rows as a scoring or training set has them."""
    schema = set_schema(spec, label=label)
    given = {
        f.name: rows.column(f.name).cast(f.type)
        if f.name in rows.column_names
        else pa.nulls(rows.num_rows, f.type)
        for f in schema
    }
    return pa.table(given, schema=schema)


def trained(lake: Lake, spec: UseCaseSpec, rows: int = 1200, version: int = 1) -> pa.Table:
    """A registered version and what it was trained on."""
    training = table(spec, orders(rows), label=True)
    lake.ensure(spec.name, TRAINING_SET, training.schema)
    lake.replace_day(spec.name, TRAINING_SET, AS_OF.date() - timedelta(days=1), training)
    record = {
        "training_set_digest": f"{rows}",
        "training_set_version": lake.version(spec.name, TRAINING_SET),
        "as_of": AS_OF.isoformat(),
    }
    event = {
        "at": AS_OF,
        "model_version": version,
        "stage": REGISTERED,
        "effective_from": AS_OF.date(),
        "model_digest": "d",
        "manifest_digest": "m",
        "evidence": json.dumps({"record": record}),
    }
    append_events(lake, spec.name, lambda _: [event])
    return training


def scored(lake: Lake, spec: UseCaseSpec, **values: Any) -> int:
    """The scoring set of the night with one case c0; its version."""
    row = {"order_id": "c0", "maker": "maker", "ordered_at": closes_at(NIGHT), **values}
    schema = set_schema(spec, label=False)
    lake.ensure(spec.name, SCORING_SET, schema)
    lake.replace_day(spec.name, SCORING_SET, NIGHT, pa.Table.from_pylist([row], schema=schema))
    return lake.version(spec.name, SCORING_SET)


def opened(lake: Lake, home: Home, spec: UseCaseSpec, one: str, reviewer: str = "ann") -> CaseFile:
    return case_file(lake, home, spec, one, reviewer=reviewer, now=NOW)


def value(found: CaseFile, name: str) -> Value:
    (one,) = [v for v in found.values if v.name == name]
    return one


def test_values_with_their_unit_and_normal_range(home: Home, lake: Lake) -> None:
    spec = told_spec()
    training = trained(lake, spec)
    version = scored(lake, spec, weight=1.0, parts=3.0, rushed=1.0, colour="red", wing="east")
    night = decided(spec, NIGHT, [{"scoring_set_version": version}])
    (one,) = put(lake, spec, night)
    # What came into the set after the decision is not what was used.
    scored(lake, spec, weight=99.0)
    found = opened(lake, home, spec, one)
    assert [v.name for v in found.values] == ["weight", "parts", "rushed", "colour", "complaint"]
    weight = value(found, "weight")
    assert (weight.value, weight.unit, weight.description) == (1.0, "kg", "Weight of the order")
    normal = weight.normal
    assert isinstance(normal, NumberRange)
    weights = sorted(w for w in training.column("weight").to_pylist() if w is not None)
    share = sum(w < 1.0 for w in weights) / len(weights)
    assert normal.below == pytest.approx(share, abs=0.011)
    assert normal.quantiles["0.5"] == pytest.approx(weights[len(weights) // 2], rel=0.01)
    assert sum(normal.counts) == len(weights)
    assert len(normal.edges) == len(normal.counts) + 1
    assert (normal.edges[0], normal.edges[-1]) == (
        normal.quantiles["0.01"],
        normal.quantiles["0.99"],
    )
    assert (value(found, "parts").value, value(found, "rushed").value) == (3, True)
    colour = value(found, "colour").normal
    assert isinstance(colour, CategoryRange)
    shares = dict(colour.shares)
    assert set(shares) == {"red", "blue", "green"}
    assert colour.share == shares["red"]
    assert sum(shares.values()) + colour.other + colour.missing == pytest.approx(1)
    rule = value(found, "complaint")
    assert (rule.scored, rule.missing, rule.normal) == (False, True, None)
    assert "east" not in repr(found)


def test_what_is_missing_says_so_and_costs_nothing_else(home: Home, lake: Lake) -> None:
    spec = told_spec()
    trained(lake, spec)
    version = scored(lake, spec, weight=float("nan"), colour="mauve")
    (one,) = put(lake, spec, decided(spec, NIGHT, [{"scoring_set_version": version}]))
    found = opened(lake, home, spec, one)
    assert (value(found, "weight").missing, value(found, "weight").value) == (True, None)
    normal = value(found, "weight").normal
    assert isinstance(normal, NumberRange)
    assert normal.below is None
    colour = value(found, "colour").normal
    assert isinstance(colour, CategoryRange)
    assert colour.share == 0


def test_without_scoring_set_or_training_set_the_case_is_still_there(
    home: Home, lake: Lake
) -> None:
    spec = told_spec()
    (one,) = put(lake, spec, decided(spec, NIGHT, [{"scoring_set_version": 3}]))
    found = opened(lake, home, spec, one)
    assert all(v.missing and v.normal is None for v in found.values)
    assert [r.text for r in found.reasons] == ["It is heavy"]


def test_the_reference_is_made_once_and_anew_when_torn(home: Home, lake: Lake) -> None:
    spec = told_spec()
    trained(lake, spec)
    (one,) = put(lake, spec, decided(spec, NIGHT, [{}]))
    before = opened(lake, home, spec, one)
    (path,) = (home.desk / "reference" / spec.name).iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    kept = path.read_bytes()
    path.write_bytes(kept[:100])
    assert opened(lake, home, spec, one) == before
    assert path.read_bytes() == kept
    # Once there, the training set is not asked again.
    lake.path(spec.name, TRAINING_SET).rename(home.root / "away")
    assert opened(lake, home, spec, one) == before
    # Of a case no model scored, the newest version known by then is the measure.
    (other,) = put(lake, spec, decided(spec, NIGHT, [{"model_version": None}]))
    assert opened(lake, home, spec, other).values == before.values


def test_nothing_in_the_reference_is_of_one_person() -> None:
    spec = told_spec()
    rows = pa.table(
        {
            "weight": pa.array([*range(1, 1000), 123456.0]),
            "colour": pa.array(["common"] * 900 + ["rare"] * (RARE - 1) + ["x" * 80] * 91),
        }
    )
    found = described(spec, rows)
    said = json.dumps(found)
    assert "123456" not in said
    assert "rare" not in said
    assert "xxx" not in said
    assert found["colour"]["shares"] == [["common", 0.9]]


def test_a_feature_without_any_value_has_no_range() -> None:
    found = described(told_spec(), pa.table({"weight": pa.nulls(5, pa.float64())}))
    assert found == {
        "weight": {"kind": "number", "missing": 1.0, "grid": [], "edges": [], "counts": []}
    }


def test_reasons_due_date_and_reviews_so_far(home: Home, lake: Lake) -> None:
    spec = told_spec(second_review="always", due="1d")
    people(home)
    (one,) = waiting(lake, spec)
    first = opened(lake, home, spec, one)
    assert (first.seen, first.revision, first.objection) == (0, 1, None)
    assert first.due == closes_at(NIGHT) + timedelta(days=1)
    assert (first.overdue, first.standing.state) == (False, "open")
    later = case_file(lake, home, spec, one, reviewer="ann", now=NOW + timedelta(days=2))
    assert later.overdue
    say(lake, home, spec, one, "ann", "decline")
    mine, theirs = opened(lake, home, spec, one, "ann"), opened(lake, home, spec, one, "bob")
    assert mine.objection == "You have reviewed it: it waits for somebody else."
    assert theirs.objection is None
    assert [(r.reviewer, r.outcome, r.kind) for r in theirs.reviews] == [
        ("ann", "decline", "review")
    ]
    say(lake, home, spec, one, "bob", "decline", seen=theirs.seen, revision=theirs.revision)
    done = opened(lake, home, spec, one, "cy")
    assert done.objection is not None
    assert "decline by ann and bob on 2026-03-13" in done.objection


def test_an_unknown_id_and_an_automatic_decision(home: Home, lake: Lake) -> None:
    spec = told_spec()
    one, *_ = automatic(lake, spec, 2)
    found = opened(lake, home, spec, one)
    assert found.objection == "It was decided without a person and waits for no review."
    assert (found.blind, found.decision) == (False, "approve")
    with pytest.raises(UnknownDecision):
        opened(lake, home, spec, "00000000-0000-5000-8000-000000000000")


def test_of_a_blind_case_nobody_is_told_what_the_machine_did(home: Home, lake: Lake) -> None:
    spec = told_spec(blind_sample=1.0)
    people(home)
    sure = {"decision": "approve", "advice": "approve", "band": "low", "value_at_risk": 1.5}
    (one,) = put(lake, spec, decided(spec, NIGHT, [{**sure, "overflow": True}]))
    found = opened(lake, home, spec, one)
    assert found.blind
    assert found.objection is None
    hidden = (found.decision, found.advice, found.rule, found.score, found.band, found.prediction)
    assert set(hidden) == {None}
    assert (found.value_at_risk, found.model_version, found.fallback) == (None, None, None)
    assert (found.reasons, found.overflow, found.standing.state) == ((), False, "open")
    assert "approve" not in repr(found)
    say(lake, home, spec, one, "ann", "decline")
    after = opened(lake, home, spec, one, "bob")
    assert (after.standing.outcome, after.reviews, after.decision) == ("decline", (), None)
    assert after.objection is not None


def labelled(lake: Lake, spec: UseCaseSpec, *rows: tuple[str, int, datetime, Any]) -> None:
    """Outcomes: case, label, when it was observed, and the day they arrived."""
    schema = pa.schema(
        [("order_id", pa.string()), ("label", pa.int64()), ("observed_at", TIMESTAMP)]
    )
    lake.ensure(spec.name, LABELS, schema)
    for day in {row[3] for row in rows}:
        of = [dict(zip(schema.names, row[:3], strict=True)) for row in rows if row[3] == day]
        lake.replace_day(spec.name, LABELS, day, pa.Table.from_pylist(of, schema=schema))


def test_the_history_ends_with_the_night_of_the_case(home: Home, lake: Lake) -> None:
    spec = told_spec()
    people(home)
    days = [NIGHT - timedelta(days=n) for n in (3, 2)]
    first, second = (
        put(lake, spec, decided(spec, day, [{"case_key": f"p{day}"}]), day)[0] for day in days
    )
    noon = closes_at(NIGHT) - timedelta(hours=12)
    night = [
        {},
        {"case_key": "later", "event_timestamp": noon + timedelta(hours=2)},
        {"case_key": "sooner", "event_timestamp": noon - timedelta(hours=2)},
        {"case_key": "other", "entity_key": "somebody else"},
    ]
    one, _, sooner, _ = put(lake, spec, decided(spec, NIGHT, night))
    waiting(lake, spec, 1, NIGHT + timedelta(days=1))
    by = closes_at(NIGHT)
    say(lake, home, spec, first, "ann", "decline", now=by - timedelta(hours=1))
    say(lake, home, spec, second, "ann", "decline", now=by + timedelta(hours=1))
    labelled(
        lake,
        spec,
        (f"p{days[0]}", 1, by - timedelta(days=1), NIGHT),  # arrived with the night
        (f"p{days[1]}", 0, by - timedelta(days=1), NIGHT + timedelta(days=1)),  # after it
        ("sooner", 1, by + timedelta(days=1), NIGHT),  # observed after it
    )
    found = case_file(lake, home, spec, one, reviewer="bob", now=NOW + timedelta(days=30))
    assert found.known_by == by
    past = {h.decision_id: h for h in found.history}
    assert [h.decision_id for h in found.history] == [sooner, second, first]
    assert past[first].label == "it happened"
    assert (past[second].label, past[sooner].label) == (None, None)
    assert past[first].standing is not None
    assert past[first].standing.outcome == "decline"
    assert past[second].standing is not None
    assert past[second].standing.state == "open"


def test_the_history_does_not_tell_of_blind_cases_still_to_be_reviewed(
    home: Home, lake: Lake
) -> None:
    spec = told_spec(blind_sample=1.0)
    people(home)
    day = NIGHT - timedelta(days=1)
    (past,) = automatic(lake, spec, 1, day)
    (one,) = waiting(lake, spec)
    (told,) = opened(lake, home, spec, one).history
    assert (told.decision, told.standing) == (None, None)
    say(lake, home, spec, past, "ann", "decline", now=closes_at(NIGHT) + timedelta(hours=1))
    (told,) = opened(lake, home, spec, one).history
    assert told.decision == "approve"


def test_the_day_is_the_business_day(home: Home, lake: Lake) -> None:
    spec = told_spec()
    (one,) = waiting(lake, spec)
    assert opened(lake, home, spec, one).day == NIGHT
    assert PARTITION not in CaseFile.__dataclass_fields__

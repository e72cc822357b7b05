"""A day decided again: in memory, and in the lake."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.decisions.outcomes import DecisionRefused
from assets.decisions.policy import decide, decision_ids
from assets.decisions.publish import DecidedDay, decide_day
from assets.decisions.sameness import same_rows
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, PREDICTIONS, PREDICTIONS_SCHEMA, SCORING_SET
from tests.seeds import DAY, cases, make_spec, predictions

OTHER_DAY = date(2026, 5, 5)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def put(lake: Lake, predicted: pa.Table, day: date = DAY, **columns: list[Any]) -> None:
    """Scoring set and predictions of a day."""
    rows = cases(predicted, **columns)
    for table, content in ((SCORING_SET, rows), (PREDICTIONS, predicted)):
        lake.ensure("seeds", table, content.schema)
        lake.replace_day("seeds", table, day, content)


def decided(lake: Lake, run: str, spec: UseCaseSpec | None = None) -> DecidedDay:
    return decide_day(spec or make_spec(), lake, DAY, run)


def test_another_run_writes_nothing(lake: Lake) -> None:
    put(lake, predictions([0.1, 0.4, 0.9]))
    first, again = decided(lake, "one"), decided(lake, "two")
    assert (first.commit.changed, again.commit.changed) == (True, False)
    assert again.commit.version == first.commit.version
    assert again.decisions.equals(first.decisions)
    assert (first.revised, again.revised) == (0, 0)


def test_a_commit_of_another_day_makes_no_revision(lake: Lake) -> None:
    """Though the scoring set's table has another version after it."""
    put(lake, predictions([0.1, 0.4]))
    first = decided(lake, "one")
    put(lake, predictions([0.3]), OTHER_DAY)
    again = decided(lake, "two")
    assert not again.commit.changed
    assert again.decisions.equals(first.decisions)


def test_only_the_case_whose_values_changed_is_revised(lake: Lake) -> None:
    put(lake, predictions([0.1, 0.4]), depth=[1.0, None])
    first = decided(lake, "one").decisions.to_pylist()
    put(lake, predictions([0.1, 0.4]), depth=[1.0, 2.0])
    done = decided(lake, "two")
    stays, changed = done.decisions.to_pylist()
    assert stays == first[0]
    version = lake.version("seeds", SCORING_SET)
    assert changed == {
        **first[1],
        "revision": 2,
        "run_id": "two",
        "scoring_set_version": version,
    }
    assert done.revised == 1
    assert first[1]["scoring_set_version"] < version
    # The version cited holds the values that were used, of either.
    for row, depth in ((stays, 1.0), (changed, 2.0)):
        then = lake.read("seeds", SCORING_SET, version=row["scoring_set_version"]).to_pylist()
        assert {one["seed"]: one["depth"] for one in then}[row["case_key"]] == depth
    assert decided(lake, "three").decisions.to_pylist() == [stays, changed]


def test_a_new_case_leaves_the_others_as_they_are(lake: Lake) -> None:
    put(lake, predictions([0.1, 0.4]))
    first = decided(lake, "one").decisions
    put(lake, predictions([0.1, 0.4, 0.9]))
    done = decided(lake, "two").decisions
    assert done.slice(0, 2).to_pylist() == first.to_pylist()
    assert (done.column("revision")[2].as_py(), done.column("run_id")[2].as_py()) == (1, "two")


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"score": 0.45}, "score"),
        ({"model_digest": "e"}, "model_digest"),
        ({"arm": "canary"}, "arm"),
        ({"reasons": [{"feature": "water", "weight": 0.7}]}, "reasons"),
        ({"reasons": [{"feature": "depth", "weight": 0.71}]}, "reasons"),
        ({"fallback": "broken"}, "fallback"),
    ],
)
def test_what_differs_gets_the_next_revision(change: dict[str, Any], differs: str) -> None:
    spec, predicted = make_spec(), predictions([0.4, 0.3], pushes={"depth": 0.7})
    first = decide(spec, predicted, cases(predicted), DAY, "one")
    rows = predicted.to_pylist()
    other = pa.Table.from_pylist([rows[0] | change, rows[1]], PREDICTIONS_SCHEMA)
    again = decide(spec, other, cases(other), DAY, "two", there=first).to_pylist()
    before = first.to_pylist()
    assert again[1] == before[1]
    assert (again[0]["revision"], again[0]["run_id"]) == (2, "two")
    assert again[0][differs] != before[0][differs]
    # And back: a revision is never given twice.
    now = pa.Table.from_pylist(again, first.schema)
    back = decide(spec, predicted, cases(predicted), DAY, "three", there=now).to_pylist()
    assert [row["revision"] for row in back] == [3, 1]


def test_the_last_bits_of_a_score_are_no_revision() -> None:
    spec, predicted = make_spec(), predictions([0.4], pushes={"depth": 0.7})
    first = decide(spec, predicted, cases(predicted), DAY, "one")
    near = predictions([0.4 + 1e-15], pushes={"depth": 0.7 - 1e-15})
    assert near.column("score") != predicted.column("score")
    again = decide(spec, near, cases(near), DAY, "two", there=first)
    assert again.equals(first)


def test_another_spec_is_another_revision(lake: Lake) -> None:
    put(lake, predictions([0.1, 0.4]))
    decided(lake, "one")
    done = decided(lake, "two", make_spec(approve_below=0.05))
    assert done.decisions.column("revision").to_pylist() == [2, 2]
    assert done.decisions.column("rule").to_pylist() == ["between", "between"]
    before = lake.read("seeds", DECISIONS, version=done.commit.version - 1)
    assert sorted(before.column("rule").to_pylist()) == ["approve_below", "between"]


def test_a_withdrawn_case_goes_to_a_person_and_comes_back(lake: Lake) -> None:
    put(lake, predictions([0.1, 0.15]), depth=[1.0, 2.0])
    first = decided(lake, "one").decisions.to_pylist()
    put(lake, predictions([0.1]), depth=[1.0])
    done = decided(lake, "two")
    stays, gone = done.decisions.to_pylist()
    assert stays == first[0]
    assert (gone["decision"], gone["advice"], gone["rule"]) == ("refer", "refer", "withdrawn")
    assert (gone["revision"], gone["run_id"]) == (2, "two")
    kept = ("decision_id", "case_key", "score", "model_version", "scoring_set_version")
    assert {key: gone[key] for key in kept} == {key: first[1][key] for key in kept}
    assert [reason["feature"] for reason in gone["reasons"]] == ["withdrawn"]
    assert not decided(lake, "three").commit.changed
    # Another spec is no reason to look at it again: nobody decides it anew.
    changed = decided(lake, "four", make_spec(approve_below=0.12)).decisions.to_pylist()
    assert [row["revision"] for row in changed] == [2, 2]
    put(lake, predictions([0.1, 0.15]), depth=[1.0, 2.0])
    back = decided(lake, "five").decisions.to_pylist()
    assert [row["rule"] for row in back] == ["approve_below"] * 2
    assert [row["revision"] for row in back] == [3, 3]


def test_a_case_that_is_there_and_has_no_prediction_stops_the_night(lake: Lake) -> None:
    put(lake, predictions([0.1, 0.4]))
    version = decided(lake, "one").commit.version
    lake.replace_day("seeds", PREDICTIONS, DAY, predictions([0.1]))
    lost = decision_ids("seeds", ["s1"], DAY)[0]
    with pytest.raises(DecisionRefused, match=f"no prediction .*{lost}"):
        decided(lake, "two")
    assert lake.version("seeds", DECISIONS) == version


def test_two_live_rows_of_a_decision_are_refused() -> None:
    spec, predicted = make_spec(), predictions([0.4])
    first = decide(spec, predicted, cases(predicted), DAY, "one")
    twice = pa.concat_tables([first, first])
    with pytest.raises(DecisionRefused, match="two rows of the same decision"):
        decide(spec, predicted, cases(predicted), DAY, "two", there=twice)


def test_values_that_cannot_be_read_as_they_were_are_cited_anew(lake: Lake) -> None:
    from deltalake import DeltaTable

    for depth in (1.0, 2.0, 1.0):
        put(lake, predictions([0.1]), depth=[depth])
        if depth == 1.0 and not lake.exists("seeds", DECISIONS):
            first = decided(lake, "one").decisions.to_pylist()[0]
    table = DeltaTable(str(lake.path("seeds", SCORING_SET)))
    removed = table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert removed
    done = decided(lake, "two").decisions.to_pylist()[0]
    assert done["scoring_set_version"] == lake.version("seeds", SCORING_SET)
    assert done["scoring_set_version"] > first["scoring_set_version"]
    assert done["revision"] == 2


def test_the_commit_says_what_the_decisions_were_made_of(lake: Lake) -> None:
    put(lake, predictions([0.1]))
    decided(lake, "one")
    said = lake.last_commit_metadata("seeds", DECISIONS)
    assert {key: said[key] for key in ("run_id", "spec_version", "model_digests")} == {
        "run_id": "one",
        "spec_version": make_spec().version,
        "model_digests": "d",
    }
    for table in (PREDICTIONS, SCORING_SET):
        assert said[f"{table}_version"] == str(lake.version("seeds", table))


def test_who_decides_a_day_that_another_run_decides_is_refused_and_tries_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deltalake.exceptions import CommitFailedError

    put(lake, predictions([0.1, 0.4]))
    decided(lake, "one")
    write = Lake.replace_days

    def late(self: Lake, *given: Any, **more: Any) -> Any:
        monkeypatch.setattr(Lake, "replace_days", write)
        put(lake, predictions([0.3, 0.4]))
        decided(lake, "other")
        return write(self, *given, **more)

    put(lake, predictions([0.2, 0.4]))
    monkeypatch.setattr(Lake, "replace_days", late)
    with pytest.raises(CommitFailedError):
        decided(lake, "slow")
    assert decided(lake, "slow").decisions.column("revision").to_pylist() == [2, 1]


def test_same_rows_knows_nulls_and_nan() -> None:
    nan, inf = float("nan"), float("inf")
    one = pa.table({"x": [1.0, None, nan, inf, None, 1.0, inf], "y": ["a"] * 7})
    other = pa.table({"x": [1.0, None, nan, inf, 0.0, nan, 1.0], "y": ["a"] * 7})
    assert same_rows(one, other).tolist() == [True] * 4 + [False] * 3
    assert same_rows(one, other, without=("x",)).all()

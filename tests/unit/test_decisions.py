"""Decisions: the policy's table, line by line."""

import pyarrow as pa
import pytest

from assets.decisions.capacity import value_at_risk
from assets.decisions.counts import by_reason, by_value, summary, why_fallback
from assets.decisions.plots import score_histogram
from assets.decisions.policy import DecisionRefused, advice_of, decide, decision_ids
from assets.scoring.gate_fallback import FAILED_GATE
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS_SCHEMA
from tests.seeds import DAY, cases, decided, make_spec, predictions, row


@pytest.mark.parametrize(
    ("score", "automatic", "decision", "advice", "rule"),
    [
        (0.0, False, "approve", "approve", "approve_below"),
        (0.1999, False, "approve", "approve", "approve_below"),
        (0.2, False, "refer", "refer", "between"),
        (0.6, False, "refer", "refer", "between"),
        (0.6001, False, "refer", "decline", "decline_above"),
        (0.6001, True, "decline", "decline", "decline_above"),
        (0.6, True, "refer", "refer", "between"),
        (1.0, True, "decline", "decline", "decline_above"),
        (None, True, "refer", "refer", "no_score"),
        (float("nan"), True, "refer", "refer", "no_score"),
        (float("inf"), True, "refer", "refer", "no_score"),
        (float("-inf"), True, "refer", "refer", "no_score"),
        (-0.1, True, "refer", "refer", "no_score"),
        (1.1, True, "refer", "refer", "no_score"),
    ],
)
def test_policy_table(
    score: float | None, automatic: bool, decision: str, advice: str, rule: str
) -> None:
    spec = make_spec(automatic_decline=automatic)
    found = row(spec, predictions([score]))
    assert (found["decision"], found["advice"], found["rule"]) == (decision, advice, rule)


@pytest.mark.parametrize(
    ("share", "limit", "rule"),
    [
        (1.0, 1.0, "missing"),
        (0.99, 1.0, "approve_below"),
        (0.5, 0.5, "missing"),
        (1.0, None, "approve_below"),
        (None, 0.5, "approve_below"),
    ],
)
def test_a_case_of_which_nothing_is_known_goes_to_a_person(
    share: float | None, limit: float | None, rule: str
) -> None:
    spec = make_spec(refer_missing=limit, automatic_decline=True)
    found = row(spec, predictions([0.1], missing=share))
    assert found["rule"] == rule
    assert found["decision"] == found["advice"] == ("refer" if rule == "missing" else "approve")


@pytest.mark.parametrize("score", [0.0, 0.9, None])
def test_a_case_no_model_scored_goes_to_a_person_and_says_why(score: float | None) -> None:
    """Also where a score stands in its row, whoever put it there."""
    spec = make_spec(automatic_decline=True, bands={"all": 1.0}, capacity={"referrals": 9})
    table = decided(spec, predictions([score], missing=None, fallback="no champion"))
    found = table.to_pylist()[0]
    assert (found["decision"], found["advice"], found["rule"]) == ("refer", "refer", "fallback")
    assert (found["fallback"], found["band"], found["value_at_risk"]) == ("no champion", None, None)
    assert [reason["feature"] for reason in found["reasons"]] == ["fallback"]
    assert summary(table)["fallback"] == 1
    assert why_fallback(table) == "no champion"


@pytest.mark.parametrize(
    ("score", "decision", "rule"),
    [
        (0.8, "approve", "accept_above"),
        (0.79, "refer", "below_accept"),
        (None, "refer", "no_score"),
    ],
)
def test_a_class_is_taken_when_it_is_probable_enough(
    score: float | None, decision: str, rule: str
) -> None:
    found = row(make_spec(model={"task": "multiclass"}), predictions([score]))
    assert (found["decision"], found["advice"], found["rule"]) == (decision, decision, rule)


def test_a_predicted_number_has_no_policy_and_no_reasons() -> None:
    spec = UseCaseSpec.model_validate(
        make_spec(model={"task": "multiclass"}).model_dump(exclude_unset=True)
        | {
            "model": {"task": "regression"},
            "sources": {
                **make_spec().model_dump(exclude_unset=True)["sources"],
                "sprouts": {
                    "columns": {
                        "seed": {"type": "string"},
                        "colour": {"type": "float"},
                        "seen_at": {"type": "timestamp"},
                    }
                },
            },
        }
    )
    found = row(spec, predictions([17.0], pushes={}))
    assert (found["decision"], found["rule"], found["reasons"]) == ("refer", "no_policy", [])


def test_advice_of_is_what_the_thresholds_say_of_any_scores() -> None:
    """Of a challenger's scores beside the champion's predictions."""
    there = predictions([0.1, 0.1, 0.1, 0.1])
    challenger = pa.array([0.1, 0.4, 0.9, None])
    rule, advice, decision = advice_of(make_spec(), challenger, there)
    assert rule.to_pylist() == ["approve_below", "between", "decline_above", "no_score"]
    assert advice.to_pylist() == ["approve", "refer", "decline", "refer"]
    assert decision.to_pylist() == ["approve", "refer", "refer", "refer"]
    assert (
        advice_of(make_spec(), there.column("score"), predictions([0.1] * 4, missing=1.0))[
            0
        ].to_pylist()
        == ["missing"] * 4
    )


def test_a_score_is_explained_unless_it_approves() -> None:
    spec = make_spec(most_reasons=2, reasons={"water": "Too dry"}, automatic_decline=True)
    pushes = {"water": 0.8, "depth": 0.5, "organic": 0.1}
    found = decided(spec, predictions([0.1, 0.4, 0.9], pushes=pushes)).column("reasons").to_pylist()
    told = [
        {"feature": "water", "weight": 0.8, "text": "Too dry"},
        {"feature": "depth", "weight": 0.5, "text": "Depth of the seed."},
    ]
    assert found == [[], told, told]


def test_what_did_not_push_up_is_no_reason() -> None:
    found = row(make_spec(), predictions([0.4], pushes={"water": 0.0, "depth": -0.5}))
    assert found["reasons"] == []


def test_nobody_is_declined_by_a_machine_that_cannot_say_why() -> None:
    spec = make_spec(automatic_decline=True)
    with_reason, without = row(spec, predictions([0.9])), row(spec, predictions([0.9], pushes={}))
    assert (with_reason["decision"], with_reason["advice"]) == ("decline", "decline")
    assert (without["decision"], without["advice"]) == ("refer", "decline")


@pytest.mark.parametrize("strange", ["sort", "tray", "moon"])
def test_a_reason_is_only_of_a_feature(strange: str) -> None:
    """Not of a denied column, nor of anything else somebody wrote into the predictions."""
    with pytest.raises(DecisionRefused, match=f"no feature \\({strange}\\)"):
        row(make_spec(), predictions([0.4], pushes={strange: 1.0}))


def test_bands_name_scores_below_their_ends() -> None:
    spec = make_spec(bands={"low": 0.2, "high": 0.5})
    scores = [0.0, 0.1999, 0.2, 0.4999, 0.5, None, float("nan")]
    found = decided(spec, predictions(scores)).column("band").to_pylist()
    assert found == ["low", "low", "high", "high", None, None, None]


def test_referrals_beyond_capacity_are_marked_by_value_at_risk_and_stay_referred() -> None:
    spec = make_spec(capacity={"referrals": 2, "value": "depth"})
    scores = [0.1, 0.4, 0.5, 0.3, 0.9]
    found = decided(spec, predictions(scores), depth=[900.0, 10.0, 2.0, 100.0, None])
    assert found.column("value_at_risk").to_pylist() == pytest.approx([90, 4, 1, 30, None])
    assert found.column("overflow").to_pylist() == [False, False, True, False, True]
    assert found.column("decision").to_pylist() == ["approve", *["refer"] * 4]
    everyone = decided(make_spec(), predictions(scores))
    assert everyone.column("overflow").to_pylist() == [False] * 5
    nobody = make_spec(capacity={"referrals": 0})
    assert summary(decided(nobody, predictions(scores)))["overflow"] == 4


def test_without_a_value_the_score_orders_and_ties_go_by_decision_id() -> None:
    spec = make_spec(capacity={"referrals": 2})
    found = decided(spec, predictions([0.3, 0.5, 0.3, 0.3]))
    assert found.column("value_at_risk").null_count == 4
    ids = found.column("decision_id").to_pylist()
    second = min(ids[0], ids[2], ids[3])
    looked_at = found.filter(pa.array([not x for x in found.column("overflow").to_pylist()]))
    assert set(looked_at.column("decision_id").to_pylist()) == {ids[1], second}


@pytest.mark.parametrize(
    "column", [pa.array(["x"]), pa.array([0], pa.timestamp("us", tz="UTC")), None]
)
def test_value_at_risk_needs_a_number(column: pa.Array | None) -> None:
    # The spec refuses a column that is no number; a scoring set may be older than the spec.
    spec = make_spec(capacity={"referrals": 1, "value": "depth"})
    older = pa.table({} if column is None else {"depth": column})
    with pytest.raises(DecisionRefused, match="'depth' is no numeric column"):
        value_at_risk(spec, pa.array([0.4]), older)


def test_decisions_carry_what_they_were_made_of() -> None:
    spec, predicted = make_spec(), predictions([0.1, 0.7])
    versions = pa.array([4, 7])
    # Another order of the cases is no other night.
    shuffled = cases(predicted).take([1, 0])
    decisions = decide(spec, predicted, shuffled, DAY, "run-7", versions=versions)
    assert decisions.schema.equals(DECISIONS_SCHEMA)
    assert set(decisions.column("spec_version").to_pylist()) == {spec.version}
    assert set(decisions.column("run_id").to_pylist()) == {"run-7"}
    assert set(decisions.column("model_version").to_pylist()) == {2}
    assert set(decisions.column("revision").to_pylist()) == {1}
    assert set(decisions.column("arm").to_pylist()) == {"champion"}
    assert decisions.column("scoring_set_version").to_pylist() == [7, 4]


def test_one_case_gets_one_decision() -> None:
    with pytest.raises(DecisionRefused, match="2 predictions for 1 cases"):
        decided(make_spec(), predictions([0.1, 0.2], ["a", "a"]))
    with pytest.raises(DecisionRefused, match="one case gets one decision"):
        decided(make_spec(), predictions([0.1, 0.2], ["a", None]))


def test_cases_and_predictions_must_be_of_each_other() -> None:
    predicted = predictions([0.1, 0.2, 0.3], ["a", "b", "c"])
    lost, strange = decision_ids("seeds", ["c", "b"], DAY)
    with pytest.raises(DecisionRefused, match=f"1 cases of the scoring set have no .*{lost}"):
        decide(make_spec(), predicted.slice(0, 2), cases(predicted), DAY, "run")
    without_b = cases(predicted).take([0, 2])
    with pytest.raises(DecisionRefused, match=f"1 predictions are of no case of it .*{strange}"):
        decide(make_spec(), predicted, without_b, DAY, "run")
    with pytest.raises(DecisionRefused, match="a case is there twice"):
        decide(make_spec(), predicted, cases(predicted).take([0, 1, 2, 2]), DAY, "run")


def test_summary_counts() -> None:
    spec = make_spec(bands={"low": 0.2, "high": 1.0})
    decisions = decided(spec, predictions([0.1, 0.1, 0.3, 0.9, None]))
    assert summary(decisions) == {
        "cases": 5,
        "approve": 2,
        "refer": 3,
        "decline": 0,
        "advised_decline": 1,
        "fallback": 0,
        "overflow": 0,
        "withdrawn": 0,
    }
    assert by_value(decisions, "band") == {"high": 2, "low": 2}
    assert by_value(decisions, "rule")["approve_below"] == 2
    assert by_reason(decisions) == {"depth": 2, "water": 2, "no_score": 1}
    assert set(summary(decided(make_spec(), predictions([]))).values()) == {0}
    assert why_fallback(decisions) == ""


@pytest.mark.parametrize(
    ("scores", "fallback"),
    [([0.1, 0.3, 0.9, None], None), ([], None), ([0.0, 0.4], f"{FAILED_GATE}median")],
)
def test_picture_shows_every_score_and_the_reasons(
    scores: list[float | None], fallback: str | None
) -> None:
    from assets.figures import png_bytes

    spec = make_spec()
    decisions = decided(spec, predictions(scores, fallback=fallback))
    figure = score_histogram(spec, decisions, DAY)
    left, right = figure.axes
    assert f"n = {len(scores)}:" in left.get_title(loc="left")
    drawn = sum(patch.get_height() for patch in left.patches)
    assert drawn == (0 if fallback else sum(score is not None for score in scores))
    given = sum(by_reason(decisions).values())
    assert sum(patch.get_width() for patch in right.patches) == given
    assert png_bytes(figure, dpi=50).startswith(b"\x89PNG")

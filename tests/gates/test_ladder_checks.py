"""Every check of the ladder: when it fires, when it is silent, when it cannot say."""

import re
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.features.columns import LABEL
from assets.figures import png_bytes
from assets.lake import PARTITION, Lake
from assets.release.checks import Check
from assets.release.compared import Compared, entity_numbers
from assets.release.disagreement import disagreement_check
from assets.release.evaluation import Evaluation, asked, concluded
from assets.release.evidence_plot import checks_figure, drawn
from assets.release.group_rates import fairness_check, sensitive_values
from assets.release.guardrails import calibration_check, scores_check, shift_check
from assets.release.matured import MOST, matured
from assets.release.non_inferiority import non_inferiority_check
from assets.release.progress import approval_check, cases_check, days_check
from assets.spec import UseCaseSpec
from tests.challenged import (
    FIRST,
    advice,
    cases,
    compared,
    days,
    ladder_spec,
    put_on_record,
    read,
)

SPEC = ladder_spec(canary={"share": 0.5, "days": 3, "cases": 300})
SHADOW = ladder_spec(shadow={"days": 3, "cases": 500})


def nights(spec: UseCaseSpec, number: int, rows: int = 400, **how: Any) -> list[pa.Table]:
    return [cases(spec, rows, day=day, **how) for day in days(number)]


def groups(night: pa.Table) -> pa.Table:
    return pa.table(
        {
            "case_key": night.column("case_key"),
            PARTITION: night.column(PARTITION),
            "group flag": night.column("flag"),
        }
    )


def with_column(night: pa.Table, name: str, values: Any) -> pa.Table:
    return night.set_column(
        night.column_names.index(name),
        name,
        values if isinstance(values, pa.Array) else pa.array(values),
    )


def without_scores(night: pa.Table, number: int) -> pa.Table:
    """The first so many scores unusable."""
    score = night.column("score").to_pylist()
    told = night.column("advice").to_pylist()
    blank = [None] * number
    night = with_column(night, "score", pa.array(blank + score[number:], pa.float64()))
    return with_column(night, "advice", pa.array(blank + told[number:], pa.string()))


# -- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "verdict"), [(2, "insufficient"), (3, "pass")])
@pytest.mark.parametrize("stage", ["shadow", "canary"])
def test_nights(number: int, verdict: str, stage: Any) -> None:
    spec = SPEC if stage == "canary" else SHADOW
    check = days_check(spec, compared(nights(spec, number, stage=stage), stage))
    assert (check.verdict, check.figures["days"]) == (verdict, number)
    assert check.message == f"{number} of 3 nights in the {stage}"


def test_cases_of_a_canary_are_those_it_decided() -> None:
    few, more = compared(nights(SPEC, 1)), compared(nights(SPEC, 2))
    assert cases_check(SPEC, few).verdict == "insufficient"
    assert cases_check(SPEC, more).verdict == "pass"
    decided = pc.sum(pc.equal(more.rows.column("arm"), "canary")).as_py()
    assert cases_check(SPEC, more).figures["cases"] == decided < more.rows.num_rows


def test_cases_of_a_shadow_are_those_both_scored() -> None:
    night = without_scores(cases(SHADOW, 520, stage="shadow"), 21)
    check = cases_check(SHADOW, compared([night], "shadow"))
    assert (check.verdict, check.figures["cases"]) == ("insufficient", 499)
    check = cases_check(SHADOW, compared([cases(SHADOW, 520, stage="shadow")], "shadow"))
    assert check.verdict == "pass"


def test_nights_of_the_shadow_are_none_of_the_canary() -> None:
    both = [*nights(SPEC, 3, stage="shadow"), cases(SPEC, 400, day=FIRST + timedelta(days=3))]
    found = compared(both)
    assert days_check(SPEC, found).figures["days"] == 1
    assert found.both_stages.num_rows == 1600


@pytest.mark.parametrize(
    ("names", "verdict", "told"),
    [
        ([], "insufficient", "2 of 2 approvals are awaited: `nightshift approve boats 7"),
        (["ann"], "insufficient", r"1 of 2 approvals are awaited \(so far ann\)"),
        (["ann", "bob"], "pass", "approved by ann, bob"),
    ],
)
def test_approval(names: list[str], verdict: str, told: str) -> None:
    check = approval_check(ladder_spec(approvals=2), 7, names)
    assert check.verdict == verdict
    assert re.search(told, check.message)


# -- scores -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["shadow", "canary"])
def test_one_unusable_score_is_too_many_unless_the_spec_allows_it(stage: Any) -> None:
    night = without_scores(cases(SPEC, 400, stage=stage), 1)
    found = compared([night], stage)
    assert scores_check(SPEC, found).verdict == "fail"
    assert scores_check(SPEC, found).message.startswith("1 of 400 scores are unusable")
    tolerant = ladder_spec(guardrails={"invalid_scores": 0.01})
    assert scores_check(tolerant, found).verdict == "pass"
    assert scores_check(SPEC, compared([cases(SPEC, 400, stage=stage)], stage)).verdict == "pass"


def test_a_night_without_scores_does_not_drown_in_a_good_week() -> None:
    tolerant = ladder_spec(guardrails={"invalid_scores": 0.5})
    *good, last = nights(tolerant, 7)
    check = scores_check(tolerant, compared([*good, without_scores(last, 400)]))
    assert check.verdict == "fail"
    assert check.message.startswith("400 of 400 scores tonight")
    assert check.figures["stage"]["share"] == pytest.approx(1 / 7)


def test_of_no_case_nothing_can_be_said() -> None:
    nothing = compared([cases(SPEC, 0)])
    assert scores_check(SPEC, nothing).verdict == "insufficient"


# -- disagreement -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "noise", "verdict"),
    [(400, 0.1, "pass"), (400, 3.0, "fail"), (40, 3.0, "insufficient")],
)
def test_disagreement(rows: int, noise: float, verdict: str) -> None:
    found = compared([cases(SHADOW, rows, stage="shadow", noise=noise)], "shadow")
    check = disagreement_check(SHADOW, found)
    assert check.verdict == verdict
    if rows == 400:
        apart = pc.not_equal(found.rows.column("advice"), found.rows.column("champion_advice"))
        share = pc.mean(apart.cast(pa.float64())).as_py()
        assert check.figures["share"].value == pytest.approx(share)
        assert check.figures["share"].confidence == 0.99


def test_disagreement_beyond_the_limit_that_may_be_chance_is_neither() -> None:
    spec = ladder_spec(shadow={"most_disagreement": 0.05})
    night = cases(spec, 100, stage="shadow", noise=0.2)
    check = disagreement_check(spec, compared([night], "shadow"))
    assert check.figures["share"].value > 0.05 > check.figures["share"].low
    assert check.verdict == "insufficient"


def test_the_same_entities_again_show_less() -> None:
    """Forty boats, ten trips each: what shows of 400 boats does not of these."""
    spec = ladder_spec(shadow={"most_disagreement": 0.3})
    night = cases(spec, 400, stage="shadow", entities=40)
    numbers = entity_numbers(night)
    apart = np.isin(numbers, np.unique(numbers)[:15])
    told = np.where(apart, "decline", "approve")
    night = with_column(with_column(night, "advice", told), "champion_advice", ["approve"] * 400)
    dependent = disagreement_check(spec, compared([night], "shadow"))
    alone = with_column(night, "entity_key", [f"b{i}" for i in range(400)])
    assert disagreement_check(spec, compared([alone], "shadow")).verdict == "fail"
    assert dependent.verdict == "insufficient"
    assert dependent.figures["independent_cases"] < 45


def test_of_several_classes_another_class_is_disagreement() -> None:
    spec = ladder_spec(task="multiclass", sensitive=False, shadow={"most_disagreement": 0.2})
    night = cases(spec, 400, stage="shadow", noise=0)
    same = with_column(
        with_column(night, "prediction", ["x"] * 400), "champion_prediction", ["x"] * 400
    )
    assert disagreement_check(spec, compared([same], "shadow")).verdict == "pass"
    other = with_column(same, "prediction", ["y"] * 200 + ["x"] * 200)
    assert disagreement_check(spec, compared([other], "shadow")).verdict == "fail"


# -- shifts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["approve", "refer"])
def test_a_sound_challenger_shifts_nothing(kind: str) -> None:
    for seed in range(5):
        check = shift_check(SPEC, compared(nights(SPEC, 3, seed=seed)), kind)
        assert check.verdict == "pass", check.message
        assert check.figures["judged"] == check.figures["stage"]["arms"]


def test_a_challenger_that_approves_more_is_caught_on_its_first_night() -> None:
    found = compared([cases(SPEC, 400, more_approved=0.2)])
    check = shift_check(SPEC, found, "approve")
    assert check.verdict == "fail"
    assert check.figures["judged"].low > 0.1
    assert check.figures["stage"]["same_cases"].value == pytest.approx(0.2, abs=0.03)
    own = found.rows.filter(pc.equal(found.rows.column("arm"), "canary"))
    rate = pc.mean(pc.equal(own.column("advice"), "approve").cast(pa.float64())).as_py()
    assert check.figures["stage"]["canary_rate"].value == pytest.approx(rate)


def test_one_that_approves_fewer_is_caught_as_well() -> None:
    check = shift_check(SPEC, compared([cases(SPEC, 1000, shift=1.5)]), "approve")
    assert check.verdict == "fail"
    assert check.figures["judged"].high < -0.1


def test_one_that_refers_more_is_caught() -> None:
    night = cases(SPEC, 1000)
    told = np.array(night.column("advice").to_pylist())
    told[::4] = "refer"
    check = shift_check(SPEC, compared([with_column(night, "advice", told)]), "refer")
    assert check.verdict == "fail"


def test_what_broke_tonight_does_not_drown_in_a_good_week() -> None:
    good = nights(SPEC, 6)
    last = cases(SPEC, 400, day=days(7)[-1], more_approved=0.25)
    check = shift_check(SPEC, compared([*good, last]), "approve")
    assert check.verdict == "fail"
    assert "tonight" in check.message
    assert check.figures["stage"]["same_cases"].low < 0.1


def test_an_arm_too_small_says_nothing() -> None:
    check = shift_check(SPEC, compared([cases(SPEC, 400, share=0.1)]), "approve")
    assert check.verdict == "insufficient"
    assert check.figures["stage"]["canary"] < 50
    assert "50 are needed" in check.message
    few = shift_check(SPEC, compared([cases(SPEC, 49, more_approved=0.5)]), "approve")
    assert few.verdict == "insufficient"
    assert few.figures["judged"] is None


def test_what_the_same_cases_show_does_not_wait_for_the_arm_to_grow() -> None:
    check = shift_check(SPEC, compared([cases(SPEC, 400, share=0.1, more_approved=0.2)]), "approve")
    assert check.verdict == "fail"
    assert "on the same cases" in check.message


def test_unusable_scores_are_no_advice() -> None:
    night = without_scores(cases(SPEC, 400), 200)
    check = shift_check(SPEC, compared([night]), "refer")
    assert check.figures["stage"]["canary"] + check.figures["stage"]["champion"] == 200


# -- calibration ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "shift", "verdict"),
    [(800, 0.0, "pass"), (800, 1.5, "fail"), (49, 1.5, "insufficient")],
)
def test_calibration(rows: int, shift: float, verdict: str) -> None:
    night = cases(SPEC, rows, shift=shift)
    check = calibration_check(
        SPEC, night.column("score").to_numpy(), night.column("happened").to_numpy().astype(float)
    )
    assert check.verdict == verdict
    assert check.waits_for_labels == (verdict == "insufficient")


# -- fairness ---------------------------------------------------------------------------------


def unfair(night: pa.Table, share: float) -> pa.Table:
    """So many of the approvals of group b taken away."""
    random = np.random.default_rng(5)
    taken = (np.array(night.column("flag").to_pylist()) == "b") & (
        random.random(night.num_rows) < share
    )
    return with_column(
        night, "advice", np.where(taken, "refer", np.array(night.column("advice").to_pylist()))
    )


@pytest.mark.parametrize(
    ("rows", "taken", "verdict"),
    [(1600, 0.0, "pass"), (1600, 0.6, "fail"), (150, 0.6, "insufficient")],
)
def test_fairness(rows: int, taken: float, verdict: str) -> None:
    night = unfair(cases(SPEC, rows), taken)
    check = fairness_check(SPEC, compared([night]), groups(night))
    assert check.verdict == verdict, check.message
    if verdict == "fail":
        assert "by flag, b is approved" in check.message
        assert check.figures["judged"].high < 0.8


def test_fairness_of_tonight() -> None:
    week = [*nights(SPEC, 6), unfair(cases(SPEC, 1600, day=days(7)[-1]), 0.8)]
    check = fairness_check(SPEC, compared(week), groups(pa.concat_tables(week)))
    assert check.verdict == "fail"
    assert "tonight" in check.message


def test_a_group_too_small_is_not_judged_and_is_named_only_where_the_spec_does() -> None:
    night = cases(SPEC, 1000)
    flags = np.array(night.column("flag").to_pylist(), dtype=object)
    flags[:20], flags[20:40] = "harald", None
    night = with_column(night, "flag", flags)
    known = groups(night)
    known = known.set_column(2, "group flag", pc.fill_null(known.column(2), "not stated"))
    check = fairness_check(SPEC, compared([night]), known)
    assert check.verdict == "pass"
    found = check.figures["stage"]["flag"]
    assert set(found["groups"]) == {"a", "b"}
    assert set(found["not_judged"]) == {"not stated"}
    assert found["not_judged_unnamed"]["groups"] == 1
    assert "harald" not in str(check)


def test_groups_are_read_from_the_scoring_set(lake: Lake) -> None:
    made = nights(SPEC, 2)
    put_on_record(lake, SPEC, made)
    found = read(lake, SPEC, days(2)[-1])
    values = sensitive_values(lake, SPEC, found)
    expected = groups(pa.concat_tables(made)).sort_by("case_key")
    assert (
        values.select(expected.column_names)
        .sort_by("case_key")
        .equals(expected.cast(values.schema))
    )
    assert fairness_check(SPEC, found, values).verdict == "pass"


# -- non-inferiority --------------------------------------------------------------------------


def labelled(night: pa.Table) -> pa.Table:
    return night.rename_columns({"happened": LABEL})


@pytest.mark.parametrize(
    ("rows", "noise", "verdict"),
    [(800, 0.05, "pass"), (800, 4.0, "fail"), (199, 4.0, "insufficient")],
)
def test_non_inferiority(rows: int, noise: float, verdict: str) -> None:
    check = non_inferiority_check(SPEC, labelled(cases(SPEC, rows, noise=noise)), rows)
    assert check.verdict == verdict, check.message
    assert check.waits_for_labels == (verdict == "insufficient")
    if rows == 800:
        assert (check.figures["gain"].low >= -0.02) == (verdict == "pass")


def test_what_is_not_shown_yet_is_not_waived_as_too_few_labels() -> None:
    check = non_inferiority_check(SPEC, labelled(cases(SPEC, 250, noise=0.8)), 250)
    assert check.verdict == "insufficient"
    assert check.message.startswith("not shown yet")
    assert not check.waits_for_labels


def test_outcomes_that_are_all_alike_show_nothing() -> None:
    night = with_column(cases(SPEC, 400), "happened", [0] * 400)
    check = non_inferiority_check(SPEC, labelled(night), 400)
    assert check.verdict == "insufficient"
    assert check.waits_for_labels


@pytest.mark.parametrize("metric", ["log_loss", "average_precision"])
def test_metrics_of_which_small_is_good_and_large_is_good(metric: str) -> None:
    spec = ladder_spec(metric=metric)
    rows = labelled(cases(spec, 1500, noise=2.5))
    worse = non_inferiority_check(spec, rows, 1500)
    assert worse.verdict == "fail"
    names = {"score": "champion_score", "champion_score": "score"}
    better = non_inferiority_check(spec, rows.rename_columns(names), 1500)
    assert better.verdict == "pass"
    assert better.figures["gain"].value == pytest.approx(-worse.figures["gain"].value)


def test_of_several_classes_the_likeliest_are_compared() -> None:
    spec = ladder_spec(task="multiclass", metric="log_loss", sensitive=False)
    random = np.random.default_rng(4)
    truth = random.choice(["x", "y", "z"], 600)
    right = np.where(random.random(600) < 0.9, truth, "x")
    guess = random.choice(["x", "y", "z"], 600)
    rows = with_column(
        with_column(cases(spec, 600), "prediction", guess), "champion_prediction", right
    )
    rows = labelled(with_column(rows, "happened", truth))
    check = non_inferiority_check(spec, rows, 600)
    assert (check.verdict, check.figures["metric"]) == ("fail", "macro_f1")
    from sklearn.metrics import f1_score

    assert check.figures["challenger"] == pytest.approx(f1_score(truth, guess, average="macro"))
    assert check.figures["champion"] == pytest.approx(f1_score(truth, right, average="macro"))


@pytest.mark.parametrize(("off", "verdict"), [(0.0, "pass"), (3.0, "fail")])
def test_a_regression_is_compared_in_shares_of_the_champions_error(
    off: float, verdict: str
) -> None:
    spec = ladder_spec(task="regression", sensitive=False)
    random = np.random.default_rng(4)
    truth = random.normal(100, 10, 400)
    rows = cases(spec, 400)
    rows = with_column(rows, "champion_score", truth + random.normal(0, 1, 400))
    rows = with_column(rows, "score", truth + random.normal(0, 0.9, 400) + off)
    check = non_inferiority_check(spec, labelled(with_column(rows, "happened", truth)), 400)
    assert check.verdict == verdict
    assert check.figures["margin"] == pytest.approx(0.02 * check.figures["champion"])


def test_only_outcomes_that_had_matured_by_the_close_of_the_night_count(lake: Lake) -> None:
    made = nights(SPEC, 3)
    put_on_record(lake, SPEC, made)
    for place, day in enumerate(days(3)):
        found = matured(SPEC, lake, day, read(lake, SPEC, days(3)[-1]).rows)
        # Each night's are known a day later, when the label has matured.
        known = pa.concat_tables(made[:place]) if place else made[0].slice(0, 0)
        assert found.column("case_key").to_pylist() == known.column("case_key").to_pylist()
        assert found.column(LABEL).to_pylist() == known.column("happened").to_pylist()


def test_of_very_many_outcomes_the_same_sample_is_compared(lake: Lake) -> None:
    put_on_record(lake, SPEC, [cases(SPEC, MOST + 500)])
    later = FIRST + timedelta(days=2)
    rows = read(lake, SPEC, later).rows
    found = matured(SPEC, lake, later, rows)
    assert found.num_rows == MOST
    shuffled = rows.take(pa.array(np.random.default_rng(1).permutation(rows.num_rows)))
    assert matured(SPEC, lake, later, shuffled).equals(found)


# -- all of them ------------------------------------------------------------------------------


def verdicts(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.verdict for check in checks}


def night_of(
    lake: Lake, spec: UseCaseSpec, made: list[pa.Table], stage: Any = "canary"
) -> Compared:
    put_on_record(lake, spec, made)
    return read(lake, spec, made[-1].column(PARTITION)[0].as_py(), stage)


def test_a_good_week_promotes(lake: Lake) -> None:
    checks = asked(SPEC, lake, night_of(lake, SPEC, nights(SPEC, 4)), ["ann"])
    assert verdicts(checks) == dict.fromkeys(
        [
            "days",
            "cases",
            "scores",
            "referral_shift",
            "approval_shift",
            "calibration",
            "fairness",
            "non_inferiority",
            "approval",
        ],
        "pass",
    )
    move = concluded(SPEC, 7, "canary", checks)
    assert (move.verdict, move.version, move.stage) == ("promote", 7, "canary")
    assert "all of 9 checks are met" in move.reason
    assert set(move.evidence["checks"]) == set(verdicts(checks))


def test_a_good_shadow_promotes_only_when_people_agree(lake: Lake) -> None:
    found = night_of(lake, SHADOW, nights(SHADOW, 4, stage="shadow"), "shadow")
    held = concluded(SHADOW, 7, "shadow", asked(SHADOW, lake, found, []))
    assert held.verdict == "hold"
    assert held.reason.startswith("missing approval: 1 of 1 approvals are awaited")
    checks = asked(SHADOW, lake, found, ["ann"])
    assert list(verdicts(checks)) == [
        "days",
        "cases",
        "scores",
        "disagreement",
        "non_inferiority",
        "approval",
    ]
    assert concluded(SHADOW, 7, "shadow", checks).verdict == "promote"


def test_a_breach_rolls_back_whatever_else_is_missing(lake: Lake) -> None:
    found = night_of(lake, SPEC, [cases(SPEC, 400, more_approved=0.25)])
    checks = asked(SPEC, lake, found, [])
    assert verdicts(checks)["days"] == verdicts(checks)["approval"] == "insufficient"
    move = concluded(SPEC, 7, "canary", checks)
    assert move.verdict == "roll_back"
    assert "approval_shift: advice to approve against the champion's +" in move.reason
    assert "missing" not in move.reason


@pytest.mark.parametrize(("meaning", "verdict"), [("hold", "hold"), ("promote", "promote")])
def test_time_alone_promotes_only_where_the_spec_says_so(
    lake: Lake, meaning: str, verdict: str
) -> None:
    spec = ladder_spec(canary={"days": 3, "cases": 300}, non_inferiority={"insufficient": meaning})
    put_on_record(lake, spec, nights(spec, 4), labels=False)
    checks = asked(spec, lake, read(lake, spec, days(4)[-1]), ["ann"])
    insufficient = {name for name, found in verdicts(checks).items() if found == "insufficient"}
    assert insufficient == {"calibration", "non_inferiority"}
    move = concluded(spec, 7, "canary", checks)
    assert move.verdict == verdict
    assert ("time alone promotes it" in move.reason) == (verdict == "promote")


def test_time_alone_does_not_promote_what_could_be_compared_and_was_not_shown(lake: Lake) -> None:
    spec = ladder_spec(
        canary={"days": 3, "cases": 300}, non_inferiority={"insufficient": "promote", "margin": 0}
    )
    checks = asked(spec, lake, night_of(lake, spec, nights(spec, 4, noise=0.02)), ["ann"])
    assert verdicts(checks)["non_inferiority"] == "insufficient"
    assert concluded(spec, 7, "canary", checks).verdict == "hold"


def test_what_cannot_be_asked_of_a_regression_is_not_asked(lake: Lake) -> None:
    spec = ladder_spec(task="regression")
    night = cases(spec, 400)
    night = with_column(
        with_column(night, "advice", ["refer"] * 400), "champion_advice", ["refer"] * 400
    )
    checks = asked(spec, lake, night_of(lake, spec, [night]), ["ann"])
    assert not {"calibration", "fairness"} & set(verdicts(checks))
    assert verdicts(checks)["approval_shift"] == verdicts(checks)["referral_shift"] == "pass"


def test_later_nights_and_other_versions_have_no_say(lake: Lake) -> None:
    made = nights(SPEC, 3)
    found = night_of(lake, SPEC, made)
    then = [check.as_json() for check in asked(SPEC, lake, read(lake, SPEC, days(3)[1]), ["ann"])]
    bad = cases(SPEC, 400, day=days(4)[-1], more_approved=0.5)
    other = with_column(cases(SPEC, 400, day=days(5)[-1], more_approved=0.5), "version", [8] * 400)
    put_on_record(lake, SPEC, [bad, other])
    again = asked(SPEC, lake, read(lake, SPEC, days(3)[1]), ["ann"])
    assert [check.as_json() for check in again] == then
    assert read(lake, SPEC, days(5)[-1]).rows.num_rows == found.rows.num_rows + 400
    assert advice(SPEC, np.array([0.1, 0.4, 0.9])).to_pylist() == ["approve", "refer", "decline"]


# -- shown ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["shadow", "canary"])
@pytest.mark.parametrize("rows", [15, 400])
def test_every_check_is_drawn_against_its_limit(lake: Lake, stage: Any, rows: int) -> None:
    made = nights(SPEC, 3, rows=rows, stage=stage, more_approved=0.2)
    put_on_record(lake, SPEC, made)
    checks = asked(SPEC, lake, read(lake, SPEC, days(3)[-1], stage), ["ann"])
    for check in checks:
        what = drawn(check)
        # What has been measured is drawn; what has not says so.
        assert (what is not None) == measured(check)
        if what is not None:
            assert what.least is not None or what.most is not None
    move = concluded(SPEC, 7, stage, checks)
    figure = checks_figure(Evaluation(days(3)[-1], tuple(checks), move))
    assert len(figure.axes) == len(checks)
    assert png_bytes(figure, dpi=40).startswith(b"\x89PNG")


def measured(check: Check) -> bool:
    if check.name in ("days", "cases", "approval"):
        return True
    named = {"scores": "stage", "disagreement": "share", "calibration": "error"}
    named |= {"non_inferiority": "gain"}
    return check.figures.get(named.get(check.name, "judged")) is not None


def test_without_a_challenger_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        checks_figure(Evaluation(FIRST))

"""The fairness gate: groups fare alike, as far as rows can tell."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.spec import UseCaseSpec
from assets.training.gates.fairness import fairness_gate, group_shares
from assets.training.gates.finding import Finding
from assets.training.gates.shares import Share, difference, ratio
from tests.judged_models import Kiln, kiln, kiln_spec, model_of

SPEC = kiln_spec(sensitive={"guild": {}})


def judged(found: Kiln, scores: Any = None, spec: UseCaseSpec = SPEC) -> Finding:
    scores = found.chance if scores is None else scores
    return fairness_gate(spec, model_of(spec, found.table, scores))


def harsh(found: Kiln, by: float) -> np.ndarray:
    """Chances, made worse for one group only."""
    logit = np.log(found.chance / (1 - found.chance))
    south = np.array(found.table.column("guild").to_pylist()) == "south"
    return np.asarray(1 / (1 + np.exp(-(logit + by * south))))


def test_groups_that_fare_alike_pass() -> None:
    found = judged(kiln())
    assert found.verdict == "pass"
    groups = found.figures["guild"]["groups"]
    assert set(groups) == {"north", "south"}
    assert sum(g["rows"] for g in groups.values()) == 2000


def test_a_group_that_fares_worse_is_refused() -> None:
    found = judged(kiln(), harsh(kiln(), 1.5))
    assert found.verdict == "fail"
    one = found.figures["guild"]
    assert (one["ratio"]["group"], one["ratio"]["against"]) == ("south", "north")
    assert one["ratio"]["interval"].high < 0.8
    assert one["difference"]["interval"].low > 0.1


def test_a_suspicion_the_rows_cannot_settle_is_insufficient() -> None:
    few = kiln(rows=240)
    found = judged(few, harsh(few, 0.8))
    assert found.figures["guild"]["ratio"]["beyond"]
    assert not found.figures["guild"]["ratio"]["shown"]
    assert found.verdict == "insufficient"


def test_a_lost_opportunity_the_rows_cannot_settle_is_insufficient() -> None:
    spec = kiln_spec(sensitive={"guild": {}}, policy__approve_below=0.4)
    few = kiln(rows=300)
    found = judged(few, harsh(few, 0.8), spec)
    one = found.figures["guild"]
    assert not one["ratio"]["beyond"]
    assert one["difference"]["interval"].low < 0.1 < one["difference"]["interval"].value
    assert found.verdict == "insufficient"


def test_small_groups_are_not_judged_and_not_named() -> None:
    quiet = kiln()
    guild = np.array(quiet.table.column("guild").to_pylist(), dtype=object)
    guild[-40:] = "a name of somebody"
    scores = quiet.chance.copy()
    scores[-40:] = 0.99  # all of them refused: 40 rows are below the limit
    found = judged(quiet.with_column("guild", guild.tolist()), scores)
    assert found.verdict == "pass"
    assert found.figures["guild"]["not_judged_unnamed"] == {"groups": 1, "rows": 40}
    assert "somebody" not in found.message + str(found.figures)


def test_one_large_group_is_insufficient() -> None:
    quiet = kiln()
    guild = ["north"] * 3970 + ["south"] * 30
    found = judged(quiet.with_column("guild", guild))
    assert found.verdict == "insufficient"
    assert "fewer than two groups" in found.message


def test_nulls_are_a_group_and_numbers_are_cut_into_bins() -> None:
    spec = kiln_spec(sensitive={"years": {"bins": [30, 60]}})
    quiet = kiln()
    years = quiet.table.column("years").to_pylist()
    years[3000:3600] = [None] * 600
    found = judged(quiet.with_column("years", pa.array(years)), spec=spec)
    assert found.verdict == "pass"
    assert set(found.figures["years"]["groups"]) == {"<30", "30-60", ">=60", "not stated"}
    # Six pairs of four groups share the error probability of one question.
    for asked in ("ratio", "difference"):
        assert found.figures["years"][asked]["interval"].confidence == pytest.approx(1 - 0.05 / 6)
    scores = quiet.chance.copy()
    scores[3000:3600] = 0.5  # who does not state it is never approved
    found = judged(quiet.with_column("years", pa.array(years)), scores, spec)
    assert found.verdict == "fail"
    assert found.figures["years"]["ratio"]["group"] == "not stated"


def test_other_tasks_have_no_approval_to_compare() -> None:
    spec = kiln_spec(sensitive={"guild": {}}, model__task="regression", label__positive=None)
    table = kiln().with_column("label", kiln().chance).table
    found = fairness_gate(spec, model_of(spec, table, kiln().chance, pipeline=0))
    assert found.verdict == "insufficient"


shares = st.integers(1, 400).flatmap(
    lambda rows: st.builds(Share, st.integers(0, rows), st.just(rows))
)


@settings(max_examples=200, deadline=None)
@given(shares, shares)
def test_intervals_hold_their_estimate_and_mirror(one: Share, other: Share) -> None:
    there, back = difference(one, other, 0.95), difference(other, one, 0.95)
    assert there.low <= there.value <= there.high
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    times = ratio(one, other, 0.95)
    assert 0 <= times.low <= times.value + 1e-12
    assert times.value <= times.high + 1e-12
    if one.hits and other.hits:
        assert 1 / ratio(other, one, 0.95).low == pytest.approx(times.high, rel=1e-6)


def test_intervals_are_those_of_the_papers() -> None:
    # Newcombe 1998, table II: 56/70 against 48/80, and 9/10 against 3/10.
    found = difference(Share(56, 70), Share(48, 80), 0.95)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    found = difference(Share(9, 10), Share(3, 10), 0.95)
    assert (round(found.low, 4), round(found.high, 4)) == (0.1705, 0.8090)


def test_shares_of_groups_are_counted_right_and_as_sure_as_resampling_says() -> None:
    quiet = kiln()
    trained = model_of(SPEC, quiet.table, harsh(quiet, 0.7))
    names = np.array(trained.evaluation.column("guild").to_pylist())
    random = np.random.default_rng(1)
    for group, (approved, opportunity) in group_shares(SPEC, trained, "guild").items():
        member = names == group
        yes = trained.scores[member] < SPEC.policy.approve_below
        good = trained.labels[member] == 0
        assert (approved.hits, approved.rows) == (yes.sum(), member.sum())
        assert (opportunity.hits, opportunity.rows) == ((yes & good).sum(), good.sum())
        again = random.binomial(len(yes), yes.mean(), 4000) / len(yes)
        closed = approved.interval(0.95)
        assert np.quantile(again, [0.025, 0.975]) == pytest.approx(
            [closed.low, closed.high], abs=0.01
        )


def test_a_group_without_a_favourable_outcome_has_no_opportunity_to_compare() -> None:
    quiet = kiln()
    labels = quiet.labels.copy()
    south = np.array(quiet.table.column("guild").to_pylist()) == "south"
    labels[south] = 1
    found = judged(quiet.with_column("label", labels))
    assert found.figures["guild"]["groups"]["south"]["true_positive_rate"] is None
    assert found.figures["guild"]["difference"] is None
    assert found.verdict == "insufficient"

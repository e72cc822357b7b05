"""The cascade gate: the cheap model may decide clear cases only as the winner would."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.model_spec import CascadeSpec
from assets.spec import UseCaseSpec
from assets.training.distil import CHEAP, CHEAP_SCORE, advised, distil
from assets.training.evidence import Distilled, TrainedModel
from assets.training.frame import feature_frame
from assets.training.gate_names import gates_of
from assets.training.gates.cascade import ENOUGH, FEWEST, GATE, cascade_gate, needed_rows
from assets.training.gates.judge import judge
from assets.training.gates.shares import Share
from assets.training.predict import predict
from assets.training.rows import training_rows
from assets.training.train import train
from tests.cascades import cascade_spec, fitted
from tests.judged_models import Kiln, kiln, kiln_spec, linear, model_of

BAND = (0.15, 0.65)
SPEC = kiln_spec(model__cascade={"band": BAND})
ROWS = 2000
"""Held out of a kiln's 4,000."""


@cache
def sharp() -> tuple[Kiln, Any]:
    """A kiln whose heat says much, and a linear model of it."""
    quiet = kiln(strength=2.5)
    return quiet, linear(SPEC, quiet.table)


def made(spec: UseCaseSpec = SPEC, cheap: np.ndarray | None = None, **given: Any) -> TrainedModel:
    """Boosted trees by name, whose held-out scores are the truth; the cheap scores as given."""
    quiet, pipeline = sharp()
    model = model_of(spec, quiet.table, quiet.chance, pipeline=pipeline)
    winner = replace(model.candidates[model.winner], name="hist_gradient_boosting")
    scores = model.scores if cheap is None else cheap
    return replace(
        model,
        winner=winner.name,
        candidates={winner.name: winner},
        cheap=Distilled(given.pop("pipeline", model.pipeline), scores),
    )


def otherwise(spec: UseCaseSpec, clear: int, times: int) -> np.ndarray:
    """Cheap scores like the winner's but for so many rows, of ``clear`` outside the band."""
    scores = made(spec).scores.copy()
    outside = np.flatnonzero((scores < BAND[0]) | (scores > BAND[1]))
    scores[outside[clear:]] = 0.4
    refused = outside[:clear][scores[outside[:clear]] < BAND[0]][:times]
    assert len(refused) == times
    scores[refused] = 0.9
    return scores


def test_a_distilled_model_that_agrees_passes() -> None:
    spec, model = cascade_spec(), fitted()
    found = cascade_gate(spec, model)
    assert found.verdict == "pass", found.message
    assert found.figures["rows"] == model.evaluation.num_rows == 1000
    assert found.figures["clear"] == round(1000 * found.figures["cheap_share"]) > 189
    assert found.figures["disagreement"].high < 0.02
    assert found.figures["otherwise"] == {}
    assert found.threshold["min_clear"] == 189
    assert found.figures["with_the_scores_that_stand"] == {
        "calibration": "pass",
        "behaviour": "pass",
    }


@pytest.mark.parametrize(("times", "verdict"), [(0, "pass"), (10, "pass"), (11, "fail")])
def test_above_the_limit_it_fails_and_at_it_not(times: int, verdict: str) -> None:
    found = cascade_gate(SPEC, made(cheap=otherwise(SPEC, 500, times)))
    assert found.figures["clear"] == 500
    assert found.figures["disagreements"] == times
    assert found.verdict == verdict, found.message
    if times:
        assert found.figures["otherwise"] == {"decline, by the winner approve": times}
    assert ("Widen model.cascade.band" in found.message) is (verdict == "fail")
    assert found.result("d" * 64).gate == GATE


@pytest.mark.parametrize(
    ("clear", "times", "verdict"),
    [
        (189, 3, "pass"),
        (188, 0, "insufficient"),
        # Above the limit, but of so few rows that chance may have put it there; and beyond doubt.
        (100, 3, "insufficient"),
        (100, 30, "fail"),
        (3, 0, "insufficient"),
    ],
)
def test_few_clear_rows_say_nothing_unless_it_is_beyond_doubt(
    clear: int, times: int, verdict: str
) -> None:
    found = cascade_gate(SPEC, made(cheap=otherwise(SPEC, clear, times)))
    assert found.verdict == verdict, found.message
    if verdict == "insufficient":
        assert "It takes 189 clear rows" in found.message


def test_a_band_with_every_case_inside_saves_nothing() -> None:
    found = cascade_gate(SPEC, made(cheap=np.full(ROWS, 0.4)))
    assert found.verdict == "insufficient"
    assert "the cheap model decides none" in found.message


def test_the_ends_of_the_band_are_inside() -> None:
    scores = otherwise(SPEC, 500, 0)
    scores[np.flatnonzero(scores == 0.4)[:2]] = BAND
    assert cascade_gate(SPEC, made(cheap=scores)).figures["clear"] == 500


def test_rows_only_the_winner_was_measured_on_do_not_count() -> None:
    scores = made().scores.copy()
    scores[: ROWS // 2] = np.nan
    figures = cascade_gate(SPEC, made(cheap=scores)).figures
    assert figures["rows"] == ROWS // 2
    assert 0 < figures["clear"] < ROWS // 2


@given(st.floats(0, 1))
def test_so_many_rows_show_the_limit_without_one_disagreement(limit: float) -> None:
    needed = needed_rows(CascadeSpec(band=(0.1, 0.2), max_disagreement=limit))
    assert FEWEST <= needed <= ENOUGH
    if needed < ENOUGH:
        assert Share(0, needed).interval(0.95).high <= limit + 1e-12
    if needed > FEWEST and limit:
        assert Share(0, needed - 1).interval(0.95).high > limit


def test_the_winner_itself_is_the_cheap_model() -> None:
    spec = cascade_spec()
    raw = spec.model_dump()
    raw["model"]["candidates"] = [CHEAP]
    spec = UseCaseSpec.model_validate(raw)
    model = train(spec, kiln(rows=1500).table)
    assert model.cheap is None
    assert CHEAP_SCORE not in model.golden.column_names
    found = cascade_gate(spec, model)
    assert found.verdict == "insufficient"
    assert "nothing to save: the cascade is off for this version" in found.message


def test_scores_that_stand_but_mean_something_else_fail() -> None:
    """Every clear case is decided alike, and most scores are wrong."""
    truth = made().scores
    scores = np.where(truth < BAND[0], 0.149, np.where(truth > BAND[1], 0.999, 0.4))
    found = cascade_gate(SPEC, made(cheap=scores))
    assert found.figures["disagreement"].value < 0.01
    assert found.verdict == "fail"
    assert "The winner passes calibration, the cascade does not" in found.message
    assert found.figures["with_the_scores_that_stand"]["calibration"] == "fail"


def test_a_group_that_the_cheap_model_approves_less_fails() -> None:
    """Of a group some are referred that the winner would approve: within the limit, and unfair."""
    raw = SPEC.model_dump() | {"sensitive": {"guild": {}}}
    raw["model"]["cascade"]["max_disagreement"] = 1.0
    spec = UseCaseSpec.model_validate(raw)
    guild = np.array(made().evaluation.column("guild").to_pylist())
    truth = made().scores
    scores = np.where((guild == "north") & (truth < BAND[0]) & (truth > 0.02), 0.66, truth)
    silent, found = cascade_gate(spec, made(spec)), cascade_gate(spec, made(spec, cheap=scores))
    assert silent.verdict == "pass"
    assert silent.figures["with_the_scores_that_stand"]["fairness"] == "pass"
    assert found.verdict == "fail"
    assert "The winner passes fairness, the cascade does not" in found.message


def test_a_cheap_model_against_a_declared_direction_fails() -> None:
    raw = SPEC.model_dump()
    raw["model"]["monotone"] = {"heat": "increasing"}
    spec = UseCaseSpec.model_validate(raw)
    table = kiln(strength=2.5).table
    place = table.column_names.index("heat")
    turned = table.set_column(place, "heat", pa.array(-table.column("heat").to_numpy()))
    assert cascade_gate(spec, made(spec)).verdict == "pass"
    found = cascade_gate(spec, made(spec, pipeline=linear(spec, turned)))
    assert found.verdict == "fail"
    assert "The winner passes behaviour, the cascade does not: heat is declared" in found.message


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.0, "pass"), (-6.0, "fail")], ids=["in the band", "approved"]
)
def test_an_unknown_case_goes_to_a_person_by_the_cheap_model_too(
    shift: float, verdict: str
) -> None:
    """Asked only without ``policy.refer_missing``, and where the cheap model would decide it."""
    raw = SPEC.model_dump()
    raw["policy"] |= {"refer_missing": None, "approve_below": 0.2}
    spec = UseCaseSpec.model_validate(raw)
    pipeline = linear(spec, kiln(strength=2.5).table)
    pipeline.steps[-1][1].intercept_ += shift
    empty = feature_frame(spec, made(spec).evaluation.slice(0, 1))
    empty = empty.assign(**dict.fromkeys(spec.feature_names, np.nan)).astype(empty.dtypes)
    score = predict(spec, pipeline, empty)[0]
    assert (BAND[0] <= score <= BAND[1]) if verdict == "pass" else score < BAND[0]
    winner = made(spec, pipeline=pipeline)
    winner = replace(winner, pipeline=linear(spec, kiln().table))
    found = cascade_gate(spec, winner)
    assert found.verdict == verdict, found.message


def test_it_is_asked_where_a_cascade_is_declared_and_nowhere_else() -> None:
    table, plain = kiln(strength=2.5).table, kiln_spec()
    with_it = judge(SPEC, made(), table, None, "d" * 64)
    without = judge(plain, made(plain), table, None, "d" * 64)
    assert [r.verdict for r in with_it if r.gate == GATE] == ["pass"]
    assert GATE not in [r.gate for r in without]
    assert "cascade" in gates_of(SPEC)
    assert "cascade" not in gates_of(plain)
    # What is on record is plain JSON.
    (record,) = [r for r in with_it if r.gate == GATE]
    assert record.figures["disagreement"]["value"] == 0.0


def test_no_held_out_row_has_a_say_in_the_cheap_scores_of_another() -> None:
    spec, table = cascade_spec(), kiln(rows=4000).table
    model = fitted()
    assert model.cheap is not None
    held = model.evaluation.num_rows
    kept, spoilt = table.slice(0, table.num_rows - held // 2), table.slice(4000 - held // 2)
    random = np.random.default_rng(0)
    for name, values in (
        ("heat", 100 * random.normal(size=len(spoilt))),
        ("clay", ["red"] * len(spoilt)),
    ):
        spoilt = spoilt.set_column(spoilt.column_names.index(name), name, pa.array(values))
    spoilt = spoilt.set_column(
        spoilt.column_names.index("label"), "label", pa.array(random.integers(0, 2, len(spoilt)))
    )
    other = train(spec, pa.concat_tables([kept, spoilt]))
    assert other.cheap is not None
    first = held - held // 2
    assert np.array_equal(other.cheap.scores[:first], model.cheap.scores[:first])
    assert not np.array_equal(other.cheap.scores[first:], model.cheap.scores[first:])
    # The one that is registered has learnt from all rows.
    assert not np.array_equal(
        predict(spec, other.cheap.pipeline, feature_frame(spec, kept)),
        predict(spec, model.cheap.pipeline, feature_frame(spec, kept)),
    )


def test_trained_again_the_same_cheap_model() -> None:
    spec, model = cascade_spec(), fitted()
    again = train(spec, kiln(rows=4000).table)
    assert again.cheap is not None
    assert model.cheap is not None
    assert again.cheap.scores.tobytes() == model.cheap.scores.tobytes()
    assert again.golden.equals(model.golden)
    assert model.golden.column_names[-2:] == ["score", CHEAP_SCORE]


def test_the_cheap_model_says_what_its_teacher_says_not_what_happened() -> None:
    """Its mean is the teacher's, and it mostly advises the same."""
    spec, table = cascade_spec(), kiln(rows=4000).table
    rows = training_rows(spec, table, ("0", "1"))
    teacher = fitted().pipeline
    everything = np.arange(len(rows))
    cheap = predict(spec, distil(spec, teacher, rows, everything), rows.frame)
    told = predict(spec, teacher, rows.frame)
    assert cheap.mean() == pytest.approx(told.mean(), abs=1e-3)
    assert np.corrcoef(cheap, told)[0, 1] > 0.95
    assert (advised(spec, cheap) == advised(spec, told)).mean() > 0.85


def test_a_snapshot_is_measured_on_its_first_fold() -> None:
    raw = cascade_spec().model_dump()
    raw["model"]["validation"] = "cross_validation"
    spec = UseCaseSpec.model_validate(raw)
    model = train(spec, kiln(rows=1500).table)
    assert model.cheap is not None
    measured = np.isfinite(model.cheap.scores)
    assert len(measured) == 1500
    assert measured.sum() == pytest.approx(300, abs=15)
    assert cascade_gate(spec, model).figures["rows"] == measured.sum()

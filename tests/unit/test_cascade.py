"""The cascade at night: who scores what, the nightly sample, and what makes it stand aside."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.decisions.policy import advice_of
from assets.release.events import Champion
from assets.scoring.cascade import (
    FEWEST,
    cascaded,
    drawn_cases,
    require_cheap_golden,
)
from assets.scoring.golden_check import TOLERANCE, GoldenDiffers
from assets.scoring.score import score
from assets.tables import PREDICTIONS_SCHEMA
from assets.training.distil import advised, clear_cases
from assets.training.predict import predict
from tests.cascades import BAND, cascade_spec, cases, firings, released
from tests.judged_models import kiln_spec

ANY = cascade_spec(max_disagreement=1.0)
"""A limit no night can be above: who scores what is asked apart from it."""


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal, but for the last bits, which another size of batch may move."""
    return bool(np.allclose(one, other, rtol=0, atol=TOLERANCE))


def of(model: Any, frame: pd.DataFrame) -> np.ndarray:
    return predict(ANY, model, frame)


def inverted() -> Any:
    """A winner that says the contrary of what its cheap model learnt."""
    return Turned(released().pipeline)


class Turned:
    def __init__(self, pipeline: Any) -> None:
        self.pipeline, self.classes_ = pipeline, pipeline.classes_

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        found: np.ndarray = self.pipeline.predict_proba(frame)[:, ::-1]
        return found


@given(
    rows=st.integers(1, 300),
    seed=st.integers(0, 50),
    nulls=st.sampled_from([0.0, 0.3, 0.95, 1.0]),
    ends=st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_outside_the_band_the_cheap_score_stands_inside_the_winners(
    rows: int, seed: int, nulls: float, ends: list[float]
) -> None:
    band = (min(ends), max(ends))
    spec = cascade_spec(band, max_disagreement=1.0)
    model = replace(released(), band=band)
    frame = cases(rows, seed, nulls)
    found = cascaded(spec, model, frame)
    cheap, winner = of(model.cheap, frame), of(model.pipeline, frame)
    outside = (cheap < band[0]) | (cheap > band[1])
    assert np.array_equal(found.cheap, outside)
    assert np.array_equal(found.scores[outside], cheap[outside])
    assert alike(found.scores[~outside], winner[~outside])
    assert np.isfinite(found.scores).all()
    assert found.figures["cheap"] == found.figures["clear"] == outside.sum()
    assert found.figures["by_winner"] == (~outside).sum() + min(500, outside.sum())


def test_the_ends_of_the_band_are_the_winners() -> None:
    frame = cases(400)
    low, high = np.sort(of(released().cheap, frame))[[120, 300]]
    spec = cascade_spec((float(low), float(high)), max_disagreement=1.0)
    model = replace(released(), band=(float(low), float(high)))
    found = cascaded(spec, model, frame)
    cheap = of(model.cheap, frame)
    ends = (cheap == low) | (cheap == high)
    assert ends.sum() >= 2
    assert not found.cheap[ends].any()
    assert alike(found.scores[ends], of(model.pipeline, frame)[ends])
    assert found.cheap.sum() == 120 + 99


def test_a_case_of_which_nothing_is_known_is_scored_and_no_number_is_the_winners() -> None:
    found = cascaded(ANY, released(), cases(50, nulls=1.0))
    assert len(np.unique(found.scores)) == 1
    assert 0 <= found.scores[0] <= 1
    cascade = cascade_spec().model.cascade
    assert cascade is not None
    assert not clear_cases(cascade, np.array([np.nan, *BAND])).any()


@given(rows=st.integers(60, 300), seed=st.integers(0, 20), discrete=st.booleans())
@settings(max_examples=10, deadline=None)
def test_neither_order_nor_batch_changes_a_score(rows: int, seed: int, discrete: bool) -> None:
    spec = cascade_spec(sample=50, max_disagreement=1.0)
    frame = cases(rows, seed, nulls=0.2)
    if discrete:  # many cases of one cheap score, and some of them differ all the same
        frame = frame.assign(heat=frame["heat"].round() * 2, damp=0.0)
    found = cascaded(spec, released(), frame)
    order = np.random.default_rng(seed).permutation(rows)
    turned = cascaded(spec, released(), frame.iloc[order])
    assert np.array_equal(turned.cheap, found.cheap[order])
    assert alike(turned.scores, found.scores[order])
    # The sample, too, is of the same cases: what it shows does not hang on the order of rows.
    assert turned.figures == found.figures
    parts = [cascaded(spec, released(), frame.iloc[n : n + 31]) for n in range(0, rows, 31)]
    assert alike(np.concatenate([p.scores for p in parts]), found.scores)
    assert np.array_equal(np.concatenate([p.cheap for p in parts]), found.cheap)


def test_of_cases_of_one_cheap_score_the_same_are_drawn_in_any_order() -> None:
    """Other features may well give the same cheap score; which of them are compared matters."""
    frame = cases(900, nulls=0.1)
    cascade = cascade_spec(sample=60).model.cascade
    assert cascade is not None
    cheap = np.tile([0.01, 0.02, 0.9], 300)
    clear = np.ones(900, dtype=bool)
    order = np.random.default_rng(3).permutation(900)
    drawn = drawn_cases(cascade, 1, frame, cheap, clear)
    turned = drawn_cases(cascade, 1, frame.iloc[order], cheap[order], clear)
    assert sorted(order[turned]) == drawn.tolist()
    assert {0.01, 0.02, 0.9} == set(cheap[drawn])


def test_run_again_the_same_bytes() -> None:
    frame = cases(3000)
    one, other = (cascaded(cascade_spec(sample=60), released(), frame) for _ in range(2))
    assert one.scores.tobytes() == other.scores.tobytes()
    assert one.cheap.tobytes() == other.cheap.tobytes()
    assert one.figures == other.figures


def test_a_sample_of_clear_cases_is_scored_by_both_and_the_figures_say_so() -> None:
    frame = cases(5000)
    found = cascaded(cascade_spec(sample=80), released(), frame)
    said = found.figures
    assert said["clear"] > 500
    assert said["sampled"] == 80
    assert said["by_winner"] == 5000 - said["clear"] + 80
    assert said["cheap_share"] == said["clear"] / 5000
    assert said["whole"] is None
    assert not said["above_limit"]
    interval = said["disagreement"]
    assert interval["low"] <= interval["value"] == said["disagreed"] / 80 <= interval["high"]
    assert 0.04 < interval["high"] < 0.2


def test_the_sample_is_drawn_by_the_seed_from_clear_cases_alone() -> None:
    frame = cases(4000)
    cheap = of(released().cheap, frame)
    cascade = cascade_spec(sample=70).model.cascade
    assert cascade is not None
    clear = clear_cases(cascade, cheap)
    drawn = drawn_cases(cascade, 1, frame, cheap, clear)
    assert len(np.unique(drawn)) == 70
    assert clear[drawn].all()
    assert not np.array_equal(drawn, drawn_cases(cascade, 2, frame, cheap, clear))
    few = np.flatnonzero(clear)[:70]
    assert np.array_equal(drawn_cases(cascade, 1, frame, cheap, np.isin(np.arange(4000), few)), few)


@pytest.mark.parametrize("sample", [50, 500])
def test_above_the_limit_every_case_of_the_night_is_the_winners(sample: int) -> None:
    model = replace(released(), pipeline=inverted())
    frame = cases(2000)
    found = cascaded(cascade_spec(sample=sample), model, frame)
    assert found.figures["above_limit"]
    assert found.figures["disagreement"]["low"] > 0.02
    assert "sampled clear cases" in found.figures["whole"]
    assert found.figures["by_winner"] == 2000
    assert not found.cheap.any()
    assert alike(found.scores, of(model.pipeline, frame))
    # At the limit is not above it.
    held = cascaded(cascade_spec(sample=sample, max_disagreement=1.0), model, frame)
    assert not held.figures["above_limit"]
    assert held.cheap.any()


def test_a_handful_of_clear_cases_says_nothing_of_a_night() -> None:
    model = replace(released(), pipeline=inverted())
    frame = cases(3000)
    clear = np.flatnonzero(cascaded(ANY, model, frame).cheap)
    few = cascaded(cascade_spec(), model, frame.iloc[clear[: FEWEST - 1]])
    assert few.figures["disagreed"] > 0
    assert not few.figures["above_limit"]
    assert few.cheap.all()
    assert cascaded(cascade_spec(), model, frame.iloc[clear[:FEWEST]]).figures["above_limit"]


@pytest.mark.parametrize(
    ("band", "judged", "words"),
    [
        (BAND, None, "no cheap model"),
        ((0.15, 0.75), BAND, r"0.15 to 0.75 leaves more cases .* \(0.1 to 0.75\)"),
        ((0.1, 0.7), BAND, "leaves more cases"),
    ],
)
def test_without_a_cheap_model_that_was_judged_the_winner_scores_all(
    band: tuple[float, float], judged: tuple[float, float] | None, words: str
) -> None:
    model = replace(released(), band=judged)
    if judged is None:
        model = replace(model, cheap=None, cheap_golden=None)
    frame = cases(300)
    found = cascaded(cascade_spec(band), model, frame)
    assert np.array_equal(found.scores, of(model.pipeline, frame))
    assert not found.cheap.any()
    assert re.search(words, found.figures["whole"])
    assert found.figures["by_winner"] == found.figures["cases"] == 300


def test_a_wider_band_leaves_more_to_the_winner_and_needs_no_other_judgement() -> None:
    frame = cases(500)
    wide = cascaded(cascade_spec((0.05, 0.9), max_disagreement=1.0), released(), frame)
    assert wide.figures["whole"] is None
    assert 0 < wide.cheap.sum() < cascaded(ANY, released(), frame).cheap.sum()


def test_a_night_without_cases() -> None:
    found = cascaded(cascade_spec(), released(), cases(3).iloc[:0])
    assert found.scores.shape == found.cheap.shape == (0,)
    assert found.figures["disagreement"] is None


def test_a_night_scored_again_is_the_same_night() -> None:
    """What replay rests on; of a night above its limit, too, whose sample decides who scores."""
    frame = cases(600)
    for model in (released(), replace(released(), pipeline=inverted())):
        night, again = (cascaded(cascade_spec(), model, frame) for _ in range(2))
        assert np.array_equal(again.scores, night.scores)
        assert np.array_equal(again.cheap, night.cheap)
        assert again.figures == night.figures


def test_golden_rows_hold_the_cheap_model_too() -> None:
    model, frame = released(), cases(60)
    assert model.cheap_golden is not None
    assert require_cheap_golden(ANY, model) == 0.0
    moved = replace(model, cheap_golden=model.cheap_golden + 1e-9)
    with pytest.raises(GoldenDiffers, match="40 of 40 golden rows score otherwise by the cheap"):
        cascaded(ANY, moved, frame)
    gone = replace(model, cheap_golden=np.full(40, np.nan))
    with pytest.raises(GoldenDiffers, match="40 of 40"):
        cascaded(ANY, gone, frame)
    with pytest.raises(GoldenDiffers, match="no golden scores"):
        cascaded(ANY, replace(model, cheap_golden=None), frame)
    swapped = model.golden.rename_columns(["case_key", "heat", "clay", "damp", "score"])
    other = replace(model, golden=swapped)
    with pytest.raises(GoldenDiffers, match=r"cannot score its own golden rows \(\w+\)") as refused:
        cascaded(ANY, other, frame)
    assert "red" not in str(refused.value).replace("registered", "")


@given(st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=40))
@settings(deadline=None)
def test_advice_is_that_of_the_policy(scores: list[float]) -> None:
    spec = kiln_spec()
    scores = [*scores, 0.2, 0.6, np.nextafter(0.2, 0), np.nextafter(0.6, 1)]
    rows = [{"case_key": f"c{n}", "missing": 0.0} for n in range(len(scores))]
    predictions = pa.Table.from_pylist(rows, schema=PREDICTIONS_SCHEMA)
    said = advice_of(spec, pa.array(scores), predictions)[1].to_pylist()
    names = ("approve", "refer", "decline")
    assert [names[one] for one in advised(spec, np.array(scores))] == said


def test_predictions_say_who_scored() -> None:
    spec, table = cascade_spec(), firings(400)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    champion = Champion(spec.name, 3, "d" * 64, date(2026, 1, 2), at, {})
    made = score(spec, released(), table, champion)
    found = cascaded(spec, released(), cases(400))
    assert made.column("cheap").to_pylist() == found.cheap.tolist()
    assert np.array_equal(made.column("score").to_numpy(), found.scores)
    assert 0 < found.cheap.sum() < 400

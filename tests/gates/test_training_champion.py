"""The champion gate: no worse than the champion on rows it has not learnt from."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.training.gates.champion import ChampionEvidence, champion_gate
from assets.training.gates.intervals import interval, metric_of, paired_gain
from tests.judged_models import START, kiln, kiln_spec, linear, model_of

SPEC = kiln_spec()
UNTIL = START + timedelta(hours=1800)


def champion(until: Any = UNTIL, rows: int = 1800, spec: Any = SPEC) -> ChampionEvidence:
    return ChampionEvidence(3, linear(spec, kiln().table.slice(0, rows)), until)


def test_a_like_model_is_no_worse() -> None:
    trained = model_of(SPEC, kiln().table)
    found = champion_gate(SPEC, trained, champion())
    assert found.verdict == "pass"
    assert found.figures["rows"] == 2000
    assert found.figures["gain"].low >= -0.01


def test_a_worse_model_is_refused() -> None:
    quiet = kiln()
    noise = np.random.default_rng(0).normal(scale=0.3, size=4000)
    found = champion_gate(SPEC, model_of(SPEC, quiet.table, quiet.chance + noise), champion())
    assert found.verdict == "fail"
    assert "The champion stays" in found.message
    assert found.figures["gain"].high < 0


def test_only_rows_the_champion_has_not_learnt_from_count() -> None:
    late = champion(START + timedelta(hours=2999))
    found = champion_gate(SPEC, model_of(SPEC, kiln().table), late)
    assert found.figures["rows"] == 1000
    assert "of 2000 evaluation rows 1000 are later" in found.message


@pytest.mark.parametrize("hours", [3900, 5000])
def test_too_few_later_rows_are_insufficient(hours: int) -> None:
    late = champion(START + timedelta(hours=hours))
    found = champion_gate(SPEC, model_of(SPEC, kiln().table), late)
    assert found.verdict == "insufficient"
    assert "too few to compare on" in found.message


def test_too_few_rows_to_tell_are_insufficient() -> None:
    quiet = kiln()
    noise = np.random.default_rng(2).normal(scale=0.05, size=4000)
    trained = model_of(SPEC, quiet.table, quiet.chance + noise)
    found = champion_gate(SPEC, trained, champion(START + timedelta(hours=3780)))
    assert found.figures["gain"].low < -0.01 <= found.figures["gain"].value
    assert found.verdict == "insufficient"
    assert "cannot show it" in found.message


def test_a_champion_of_other_features_cannot_be_compared() -> None:
    now = kiln_spec(features={"request": ["heat", "damp"]})
    found = champion_gate(now, model_of(now, kiln().table), champion())
    assert found.verdict == "insufficient"
    assert "features the spec no longer has (clay)" in found.message


def test_a_feature_of_another_type_cannot_be_compared() -> None:
    then = kiln_spec(sources__firings__columns__guild={"type": "string"})
    now = kiln_spec(sources__firings__columns__clay={"type": "float", "required": False})
    numbers = kiln().with_column("clay", np.zeros(4000))
    pipeline = linear(then, kiln().table)
    steps = pipeline.named_steps["inputs"].named_transformers_["categorical"]
    steps.set_params(handle_unknown="error")  # as strict as an encoder can be
    found = champion_gate(now, model_of(now, numbers.table), ChampionEvidence(3, pipeline, UNTIL))
    assert found.verdict == "insufficient"
    assert "changed its type" in found.message


def test_other_classes_cannot_be_compared() -> None:
    spec = kiln_spec(model__task="multiclass", label__positive=None)
    quiet = kiln()
    random = np.random.default_rng(0)
    two = np.where(quiet.labels == 1, "cracked", "fine")
    three = np.where(random.random(4000) < 0.2, "glazed", two)
    old = quiet.with_column("label", two.tolist())
    new = quiet.with_column("label", three.tolist())
    was = ChampionEvidence(3, linear(spec, old.table), UNTIL)
    assert champion_gate(spec, model_of(spec, old.table), was).verdict == "pass"
    found = champion_gate(spec, model_of(spec, new.table), was)
    assert found.verdict == "insufficient"
    assert "knows 2 classes, the new model 3" in found.message


def test_a_margin_on_a_metric_in_units_is_a_share() -> None:
    spec = kiln_spec(model__task="regression", model__metric="mae", label__positive=None)
    quiet = kiln()
    label = 1000 * quiet.table.column("heat").to_numpy()
    label = label + np.random.default_rng(0).normal(scale=500, size=4000)
    table = quiet.with_column("label", label).table

    def ridge(rows: int) -> Any:
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import Pipeline

        from assets.training.frame import feature_frame
        from assets.training.inputs import scaled_inputs

        part = table.slice(0, rows)
        steps = [("inputs", scaled_inputs(spec)), ("model", Ridge())]
        return Pipeline(steps).fit(feature_frame(spec, part), part.column("label").to_numpy())

    from assets.training.frame import feature_frame

    mine = ridge(1900)
    scores = mine.predict(feature_frame(spec, table))
    was = ChampionEvidence(3, ridge(1800), UNTIL)
    found = champion_gate(spec, model_of(spec, table, scores, pipeline=mine), was)
    assert found.verdict == "pass"
    assert found.figures["margin"] == pytest.approx(0.01 * found.figures["champion"])
    off = champion_gate(spec, model_of(spec, table, scores + 200, pipeline=mine), was)
    assert off.verdict == "fail"


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_paired_bootstrap_is_symmetric(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = (random.random(300) < 0.4).astype("int64")
    one, other = labels + random.normal(size=300), labels + random.normal(size=300)
    there = paired_gain(SPEC, labels, one, other, ("0", "1"))
    back = paired_gain(SPEC, labels, other, one, ("0", "1"))
    assert there.value == pytest.approx(-back.value)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.low <= there.value <= there.high
    same = paired_gain(SPEC, labels, one, one, ("0", "1"))
    assert (same.low, same.value, same.high) == (0, 0, 0)


def test_pairing_makes_the_interval_narrower() -> None:
    quiet = kiln()
    noise = np.random.default_rng(0).normal(scale=0.05, size=4000)
    other = quiet.chance + noise
    gain = paired_gain(SPEC, quiet.labels, quiet.chance, other, ("0", "1"))
    alone = interval(metric_of(SPEC, quiet.labels, other, ("0", "1")), 4000, seed=1)
    assert gain.high - gain.low < (alone.high - alone.low) / 2

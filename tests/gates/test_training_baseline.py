"""The baseline gate: better than guessing, or refused."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from assets.training.gates.baseline import baseline_gate, before_split, last_values
from assets.training.gates.intervals import paired_gain
from tests.judged_models import START, kiln, kiln_spec, model_of

SPEC = kiln_spec()


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss"])
def test_a_model_that_knows_something_passes(metric: str) -> None:
    spec, quiet = kiln_spec(model__metric=metric), kiln()
    found = baseline_gate(spec, model_of(spec, quiet.table, quiet.chance), quiet.table)
    assert found.verdict == "pass"
    prior = found.figures["baselines"]["prior"]
    if metric == "roc_auc":
        assert prior["value"] == 0.5
    if metric == "average_precision":
        assert prior["value"] == pytest.approx(quiet.labels[2000:].mean())


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss"])
def test_a_model_that_guesses_is_refused(metric: str) -> None:
    spec, quiet = kiln_spec(model__metric=metric), kiln()
    guess = np.random.default_rng(0).permutation(quiet.chance)
    found = baseline_gate(spec, model_of(spec, quiet.table, guess), quiet.table)
    assert found.verdict == "fail"
    assert "better than prior" in found.message


def test_a_small_gain_is_not_the_gain_asked_for() -> None:
    quiet = kiln()
    asked = kiln_spec(model__gates={"baseline_gain": 0.4})
    assert baseline_gate(
        asked, model_of(asked, quiet.table, quiet.chance), quiet.table
    ).verdict == ("fail")


def test_few_rows_can_show_it_but_cannot_show_that_it_is_not() -> None:
    few = kiln(rows=300)
    guess = np.random.default_rng(0).permutation(few.chance)
    assert baseline_gate(SPEC, model_of(SPEC, few.table, few.chance), few.table).verdict == "pass"
    found = baseline_gate(SPEC, model_of(SPEC, few.table, guess), few.table)
    assert found.verdict == "insufficient"
    assert "fewer than 200 rows may be too few" in found.message


def test_a_gain_that_may_be_chance_is_refused() -> None:
    quiet, random = kiln(rows=500), np.random.default_rng(2)
    weak = quiet.labels + random.normal(scale=8, size=500)
    found = baseline_gate(SPEC, model_of(SPEC, quiet.table, weak, pipeline=0), quiet.table)
    gain = found.figures["baselines"]["prior"]["gain"]
    assert gain.low < 0 < gain.value
    assert found.verdict == "fail"


def test_next_to_no_rows_of_an_outcome_are_insufficient() -> None:
    few = kiln(rows=300)
    labels = few.labels.copy()
    labels[150:] = 0
    labels[[160, 170, 180, 190, 200, 210, 220, 230, 240]] = 1
    table = few.with_column("label", labels).table
    found = baseline_gate(SPEC, model_of(SPEC, table, labels + 0.0, pipeline=0), table)
    assert found.verdict == "insufficient"
    assert "10 of each are needed" in found.message
    labels[250] = 1
    table = few.with_column("label", labels).table
    assert baseline_gate(SPEC, model_of(SPEC, table, labels + 0.0, pipeline=0), table).verdict == (
        "pass"
    )


def test_an_average_precision_that_is_luck_is_no_gain() -> None:
    spec, passed, off = kiln_spec(model__metric="average_precision"), 0, []
    for seed in range(40):
        random = np.random.default_rng(seed)
        labels = (random.random(250) < 0.1).astype("int64")
        gain = paired_gain(spec, labels, random.random(250), np.full(250, 0.1), ("0", "1"))
        passed += gain.low > 0
        off.append((gain.low + gain.high) / 2 - gain.value)
    # By plain percentiles eight of these forty guesses would be better than the prior.
    assert passed <= 2
    assert abs(np.mean(off)) < 0.02


def test_a_row_of_the_instant_of_the_split_is_not_learnt_from() -> None:
    spec, quiet = kiln_spec(model__embargo="0d"), kiln(rows=400)
    trained = model_of(spec, quiet.table, quiet.chance, pipeline=0)
    before = before_split(spec, trained, quiet.table).to_pylist()
    assert before == [True] * 200 + [False] * 200


def potters() -> tuple[pa.Table, np.ndarray]:
    """Thirty potters who make pots of much the same height again and again."""
    random = np.random.default_rng(3)
    rows = 3000
    who = random.integers(0, 30, rows)
    height = 10.0 * who + random.normal(size=rows)
    quiet = kiln(rows=rows)
    table = quiet.with_column("potter", [f"p{i}" for i in who]).with_column("label", height).table
    return table, 10.0 * who


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2"])
def test_a_number_must_beat_the_last_one_known(metric: str) -> None:
    spec = kiln_spec(model__task="regression", model__metric=metric, label__positive=None)
    table, expected = potters()
    found = baseline_gate(spec, model_of(spec, table, expected), table)
    assert found.verdict == "pass"
    assert set(found.figures["baselines"]) == {"prior", "last value"}
    # Better than the mean by far, but worse than what they made last time.
    rough = expected + np.random.default_rng(4).normal(scale=4, size=3000)
    found = baseline_gate(spec, model_of(spec, table, rough), table)
    assert found.verdict == "fail"
    assert "better than last value is not shown" in found.message


def test_a_class_must_beat_the_last_one_known() -> None:
    random = np.random.default_rng(5)
    who, careless = random.integers(0, 40, 4000), random.random(40) < 0.3
    labels = (random.random(4000) < np.where(careless[who], 0.9, 0.05)).astype("int64")
    quiet = kiln().with_column("potter", [f"p{i}" for i in who]).with_column("label", labels)
    weak = labels + random.normal(scale=1.2, size=4000)
    found = baseline_gate(SPEC, model_of(SPEC, quiet.table, weak), quiet.table)
    assert found.figures["baselines"]["prior"]["gain"].low > 0
    assert found.verdict == "fail"


def test_several_classes_have_a_prior() -> None:
    spec = kiln_spec(model__task="multiclass", label__positive=None)
    quiet = kiln()
    names = np.where(quiet.labels == 1, "cracked", "fine")
    table = quiet.with_column("label", names.tolist()).table
    good = np.column_stack([quiet.chance, 1 - quiet.chance])
    assert baseline_gate(spec, model_of(spec, table, good), table).verdict == "pass"
    flat = np.tile([0.2, 0.8], (4000, 1))
    assert baseline_gate(spec, model_of(spec, table, flat), table).verdict == "fail"


def test_a_last_value_is_one_that_was_known_by_then() -> None:
    days = [0, 1, 3, 9]
    table = pa.table(
        {
            "firing_id": ["a", "b", "c", "d"],
            "potter": ["p"] * 4,
            "fired_at": pa.array(
                [START + timedelta(days=d) for d in days], pa.timestamp("us", "UTC")
            ),
            "label": [1, 1, 0, 0],
            "label_observed_at": pa.array(
                # The first is known after two days, the second late, the third at once.
                [START + timedelta(days=d) for d in (2, 8, 3, 11)],
                pa.timestamp("us", "UTC"),
            ),
        }
    )
    trained = model_of(SPEC, kiln(rows=100).table, np.zeros(100))
    found = last_values(SPEC, trained, table, table)
    # c knows only a, not itself; d knows b, which became known last.
    assert np.isnan(found[0])
    assert np.isnan(found[1])
    assert found[2] == 1
    assert found[3] == 1

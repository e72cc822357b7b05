"""The leak gate: every look fires on a leak and is silent without one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from assets.spec import UseCaseSpec
from assets.training import validation
from assets.training.evidence import TrainedModel
from assets.training.gates.certain import certain_values
from assets.training.gates.discrimination import auc, discriminations
from assets.training.gates.finding import Finding
from assets.training.gates.leak import leak_gate
from assets.training.gates.proxies import proxies
from assets.training.gates.shares import auc_interval
from tests.judged_models import Kiln, kiln, kiln_spec, model_of

MACHINES = Path(__file__).resolve().parents[3] / "shared/data/machine_failure/ai4i2020.csv"
SPEC = kiln_spec()


def judged(found: Kiln, spec: UseCaseSpec = SPEC, scores: Any = None) -> Finding:
    scores = found.chance if scores is None else scores
    return leak_gate(spec, model_of(spec, found.table, scores), found.table)


def test_honest_features_pass() -> None:
    found = judged(kiln())
    assert found.verdict == "pass"
    assert found.figures["labels_before_event"] == 0
    best = found.figures["single_features"][0]
    assert best["feature"] == "heat"
    assert best["low"] < best["value"] < best["high"]
    measured = found.figures["measured"]["value"]
    assert measured.low < measured.value < measured.high < 0.995
    assert found.figures["shuffled"]["shared_rows"] == 0


def test_a_feature_that_tells_alone_is_refused_by_name() -> None:
    quiet = kiln()
    noise = np.random.default_rng(0).normal(scale=0.3, size=4000)
    found = judged(quiet.with_column("damp", quiet.labels + noise))
    assert found.verdict == "fail"
    assert "damp alone (by size)" in found.message
    assert "heat alone" not in found.message


def test_being_missing_can_be_the_leak() -> None:
    quiet = kiln()
    values = np.where(quiet.labels == 1, 1.0, np.nan)
    values[:60] = 1.0  # a few known anyway: not quite one-to-one
    found = judged(quiet.with_column("damp", pa.array(values, from_pandas=True)))
    assert found.verdict == "fail"
    assert "damp alone (by being missing)" in found.message


@pytest.mark.parametrize("of", [lambda y: 7.0 - 3 * y, lambda y: np.where(y == 1, np.nan, 2.0)])
def test_the_label_in_other_words_is_refused(of: Any) -> None:
    quiet = kiln()
    labels = quiet.labels.copy()
    labels[5] = 1 - labels[5]  # nearly all rows is enough
    found = judged(quiet.with_column("damp", pa.array(of(labels), from_pandas=True)))
    assert found.verdict == "fail"
    assert "damp is the outcome in other words" in found.message


def test_a_flag_of_some_rare_outcomes_is_refused_without_naming_its_value() -> None:
    quiet = kiln()
    flag = np.zeros(4000, dtype=int)
    flag[np.flatnonzero(quiet.labels)[:200]] = 1
    words = np.where(flag == 1, "secret-word", "other")
    found = judged(quiet.with_column("clay", words.tolist()))
    assert found.verdict == "fail"
    assert "one value of clay gives the outcome away" in found.message
    assert "secret-word" not in found.message + str(found.figures)


def test_a_value_that_is_mostly_of_one_outcome_is_no_leak() -> None:
    labels = np.array([1] * 63 + [0] + [1] * 200 + [0] * 736)
    frame = pd.DataFrame({"grade": ["g"] * 64 + ["a"] * 936})
    assert certain_values(frame, labels, 0.95) == []
    labels[63] = 1
    assert certain_values(frame, labels, 0.95) == []  # 64 of 64: surely above 0.943 only
    assert certain_values(frame, labels, 0.9) != []


@pytest.mark.parametrize("distinct", [4000, 2000, 1000])
def test_keys_and_free_text_are_no_leak_by_being_unique(distinct: int) -> None:
    words = [f"text number {i % distinct}" for i in range(4000)]
    assert judged(kiln().with_column("clay", words)).verdict == "pass"


def test_labels_known_before_their_event_are_refused() -> None:
    quiet = kiln()
    observed = quiet.table.column("label_observed_at").to_pylist()
    observed[3] -= timedelta(days=3)
    early = quiet.with_column("label_observed_at", pa.array(observed, pa.timestamp("us", "UTC")))
    found = judged(early)
    assert found.verdict == "fail"
    assert found.figures["labels_before_event"] == 1
    assert "1 of 4000 labels were known before their event" in found.message


def test_too_good_to_be_true_is_not_believed() -> None:
    quiet = kiln()
    sharp = np.clip(quiet.labels + np.random.default_rng(0).normal(scale=0.2, size=4000), 0, 1)
    found = judged(quiet, scores=sharp)
    assert found.verdict == "fail"
    assert "too good to be true" in found.message


def test_a_perfect_score_of_a_handful_is_not_too_good() -> None:
    quiet = kiln()
    labels = quiet.labels.copy()
    labels[2000:] = 0
    labels[2000:2009] = 1
    table = quiet.with_column("label", labels).table
    found = leak_gate(SPEC, model_of(SPEC, table, labels + 0.0, pipeline=0), table)
    assert found.figures["measured"]["value"].value == 1
    assert "too good" not in found.message
    labels[2009] = 1
    table = quiet.with_column("label", labels).table
    found = leak_gate(SPEC, model_of(SPEC, table, labels + 0.0, pipeline=0), table)
    assert "too good" in found.message


def test_a_denied_column_in_the_model_is_refused() -> None:
    quiet = kiln()
    trained = model_of(SPEC, quiet.table, quiet.chance)
    now = kiln_spec(features={"request": ["heat", "damp"]}, deny=["clay"])
    found = leak_gate(now, trained, quiet.table)
    assert found.verdict == "fail"
    assert found.figures["forbidden_features"] == ["clay"]


@pytest.mark.parametrize("column", ["guild", "label", "cracked", "sorted_at", "firing_id"])
def test_a_model_that_takes_what_may_never_be_a_feature_is_refused(column: str) -> None:
    spec, quiet = kiln_spec(sensitive={"guild": {}}), kiln()

    class Taking:
        feature_names_in_ = ("heat", column)

    found = leak_gate(
        spec, model_of(spec, quiet.table, quiet.chance, pipeline=Taking()), quiet.table
    )
    assert found.verdict == "fail"
    assert found.figures["forbidden_features"] == [column]


def test_measuring_on_rows_fitted_on_is_refused() -> None:
    quiet = kiln()
    honest = model_of(SPEC, quiet.table, quiet.chance)
    # The evaluation rows begin half-way, the model was fitted up to the end.
    broken = TrainedModel(**{**vars(honest), "split_at": honest.last + timedelta(days=3)})
    found = leak_gate(SPEC, broken, quiet.table)
    assert found.verdict == "fail"
    assert "rows measured on are among the rows fitted on" in found.message
    assert found.figures["shuffled"]["auc"] > 0.6


def test_folds_that_measure_on_rows_fitted_on_are_refused(monkeypatch: Any) -> None:
    spec = kiln_spec(model__validation="cross_validation")
    quiet = kiln(rows=2000)
    trained = model_of(spec, quiet.table, quiet.chance)
    found = leak_gate(spec, trained, quiet.table)
    assert found.verdict == "pass"
    assert found.figures["shuffled"]["fitted_rows"] == 1600
    assert found.figures["shuffled"]["measured_rows"] == 2000
    assert found.figures["shuffled"]["shared_rows"] == 0

    # The folds are those of the training, whatever order the rows were read in.
    backwards = quiet.table.take(np.arange(2000)[::-1])
    assert leak_gate(spec, trained, backwards).figures["shuffled"] == found.figures["shuffled"]

    honest = validation._seeded

    def broken(*given: Any) -> Any:
        for fitted, measured in honest(*given):
            yield np.union1d(fitted, measured), measured

    monkeypatch.setattr(validation, "_seeded", broken)
    found = leak_gate(spec, trained, quiet.table)
    assert found.verdict == "fail"
    assert "2000 rows measured on are among the rows fitted on" in found.message
    assert "a model of shuffled labels reaches AUC" in found.message


def test_without_the_times_of_labels_nothing_can_be_said_of_them() -> None:
    quiet = kiln()
    table = quiet.table.drop_columns(["label_observed_at"])
    found = leak_gate(SPEC, model_of(SPEC, table, quiet.chance), table)
    assert found.verdict == "insufficient"
    assert "no label_observed_at" in found.message


@pytest.mark.parametrize(("inside", "outside"), [(30, 270), (150, 150)])
@pytest.mark.parametrize("apart", [0.0, 1.2, 2.5])
def test_the_interval_of_a_discrimination_holds_the_truth_as_often_as_it_says(
    inside: int, outside: int, apart: float
) -> None:
    random = np.random.default_rng(7)
    truth, held = norm.cdf(apart / np.sqrt(2)), 0
    labels = np.repeat([True, False], [inside, outside])
    for _ in range(400):
        area = auc(labels, random.normal(size=inside + outside) + apart * labels)
        one = auc_interval(area, inside, outside, 0.95)
        assert 0 <= one.low <= area <= one.high <= 1
        held += one.low <= truth <= one.high
    assert 0.92 <= held / 400 <= 0.99
    assert auc_interval(1.0, inside, outside, 0.95).low < 0.99


def test_too_few_of_an_outcome_for_the_control_is_insufficient() -> None:
    quiet = kiln(rows=60)
    found = judged(quiet)
    assert found.verdict == "insufficient"
    assert found.figures["shuffled"] is None


def test_several_classes_are_told_one_against_the_rest() -> None:
    quiet = kiln()
    spec = kiln_spec(model__task="multiclass", label__positive=None)
    random = np.random.default_rng(0)
    names = np.array(["fine", "hairline", "shard"])[quiet.labels + (random.random(4000) < 0.2)]
    table = quiet.with_column("label", names.tolist())
    flat = np.full((4000, 3), 1 / 3)
    assert judged(table, spec, flat).verdict == "pass"
    told = np.where(names == "shard", 5.0, 0) + random.normal(size=4000)
    found = judged(table.with_column("damp", told), spec, flat)
    assert found.verdict == "fail"
    assert "tells class shard" in found.message


def test_a_number_is_told_by_correlation_and_by_being_on_a_line() -> None:
    spec = kiln_spec(model__task="regression", label__positive=None)
    quiet = kiln()
    random = np.random.default_rng(0)
    value = quiet.table.column("heat").to_numpy() + random.normal(size=4000)
    table = quiet.with_column("label", value)
    guess = np.full(4000, value.mean())
    assert judged(table, spec, guess).verdict == "pass"
    near = judged(
        table.with_column("damp", value + random.normal(scale=0.1, size=4000)), spec, guess
    )
    assert "damp alone" in near.message
    same = judged(table.with_column("damp", 3 * value - 8), spec, guess)
    assert "damp is the outcome in other words" in same.message
    assert judged(table, spec, value).verdict == "fail"  # R2 of 1


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(-5, 5)), min_size=40, max_size=200),
)
def test_auc_is_that_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    labels, values = np.array(rows).T
    found = auc(labels == 1, values.astype(float))
    if min(labels.sum(), len(labels) - labels.sum()) < 10:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(labels, values))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 400))
def test_features_that_know_nothing_never_look_telling(seed: int, distinct: int) -> None:
    random = np.random.default_rng(seed)
    labels = (random.random(2000) < 0.2).astype("int64")
    frame = pd.DataFrame(
        {
            "number": random.normal(size=2000),
            "word": random.integers(0, distinct, 2000).astype(str).astype(object),
            "key": [f"k{i}" for i in range(2000)],
        }
    )
    frame.loc[random.random(2000) < 0.3, "number"] = np.nan
    found = discriminations("binary", frame, labels, ("0", "1"), seed)
    assert all(one.value < 0.65 for one in found)
    assert proxies("binary", frame, labels) == []
    assert certain_values(frame, labels, 0.95) == []


@pytest.mark.skipif(not MACHINES.exists(), reason="the AI4I data set is not on this machine")
@pytest.mark.parametrize("flags", [[], ["TWF", "HDF", "PWF", "OSF", "RNF"]])
def test_machine_failures_are_refused_only_with_the_flags_that_define_them(
    flags: list[str],
) -> None:
    import pyarrow.csv

    from assets.training.train import train

    rows = pyarrow.csv.read_csv(MACHINES)
    numbers = {name: f"f{place}" for place, name in enumerate(rows.column_names[3:8])}
    numbers |= {name: name.lower() for name in flags}
    start = datetime(2026, 1, 1, tzinfo=UTC)
    when = [start + timedelta(minutes=10 * i) for i in range(rows.num_rows)]
    table = pa.table(
        {
            "unit": pc.cast(rows.column("UDI"), pa.string()),
            "made_at": pa.array(when, pa.timestamp("us", "UTC")),
            "kind": rows.column("Type"),
            **{new: pc.cast(rows.column(old), pa.float64()) for old, new in numbers.items()},
            "label": rows.column("Machine failure"),
            "label_observed_at": pa.array(
                [one + timedelta(hours=1) for one in when], pa.timestamp("us", "UTC")
            ),
        }
    )
    texts = {"unit": {"type": "string"}, "kind": {"type": "string"}}
    spec = UseCaseSpec.model_validate(
        {
            "name": "machines",
            "start": "2026-01-01",
            "sources": {
                "runs": {
                    "columns": {
                        **texts,
                        "made_at": {"type": "timestamp"},
                        **{name: {"type": "float"} for name in numbers.values()},
                    }
                },
                "ends": {
                    "columns": {
                        "unit": {"type": "string"},
                        "failed": {"type": "int"},
                        "seen_at": {"type": "timestamp"},
                    }
                },
            },
            "population": {
                "source": "runs",
                "key": "unit",
                "entity": "unit",
                "event_timestamp": "made_at",
            },
            "label": {
                "source": "ends",
                "column": "failed",
                "positive": 1,
                "observed_at": "seen_at",
                "matures_after": "1h",
            },
            "features": {"request": ["kind", *numbers.values()]},
            "model": {"candidates": ["hist_gradient_boosting"], "search": {"trials": 1}},
        }
    )
    trained = train(spec, table)
    found = leak_gate(spec, trained, table)
    assert found.verdict == ("fail" if flags else "pass"), found.message
    if flags:
        assert "hdf" in found.message
    else:
        assert trained.metrics["roc_auc"] > 0.97

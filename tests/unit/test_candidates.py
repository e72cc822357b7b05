"""Candidates: each bears what training never saw, follows what is declared, and can be stored."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.model_spec import CANDIDATES, Task
from assets.training.calibration import METHODS, calibrated
from assets.training.candidates import SETTINGS, TRUSTED_TYPES, build
from assets.training.choice import choose
from assets.training.evidence import Candidate
from assets.training.frame import feature_frame
from assets.training.inputs import text_features
from assets.training.predict import predict
from assets.training.rows import TrainingRows, training_rows
from assets.training.search import SPACE, trials
from assets.training.sufficiency import TrainingRefused
from assets.training.threads import SMALL, threads_for
from assets.training.train import train
from tests.widgets import orders, widgets_spec

EVERY = [(task, name) for task, names in CANDIDATES.items() for name in names]
CLASSES = {"binary": ("0", "1"), "multiclass": ("bent", "broken", "lost"), "regression": ()}


def needs(name: str) -> None:
    if name == "explainable_boosting":
        pytest.importorskip("interpret", reason="explainable boosting needs interpret-core")


def rows_of(spec: Any, task: Task, rows: int = 600) -> TrainingRows:
    return training_rows(spec, orders(rows, task), CLASSES[task])


def fitted(spec: Any, name: str, rows: TrainingRows, chosen: Any = None) -> Any:
    text = text_features(spec, rows.frame)
    chosen = np.arange(len(rows)) if chosen is None else chosen
    with threads_for(len(rows)):
        return rows.fit(build(name, spec, text=text), chosen)


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_candidates_bear_what_training_never_saw(task: Task, name: str) -> None:
    """Unknown and missing categories, nulls in a column that had none, values far outside."""
    needs(name)
    spec = widgets_spec(text=True, task=task, candidates=[name])
    pipeline = fitted(spec, name, rows_of(spec, task))
    night = pa.table(
        {
            "weight": pa.array([1.0, None, 3.0, None]),
            "parts": pa.array([None, 2, 10**6, None], pa.int64()),
            "rushed": pa.array([None, True, False, None]),
            "colour": pa.array(["mauve", None, "red", None]),
            "complaint": pa.array(["", None, "words never seen", None]),
        }
    )
    scores = predict(spec, pipeline, feature_frame(spec, night))
    assert scores.shape == ((4, 3) if task == "multiclass" else (4,))
    assert np.isfinite(scores).all()
    if task != "regression":
        assert ((scores >= 0) & (scores <= 1)).all()
    assert predict(spec, pipeline, feature_frame(spec, night.slice(0, 0))).shape[0] == 0


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_stored_and_loaded_it_says_the_same(task: Task, name: str) -> None:
    """By skops, with no type trusted beyond its own list and ours; calibrated or not."""
    import skops.io

    needs(name)
    spec = widgets_spec(text=True, task=task, candidates=[name])
    rows = rows_of(spec, task)
    half = np.arange(len(rows) // 2)
    early, full = fitted(spec, name, rows, half), fitted(spec, name, rows)
    for method in METHODS if task != "regression" else METHODS[:1]:
        pipeline = calibrated(full, early, rows, half + len(half), method)
        stored = skops.io.dumps(pipeline)
        strange = set(skops.io.get_untrusted_types(data=stored)) - set(TRUSTED_TYPES)
        assert strange == set(), method
        loaded = skops.io.loads(stored, trusted=list(TRUSTED_TYPES))
        assert np.array_equal(
            predict(spec, loaded, rows.frame), predict(spec, pipeline, rows.frame)
        )
        assert [str(f) for f in loaded.feature_names_in_] == spec.feature_names


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("name", ["hist_gradient_boosting", "explainable_boosting"])
@pytest.mark.parametrize(("direction", "sign"), [("increasing", 1), ("decreasing", -1)])
def test_declared_directions_hold(task: Task, name: str, direction: str, sign: int) -> None:
    """Weight makes things worse in the data; declared the other way it may not."""
    needs(name)
    spec = widgets_spec(task=task, candidates=[name], monotone={"weight": direction})
    pipeline = fitted(spec, name, rows_of(spec, task))
    weights = np.geomspace(0.01, 100, 200)
    for other in orders(5, task, seed=9).to_pylist():
        table = pa.Table.from_pylist([{**other, "weight": weight} for weight in weights])
        scores = predict(spec, pipeline, feature_frame(spec, table))
        assert (sign * np.diff(scores) >= -1e-12).all()
        assert sign < 0 or scores[-1] > scores[0]


@pytest.mark.parametrize("name", CANDIDATES["binary"])
def test_a_rare_class_keeps_its_probability(name: str) -> None:
    """Nothing is weighted or resampled: the mean score of later rows is their share of positives,
    to four standard errors of it (weights that balance the classes would make it near a half)."""
    from sklearn.metrics import roc_auc_score

    needs(name)
    spec = widgets_spec(text=True, candidates=[name])
    table = orders(8000)
    rare = (table.column("label").to_numpy() == 0) | (np.arange(8000) % 8 == 0)
    rows = training_rows(spec, table.filter(pa.array(rare)), CLASSES["binary"])
    half = len(rows) // 2
    later = np.arange(half, len(rows))
    scores = predict(spec, fitted(spec, name, rows, np.arange(half)), rows.frame.iloc[later])
    share = rows.labels[later].mean()
    assert 0.02 < share < 0.06
    assert abs(scores.mean() - share) < 4 * (share * (1 - share) / len(later)) ** 0.5
    assert roc_auc_score(rows.labels[later], scores) > 0.6


def test_free_text_is_paired_with_nothing() -> None:
    """Hundreds of texts times every value of another feature: 15 seconds where one is enough."""
    needs("explainable_boosting")
    spec = widgets_spec(text=True, candidates=["explainable_boosting"])
    terms = fitted(spec, "explainable_boosting", rows_of(spec, "binary"))[-1].term_names_
    assert "complaint" in terms
    assert any(" & " in term for term in terms)
    assert not any("complaint" in term for term in terms if " & " in term)


@pytest.mark.parametrize(("rows", "openmp"), [(SMALL - 1, {1}), (SMALL, {2})])
def test_linear_algebra_never_depends_on_the_number_of_cores(rows: int, openmp: set[int]) -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    with threadpool_limits(2), threads_for(rows):
        found = threadpool_info()
    for kind, wanted in (("blas", {1}), ("openmp", openmp)):
        assert {one["num_threads"] for one in found if one["user_api"] == kind} == wanted


def test_what_is_not_on_the_list_is_not_built() -> None:
    spec = widgets_spec()
    with pytest.raises(ValueError, match="'random_forest' is no candidate: choose from"):
        build("random_forest", spec)
    with pytest.raises(ValueError, match=r"has no setting \['class_weight'\]"):
        build("logistic_regression", spec, {"class_weight": "balanced"})


def test_every_candidate_can_be_searched() -> None:
    names = {name for names in CANDIDATES.values() for name in names}
    assert set(SETTINGS) == set(SPACE) == names
    for name, space in SPACE.items():
        assert set(space) <= set(SETTINGS[name])


def test_trials_begin_with_the_defaults_and_never_repeat() -> None:
    spec = widgets_spec(search={"trials": 12})
    for name in SETTINGS:
        drawn = trials(spec, name)
        assert drawn[0] == SETTINGS[name]
        assert len({str(sorted(one.items())) for one in drawn}) == len(drawn)
        assert drawn == trials(spec, name)
    assert len(trials(spec, "hist_gradient_boosting")) == 12
    assert len(trials(widgets_spec(search={"trials": 1}), "hist_gradient_boosting")) == 1


def test_free_text_is_told_from_categories() -> None:
    spec = widgets_spec(text=True)

    def found(colours: list[str | None], complaints: list[str | None]) -> tuple[str, ...]:
        table = orders(len(colours)).drop_columns(["colour", "complaint"])
        table = table.append_column("colour", pa.array(colours, pa.string()))
        return text_features(
            spec,
            feature_frame(
                spec, table.append_column("complaint", pa.array(complaints, pa.string()))
            ),
        )

    ids: list[str | None] = [f"id-{i}" for i in range(100)]
    few: list[str | None] = ["a word or more", "another such text"] * 50
    many: list[str | None] = [f"it broke on day {i}" for i in range(99)] + [None]
    assert found(ids, many) == ("complaint",)
    assert found(many, many) == ("colour", "complaint")
    assert found(ids, few) == ()
    assert found([None] * 100, [None] * 100) == ()


def candidate(name: str, figure: float, error: float, metric: str = "roc_auc") -> Candidate:
    return Candidate(name, {}, {metric: figure}, {}, error, np.empty(0))


@pytest.mark.parametrize(
    ("linear", "boosted", "error", "winner"),
    [
        (0.80, 0.81, 0.02, "logistic_regression"),  # within one standard error of the best
        (0.80, 0.85, 0.02, "hist_gradient_boosting"),
        (0.85, 0.80, 0.02, "logistic_regression"),
        (0.80, 0.80, 0.0, "logistic_regression"),
    ],
)
def test_a_simpler_candidate_wins_within_one_standard_error(
    linear: float, boosted: float, error: float, winner: str
) -> None:
    found = {
        "hist_gradient_boosting": candidate("hist_gradient_boosting", boosted, error),
        "logistic_regression": candidate("logistic_regression", linear, 9.0),
    }
    name, why = choose(widgets_spec(), found)
    assert name == winner
    assert f"{linear:.4f}" in why
    assert f"{boosted:.4f}" in why


def test_where_smaller_is_better_the_smaller_wins() -> None:
    spec = widgets_spec(metric="log_loss")
    found = {
        "logistic_regression": candidate("logistic_regression", 0.5, 0.01, "log_loss"),
        "hist_gradient_boosting": candidate("hist_gradient_boosting", 0.4, 0.01, "log_loss"),
    }
    assert choose(spec, found)[0] == "hist_gradient_boosting"
    close = {**found, "logistic_regression": candidate("", 0.405, 0.01, "log_loss")}
    assert choose(spec, close)[0] == "logistic_regression"


def test_texts_without_a_common_word_are_refused_in_words() -> None:
    spec = widgets_spec(text=True, candidates=["tfidf_linear"], calibration="none")
    table = orders(300)
    place = table.column_names.index("complaint")
    strange = pa.array([f"x{i}a y{i}b z{i}c" for i in range(300)])
    with pytest.raises(TrainingRefused, match=r"no word of two letters .* Take the feature out"):
        train(spec, table.set_column(place, "complaint", strange))

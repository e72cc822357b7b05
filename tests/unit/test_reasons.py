"""Reason codes: what features add sums to the score, and is what brute force finds."""

import math
from collections.abc import Callable, Iterable
from functools import cache
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from assets.model_spec import Task
from assets.scoring import tree_shapley as trees
from assets.scoring.loader import ModelRefused, VerifiedModel
from assets.scoring.reasons import (
    PUSHES,
    ReasonsRefused,
    case_reasons,
    contributions,
    scored_features,
    uncalibrated,
)
from assets.spec import UseCaseSpec
from assets.training.calibration import calibrated
from assets.training.candidates import TRUSTED_TYPES, build
from assets.training.frame import feature_frame
from assets.training.predict import predict
from assets.training.threads import threads_for
from tests.widgets import orders, widgets_spec

ROWS, REFERENCE = 500, 30
QUICK: dict[str, dict[str, Any]] = {
    "hist_gradient_boosting": {"max_iter": 12, "min_samples_leaf": 5},
    "explainable_boosting": {"interactions": 3},
}
KINDS: list[tuple[str, Task]] = [
    ("logistic_regression", "binary"),
    ("tfidf_linear", "binary"),
    ("hist_gradient_boosting", "binary"),
    ("explainable_boosting", "binary"),
    ("logistic_regression", "multiclass"),
    ("tfidf_linear", "multiclass"),
    ("hist_gradient_boosting", "multiclass"),
]
ebm_says = pytest.mark.filterwarnings("ignore:Missing values detected")


def spec_of(name: str, task: Task = "binary", **policy: Any) -> UseCaseSpec:
    spec = widgets_spec(text=name == "tfidf_linear", task=task, candidates=[name])
    return spec.model_copy(update={"policy": spec.policy.model_copy(update=policy)})


@cache
def table(task: Task = "binary") -> pa.Table:
    return orders(ROWS, task=task)


def labels(task: Task = "binary") -> np.ndarray:
    return np.asarray(table(task).column("label"))


@cache
def fitted(name: str, task: Task = "binary") -> Pipeline:
    spec = spec_of(name, task)
    text = ("complaint",) if name == "tfidf_linear" else ()
    pipeline = build(name, spec, QUICK.get(name), text=text)
    with threads_for(ROWS):
        return pipeline.fit(feature_frame(spec, table(task)), labels(task))


def model(name: str, task: Task = "binary") -> VerifiedModel:
    return VerifiedModel(fitted(name, task), table(task).slice(0, REFERENCE))


def log_odds(pipeline: Pipeline, frame: pd.DataFrame, output: int = 1) -> np.ndarray:
    inputs: Any = frame
    for _, step in pipeline.steps[:-1]:
        inputs = step.transform(inputs)
    with threads_for(len(frame)):
        found = uncalibrated(pipeline).decision_function(inputs)
    return np.asarray(found if found.ndim == 1 else found[:, output])


def strange(frame: pd.DataFrame) -> pd.DataFrame:
    """The same cases, among them some with nothing known and with unheard-of values."""
    odd = frame.head(60).copy()
    odd.iloc[:10] = np.nan
    odd.loc[odd.index[10:20], "colour"] = "mauve"
    odd.loc[odd.index[20:30], "weight"] = [1e3, -1e3] * 5
    return odd.astype(dict(frame.dtypes))


@ebm_says
@pytest.mark.parametrize(("name", "task"), KINDS)
def test_what_features_add_sums_to_the_log_odds_less_their_mean(name: str, task: Task) -> None:
    spec, pipeline = spec_of(name, task), fitted(name, task)
    every = feature_frame(spec, table(task))
    reference = table(task).slice(0, REFERENCE)
    for frame in (every, strange(every)):
        for output in range(len(pipeline.classes_)) if task == "multiclass" else (1,):
            found = contributions(spec, pipeline, reference, frame, output)
            assert found.shape == (len(frame), len(spec.feature_names))
            mean = log_odds(pipeline, every.head(REFERENCE), output).mean()
            wanted = log_odds(pipeline, frame, output) - mean
            assert np.abs(found.sum(axis=1) - wanted).max() < 1e-9


def shapley(
    say: Callable[[pd.DataFrame], np.ndarray], reference: pd.DataFrame, case: pd.Series
) -> np.ndarray:
    """Interventional Shapley values by their definition: every subset of the features."""
    names = list(reference.columns)

    @cache
    def value(known: frozenset[str]) -> float:
        mixed = reference.copy()
        for name in known:
            mixed[name] = pd.Series([case[name]] * len(mixed), mixed.index, mixed[name].dtype)
        return float(say(mixed).mean())

    def subsets(of: list[str]) -> Iterable[tuple[str, ...]]:
        return (s for size in range(len(of) + 1) for s in combinations(of, size))

    found = []
    for name in names:
        others = [one for one in names if one != name]
        total = 0.0
        for subset in subsets(others):
            weight = 1 / (len(names) * math.comb(len(others), len(subset)))
            total += weight * (value(frozenset({*subset, name})) - value(frozenset(subset)))
        found.append(total)
    return np.array(found)


@pytest.mark.parametrize(
    ("name", "limited"),
    [
        ("logistic_regression", False),
        ("tfidf_linear", False),
        ("hist_gradient_boosting", False),
        ("hist_gradient_boosting", True),
    ],
)
def test_it_is_what_brute_force_finds(
    name: str, limited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shapley values; those of a sum are its parts. ``limited``: by the ways round large trees."""
    if limited:
        small = {"SHORT": 1, "LONGEST": 2, "CELLS": 4, "MOST_LEAVES": 3, "CHUNK": 7}
        for limit, value in small.items():
            monkeypatch.setattr(trees, limit, value)
    spec, pipeline = spec_of(name), fitted(name)
    every = feature_frame(spec, table())
    cases = pd.concat([every.iloc[[100]], strange(every).iloc[[0, 12, 20]]])
    found = contributions(spec, pipeline, table().slice(0, REFERENCE), cases)
    for place in range(len(cases)):
        wanted = shapley(
            lambda frame: log_odds(pipeline, frame), every.head(REFERENCE), cases.iloc[place]
        )
        assert np.abs(found[place] - wanted).max() < 1e-9
    assert np.abs(found).max() > 0.1


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("name", ["logistic_regression", "hist_gradient_boosting"])
def test_calibration_is_left_out(name: str, method: str) -> None:
    spec, plain = spec_of(name), fitted(name)
    frame = feature_frame(spec, table())
    rows: Any = SimpleNamespace(frame=frame, target=labels())
    mapped = calibrated(plain, plain, rows, np.arange(ROWS), method)
    reference = table().slice(0, REFERENCE)
    assert not np.array_equal(predict(spec, mapped, frame), predict(spec, plain, frame))
    one, other = (contributions(spec, p, reference, frame) for p in (plain, mapped))
    assert np.array_equal(one, other)


@ebm_says
@pytest.mark.parametrize(
    "name", ["logistic_regression", "hist_gradient_boosting", "explainable_boosting"]
)
def test_a_model_read_back_from_its_file_gives_the_same_reasons(name: str) -> None:
    import skops.io

    spec = spec_of(name)
    content = skops.io.dumps(fitted(name))
    loaded = skops.io.loads(content, trusted=list(TRUSTED_TYPES))
    frame = feature_frame(spec, table())
    scores = predict(spec, loaded, frame)
    again = VerifiedModel(loaded, model(name).golden)
    found = [case_reasons(spec, m, frame, scores, 4) for m in (model(name), again)]
    assert found[0].equals(found[1])


@ebm_says
@pytest.mark.parametrize(("name", "task"), KINDS)
def test_reasons_are_the_largest_pushes_up_of_what_is_not_approved(name: str, task: Task) -> None:
    spec = spec_of(name, task, approve_below=0.2, accept_above=0.7)
    frame = feature_frame(spec, table(task))
    scores = predict(spec, fitted(name, task), frame)
    given = case_reasons(spec, model(name, task), frame, scores, 2)
    assert given.type == PUSHES
    approved = scores < 0.2 if task == "binary" else scores.max(axis=1) >= 0.7
    assert approved.any()
    assert not approved.all()
    likeliest = scores.argmax(axis=1) if task == "multiclass" else np.ones(ROWS, dtype=int)
    told = 0
    for place, pushes in enumerate(given.to_pylist()):
        if approved[place]:
            assert pushes == []
            continue
        output = int(likeliest[place])
        case = frame.iloc[[place]]
        parts = contributions(spec, fitted(name, task), model(name, task).golden, case, output)[0]
        best = sorted(zip(parts, spec.feature_names, strict=True), key=lambda one: -one[0])[:2]
        wanted = [feature for weight, feature in best if weight > 1e-9]
        assert [push["feature"] for push in pushes] == wanted
        assert [p["weight"] for p in pushes] == pytest.approx(
            [weight for weight, feature in best if feature in wanted], rel=1e-9
        )
        told += len(pushes)
        if place > 25:
            break
    assert told


def test_two_classes_by_name_are_explained_each_from_its_side() -> None:
    spec = spec_of("logistic_regression", "multiclass", accept_above=1.0)
    names = np.where(labels() == 1, "worn", "fine")
    frame = feature_frame(spec, table())
    pipeline = build("logistic_regression", spec).fit(frame, names)
    reference = table().slice(0, REFERENCE)
    fine, worn = (contributions(spec, pipeline, reference, frame, place) for place in (0, 1))
    assert np.array_equal(fine, -worn)
    given = case_reasons(
        spec, VerifiedModel(pipeline, reference), frame, predict(spec, pipeline, frame), 1
    )
    weights = {p["feature"]: np.sign(p["weight"]) for ps in given.to_pylist() for p in ps}
    assert set(weights.values()) == {1.0}


def test_a_regression_gives_none() -> None:
    spec = widgets_spec(task="regression", candidates=["ridge_regression"])
    rows = orders(60, task="regression")
    frame = feature_frame(spec, rows)
    pipeline = build("ridge_regression", spec).fit(frame, np.asarray(rows.column("label")))
    given = case_reasons(
        spec, VerifiedModel(pipeline, rows), frame, predict(spec, pipeline, frame), 4
    )
    assert given.to_pylist() == [[]] * 60


def test_no_cases_have_no_reasons() -> None:
    spec = spec_of("hist_gradient_boosting")
    frame = feature_frame(spec, table().slice(0, 0))
    found = case_reasons(spec, model("hist_gradient_boosting"), frame, np.empty(0), 4)
    assert found.to_pylist() == []


def test_what_the_cheap_model_scored_the_cheap_model_explains() -> None:
    spec = spec_of("logistic_regression", approve_below=0.0)
    large, cheap = fitted("hist_gradient_boosting"), fitted("logistic_regression")
    golden = table().slice(0, REFERENCE)
    both: Any = SimpleNamespace(pipeline=large, cheap=cheap, golden=golden)
    frame = feature_frame(spec, table().slice(0, 40))
    by_cheap = np.arange(40) % 2 == 0
    scores = np.full(40, 0.5)
    found = case_reasons(spec, both, frame, scores, 4, cheap=by_cheap).to_pylist()
    alone = [
        case_reasons(spec, VerifiedModel(one, golden), frame, scores, 4).to_pylist()
        for one in (large, cheap)
    ]
    assert found == [alone[int(by_cheap[place])][place] for place in range(40)]
    assert alone[0] != alone[1]


def test_other_cases_of_the_night_change_no_reason() -> None:
    for name in ("logistic_regression", "hist_gradient_boosting"):
        spec, reference = spec_of(name), table().slice(0, REFERENCE)
        frame = feature_frame(spec, table())
        every = contributions(spec, fitted(name), reference, frame)
        alone = contributions(spec, fitted(name), reference, frame.iloc[[77]])
        assert np.array_equal(every[[77]], alone)


@pytest.mark.parametrize("block", ["deny", "sensitive"])
def test_a_denied_or_sensitive_column_is_never_a_reason(block: str) -> None:
    """The spec refuses such a feature; should one slip past it, no reason is given at all."""
    spec = spec_of("logistic_regression")
    assert set(scored_features(spec)) == {"weight", "parts", "rushed", "colour"}
    forbidden: Any = ["colour"] if block == "deny" else {"colour": {}}
    with pytest.raises(ValueError, match="denied or sensitive"):
        UseCaseSpec.model_validate(spec.model_dump() | {block: forbidden})
    slipped = spec.model_copy(update={block: forbidden})
    with pytest.raises(ValueError, match=r"\['colour'\] may be no feature"):
        case_reasons(slipped, model("logistic_regression"), pd.DataFrame(), np.empty(0), 4)


class Bent(LogisticRegression):  # type: ignore[misc]
    """Says more than the sum of its parts."""

    def decision_function(self, X: Any) -> Any:
        return super().decision_function(X) + X[:, 0] * X[:, 1]


def test_parts_that_do_not_sum_to_the_score_are_no_reasons() -> None:
    spec = spec_of("logistic_regression")
    pipeline = build("logistic_regression", spec)
    pipeline.steps[-1] = ("model", Bent())
    frame = feature_frame(spec, table())
    pipeline.fit(frame, labels())
    with pytest.raises(ReasonsRefused, match=r"does not sum to those scores \(up to [\d.]+ apart"):
        contributions(spec, pipeline, table().slice(0, REFERENCE), frame)
    assert issubclass(ReasonsRefused, ModelRefused)  # so the night goes on, with people


def test_a_model_there_is_no_method_for_decides_nothing() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    spec = spec_of("logistic_regression")
    pipeline = build("logistic_regression", spec)
    pipeline.steps[-1] = ("model", KNeighborsClassifier())
    frame = feature_frame(spec, table())
    pipeline.fit(frame, labels())
    with pytest.raises(ReasonsRefused, match="cannot be taken apart"):
        contributions(spec, pipeline, table().slice(0, REFERENCE), frame)


def test_reasons_of_classes_need_the_scores_of_every_class() -> None:
    spec = spec_of("logistic_regression", "multiclass")
    frame = feature_frame(spec, table("multiclass"))
    with pytest.raises(ValueError, match="scores of every class"):
        case_reasons(spec, model("logistic_regression", "multiclass"), frame, np.zeros(ROWS), 4)

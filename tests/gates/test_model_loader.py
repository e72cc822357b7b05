"""The loader: what was released loads and scores the same through every path, and nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.home import Home
from assets.model_spec import CANDIDATES, Task
from assets.release.events import Champion
from assets.scoring import loader
from assets.scoring.golden_check import (
    TOLERANCE,
    GoldenDiffers,
    require_golden,
    require_same_shape,
)
from assets.scoring.loader import ModelRefused, VerifiedModel, load_verified
from assets.scoring.score import score
from assets.spec import UseCaseSpec
from assets.training.candidates import build
from assets.training.frame import feature_frame
from assets.training.inputs import text_features
from assets.training.predict import predict
from tests.registered_models import NIGHT, approved, model_spec, put, trained
from tests.widgets import orders, widgets_spec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Missing values detected"),  # of a picture nobody asks for
]

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[Task, tuple[Home, Champion]]:
    """A home with a use case of each task and its champion: look, don't write."""
    home = Home(tmp_path_factory.mktemp("tasks") / "home")
    made: dict[Task, tuple[Home, Champion]] = {}
    for task in TASKS:
        spec = named_spec(task)
        made[task] = (home, approved(home, spec, put(home, spec, trained(task), "a" * 64)))
    return made


def named_spec(task: Task) -> UseCaseSpec:
    return UseCaseSpec.model_validate(model_spec(task).model_dump() | {"name": f"widgets_{task}"})


def golden_cases(task: Task) -> pa.Table:
    """The golden rows as a night would bring them, in the order they were kept."""
    rows = orders(500, task=task)
    places = pc.index_in(trained(task).golden.column("case_key"), rows.column("order_id"))
    return rows.take(places).drop_columns(["label", "complaint"])


@pytest.mark.parametrize("task", TASKS)
def test_golden_scores_are_the_same_through_every_path(
    homes: dict[Task, tuple[Home, Champion]], task: Task
) -> None:
    """Training object, reloaded artifact and batch path; bit by bit."""
    home, champion = homes[task]
    spec, golden = named_spec(task), trained(task).golden
    stored = np.column_stack([c.to_numpy() for c in golden.columns[1 + len(spec.feature_names) :]])
    width = {"binary": 1, "multiclass": 3, "regression": 1}[task]
    assert stored.shape == (30, width)

    model = load_verified(home, champion)
    for pipeline in (trained(task).pipeline, model.pipeline):
        again = predict(spec, pipeline, feature_frame(spec, golden))
        assert np.array_equal(again.reshape(stored.shape), stored)
    assert model.golden.equals(golden)
    require_same_shape(spec, model, champion)
    assert require_golden(spec, model, champion) == 0.0

    night = score(spec, model, golden_cases(task), champion)
    assert night.column("case_key").to_pylist() == golden.column("case_key").to_pylist()
    assert np.array_equal(night.column("score").to_numpy(), stored.max(axis=1))
    if task == "multiclass":
        classes = np.array(trained(task).classes)
        assert night.column("prediction").to_pylist() == classes[stored.argmax(axis=1)].tolist()
    else:
        assert night.column("prediction").null_count == 30


def test_a_home_may_move(homes: dict[Task, tuple[Home, Champion]], tmp_path: Path) -> None:
    import shutil

    home, champion = homes["binary"]
    shutil.copytree(home.root, tmp_path / "there")
    moved = load_verified(Home(tmp_path / "there"), champion)
    assert require_golden(model_spec(), moved, champion) == 0.0


def every_candidate() -> list[tuple[Task, str, str]]:
    found = []
    for task, names in CANDIDATES.items():
        methods = ("none",) if task == "regression" else ("none", "sigmoid", "isotonic")
        found += [(task, name, method) for name in names for method in methods]
    return found


def types_beyond_skops(content: bytes) -> set[str]:
    import skops.io

    return set(skops.io.get_untrusted_types(data=content))


@pytest.fixture(scope="module")
def dumped() -> dict[tuple[Task, str, str], tuple[UseCaseSpec, Any, bytes]]:
    """Every candidate of every task, calibrated in every way, as skops writes it."""
    import skops.io
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    found = {}
    for task, name, method in every_candidate():
        spec = widgets_spec(task=task, text=True, monotone={"weight": "increasing"})
        if task == "multiclass" or name in ("tfidf_linear", "logistic_regression"):
            spec = widgets_spec(task=task, text=True)
        rows = orders(300, task=task)
        frame, labels = feature_frame(spec, rows), rows.column("label").to_numpy()
        quick = {"max_iter": 5} if name == "hist_gradient_boosting" else {}
        quick = {"interactions": 1} if name == "explainable_boosting" else quick
        pipeline = build(name, spec, quick, text=text_features(spec, frame)).fit(frame, labels)
        if method != "none":
            inner = Pipeline(pipeline.steps[:-1]).transform(frame) if pipeline.steps[:-1] else frame
            model = FrozenEstimator(pipeline.steps[-1][1])
            calibrated = CalibratedClassifierCV(model, method=method, cv=2).fit(inner, labels)
            pipeline = Pipeline([*pipeline.steps[:-1], ("model", calibrated)])
        found[task, name, method] = (spec, pipeline, skops.io.dumps(pipeline))
    return found


def test_every_candidate_of_every_task_comes_back_with_our_own_list(
    dumped: dict[tuple[Task, str, str], tuple[UseCaseSpec, Any, bytes]],
) -> None:
    import skops.io

    assert len(dumped) == 4 * 3 + 3 * 3 + 3
    for what, (spec, pipeline, content) in dumped.items():
        loaded = skops.io.loads(content, trusted=list(loader.TRUSTED_TYPES))
        frame = feature_frame(spec, orders(80, task=what[0], seed=9))
        scores = predict(spec, loaded, frame)
        assert np.array_equal(scores, predict(spec, pipeline, frame)), what


def test_nothing_is_on_the_list_that_no_candidate_needs(
    dumped: dict[tuple[Task, str, str], tuple[UseCaseSpec, Any, bytes]],
) -> None:
    needed = set().union(*(types_beyond_skops(content) for _, _, content in dumped.values()))
    assert set(loader.TRUSTED_TYPES) == needed
    assert len(loader.TRUSTED_TYPES) == len(needed)


def test_the_list_is_spelled_out_in_the_loader() -> None:
    """Not computed, not imported: nobody widens it by changing something else."""
    import ast
    import inspect

    tree = ast.parse(inspect.getsource(loader))
    (given,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TRUSTED_TYPES"
    ]
    assert ast.literal_eval(given) == loader.TRUSTED_TYPES


class Turned:
    """A pipeline whose scores are moved a little, or that fails."""

    def __init__(self, pipeline: Any, by: float) -> None:
        self.pipeline, self.by = pipeline, by
        self.classes_ = pipeline.classes_
        self.feature_names_in_ = pipeline.feature_names_in_

    def predict_proba(self, frame: Any) -> np.ndarray:
        if np.isinf(self.by):
            raise ValueError(f"cannot take {frame.iloc[0].tolist()}")
        return np.clip(self.pipeline.predict_proba(frame) + self.by, 0, 1)


def test_golden_rows_that_score_otherwise_are_refused(
    homes: dict[Task, tuple[Home, Champion]],
) -> None:
    home, champion = homes["binary"]
    spec, model = model_spec(), load_verified(home, champion)

    def turned(by: float) -> VerifiedModel:
        return replace(model, pipeline=Turned(model.pipeline, by))

    assert 0 <= require_golden(spec, turned(TOLERANCE / 4), champion) <= TOLERANCE
    with pytest.raises(GoldenDiffers, match=r"30 of 30 golden rows score otherwise .*1e-09"):
        require_golden(spec, turned(1e-9), champion)
    with pytest.raises(GoldenDiffers, match=r"30 of 30 .*largest difference nan"):
        require_golden(spec, turned(float("nan")), champion)
    with pytest.raises(GoldenDiffers, match=r"own golden rows \(ValueError\)") as refused:
        require_golden(spec, turned(float("inf")), champion)
    values = model.golden.column("weight").drop_null().to_pylist()
    assert not any(str(value) in str(refused.value) for value in values)
    with pytest.raises(GoldenDiffers, match=r"\(0,\) golden scores"):
        require_golden(spec, replace(model, golden=model.golden.slice(0, 0)), champion)


def test_a_feature_that_means_something_else_now_is_seen_by_the_golden_rows(
    homes: dict[Task, tuple[Home, Champion]],
) -> None:
    home, champion = homes["binary"]
    raw = model_spec().model_dump()
    raw["sources"]["orders"]["columns"]["colour"]["type"] = "float"
    with pytest.raises(GoldenDiffers, match="cannot score its own golden rows") as refused:
        require_golden(UseCaseSpec.model_validate(raw), load_verified(home, champion), champion)
    assert not any(colour in str(refused.value) for colour in ("'red'", "blue", "green"))


def test_a_model_of_other_features_another_task_or_other_classes_is_refused(
    homes: dict[Task, tuple[Home, Champion]],
) -> None:
    home, champion = homes["binary"]
    model = load_verified(home, champion)
    with pytest.raises(ModelRefused, match=r"other features .*differing: \['complaint'\]"):
        require_same_shape(widgets_spec(text=True), model, champion)
    with pytest.raises(ModelRefused, match=r"trained for a binary task, the spec says regression"):
        require_same_shape(model_spec("regression"), model, champion)
    home, champion = homes["multiclass"]
    other = replace(champion, evidence={**champion.evidence, "classes": ["bent", "lost"]})
    with pytest.raises(ModelRefused, match="knows 3 classes, 2 were released"):
        require_same_shape(model_spec("multiclass"), load_verified(home, champion), other)


def test_the_champion_is_of_the_night(homes: dict[Task, tuple[Home, Champion]]) -> None:
    champion = homes["binary"][1]
    assert champion.effective_from <= NIGHT
    assert champion.approved_by == ("ann",)

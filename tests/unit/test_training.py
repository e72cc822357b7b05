"""Training: the split keeps time, the figures repeat, the registry keeps one of each."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assets.figures import png_bytes
from assets.home import Home
from assets.spec import UseCaseSpec
from assets.training import plots, registry
from assets.training.candidates import build
from assets.training.frame import FeatureError, feature_frame
from assets.training.train import TrainedModel, measure, positive_scores, train

START = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = datetime(2026, 4, 1, tzinfo=UTC)


def make_spec(**model: object) -> UseCaseSpec:
    return UseCaseSpec.model_validate(
        {
            "name": "widgets",
            "start": "2026-01-01",
            "sources": {
                "orders": {
                    "columns": {
                        "order_id": {"type": "string"},
                        "maker": {"type": "string"},
                        "ordered_at": {"type": "timestamp"},
                        "weight": {"type": "float", "required": False},
                        "parts": {"type": "int", "required": False},
                        "rushed": {"type": "bool", "required": False},
                        "colour": {"type": "string", "required": False},
                    }
                },
                "breakages": {
                    "columns": {
                        "order_id": {"type": "string"},
                        "broke": {"type": "bool"},
                        "seen_at": {"type": "timestamp"},
                    }
                },
            },
            "population": {
                "source": "orders",
                "key": "order_id",
                "entity": "maker",
                "event_timestamp": "ordered_at",
            },
            "label": {
                "source": "breakages",
                "column": "broke",
                "positive": True,
                "observed_at": "seen_at",
                "matures_after": "10d",
            },
            "features": {"request": ["weight", "parts", "rushed", "colour"]},
            "model": model,
        }
    )


def orders(rows: int = 1200, seed: int = 5) -> pa.Table:
    random = np.random.default_rng(seed)
    weight = random.lognormal(0, 1, rows)
    colour = random.choice(["red", "blue", "green"], rows)
    odds = -2 + 1.2 * np.log(weight) + (colour == "red")
    # Several orders share a minute: ties in time must not cross the split.
    minutes = np.sort(random.integers(0, 60 * 24, rows)) * 60
    return pa.table(
        {
            "order_id": [f"o{i:05d}" for i in range(rows)],
            "maker": [f"m{i}" for i in random.integers(0, 300, rows)],
            "ordered_at": pa.array(
                [START + timedelta(minutes=int(m)) for m in minutes], pa.timestamp("us", "UTC")
            ),
            "weight": pa.array(weight, mask=random.random(rows) < 0.05),
            "parts": pa.array(random.integers(1, 9, rows), mask=random.random(rows) < 0.05),
            "rushed": pa.array(random.random(rows) < 0.3),
            "colour": pa.array(colour, mask=random.random(rows) < 0.05),
            "label": (random.random(rows) < 1 / (1 + np.exp(-odds))).astype("int64"),
        }
    )


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return train(make_spec(), orders())


def test_frame_casts_and_orders() -> None:
    table = pa.table(
        {
            "colour": ["red", None],
            "rushed": pa.array([True, None]),
            "parts": pa.array([3, None], pa.int64()),
            "weight": pa.array([float("inf"), 2.5]),
            "order_id": ["a", "b"],
        }
    )
    frame = feature_frame(make_spec(), table)
    assert list(frame.columns) == ["weight", "parts", "rushed", "colour"]
    assert [str(t) for t in frame.dtypes] == ["float64", "float64", "float64", "object"]
    assert frame["parts"].tolist()[0] == 3.0
    assert frame["rushed"].tolist()[0] == 1.0
    assert frame["weight"].isna().tolist() == [True, False]
    assert all(isinstance(frame[c][1], float) and np.isnan(frame[c][1]) for c in ["colour"])


def test_frame_says_which_column_is_missing() -> None:
    with pytest.raises(FeatureError, match=r"\['colour'\].*Rebuild"):
        feature_frame(make_spec(), orders(50).drop_columns(["colour"]))


def test_a_timestamp_is_no_feature() -> None:
    raw = make_spec().model_dump()
    raw["features"]["request"].append("ordered_at")
    with pytest.raises(FeatureError, match="'ordered_at' of use case 'widgets' is a timestamp"):
        feature_frame(UseCaseSpec.model_validate(raw), orders(50))


def test_holdout_is_the_latest_share_of_time(trained: TrainedModel) -> None:
    times = orders().column("ordered_at").to_pylist()
    earlier, holdout = times[: trained.earlier_rows], times[trained.earlier_rows :]
    assert max(earlier) < trained.split_at <= min(holdout)
    assert len(holdout) == trained.holdout_rows == len(trained.holdout_labels)
    share = (times[-1] - trained.split_at) / (times[-1] - times[0])
    assert share == pytest.approx(make_spec().model.holdout)


def test_metrics_are_those_of_the_model_that_never_saw_the_holdout(trained: TrainedModel) -> None:
    spec, rows = make_spec(), orders()
    first = build(trained.winner, spec).fit(
        feature_frame(spec, rows)[: trained.earlier_rows],
        rows.column("label").to_numpy()[: trained.earlier_rows],
    )
    scores = positive_scores(first, feature_frame(spec, rows)[trained.earlier_rows :])
    assert measure(trained.holdout_labels, scores) == trained.metrics
    assert trained.metrics["roc_auc"] > 0.65


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_the_better_candidate_wins(metric: str) -> None:
    result = train(make_spec(metric=metric), orders())
    assert result.metrics[metric] == max(c.metrics[metric] for c in result.candidates.values())


def test_training_repeats_whatever_the_row_order(trained: TrainedModel) -> None:
    shuffled = orders().take(pa.array(np.random.default_rng(3).permutation(1200)))
    again = train(make_spec(), shuffled)
    assert again.golden.equals(trained.golden)
    assert {n: c.metrics for n, c in again.candidates.items()} == {
        n: c.metrics for n, c in trained.candidates.items()
    }
    assert again.importance == trained.importance


@pytest.mark.parametrize("name", ["logistic_regression", "hist_gradient_boosting"])
def test_candidates_bear_what_training_never_saw(name: str) -> None:
    """Unknown and missing categories, nulls in a column that had none, values far outside."""
    spec, rows = make_spec(), orders(600)
    pipeline = build(name, spec).fit(feature_frame(spec, rows), rows.column("label").to_numpy())
    night = pa.table(
        {
            "weight": pa.array([1.0, None, 3.0]),
            "parts": pa.array([None, 2, 10**12], pa.int64()),
            "rushed": pa.array([None, True, False]),
            "colour": pa.array(["mauve", None, "red"]),
        }
    )
    scores = positive_scores(pipeline, feature_frame(spec, night))
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_plots_are_pictures(trained: TrainedModel) -> None:
    for figure in (
        plots.roc_plot(trained),
        plots.calibration_plot(trained),
        plots.importance_plot(trained, "roc_auc"),
    ):
        assert png_bytes(figure, dpi=50).startswith(b"\x89PNG")
    assert f"n = {trained.holdout_rows:,}" in plots.roc_plot(trained).axes[0].get_title(loc="left")


def test_reliability_groups_hold_every_row() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    x, y = plots.reliability(labels, scores)
    assert x.tolist() == scores.tolist()
    assert y.tolist() == [0, 0, 1, 1]


def test_register_once_and_leave_no_trace(
    tmp_path: Path, trained: TrainedModel, capfd: pytest.CaptureFixture[str]
) -> None:
    import hashlib
    import os

    from assets.training.session import QUIET, registry_client

    home, spec = Home(tmp_path / "home"), make_spec()
    watched = (*QUIET, "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
    before = {name: os.environ.get(name) for name in watched}

    def register(digest: str) -> registry.RegisteredVersion:
        return registry.register(
            spec,
            home,
            trained,
            training_set_digest=digest,
            training_set_version=7,
            as_of=AS_OF,
            run_tags={"asked_by": "test"},
        )

    assert registry.find_registered(spec, home, training_set_digest="a" * 64) is None
    first = register("a" * 64)
    file = home.root / first.model_path
    assert hashlib.sha256(file.read_bytes()).hexdigest() == first.digest
    assert register("a" * 64) == first, "the same training is not registered twice"
    assert registry.find_registered(spec, home, training_set_digest="a" * 64) == first
    second = register("b" * 64)
    assert (first.version, second.version) == (1, 2)
    other = make_spec(metric="average_precision")
    assert registry.find_registered(other, home, training_set_digest="a" * 64) is None

    with registry_client(home) as client:
        run = client.get_run(first.mlflow_run_id)
        tags = client.get_model_version("widgets", "1").tags
        children = client.search_runs(
            [run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
        )
    assert run.info.status == "FINISHED"
    assert run.data.metrics["holdout_roc_auc"] == pytest.approx(trained.metrics["roc_auc"])
    assert {c.info.run_name for c in children} == set(trained.candidates)
    assert run.inputs.dataset_inputs[0].dataset.digest == "a" * 32
    assert tags["nightshift.digest"] == first.digest

    file.write_bytes(b"damaged")
    assert registry.find_registered(spec, home, training_set_digest="a" * 64) is None
    assert {name: os.environ.get(name) for name in watched} == before
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_a_moved_home_is_told_so(tmp_path: Path, trained: TrainedModel) -> None:
    from assets.training.model_file import RegistryError

    here, there = Home(tmp_path / "here"), Home(tmp_path / "there")

    def register(home: Home, digest: str) -> registry.RegisteredVersion:
        return registry.register(
            make_spec(),
            home,
            trained,
            training_set_digest=digest,
            training_set_version=0,
            as_of=AS_OF,
            run_tags={},
        )

    known = register(here, "c" * 64)
    here.root.rename(there.root)
    assert register(there, "c" * 64) == known
    with pytest.raises(RegistryError, match="home was moved"):
        register(there, "d" * 64)
    assert not here.root.exists()

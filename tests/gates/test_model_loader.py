"""The loader: the released bytes load and score the same, anything else is refused."""

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.home import Home
from assets.release.events import Champion
from assets.scoring.loader import ModelRefused, load_verified
from assets.scoring.score import score
from assets.spec import UseCaseSpec
from assets.training.candidates import build
from assets.training.frame import feature_frame
from assets.training.train import positive_scores

PLACE = "models/stars/model.skops"


def make_spec() -> UseCaseSpec:
    stars = {
        "star_id": {"type": "string"},
        "field": {"type": "string"},
        "seen_at": {"type": "timestamp"},
        "light": {"type": "float", "required": False},
        "kind": {"type": "string", "required": False},
    }
    nova = {
        "star_id": {"type": "string"},
        "burst": {"type": "bool"},
        "burst_at": {"type": "timestamp"},
    }
    return UseCaseSpec.model_validate(
        {
            "name": "stars",
            "start": "2026-01-01",
            "sources": {"stars": {"columns": stars}, "nova": {"columns": nova}},
            "population": {
                "source": "stars",
                "key": "star_id",
                "entity": "field",
                "event_timestamp": "seen_at",
            },
            "label": {
                "source": "nova",
                "column": "burst",
                "positive": True,
                "observed_at": "burst_at",
                "matures_after": "5d",
            },
            "features": {"request": ["light", "kind"]},
        }
    )


def sky(rows: int = 400) -> pa.Table:
    random = np.random.default_rng(8)
    return pa.table(
        {
            "star_id": [f"s{i}" for i in range(rows)],
            "field": ["north"] * rows,
            "seen_at": pa.array([datetime(2026, 2, 1, tzinfo=UTC)] * rows),
            "light": pa.array(random.normal(size=rows), mask=random.random(rows) < 0.1),
            "kind": pa.array(random.choice(["a", "b"], rows), mask=random.random(rows) < 0.1),
            "label": random.integers(0, 2, rows),
        }
    )


def release(home: Home, model: Any) -> Champion:
    """Put a model into the home and on record as the champion."""
    import skops.io

    file = home.root / PLACE
    file.parent.mkdir(parents=True, exist_ok=True)
    skops.io.dump(model, file)
    return champion(hashlib.sha256(file.read_bytes()).hexdigest())


def champion(digest: str, place: str = PLACE) -> Champion:
    return Champion(
        use_case="stars",
        version=1,
        digest=digest,
        effective_from=date(2026, 2, 1),
        as_of=datetime(2026, 2, 1, tzinfo=UTC),
        evidence={"model_path": place},
    )


def fitted(name: str) -> Any:
    rows = sky()
    return build(name, make_spec()).fit(
        feature_frame(make_spec(), rows), rows.column("label").to_numpy()
    )


@pytest.mark.parametrize("name", ["logistic_regression", "hist_gradient_boosting"])
def test_the_released_model_loads_and_scores_the_same(tmp_path: Path, name: str) -> None:
    home, pipeline = Home(tmp_path), fitted(name)
    released = release(home, pipeline)
    loaded = load_verified(home, "stars", released)
    night = score(make_spec(), loaded, sky(), released)
    expected = positive_scores(pipeline, feature_frame(make_spec(), sky()))
    assert night.column("score").to_numpy().tolist() == expected.tolist()


def test_a_home_may_move(tmp_path: Path) -> None:
    released = release(Home(tmp_path / "here"), fitted("logistic_regression"))
    (tmp_path / "here").rename(tmp_path / "there")
    assert load_verified(Home(tmp_path / "there"), "stars", released).named_steps["model"]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_flipped_bit_is_refused(tmp_path: Path, share: float) -> None:
    home = Home(tmp_path)
    released = release(home, fitted("logistic_regression"))
    file = home.root / PLACE
    content = bytearray(file.read_bytes())
    content[int(share * (len(content) - 1))] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelRefused, match="changed after release"):
        load_verified(home, "stars", released)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    released = release(home, fitted("logistic_regression"))
    (home.root / PLACE).unlink()
    with pytest.raises(ModelRefused, match=r"is not there.*nightshift train stars"):
        load_verified(home, "stars", released)


def test_a_file_outside_the_home_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    outside = tmp_path / "other.skops"
    outside.write_bytes(b"anything")
    digest = hashlib.sha256(b"anything").hexdigest()
    for place in ("../other.skops", str(outside)):
        with pytest.raises(ModelRefused, match="outside the home"):
            load_verified(home, "stars", champion(digest, place))


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_hostile_model_is_refused_and_never_runs(tmp_path: Path, wrapped: bool) -> None:
    """Released with its right digest, so only the list of trusted types stands in its way.

    ``wrapped`` hides the function in a ``functools.partial``, which is itself on the list.
    """
    import functools
    import os

    import skops.io
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    home, mark = Home(tmp_path / "home"), tmp_path / "it_ran"
    run = functools.partial(os.system) if wrapped else os.system
    hostile = Pipeline(
        [("run", FunctionTransformer(run)), ("model", fitted("logistic_regression"))]
    )
    released = release(home, hostile)
    file = home.root / PLACE

    # It is a real one: who trusts what the file asks for, runs the command.
    believed = skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))
    believed.named_steps["run"].transform(f"touch {mark}")
    assert mark.exists()
    mark.unlink()

    with pytest.raises(ModelRefused, match=r"not trusted here.*system"):
        load_verified(home, "stars", released)
    assert not mark.exists()


def test_what_is_no_pipeline_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(ModelRefused, match="holds a dict, not a pipeline"):
        load_verified(home, "stars", release(home, {"model": 1}))
    file = home.root / PLACE
    file.write_bytes(b"no zip")
    with pytest.raises(ModelRefused, match="cannot be read as a model"):
        load_verified(home, "stars", champion(hashlib.sha256(b"no zip").hexdigest()))


def test_what_training_logs_is_what_the_loader_trusts() -> None:
    from assets.scoring import loader
    from assets.training import model_file

    assert set(model_file.TRUSTED_TYPES) == set(loader.TRUSTED_TYPES)

"""A night of two models: whatever is wrong with the challenger costs nobody a decision."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.pipeline import Pipeline

from assets.decisions.policy import advice_of
from assets.home import Home
from assets.lake import Lake
from assets.release.approval import Signer, approve
from assets.release.arms import canary_arm
from assets.release.deciders import deciders_on
from assets.release.moves import Move, advance
from assets.scoring import challenger as challenger_module
from assets.scoring.loader import VerifiedModel, load_verified
from assets.scoring.night import ScoredNight, score_night
from assets.signing import load_private_key
from assets.spec import UseCaseSpec
from assets.tables import CHALLENGER_SCORES_SCHEMA, PREDICTIONS_SCHEMA
from assets.training.frame import feature_frame
from assets.training.predict import predict
from assets.training.registry import find_version
from tests.registered_models import NIGHT, NOW, approved, copied, entered, model_spec, put, trained
from tests.registered_models import night as cases_of

pytestmark = pytest.mark.slow

SHARE = 0.5
CASES = cases_of(400)


def with_release(spec: UseCaseSpec, **release: Any) -> UseCaseSpec:
    return UseCaseSpec.model_validate({**spec.model_dump(), "release": release})


SPEC = with_release(model_spec(), canary={"share": SHARE})
FRAME = feature_frame(SPEC, CASES)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Home]:
    """By stage of version 2 on the night, beside version 1, the champion."""
    home = Home(tmp_path_factory.mktemp("shadow") / "home")
    approved(home, SPEC, put(home, SPEC, trained(), "a" * 64))
    entered(home, SPEC, put(home, SPEC, trained(seed=6), "b" * 64))
    lake = Lake(home.lake)
    advance(lake, home, SPEC, NIGHT - timedelta(days=2), None, run_id="r")
    canary = copied(home, tmp_path_factory.mktemp("canary"))
    lake = Lake(canary.lake)
    signer = Signer(load_private_key(canary.root / "secrets" / "ann.key"), "login_ann")
    approve(canary, lake, SPEC, 2, signer, reason="may decide", now=NOW)
    promote = Move(2, "shadow", "promote", "all met", {})
    advance(lake, canary, SPEC, NIGHT - timedelta(days=1), promote, run_id="r")
    return {"shadow": home, "canary": canary}


def scored(home: Home, **how: Any) -> ScoredNight:
    return score_night(SPEC, home, Lake(home.lake), NIGHT, how.pop("cases", CASES), **how)


def scores(seed: int) -> np.ndarray:
    return predict(SPEC, trained(seed=seed).pipeline, FRAME)


def arm(home: Home) -> np.ndarray:
    entities = pc.cast(CASES.column("maker"), pa.string())
    return np.array(canary_arm(home, SPEC, 2, entities).to_pylist())


def test_in_the_shadow_the_champion_decides_and_both_score(homes: dict[str, Home]) -> None:
    assert deciders_on(Lake(homes["shadow"].lake), homes["shadow"], SPEC, NIGHT).stage == "shadow"
    night = scored(homes["shadow"])
    assert night.predictions.schema.equals(PREDICTIONS_SCHEMA)
    assert set(night.predictions.column("model_version").to_pylist()) == {1}
    assert night.predictions.column("score").to_pylist() == scores(5).tolist()
    beside = night.challenger_scores
    assert beside.schema.equals(CHALLENGER_SCORES_SCHEMA)
    assert beside.column("case_key").equals(night.predictions.column("case_key"))
    assert beside.column("score").to_pylist() == scores(6).tolist()
    assert beside.column("champion_score").to_pylist() == scores(5).tolist()
    assert set(beside.column("arm").to_pylist()) == {"champion"}
    for column, told in (("score", "advice"), ("champion_score", "champion_advice")):
        _, advice, _ = advice_of(SPEC, beside.column(column), night.predictions)
        assert beside.column(told).to_pylist() == advice.to_pylist()


def test_in_the_canary_it_decides_its_arm_and_no_other_case(homes: dict[str, Home]) -> None:
    night = scored(homes["canary"])
    inside = arm(homes["canary"])
    assert 100 < inside.sum() < 300
    predictions = night.predictions
    assert (
        predictions.column("score").to_pylist() == np.where(inside, scores(6), scores(5)).tolist()
    )
    assert predictions.column("arm").to_pylist() == [
        "canary" if one else "champion" for one in inside
    ]
    versions = np.array(predictions.column("model_version").to_pylist())
    assert (versions == np.where(inside, 2, 1)).all()
    digests = {1: find_version(homes["canary"], SPEC.name, 1).digest}
    digests[2] = find_version(homes["canary"], SPEC.name, 2).digest
    assert predictions.column("model_digest").to_pylist() == [digests[v] for v in versions]
    assert predictions.column("case_key").equals(CASES.column("order_id"))
    assert night.challenger_scores.column("arm").equals(predictions.column("arm"))
    assert night.beside is not None
    assert (night.beside.decided, night.beside.unusable) == (inside.sum(), 0)


def test_the_reasons_are_those_of_whoever_decides(homes: dict[str, Home]) -> None:
    from assets.scoring.reasons import case_reasons

    night, inside = scored(homes["canary"]), arm(homes["canary"])
    for seed, mask in ((5, ~inside), (6, inside)):
        model = VerifiedModel(trained(seed=seed).pipeline, trained(seed=seed).golden)
        frame = FRAME[mask].reset_index(drop=True)
        expected = case_reasons(SPEC, model, frame, scores(seed)[mask], SPEC.policy.most_reasons)
        found = night.predictions.filter(pa.array(mask)).column("reasons")
        assert found.to_pylist() == expected.to_pylist()


def test_scored_again_and_in_another_order_the_night_is_the_same(homes: dict[str, Home]) -> None:
    first = scored(homes["canary"])
    order = pa.array(np.random.default_rng(1).permutation(CASES.num_rows))
    again = scored(homes["canary"], cases=CASES.take(order))
    for one, other in (
        (first.predictions, again.predictions),
        (first.challenger_scores, again.challenger_scores),
    ):
        assert one.take(order).equals(other)


def test_the_champion_decides_all_when_asked_to(homes: dict[str, Home]) -> None:
    night = scored(homes["canary"], canary=False)
    assert night.beside is None
    assert set(night.predictions.column("model_version").to_pylist()) == {1}
    assert night.challenger_scores.num_rows == 0


def test_a_night_without_cases(homes: dict[str, Home]) -> None:
    for home in homes.values():
        night = scored(home, cases=CASES.slice(0, 0))
        assert night.refusal is None
        assert night.beside is not None
        assert night.beside.refusal is None
        assert night.predictions.num_rows == night.challenger_scores.num_rows == 0


def test_without_a_champion_the_challenger_decides_nothing(
    homes: dict[str, Home], tmp_path: Path
) -> None:
    home = copied(homes["canary"], tmp_path)
    shutil.rmtree(home.root / find_version(home, SPEC.name, 1).model_folder)
    night = scored(home)
    assert night.refusal is not None
    assert night.predictions.column("fallback").null_count == 0
    assert night.challenger_scores.num_rows == 0


# -- broken ------------------------------------------------------------------------------------


def require_champion_decides(night: ScoredNight, stage: str) -> None:
    """Every case, as without a challenger; and the refusal is told."""
    assert night.refusal is None
    assert night.predictions.schema.equals(PREDICTIONS_SCHEMA)
    assert night.predictions.column("case_key").equals(CASES.column("order_id"))
    assert night.predictions.column("score").to_pylist() == scores(5).tolist()
    assert set(night.predictions.column("model_version").to_pylist()) == {1}
    assert set(night.predictions.column("arm").to_pylist()) == {"champion"}
    assert night.beside is not None
    assert night.beside.refusal is not None
    assert "Secret" not in str(night.beside.refusal)
    beside = night.challenger_scores
    assert beside.num_rows == CASES.num_rows
    assert set(beside.column("stage").to_pylist()) == {stage}
    assert set(beside.column("arm").to_pylist()) == {"champion"}
    assert beside.column("champion_score").to_pylist() == scores(5).tolist()
    assert beside.column("advice").null_count == beside.column("score").null_count


def flipped(folder: Path) -> None:
    file = folder / "model.skops"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("stage", ["shadow", "canary"])
@pytest.mark.parametrize(
    "spoil",
    [
        flipped,
        shutil.rmtree,
        lambda folder: (folder / "golden.parquet").unlink(),
        lambda folder: (folder / "added.txt").write_text("x"),
    ],
)
def test_files_that_are_not_as_registered(
    homes: dict[str, Home], tmp_path: Path, stage: str, spoil: Callable[[Path], Any]
) -> None:
    home = copied(homes[stage], tmp_path)
    spoil(home.root / find_version(home, SPEC.name, 2).model_folder)
    night = scored(home)
    require_champion_decides(night, stage)
    assert night.challenger_scores.column("score").null_count == CASES.num_rows
    assert night.beside is not None
    assert night.beside.unusable == CASES.num_rows
    assert "widgets version 2" in str(night.beside.refusal)


@dataclass
class Fault:
    """What a model does to the probabilities of many rows; its golden rows it scores as ever."""

    does: Callable[[np.ndarray], Any]

    def pipeline(self, real: Pipeline) -> Pipeline:
        does = self.does

        class Broken(Pipeline):  # type: ignore[misc]
            def predict_proba(self, frame: Any) -> Any:
                found = real.predict_proba(frame)
                return does(found.copy()) if len(frame) == CASES.num_rows else found

        return Broken(real.steps)


def cells(value: float, rows: int) -> Callable[[np.ndarray], np.ndarray]:
    def does(found: np.ndarray) -> np.ndarray:
        found[:rows] = value
        return found

    return does


def raising(error: BaseException) -> Callable[[np.ndarray], Any]:
    def does(found: np.ndarray) -> Any:
        raise error

    return does


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], None]:
    """Have version 2 loaded with a fault."""

    def load(fault: Fault) -> None:
        def loaded(home: Home, champion: Any) -> VerifiedModel:
            model = load_verified(home, champion)
            return VerifiedModel(fault.pipeline(model.pipeline), model.golden)

        monkeypatch.setattr(challenger_module, "load_verified", loaded)

    return load


ERRORS = [
    ValueError("could not read 'Mr Secret'"),
    KeyError("Secret"),
    MemoryError(),
    RecursionError(),
    AssertionError("Secret"),
    StopIteration(),
    OSError("Secret"),
]


@pytest.mark.parametrize("stage", ["shadow", "canary"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_challenger_that_raises(
    homes: dict[str, Home], broken: Callable[[Fault], None], stage: str, error: Exception
) -> None:
    broken(Fault(raising(error)))
    night = scored(homes[stage])
    require_champion_decides(night, stage)
    assert night.beside is not None
    assert night.beside.unusable == CASES.num_rows
    assert type(error).__name__ in str(night.beside.refusal)


@pytest.mark.parametrize("stage", ["shadow", "canary"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -0.001, 1.001])
def test_scores_that_are_none(
    homes: dict[str, Home], broken: Callable[[Fault], None], stage: str, value: float
) -> None:
    broken(Fault(cells(value, 3)))
    night = scored(homes[stage])
    require_champion_decides(night, stage)
    # Those that are some stay on record: they say how it does.
    beside = night.challenger_scores.column("score").to_pylist()
    assert beside == [None] * 3 + scores(6)[3:].tolist()
    assert night.beside is not None
    assert "3 of 400 scores are unusable" in str(night.beside.refusal)


@pytest.mark.parametrize("stage", ["shadow", "canary"])
@pytest.mark.parametrize(
    "does",
    [
        lambda found: found[:-1],
        lambda found: np.repeat(found, 2, axis=0),
        lambda found: found[:0],
        lambda found: np.repeat(found[:, :, None], 2, axis=2),
        lambda found: found[:, 0],
        lambda found: None,
        lambda found: np.full(found.shape, "x"),
    ],
)
def test_anything_but_one_score_per_case(
    homes: dict[str, Home], broken: Callable[[Fault], None], stage: str, does: Any
) -> None:
    broken(Fault(does))
    night = scored(homes[stage])
    require_champion_decides(night, stage)
    assert night.beside is not None
    assert night.beside.unusable == CASES.num_rows


def test_a_few_unusable_scores_where_the_spec_allows_them_fall_to_the_champion(
    homes: dict[str, Home], broken: Callable[[Fault], None]
) -> None:
    home = homes["canary"]
    tolerant = with_release(SPEC, canary={"share": SHARE}, guardrails={"invalid_scores": 0.01})
    broken(Fault(cells(np.nan, 3)))
    night = score_night(tolerant, home, Lake(home.lake), NIGHT, CASES)
    assert night.beside is not None
    assert night.beside.refusal is None
    inside = arm(home)
    inside[:3] = False
    assert night.predictions.column("arm").to_pylist() == [
        "canary" if one else "champion" for one in inside
    ]
    expected = np.where(inside, scores(6), scores(5))
    assert night.predictions.column("score").to_pylist() == expected.tolist()
    assert night.beside.unusable == 3


def test_a_key_of_the_arms_that_others_may_read_costs_the_canary_not_the_night(
    homes: dict[str, Home], tmp_path: Path
) -> None:
    home = copied(homes["canary"], tmp_path)
    arm(home)
    home.pseudonym_key.chmod(0o644)
    night = scored(home)
    require_champion_decides(night, "canary")
    # No fault of the challenger's: what it scored stays.
    assert night.challenger_scores.column("score").null_count == 0


def test_a_challenger_whose_record_is_unsound_scores_nothing(
    homes: dict[str, Home], tmp_path: Path
) -> None:
    from assets.release.events import append_events, read_events

    home = copied(homes["shadow"], tmp_path)
    lake = Lake(home.lake)
    shadow = next(e for e in read_events(lake, SPEC.name) if e["stage"] == "shadow")
    forged = {**shadow, "stage": "canary", "effective_from": NIGHT}
    append_events(lake, SPEC.name, lambda _: [forged])
    night = scored(home)
    assert night.refusal is None
    assert night.beside is None
    assert "canary" in night.challenger_problem
    assert set(night.predictions.column("model_version").to_pylist()) == {1}

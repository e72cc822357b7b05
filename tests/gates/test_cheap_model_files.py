"""The cheap model of a cascade on disk: under the same signature, and asked the same questions."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from assets.home import Home
from assets.release.events import Champion
from assets.scoring.cascade import cascaded, require_cheap_golden
from assets.scoring.golden_check import GoldenDiffers, require_golden
from assets.scoring.loader import CHEAP, CHEAP_SCORE, GOLDEN, MODEL, ModelRefused, load_verified
from assets.training.frame import feature_frame
from assets.training.manifest import MANIFEST, SIGNATURE, write_manifest
from assets.training.model_file import CHEAP as WRITTEN
from assets.training.model_file import golden_bytes
from assets.training.predict import predict
from assets.training.registry import RegisteredVersion
from tests.cascades import BAND, cascade_spec, cases, fitted
from tests.registered_models import AS_OF, copied, put

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Missing values detected"),  # of a picture nobody asks for
]

SPEC = cascade_spec()


@dataclass(frozen=True)
class Released:
    home: Home
    champion: Champion

    @property
    def folder(self) -> Path:
        return self.home.root / str(self.champion.evidence["model_folder"])

    def resigned(self, **cascade: Any) -> Champion:
        """The champion whose folder was signed again by the installation, as somebody at the
        machine itself could; ``cascade`` are changed fields of its record."""
        for name in (MANIFEST, SIGNATURE):
            (self.folder / name).unlink()
        signed = write_manifest(self.home, self.folder, use_case=SPEC.name, training_digest="t")
        known = {**self.champion.evidence["cascade"], **cascade}
        evidence = {**self.champion.evidence, "cascade": known}
        return replace(self.champion, manifest_digest=signed.digest, evidence=evidence)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Champion, Champion]:
    """A version with a cheap model, and one of the same training without."""
    home = Home(tmp_path_factory.mktemp("cascade") / "home")
    plain = replace(fitted(), cheap=None, golden=fitted().golden.drop_columns([CHEAP_SCORE]))
    made = (put(home, SPEC, fitted(), "a" * 64), put(home, SPEC, plain, "b" * 64))
    return home, champion_of(made[0]), champion_of(made[1])


def champion_of(version: RegisteredVersion) -> Champion:
    """As the release record has it."""
    return Champion(
        use_case=SPEC.name,
        version=version.version,
        digest=version.digest,
        effective_from=date(2026, 3, 10),
        as_of=AS_OF,
        evidence=json.loads(json.dumps(asdict(version))),
        manifest_digest=version.manifest_digest,
    )


@pytest.fixture
def released(versions: tuple[Home, Champion, Champion], tmp_path: Path) -> Released:
    return Released(copied(versions[0], tmp_path), versions[1])


def test_what_was_distilled_comes_back_and_scores_the_same(released: Released) -> None:
    assert WRITTEN == CHEAP
    model, trained = load_verified(released.home, released.champion), fitted()
    assert model.cheap is not None
    assert trained.cheap is not None
    frame = cases(500)
    assert np.array_equal(
        predict(SPEC, model.cheap, frame), predict(SPEC, trained.cheap.pipeline, frame)
    )
    assert model.band == BAND
    # The golden rows are as of any version, so that who knows no cascade reads them right.
    assert model.golden.equals(trained.golden.drop_columns([CHEAP_SCORE]))
    assert require_golden(SPEC, model, released.champion) == 0.0
    assert require_cheap_golden(SPEC, model) == 0.0
    assert 0 < cascaded(SPEC, model, frame).figures["cheap"] < 500


def test_a_version_without_one_is_scored_by_the_winner(
    versions: tuple[Home, Champion, Champion],
) -> None:
    home, _, champion = versions
    assert champion.evidence["cascade"] == {}
    model = load_verified(home, champion)
    assert model.cheap is None
    found = cascaded(SPEC, model, cases(100))
    assert found.figures["whole"] == "the version has no cheap model"
    assert np.array_equal(found.scores, predict(SPEC, model.pipeline, cases(100)))


def flip(content: bytes, share: float) -> bytes:
    changed = bytearray(content)
    changed[int(share * (len(changed) - 1))] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: f.write_bytes(flip(f.read_bytes(), 0.0)), "cheap.skops has SHA-256"),
        (lambda f: f.write_bytes(flip(f.read_bytes(), 0.5)), "changed after registration"),
        (lambda f: f.write_bytes(b""), "changed after registration"),
        (lambda f: f.unlink(), "cheap.skops is not there, but in the manifest"),
        (lambda f: f.write_bytes((f.parent / MODEL).read_bytes()), "changed after registration"),
        (lambda f: f.rename(f.with_name("other.skops")), "other.skops was added"),
    ],
)
def test_a_tampered_cheap_model_is_refused(
    released: Released, spoil: Callable[[Path], Any], reason: str
) -> None:
    assert load_verified(released.home, released.champion).cheap
    spoil(released.folder / CHEAP)
    with pytest.raises(ModelRefused, match="is not as released") as refused:
        load_verified(released.home, released.champion)
    assert reason in str(refused.value)


def test_another_cheap_model_is_refused_though_the_installation_signed_it(
    released: Released,
) -> None:
    import skops.io

    (released.folder / CHEAP).write_bytes(skops.io.dumps(fitted().pipeline))
    with pytest.raises(ModelRefused, match=r"cheap\.skops in .* has SHA-256 .* released was"):
        load_verified(released.home, released.resigned())


def test_hostile_types_in_the_cheap_model_are_refused(released: Released) -> None:
    """Whole, signed, its digest on record: made of what no candidate is made of."""
    import operator

    import skops.io
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    hostile = Pipeline([("inputs", FunctionTransformer(operator.methodcaller("mean")))])
    content = skops.io.dumps(hostile)
    (released.folder / CHEAP).write_bytes(content)
    champion = released.resigned(digest=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelRefused, match=r"cheap\.skops holds types that are not trusted"):
        load_verified(released.home, champion)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"no model", "cannot be read as a model"), (None, "holds a LogisticRegression, not a pipe")],
)
def test_what_is_no_pipeline_is_refused(
    released: Released, content: bytes | None, reason: str
) -> None:
    import skops.io
    from sklearn.linear_model import LogisticRegression

    content = content or skops.io.dumps(LogisticRegression())
    (released.folder / CHEAP).write_bytes(content)
    champion = released.resigned(digest=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelRefused, match=r"cheap\.skops") as refused:
        load_verified(released.home, champion)
    assert reason in str(refused.value)


def test_a_cheap_model_on_record_that_nobody_signed_is_none(
    versions: tuple[Home, Champion, Champion], tmp_path: Path
) -> None:
    released = Released(copied(versions[0], tmp_path), versions[2])
    known = {"digest": "d" * 64, "band": list(BAND)}
    evidence = {**released.champion.evidence, "cascade": known}
    claimed = replace(released.champion, evidence=evidence)
    with pytest.raises(ModelRefused, match=r"the manifest names no cheap\.skops"):
        load_verified(released.home, claimed)


def test_golden_rows_without_its_scores_are_refused(released: Released) -> None:
    golden = pq.read_table(released.folder / GOLDEN)
    assert golden.column_names[-1] == CHEAP_SCORE
    (released.folder / GOLDEN).write_bytes(golden_bytes(golden.drop_columns([CHEAP_SCORE])))
    with pytest.raises(ModelRefused, match=r"golden\.parquet has no scores of the cheap model"):
        load_verified(released.home, released.resigned())


def test_one_that_scores_its_golden_rows_otherwise_decides_nothing(released: Released) -> None:
    golden = pq.read_table(released.folder / GOLDEN)
    place = golden.column_names.index(CHEAP_SCORE)
    moved = golden.set_column(place, CHEAP_SCORE, golden.column("score"))
    (released.folder / GOLDEN).write_bytes(golden_bytes(moved))
    model = load_verified(released.home, released.resigned())
    assert require_golden(SPEC, model, released.champion) == 0.0
    frame = feature_frame(SPEC, model.golden)
    with pytest.raises(GoldenDiffers, match="40 of 40 golden rows score otherwise by the cheap"):
        cascaded(SPEC, model, frame)

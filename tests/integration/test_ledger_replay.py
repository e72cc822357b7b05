"""A night of a real model, replayed: the same to the byte, or what is in the way."""

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from assets.decisions.policy import decide
from assets.home import Home
from assets.lake import Lake
from assets.ledger.found import NoSuchDecision
from assets.ledger.record import checkpoint_day
from assets.ledger.replay import NothingToReplay, Replay, replay
from assets.ledger.replayed_scores import registered
from assets.scoring.loader import GOLDEN, MODEL, load_verified
from assets.scoring.score import fallback_predictions, score
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, DECISIONS_SCHEMA, SCORING_SET, SPECS
from assets.training.manifest import write_manifest
from tests import registered_models
from tests.registered_models import NIGHT, entered, model_spec, trained
from tests.released import registered as as_registered

CASES = 60
SPEC = model_spec()
CANARY = 12
"""Cases the second version decides."""


def version_of(home: Home, number: int, seed: int) -> None:
    """A trained version on the release record, stored as the registry stores it, without MLflow."""
    import hashlib

    import skops.io

    model = trained(seed=seed)
    folder = home.root / "models" / SPEC.name / str(number)
    folder.mkdir(parents=True)
    skops.io.dump(model.pipeline, folder / MODEL)
    sink = io.BytesIO()
    pq.write_table(model.golden, sink)
    (folder / GOLDEN).write_bytes(sink.getvalue())
    training = f"{number}e" * 32
    signed = write_manifest(home, folder, use_case=SPEC.name, training_digest=training)
    version = as_registered(
        number,
        digest=hashlib.sha256((folder / MODEL).read_bytes()).hexdigest(),
        manifest_digest=signed.digest,
        model_folder=folder.relative_to(home.root).as_posix(),
        model_path=(folder / MODEL).relative_to(home.root).as_posix(),
        training_digest=training,
        task="binary",
        classes=[str(name) for name in model.classes],
        features=SPEC.feature_names,
    )
    entered(home, SPEC, version)


def predicted(home: Home, lake: Lake, rows: pa.Table) -> pa.Table:
    """Version 1 decides; version 2 its arm; three cases fall back."""
    one, two = (registered(lake, SPEC, number, digest_of(lake, number)) for number in (1, 2))
    champion = score(SPEC, load_verified(home, one), rows, one)
    challenger = score(SPEC, load_verified(home, two), rows, two, arm="canary")
    lost = fallback_predictions(SPEC, rows.slice(0, 3), "nobody could say")
    return pa.concat_tables([lost, challenger.slice(3, CANARY), champion.slice(3 + CANARY)])


def digest_of(lake: Lake, number: int) -> str:
    from assets.release.events import entry_of, read_events

    entry = entry_of(read_events(lake, SPEC.name), number)
    assert entry is not None
    return str(entry["model_digest"])


def put_night(home: Home, lake: Lake, spec: UseCaseSpec, rows: pa.Table, run: str) -> None:
    lake.ensure(spec.name, SCORING_SET, rows.schema)
    version = lake.replace_day(spec.name, SCORING_SET, NIGHT, rows).version
    rows = lake.read_day(spec.name, SCORING_SET, NIGHT)
    cited = pa.repeat(pa.scalar(version, pa.int64()), rows.num_rows)
    lake.ensure(spec.name, DECISIONS, DECISIONS_SCHEMA)
    there = lake.read_day(spec.name, DECISIONS, NIGHT)
    predictions = predicted(home, lake, rows)
    decisions = decide(spec, predictions, rows, NIGHT, run, there=there, versions=cited)
    lake.replace_day(spec.name, DECISIONS, NIGHT, decisions)
    checkpoint_day(lake, home, spec, NIGHT, run_id=run)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("begun") / "home")
    for number, seed in ((1, 5), (2, 6)):
        version_of(home, number, seed)
    put_night(home, Lake(home.lake), SPEC, registered_models.night(CASES), "night")
    return home


@pytest.fixture
def home(begun: Home, tmp_path: Path) -> Home:
    return registered_models.copied(begun, tmp_path)


def replayed(home: Home, spec: UseCaseSpec = SPEC, day: date = NIGHT, **more: Any) -> Replay:
    return replay(Lake(home.lake), home, spec, **(more or {"day": day}))


def ids(home: Home) -> list[str]:
    rows = Lake(home.lake).read_day(SPEC.name, DECISIONS, NIGHT)
    found: list[str] = rows.column("decision_id").to_pylist()
    return found


def problem(home: Home) -> str:
    found = replayed(home)
    assert (found.verdict, found.compared) == ("cannot", 0)
    (told,) = found.problems
    assert told in found.as_text()
    return told


def test_a_night_comes_out_the_same_to_the_byte(begun: Home) -> None:
    found = replayed(begun)
    assert (found.verdict, found.compared, found.notes) == ("same", CASES, [])
    assert "60 decisions replayed, the same to the byte" in found.as_text()
    rows = Lake(begun.lake).read_day(SPEC.name, DECISIONS, NIGHT)
    arms = rows.column("arm").to_pylist()
    assert (arms.count("canary"), arms.count(None)) == (CANARY, 3)
    assert len(set(rows.column("score").to_pylist())) > CASES // 2
    # Roots are over all columns: this one is that of the checkpoint.
    from assets.ledger.checkpoints import read_checkpoints

    last = [c for c in read_checkpoints(Lake(begun.lake), SPEC.name) if c.kind == "decisions"][-1]
    assert found.root == last.root


def test_a_single_decision(begun: Home) -> None:
    for one in (ids(begun)[0], ids(begun)[5], ids(begun)[-1]):
        found = replayed(begun, decision_id=one)
        assert (found.verdict, found.compared) == ("same", 1)
        assert one in found.as_text()


def test_what_nobody_decided(begun: Home) -> None:
    with pytest.raises(NoSuchDecision, match="has no decision x"):
        replayed(begun, decision_id="x")
    with pytest.raises(NothingToReplay, match="no decisions of 2026-01-01"):
        replayed(begun, day=date(2026, 1, 1))
    with pytest.raises(ValueError, match="a decision or a day"):
        replay(Lake(begun.lake), begun, SPEC)


def test_an_edited_score_does_not_come_out(home: Home) -> None:
    lake = Lake(home.lake)
    told = lake.read(SPEC.name, DECISIONS).to_pylist()
    told[20]["score"] = float(told[20]["score"]) + 1e-15
    schema = lake.read(SPEC.name, DECISIONS).schema
    path = str(lake.path(SPEC.name, DECISIONS))
    write_deltalake(path, pa.Table.from_pylist(told, schema=schema), mode="overwrite")
    found = replayed(home)
    assert found.verdict == "differs"
    assert dict(found.changed) == {"score": [told[20]["decision_id"]]}
    assert "1 not the same" in found.as_text()
    assert replayed(home, decision_id=told[20]["decision_id"]).verdict == "differs"
    assert replayed(home, decision_id=told[21]["decision_id"]).verdict == "same"


def test_it_is_the_spec_of_then_that_decides(home: Home) -> None:
    """Thresholds are others today: every decision would be another."""
    policy = {"approve_below": 0.0, "decline_above": 0.01}
    today = UseCaseSpec.model_validate(SPEC.model_dump() | {"policy": policy})
    found = replayed(home, today)
    assert found.verdict == "same"
    assert found.notes == [f"decided by spec {SPEC.version}; today's is {today.version}"]


def test_values_that_changed_since_are_not_used(home: Home) -> None:
    lake = Lake(home.lake)
    rows = lake.read_day(SPEC.name, SCORING_SET, NIGHT)
    place = rows.schema.get_field_index("weight")
    other = rows.set_column(place, "weight", pa.array([99.0] * CASES))
    lake.replace_day(SPEC.name, SCORING_SET, NIGHT, other)
    assert replayed(home).verdict == "same"


def test_a_night_decided_again_is_replayed_as_it_stands(home: Home) -> None:
    """A case came with other values, one left the data, the others stayed as they were."""
    lake = Lake(home.lake)
    rows = lake.read_day(SPEC.name, SCORING_SET, NIGHT).drop_columns(["partition_date"])
    told = rows.to_pylist()
    told[30]["weight"] = 50.0
    put_night(home, lake, SPEC, pa.Table.from_pylist(told[:-1], schema=rows.schema), "again")
    revisions = lake.read_day(SPEC.name, DECISIONS, NIGHT).column("revision").to_pylist()
    assert revisions.count(2) >= 2
    found = replayed(home)
    assert (found.verdict, found.compared) == ("same", CASES), found.as_text()
    assert found.notes == ["1 withdrawn cases are as on record: nothing decided them"]


# ---------------------------------------------------------------------- what stands in the way


def files_gone(home: Home) -> None:
    shutil.rmtree(home.root / "models" / SPEC.name / "1")


def model_changed(home: Home) -> None:
    (home.root / "models" / SPEC.name / "2" / MODEL).write_bytes(b"x")


def vacuumed(home: Home) -> None:
    lake = Lake(home.lake)
    path = lake.path(SPEC.name, SCORING_SET)
    rows = lake.read(SPEC.name, SCORING_SET)
    write_deltalake(str(path), rows.slice(1), mode="overwrite")
    DeltaTable(str(path)).vacuum(0, dry_run=False, enforce_retention_duration=False)


def spec_gone(home: Home) -> None:
    shutil.rmtree(Lake(home.lake).path(SPEC.name, SPECS))


def values_changed(home: Home) -> None:
    folder = Lake(home.lake).path(SPEC.name, SCORING_SET) / f"partition_date={NIGHT}"
    (file,) = folder.glob("*.parquet")
    rows = pq.ParquetFile(file).read()
    place = rows.schema.get_field_index("weight")
    pq.write_table(rows.set_column(place, "weight", pa.array([1.0] * CASES)), file)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (files_gone, "the model cannot be loaded: widgets version 1"),
        (model_changed, "the model cannot be loaded: widgets version 2"),
        (vacuumed, "its files were deleted"),
        (values_changed, "is not what the checkpoint says it was"),
    ],
    ids=["model gone", "model changed", "vacuumed", "values changed"],
)
def test_what_cannot_be_replayed_is_said(
    home: Home, spoil: Callable[[Home], None], says: str
) -> None:
    spoil(home)
    assert says in problem(home)


def test_a_spec_that_was_not_kept(home: Home) -> None:
    spec_gone(home)
    assert replayed(home).verdict == "same"  # today's is the one it was decided by
    today = UseCaseSpec.model_validate(SPEC.model_dump() | {"description": "another"})
    found = replayed(home, today)
    assert found.verdict == "cannot"
    assert f"the spec of version {SPEC.version} was not kept" in found.problems[0]


def test_another_model_is_told_from_the_one_on_record(home: Home) -> None:
    champion = registered(Lake(home.lake), SPEC, 1, digest_of(Lake(home.lake), 1))
    assert champion == replace(champion, digest=digest_of(Lake(home.lake), 1))
    with pytest.raises(Exception, match="not on the release record"):
        registered(Lake(home.lake), SPEC, 9, "d")
    with pytest.raises(Exception, match="the release record says"):
        registered(Lake(home.lake), SPEC, 1, "d" * 64)

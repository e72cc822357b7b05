"""What is not as released is not loaded: an alert, once, and the night goes on with people."""

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from assets.content import content_digest
from assets.decisions.assets import decisions_asset
from assets.gate_results import GateResult, record
from assets.home import Home
from assets.lake import Lake
from assets.quality.scoring_population import GATE
from assets.release.aliases import project_aliases
from assets.release.champion import champion_on, require_champion
from assets.release.events import Champion
from assets.release.moves import Move, advance
from assets.scoring.assets import predictions_asset
from assets.scoring.loader import GOLDEN, MODEL, ModelRefused, load_verified
from assets.signing import create_private_key, load_private_key, sign
from assets.tables import ALERTS, DECISIONS, PREDICTIONS, SCORING_SET
from assets.training.manifest import MANIFEST, SIGNATURE, write_manifest
from assets.training.registry import RegisteredVersion, find_version
from orchestration.jobs import nightly_job
from orchestration.nights import Night
from orchestration.nights import night as record_of_night
from orchestration.resources.installation import Installation
from orchestration.session import Session
from tests.registered_models import (
    NIGHT,
    approved,
    copied,
    entered,
    model_spec,
    night,
    put,
    trained,
)

pytestmark = pytest.mark.slow

SPEC = model_spec()
CASES = night(40)


@dataclass(frozen=True)
class Released:
    """A home with a champion (version 1) and a version nobody approved (2)."""

    home: Home
    champion: Champion

    def folder(self, version: int = 1) -> Path:
        return self.home.root / find_version(self.home, SPEC.name, version).model_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Released:
    home = Home(tmp_path_factory.mktemp("released") / "home")
    champion = approved(home, SPEC, put(home, SPEC, trained(), "a" * 64))
    entered(home, SPEC, put(home, SPEC, trained(seed=6), "b" * 64))
    lake = Lake(home.lake)
    lake.ensure(SPEC.name, SCORING_SET, CASES.schema)
    lake.replace_day(SPEC.name, SCORING_SET, NIGHT, CASES)
    digest = content_digest(lake.read_day(SPEC.name, SCORING_SET, NIGHT))
    passed = GateResult(GATE, SCORING_SET, "pass", "fine", {}, {}, digest)
    record(lake, SPEC.name, NIGHT, passed, spec_version=SPEC.version, run_id="r")
    return Released(home, champion)


@pytest.fixture
def released(made: Released, tmp_path: Path) -> Released:
    """A copy to spoil. MLflow's addresses still point at the first home: it is not asked."""
    return Released(copied(made.home, tmp_path), made.champion)


def run(home: Home) -> tuple[dg.ExecuteInProcessResult, Night]:
    """The night's scoring and decisions, as Dagster runs them, and what is on record of it."""
    definitions = dg.Definitions(
        assets=[predictions_asset(SPEC), decisions_asset(SPEC)],
        jobs=[dg.define_asset_job(nightly_job(SPEC.name))],
        resources={"installation": Installation(root=str(home.root))},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def(nightly_job(SPEC.name)).execute_in_process(
            partition_key=str(NIGHT), instance=instance, raise_on_error=False
        )
        session = Session(home)
        session.instance = instance
        return result, record_of_night(session, SPEC.name, NIGHT)


def metadata(result: dg.ExecuteInProcessResult, table: str) -> dict[str, Any]:
    (made,) = result.asset_materializations_for_node(f"{SPEC.name}__{table}")
    return {name: value.value for name, value in made.metadata.items()}


def alerts(home: Home) -> list[dict[str, Any]]:
    lake = Lake(home.lake)
    if not lake.exists(SPEC.name, ALERTS):
        return []
    logged = [json.loads(line) for line in home.alert_log.read_text().splitlines()]
    found: list[dict[str, Any]] = lake.read(SPEC.name, ALERTS).to_pylist()
    assert {one["alert_id"] for one in logged} == {one["alert_id"] for one in found}
    assert len(logged) == len(found)
    return found


def require_scored(home: Home) -> None:
    """The champion scores the night, and nobody is alarmed."""
    before = len(alerts(home))
    result, row = run(home)
    assert result.success
    assert (row.outcome, row.model_version, row.problem) == ("decided", 1, "")
    decisions = Lake(home.lake).read_day(SPEC.name, DECISIONS, NIGHT)
    assert set(decisions.column("model_version").to_pylist()) == {1}
    assert decisions.column("fallback").null_count == CASES.num_rows
    assert "fallback" not in decisions.column("rule").to_pylist()
    assert len(alerts(home)) == before
    assert metadata(result, PREDICTIONS)["scored by"] == "version 1, the champion"


def require_fallback(home: Home, reason: str, *, runs: int = 2) -> str:
    """Every case goes to a person, the night succeeds, one alert however often it is run."""
    for _ in range(runs):
        result, row = run(home)
        assert result.success
        assert (row.outcome, row.model_version, row.referred) == ("fallback", None, 40)
        assert row.gate_failures == []
    lake = Lake(home.lake)
    predictions = lake.read_day(SPEC.name, PREDICTIONS, NIGHT)
    decisions = lake.read_day(SPEC.name, DECISIONS, NIGHT)
    keys = sorted(CASES.column("order_id").to_pylist())
    for table in (predictions, decisions):
        assert sorted(table.column("case_key").to_pylist()) == keys
        for column in ("score", "prediction", "model_version", "model_digest"):
            assert table.column(column).null_count == len(keys)
    for column, value in (("rule", "fallback"), ("decision", "refer"), ("advice", "refer")):
        assert set(decisions.column(column).to_pylist()) == {value}
    (why,) = pc.unique(decisions.column("fallback")).to_pylist()
    assert reason in why == row.problem
    (alert,) = alerts(home)
    assert why in alert["happened"]
    assert "referred every case" in alert["road_did"]
    assert f"nightshift run widgets --from {NIGHT} --to {NIGHT}" in alert["person_should"]
    for table_name in (PREDICTIONS, DECISIONS):
        assert metadata(result, table_name)["why"] == why
    assert "nobody" in metadata(result, PREDICTIONS)["scored by"]
    assert str(why) not in ("", "None")
    return str(why)


def test_what_is_as_released_scores_the_night(released: Released) -> None:
    require_scored(released.home)


def flip(name: str, share: float) -> Callable[[Released], None]:
    def spoil(released: Released) -> None:
        file = released.folder() / name
        content = bytearray(file.read_bytes())
        content[int(share * (len(content) - 1))] ^= 1
        file.write_bytes(content)

    return spoil


def add(name: str, content: bytes = b"") -> Callable[[Released], None]:
    def spoil(released: Released) -> None:
        file = released.folder() / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)

    return spoil


def take_away(name: str) -> Callable[[Released], None]:
    return lambda released: (released.folder() / name).unlink()


def link(released: Released) -> None:
    """The same bytes by way of a link, which could be turned to others after they are verified."""
    file = released.folder() / MODEL
    elsewhere = released.home.root / "elsewhere.skops"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def swap_folder(released: Released) -> None:
    """Another version's folder, whole and signed, in the champion's place."""
    place = released.folder()
    shutil.rmtree(place)
    shutil.copytree(released.folder(2), place)


def swap_model(released: Released) -> None:
    shutil.copyfile(released.folder(2) / MODEL, released.folder() / MODEL)


def rehash(released: Released) -> None:
    """Another model, with the manifest edited to fit it, by somebody without the key."""
    swap_model(released)
    manifest = released.folder() / MANIFEST
    said = json.loads(manifest.read_bytes())
    model = (released.folder() / MODEL).read_bytes()
    said["files"][MODEL] = hashlib.sha256(model).hexdigest()
    manifest.write_bytes(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())


def other_key(released: Released) -> None:
    """The very manifest, signed by somebody else's key."""
    folder, key = released.folder(), released.home.root / "other.key"
    create_private_key(key)
    signature = sign(load_private_key(key), (folder / MANIFEST).read_bytes())
    (folder / SIGNATURE).write_text(signature)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (flip(MODEL, 0.0), "model.skops has SHA-256"),
        (flip(MODEL, 0.5), "changed after registration"),
        (flip(MODEL, 1.0), "changed after registration"),
        (flip(GOLDEN, 0.5), "golden.parquet has SHA-256"),
        (flip("requirements.txt", 0.2), "requirements.txt has SHA-256"),
        (flip(MANIFEST, 0.5), "MANIFEST.json has SHA-256"),
        (flip(SIGNATURE, 0.5), "not signed by this installation's key"),
        (add("notes.txt"), "notes.txt was added"),
        (add("deeper/notes.txt"), "deeper/notes.txt was added"),
        (add("model.pkl", b"\x80\x04."), "model.pkl was added"),
        (take_away(MODEL), "model.skops is not there, but in the manifest"),
        (take_away("MLmodel"), "MLmodel is not there, but in the manifest"),
        (take_away(MANIFEST), "MANIFEST.json is not there"),
        (take_away(SIGNATURE), "MANIFEST.sig is not there"),
        (link, "model.skops is a link"),
        (swap_folder, "was changed, or is another version's"),
        (swap_model, "changed after registration"),
        (rehash, "MANIFEST.json has SHA-256"),
        (other_key, "not signed by this installation's key"),
    ],
)
def test_a_folder_that_is_not_as_released_is_refused(
    released: Released, spoil: Callable[[Released], None], reason: str
) -> None:
    """Asked of the loader alone; that the night goes on is asked below."""
    assert load_verified(released.home, released.champion).pipeline
    spoil(released)
    with pytest.raises(
        ModelRefused, match=r"widgets version 1: its folder .* is not as released"
    ) as e:
        load_verified(released.home, released.champion)
    assert reason in str(e.value)
    assert "Nothing was loaded" in str(e.value)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (flip(MODEL, 0.5), "changed after registration"),
        (add("notes.txt"), "notes.txt was added"),
        (swap_folder, "is another version's"),
        (rehash, "MANIFEST.json has SHA-256"),
        (other_key, "not signed by this installation's key"),
    ],
)
def test_the_night_goes_on_with_people_and_they_are_told_once(
    released: Released, spoil: Callable[[Released], None], reason: str
) -> None:
    spoil(released)
    require_fallback(released.home, reason)


def test_put_right_the_night_is_scored_again(released: Released) -> None:
    add("notes.txt")(released)
    require_fallback(released.home, "notes.txt was added", runs=1)
    (released.folder() / "notes.txt").unlink()
    require_scored(released.home)


def test_a_manifest_made_to_fit_is_refused_even_with_its_digest_on_record(
    released: Released,
) -> None:
    rehash(released)
    digest = hashlib.sha256((released.folder() / MANIFEST).read_bytes()).hexdigest()
    edited = replace(released.champion, manifest_digest=digest)
    with pytest.raises(ModelRefused, match="not signed by this installation's key"):
        load_verified(released.home, edited)


def test_another_versions_folder_named_on_record_is_refused(released: Released) -> None:
    """Whole, signed, its manifest's digest on record: but not the model people approved."""
    other = find_version(released.home, SPEC.name, 2)
    evidence = {**released.champion.evidence, "model_folder": other.model_folder}
    swapped = replace(released.champion, evidence=evidence, manifest_digest=other.manifest_digest)
    with pytest.raises(ModelRefused, match=r"model\.skops in .* has SHA-256 .* released was"):
        load_verified(released.home, swapped)


@pytest.mark.parametrize("place", ["../other", "/etc", "", ".", "models/../.."])
def test_a_folder_outside_the_home_is_refused(released: Released, place: str) -> None:
    evidence = {**released.champion.evidence, "model_folder": place}
    with pytest.raises(ModelRefused, match="outside the home"):
        load_verified(released.home, replace(released.champion, evidence=evidence))


def test_of_another_use_case_is_refused(released: Released) -> None:
    with pytest.raises(ModelRefused, match="for something else than this use case"):
        load_verified(released.home, replace(released.champion, use_case="gadgets"))


def test_without_the_installations_key_nothing_is_loaded(released: Released) -> None:
    released.home.signing_key.unlink()
    with pytest.raises(ModelRefused, match="no signature can be verified"):
        load_verified(released.home, released.champion)


def resigned(released: Released, change: Callable[[Path], None]) -> RegisteredVersion:
    """Version 1 with another folder, signed by the installation and known to MLflow as version 3:
    what somebody at the machine itself could do."""
    from assets.training.session import registry_client

    folder = released.folder()
    change(folder)
    for name in (MANIFEST, SIGNATURE):
        (folder / name).unlink()
    version = find_version(released.home, SPEC.name, 1)
    signed = write_manifest(
        released.home, folder, use_case=SPEC.name, training_digest=version.training_digest
    )
    with registry_client(released.home) as client:
        made = client.create_model_version(SPEC.name, folder.as_uri())
    return replace(
        version,
        version=int(made.version),
        digest=hashlib.sha256((folder / MODEL).read_bytes()).hexdigest(),
        manifest_digest=signed.digest,
        signature=signed.signature,
    )


def made_champion(home: Home, version: RegisteredVersion) -> Champion:
    """The version approved and led up the ladder, with a champion in place, until the night."""
    lake, days = Lake(home.lake), [NIGHT - timedelta(days=n) for n in (3, 2, 1)]
    approved(home, SPEC, version)
    steps = [None, *(Move(version.version, s, "promote", "all met") for s in ("shadow", "canary"))]
    for day, step in zip(days, steps, strict=True):
        advance(lake, home, SPEC, day, step, run_id="r")
    project_aliases(lake, home, SPEC)
    return require_champion(lake, home, SPEC, NIGHT)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_hostile_model_never_runs_though_it_is_signed_and_approved(
    released: Released, tmp_path: Path, wrapped: bool
) -> None:
    """Only the list of trusted types stands in its way; the one it declares itself does not help.

    ``wrapped`` hides the function in a ``functools.partial``, which is itself on the list.
    """
    import skops.io
    import yaml
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    mark = tmp_path / "it_ran"
    function = functools.partial(os.system) if wrapped else os.system
    hostile = Pipeline([("run", FunctionTransformer(function)), *trained().pipeline.steps])

    def change(folder: Path) -> None:
        skops.io.dump(hostile, folder / MODEL)
        declared = yaml.safe_load((folder / "MLmodel").read_text())
        wanted = skops.io.get_untrusted_types(file=folder / MODEL)
        declared["flavors"]["sklearn"]["skops_trusted_types"] = wanted
        (folder / "MLmodel").write_text(yaml.safe_dump(declared))

    version = resigned(released, change)
    folder = released.home.root / version.model_folder

    # It is a real one: who trusts what the model declares, as MLflow does, runs the command.
    declared = yaml.safe_load((folder / "MLmodel").read_text())["flavors"]["sklearn"]
    believed = skops.io.load(folder / MODEL, trusted=declared["skops_trusted_types"])
    believed.named_steps["run"].transform(f"touch {mark}")
    assert mark.exists()
    mark.unlink()

    assert made_champion(released.home, version).version == 3
    why = require_fallback(released.home, "holds types that are not trusted here", runs=1)
    assert "posix.system" in why
    assert not mark.exists()


def test_a_pickle_is_refused_though_it_is_signed(released: Released) -> None:
    folder = released.folder()
    for name, content in (("model.pkl", b"whatever"), ("innocent.bin", b"\x80\x05\x95....")):
        (folder / name).write_bytes(content)
        with pytest.raises(Exception, match=f"{name} is a pickle"):
            write_manifest(released.home, folder, use_case=SPEC.name, training_digest="d")
        # Signed all the same, as by other code with the same key.
        said = json.loads((folder / MANIFEST).read_bytes())
        said["files"][name] = hashlib.sha256(content).hexdigest()
        text = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
        key = load_private_key(released.home.signing_key)
        before = {file: (folder / file).read_bytes() for file in (MANIFEST, SIGNATURE)}
        (folder / MANIFEST).write_bytes(text)
        (folder / SIGNATURE).write_text(sign(key, text))
        digest = hashlib.sha256(text).hexdigest()
        with pytest.raises(ModelRefused, match=f"{name} is a pickle"):
            load_verified(released.home, replace(released.champion, manifest_digest=digest))
        (folder / name).unlink()
        for file, kept in before.items():
            (folder / file).write_bytes(kept)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no zip", "cannot be read as a model"), ({"model": 1}, "holds a dict, not a pipeline")],
)
def test_what_is_no_pipeline_is_refused(released: Released, content: Any, said: str) -> None:
    import skops.io

    file = content if isinstance(content, bytes) else skops.io.dumps(content)
    version = resigned(released, lambda folder: (folder / MODEL).write_bytes(file) and None)
    champion = replace(
        released.champion, digest=version.digest, manifest_digest=version.manifest_digest
    )
    with pytest.raises(ModelRefused, match=said):
        load_verified(released.home, champion)


def test_a_model_that_no_longer_gives_the_golden_scores_scores_nothing(
    released: Released,
) -> None:
    def change(folder: Path) -> None:
        golden = pq.read_table(folder / GOLDEN)
        place = golden.column_names.index("score")
        moved = pc.add(golden.column("score"), 1e-9)
        pq.write_table(golden.set_column(place, "score", moved), folder / GOLDEN)

    made_champion(released.home, resigned(released, change))
    require_fallback(released.home, "30 of 30 golden rows score otherwise", runs=1)


@pytest.mark.parametrize("moved", [2, None])
def test_an_alias_moved_by_hand_costs_the_night_and_is_put_back(
    released: Released, moved: int | None
) -> None:
    from assets.training.session import registry_client

    with registry_client(released.home) as client:
        if moved is None:
            client.delete_registered_model_alias(SPEC.name, "champion")
        else:
            client.set_registered_model_alias(SPEC.name, "champion", str(moved))
    told = "no version" if moved is None else "version 2"
    why = require_fallback(
        released.home, f"'champion' is on {told}, the release record says version 1", runs=1
    )
    assert "by hand" in why
    with registry_client(released.home) as client:
        assert client.get_registered_model(SPEC.name).aliases["champion"] in (1, "1")
    require_scored(released.home)  # the next run is right, and nobody is told again


def test_a_registry_that_is_gone_keeps_no_night_from_being_scored(released: Released) -> None:
    (released.home.root / "registry.db").unlink()
    require_scored(released.home)


def test_a_registry_that_cannot_be_read_is_a_reason_to_ask_people(released: Released) -> None:
    (released.home.root / "registry.db").write_bytes(b"no database at all" * 100)
    require_fallback(released.home, "MLflow's registry cannot be read", runs=1)


def test_without_a_champion_every_case_goes_to_a_person(released: Released) -> None:
    lake = Lake(released.home.lake)
    shutil.rmtree(lake.path(SPEC.name, "release_events"))
    assert champion_on(lake, released.home, SPEC, NIGHT) is None
    require_fallback(released.home, "no champion for 2026-03-12")


def test_a_champion_nobody_approved_decides_nothing(released: Released) -> None:
    released.home.signing_key.unlink()  # whose signatures say who is enrolled
    require_fallback(released.home, "made champion, but")


def test_a_gate_that_did_not_pass_still_stops_the_night(released: Released) -> None:
    lake = Lake(released.home.lake)
    lake.replace_day(SPEC.name, SCORING_SET, NIGHT, CASES.slice(1))
    result, row = run(released.home)
    assert not result.success
    assert row.outcome == "stopped"
    assert "passed for widgets 2026-03-12, but on other rows" in row.problem
    assert lake.exists(SPEC.name, PREDICTIONS) is False
    assert alerts(released.home) == []

"""Use cases read from their files, and ``feast apply`` run by hand on them."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from assets.features.columns import FeatureSpecError
from assets.features.views import apply, open_store
from assets.home import Home
from assets.spec_files import SpecError, load_specs
from orchestration.components.use_case import UseCase

REPOSITORY = Path(__file__).resolve().parents[2]

PLANT = """\
type: orchestration.components.use_case.UseCase
attributes:
  name: plant
  start: 2026-03-01
  population: {source: events, key: event_id, entity: unit, event_timestamp: happened_at}
  sources:
    events: {columns: {event_id: {type: string}, unit: {type: int}, happened_at: {type: timestamp}}}
    gauges: {columns: {unit: {type: int}, at: {type: timestamp}, pressure: {type: float}}}
    outcomes: {columns: {event_id: {type: string}, failed: {type: bool}, seen: {type: timestamp}}}
  label: {source: outcomes, column: failed, positive: true, observed_at: seen, matures_after: 1d}
  features: {views: {gauges: {entity: unit, timestamp: at, ttl: 2d, columns: [pressure]}}}
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_specs_are_found_in_a_folder_and_in_its_folders(tmp_path: Path) -> None:
    write(tmp_path / "all" / "plant" / "defs.yaml", PLANT)
    write(tmp_path / "one" / "defs.yaml", PLANT.replace("name: plant", "name: annex"))
    write(tmp_path / "all" / "dbt" / "defs.yaml", "type: dagster_dbt.DbtProjectComponent\n")
    found = load_specs([tmp_path / "one", tmp_path / "all", tmp_path / "all" / "plant"])
    assert [(s.name, s.start) for s in found] == [
        ("annex", "2026-03-01"),
        ("plant", "2026-03-01"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            PLANT.replace("ttl: 2d", "ttl: 2 days"),
            r"features\.views\.gauges\.ttl: .*not a duration",
        ),
        (PLANT.replace("name: plant", "nmae: plant"), r"name: Field required; nmae: Extra inputs"),
        (PLANT + "  start: 2026-04-01\n", "'start' is there twice"),
        ("attributes: {}\n", "no component file"),
        ("type: [\n", "cannot be read as YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = write(tmp_path / "plant" / "defs.yaml", text)
    with pytest.raises(SpecError, match=reason) as caught:
        load_specs([tmp_path])
    assert str(path) in str(caught.value)


def test_a_missing_folder_and_a_name_used_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="is no folder"):
        load_specs([tmp_path / "nowhere"])
    write(tmp_path / "a" / "defs.yaml", PLANT)
    write(tmp_path / "b" / "defs.yaml", PLANT)
    with pytest.raises(SpecError, match=r"'plant' is also in .*a.defs\.yaml"):
        load_specs([tmp_path])


def test_views_that_cannot_be_joined_are_refused_when_they_are_declared() -> None:
    attributes = PLANT.partition("attributes:\n")[2]
    text = textwrap.dedent(attributes)
    assert UseCase.resolve_from_yaml(text).spec.name == "plant"
    with pytest.raises(FeatureSpecError, match=r"ttl: 36h .* write 1d or 2d"):
        UseCase.resolve_from_yaml(text.replace("ttl: 2d", "ttl: 36h"))


def feast_apply(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = ("NIGHTSHIFT_", "FEAST_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return subprocess.run(
        [str(Path(sys.executable).parent / "feast"), "apply"],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_feast_apply_by_hand_registers_what_the_night_registers(tmp_path: Path) -> None:
    folder = tmp_path / "feature_repo"
    shutil.copytree(
        REPOSITORY / "feature_repo", folder, ignore=shutil.ignore_patterns("__pycache__")
    )
    write(tmp_path / "orchestration" / "defs" / "plant" / "defs.yaml", PLANT)
    ran = feast_apply(folder)
    assert ran.returncode == 0, ran.stderr
    assert "Created feature service plant" in ran.stdout
    (spec,) = load_specs([tmp_path / "orchestration" / "defs"])
    home = Home(tmp_path / ".nightshift")
    assert not apply(spec, home), "the night would register something else"
    assert (
        open_store(home).get_feature_view("plant__gauges").ttl
        == spec.features.views["gauges"].time_to_live
    )

    elsewhere = feast_apply(folder, NIGHTSHIFT_HOME=str(tmp_path / "other"))
    assert elsewhere.returncode != 0
    assert "FEAST_FS_YAML_FILE_PATH=home.yaml feast apply" in elsewhere.stderr
    assert "Traceback" not in elsewhere.stderr

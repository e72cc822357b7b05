"""The component's schema: specs that load, and specs that are refused at the point that is wrong.

Each file under ``tests/components/invalid`` says in its first line what the refusal must name.
"""

import re
from pathlib import Path

import dagster as dg
import pytest
import yaml
from pydantic import ValidationError

from assets.home import Home
from assets.spec_files import SpecError, load_specs
from orchestration.components.use_case import UseCase, use_case_definitions
from orchestration.resources.installation import Installation

FOLDER = Path(__file__).resolve().parents[1] / "components"
VALID = sorted((FOLDER / "valid").glob("*.yaml"))
INVALID = sorted((FOLDER / "invalid").glob("*.yaml"))


def attributes(path: Path) -> str:
    """The attributes block as YAML of its own, as Dagster hands it to the component."""
    attributes = yaml.safe_load(path.read_text())["attributes"]
    # PyYAML reads a date where Dagster's reader keeps the text.
    return yaml.safe_dump(attributes | {"start": str(attributes["start"])}, sort_keys=False)


def as_folder(path: Path, folder: Path) -> Path:
    folder.mkdir()
    (folder / "defs.yaml").write_text(path.read_text())
    return folder


@pytest.mark.parametrize("path", VALID, ids=lambda p: p.stem)
def test_valid_specs_give_definitions(
    path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(home.root))
    component = UseCase.resolve_from_yaml(attributes(path))
    definitions = dg.Definitions.merge(
        use_case_definitions(component.spec),
        dg.Definitions(resources={"installation": Installation(root=str(home.root))}),
    )
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    [spec] = load_specs([as_folder(path, home.root / "spec")])
    assert component.spec == spec
    source = f"plant/{spec.population.source}"
    assert {source, "plant/population", "plant/decisions"} <= keys
    assert ("plant/readings_view" in keys) == bool(spec.features.views)


def test_schema_of_the_component_is_the_spec() -> None:
    schema = UseCase.model().model_json_schema()
    assert schema["additionalProperties"] is False
    assert {"name", "start", "sources", "population", "label"} == set(schema["required"])


@pytest.mark.parametrize("path", INVALID, ids=lambda p: p.stem)
def test_invalid_specs_are_refused_by_name(path: Path, tmp_path: Path) -> None:
    expected = path.read_text().splitlines()[0].removeprefix("# refused with: ")
    with pytest.raises(SpecError) as refused:
        load_specs([as_folder(path, tmp_path / "spec")])
    assert expected in str(refused.value)
    assert "defs.yaml" in str(refused.value)


@pytest.mark.parametrize("path", INVALID, ids=lambda p: p.stem)
def test_dagster_refuses_them_too(path: Path) -> None:
    expected = path.read_text().splitlines()[0].removeprefix("# refused with: ")
    with pytest.raises(ValidationError, match=re.escape(expected)):
        UseCase.resolve_from_yaml(attributes(path))

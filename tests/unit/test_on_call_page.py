"""The page for whoever is woken names every kind, sensor and setting there is."""

import re

import assets.alert_channels
from assets.incidents.kinds import KINDS
from orchestration.incident_sensors import incident_sensors
from tests.conftest import PROJECT
from tests.released import make_spec

PAGE = (PROJECT / "docs" / "on_call.md").read_text()


def test_every_kind_has_its_causes_and_what_to_do() -> None:
    for kind in KINDS:
        (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{kind}` |")]
        assert len(line.strip("|").split(" | ")) == 4, kind


def test_every_sensor_and_setting_is_named() -> None:
    for sensor in incident_sensors(make_spec()):
        assert f"`U{sensor.name.removeprefix('boats')}`" in PAGE
    settings = set(re.findall(r"NIGHTSHIFT_ALERT_\w+", str(assets.alert_channels.__doc__)))
    assert settings == set(re.findall(r"NIGHTSHIFT_ALERT_\w+", PAGE))


def test_every_page_it_points_at_is_there() -> None:
    for name in re.findall(r"\]\((\w+\.md)\)", PAGE):
        assert (PROJECT / "docs" / name).is_file(), name

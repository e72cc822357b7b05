"""An alert is raised once: in the lake and in the log, however often the same thing is found."""

import json
from dataclasses import replace
from datetime import date

import pytest

from assets.alerts import Alert, door_alert, raise_alert
from assets.gate_results import GateResult
from assets.home import Home
from assets.lake import Lake
from assets.tables import ALERTS
from tests.parcels import parcels_spec

DAY = date(2026, 3, 1)
ALERT = Alert("parcels", DAY, "it burns", "Smoke in the hall.", "Stopped.", "Look.")


def logged(home: Home) -> list[dict[str, str]]:
    return [json.loads(line) for line in home.alert_log.read_text().splitlines()]


def test_the_first_time_it_is_on_record_and_in_the_log(home: Home, lake: Lake) -> None:
    assert raise_alert(home, lake, ALERT, "run-1")
    (row,) = lake.read_day("parcels", ALERTS, DAY).to_pylist()
    assert row["alert_id"] == ALERT.alert_id
    assert (row["incident"], row["happened"]) == ("it burns", "Smoke in the hall.")
    (line,) = logged(home)
    assert line.pop("use_case") == "parcels"
    assert line.pop("day") == "2026-03-01"
    assert line == {name: value for name, value in row.items() if name in line}


def test_found_again_it_is_not_raised_again(home: Home, lake: Lake) -> None:
    raise_alert(home, lake, ALERT, "run-1")
    version, log = lake.version("parcels", ALERTS), home.alert_log.read_bytes()
    again = replace(ALERT, happened="Smoke in the hall, said otherwise.")
    assert not raise_alert(home, lake, again, "run-2")
    assert (lake.version("parcels", ALERTS), home.alert_log.read_bytes()) == (version, log)


@pytest.mark.parametrize(
    "other",
    [
        replace(ALERT, incident="it floods"),
        replace(ALERT, day=date(2026, 3, 2)),
        replace(ALERT, use_case="letters"),
    ],
)
def test_another_incident_is_raised(home: Home, lake: Lake, other: Alert) -> None:
    assert raise_alert(home, lake, ALERT, "run-1")
    assert raise_alert(home, lake, other, "run-1")
    assert len(logged(home)) == 2


def test_killed_after_the_log_the_record_is_completed(home: Home, lake: Lake) -> None:
    raise_alert(home, lake, ALERT, "run-1")
    elsewhere = Lake(home.root / "another")  # the log has it, this lake does not yet
    assert raise_alert(home, elsewhere, ALERT, "run-2")
    assert len(logged(home)) == 1
    assert elsewhere.read_day("parcels", ALERTS, DAY).num_rows == 1


def test_killed_within_a_line_the_alert_is_not_lost(home: Home, lake: Lake) -> None:
    home.root.mkdir(parents=True)
    half = json.dumps({"alert_id": ALERT.alert_id, "day": "2026"})[:-4]
    home.alert_log.write_text(half)
    assert raise_alert(home, lake, ALERT, "run-1")
    first, second = home.alert_log.read_text().splitlines()
    assert first == half
    assert json.loads(second)["alert_id"] == ALERT.alert_id


def failed(gate: str, digest: str = "d1") -> GateResult:
    return GateResult(gate, "validated_x", "fail", f"{gate} is off", {}, {}, digest)


def test_one_alert_for_a_night_however_many_gates_failed() -> None:
    gates = [failed(f"parcels.{name}") for name in "edcba"]
    alert = door_alert(parcels_spec(), DAY, gates)
    assert alert == door_alert(parcels_spec(), DAY, gates[::-1])
    assert alert.happened.startswith("5 gates at the door of parcels did not pass for 2026-03-01")
    assert "parcels.a is off" in alert.happened
    assert "parcels.e is off" not in alert.happened  # named, not told
    assert "parcels.e" in alert.happened
    with pytest.raises(ValueError, match="no gate"):
        door_alert(parcels_spec(), DAY, [])


def test_other_gates_or_a_corrected_file_that_fails_are_another_incident() -> None:
    spec = parcels_spec()
    one = door_alert(spec, DAY, [failed("parcels.volume")])
    assert one.alert_id != door_alert(spec, DAY, [failed("parcels.null_share")]).alert_id
    assert one.alert_id != door_alert(spec, DAY, [failed("parcels.volume", "d2")]).alert_id

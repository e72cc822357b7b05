"""``nightshift incidents`` says what is wrong and what to do, in words and as JSON."""

import json
from pathlib import Path

import pytest

from assets.home import Home
from assets.incidents.publish import record_night
from assets.lake import Lake
from assets.spec import UseCaseSpec
from tests.commands import nightshift
from tests.incident_nights import drift, economics, measured, night


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, built_in_spec: UseCaseSpec) -> Path:
    """A home in which drift is open, and a queue that was overdue no more is."""
    home = Home(tmp_path_factory.mktemp("home"))
    lake = Lake(home.lake)
    for number, (moved, overdue) in enumerate(
        [("stable", "fail"), ("matters", "pass"), ("matters", "pass")]
    ):
        tables = {"drift": drift(moved), "economics": economics(overdue=overdue)}
        measured(lake, built_in_spec.name, night(number), **tables)
        record_night(built_in_spec, home, lake, night(number), "r")
    return home.root


def test_open_ones_in_words(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    (kept / "alerts_waiting").mkdir()
    (kept / "alerts_waiting" / "2026-03-02_x.slack.json").write_text("{}")
    done = nightshift(monkeypatch, kept, "incidents", "loan_approval")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "loan_approval: 1 incident is open"
    assert lines[2].startswith("drift: the input moved, and it matters [")
    assert "since 2026-03-03, found by 2 nights, last found on 2026-03-04" in lines[3]
    assert "a person should: Look at the drift report of 2026-03-04" in done.stdout
    assert max(map(len, lines)) <= 100
    assert "1 alert waits to be taken by slack" in done.stderr


def test_all_of_them_as_json(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    done = nightshift(monkeypatch, kept, "incidents", "--all", "--json")
    (row,) = [one for one in json.loads(done.stdout) if one["use_case"] == "loan_approval"]
    assert [(one["kind"], one["state"], one["closed_on"]) for one in row["incidents"]] == [
        ("queue", "closed", "2026-03-04"),
        ("drift", "open", None),
    ]
    assert row["incidents"][1]["evidence"]["measures"][0]["measure"] == "input_moved"


def test_nothing_is_open_in_an_empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = nightshift(monkeypatch, tmp_path, "incidents", "loan_approval")
    assert done.stdout == "loan_approval: no incident is open\n"

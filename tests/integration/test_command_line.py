"""The command as a person meets it: a process, its output, its exit code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import nightshift as within
from tests.road_fixtures import QUIET, USE_CASE, Road

pytestmark = pytest.mark.slow
COMMAND = Path(sys.executable).parent / "nightshift"


def nightshift(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTSHIFT_")}
    return subprocess.run(
        [str(COMMAND), *arguments, "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=False,
    )


def test_status_as_json(road: Road) -> None:
    done = nightshift("status", USE_CASE, "--json", home=road.home)
    assert done.returncode == 0, done.stderr
    [row] = json.loads(done.stdout)
    assert row["champion"] == 1
    assert row["holdout"]["roc_auc"] > 0.7
    assert row["last_night"]["use_case"] == USE_CASE


def test_unknown_use_case_names_those_there_are(tmp_path: Path) -> None:
    done = nightshift(
        "run", "mortgages", "--from", "2026-07-01", "--to", "2026-07-01", home=tmp_path
    )
    assert done.returncode == 1
    assert "there is no use case 'mortgages'. Loaded: loan_approval" in done.stderr
    assert "Traceback" not in done.stderr


def test_reversed_dates_are_a_usage_error(tmp_path: Path) -> None:
    done = nightshift("run", USE_CASE, "--from", "2026-07-02", "--to", "2026-07-01", home=tmp_path)
    assert done.returncode == 2
    assert "lies before" in done.stderr


def test_a_folder_without_a_use_case_is_refused(tmp_path: Path) -> None:
    done = nightshift("status", "--use-cases", str(tmp_path), home=tmp_path / "home")
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_night_before_any_training_says_so(
    tmp_path: Path, road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first file of the bureau brings the reports of the weeks before: enough for day two.
    shutil.copytree(
        road.home / "landing",
        tmp_path / "landing",
        ignore=lambda _, names: [n for n in names if "2026-" in n and "2026-06-0" not in n],
    )
    first, second = "2026-06-01", "2026-06-02"
    done = within(monkeypatch, tmp_path, "history", USE_CASE, "--from", first, "--to", first)
    assert done.exit_code == 0, done.output
    done = within(monkeypatch, tmp_path, "run", USE_CASE, "--from", second, "--to", second)
    assert done.exit_code == 1
    assert f"no champion for {second}" in done.stdout
    assert f"nightshift train {USE_CASE}" in done.stdout


def bad_file(road: Road, home: Path, content: bytes) -> None:
    """Land a file of one source, and what the road has of the other."""
    landing = home / "landing" / USE_CASE / "applications"
    landing.mkdir(parents=True)
    (landing / f"applications_{QUIET}.csv").write_bytes(content)
    shutil.copytree(road.home / "landing" / USE_CASE / "bureau", landing.parent / "bureau")


RUN = ["run", USE_CASE, "--from", str(QUIET), "--to", str(QUIET)]


def test_an_unreadable_file_gives_one_message_and_leaves_the_rest(
    road: Road, tmp_path: Path
) -> None:
    bad_file(road, tmp_path, b"\x00\x01\x02PAR")
    done = nightshift(*RUN, home=tmp_path)
    assert done.returncode == 1
    assert any(text in done.stdout for text in ("cannot be read as csv", "lacks the column"))
    assert f"applications_{QUIET}.csv" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "lake" / USE_CASE / "validated_applications" / "_delta_log").exists()


def test_a_file_that_lacks_columns_gives_one_message_and_leaves_the_rest(
    road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_file(road, tmp_path, b"application_id,customer_id\na1,c1\n")
    done = within(monkeypatch, tmp_path, *RUN)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)  # and nothing that would be a traceback
    assert "lacks the column" in done.stdout
    assert f"applications_{QUIET}.csv" in done.stdout
    assert "Traceback" not in done.output
    assert not (tmp_path / "lake" / USE_CASE / "validated_applications" / "_delta_log").exists()

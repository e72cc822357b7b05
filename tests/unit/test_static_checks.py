"""Style, types and Dagster's own checks of components and definitions."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assets.home import Home

PROJECT = Path(__file__).resolve().parents[2]
BINARIES = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["dg", "check", "yaml"],
        ["dg", "check", "defs"],
    ],
    ids=" ".join,
)
def test_is_clean(command: list[str], prepared_home: Home, tmp_path: Path) -> None:
    # Dagster's telemetry writes to the home and calls out; our own settings switch it off.
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    shutil.copyfile(PROJECT / "dagster.yaml", dagster_home / "dagster.yaml")
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "DAGSTER_HOME": str(dagster_home),
        "NIGHTSHIFT_HOME": str(prepared_home.root),
        "VIRTUAL_ENV": str(BINARIES.parent),
        "PATH": f"{BINARIES}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        [str(BINARIES / command[0]), *command[1:]],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / ".dagster").exists()

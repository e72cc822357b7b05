"""The command within this process: its imports are paid for already."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

SET = ("NIGHTSHIFT_HOME", "NIGHTSHIFT_USE_CASES", "NIGHTSHIFT_IDENTITY", "DAGSTER_HOME")


def nightshift(
    monkeypatch: pytest.MonkeyPatch, home: Path, *arguments: str, identity: Path | None = None
) -> Result:
    """What a person at the terminal gets; ``exception`` holds a refusal that ``main`` would tell.

    ``identity``: of the person. What the command sets in the environment is taken back.
    """
    from orchestration.cli import app

    for name in SET:
        monkeypatch.setenv(name, "")  # so that it is on record as set, and taken back
        monkeypatch.delenv(name)
    if identity is not None:
        monkeypatch.setenv("NIGHTSHIFT_IDENTITY", str(identity))
    return CliRunner().invoke(app, [*arguments, "--home", str(home)])

"""``nightshift report``: a file per use case, whole, the same every time; clear refusals."""

import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from assets.errors import NightshiftError
from assets.home import Home
from orchestration.report_cli import report
from tests.nights_on_record import LAST, kept


def command(home: Home, *words: str) -> str:
    """Its output; a refusal is raised, as the entry point prints it."""
    app = typer.Typer()
    app.command()(report)
    done = CliRunner().invoke(app, [*words, "--home", str(home.root)])
    if isinstance(done.exception, NightshiftError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("reports") / "home")
    shutil.copytree(kept().root, home.root)
    return home


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAGSTER_HOME", "NIGHTSHIFT_HOME", "NIGHTSHIFT_USE_CASES"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_a_file_per_use_case_the_same_every_time(home: Home, tmp_path: Path) -> None:
    name = f"loan_approval_{LAST}.html"
    said = command(home, "--night", str(LAST), "--out", str(tmp_path / "a"))
    assert said.strip() == str(tmp_path / "a" / name)
    command(home, "loan_approval", "--night", str(LAST), "--out", str(tmp_path / "b"))
    made = [(tmp_path / folder / name).read_bytes() for folder in "ab"]
    assert made[0] == made[1]
    assert len(made[0]) < 3_000_000
    assert made[0].startswith(b"<!doctype html>")
    assert made[0].endswith(b"</html>\n")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [name]


def test_what_is_not_there_is_said_and_nothing_is_written(home: Home, tmp_path: Path) -> None:
    with pytest.raises(NightshiftError, match=r"no night of 2026-01-01 .* loan_approval 2026-08"):
        command(home, "--night", "2026-01-01", "--out", str(tmp_path / "out"))
    with pytest.raises(NightshiftError, match="no use case 'ships'"):
        command(home, "ships", "--night", str(LAST), "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()

"""``nightshift users``: passwords from the environment, never from an argument, never printed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.desk.users import SignInRefused, Users, UsersError
from assets.errors import NightshiftError
from assets.home import Home
from orchestration.users_cli import users_app
from tests.reviewed import NOW, PASSWORD

OTHER = "another road home"


def command(home: Home, *words: str, **environment: str) -> str:
    """Its output; a refusal is raised, as the entry point prints it."""
    done = CliRunner().invoke(
        users_app, [*words, "--home", str(home.root)], env=dict(environment), catch_exceptions=True
    )
    if isinstance(done.exception, NightshiftError):
        raise done.exception
    assert done.exit_code == 0, done.output
    assert PASSWORD not in done.output
    assert OTHER not in done.output
    return done.output


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("NIGHTSHIFT_PASSWORD", "NIGHTSHIFT_PASSPHRASE", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_users_life(home: Home) -> None:
    users = Users(home)
    assert "there are no users" in command(home, "list")
    said = command(
        home, "add", "jo.smith", "--role", "reviewer", "--role", "owner",
        NIGHTSHIFT_PASSWORD=PASSWORD,
    )  # fmt: skip
    assert "jo.smith may sign in as owner, reviewer" in said
    assert "nightshift users identity jo.smith" in said
    first = users.verify("jo.smith", PASSWORD, NOW)
    assert "is enrolled" in command(home, "identity", "jo.smith", NIGHTSHIFT_PASSPHRASE=PASSWORD)
    command(home, "password", "jo.smith", NIGHTSHIFT_PASSWORD=OTHER)
    assert users.session("jo.smith", first.epoch) is None
    command(home, "roles", "jo.smith", "--role", "auditor")
    (listed,) = json.loads(command(home, "list", "--json"))["users"]
    assert (listed["name"], listed["roles"], listed["removed_at"]) == (
        "jo.smith",
        ["auditor"],
        None,
    )
    assert "jo.smith" in command(home, "list")
    said = command(home, "remove", "jo.smith", "--reason", "left the firm")
    assert "signed out everywhere" in said
    assert "nightshift people remove jo.smith" in said
    with pytest.raises(SignInRefused):
        users.verify("jo.smith", OTHER, NOW)
    (listed,) = json.loads(command(home, "list", "--json"))["users"]
    assert listed["removed_reason"] == "left the firm"
    assert "password" not in json.dumps(listed)


def test_without_a_password_nothing_is_made(home: Home) -> None:
    with pytest.raises(UsersError, match="set NIGHTSHIFT_PASSWORD, or run this at a terminal"):
        command(home, "add", "ann", "--role", "reviewer")
    with pytest.raises(NightshiftError, match="is no role"):
        command(home, "add", "ann", "--role", "king", NIGHTSHIFT_PASSWORD=PASSWORD)
    with pytest.raises(NightshiftError, match="is no name"):
        command(home, "add", "Ann Lee", "--role", "owner", NIGHTSHIFT_PASSWORD=PASSWORD)
    with pytest.raises(NightshiftError, match="no user 'ann'"):
        command(home, "remove", "ann", "--reason", "x")
    assert Users(home).accounts() == []


def test_no_command_takes_a_password_as_an_argument() -> None:
    for words in (["add"], ["password"], ["identity"]):
        said = CliRunner().invoke(users_app, [*words, "--help"]).output
        assert "--password" not in said
        assert "--passphrase" not in said

"""`nightshift release status`, `rollback` and `redecide` as a person at the terminal meets them.

MLflow's database is not there: the record alone decides.
"""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from assets.errors import NightshiftError
from assets.home import Home
from assets.lake import Lake
from assets.ledger.checkpoints import read_checkpoints
from assets.release.deciders import deciders_on
from assets.release.events import read_events
from orchestration.release_cli import redecide, release_app, rollback
from tests.released import (
    ATTRIBUTES,
    NAME,
    approved,
    identity,
    make_spec,
    person,
    put,
    scored,
    stepped,
)

app = typer.Typer()
app.add_typer(release_app, name="release")
app.command()(rollback)
app.command()(redecide)

Said = Callable[..., Result]
CANARY_NIGHT = date(2026, 3, 3)


@pytest.fixture
def said(home: Home, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    """Run a command in a home in which version 2 is in the canary, beside version 1."""
    for name in ("NIGHTSHIFT_HOME", "NIGHTSHIFT_USE_CASES", "DAGSTER_HOME", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("NIGHTSHIFT_IDENTITY", str(identity(home, "ann")))
    spec, ann = make_spec(), person(home, lake, "ann")
    for version in (1, 2):
        put(lake, spec, version)
        approved(home, lake, spec, version, ann)
    stepped(home, lake, spec, date(2026, 3, 1))
    stepped(home, lake, spec, date(2026, 3, 2), 2)
    scored(lake, CANARY_NIGHT, versions=[1, 2])
    folder = tmp_path / "use_cases"
    folder.mkdir()
    component = {"type": "orchestration.components.use_case.UseCase", "attributes": ATTRIBUTES}
    (folder / "defs.yaml").write_text(json.dumps(component))

    def run(*arguments: str) -> Result:
        given = [*arguments, "--home", str(home.root), "--use-cases", str(folder)]
        return CliRunner().invoke(app, given)

    return run


def parsed(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_status_tells_who_decides_and_what_happened(said: Said) -> None:
    done = said("release", "status", NAME)
    assert done.exit_code == 0, done.output
    words = " ".join(done.stdout.replace("│", " ").replace("┃", " ").split())
    for expected in (
        "boats: release",
        "last night 2026-03-03",
        "version 1 from night 2026-03-01 on, approved by ann",
        "version 2 in the canary from night 2026-03-03 on, approved by 1 of 1 (ann)",
        "the first night of version 2 in the canary",
        "promote it; approved by ann",
    ):
        assert expected in words, done.stdout
    (found,) = parsed(said("release", "status", NAME, "--json"))
    assert (found["champion"]["version"], found["challenger"]["version"]) == (1, 2)
    assert (found["stage"], found["problems"]) == ("canary", [])
    assert [event["stage"] for event in found["timeline"]][-2:] == ["shadow", "canary"]
    every = parsed(said("release", "status", "--json"))
    assert NAME in {one["use_case"] for one in every}


def test_a_rollback_tells_what_it_did_and_what_is_left_to_do(
    said: Said, home: Home, lake: Lake
) -> None:
    done = said("rollback", NAME, "--reason", "too many complaints")
    assert done.exit_code == 0, done.output
    assert "boats version 2 rolled back by person:ann from 2026-03-04 on: too many" in done.stdout
    assert "from the next night on: version 1" in done.stdout
    assert "awaited: 1 day from 2026-03-03 to 2026-03-03 stand as version 2" in done.stdout
    assert "it is on record and holds, but MLflow's aliases are as they were" in done.stderr
    # On the ledger already, not only after the next night.
    sealed = read_checkpoints(lake, NAME)[-1]
    assert (sealed.kind, sealed.rows) == ("releases", len(read_events(lake, NAME)))
    assert deciders_on(lake, home, make_spec(), date.max).challenger is None
    written = parsed(said("rollback", NAME, "--reason", "that one too", "--json"))["written"]
    assert [(e["version"], e["stage"]) for e in written] == [(1, "rolled_back")]
    assert read_checkpoints(lake, NAME)[-1].rows == sealed.rows + 1
    refused = said("rollback", NAME, "--reason", "and on")
    assert isinstance(refused.exception, NightshiftError)
    assert "no version decides anything" in str(refused.exception)


@pytest.mark.slow
def test_redecide_puts_it_on_record_and_runs_the_nights(said: Said, home: Home, lake: Lake) -> None:
    spec = make_spec()
    refused = said("redecide", NAME, "--reason", "wrong")
    assert "no day stands as a version decided it" in str(refused.exception)
    said("rollback", NAME, "--reason", "wrong")
    # No file of the day was ever landed: its night is stopped, and told so.
    done = said("redecide", NAME, "--reason", "wrong", "--from", "2026-03-03", "--json")
    assert done.exit_code == 1, done.output
    assert "boats version 2 redecided by person:ann from 2026-03-03 on: wrong" in done.stderr
    (night,) = json.loads(done.stdout)
    assert (night["night"], night["outcome"]) == ("2026-03-03", "stopped")
    now = deciders_on(lake, home, spec, CANARY_NIGHT)
    assert now.champion is not None
    assert (now.champion.version, now.challenger) == (1, None)

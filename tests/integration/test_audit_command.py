"""`nightshift audit verify`, `explain` and `replay` as a person at the terminal meets them."""

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from assets.errors import NightshiftError
from assets.home import Home
from assets.lake import Lake
from assets.ledger.assets import ledger_asset
from assets.ledger.checkpoints import read_checkpoints
from assets.tables import ALERTS, DECISIONS
from orchestration.audit_cli import audit_app, explain, replay
from orchestration.resources.installation import Installation
from tests.ledgers import DAY, NEXT, copied, day_rows, put_decisions, revised, two_nights
from tests.released import ATTRIBUTES, NAME, make_spec

app = typer.Typer()
app.add_typer(audit_app, name="audit")
app.command()(explain)
app.command()(replay)

Said = Callable[..., Result]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("begun") / "home")
    two_nights(home)
    return home


@pytest.fixture
def there(begun: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("NIGHTSHIFT_HOME", "NIGHTSHIFT_USE_CASES", "DAGSTER_HOME", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("NIGHTSHIFT_LEDGER_COPY", raising=False)
    return copied(begun, tmp_path)[0]


@pytest.fixture
def said(there: Home, tmp_path: Path) -> Said:
    folder = tmp_path / "use_cases"
    folder.mkdir()
    attributes = {**ATTRIBUTES, "risk": make_spec().risk.model_dump()}
    component = {"type": "orchestration.components.use_case.UseCase", "attributes": attributes}
    (folder / "defs.yaml").write_text(json.dumps(component))

    def run(*arguments: str) -> Result:
        home = ["--home", str(there.root), "--use-cases", str(folder)]
        return CliRunner().invoke(app, [*arguments, *home])

    return run


def spoil(home: Home) -> None:
    lake = Lake(home.lake)
    rows = day_rows(lake, DECISIONS)
    put_decisions(lake, make_spec(), DAY, revised(rows, 0, advice="decline"))


def test_a_sound_ledger(said: Said) -> None:
    done = said("audit", "verify", NAME)
    assert (done.exit_code, done.exception) == (0, None), done.output
    assert "boats: 6 checkpoints over 2 days, 12 decisions: sound" in done.output
    every = said("audit", "verify", "--json")
    told = {one["use_case"]: one["sound"] for one in json.loads(every.stdout)}
    assert told[NAME] is True
    assert len(told) > 1


def test_a_spoilt_ledger_ends_in_exit_code_1(said: Said, there: Home) -> None:
    spoil(there)
    done = said("audit", "verify", NAME)
    assert done.exit_code == 1
    assert f"rows: decisions of {DAY}: not what checkpoint 3" in done.output
    told = json.loads(said("audit", "verify", NAME, "--json").stdout)
    assert told[0]["findings"][0]["check"] == "rows"


def test_the_second_copy_elsewhere(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LEDGER_COPY", str(tmp_path / "elsewhere"))
    done = said("audit", "verify", NAME)
    assert done.exit_code == 1
    assert "second copy boats.jsonl: it is not there" in done.output


def test_explain(said: Said, there: Home) -> None:
    lake = Lake(there.lake)
    one = day_rows(lake, DECISIONS).column("decision_id")[1].as_py()
    done = said("explain", one)
    assert done.exit_code == 0, done.output
    assert f"Decision {one} of {NAME}" in done.stdout
    told = json.loads(said("explain", one, "--use-case", NAME, "--json").stdout)
    assert told["decision_id"] == one


def test_an_unknown_decision(said: Said) -> None:
    for command in ("explain", "replay"):
        done = said(command, "00000000-\x1b[31m")
        assert isinstance(done.exception, NightshiftError)
        assert "no decision 00000000-\\x1b[31m is on record of" in str(done.exception)


def test_replay_says_what_is_in_the_way(said: Said) -> None:
    """The model of this use case is a text file: it is known by its digest and cannot be loaded."""
    done = said("replay", str(DAY), "--use-case", NAME)
    assert done.exit_code == 1
    assert "cannot be replayed" in done.output
    assert "the model cannot be loaded" in done.output
    told = json.loads(said("replay", str(NEXT), "--use-case", NAME, "--json").stdout)
    assert told["verdict"] == "cannot"
    for night, says in ((str(DAY), "which use case"), ("2026-02-31", "is no day")):
        wrong = said("replay", night)
        assert says in str(wrong.exception)


def materialized(home: Home, day: str) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [ledger_asset(make_spec())],
        partition_key=day,
        resources={"installation": Installation(root=str(home.root))},
        raise_on_error=False,
    )


def test_the_asset(there: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, spec = Lake(there.lake), make_spec()
    assert materialized(there, str(DAY)).success
    assert len(read_checkpoints(lake, NAME)) == 6
    rows = revised(day_rows(lake, DECISIONS), 0, decision="refer", revision=2)
    put_decisions(lake, spec, DAY, rows)
    done = materialized(there, str(DAY))
    (made,) = done.asset_materializations_for_node("boats__ledger")
    assert "| 7 | decisions | 2026-03-05 | 6 |" in str(made.metadata["checkpoints"].value)
    spoil(there)
    for _ in range(2):
        assert not materialized(there, str(DAY)).success
    (alert,) = lake.read(NAME, ALERTS).to_pylist()
    assert "1 row changed in" in alert["happened"]
    assert alert["partition_date"] == DAY

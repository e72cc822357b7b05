"""`nightshift quarantine` and `nightshift forget` as a person at the terminal meets them."""

import json
import re
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from assets.errors import NightshiftError
from assets.home import Home
from assets.ingestion.pseudonym import load_key, token
from assets.ingestion.quarantine import open_rows, opened_cells
from assets.ingestion.spreadsheet import read_sheet, sheet
from assets.ingestion.vault import Vault
from assets.lake import Lake
from assets.tables import CLOSED, quarantine
from orchestration.forget_cli import forget
from orchestration.quarantine_cli import quarantine_app
from tests.refused_rows import ATTRIBUTES, DAY, NEXT, put, refused_row, sealed, uncut_row

app = typer.Typer()
app.add_typer(quarantine_app, name="quarantine")
app.command()(forget)


@pytest.fixture
def use_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the small use case; what a command puts into the environment is undone."""
    for name in ("NIGHTSHIFT_HOME", "NIGHTSHIFT_USE_CASES", "DAGSTER_HOME", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("NIGHTSHIFT_PSEUDONYM_KEY", raising=False)
    return described(tmp_path / "use_cases", ATTRIBUTES)


def described(folder: Path, attributes: dict[str, Any]) -> Path:
    folder.mkdir()
    component = {"type": "orchestration.components.use_case.UseCase", "attributes": attributes}
    (folder / "defs.yaml").write_text(json.dumps(component))
    return folder


@pytest.fixture
def vault(home: Home, lake: Lake) -> Vault:
    """The vault of a home with four refused rows of two days, one of them not cut into cells."""
    key = load_key(home.pseudonym_key)
    found = Vault(home.vault, key)
    rows = [refused_row(2, guest="Canary"), refused_row(3), uncut_row(4, "s4;Canary;x")]
    put(lake, sealed(found, *rows, key=key))
    put(lake, sealed(found, refused_row(2, guest="Canary"), key=key, file_sha256="cd" * 32), NEXT)
    return found


@pytest.fixture
def said(home: Home, use_cases: Path) -> Any:
    """Run the command; what it prints to either stream is in ``output``."""

    def run(*arguments: str, text: str | None = None) -> Result:
        place = ["--home", str(home.root), "--use-cases", str(use_cases)]
        return CliRunner().invoke(app, [*arguments, *place], input=text)

    return run


def refusal(done: Result) -> str:
    """The message of a user's mistake, which the entry point prints with exit code 1."""
    assert isinstance(done.exception, NightshiftError), done.output
    return str(done.exception)


def ids(lake: Lake) -> list[str]:
    return [
        str(one) for one in lake.read("hotel", quarantine("stays"))["quarantine_id"].to_pylist()
    ]


def test_list_counts_and_masks(said: Any, vault: Vault) -> None:
    done = said("quarantine", "list", "hotel")
    assert done.exit_code == 0
    assert "hotel: 4 open rows in quarantine" in done.output
    assert re.search(r"2026-03-01 │ stays +│ price +│ range │ +2 │", done.output)
    assert re.search(r"2026-03-01 │ stays +│ \(row\) +│ shape │ +1 │", done.output)
    assert re.search(r"3  -1,5 < 0", done.output)
    assert "Canary" not in done.output
    only = said("quarantine", "list", "hotel", "--day", "2026-03-02", "--json")
    (found,) = json.loads(only.stdout)
    assert (found["use_case"], found["rows"]) == ("hotel", 1)
    assert found["counts"][0] == {
        "day": "2026-03-02",
        "source": "stays",
        "column": "price",
        "rule": "range",
        "rows": 1,
    }
    assert "no source 'x'. It has" in refusal(said("quarantine", "list", "hotel", "--source", "x"))
    assert "no open rows" in said("quarantine", "list", "hotel", "--rule", "none").output
    # Without a use case: all of them, the built-in one too.
    everything = json.loads(said("quarantine", "list", "--json").stdout)
    assert {one["use_case"]: one["rows"] for one in everything}["hotel"] == 4
    assert len(everything) > 1


def test_show_is_masked_unless_asked_and_opens_only_with_the_key(
    said: Any, vault: Vault, lake: Lake, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = lake.read_day("hotel", quarantine("stays"), DAY).sort_by("line")
    first, _, uncut = rows.column("quarantine_id").to_pylist()
    masked = said("quarantine", "show", first)
    assert masked.exit_code == 0
    assert "Canary" not in masked.output
    for part in ("stays_2026-03-01.csv", "-1,5 < 0", "(masked)", "2026-03-01T10:00:00Z"):
        assert part in masked.output
    assert "Canary" in said("quarantine", "show", first, "--with-personal").output
    assert "s4;Canary;x" in said("quarantine", "show", uncut, "--with-personal").output
    (found,) = json.loads(said("quarantine", "show", first, "--json").stdout)
    assert found["cells"]["price"] == "-1,5"
    assert "no row 'ffff'" in refusal(said("quarantine", "show", "ffff"))
    monkeypatch.setenv("NIGHTSHIFT_PSEUDONYM_KEY", "another key, long enough to be taken")
    refused = refusal(said("quarantine", "show", first, "--with-personal"))
    assert "the installation's key is another one" in refused
    monkeypatch.delenv("NIGHTSHIFT_PSEUDONYM_KEY")
    home.pseudonym_key.rename(home.root / "elsewhere")
    assert "there is no key" in refusal(said("quarantine", "show", first, "--with-personal"))
    assert not home.pseudonym_key.exists()  # asking for it does not make one
    assert said("quarantine", "show", first).exit_code == 0


def test_a_cell_cannot_talk_to_the_terminal(said: Any, vault: Vault, lake: Lake) -> None:
    put(lake, sealed(vault, refused_row(2, cells={"stay_id": "\x1b[31mred"}, message="\x1b]0;x")))
    assert "\x1b" not in said("quarantine", "show", ids(lake)[0]).output
    assert "\x1b" not in said("quarantine", "list", "hotel").output


def test_export_writes_once_and_keeps_personal_values_to_the_owner(
    said: Any, vault: Vault, tmp_path: Path
) -> None:
    export = ("quarantine", "export", "hotel", "--source", "stays", "--to")
    open_file, private = tmp_path / "open.csv", tmp_path / "private.csv"
    done = said(*export, str(open_file), "--day", "2026-03-01")
    assert done.exit_code == 0
    assert f"3 rows written to {open_file}" in done.output
    assert "quarantine replay hotel" in done.output
    header, rows = read_sheet(open_file.read_bytes(), "open")
    assert header[:6] == ["quarantine_id", "rule_", "column", "message", "file", "line"]
    assert len(rows) == 3
    assert b"Canary" not in open_file.read_bytes()
    assert "is there already" in refusal(said(*export, str(open_file)))
    assert said(*export, str(private), "--with-personal").exit_code == 0
    assert b"Canary" in private.read_bytes()
    assert private.stat().st_mode & 0o077 == 0
    assert "cannot be written" in refusal(said(*export, str(tmp_path / "no" / "x.csv")))
    nothing = said(*export, str(tmp_path / "none.csv"), "--rule", "none")
    assert (nothing.exit_code, (tmp_path / "none.csv").exists()) == (0, False)


def test_forget_asks_then_makes_unreadable_for_good(
    said: Any, vault: Vault, lake: Lake, home: Home
) -> None:
    folder = home.landing_source("hotel", "stays")
    folder.mkdir(parents=True)
    (folder / "stays_2026-03-01.csv").write_text("s2;Canary;x\n")
    (folder / "stays_2026-03-02.csv").write_text("s2;Canaryx;x\n")
    asked = said("forget", "hotel", "Canary", text="n\n")
    assert asked.exit_code == 1
    assert "3 quarantined rows" in asked.output
    rows = lake.read("hotel", quarantine("stays"))
    assert str(opened_cells(rows, vault)).count("Canary") == 3
    done = said("forget", "hotel", "-", "--yes", text="Canary\n")
    assert done.exit_code == 0
    assert "3 quarantined rows can no longer be read" in done.output
    assert "ids, hashes, tokens and the ledger stay" in done.output
    assert "stays_2026-03-01.csv" in done.output
    assert "stays_2026-03-02.csv" not in done.output
    assert "Canary" not in done.output.replace("Canaryx", "")
    shown = str(opened_cells(rows, vault))
    assert "Canary" not in shown
    assert "g3" in shown
    assert vault.forgotten([token("Canary", home.pseudonym_key.read_bytes())])
    again = said("forget", "hotel", "Canary", "--yes")
    assert again.exit_code == 0
    assert "0 quarantined rows" in again.output


def test_forget_wants_a_yes_where_it_cannot_ask_and_a_value(said: Any, vault: Vault) -> None:
    assert "give --yes as well" in refusal(said("forget", "hotel", "-", text="Canary\n"))
    assert "is empty" in refusal(said("forget", "hotel", "-", "--yes", text="\n"))
    assert "no use case 'x'" in refusal(said("forget", "x", "Canary", "--yes"))


def test_replay_says_what_is_wrong_with_the_file_before_anything_happens(
    said: Any, vault: Vault, home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "corrected.csv"
    path.write_text("quarantine_id;stay_id;phone;guest;arrived_at;price;rule\nffff;s;;g;x;1;\n")
    replay = ("quarantine", "replay", "hotel", str(path), "--source", "stays", "--by", "ada")
    assert f"{path}, line 2: row 'ffff' is not in quarantine" in refusal(said(*replay))
    assert "before the first day" in refusal(said(*replay, "--into", "2026-02-01"))
    assert "no source 'x'" in refusal(said(*replay[:5], "x", "--by", "ada"))
    assert not home.landing.exists()


@pytest.mark.slow
def test_a_corrected_row_is_taken_in_and_closed_and_the_rest_stays(
    home: Home, lake: Lake, tmp_path: Path, use_cases: Path
) -> None:
    """The whole way, through the job that the UI launches."""
    from orchestration.jobs import ingestion_job
    from orchestration.session import open_home
    from tests.small_case import ATTRIBUTES as PLANT
    from tests.small_case import START, event, land_days, land_events

    attributes = deepcopy(PLANT)
    attributes["sources"]["events"]["key"] = ["event_id"]
    folder = described(tmp_path / "plant", attributes)
    place = ["--home", str(home.root), "--use-cases", str(folder)]

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, *place])

    land_days(home, 2)
    day = START + timedelta(days=1)
    bad = [event(n, day, load=-1, badge="canary-badge") for n in range(20, 24)]
    original = land_events(home, day, [*(event(n, day) for n in range(20)), *bad]).read_bytes()
    session = open_home(home.root, [folder])
    for one in (START, day):
        session.run(ingestion_job("plant"), day=one)
    assert lake.read_day("plant", quarantine("events"), day).num_rows == 4

    path = tmp_path / "refused.csv"
    done = run("quarantine", "export", "plant", "--source", "events", "--to", str(path))
    assert done.exit_code == 0, done.exception
    header, rows = read_sheet(path.read_bytes(), "refused")
    # One is corrected, one is as wrong as before, one is a row that came already; the last one is
    # deleted.
    corrected = [dict(zip(header, cells, strict=True)) for _, cells in rows[:3]]
    corrected[0]["load"], corrected[1]["load"] = "12.25", "-7"
    corrected[2] |= {name: str(value) for name, value in event(0, day).items()}
    path.write_text(sheet(header, [list(row.values()) for row in corrected], ","))
    good, wrong, known = (row["quarantine_id"] for row in corrected)
    done = run("quarantine", "replay", "plant", str(path), "--source", "events", "--by", "ada")
    assert done.exit_code == 1, (done.output, done.exception)
    assert "1 row of events taken in and closed, 2 refused again" in done.output
    assert f"still refused: {wrong}  load: " in done.output
    assert f"still refused: {known}  a row with this key is there already" in done.output
    assert f"nightshift run plant --from {day} --to {day}" in done.output

    validated = lake.read_day("plant", "validated_events", day).to_pylist()
    assert len(validated) == 21
    assert [row["load"] for row in validated].count(12.25) == 1
    closed = lake.read("plant", CLOSED).to_pylist()
    assert good in {row["quarantine_id"] for row in closed}
    assert {row["by"] for row in closed} == {"ada"}
    dropped = home.landing_source("plant", "events") / closed[0]["correction"]
    assert b"canary-badge" in dropped.read_bytes()  # filled in from the vault
    assert (dropped.parent / f"events_{day}.csv").read_bytes() == original
    # What was refused again is open once, as it first came.
    rows = open_rows(lake, session.spec("plant"))
    assert set(rows.column("quarantine_id").to_pylist()) >= {wrong, known}
    assert rows.num_rows == 3
    assert set(rows.column("file").to_pylist()) == {f"events_{day}.csv"}

    # Once more: the closed row is said to be closed, nothing happens twice.
    again = run("quarantine", "replay", "plant", str(path), "--source", "events", "--by", "ada")
    assert "is closed already" in refusal(again)
    assert len(lake.read("plant", CLOSED)) == len(closed)

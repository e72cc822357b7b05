"""`nightshift people`, `models`, `approve` and `reject` as a person at the terminal meets them."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from assets.errors import NightshiftError
from assets.home import Home
from assets.lake import Lake
from assets.release.champion import champion_on
from assets.release.events import read_events
from assets.release.people import read_people
from assets.training.session import registry_client
from orchestration.approval_cli import approve, reject
from orchestration.identity import requested_by, system_user, who_asks
from orchestration.models_cli import models
from orchestration.people_cli import people_app
from orchestration.release_cli import rollback
from tests.released import ATTRIBUTES, NAME, identity, make_spec, put, registered, scored

app = typer.Typer()
app.add_typer(people_app, name="people")
app.command()(models)
app.command()(approve)
app.command()(reject)
app.command()(rollback)

Said = Callable[..., Result]
RELEASE = {"risk": {"impact": "high"}, "release": {"approvals": 2}}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a registered, an unsure and a refused version, in MLflow too; copy it."""
    home = Home(tmp_path_factory.mktemp("begun") / "home")
    lake, spec = Lake(home.lake), make_spec()
    put(lake, spec, 1, "user:somebody")
    put(lake, spec, 2, stability="insufficient")
    put(lake, spec, registered(3, datetime(2026, 3, 8, tzinfo=UTC)), leak="fail")
    scored(lake, date(2026, 3, 11))
    with registry_client(home) as client:
        client.create_registered_model(NAME)
        for number in (1, 2, 3):
            client.create_model_version(NAME, f"file:///x/{number}")
    return home


@pytest.fixture
def there(home: Home, begun: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The copied home; what a command puts into the environment is undone."""
    for name in ("NIGHTSHIFT_HOME", "NIGHTSHIFT_USE_CASES", "DAGSTER_HOME", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
    for name in ("NIGHTSHIFT_IDENTITY", "NIGHTSHIFT_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    shutil.copytree(begun.root, home.root)
    return home


@pytest.fixture
def said(there: Home, tmp_path: Path) -> Said:
    """Run the command; what it prints to either stream is in ``output``."""
    folder = tmp_path / "use_cases"
    folder.mkdir()
    component = {"type": "orchestration.components.use_case.UseCase", "attributes": ATTRIBUTES}
    (folder / "defs.yaml").write_text(json.dumps(component))

    def run(*arguments: str, **changes: Any) -> Result:
        if changes:
            attributes = {**component, "attributes": {**ATTRIBUTES, **changes}}
            (folder / "defs.yaml").write_text(json.dumps(attributes))
        given = [*arguments, "--home", str(there.root)]
        if arguments[0] != "people":
            given += ["--use-cases", str(folder)]
        return CliRunner().invoke(app, given)

    return run


def enrolled(said: Said, home: Home, *names: str) -> list[str]:
    """Enrol people; the --identity of each."""
    for name in names:
        done = said("people", "enrol", name, "--identity", str(identity(home, name)))
        assert done.exit_code == 0, done.output
    return [str(identity(home, name)) for name in names]


def refusal(done: Result) -> str:
    """The message of a user's mistake, which the entry point prints with exit code 1."""
    assert isinstance(done.exception, NightshiftError), done.output
    return str(done.exception)


def holder(home: Home) -> int | None:
    champion = champion_on(Lake(home.lake), home, make_spec(), date(2026, 12, 31))
    return champion.version if champion else None


def test_enrolling_makes_a_key_of_ones_own_and_again_changes_nothing(
    said: Said, there: Home, tmp_path: Path
) -> None:
    done = said("people", "enrol", "jo.smith")
    assert done.exit_code == 0, done.output
    key = tmp_path / "user" / ".config" / "nightshift" / "identity.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert str(key) in done.stdout.replace("\n", "")
    again = said("people", "enrol", "jo.smith", "--json")
    assert json.loads(again.stdout)["enrolled"] is False
    listed = json.loads(said("people", "list", "--json").stdout)
    assert [(p["name"], p["enrolled_by"]) for p in listed["people"]] == [
        ("jo.smith", f"user:{system_user()}")
    ]
    assert listed["problems"] == []


def test_a_name_that_is_taken_makes_no_key(said: Said, there: Home) -> None:
    enrolled(said, there, "ann")
    other = identity(there, "other")
    done = said("people", "enrol", "ann", "--identity", str(other))
    assert "ann is enrolled already" in refusal(done)
    assert not other.exists()
    assert "is no name" in refusal(said("people", "enrol", "Ann", "--identity", str(other)))
    assert not other.exists()


def test_someone_removed_is_listed_with_the_reason(said: Said, there: Home) -> None:
    assert "nobody is enrolled" in said("people", "list").stdout
    (ann,) = enrolled(said, there, "ann")
    assert said("people", "remove", "ann", "--reason", "left the firm").exit_code == 0
    assert "left the firm" in said("people", "list", "--json").stdout
    shown = said("people", "list").stdout
    assert "ann" in shown
    done = said("approve", NAME, "1", "--reason", "fine", "--identity", ann)
    assert "no enrolled person's" in refusal(done)
    assert "nobody named ann" in refusal(said("people", "remove", "ann", "--reason", "again"))


def test_a_locked_identity_needs_its_passphrase(
    said: Said, there: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(identity(there, "ann"))
    enrol = ("people", "enrol", "ann", "--identity", path)
    assert "there is no passphrase" in refusal(said(*enrol, "--passphrase"))
    monkeypatch.setenv("NIGHTSHIFT_PASSPHRASE", "correct horse")
    assert said(*enrol, "--passphrase").exit_code == 0
    decide = ("approve", NAME, "1", "--reason", "fine", "--identity", path)
    monkeypatch.setenv("NIGHTSHIFT_PASSPHRASE", "wrong")
    assert "the passphrase is missing or wrong" in refusal(said(*decide))
    monkeypatch.delenv("NIGHTSHIFT_PASSPHRASE")
    assert "is locked: set NIGHTSHIFT_PASSPHRASE" in refusal(said(*decide))
    assert holder(there) is None
    monkeypatch.setenv("NIGHTSHIFT_PASSPHRASE", "correct horse")
    assert said(*decide).exit_code == 0
    assert holder(there) == 1


def test_approving_makes_a_champion_and_the_aliases_follow(said: Said, there: Home) -> None:
    (ann,) = enrolled(said, there, "ann")
    decide = ("approve", NAME, "2", "--reason", "card read", "--identity", ann)
    done = said(*decide)
    assert done.exit_code == 0, done.output
    assert "boats version 2 champion by system:nightshift from 2026-03-12 on" in done.stdout
    assert "approved knowing that evidence was not enough for: stability" in done.stdout
    assert "1 person must approve: risk tier medium" in done.stdout
    with registry_client(there) as client:
        aliases = client.get_registered_model(NAME).aliases
    assert {alias: int(v) for alias, v in aliases.items()} == {"champion": 2, "challenger": 1}
    again = said(*decide)
    assert again.exit_code == 0
    assert "is champion already: nothing was changed" in again.stdout
    assert len(read_events(Lake(there.lake), NAME)) == 5


def test_rejecting_leaves_nothing_to_decide_and_no_alias(said: Said, there: Home) -> None:
    (ann,) = enrolled(said, there, "ann")
    assert said("approve", NAME, "1", "--reason", "fine", "--identity", ann).exit_code == 0
    done = said("reject", NAME, "1", "--reason", "wrong after all", "--identity", ann, "--json")
    written = json.loads(done.stdout)
    assert (written["stage"], written["effective_from"]) == ("rejected", "2026-03-12")
    assert holder(there) is None
    with registry_client(there) as client:
        assert client.get_registered_model(NAME).aliases.keys() == {"challenger"}


def test_after_a_rollback_the_aliases_follow_where_there_is_mlflow(said: Said, there: Home) -> None:
    (ann,) = enrolled(said, there, "ann")
    direct = {"release": {"shadow": None, "canary": None}}
    for version in ("1", "2"):
        said("approve", NAME, version, "--reason", "fine", "--identity", ann, **direct)
    back = ("rollback", NAME, "--version", "2", "--reason", "wrong", "--identity", ann)
    file = there.root / "registry.db"
    whole = file.rename(file.with_suffix(".aside"))
    for spoilt in (b"no database", None):
        file.write_bytes(spoilt) if spoilt else file.unlink()
        done = said(*back)  # the second time it changes nothing
        assert done.exit_code == 0, done.output
        assert "on record and holds, but MLflow's aliases are as they were: boats" in done.output
        assert "from the next night on: version 1 from night 2026-03-12 on" in done.stdout
        assert file.exists() is (spoilt is not None)  # nobody made an empty one in its place
    assert "was rolled back before: nothing was changed" in done.stdout
    whole.rename(file)
    assert said(*back).exit_code == 0
    with registry_client(there) as client:
        aliases = client.get_registered_model(NAME).aliases
    assert {alias: int(version) for alias, version in aliases.items()} == {"champion": 1}


def test_a_high_tier_takes_others_than_the_one_who_asked(said: Said, there: Home) -> None:
    put(Lake(there.lake), make_spec(), 4, f"user:{system_user()}")
    put(Lake(there.lake), make_spec(), 5, "ann")
    with registry_client(there) as client:
        for number in (4, 5):
            client.create_model_version(NAME, f"file:///x/{number}")
    ann, bob = enrolled(said, there, "ann", "bob")
    for version, who in (("4", bob), ("5", ann)):
        done = said("approve", NAME, version, "--reason", "fine", "--identity", who, **RELEASE)
        assert "at risk tier high the one who asks may not approve" in refusal(done)
    first = said("approve", NAME, "5", "--reason", "fine", "--identity", bob)
    assert "1 more to go: it decides nothing until then" in first.stdout
    assert "2 people must approve, none of them the one who asked" in first.stdout
    (cleo,) = enrolled(said, there, "cleo")
    done = said("approve", NAME, "5", "--reason", "fine", "--identity", cleo, "--json")
    assert [e["stage"] for e in json.loads(done.stdout)["written"]] == ["approved", "champion"]
    assert json.loads(done.stdout)["approved_by"] == ["bob", "cleo"]


def test_models_shows_where_every_version_stands(said: Said, there: Home) -> None:
    (ann,) = enrolled(said, there, "ann")
    said("approve", NAME, "1", "--reason", "fine", "--identity", ann)
    shown = said("models", NAME).stdout
    words = " ".join(shown.replace("│", " ").split())
    for expected in (
        "refused: leak",
        "failed: leak",
        "insufficient: stability",
        "logistic",
        "roc_auc 0.800",
        "somebody",
        "2026-03-12",
        "1 person must approve",
    ):
        assert expected in words, shown
    (listed,) = json.loads(said("models", NAME, "--json").stdout)
    assert [v["described"] for v in listed["versions"]] == [
        "refused: leak",
        "registered",
        "champion",
    ]
    assert [v["age_days"] for v in listed["versions"]] == [3, 10, 10]
    assert listed["versions"][2]["approved_by"] == ["ann"]
    every = json.loads(said("models", "--json").stdout)
    assert {one["use_case"] for one in every} >= {NAME}


def test_who_asks_for_a_training_is_proven_by_their_key(
    said: Said, there: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.session import Session

    session, now, login = Session(there), datetime.now(UTC), f"user:{system_user()}"
    assert who_asks(session, now) == login
    monkeypatch.setenv("NIGHTSHIFT_IDENTITY", str(identity(there, "ann")))
    assert who_asks(session, now) == login
    enrolled(said, there, "ann")
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert who_asks(session, later) == "ann"
    identity(there, "ann").chmod(0o644)
    assert who_asks(session, later) == login
    assert requested_by({"nightshift/requested_by": "ann"}) == "ann"
    assert requested_by({}) == "system:nightshift"


def test_what_others_may_read_is_no_identity(said: Said, there: Home) -> None:
    (ann,) = enrolled(said, there, "ann")
    Path(ann).chmod(0o640)
    done = said("approve", NAME, "1", "--reason", "fine", "--identity", ann)
    assert "may be read by others (mode 640): chmod 600 it" in refusal(done)
    missing = str(identity(there, "nobody"))
    done = said("reject", NAME, "1", "--reason", "fine", "--identity", missing)
    assert "there is no identity at" in refusal(done)


def test_the_demo_and_tests_approve_once(said: Said, there: Home) -> None:
    from orchestration.approving import (
        NoSuchVersion,
        approve_once,
        enrol_once,
        version_of_partition,
    )
    from orchestration.session import open_home

    said("models", NAME)
    session = open_home(there.root, [there.root.parent / "use_cases"])
    file = identity(there, "ann")
    assert [enrol_once(session, "ann", file) for _ in range(2)] == [True, False]
    assert len(read_people(session.lake, there).enrolments) == 1
    assert version_of_partition(session, NAME, date(2026, 2, 28)) == 2
    with pytest.raises(NoSuchVersion, match="no version trained as of 2026-03-08 passed"):
        version_of_partition(session, NAME, date(2026, 3, 7))
    done = [approve_once(session, NAME, v, file, "fine") for v in (1, 2, 1, 2)]
    assert done == [True, True, False, False]
    assert holder(there) == 1  # version 2 may decide; the ladder takes it from here


def test_a_refusal_is_one_message_and_exit_code_1(there: Home) -> None:
    command = "from orchestration.cli import main; main()"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTSHIFT_")}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            command,
            *("approve", "loan_approval", "1", "--reason", "fine", "--home", str(there.root)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment | {"HOME": str(there.root)},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("nightshift: there is no identity at")
    assert "Traceback" not in done.stderr

"""The README's smallest use case, written by hand into a folder of one's own, on the whole road."""

import os
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from orchestration.session import Session
from tests.approvals import approved

pytestmark = pytest.mark.slow

README = Path(__file__).resolve().parents[2] / "README.md"
FIRST = date(2026, 1, 1)
EVE = date(2026, 3, 31)
NIGHT = date(2026, 4, 1)


def smallest_spec() -> str:
    """The YAML block of the README, so that what it promises is what is run."""
    blocks = re.findall(r"```yaml\n(.*?)```", README.read_text(), flags=re.DOTALL)
    return next(block for block in blocks if "name: churn" in block)


def land(landing: Path) -> None:
    """Thirty customers a day; the dearer the bill, the likelier they leave."""
    generator = np.random.default_rng(5)
    customers, outcomes = landing / "churn" / "customers", landing / "churn" / "outcomes"
    customers.mkdir(parents=True)
    outcomes.mkdir(parents=True)
    for number in range((NIGHT - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        bills = generator.uniform(10, 100, 30).round(2)
        left = generator.random(30) < bills / 150
        seen = [f"c{number}-{n}" for n in range(30)]
        lines = [
            f"{who},{day}T{n % 24:02d}:00:00Z,{'plus' if n % 3 else 'basic'},{bill}"
            for n, (who, bill) in enumerate(zip(seen, bills, strict=True))
        ]
        text = "customer_id,seen_at,plan,monthly_bill\n" + "\n".join(lines) + "\n"
        (customers / f"customers_{day}.csv").write_text(text)
        known = day + timedelta(days=30)
        lines = [f"{w},{int(c)},{known}T12:00:00Z" for w, c in zip(seen, left, strict=True)]
        text = "customer_id,churned,observed_at\n" + "\n".join(lines) + "\n"
        (outcomes / f"outcomes_{known}.csv").write_text(text)


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    from orchestration.jobs import history_job, training_job
    from orchestration.session import open_home

    before = dict(os.environ)
    folder = tmp_path_factory.mktemp("use_cases")
    (folder / "defs.yaml").write_text(smallest_spec())
    session = open_home(tmp_path_factory.mktemp("churn") / "home", [folder])
    land(session.home.landing)
    done = session.run(history_job("churn"), days=(FIRST, EVE))
    assert done.succeeded, done.problems
    done = session.run(training_job("churn"), day=EVE)
    assert done.succeeded, done.problems
    approved(session, "churn", EVE, NIGHT)
    yield session
    os.environ.clear()
    os.environ.update(before)


def test_a_night_of_it_is_decided(churn: Session) -> None:
    from orchestration.jobs import nightly_job
    from orchestration.nights import night

    done = churn.run(nightly_job("churn"), day=NIGHT)
    assert done.succeeded, done.problems
    row = night(churn, "churn", NIGHT)
    assert (row.outcome, row.cases) == ("decided", 30)
    assert row.approved + row.referred + row.declined == 30
    assert row.drift == "insufficient"  # thirty rows are too few to tell, and it says so


def test_a_later_training_becomes_challenger_and_decides_nothing(churn: Session) -> None:
    from assets.release.champion import champion_on
    from assets.training.session import registry_client
    from orchestration.jobs import history_job, nightly_job, training_job

    assert churn.run(history_job("churn"), days=(NIGHT, NIGHT)).succeeded
    done = churn.run(training_job("churn"), day=NIGHT)
    assert done.succeeded, done.problems
    with registry_client(churn.home) as client:
        aliases = client.get_registered_model("churn").aliases
    assert {name: int(version) for name, version in aliases.items()} == {
        "champion": 1,
        "challenger": 2,
    }
    champion = champion_on(churn.lake, churn.home, churn.spec("churn"), NIGHT + timedelta(days=30))
    assert champion is not None
    assert champion.version == 1
    assert churn.run(nightly_job("churn"), day=NIGHT).succeeded
    decisions = churn.lake.read_day("churn", "decisions", NIGHT)
    assert set(decisions.column("model_version").to_pylist()) == {1}


def test_a_model_file_changed_after_release_decides_nothing_and_the_night_goes_on(
    churn: Session,
) -> None:
    from assets.release.champion import require_champion
    from orchestration.jobs import nightly_job
    from orchestration.nights import night

    champion = require_champion(churn.lake, churn.home, churn.spec("churn"), NIGHT)
    file = churn.home.root / champion.model_path
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        done = churn.run(nightly_job("churn"), day=NIGHT)
    finally:
        file.write_bytes(content)
    assert done.succeeded, done.problems
    row = night(churn, "churn", NIGHT)
    assert (row.outcome, row.cases, row.referred) == ("fallback", 30, 30)
    decisions = churn.lake.read_day("churn", "decisions", NIGHT).to_pylist()
    assert {(one["decision"], one["model_version"]) for one in decisions} == {("refer", None)}
    folder = champion.evidence["model_folder"]
    assert all(f"its folder {folder} is not as released" in one["fallback"] for one in decisions)
    alerts = churn.lake.read_day("churn", "alerts", NIGHT).to_pylist()
    assert any(folder in one["happened"] for one in alerts)
    # Once the file is what it was, the night run again is decided by the model.
    assert churn.run(nightly_job("churn"), day=NIGHT).succeeded
    row = night(churn, "churn", NIGHT)
    assert (row.outcome, row.model_version) == ("decided", 1)

"""A canary: unmistakable personal values go in by every door a night has, some of them through
failures, and must be nowhere but in landing afterwards."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from assets.home import Home
from assets.ingestion.quarantine import open_rows, opened_cells
from assets.ingestion.vault import Vault
from assets.tables import validated
from orchestration.jobs import history_job, nightly_job, training_job
from orchestration.session import Session, open_home
from tests.approvals import approved
from tests.small_case import START, csv_text, event, land, land_days, land_events, small_spec

pytestmark = pytest.mark.slow

CANARY = "Zwitscherkanari"
"""In every personal value that is planted, and in nothing else."""

DAYS = 12
GOOD = START + timedelta(days=DAYS - 1)
STOPPED, REFUSED = GOOD + timedelta(days=1), GOOD + timedelta(days=2)


def plant_attributes() -> dict[str, object]:
    spec = small_spec(
        sources__events__key=["event_id"],
        sources__events__late={"within": "2d"},
        sources__events__gates={"duplicate_keys": 0.2, "future_timestamps": 0.2},
        sources__events__columns__born={"type": "date", "required": False, "pii": "drop"},
        # The label of the small case is made of one column: a leak, which is not at issue here.
        model={
            "min_rows": 30,
            "min_positives": 5,
            "gates": {"leak": {"single_feature": 1.0, "too_good": 1.0}},
        },
        quality={"min_rows": 1},
    )
    return spec.model_dump(mode="json")


def personal(number: int, day: date, **changes: object) -> dict[str, object]:
    row = event(number, day, unit=f"{CANARY}-u{number % 7}", badge=f"{CANARY}-{number}", **changes)
    return {**row, "born": "1980-01-01"} | changes


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    before = dict(os.environ)
    folder = tmp_path_factory.mktemp("use_cases")
    content = {
        "type": "orchestration.components.use_case.UseCase",
        "attributes": plant_attributes(),
    }
    (folder / "defs.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    session = open_home(tmp_path_factory.mktemp("canary") / "home", [folder])
    home = session.home
    land_days(home, DAYS + 2, cases=40)
    for n in range(DAYS + 2):
        day = START + timedelta(days=n)
        land_events(home, day, [personal(k, day) for k in range(40)])
        readings = [
            {
                "unit": f"{CANARY}-u{k}",
                "read_at": f"{day}T00:00:00Z",
                "loaded_at": f"{day}T01:00:00Z",
                "heat": k,
            }
            for k in range(7)
        ]
        land(home, "readings", f"readings_{day}.csv", csv_text(readings))
    land(home, "events", f"events_{GOOD}.csv", odd_file(GOOD))
    # A day far out of its range is stopped by a gate, a day of nonsense is refused whole.
    land_events(home, STOPPED, [personal(k, STOPPED, load=99) for k in range(40)])
    land_events(home, REFUSED, [personal(k, REFUSED, born=f"{CANARY}-{k}") for k in range(40)])
    done = session.run(history_job("plant"), days=(START, GOOD - timedelta(days=1)))
    assert done.succeeded, done.problems
    done = session.run(training_job("plant"), day=GOOD - timedelta(days=1))
    assert done.succeeded, done.problems
    approved(session, "plant", GOOD - timedelta(days=1), GOOD)
    done = session.run(nightly_job("plant"), day=GOOD)
    assert done.succeeded, done.problems
    for day in (STOPPED, REFUSED):
        assert not session.run(nightly_job("plant"), day=day).succeeded
    yield session
    os.environ.clear()
    os.environ.update(before)


def odd_file(day: date) -> bytes:
    """A day's file with every way there is for a row to go wrong."""
    good = [personal(n, day) for n in range(30)]
    late = day - timedelta(days=1)
    wrong = [
        personal(40, day, load=900),
        personal(41, day, born=f"born {CANARY}"),
        personal(42, day, crew=f"{CANARY} crew"),
        personal(43, day, happened_at=f"{day + timedelta(days=3)}T00:00:00Z"),
        personal(44, day, happened_at=f"{day - timedelta(days=9)}T00:00:00Z"),
        personal(45, late),
        good[3],
        {**good[4], "load": 11.25},
    ]
    # Of a column that is not declared personal a value is shown: nobody can know better.
    wrong[2]["crew"] = "many"
    text = csv_text([*good, *wrong]).encode()
    cells = f"e1,{CANARY}-ragged,{CANARY}".encode()
    stray = f'e2,"{CANARY}"x,{CANARY},{day}T00:00:00Z,1,early,1,'.encode()
    no_text = f"e3,{CANARY}".encode() + b"\xff" + f",b,{day}T00:00:00Z,1,early,1,".encode()
    return text + b"\n".join([cells, stray, no_text]) + b"\n"


def test_the_nights_went_as_planned(nights: Session) -> None:
    lake, spec = nights.lake, nights.spec("plant")
    rules = set(open_rows(lake, spec, day=GOOD).column("rule").to_pylist())
    assert {"range", "type", "future", "too_late", "duplicate", "conflict", "shape"} <= rules
    assert "encoding" in rules
    late = lake.read_day("plant", validated("events"), GOOD - timedelta(days=1)).to_pylist()
    assert [row["landed_on"] for row in late].count(GOOD) == 1
    results = lake.read_day("plant", "gate_results", STOPPED).to_pylist()
    assert "fail" in {row["verdict"] for row in results}
    assert lake.read_day("plant", validated("events"), REFUSED).num_rows == 0


def test_what_is_personal_is_nowhere_but_in_landing(nights: Session) -> None:
    home, needle = nights.home, CANARY.encode()
    places = [path for path in home.root.rglob("*") if path.is_file()]
    landed = [path for path in places if home.landing in path.parents]
    assert all(needle in path.read_bytes() for path in landed if "outcomes" not in path.name)
    others = [path for path in places if path not in landed]
    assert {"scratch", "dagster", "lake", "reports", "models", "features"} <= {
        path.relative_to(home.root).parts[0] for path in home.root.glob("*/*")
    } | {"scratch"}
    assert len(others) > 100
    for path in others:
        assert needle not in path.read_bytes(), path
        # Parquet is packed, so its bytes alone prove nothing.
        if path.suffix == ".parquet":
            assert CANARY not in str(pq.read_table(path, partitioning=None).to_pylist()), path
    assert not list(home.scratch.iterdir())


def test_the_key_opens_what_was_sealed(nights: Session) -> None:
    home: Home = nights.home
    rows = open_rows(nights.lake, nights.spec("plant"), day=GOOD)
    shown = str(opened_cells(rows, Vault(home.vault, Path(home.pseudonym_key).read_bytes())))
    assert shown.count(CANARY) >= 10

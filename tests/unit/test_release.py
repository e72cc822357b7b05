"""Release: who is champion when, by the append-only record, and the aliases that follow it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from assets.home import Home
from assets.lake import Lake
from assets.release.aliases import project_aliases
from assets.release.events import (
    NoChampion,
    append_events,
    champion_on,
    current_stages,
    read_events,
    require_champion,
)
from assets.release.ladder import enter
from assets.spec import UseCaseSpec
from assets.tables import RELEASE_EVENTS
from assets.training.registry import RegisteredVersion

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = datetime(2026, 3, 8, tzinfo=UTC)
THIRD = datetime(2026, 3, 15, tzinfo=UTC)
VERSION = RegisteredVersion(
    version=1,
    digest="1" * 64,
    mlflow_run_id="run1",
    metrics={"roc_auc": 0.8},
    model_path="models/boats/model.skops",
    candidate="logistic_regression",
    training_digest="t" * 64,
    training_set_digest="s" * 64,
    training_set_version=3,
    as_of=FIRST.isoformat(),
    window_first="2026-01-01T00:00:00+00:00",
    window_last="2026-02-01T00:00:00+00:00",
    rows=500,
    positives=50,
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def make_spec() -> UseCaseSpec:
    trips = {
        "trip": {"type": "string"},
        "boat": {"type": "string"},
        "left_at": {"type": "timestamp"},
        "wind": {"type": "float"},
    }
    returns = {
        "trip": {"type": "string"},
        "late": {"type": "bool"},
        "back_at": {"type": "timestamp"},
    }
    return UseCaseSpec.model_validate(
        {
            "name": "boats",
            "start": "2026-01-01",
            "sources": {"trips": {"columns": trips}, "returns": {"columns": returns}},
            "population": {
                "source": "trips",
                "key": "trip",
                "entity": "boat",
                "event_timestamp": "left_at",
            },
            "label": {
                "source": "returns",
                "column": "late",
                "positive": True,
                "observed_at": "back_at",
                "matures_after": "7d",
            },
            "features": {"request": ["wind"]},
        }
    )


def release(lake: Lake, version: int, as_of: datetime) -> str:
    registered = replace(VERSION, version=version, digest=str(version) * 64)
    return enter(lake, make_spec(), registered, as_of=as_of, actor="system:test", run_id="r")


def event(lake: Lake, version: int, stage: str, effective_from: date) -> None:
    row = {
        "at": datetime(2026, 3, 20, tzinfo=UTC),
        "model_version": version,
        "stage": stage,
        "effective_from": effective_from,
        "model_digest": str(version) * 64,
        "actor": "person:test",
        "reason": "by hand",
        "evidence": json.dumps({"model_path": "x"}),
        "spec_version": "s",
        "run_id": "r",
    }
    append_events(lake, "boats", [row])


def test_the_first_version_is_champion_from_its_day_on(lake: Lake) -> None:
    assert release(lake, 1, FIRST) == "champion"
    champion = require_champion(lake, "boats", date(2026, 3, 1))
    assert (champion.version, champion.digest) == (1, "1" * 64)
    assert champion.effective_from == date(2026, 3, 1)
    assert champion.as_of == FIRST
    assert champion.metrics == {"roc_auc": 0.8}
    assert champion.model_path == "models/boats/model.skops"
    assert champion.mlflow_run_id == "run1"
    assert champion.training_set_version == 3
    assert champion.training_window == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    )
    assert champion_on(lake, "boats", date(2026, 2, 28)) is None
    assert read_events(lake, "boats")[-1]["reason"] == (
        "first version: no champion to compare with"
    )


def test_a_later_version_challenges_and_the_older_challenger_retires(lake: Lake) -> None:
    release(lake, 1, FIRST)
    assert release(lake, 2, SECOND) == "challenger"
    assert release(lake, 3, THIRD) == "challenger"
    events = read_events(lake, "boats")
    assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))
    assert current_stages(events) == {1: "champion", 2: "retired", 3: "challenger"}
    assert require_champion(lake, "boats", date(2026, 3, 20)).version == 1


def test_the_same_version_twice_writes_nothing(lake: Lake) -> None:
    release(lake, 1, FIRST)
    release(lake, 2, SECOND)
    before = lake.version("boats", RELEASE_EVENTS)
    assert release(lake, 1, THIRD) == "champion"
    assert release(lake, 2, THIRD) == "challenger"
    assert lake.version("boats", RELEASE_EVENTS) == before


def test_the_champion_of_a_day_follows_the_events(lake: Lake) -> None:
    release(lake, 1, FIRST)
    release(lake, 2, SECOND)
    event(lake, 2, "champion", date(2026, 3, 10))
    event(lake, 1, "retired", date(2026, 3, 10))
    event(lake, 2, "rejected", date(2026, 3, 14))
    days = {day: champion_on(lake, "boats", date(2026, 3, day)) for day in (9, 10, 13, 14)}
    assert {day: c.version if c else None for day, c in days.items()} == {
        9: 1,
        10: 2,
        13: 2,
        14: None,
    }
    event(lake, 1, "champion", date(2026, 3, 15))
    assert require_champion(lake, "boats", date(2026, 3, 15)).version == 1


def test_no_champion_says_what_to_do(lake: Lake) -> None:
    with pytest.raises(NoChampion, match="nightshift train boats --as-of 2026-02-01"):
        require_champion(lake, "boats", date(2026, 2, 1))
    release(lake, 1, FIRST)
    with pytest.raises(NoChampion, match="the first one is effective from 2026-03-01"):
        require_champion(lake, "boats", date(2026, 2, 1))


def test_aliases_follow_the_record_and_are_put_back(lake: Lake, tmp_path: Path) -> None:
    from assets.training.model_file import RegistryError
    from assets.training.session import registry_client

    home = Home(tmp_path)
    assert project_aliases(lake, home, "boats") == {}
    release(lake, 1, FIRST)
    release(lake, 2, SECOND)
    with pytest.raises(RegistryError, match=r"restore it from a backup"):
        project_aliases(lake, home, "boats")
    with registry_client(home) as client:
        client.create_registered_model("boats")
        for version in ("1", "2", "3"):
            made = client.create_model_version("boats", f"file:///x/{version}")
            assert str(made.version) == version

    assert project_aliases(lake, home, "boats") == {"champion": 1, "challenger": 2}
    assert project_aliases(lake, home, "boats") == {}
    with registry_client(home) as client:
        client.set_registered_model_alias("boats", "champion", "2")
    assert project_aliases(lake, home, "boats") == {"champion": 1}
    event(lake, 2, "rejected", date(2026, 3, 20))
    assert project_aliases(lake, home, "boats") == {"challenger": None}
    with registry_client(home) as client:
        assert client.get_registered_model("boats").aliases.keys() == {"champion"}

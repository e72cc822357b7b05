"""Nights as Dagster runs them: a challenger climbs or is out, and a re-run changes nothing."""

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from assets.content import content_digest
from assets.decisions.assets import decisions_asset
from assets.errors import NightshiftError
from assets.features.columns import LABEL
from assets.gate_results import GateResult, Verdict, record
from assets.home import Home
from assets.lake import Lake
from assets.quality.scoring_population import GATE
from assets.release.approval import Signer, approve
from assets.release.assets import ladder_asset
from assets.release.champion import require_champion
from assets.release.deciders import deciders_on
from assets.release.events import read_events
from assets.release.moves import advance
from assets.scoring.assets import predictions_asset
from assets.signing import load_private_key
from assets.spec import UseCaseSpec
from assets.tables import (
    ALERTS,
    CHALLENGER_SCORES,
    DECISIONS,
    LABELS,
    POPULATION,
    PREDICTIONS,
    RELEASE_CHECKS,
    RELEASE_EVENTS,
    SCORING_SET,
    TIMESTAMP,
)
from assets.training.registry import find_version
from orchestration.jobs import nightly_job
from orchestration.resources.installation import Installation
from tests.registered_models import (
    AS_OF,
    NIGHT,
    NOW,
    approved,
    copied,
    entered,
    model_spec,
    put,
    trained,
)
from tests.registered_models import night as cases_of

pytestmark = pytest.mark.slow

SPEC = UseCaseSpec.model_validate(
    {
        **model_spec().model_dump(),
        "release": {
            "shadow": {"days": 1, "cases": 50, "most_disagreement": 1.0},
            "canary": {"share": 0.5, "days": 1, "cases": 50},
            "guardrails": {"referral_shift": 0.5, "approval_shift": 0.5},
            "non_inferiority": {"insufficient": "promote"},
        },
    }
)
NIGHTS = [NIGHT + timedelta(days=n) for n in range(4)]
TABLES = (PREDICTIONS, CHALLENGER_SCORES, DECISIONS, RELEASE_CHECKS, RELEASE_EVENTS, ALERTS)


def cases(day: date) -> pa.Table:
    rows = cases_of(200)
    keys = pa.array([f"{day:%d}{key}" for key in rows.column("order_id").to_pylist()])
    return rows.set_column(0, "order_id", keys)


def gated(lake: Lake, day: date, verdict: Verdict = "pass") -> None:
    digest = content_digest(lake.read_day(SPEC.name, SCORING_SET, day))
    found = GateResult(GATE, SCORING_SET, verdict, f"the finding of {day}", {}, {}, digest)
    record(lake, SPEC.name, day, found, spec_version=SPEC.version, run_id="r")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A champion, and a version in the shadow that may decide from the second night on."""
    home = Home(tmp_path_factory.mktemp("ladder") / "home")
    lake = Lake(home.lake)
    approved(home, SPEC, put(home, SPEC, trained(), "a" * 64))
    entered(home, SPEC, put(home, SPEC, trained(seed=6), "b" * 64))
    advance(lake, home, SPEC, NIGHT - timedelta(days=1), None, run_id="r")
    signer = Signer(load_private_key(home.root / "secrets" / "ann.key"), "login_ann")
    approve(home, lake, SPEC, 2, signer, reason="good", now=NOW, effective_from=NIGHTS[1])
    population = cases(NIGHT).select(SPEC.population_columns).schema
    labels = pa.schema([("order_id", pa.string()), (LABEL, pa.int64()), ("observed_at", TIMESTAMP)])
    lake.ensure(SPEC.name, SCORING_SET, cases(NIGHT).schema)
    lake.ensure(SPEC.name, POPULATION, population)
    lake.ensure(SPEC.name, LABELS, labels)
    for day in NIGHTS:
        lake.replace_day(SPEC.name, SCORING_SET, day, cases(day))
        lake.replace_day(SPEC.name, POPULATION, day, cases(day).select(population.names))
        gated(lake, day)
    return home


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Home:
    """A copy to run nights in. MLflow's registry is left out: nights do not need it."""
    copy = copied(made, tmp_path)
    (copy.root / "registry.db").unlink()
    return copy


def run(
    home: Home, day: date, *, ladder: bool = True, succeeds: bool = True
) -> dict[str, dict[str, Any]]:
    """The night's scoring, decisions and step of the ladder; metadata by table."""
    assets = [predictions_asset(SPEC), decisions_asset(SPEC)]
    assets += [ladder_asset(SPEC)] if ladder else []
    definitions = dg.Definitions(
        assets=assets,
        jobs=[dg.define_asset_job(nightly_job(SPEC.name))],
        resources={"installation": Installation(root=str(home.root))},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def(nightly_job(SPEC.name)).execute_in_process(
            partition_key=str(day), instance=instance, raise_on_error=False
        )
    assert result.success == succeeds
    told = {}
    for event in result.get_asset_materialization_events():
        assert event.asset_key is not None
        metadata = event.materialization.metadata
        told[event.asset_key.path[-1]] = {name: value.value for name, value in metadata.items()}
    return told


def state(home: Home) -> dict[str, int]:
    """Version of every table: what is not written again keeps it."""
    lake = Lake(home.lake)
    return {
        table: lake.version(SPEC.name, table) for table in TABLES if lake.exists(SPEC.name, table)
    }


def stages(home: Home) -> list[tuple[int, str, date]]:
    events = read_events(Lake(home.lake), SPEC.name)
    return [(int(e["model_version"]), e["stage"], e["effective_from"]) for e in events]


def alerts(home: Home) -> list[dict[str, Any]]:
    lake = Lake(home.lake)
    if not lake.exists(SPEC.name, ALERTS):
        return []
    found: list[dict[str, Any]] = lake.read(SPEC.name, ALERTS).to_pylist()
    return found


def move(home: Home, day: date) -> str:
    checks = Lake(home.lake).read_day(SPEC.name, RELEASE_CHECKS, day).to_pylist()
    (found,) = [check["verdict"] for check in checks if check["check"] == "move"]
    return str(found)


def test_a_good_challenger_climbs_night_by_night_and_a_re_run_changes_nothing(home: Home) -> None:
    lake = Lake(home.lake)
    first = run(home, NIGHTS[0])
    assert first["ladder"]["move"] == move(home, NIGHTS[0]) == "promote"
    assert "version 2, in the shadow" in first["ladder"]["challenger"]
    assert "too few outcomes have matured" in first["ladder"]["why"]
    assert first["ladder"]["timeline"].startswith("![")
    assert first["ladder"]["evidence"].startswith("![")
    for name in ("days", "scores", "disagreement", "non_inferiority", "approval"):
        assert f"| {name} |" in first["ladder"]["checks"]
    assert stages(home)[-1] == (2, "canary", NIGHTS[1])
    second = run(home, NIGHTS[1])
    assert second["predictions"]["challenger"] == "version 2, in the canary"
    decisions = lake.read_day(SPEC.name, DECISIONS, NIGHTS[1])
    arms = np.array(decisions.column("arm").to_pylist())
    versions = np.array(decisions.column("model_version").to_pylist())
    assert set(versions[arms == "canary"]) == {2}
    assert set(versions[arms == "champion"]) == {1}
    assert 50 < (arms == "canary").sum() < 150
    assert second["ladder"]["move"] == "promote"
    assert "time alone promotes it" in second["ladder"]["why"]
    assert stages(home)[-2:] == [(2, "champion", NIGHTS[2]), (1, "retired", NIGHTS[2])]
    assert require_champion(lake, home, SPEC, NIGHTS[2]).version == 2
    third = run(home, NIGHTS[2])
    assert third["predictions"]["champion"] == 2
    assert third["ladder"]["move"] == "none"
    assert lake.read_day(SPEC.name, CHALLENGER_SCORES, NIGHTS[2]).num_rows == 0
    before, record_before = state(home), stages(home)
    for day in NIGHTS[:3]:
        run(home, day)
    assert (state(home), stages(home)) == (before, record_before)
    assert alerts(home) == []


def broken(home: Home) -> None:
    shutil.rmtree(home.root / find_version_folder(home))


def find_version_folder(home: Home) -> str:
    from assets.release.events import entry_of, evidence_of

    entry = entry_of(read_events(Lake(home.lake), SPEC.name), 2)
    assert entry is not None
    return str(evidence_of(entry)["record"]["model_folder"])


def test_a_canary_that_breaks_is_rolled_back_the_same_night(home: Home) -> None:
    lake = Lake(home.lake)
    run(home, NIGHTS[0])
    broken(home)
    told = run(home, NIGHTS[1])
    # Nobody went without a decision.
    assert "the champion" in told["predictions"]["scored by"]
    assert "challenger refused" in told["predictions"]
    decisions = lake.read_day(SPEC.name, DECISIONS, NIGHTS[1])
    assert set(decisions.column("model_version").to_pylist()) == {1}
    assert told["ladder"]["move"] == move(home, NIGHTS[1]) == "roll_back"
    assert "scores: 200 of 200 scores are unusable" in told["ladder"]["why"]
    assert stages(home)[-1] == (2, "rolled_back", NIGHTS[2])
    assert deciders_on(lake, home, SPEC, NIGHTS[2]).challenger is None
    refused, rolled = sorted(alerts(home), key=lambda alert: alert["incident"])
    assert refused["incident"].startswith("challenger: ModelRefused")
    assert rolled["incident"] == "rolled back: version 2 from the canary"
    assert "It had decided no case" in rolled["road_did"]
    before = state(home)
    run(home, NIGHTS[1])
    assert state(home) == before
    run(home, NIGHTS[2])
    assert set(
        lake.read_day(SPEC.name, DECISIONS, NIGHTS[2]).column("model_version").to_pylist()
    ) == {1}
    assert len(alerts(home)) == 2


def test_a_roll_back_names_the_days_it_decided_and_how_to_decide_them_anew(home: Home) -> None:
    lake = Lake(home.lake)
    run(home, NIGHTS[0])
    # The night is scored by both; only then does a limit turn out to be broken.
    run(home, NIGHTS[1], ladder=False)
    rows = lake.read_day(SPEC.name, CHALLENGER_SCORES, NIGHTS[1]).drop_columns(["partition_date"])
    place = rows.column_names.index("advice")
    rows = rows.set_column(place, "advice", pa.array(["decline"] * rows.num_rows))
    lake.replace_day(SPEC.name, CHALLENGER_SCORES, NIGHTS[1], rows)
    from assets.release.evaluation import evaluate
    from assets.release.rollback_alert import redecide, rollback_alert

    found = evaluate(SPEC, lake, home, NIGHTS[1])
    assert found.move is not None
    assert found.move.verdict == "roll_back"
    assert found.affected == (NIGHTS[1],)
    alert = rollback_alert(SPEC, found)
    command = f"`nightshift redecide widgets --from {NIGHTS[1]} --to {NIGHTS[1]} --reason TEXT`"
    assert redecide(SPEC, found) == command
    assert command in alert.person_should
    assert str(NIGHTS[1]) in alert.road_did


def test_days_decided_anew_keep_what_the_challenger_was_judged_by(home: Home) -> None:
    from assets.release.moves import Move
    from assets.release.redecision import redecide

    lake = Lake(home.lake)
    run(home, NIGHTS[0])
    run(home, NIGHTS[1], ladder=False)
    advance(lake, home, SPEC, NIGHTS[1], Move(2, "canary", "roll_back", "broken"), run_id="r")
    scores = lake.version(SPEC.name, CHALLENGER_SCORES)
    signer = Signer(load_private_key(home.root / "secrets" / "ann.key"), "login_ann")
    anew = redecide(home, lake, SPEC, signer, reason="it was broken", now=NOW)
    assert anew.days == [NIGHTS[1]]
    record = stages(home)
    told = run(home, NIGHTS[1])
    versions = lake.read_day(SPEC.name, DECISIONS, NIGHTS[1]).column("model_version").to_pylist()
    assert set(versions) == {1}
    assert lake.version(SPEC.name, CHALLENGER_SCORES) == scores
    assert told["ladder"]["move"] == "none"
    assert move(home, NIGHTS[0]) == "promote"
    assert stages(home) == record


def test_a_step_that_died_before_its_event_is_taken_by_the_next_run(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    import assets.release.assets as wiring

    run(home, NIGHTS[0])
    broken(home)

    def dies(*_: Any, **__: Any) -> None:
        raise NightshiftError("the disk is full")

    monkeypatch.setattr(wiring, "advance", dies)
    run(home, NIGHTS[1], succeeds=False)
    assert stages(home)[-1][1] == "canary"
    monkeypatch.undo()
    run(home, NIGHTS[1])
    assert stages(home)[-1] == (2, "rolled_back", NIGHTS[2])
    assert len(alerts(home)) == 2


def test_a_failed_gate_refers_every_case_and_moves_nobody(home: Home) -> None:
    lake = Lake(home.lake)
    run(home, NIGHTS[0])
    gated(lake, NIGHTS[1], "fail")
    told = run(home, NIGHTS[1])
    decisions = lake.read_day(SPEC.name, DECISIONS, NIGHTS[1])
    assert set(decisions.column("decision").to_pylist()) == {"refer"}
    (why,) = set(decisions.column("fallback").to_pylist())
    assert "gate" in why
    assert f"the finding of {NIGHTS[1]}" in why
    assert lake.read_day(SPEC.name, CHALLENGER_SCORES, NIGHTS[1]).num_rows == 0
    assert told["ladder"]["move"] == "hold"
    (alert,) = alerts(home)
    assert why in alert["happened"]
    before = state(home)
    run(home, NIGHTS[1])
    assert state(home) == before
    # Put right, the night is scored after all.
    gated(lake, NIGHTS[1])
    assert run(home, NIGHTS[1])["predictions"]["challenger"] == "version 2, in the canary"


def test_without_a_challenger_the_ladder_has_nothing_to_say(made: Home, home: Home) -> None:
    from assets.release.ladder import enter

    lake = Lake(home.lake)
    shutil.rmtree(lake.path(SPEC.name, RELEASE_EVENTS))
    enter(
        lake,
        SPEC,
        find_version(made, SPEC.name, 1),
        as_of=AS_OF,
        actor="system:nightshift",
        run_id="r",
        requested_by="system:nightshift",
    )
    signer = Signer(load_private_key(home.root / "secrets" / "ann.key"), "login_ann")
    approve(home, lake, SPEC, 1, signer, reason="good", now=NOW)
    told = run(home, NIGHTS[0])
    assert told["ladder"]["move"] == "none"
    assert not lake.exists(SPEC.name, CHALLENGER_SCORES)
    assert not lake.exists(SPEC.name, RELEASE_CHECKS)

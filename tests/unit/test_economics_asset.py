"""Economics in Dagster: the steps of real runs on the bill, once, and what its page shows."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.economics import kpis
from assets.economics.assets import economics_asset
from assets.economics.compute import BETWEEN
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec
from assets.tables import COMPUTE, ECONOMICS
from orchestration.partitions import daily
from orchestration.resources.installation import Installation
from tests.reviewed import NIGHT, decided, put, review_spec

SPEC = review_spec()
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def step(name: str, group: str, *after: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=[SPEC.name, name],
        group_name=group,
        deps=[[SPEC.name, one] for one in after],
        partitions_def=daily(SPEC),
    )
    def done() -> None: ...

    return done


@dg.asset_check(asset=[SPEC.name, "decisions"], name="looked_at", partitions_def=daily(SPEC))
def looked_at() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


class Road:
    """A night's job of stand-ins around the real asset, and one of training."""

    def __init__(self, home: Home) -> None:
        self.instance = dg.DagsterInstance.ephemeral()
        model = step("model", "training")
        nightly = [
            step("decisions", "decisions"),
            step("ledger", "decisions", "decisions"),
            step("drift_report", "monitoring", "decisions"),
            economics_asset(SPEC),
            step("incidents", "monitoring", ECONOMICS),
        ]
        tags = {"use_case": SPEC.name}
        every = dg.AssetSelection.assets(*(one.key for one in nightly))
        self.defs = dg.Definitions(
            assets=[model, *nightly],
            asset_checks=[looked_at],
            resources={"installation": Installation(root=str(home.root))},
            jobs=[
                dg.define_asset_job("widgets_nightly", selection=every, tags=tags),
                dg.define_asset_job(
                    "widgets_training", selection=dg.AssetSelection.assets(model.key), tags=tags
                ),
            ],
        )

    def run(self, job: str, day: date) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def(f"widgets_{job}").execute_in_process(
            instance=self.instance, partition_key=day.isoformat(), run_config=QUIET
        )


def bill(lake: Lake, day: date) -> list[tuple[str, str, str]]:
    rows = lake.read_day(SPEC.name, COMPUTE, day).to_pylist()
    return sorted((row["job"], row["stage"], row["step"]) for row in rows)


def economics(lake: Lake, day: date) -> pa.Table:
    return lake.read_day(SPEC.name, ECONOMICS, day).drop_columns(["run_id", PARTITION])


OWN = [
    ("widgets_nightly", "decisions", "widgets__decisions"),
    ("widgets_nightly", "decisions", "widgets__decisions_looked_at"),
    ("widgets_nightly", "decisions", "widgets__ledger"),
    ("widgets_nightly", "monitoring", "widgets__drift_report"),
]
TAIL = [
    ("widgets_nightly", "monitoring", f"widgets__{ECONOMICS}"),
    ("widgets_nightly", "monitoring", "widgets__incidents"),
    ("widgets_nightly", "orchestration", BETWEEN),
]
TRAINED = [
    ("widgets_training", "orchestration", BETWEEN),
    ("widgets_training", "training", "widgets__model"),
]


def test_runs_are_on_one_bill_and_a_night_run_again_costs_again(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [{}, {"decision": "approve", "advice": "approve"}]
    put(lake, SPEC, decided(SPEC, NIGHT, cases))
    next_night = NIGHT + timedelta(days=1)
    put(lake, SPEC, decided(SPEC, next_night, cases), next_night)
    road = Road(home)
    failed = iter([True])
    read = kpis.read_night

    def failing_once(lake: Lake, spec: UseCaseSpec, day: date) -> Any:
        if next(failed, False):  # the rows of compute are appended already
            raise dg.RetryRequested(max_retries=1, seconds_to_wait=0)
        return read(lake, spec, day)

    monkeypatch.setattr(kpis, "read_night", failing_once)
    first = road.run("nightly", NIGHT)
    assert bill(lake, NIGHT) == sorted(OWN)
    (made,) = first.asset_materializations_for_node(f"widgets__{ECONOMICS}")
    told = {name: one.value for name, one in made.metadata.items()}
    assert (told["cases"], told["waiting for people"]) == (2, 1)
    assert told["cost of the night"] == "9.00 EUR, n = 2"
    assert told["decided without a person"].startswith("50.0% (")
    assert told["trend"].startswith("![value, cost and automation")
    assert set(told["seconds by stage"]) == {"decisions", "monitoring"}
    checks = {one.check_name: one for one in first.get_asset_check_evaluations()}
    assert checks["night_within_budget"].passed
    assert "no budget is declared" in str(checks["night_within_budget"].description)
    assert checks["queue_is_worked_off"].passed
    assert {one.severity for name, one in checks.items() if name != "looked_at"} == {
        dg.AssetCheckSeverity.WARN
    }

    road.run("training", NIGHT)
    before = economics(lake, NIGHT)
    road.run("nightly", next_night)
    assert bill(lake, next_night) == sorted([*OWN, *TAIL, *TRAINED])
    assert bill(lake, NIGHT) == sorted(OWN)

    road.run("nightly", NIGHT)
    assert bill(lake, NIGHT) == sorted([*OWN, *OWN])
    assert bill(lake, next_night) == sorted([*OWN, *TAIL, *TRAINED])
    machine = pc.is_in(
        before.column("measure"),
        pa.array(["compute_seconds", "compute_cost", "cost_per_prediction", "night_cost"]),
    )
    same = before.filter(pc.invert(machine)).num_rows
    after = economics(lake, NIGHT).to_pylist()
    assert sum(row in after for row in before.to_pylist()) == same

"""What the machine was paid for: seconds of steps and runs, each on the bill of one night.

A run is on the bill of the night whose economics meets it: its own steps so far, and runs of the
same use case for the same day or one of the days before that have ended since the last bill (a
training, a night that was stopped). What a night's run does after its bill is written, and the time
between its steps, is on the next night's bill: over the nights nothing is missing and nothing is
there twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.economics.measure import OVERALL, Measure
from assets.lake import PARTITION
from assets.release.one_writer import one_writer
from assets.tables import COMPUTE, COMPUTE_SCHEMA, TIMESTAMP

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.monitoring_spec import EconomicsSpec
    from assets.spec import UseCaseSpec

LOOK_BACK = 7
"""Days before the night's whose runs may still be on no bill. What ended later is on none."""

BETWEEN, ORCHESTRATION = "between steps", "orchestration"
"""Step and stage of the time a run took besides its steps. It stands on record once a run has
ended: no later bill asks for that run again."""

HOUR = 3600.0

RUNS_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("job", pa.string()),
        ("day", pa.date32()),  # partition of the run
        ("started", TIMESTAMP),
        ("ended", TIMESTAMP),  # null while it goes on
    ]
)

STEPS_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("step", pa.string()),
        ("stage", pa.string()),  # group of its asset
        ("started", TIMESTAMP),
        ("ended", TIMESTAMP),  # of the last try; null while it goes on, or where it was killed
    ]
)


@dataclass(frozen=True)
class Bill:
    """What the compute of a night came to so far."""

    rows: pa.Table = field(default_factory=COMPUTE_SCHEMA.empty_table)
    """COMPUTE_SCHEMA: everything on the night's bill, of whatever run."""
    own_runs: tuple[str, ...] = ()  # runs of the night's own day among them

    @property
    def seconds(self) -> float | None:
        """Seconds of the machine; None where nothing was measured."""
        found = pc.sum(self.rows.column("seconds")).as_py()
        return None if found is None else float(found)

    def cost(self, economics: "EconomicsSpec") -> float | None:
        """The same in money."""
        return None if self.seconds is None else self.seconds / HOUR * economics.compute_hour


def charge(
    lake: "Lake", spec: "UseCaseSpec", day: date, runs: pa.Table, steps: pa.Table
) -> tuple[Bill, int]:
    """Put on the night's bill what is on none yet; the whole bill, and how many rows are new.

    ``runs``: RUNS_SCHEMA, this one and those that ended, of ``days_of_runs(day)``. ``steps``:
    STEPS_SCHEMA, theirs; none of a run that is closed. Run and step tell a row: whoever asks again,
    or at once, adds none twice.
    """
    lake.ensure(spec.name, COMPUTE, COMPUTE_SCHEMA, append_only=True)
    with one_writer(lake, spec.name, COMPUTE):
        there = on_record(lake, spec, day)
        new = unbilled(runs, steps, there)
        if new.num_rows:
            dated = new.append_column(PARTITION, pa.repeat(pa.scalar(day), new.num_rows))
            lake.append(spec.name, COMPUTE, dated, {"spec_version": spec.version})
    tonight = there.filter(pc.equal(there.column(PARTITION), pa.scalar(day)))
    rows = pa.concat_tables([tonight.select(COMPUTE_SCHEMA.names), new])
    rows = rows.sort_by([("started", "ascending"), ("run_id", "ascending"), ("step", "ascending")])
    own = runs.filter(pc.equal(runs.column("day"), pa.scalar(day))).column("run_id").to_pylist()
    return Bill(rows, tuple(sorted(own))), new.num_rows


def on_record(lake: "Lake", spec: "UseCaseSpec", day: date) -> pa.Table:
    """COMPUTE_SCHEMA and the day: every bill a run of ``days_of_runs(day)`` may be on."""
    schema = COMPUTE_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    if not lake.exists(spec.name, COMPUTE):
        return schema.empty_table()
    around = timedelta(days=LOOK_BACK)
    rows = lake.read(spec.name, COMPUTE, first=day - around, last=day + around)
    return rows.select(schema.names).cast(schema)


def days_of_runs(day: date) -> list[date]:
    """Days whose runs are asked for, ascending; the night's own is the last."""
    return [day - timedelta(days=n) for n in range(LOOK_BACK, -1, -1)]


def closed_runs(there: pa.Table) -> set[str]:
    """Runs of which every second is on record (``there``: COMPUTE_SCHEMA)."""
    ended = there.filter(pc.equal(there.column("step"), BETWEEN))
    return set(ended.column("run_id").to_pylist())


def unbilled(runs: pa.Table, steps: pa.Table, there: pa.Table) -> pa.Table:
    """Rows (COMPUTE_SCHEMA) of ``runs`` and ``steps`` that are not ``there``, by their start.

    A step without an end counts up to the end of its run, and not yet where that goes on as well.
    A run that ended gets a row for the time it took besides its steps.
    """
    place = pc.index_in(steps.column("run_id"), _one(runs.column("run_id")))
    steps = steps.filter(pc.is_valid(place))
    place = pc.drop_null(place)
    ended = pc.coalesce(steps.column("ended"), runs.column("ended").take(place))
    done = pa.table(
        {
            "job": runs.column("job").take(place),
            "stage": steps.column("stage"),
            "step": steps.column("step"),
            "seconds": _seconds(steps.column("started"), ended),
            "started": steps.column("started"),
            "run_id": steps.column("run_id"),
        },
        schema=COMPUTE_SCHEMA,
    )
    done = done.filter(pc.is_valid(done.column("seconds")))
    rows = pa.concat_tables([done, _between(runs, done)])
    known = pa.array(list(zip_keys(there)), pa.string())
    new = pc.invert(pc.is_in(pa.array(list(zip_keys(rows)), pa.string()), known))
    return rows.filter(new).sort_by(
        [("started", "ascending"), ("run_id", "ascending"), ("step", "ascending")]
    )


def zip_keys(rows: pa.Table) -> list[str]:
    """Run and step of each row, in one text."""
    keys: list[str] = pc.binary_join_element_wise(
        rows.column("run_id"), rows.column("step"), "|"
    ).to_pylist()
    return keys


def measures(economics: "EconomicsSpec", bill: Bill, cases: int) -> list[Measure]:
    """``compute_seconds`` and ``compute_cost`` by stage and overall, and ``cost_per_prediction``.

    They hang on the machine and on how often a night was run: all runs on the night's bill count,
    and ``detail`` says how many and how much of it is of runs for earlier days.
    """
    rows, found = bill.rows, []
    stages = rows.group_by("stage", use_threads=False).aggregate(
        [("seconds", "sum"), ("seconds", "count")]
    )
    parts = [
        (one["stage"], float(one["seconds_sum"]), {"steps": one["seconds_count"]})
        for one in stages.sort_by("stage").to_pylist()
    ]
    for stage, seconds, detail in parts:
        cost = seconds / HOUR * economics.compute_hour
        found.append(Measure("compute_seconds", seconds, stage, detail=detail))
        found.append(
            Measure("compute_cost", cost, stage, detail={**detail, "currency": economics.currency})
        )
    detail = _told(bill)
    seconds_, cost_ = bill.seconds, bill.cost(economics)
    found.append(Measure("compute_seconds", seconds_, OVERALL, detail=detail))
    detail = {**detail, "currency": economics.currency}
    found.append(Measure("compute_cost", cost_, OVERALL, detail=detail))
    if cost_ is None or seconds_ is None or not cases:
        why = "no case tonight" if not cases else "no step was measured"
        found.append(Measure("cost_per_prediction", None, n=cases, detail={**detail, "why": why}))
    else:
        detail = {**detail, "seconds": seconds_ / cases}
        found.append(Measure("cost_per_prediction", cost_ / cases, n=cases, detail=detail))
    return found


def _told(bill: Bill) -> dict[str, Any]:
    rows = bill.rows
    own = pc.is_in(rows.column("run_id"), pa.array(bill.own_runs, pa.string()))
    earlier = pc.sum(rows.filter(pc.invert(own)).column("seconds")).as_py()
    jobs = rows.group_by("job", use_threads=False).aggregate([("seconds", "sum")])
    return {
        "runs": len(pc.unique(rows.column("run_id"))),
        "own_runs": len(pc.unique(rows.filter(own).column("run_id"))),
        "earlier_days_seconds": float(earlier or 0.0),
        "seconds_by_job": {
            one["job"]: float(one["seconds_sum"]) for one in jobs.sort_by("job").to_pylist()
        },
        **({} if rows.num_rows else {"why": "no step was measured"}),
    }


def _between(runs: pa.Table, done: pa.Table) -> pa.Table:
    """A row for each run that ended: its time in which none of its steps was at work."""
    rows = []
    for run in runs.to_pylist():
        if run["ended"] is None or run["started"] is None:
            continue
        own = done.filter(pc.equal(done.column("run_id"), run["run_id"]))
        whole = (run["ended"] - run["started"]).total_seconds()
        rows.append(
            {
                "job": run["job"],
                "stage": ORCHESTRATION,
                "step": BETWEEN,
                "seconds": max(0.0, whole - covered(own)),
                "started": run["started"],
                "run_id": run["run_id"],
            }
        )
    return pa.Table.from_pylist(rows, schema=COMPUTE_SCHEMA)


def covered(steps: pa.Table) -> float:
    """Seconds in which at least one of the steps (COMPUTE_SCHEMA) was at work: two side by side
    count once."""
    import numpy as np

    if not steps.num_rows:
        return 0.0
    started = steps.column("started").cast(pa.int64()).to_numpy() / 1e6
    order = np.argsort(started, kind="stable")
    begin = started[order]
    end = begin + steps.column("seconds").to_numpy()[order]
    reached = np.concatenate([begin[:1], np.maximum.accumulate(end)[:-1]])
    return float(np.maximum(0.0, end - np.maximum(begin, reached)).sum())


def _seconds(started: Any, ended: Any) -> Any:
    """Never below 0: a wall clock may be put back."""
    spent = pc.subtract(pc.cast(ended, pa.int64()), pc.cast(started, pa.int64()))
    return pc.max_element_wise(pc.divide(pc.cast(spent, pa.float64()), 1e6), 0.0, skip_nulls=False)


def _one(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def by_stage(found: Sequence[Measure]) -> dict[str, float]:
    """Seconds by stage, the most first."""
    parts = {
        one.subject: one.value
        for one in found
        if one.measure == "compute_seconds" and one.subject != OVERALL and one.value is not None
    }
    return dict(sorted(parts.items(), key=lambda part: (-part[1], part[0])))

"""The point-in-time join against DuckDB alone: ``python -m benchmarks.features``.

One million cases and three views of a million facts each, one of them with late arrivals, in a
hundred day files a view. Every measurement is a process of its own that has its libraries loaded
before the clock starts; the best round of each counts, and the rounds alternate. Bare is what a
short script would do: one query of three ASOF joins over the same files, without a check of any
kind and without a registry. It knows beforehand that no fact of this data comes to be known out of
turn, which the road cannot. All must come to the same values.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Stopwatch
from benchmarks.prepared_home import BenchmarkError

if TYPE_CHECKING:
    import pyarrow as pa

    from assets.spec import UseCaseSpec

CASES, FACTS, ENTITIES, DAYS, ROUNDS = 1_000_000, 1_000_000, 200_000, 100, 3
START = date(2026, 1, 1)
END = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=DAYS)
VIEWS = {"meters": "30d", "visits": "45d", "tests": "90d"}
CREATED = "meters"
MOST_TIMES = {"asof": 1.2, "feast": 2.0}
"""Ratios to bare, of CPU time, that were hoped for. Above that of :data:`TAKEN` the benchmark
fails; Feast's own join stands beside it.

Of CPU, as the figures they are from: all ways use every core that is free, so one that happens to
run while another process has the second core takes up to twice the wall time of one that does not.
"""

TAKEN = "asof"
"""The way the road takes with so many cases (``assets.features.point_in_time.VOLUME``)."""


def spec() -> "UseCaseSpec":
    """Three views of one entity, four columns each; facts of the first are known six hours late."""
    from assets.spec import UseCaseSpec

    sources: dict[str, Any] = {
        "cases": {
            "columns": {
                "case_id": {"type": "string"},
                "entity": {"type": "string"},
                "happened_at": {"type": "timestamp"},
                "result": {"type": "int"},
            }
        }
    }
    views: dict[str, Any] = {}
    for view, ttl in VIEWS.items():
        columns = {f"{view}_{kind}": kind for kind in ("level", "share", "count", "state")}
        types = {"level": "float", "share": "float", "count": "int", "state": "string"}
        sources[view] = {
            "format": "parquet",
            "columns": {
                "entity": {"type": "string"},
                f"{view}_at": {"type": "timestamp"},
                f"{view}_known_at": {"type": "timestamp"},
                **{name: {"type": types[kind]} for name, kind in columns.items()},
            },
        }
        views[view] = {
            "entity": "entity",
            "timestamp": f"{view}_at",
            "ttl": ttl,
            "columns": list(columns),
        }
    views[CREATED]["created"] = f"{CREATED}_known_at"
    return UseCaseSpec.model_validate(
        {
            "name": "join_benchmark",
            "start": START.isoformat(),
            "sources": sources,
            "population": {
                "source": "cases",
                "key": "case_id",
                "entity": "entity",
                "event_timestamp": "happened_at",
            },
            "label": {
                "source": "cases",
                "column": "result",
                "positive": 1,
                "observed_at": "happened_at",
                "matures_after": "0d",
            },
            "features": {"views": views},
        }
    )


def prepare(root: Path, cases: int) -> None:
    """Day files of the views under ``root`` and the cases in ``root/cases.parquet``."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from assets.features.columns import stored_schema
    from assets.features.publish import EMPTY
    from assets.home import Home
    from assets.tables import TIMESTAMP

    draw = np.random.default_rng(20260101)
    start, day = np.datetime64(START, "us").astype(np.int64), 86_400_000_000
    names = np.array([f"entity-{i:07d}" for i in range(ENTITIES)])

    def times(values: Any) -> pa.Array:
        return pa.array(values + start).cast(TIMESTAMP)

    cases_table = pa.table(
        {
            "case_id": [f"case-{i:07d}" for i in range(cases)],
            "entity": names[draw.integers(0, ENTITIES, cases)],
            "happened_at": times(draw.integers(60 * day, DAYS * day, cases)),
        }
    )
    pq.write_table(cases_table, root / "cases.parquet")
    use_case, home = spec(), Home(root)
    for view in VIEWS:
        happened = np.sort(draw.integers(0, DAYS * day, FACTS))
        columns = [names[draw.integers(0, ENTITIES, FACTS)], times(happened)]
        if view == CREATED:
            columns.append(times(happened + day // 4))
        columns += [
            pa.array(draw.normal(size=FACTS), mask=draw.random(FACTS) < 0.05),
            draw.random(FACTS),
            draw.integers(0, 50, FACTS),
            np.array(["new", "open", "shut"])[draw.integers(0, 3, FACTS)],
        ]
        schema = stored_schema(use_case, view)
        table = pa.table(columns, names=schema.names).cast(schema)
        folder = home.feature_view(use_case.name, view)
        folder.mkdir(parents=True)
        pq.write_table(table.slice(0, 0), folder / EMPTY)
        edges = np.searchsorted(happened, np.arange(DAYS + 1) * day)
        for number, (first, last) in enumerate(pairwise(edges)):
            path = folder / f"{START + timedelta(days=number)}.parquet"
            rows = table.slice(first, last - first)
            pq.write_table(rows, path, coerce_timestamps="us", compression="zstd")


def bare(root: Path) -> "pa.Table":
    """Three ASOF joins in one query, and the ttl; nothing else."""
    import duckdb

    use_case = spec()
    columns, joins = ["cases.*"], []
    for view, declared in use_case.features.views.items():
        seconds = round(declared.time_to_live.total_seconds())
        for name in declared.columns:
            kind = "VARCHAR" if name.endswith("state") else "DOUBLE"
            columns.append(
                f"CASE WHEN {view}.{declared.timestamp} + INTERVAL '{seconds} seconds' >= "
                f"cases.happened_at THEN CAST({view}.{name} AS {kind}) END AS {name}"
            )
        joins.append(
            f"ASOF LEFT JOIN read_parquet('{root}/features/{use_case.name}/{view}/*.parquet') "
            f"AS {view} ON cases.entity = {view}.entity "
            f"AND cases.happened_at >= {view}.{declared.created or declared.timestamp}"
        )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found: pa.Table = connection.sql(
            f"SELECT {', '.join(columns)} FROM read_parquet('{root}/cases.parquet') AS cases "
            + " ".join(joins)
        ).to_arrow_table()
    return found


def road(root: Path, path: Any) -> "pa.Table":
    """What the road does: its checks, its registry, its join, rows in the order given."""
    import pyarrow.parquet as pq

    from assets.features.point_in_time import join
    from assets.home import Home

    return join(spec(), Home(root), pq.read_table(root / "cases.parquet"), as_of=END, path=path)


def _one(what: str, root: Path) -> None:
    import duckdb  # noqa: F401
    import numpy  # noqa: F401
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401

    import assets.features.point_in_time  # noqa: F401

    if what == "feast":
        import feast.infra.offline_stores.ibis  # noqa: F401
    ways: dict[str, Callable[[], pa.Table]] = {
        "bare": lambda: bare(root),
        "asof": lambda: road(root, "asof"),
        "feast": lambda: road(root, "feast"),
    }
    watch = Stopwatch()
    found = ways[what]()
    figures = watch.figures()
    ordered = found.sort_by("case_id")
    digest = hashlib.sha256()
    for name in ordered.column_names:
        digest.update(json.dumps(ordered.column(name).to_pylist(), default=str).encode())
    sys.stdout.write(json.dumps(figures | {"rows": found.num_rows, "values": digest.hexdigest()}))


def _measured(what: str, root: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.features", "--one", what, str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"{what} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def compare(cases: int, rounds: int) -> dict[str, Any]:
    """Figures of the best round of each way, and their ratios to bare."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        prepare(root, cases)
        runs: dict[str, list[dict[str, Any]]] = {"bare": [], "asof": [], "feast": []}
        for _ in range(rounds):
            for what, done in runs.items():
                done.append(_measured(what, root))
    best = {
        what: {
            figure: min(float(one[figure]) for one in done) for figure in ("wall", "cpu", "peak_mb")
        }
        for what, done in runs.items()
    }
    if len({(one["rows"], one["values"]) for done in runs.values() for one in done}) != 1:
        raise BenchmarkError("the ways came to different values: their times cannot be compared")
    ratios = {
        what: {figure: best[what][figure] / best["bare"][figure] for figure in ("wall", "cpu")}
        for what in MOST_TIMES
    }
    return {"cases": cases, "best": best, "ratios": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description="The point-in-time join against bare DuckDB.")
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "FOLDER"))
    given = parser.parse_args()
    if given.one:
        _one(given.one[0], Path(given.one[1]))
        return
    started = time.strftime("%H:%M:%S", time.gmtime())
    found = compare(given.cases, given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{found['cases']:,} cases x {len(VIEWS)} views of {FACTS:,} facts ({started})")
        for what, one in found["best"].items():
            line = f"{what:5}: {one['wall']:6.2f} s wall, {one['cpu']:6.2f} s CPU"
            line += f", {one['peak_mb']:5.0f} MB peak"
            if ratio := found["ratios"].get(what):
                line += f"; x bare: {ratio['wall']:.2f} wall, {ratio['cpu']:.2f} CPU"
                line += f" (hoped for: {MOST_TIMES[what]:g})"
            print(line)
    if (ratio := found["ratios"][TAKEN]["cpu"]) > MOST_TIMES[TAKEN]:
        sys.exit(f"{TAKEN} takes {ratio:.2f} times the CPU of bare, allowed {MOST_TIMES[TAKEN]:g}")


if __name__ == "__main__":
    main()

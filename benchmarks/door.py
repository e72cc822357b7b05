"""The door against the bare copy: ``python -m benchmarks.door [--rows N] [--rounds N]``.

One CSV file of 15 columns goes through the whole door (contract, pseudonyms, duplicate keys,
quarantine, profile, publication), and through bare DuckDB ``read_csv`` into a Delta table. Each
round is a process of its own, by turns; the best of each counts. Both must publish the same rows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.measure import Stopwatch
from benchmarks.prepared_home import BenchmarkError

DAY = date(2026, 3, 1)
USE_CASE, SOURCE = "bench", "events"
ROWS, ROUNDS = 5_000_000, 2
MOST_TIMES, MOST_MB = 3.0, 2048
BAD_IN = 1_000
"""One row in so many breaks the contract."""

COLUMNS: dict[str, dict[str, Any]] = {
    "event_id": {"type": "string"},
    "person": {"type": "string", "pii": "pseudonymise"},
    "email": {"type": "string", "pii": "drop"},
    "happened_at": {"type": "timestamp"},
    "weight": {"type": "float", "min": 0, "max": 1000},
    "height": {"type": "float", "min": 0},
    "pressure": {"type": "float"},
    "heat": {"type": "float", "required": False},
    "share": {"type": "float", "min": 0, "max": 5},
    "steps": {"type": "int", "min": 0},
    "count": {"type": "int"},
    "level": {"type": "int", "min": 0, "max": 10},
    "kind": {"type": "string", "values": ["air", "rail", "road", "sea"]},
    "channel": {"type": "string", "values": ["call", "shop", "web"]},
    "open": {"type": "bool"},
}


def spec() -> Any:
    """A use case whose one big source is the file."""
    from assets.spec import UseCaseSpec

    outcome = {"event_id": {"type": "string"}, "bad": {"type": "int"}, "at": {"type": "timestamp"}}
    return UseCaseSpec.model_validate(
        {
            "name": USE_CASE,
            "start": str(DAY),
            "sources": {
                SOURCE: {"timestamp": "happened_at", "key": ["event_id"], "columns": COLUMNS},
                "outcomes": {"arrival": "optional", "columns": outcome},
            },
            "population": {
                "source": SOURCE,
                "key": "event_id",
                "entity": "person",
                "event_timestamp": "happened_at",
            },
            "label": {
                "source": "outcomes",
                "column": "bad",
                "positive": 1,
                "observed_at": "at",
                "matures_after": "1d",
            },
        }
    )


def write_file(path: Path, rows: int) -> None:
    """The landing file; the same rows every time."""
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (
              SELECT 'event-' || i AS event_id,
                     'person-' || hash(i) % 2000000 AS person,
                     'person' || i || '@example.org' AS email,
                     strftime(TIMESTAMP '{DAY}' + INTERVAL (i % 86400) SECOND,
                              '%Y-%m-%dT%H:%M:%SZ') AS happened_at,
                     if(i % {BAD_IN} = 7, -1, hash(i, 1) % 100000 / 100) AS weight,
                     hash(i, 2) % 1000000 / 1000 AS height,
                     hash(i, 3) / 18446744073709551616 AS pressure,
                     if(i % 20 = 0, NULL, hash(i, 4) % 10000000 / 100000) AS heat,
                     hash(i, 5) % 50000 / 10000 AS share,
                     hash(i, 6) % 100 AS steps, hash(i, 7) % 1000 AS count,
                     hash(i, 8) % 11 AS level,
                     ['air', 'rail', 'road', 'sea'][CAST(1 + hash(i, 9) % 4 AS INT)] AS kind,
                     ['call', 'shop', 'web'][CAST(1 + hash(i, 10) % 3 AS INT)] AS channel,
                     hash(i, 11) % 2 = 0 AS open
              FROM range({rows}) AS t(i)) TO '{path}' (HEADER)"""
        )


def through_the_door(folder: Path) -> int:
    """Rows validated by the full door."""
    from assets.home import Home
    from assets.ingestion.ingest import ingest
    from assets.lake import Lake

    home = Home(folder)
    done = ingest(
        spec(), SOURCE, home, Lake(home.lake), DAY, DAY, b"k" * 32, "bench", lambda _: None
    )
    if done.unbalanced or done.landed != done.validated + done.quarantined:
        raise BenchmarkError(f"rows were lost: {done}")
    return done.validated


def bare_copy(folder: Path, file: Path) -> int:
    """Rows of bare ``read_csv`` into Delta: typed, no rule but the one that says which are bad."""
    import duckdb
    from deltalake import DeltaTable, write_deltalake

    from assets.ingestion.values import DUCKDB

    types = {name: DUCKDB[column["type"]] for name, column in COLUMNS.items()}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        reader = connection.sql(
            "SELECT * FROM read_csv($file, columns = $types, header = true, auto_detect = false) "
            "WHERE weight >= 0",
            params={"file": str(file), "types": types},
        ).to_arrow_reader(100_000)
        write_deltalake(str(folder / "bare"), reader, mode="overwrite")
    return int(DeltaTable(str(folder / "bare")).to_pyarrow_dataset().count_rows())


def _one(what: str, folder: Path, file: Path) -> None:
    watch = Stopwatch(cpu=0.0)
    rows = through_the_door(folder) if what == "door" else bare_copy(folder, file)
    sys.stdout.write(json.dumps(watch.figures() | {"rows": rows}))


def _measured(what: str, folder: Path, file: Path) -> dict[str, Any]:
    # What the disk still has to write of the round before is not this one's time.
    subprocess.run(["sync"], check=False)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.door", "--one", what, str(folder), str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"{what} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def compare(rows: int, rounds: int) -> dict[str, Any]:
    """Figures of the best round of each, and their ratios."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        file = root / f"events_{DAY}.csv"
        write_file(file, rows)
        runs: dict[str, list[dict[str, Any]]] = {"bare": [], "door": []}
        for number in range(rounds):
            for what, done in runs.items():
                folder = root / f"{what}-{number}"
                landing = folder / "landing" / USE_CASE / SOURCE
                landing.mkdir(parents=True)
                (landing / file.name).hardlink_to(file)
                done.append(_measured(what, folder, file))
        megabytes = file.stat().st_size / 1e6
    bare, door = (min(runs[what], key=lambda one: float(one["wall"])) for what in runs)
    if bare["rows"] != door["rows"]:
        raise BenchmarkError(f"the bare copy has {bare['rows']} rows, the door {door['rows']}")
    return {
        "rows": rows,
        "file_mb": megabytes,
        "bare": bare,
        "door": door,
        "wall_ratio": door["wall"] / bare["wall"],
        "cpu_ratio": door["cpu"] / bare["cpu"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="The door against the bare copy.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("WHAT", "FOLDER", "FILE"))
    given = parser.parse_args()
    if given.one:
        _one(given.one[0], Path(given.one[1]), Path(given.one[2]))
        return
    started = time.strftime("%H:%M:%S", time.gmtime())
    found = compare(given.rows, given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        size = f"{found['rows']:,} rows x {len(COLUMNS)} columns, {found['file_mb']:.0f} MB"
        print(f"{size} ({started})")
        for what in ("bare", "door"):
            one = found[what]
            print(
                f"{what}: {one['wall']:6.2f} s wall, {one['cpu']:6.2f} s CPU, "
                f"{one['peak_mb']:5.0f} MB peak, {one['rows']:,} rows published"
            )
        print(f"door / bare: {found['wall_ratio']:.2f} wall, {found['cpu_ratio']:.2f} CPU")
    if found["wall_ratio"] > MOST_TIMES or found["door"]["peak_mb"] > MOST_MB:
        sys.exit(f"above the limit: {MOST_TIMES} times the bare copy, {MOST_MB} MB")


if __name__ == "__main__":
    main()

"""The ledger of a million decisions against plain SHA-256: ``python -m benchmarks.ledger``.

Ten nights of a hundred thousand cases (``--nights``, ``--cases``), each with its scoring set and
predictions, are put on the ledger and verified. Plain is one SHA-256 over the very bytes that the
roots of the decisions hash, written out beforehand: no reading, no sorting. The best of three
rounds counts; verification reads everything from the disk again each time.
"""

import argparse
import hashlib
import json
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Stopwatch
from benchmarks.prepared_home import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

NIGHTS, CASES, ROUNDS, FEATURES = 10, 100_000, 3, 12
START = date(2026, 1, 1)
NAME = "bench_ledger"
MOST_SECONDS = 60.0
"""A million decisions verify in seconds, not minutes."""

Figures = dict[str, Any]


def spec() -> "UseCaseSpec":
    """A use case with a dozen numbers for features."""
    from assets.spec import UseCaseSpec

    names = [f"number_{n}" for n in range(FEATURES)]
    columns = {
        "case_id": {"type": "string"},
        "entity": {"type": "string"},
        "arose_at": {"type": "timestamp"},
        **{name: {"type": "float"} for name in names},
    }
    outcome = {
        "case_id": {"type": "string"},
        "result": {"type": "bool"},
        "seen_at": {"type": "timestamp"},
    }
    return UseCaseSpec.model_validate(
        {
            "name": NAME,
            "start": START.isoformat(),
            "sources": {"cases": {"columns": columns}, "results": {"columns": outcome}},
            "population": {
                "source": "cases",
                "key": "case_id",
                "entity": "entity",
                "event_timestamp": "arose_at",
            },
            "label": {
                "source": "results",
                "column": "result",
                "positive": True,
                "observed_at": "seen_at",
                "matures_after": "30d",
            },
            "features": {"request": names},
        }
    )


def fill(home: "Home", lake: "Lake", use_case: "UseCaseSpec", nights: int, cases: int) -> None:
    """Everything the nights would have left, up to their decisions."""
    from assets.tables import DECISIONS, PREDICTIONS, SCORING_SET

    digest = _release(home, lake, use_case)
    for number in range(nights):
        day = START + timedelta(days=number)
        rows = scoring_set(number, cases)
        lake.ensure(NAME, SCORING_SET, rows.schema)
        version = lake.replace_day(NAME, SCORING_SET, day, rows).version
        found = decisions(use_case, rows, day, number, version, digest)
        told = predictions(found)
        lake.ensure(NAME, PREDICTIONS, told.schema)
        lake.replace_day(NAME, PREDICTIONS, day, told)
        lake.ensure(NAME, DECISIONS, found.schema)
        lake.replace_day(NAME, DECISIONS, day, found)


def scoring_set(seed: int, cases: int) -> "pa.Table":
    """Cases of a night in the order of their times, as the road writes them."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(seed)
    keys = random.permutation(cases)
    return pa.table(
        {
            "case_id": [f"case-{seed:03d}-{n:07d}" for n in keys],
            "entity": [f"entity-{n:07d}" for n in random.integers(0, cases, cases)],
            "arose_at": pa.array(np.sort(random.integers(0, 86_400_000_000, cases)) + _start(seed))
            .cast(pa.timestamp("us"))
            .cast(pa.timestamp("us", "UTC")),
            **{f"number_{n}": random.normal(size=cases) for n in range(FEATURES)},
        }
    )


def decisions(
    use_case: "UseCaseSpec", cases: "pa.Table", day: date, seed: int, version: int, digest: str
) -> "pa.Table":
    """A third is referred, with three reasons each."""
    import numpy as np
    import pyarrow as pa

    from assets.decisions.policy import decision_ids
    from assets.tables import DECISIONS_SCHEMA

    random, rows = np.random.default_rng(seed), cases.num_rows
    score = random.beta(1, 5, rows)
    refer = score > np.quantile(score, 2 / 3)
    what = np.where(refer, "refer", "approve")
    offsets = pa.array(np.concatenate([[0], np.cumsum(refer * 3)]), pa.int32())
    items = int(refer.sum()) * 3
    names = pa.array([f"number_{n}" for n in range(FEATURES)])
    told = pa.array([f"What number {n} says is high against others" for n in range(FEATURES)])
    chosen = pa.array(random.integers(0, FEATURES, items))
    kind = DECISIONS_SCHEMA.field("reasons").type
    reasons = pa.StructArray.from_arrays(
        [names.take(chosen), pa.array(random.random(items)), told.take(chosen)],
        fields=list(kind.value_type),
    )
    columns: dict[str, Any] = {
        "decision_id": decision_ids(use_case.name, cases.column("case_id").to_pylist(), day),
        "revision": pa.repeat(pa.scalar(1, pa.int64()), rows),
        "case_key": cases.column("case_id"),
        "entity_key": cases.column("entity"),
        "event_timestamp": cases.column("arose_at"),
        "score": score,
        "decision": pa.array(what.tolist()),
        "advice": pa.array(what.tolist()),
        "rule": pa.array(np.where(refer, "between", "approve_below").tolist()),
        "reasons": pa.ListArray.from_arrays(offsets, reasons, type=kind),
        "overflow": pa.repeat(False, rows),
        "value_at_risk": score * 1000,
        "arm": pa.repeat("champion", rows),
        "model_version": pa.repeat(pa.scalar(1, pa.int64()), rows),
        "model_digest": pa.repeat(digest, rows),
        "scoring_set_version": pa.repeat(pa.scalar(version, pa.int64()), rows),
        "spec_version": pa.repeat(use_case.version, rows),
        "run_id": pa.repeat(f"run-{seed}", rows),
    }
    return _whole(DECISIONS_SCHEMA, columns, rows)


def predictions(found: "pa.Table") -> "pa.Table":
    """What the decisions were made from."""
    from assets.tables import PREDICTIONS_SCHEMA

    shared = [n for n in PREDICTIONS_SCHEMA.names if n in found.column_names and n != "reasons"]
    return _whole(PREDICTIONS_SCHEMA, {name: found.column(name) for name in shared}, found.num_rows)


def compare(nights: int, cases: int, rounds: int) -> Figures:
    """Fill a home, put it on the ledger, verify it, and hash its bytes plainly."""
    from assets.home import Home
    from assets.lake import Lake
    from assets.ledger.record import checkpoint_day
    from assets.ledger.verify import verify

    with tempfile.TemporaryDirectory() as folder:
        home, use_case = Home(Path(folder) / "home"), spec()
        lake = Lake(home.lake)
        fill(home, lake, use_case, nights, cases)
        watch = Stopwatch(cpu=time.process_time())
        for number in range(nights):
            day = START + timedelta(days=number)
            checkpoint_day(lake, home, use_case, day, run_id="benchmark")
        sealed = watch.figures()
        now = datetime(2026, 6, 1, tzinfo=UTC)

        def verified() -> None:
            found = verify(lake, home, use_case, now=now)
            if not found.sound or found.decisions != nights * cases:
                raise BenchmarkError(found.as_text())

        took = _best(verified, rounds)
        roots = _best(lambda: _roots(lake, nights), rounds)
        whole, together = _bytes(lake, nights), hashlib.sha256
        plain = _best(lambda: together(whole).digest(), rounds)
    return {
        "decisions": nights * cases,
        "megabytes": len(whole) / 1e6,
        "sealed": sealed,
        "verified": took,
        "roots": roots,
        "plain": plain,
        "ratio": {name: roots[name] / plain[name] for name in ("wall", "cpu")},
        "whole_ratio": {name: took[name] / plain[name] for name in ("wall", "cpu")},
    }


def _roots(lake: "Lake", nights: int) -> None:
    """The roots of all decisions, read from the disk."""
    from assets.ledger.covered import DECIDED, covered_rows
    from assets.ledger.roots import root_of

    for number in range(nights):
        rows = covered_rows(lake, NAME, DECIDED, START + timedelta(days=number))
        root_of(rows, DECIDED.keys)


def _bytes(lake: "Lake", nights: int) -> bytes:
    """What the roots of the decisions are computed over."""
    from assets.ledger import roots
    from assets.ledger.covered import DECIDED, covered_rows

    class Kept:
        def __init__(self) -> None:
            self.parts: list[bytes] = []

        def update(self, data: Any, /) -> None:
            self.parts.append(bytes(data))

    kept = Kept()
    for number in range(nights):
        rows = covered_rows(lake, NAME, DECIDED, START + timedelta(days=number))
        rows = roots.in_order(roots.plain(rows), DECIDED.keys)
        for column in rows.columns:
            roots.write_column(kept, column)
    return b"".join(kept.parts)


def _best(work: "Callable[[], Any]", rounds: int) -> Figures:
    runs = []
    for _ in range(rounds):
        watch = Stopwatch(cpu=time.process_time())
        work()
        runs.append(watch.figures())
    return min(runs, key=lambda one: float(one["wall"]))


def _release(home: "Home", lake: "Lake", use_case: "UseCaseSpec") -> str:
    """A version on the release record, its file on the disk; the file's digest."""
    from assets.release.events import REGISTERED, SYSTEM, append_events
    from assets.training.manifest import write_manifest

    folder = home.root / "models" / NAME / "1"
    folder.mkdir(parents=True)
    (folder / "model.skops").write_bytes(b"a model")
    digest = hashlib.sha256(b"a model").hexdigest()
    signed = write_manifest(home, folder, use_case=NAME, training_digest="t")
    record = {
        "model_folder": folder.relative_to(home.root).as_posix(),
        "training_digest": "t",
        "as_of": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
    }
    event = {
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "model_version": 1,
        "stage": REGISTERED,
        "effective_from": START,
        "model_digest": digest,
        "manifest_digest": signed.digest,
        "actor": SYSTEM,
        "reason": "for the benchmark",
        "evidence": json.dumps({"record": record}),
        "spec_version": use_case.version,
        "run_id": "benchmark",
    }
    append_events(lake, NAME, lambda _: [event])
    return digest


def _whole(schema: "pa.Schema", columns: dict[str, Any], rows: int) -> "pa.Table":
    import pyarrow as pa

    return pa.table(
        {field.name: columns.get(field.name, pa.nulls(rows, field.type)) for field in schema}
    ).cast(schema)


def _start(number: int) -> int:
    """Microseconds since 1970 at which the night's day began."""
    day = START + timedelta(days=number)
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description="The ledger against plain SHA-256.")
    parser.add_argument("--nights", type=int, default=NIGHTS)
    parser.add_argument("--cases", type=int, default=CASES, help="Of a night.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = compare(given.nights, given.cases, given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{found['decisions']:,} decisions, {found['megabytes']:.0f} MB hashed")
        for name, what in (
            ("sealed", "put on the ledger, with what they were made from"),
            ("verified", "verified: rows, inputs, chain, models, copy"),
            ("roots", "of it the roots of the decisions, read from the disk"),
            ("plain", "plain SHA-256 of the same bytes"),
        ):
            one = found[name]
            print(f"{name:9}: {one['wall']:6.2f} s wall, {one['cpu']:6.2f} s CPU  ({what})")
        for name, ratio in (("roots", found["ratio"]), ("verified", found["whole_ratio"])):
            print(f"{name} x plain: {ratio['wall']:.1f} wall, {ratio['cpu']:.1f} CPU")
    if found["verified"]["wall"] > MOST_SECONDS * found["decisions"] / 1e6:
        raise SystemExit(f"verification took {found['verified']['wall']:.0f} s")


if __name__ == "__main__":
    main()

"""Scoring against bare ``predict_proba``: ``python -m benchmarks.training [--rows N]``.

A model is fitted once per candidate. Then the same rows are scored from the Arrow table the lake
gives (:func:`feature_frame`, :func:`predict`), and by ``predict_proba`` alone on a frame that is
ready. The two take turns, ``--rounds`` times; the best of each counts. Both must give the same
scores.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Stopwatch
from benchmarks.prepared_home import BenchmarkError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from assets.spec import UseCaseSpec

ROWS, ROUNDS, FITTED = 1_000_000, 3, 20_000
MOST_TIMES = 1.2
NUMBERS, CATEGORIES = 14, 6
CANDIDATES: dict[str, dict[str, Any]] = {
    "hist_gradient_boosting": {"max_iter": 200},
    "logistic_regression": {},
}
"""Candidates that are timed, with the settings they are fitted with."""

LIMITED = "hist_gradient_boosting"
"""The candidate held to the limit. A linear model's predict_proba takes little more than looking at
the values once, so next to it any reading of them shows: its ratio is printed, not judged."""

SEED = 20260601


def spec() -> "UseCaseSpec":
    """A use case with as many features as the tables above say, on the population row itself."""
    from assets.spec import UseCaseSpec

    numbers = [f"number_{i}" for i in range(NUMBERS)]
    categories = [f"category_{i}" for i in range(CATEGORIES)]
    time_and_keys = {
        "case_id": {"type": "string"},
        "person": {"type": "string"},
        "happened_at": {"type": "timestamp"},
    }
    features = {
        **{name: {"type": "float", "required": False} for name in numbers},
        **{name: {"type": "string", "required": False} for name in categories},
    }
    outcomes = {
        "case_id": {"type": "string"},
        "bad": {"type": "int"},
        "seen_at": {"type": "timestamp"},
    }
    return UseCaseSpec.model_validate(
        {
            "name": "bench",
            "start": "2026-03-01",
            "sources": {
                "events": {"columns": {**time_and_keys, **features}},
                "outcomes": {"columns": outcomes},
            },
            "population": {
                "source": "events",
                "key": "case_id",
                "entity": "person",
                "event_timestamp": "happened_at",
            },
            "label": {
                "source": "outcomes",
                "column": "bad",
                "positive": 1,
                "observed_at": "seen_at",
                "matures_after": "30d",
            },
            "features": {"request": [*numbers, *categories]},
        }
    )


def table(of: "UseCaseSpec", rows: int) -> "tuple[pa.Table, np.ndarray]":
    """Seeded features (one value in fifty missing), and labels that follow from some of them."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(SEED)
    odds = np.full(rows, -2.0)
    columns = {}
    for place, name in enumerate(of.numeric_features):
        values = random.normal(size=rows)
        odds += values * (place % 3 == 0)
        columns[name] = pa.array(values, mask=random.random(rows) < 0.02)
    for place, name in enumerate(of.categorical_features):
        codes = random.integers(0, 4 * (place + 1), rows, dtype="int32")
        odds += codes == 0
        names = pa.array([f"value {n}" for n in range(4 * (place + 1))])
        codes = pa.array(codes, mask=random.random(rows) < 0.02)
        columns[name] = pa.DictionaryArray.from_arrays(codes, names).cast(pa.string())
    labels = (random.random(rows) < 1 / (1 + np.exp(-odds))).astype("int64")
    return pa.table(columns), labels


def compare(rows: int, rounds: int) -> dict[str, Any]:
    """Figures of the best round of each way to score, and their ratios, by candidate."""
    import numpy as np

    from assets.training.candidates import build
    from assets.training.frame import feature_frame
    from assets.training.predict import predict

    of = spec()
    features, labels = table(of, rows)
    ready = feature_frame(of, features)
    found: dict[str, Any] = {"rows": rows, "features": len(of.feature_names)}
    for name, settings in CANDIDATES.items():
        pipeline = build(name, of, settings).fit(ready[:FITTED], labels[:FITTED])
        ways: dict[str, Callable[[], np.ndarray]] = {
            "bare": lambda fitted=pipeline: fitted.predict_proba(ready)[:, 1],  # type: ignore[misc]
            "road": lambda fitted=pipeline: predict(  # type: ignore[misc]
                of, fitted, feature_frame(of, features)
            ),
        }
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        scores = {}
        for _ in range(rounds):
            for way, scored in ways.items():
                watch = Stopwatch()
                scores[way] = scored()
                runs[way].append(watch.figures())
        if not np.array_equal(scores["bare"], scores["road"]):
            raise BenchmarkError(f"{name}: the road gives other scores than predict_proba")
        best = {
            way: {kind: min(one[kind] for one in done) for kind in ("wall", "cpu")}
            for way, done in runs.items()
        }
        found[name] = {
            **best,
            "wall_ratio": best["road"]["wall"] / best["bare"]["wall"],
            "cpu_ratio": best["road"]["cpu"] / best["bare"]["cpu"],
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Scoring against bare predict_proba.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    started = time.strftime("%H:%M:%S", time.gmtime())
    found = compare(given.rows, given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{found['rows']:,} rows x {found['features']} features ({started})")
        for name in CANDIDATES:
            one = found[name]
            for way in ("bare", "road"):
                seconds = f"{one[way]['wall']:6.2f} s wall, {one[way]['cpu']:6.2f} s CPU"
                print(f"{name}, {way}: {seconds}")
            ratios = f"{one['wall_ratio']:.2f} wall, {one['cpu_ratio']:.2f} CPU"
            print(f"{name}, road / bare: {ratios}")
    # By CPU: what else the machine does while one of the two runs would decide otherwise.
    if found[LIMITED]["cpu_ratio"] > MOST_TIMES:
        sys.exit(f"above the limit: {MOST_TIMES} times the CPU of bare predict_proba ({LIMITED})")


if __name__ == "__main__":
    main()

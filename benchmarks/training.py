"""Scoring against bare ``predict_proba``: ``python -m benchmarks.training [--rows N]``.

The same rows are scored in three ways, which take turns, ``--rounds`` times; the best of each
counts. *road*: from the Arrow table the lake gives (:func:`feature_frame`, :func:`predict`).
*bare*: ``predict_proba`` alone, on the frame ``Table.to_pandas`` made before the clock started, by
a pipeline fitted on such a frame. *script*: the same with ``to_pandas`` inside the clock. All must
give the same scores.

Held to the limit are the seconds the CPU spent in our own code (user time) against bare. What the
kernel takes to hand out memory is printed beside them, not judged: a new frame is 160 MB nobody has
touched yet, and on one and the same machine that took from 0.1 to 3.5 seconds.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.prepared_home import BenchmarkError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from sklearn.pipeline import Pipeline

    from assets.spec import UseCaseSpec

ROWS, ROUNDS, FITTED = 1_000_000, 3, 20_000
MOST_TIMES = 1.2
NUMBERS, CATEGORIES = 14, 6
CANDIDATES: dict[str, dict[str, Any]] = {
    "hist_gradient_boosting": {"max_iter": 200},
    "logistic_regression": {},
}
"""Candidates that are timed, with the settings they are fitted with."""

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
    few, ready = features.slice(0, FITTED), features.to_pandas()
    found: dict[str, Any] = {"rows": rows, "features": len(of.feature_names)}
    for name, settings in CANDIDATES.items():
        ours = build(name, of, settings).fit(feature_frame(of, few), labels[:FITTED])
        theirs = build(name, of, settings).fit(few.to_pandas(), labels[:FITTED])

        def bare(fitted: "Pipeline" = theirs) -> "np.ndarray":
            scores: np.ndarray = fitted.predict_proba(ready)[:, 1]
            return scores

        def script(fitted: "Pipeline" = theirs) -> "np.ndarray":
            scores: np.ndarray = fitted.predict_proba(features.to_pandas())[:, 1]
            return scores

        def road(fitted: "Pipeline" = ours) -> "np.ndarray":
            return predict(of, fitted, feature_frame(of, features))

        ways: dict[str, Callable[[], np.ndarray]] = {"bare": bare, "script": script, "road": road}
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        scores: dict[str, np.ndarray] = {}
        for _ in range(rounds):
            for way, scored in ways.items():
                runs[way].append(seconds(scored, scores, way))
        if not all(np.array_equal(scores["bare"], scores[way]) for way in ways):
            raise BenchmarkError(f"{name}: the road gives other scores than predict_proba")
        best = {
            way: {kind: min(one[kind] for one in done) for kind in ("wall", "user", "system")}
            for way, done in runs.items()
        }
        ratios = {
            f"{kind}_to_{other}": best["road"][kind] / best[other][kind]
            for kind in ("wall", "user")
            for other in ("bare", "script")
        }
        found[name] = {**best, **ratios}
    return found


def seconds(
    scored: "Callable[[], np.ndarray]", scores: "dict[str, np.ndarray]", way: str
) -> dict[str, float]:
    """Seconds of the wall, and of the CPU in our code and in the kernel; keeps the scores."""
    wall, before = time.perf_counter(), os.times()
    scores[way] = scored()
    after = os.times()
    return {
        "wall": time.perf_counter() - wall,
        "user": after.user - before.user,
        "system": after.system - before.system,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Scoring against bare predict_proba.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    started = time.strftime("%H:%M:%S", time.gmtime())
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    found = compare(given.rows, given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{found['rows']:,} rows x {found['features']} features ({started}, load {load})")
        for name in CANDIDATES:
            one = found[name]
            for way in ("bare", "script", "road"):
                took = {kind: f"{value:6.2f} s {kind}" for kind, value in one[way].items()}
                print(f"{name}, {way}: {', '.join(took.values())}")
            for other in ("bare", "script"):
                ratios = f"{one[f'user_to_{other}']:.2f} user, {one[f'wall_to_{other}']:.2f} wall"
                print(f"{name}, road / {other}: {ratios}")
    above = [name for name in CANDIDATES if found[name]["user_to_bare"] > MOST_TIMES]
    if above:
        sys.exit(f"above the limit: {MOST_TIMES} times the CPU of bare predict_proba ({above})")


if __name__ == "__main__":
    main()

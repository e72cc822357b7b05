"""One measurement in a process of its own: ``python -m benchmarks.measure WHAT HOME CASES BORN``.

WHAT is ``prepare`` (fill an empty home), ``road`` (two nights, the first cold and the second warm,
then the bare computation of the second) or ``bare`` (the same bare computation, cold). BORN is when
the process was started, in seconds since 1970. What was measured goes to ``HOME/<WHAT>.json``:
seconds of the wall, and of the CPU over all threads.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.prepared_home import (
    COLD,
    EVE,
    USE_CASE,
    WARM,
    BenchmarkError,
    prepare,
    require,
    use_case_folder,
)

if TYPE_CHECKING:
    from orchestration.session import Session

BEST_OF = 3
SAME_SCORE = 1e-12
"""Largest difference allowed between a score of the road and of the bare computation."""

SAME_DISTANCE = 0.03
"""The same for drift effects: the road counts numbers in a hundred bins."""

Figures = dict[str, Any]


@dataclass
class Stopwatch:
    """Wall and CPU from where it was made."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)

    def figures(self) -> Figures:
        """Seconds so far; the most memory this process ever held, in MB."""
        # Linux counts in kilobytes, macOS in bytes.
        unit = 1024**2 if sys.platform == "darwin" else 1024
        return {
            "wall": time.perf_counter() - self.wall,
            "cpu": time.process_time() - self.cpu,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit,
        }


def main() -> None:
    what, home, cases, born = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    # From the birth of this process: what the interpreter takes is part of a cold start.
    watch = Stopwatch(wall=time.perf_counter() - (time.time() - born), cpu=0.0)
    measure: dict[str, Callable[[], Figures]] = {
        "prepare": lambda: _prepare(watch, home, cases),
        "road": lambda: _road(watch, home),
        "bare": lambda: _cold_bare(watch, home),
    }
    (home / f"{what}.json").write_text(json.dumps(measure[what]()))


def _prepare(watch: Stopwatch, home: Path, cases: int) -> Figures:
    prepare(home, cases)
    return watch.figures()


def _road(watch: Stopwatch, home: Path) -> Figures:
    from orchestration.session import open_home

    session = open_home(home, [use_case_folder(home)])
    _ = session.definitions
    started = watch.figures()["wall"]
    cold = _night(session, COLD, watch) | {"start": started}
    warm = _night(session, WARM, Stopwatch())
    inputs = _bare_inputs(session)
    runs = []
    for _ in range(BEST_OF):
        again = Stopwatch()
        distances = _bare(home, inputs)
        runs.append(again.figures())
    bare = min(runs, key=lambda one: float(one["wall"]))
    return {"cold": cold, "warm": warm, "bare": bare} | _compare(session, distances)


def _night(session: "Session", day: date, watch: Stopwatch) -> Figures:
    from benchmarks.stages import stage_seconds
    from orchestration.jobs import nightly_job
    from orchestration.nights import night

    outcome = session.run(nightly_job(USE_CASE), day=day)
    figures = watch.figures()
    require(outcome)
    record = night(session, USE_CASE, day)
    if record.gate_failures or record.cases is None:
        raise BenchmarkError(f"the night of {day} did not go through: {record}")
    stages = stage_seconds(session, outcome.run_id)
    return figures | {"cases": record.cases, "drift": record.drift, "stages": stages}


def _bare_inputs(session: "Session") -> dict[str, str]:
    """Files that the bare computation starts from: the champion's, and the rows drift is compared
    with, scored. Both are there before a night begins."""
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    from assets.lake import PARTITION
    from assets.release.champion import require_champion
    from assets.scoring.loader import load_verified
    from assets.tables import TRAINING_SET
    from assets.training.frame import feature_frame
    from assets.training.predict import predict

    home, spec = session.home, session.spec(USE_CASE)
    champion = require_champion(session.lake, home, spec, WARM)
    trained_on = session.lake.read(
        USE_CASE,
        TRAINING_SET,
        where=ds.field(PARTITION) == ds.scalar(EVE),
        version=champion.training_set_version,
    )
    frame = feature_frame(spec, trained_on)
    scores = predict(spec, load_verified(home, champion).pipeline, frame)
    reference = home.root / "reference.parquet"
    pq.write_table(pa.Table.from_pandas(frame.assign(score=scores)), reference)
    inputs = {"model": str(home.root / champion.model_path), "reference": str(reference)}
    (home.root / "inputs.json").write_text(json.dumps(inputs))
    return inputs


def _bare(home: Path, inputs: dict[str, str]) -> dict[str, float]:
    from assets.home import Home
    from assets.spec_files import load_specs
    from benchmarks.bare import bare_night

    (spec,) = load_specs([use_case_folder(home)])
    return bare_night(
        spec,
        Home(home).landing / USE_CASE,
        WARM,
        Path(inputs["model"]),
        Path(inputs["reference"]),
        home / "predictions.parquet",
    )


def _cold_bare(watch: Stopwatch, home: Path) -> Figures:
    _bare(home, json.loads((home / "inputs.json").read_text()))
    return watch.figures()


def _compare(session: "Session", distances: dict[str, float]) -> Figures:
    """Raise BenchmarkError unless the bare computation came to what the road has on record."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from assets.tables import DRIFT, PREDICTIONS, SCORING_SET

    lake, key = session.lake, session.spec(USE_CASE).population.key
    recorded = lake.read_day(USE_CASE, PREDICTIONS, WARM).select(["case_key", "score"])
    bare = pq.read_table(session.home.root / "predictions.parquet")
    bare = bare.rename_columns({key: "case_key", "score": "bare"})
    both = recorded.join(bare, keys="case_key", join_type="full outer")
    apart = pc.abs(pc.subtract(both.column("score"), both.column("bare")))
    scores_apart = float(pc.max(apart).as_py())
    if apart.null_count or scores_apart > SAME_SCORE:
        raise BenchmarkError(
            f"the bare computation scores other cases ({apart.null_count}) or otherwise (by up to "
            f"{scores_apart}) than the road: their times cannot be compared"
        )
    rows = lake.read_day(USE_CASE, DRIFT, WARM).to_pylist()
    # Where two nights together lie further out, they stand in place of the single one.
    single = [r for r in rows if r["measure"] == "drift" and json.loads(r["detail"])["nights"] == 1]
    drift = {r["subject"]: r["value"] for r in single}
    distance_apart = max((abs(distances[name] - value) for name, value in drift.items()), default=0)
    if not drift or not drift.keys() <= distances.keys() or distance_apart > SAME_DISTANCE:
        raise BenchmarkError(f"drift distances differ: {drift} on record, {distances} bare")
    features = lake.read_day(USE_CASE, SCORING_SET, WARM)
    view = next(iter(session.spec(USE_CASE).features.views.values()))
    unknown = features.column(view.columns[0]).null_count / features.num_rows
    return {
        "scores_apart": scores_apart,
        "distances_apart": distance_apart,
        "cases_without_view": unknown,
    }


if __name__ == "__main__":
    main()

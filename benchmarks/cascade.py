"""The cascade against the winner alone: ``python -m benchmarks.cascade [--rows N]``.

The same rows are scored by the winner alone and by the cascade (its nightly sample and the check of
its golden rows among it), which take turns, ``--rounds`` times; the best of each counts. Winner and
cheap model are fitted on other rows. Held to the limits are the CPU of the cascade against that of
the winner (of boosted trees alone: an explainable boosting machine looks its curves up as quickly
as a cheap model multiplies, so with one there is nothing to save), and the share of clear cases on
which the policy would advise otherwise.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.training import seconds
from benchmarks.training import spec as plain_spec
from benchmarks.training import table as made_table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from assets.scoring.loader import VerifiedModel
    from assets.spec import UseCaseSpec

ROWS, ROUNDS, FITTED = 200_000, 3, 20_000
POLICY = {"approve_below": 0.2, "decline_above": 0.5}
BAND = (0.1, 0.7)
MOST_TIMES, MOST_OTHERWISE = 0.8, 0.02
WINNERS: dict[str, dict[str, Any]] = {
    "explainable_boosting": {},
    "hist_gradient_boosting": {"max_iter": 200},
}
"""Winners that are timed, with the settings they are fitted with."""

SAVES = ("hist_gradient_boosting",)
"""Those the cascade has to save something of."""


def spec() -> "UseCaseSpec":
    """The use case of the scoring benchmark with a policy and a cascade around its lines."""
    from assets.spec import UseCaseSpec

    raw = plain_spec().model_dump()
    raw["policy"] |= POLICY
    raw["model"]["cascade"] = {"band": BAND, "max_disagreement": MOST_OTHERWISE}
    return UseCaseSpec.model_validate(raw)


def model_of(
    of: "UseCaseSpec", name: str, settings: dict[str, Any], features: "pa.Table", labels: Any
) -> "VerifiedModel":
    """A winner fitted on these rows, and its cheap model, as the loader would give them."""
    import numpy as np
    import pyarrow as pa

    from assets.features.columns import LABEL
    from assets.scoring.loader import VerifiedModel
    from assets.training.candidates import build
    from assets.training.distil import distil
    from assets.training.predict import predict
    from assets.training.rows import training_rows

    count = features.num_rows
    moments = pa.array(np.arange(count), pa.int64()).cast(pa.timestamp("us", "UTC"))
    keys = pa.array([f"case {n:07d}" for n in range(count)])
    full = features
    for column, values in (
        (of.population.key, keys),
        (of.population.entity, keys),
        (of.population.event_timestamp, moments),
        (LABEL, pa.array(labels)),
    ):
        full = full.append_column(column, values)
    rows = training_rows(of, full, ("0", "1"))
    winner = rows.fit(build(name, of, settings), np.arange(len(rows)))
    cheap = distil(of, winner, rows, np.arange(len(rows)))
    golden = rows.table.slice(0, of.model.golden_rows)
    scores = predict(of, cheap, rows.frame.iloc[: golden.num_rows])
    return VerifiedModel(winner, golden, cheap, scores, BAND)


def compare(rows: int, rounds: int) -> dict[str, Any]:
    """Figures of the best round of either way, their ratios and their agreement, by winner."""
    import numpy as np

    from assets.scoring.cascade import cascaded
    from assets.training.distil import advised, clear_cases
    from assets.training.frame import feature_frame
    from assets.training.predict import predict

    of = spec()
    assert of.model.cascade is not None
    features, labels = made_table(of, FITTED + rows)
    frame = feature_frame(of, features.slice(FITTED))
    found: dict[str, Any] = {"rows": rows, "features": len(of.feature_names)}
    for name, settings in WINNERS.items():
        model = model_of(of, name, settings, features.slice(0, FITTED), labels[:FITTED])
        figures: dict[str, Any] = {}

        def alone(model: "VerifiedModel" = model) -> "np.ndarray":
            return predict(of, model.pipeline, frame)

        def cascade(
            model: "VerifiedModel" = model, figures: dict[str, Any] = figures
        ) -> "np.ndarray":
            done = cascaded(of, model, frame)
            figures |= done.figures
            return done.scores

        ways: dict[str, Callable[[], np.ndarray]] = {"alone": alone, "cascade": cascade}
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        scores: dict[str, np.ndarray] = {}
        for _ in range(rounds):
            for way, scored in ways.items():
                runs[way].append(seconds(scored, scores, way))
        best = {
            way: {kind: min(one[kind] for one in done) for kind in ("wall", "user", "system")}
            for way, done in runs.items()
        }
        same = advised(of, scores["alone"]) == advised(of, scores["cascade"])
        assert model.cheap is not None
        clear = clear_cases(of.model.cascade, predict(of, model.cheap, frame))
        found[name] = {
            **best,
            "user_ratio": best["cascade"]["user"] / best["alone"]["user"],
            "wall_ratio": best["cascade"]["wall"] / best["alone"]["wall"],
            "agreement": float(same.mean()),
            "otherwise_of_clear": float((~same)[clear].mean()),
            "figures": figures,
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="The cascade against the winner alone.")
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
        for name in WINNERS:
            one = found[name]
            for way in ("alone", "cascade"):
                took = {kind: f"{value:5.2f} s {kind}" for kind, value in one[way].items()}
                print(f"{name}, {way}: {', '.join(took.values())}")
            ratios = f"{one['user_ratio']:.2f} CPU, {one['wall_ratio']:.2f} wall"
            print(f"{name}, cascade / alone: {ratios}; {_told(one)}")
    wrong = [
        name
        for name in WINNERS
        if (name in SAVES and found[name]["user_ratio"] > MOST_TIMES)
        or found[name]["otherwise_of_clear"] > MOST_OTHERWISE
    ]
    if wrong:
        sys.exit(
            f"above a limit ({MOST_TIMES} times the CPU of the winner alone, {MOST_OTHERWISE:.0%} "
            f"of the clear cases decided otherwise): {wrong}"
        )


def _told(one: dict[str, Any]) -> str:
    figures = one["figures"]
    return (
        f"{figures['cheap_share']:.1%} by the cheap model, the winner asked of "
        f"{figures['by_winner'] / figures['cases']:.1%}; same advice on {one['agreement']:.2%} of "
        f"all, otherwise on {one['otherwise_of_clear']:.2%} of the clear"
    )


if __name__ == "__main__":
    main()

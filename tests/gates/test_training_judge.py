"""All gates on a model: which apply, in what form they go on record, and that they repeat."""

import json
from datetime import timedelta

import numpy as np

from assets.training.gates.judge import ChampionEvidence, judge
from tests.judged_models import START, kiln, kiln_spec, linear, model_of

DIGEST = "0123456789abcdef" * 4


def test_gates_that_do_not_apply_are_left_out() -> None:
    spec = kiln_spec()
    quiet = kiln(rows=1500)
    said: list[str] = []
    found = judge(
        spec, model_of(spec, quiet.table), quiet.table, None, DIGEST, progress=said.append
    )
    assert [one.gate.removeprefix("training.") for one in found] == [
        "leak",
        "baseline",
        "calibration",
        "stability",
        "behaviour",
        "coverage",
    ]
    assert said == [f"{one.gate}: {one.verdict}" for one in found]
    assert {one.subject for one in found} == {"model 0123456789ab"}
    assert {one.evidence_digest for one in found} == {DIGEST}


def test_all_gates_pass_a_good_model_twice_the_same() -> None:
    spec = kiln_spec(
        sensitive={"guild": {}, "years": {"bins": [30, 60]}},
        model__monotone={"heat": "increasing"},
        model__window="120d",
    )
    quiet = kiln()
    trained = model_of(spec, quiet.table.slice(4000 - 2880))
    champion = ChampionEvidence(
        1, linear(spec, quiet.table.slice(0, 2000)), START + timedelta(hours=2000)
    )
    found = judge(spec, trained, quiet.table, champion, DIGEST)
    assert [one.verdict for one in found] == ["pass"] * 8, [one.message for one in found]
    assert found[0].figures["rows"] == 2881  # 120 days of hours, both ends, not all 4,000
    # Exactly what the record keeps: JSON without NaN or infinity.
    first = [json.dumps(vars(one), sort_keys=True, allow_nan=False) for one in found]
    again = judge(spec, trained, quiet.table, champion, DIGEST)
    assert first == [json.dumps(vars(one), sort_keys=True, allow_nan=False) for one in again]


def test_a_regression_has_no_calibration() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline

    from assets.training.frame import feature_frame
    from assets.training.inputs import scaled_inputs

    spec = kiln_spec(model__task="regression", label__positive=None)
    quiet = kiln(rows=1500)
    heat = quiet.table.column("heat").to_numpy()
    value = 20 * heat + np.random.default_rng(0).normal(scale=10, size=1500)
    table = quiet.with_column("label", value).table
    steps = [("inputs", scaled_inputs(spec)), ("model", Ridge())]
    pipeline = Pipeline(steps).fit(feature_frame(spec, table), value)
    trained = model_of(spec, table, 20 * heat, pipeline=pipeline)
    found = {one.gate: one.verdict for one in judge(spec, trained, table, None, DIGEST)}
    assert "training.calibration" not in found
    assert set(found.values()) == {"pass"}

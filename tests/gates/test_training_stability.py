"""The stability gate: as good in every slice as over all, beyond what noise explains."""

import numpy as np
import pytest

from assets.training.gates.stability import stability_gate
from tests.judged_models import kiln, kiln_spec, model_of

SPEC = kiln_spec()


def test_a_steady_model_passes() -> None:
    quiet = kiln()
    found = stability_gate(SPEC, model_of(SPEC, quiet.table, quiet.chance))
    assert found.verdict == "pass"
    slices = found.figures["slices"]
    assert [s["rows"] for s in slices] == [667, 667, 666]
    assert slices[0]["last"] < slices[1]["first"]
    # Three slices share the error probability of one question.
    assert slices[0]["value"].confidence == pytest.approx(1 - 0.05 / 3)


def test_a_slice_the_model_knows_nothing_of_is_refused() -> None:
    quiet = kiln()
    scores = quiet.chance.copy()
    scores[3400:] = np.random.default_rng(0).permutation(scores[3400:])
    found = stability_gate(SPEC, model_of(SPEC, quiet.table, scores))
    assert found.verdict == "fail"
    assert [s["fails"] for s in found.figures["slices"]] == [False, False, True]


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_a_drop_that_noise_explains_does_not_count(metric: str) -> None:
    limits = {"stability": {"slices": 8, "max_drop": 0.01, "min_rows": 50}}
    spec = kiln_spec(model__metric=metric, model__gates=limits)
    quiet = kiln(rows=1200)
    found = stability_gate(spec, model_of(spec, quiet.table, quiet.chance))
    assert max(s["drop"] for s in found.figures["slices"]) > 0.01
    assert found.verdict == "pass"


def test_small_slices_are_not_judged_and_none_is_insufficient() -> None:
    spec = kiln_spec(model__gates={"stability": {"slices": 30}})
    quiet = kiln()
    found = stability_gate(spec, model_of(spec, quiet.table, quiet.chance))
    assert found.verdict == "insufficient"
    # One outcome only in the first slice: that one is not judged, the others are.
    labels = quiet.labels.copy()
    labels[2000:2667] = 0
    found = stability_gate(
        SPEC, model_of(SPEC, quiet.with_column("label", labels).table, quiet.chance)
    )
    assert [s["judged"] for s in found.figures["slices"]] == [False, True, True]
    assert "1 too small to judge" in found.message


def test_a_snapshot_has_random_parts() -> None:
    spec = kiln_spec(model__validation="cross_validation")
    quiet = kiln()
    scores = quiet.chance.copy()
    scores[3400:] = np.random.default_rng(0).permutation(scores[3400:])
    found = stability_gate(spec, model_of(spec, quiet.table, scores))
    assert found.verdict == "pass"  # the bad rows are spread evenly over the parts
    assert "first" not in found.figures["slices"][0]


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_a_drop_of_a_metric_in_units_is_a_share(metric: str) -> None:
    spec = kiln_spec(model__task="regression", model__metric=metric, label__positive=None)
    random = np.random.default_rng(0)
    label = 1e6 * random.normal(size=4000)
    table = kiln().with_column("label", label).table
    off = 1e4 * random.normal(size=4000)
    assert stability_gate(spec, model_of(spec, table, label + off, pipeline=0)).verdict == "pass"
    off[3400:] *= 5
    assert stability_gate(spec, model_of(spec, table, label + off, pipeline=0)).verdict == "fail"

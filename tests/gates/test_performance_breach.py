"""When the champion counts as worse than it was at training, and when nobody can tell."""

import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assets.features.columns import LABEL
from assets.home import Home
from assets.lake import Lake
from assets.performance.assets import PERFORMANCE_HOLDS, performance_asset
from assets.performance.judgement import Trained
from assets.performance.measured import Performance, measure_performance
from assets.performance.words import performance_words
from assets.spec import UseCaseSpec
from assets.tables import PERFORMANCE
from assets.training.evidence import Interval
from orchestration.resources.installation import Installation
from tests.matured_nights import DAY, boats_spec, decided_by, put, refused, version, window


def measured(
    home: Home, lake: Lake, spec: UseCaseSpec, nights: list[pa.Table], **more: Any
) -> Performance:
    put(lake, spec, nights, **more)
    return measure_performance(spec, lake, home, DAY)


def verdicts(found: Performance) -> dict[str, str]:
    return {one.measure: one.verdict for one in found.measures if one.verdict}


def test_a_champion_as_good_as_at_training_holds(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided_by(monkeypatch, version())
    spec = boats_spec()
    found = measured(home, lake, spec, window())
    assert verdicts(found) == {"roc_auc": "pass", "calibration_error": "pass"}
    area = found.find("roc_auc")
    # Less the margin, and less a part of what the figure at training may be off.
    assert 0.72 < area.limit < 0.75
    assert area.n == 1000
    assert area.model_version == 1
    assert area.detail["scored_on_their_night"] == 1000
    assert area.detail["trained"] == 0.8
    assert "it fails when the whole interval is below 0.7" in performance_words(spec, found)


def test_a_champion_that_is_surely_worse_fails_and_one_that_may_be_does_not(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided_by(monkeypatch, version())
    spec = boats_spec()
    found = measured(home, lake, spec, window(noise=4.0))
    area = found.find("roc_auc")
    assert area.limit is not None
    assert area.verdict == "fail"
    assert area.high < area.limit
    said = performance_words(spec, found)
    assert "whole interval is below the limit" in said
    assert "nightshift train boats" in said
    # As bad, but on a fifth of the cases: lower than the limit, and not surely.
    few = measured(home, lake, boats_spec(), window(30, noise=2.8))
    area = few.find("roc_auc")
    assert area.limit is not None
    assert area.value < area.limit
    assert area.verdict == "pass"


@given(
    figure=st.floats(0.5, 0.9), seen=st.floats(0.2, 0.9), own=st.floats(0.001, 0.2),
    theirs=st.floats(0.0, 0.2), margin=st.floats(0.0, 0.1), smaller=st.booleans(),
)  # fmt: skip
def test_it_is_beyond_its_limit_where_the_difference_is_more_than_both_and_the_margin(
    figure: float, seen: float, own: float, theirs: float, margin: float, smaller: bool
) -> None:
    at = Trained(Interval(figure, figure - theirs, figure + theirs), margin, smaller)
    now = Interval(seen, seen - own, seen + own)
    worse = seen - figure if smaller else figure - seen
    apart = worse - margin - math.hypot(own, theirs)
    assume(abs(apart) > 1e-9)
    assert at.beyond(now) == (apart > 0)
    # Never stricter than the interval against the figure less the margin.
    limit = figure + margin if smaller else figure - margin
    assert (1 if smaller else -1) * (at.limit(now) - limit) > -1e-9
    # A better figure is never beyond where a worse one is not.
    better = Interval(*(end + (-0.05 if smaller else 0.05) for end in (seen, now.low, now.high)))
    assert at.beyond(now) or not at.beyond(better)


def test_a_metric_of_errors_fails_above_its_limit_and_has_its_unit(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec(task="regression", sensitive=False)
    decided_by(monkeypatch, version(metric="mae", figure=2.0))
    random = np.random.default_rng(1)
    truth = random.normal(50, 9, 200)

    def nights(error: float) -> list[pa.Table]:
        scores = truth + random.normal(0, error, 200)
        return [
            night.set_column(night.column_names.index(LABEL), LABEL, pa.array(truth))
            for night in window(score=scores, decision=["refer"] * 200)
        ]

    found = measured(home, lake, spec, nights(2.4))
    error = found.find("mae")
    # A twentieth of 2.0 is the margin, and the figure at training may be off by 0.03.
    assert 2.1 < error.limit < 2.13
    assert error.verdict == "pass"
    assert "calibration_error" not in verdicts(found)
    assert {one.measure for one in found.measures} >= {"mae", "rmse", "r2", "label_mean"}
    assert verdicts(measured(home, lake, spec, nights(4.0))) == {"mae": "fail"}


def test_scores_that_no_longer_mean_what_they_say_fail(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided_by(monkeypatch, version())
    spec = boats_spec()
    found = measured(home, lake, spec, window(shift=1.5))
    assert verdicts(found) == {"roc_auc": "pass", "calibration_error": "fail"}
    assert "surely more than 0.1" in performance_words(spec, found)
    curve = [one for one in found.measures if one.measure == "calibration"]
    assert [one.subject for one in curve] == sorted(one.subject for one in curve)
    assert sum(one.n for one in curve) == 1000
    over = [one for one in curve if one.value is not None and one.n > 50]
    assert all(one.value < one.detail["predicted"] for one in over if one.value is not None)


def test_too_few_cases_are_measured_and_not_judged(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided_by(monkeypatch, version())
    found = measured(home, lake, boats_spec(), window(19, noise=9.0))
    area = found.find("roc_auc")
    assert area.verdict == "insufficient"
    assert area.detail["why"] == "95 matured cases, 100 are needed"
    rare = window(200, **{LABEL: np.r_[np.ones(2), np.zeros(198)].astype("int64")})
    found = measured(home, lake, boats_spec(), rare)
    area = found.find("roc_auc")
    assert area.verdict == "insufficient"
    assert "10 cases of the rarer outcome" in str(area.detail["why"])


def test_a_night_that_cannot_be_judged_is_measured_as_far_as_possible(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec()
    decided_by(monkeypatch, version())
    # Nothing at all is there, then cases without outcomes, then outcomes that are all alike.
    for nights, labelled in (([], False), (window(), False), (_alike(), True)):
        put(lake, spec, nights, labelled=labelled)
        found = measure_performance(spec, lake, home, DAY)
        assert verdicts(found)["roc_auc"] == "insufficient", nights
        assert performance_words(spec, found)
    rate = found.find("label_rate", arm="")
    assert (rate.value, rate.n) == (0.0, 1000)
    # Who decided is not known; what became of the cases is.
    refused(monkeypatch)
    found = measure_performance(spec, lake, home, DAY)
    assert "nobody approved" in performance_words(spec, found)
    assert found.problems
    decided_by(monkeypatch, None)
    found = measure_performance(spec, lake, home, DAY)
    assert verdicts(found) == {"roc_auc": "insufficient"}
    assert found.find("matured_share", arm="") is not None
    # Scored by nobody: every score is null.
    decided_by(monkeypatch, version())
    empty = {"score": pa.nulls(200, pa.float64()), "model_version": pa.nulls(200, pa.int64())}
    put(lake, spec, window(**empty, fallback=["no champion"] * 200))
    found = measure_performance(spec, lake, home, DAY)
    area = found.find("roc_auc")
    assert area.verdict == "insufficient"
    assert area.detail["without_score"] == 1000
    assert "version 1" in found.problems[0]


def _alike() -> list[pa.Table]:
    return window(**{LABEL: np.zeros(200, dtype="int64")})


def test_a_version_without_a_figure_on_record_is_not_judged(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided_by(monkeypatch, version(metric="log_loss"))
    found = measured(home, lake, boats_spec(), window())
    area = found.find("roc_auc")
    assert (area.verdict, area.limit) == ("insufficient", None)
    assert "release record" in str(area.detail["why"])


def test_several_classes_are_judged_by_the_likeliest_one(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec(task="multiclass", sensitive=False)
    decided_by(monkeypatch, version(metric="macro_f1", figure=0.9))
    random = np.random.default_rng(2)
    truth = random.choice(["calm", "rough", "storm"], 200)

    def nights(right: float) -> list[pa.Table]:
        guess = np.where(random.random(200) < right, truth, random.permutation(truth))
        made = window(score=np.full(200, 0.9), prediction=guess)
        return [n.set_column(n.column_names.index(LABEL), LABEL, pa.array(truth)) for n in made]

    found = measured(home, lake, spec, nights(0.95))
    assert verdicts(found) == {"macro_f1": "pass"}
    rates = {m.subject for m in found.measures if m.measure == "label_rate"}
    assert rates == {"class=calm", "class=rough", "class=storm"}
    lost = found.find("log_loss")
    assert lost.value is None
    assert "only the likeliest" in lost.detail["why"]
    assert verdicts(measured(home, lake, spec, nights(0.3))) == {"macro_f1": "fail"}


def test_the_check_warns_in_dagster_and_a_second_run_changes_nothing(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided_by(monkeypatch, version())
    spec = boats_spec()
    put(lake, spec, window(noise=4.0))

    def ran() -> dict[str, Any]:
        result = dg.materialize(
            [performance_asset(spec)],
            partition_key=DAY.isoformat(),
            resources={"installation": Installation(root=str(home.root))},
        )
        (check,) = result.get_asset_check_evaluations()
        assert (check.check_name, check.passed) == (PERFORMANCE_HOLDS, False)
        assert check.severity == dg.AssetCheckSeverity.WARN
        (made,) = result.asset_materializations_for_node(f"boats__{PERFORMANCE}")
        return {name: value.value for name, value in made.metadata.items()}

    told = ran()
    assert told["matured cases"] == 1000
    assert told["roc_auc"].startswith("fail: 0.")
    assert told["performance"].startswith("![performance over the nights")
    assert told["dagster/row_count"] == lake.read(spec.name, PERFORMANCE).num_rows
    assert ran() == {**told, "changed": False}
    assert not list(Path(home.root).glob("reports/*"))
    later = DAY + timedelta(days=1)
    assert lake.read_day(spec.name, PERFORMANCE, later).num_rows == 0

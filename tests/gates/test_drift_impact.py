"""Does what moved matter? Every sign fires, is silent, and admits not knowing."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.lake import PARTITION, Lake
from assets.monitoring.drift import ColumnDrift, DriftResult, Verdict
from assets.monitoring.estimate import estimated_metric
from assets.monitoring.impact import Approvals, Judged, judge, weighted_drift
from assets.monitoring.mixes import mixes
from assets.monitoring.night import approvals, judged_outcomes, measures
from assets.performance.judgement import Trained
from assets.spec import UseCaseSpec
from assets.tables import (
    DECISIONS,
    DECISIONS_SCHEMA,
    DRIFT,
    MEASURES_SCHEMA,
    PERFORMANCE,
    PREDICTIONS,
    PREDICTIONS_SCHEMA,
)
from assets.training.evidence import Interval
from tests.parcels import parcels_spec

DAY = date(2026, 3, 16)
TRAINED = Trained(Interval(0.8, 0.8, 0.8), margin=0.05, smaller_is_better=False)


def make_spec(**monitoring: object) -> UseCaseSpec:
    return parcels_spec(monitoring=monitoring, model={"metric": "roc_auc"})


def column(name: str, times: float, known: bool = True) -> ColumnDrift:
    """A column at so many times its band of 0.2."""
    return ColumnDrift(name, "numeric", round(times * 0.2, 6), 0.2, 200, 1, 0.0, 0.0, known, "")


def result(income: float = 0.5, score: float | None = 0.5, known: bool = True) -> DriftResult:
    """A night in which income and score lie at so many times their band."""
    columns = [column("weight", 0.4, known), column("income", income, known)]
    if score is not None:
        columns.append(column("score", score, known))
    verdict: Verdict = "stable" if known else "insufficient"
    found = DriftResult(
        "parcels", DAY, verdict, tuple(columns), tuple(columns), 200, 4000, 60, None
    )
    if not found.drifted:
        return found
    return DriftResult(**{**vars(found), "verdict": "moved"})


def judged(found: DriftResult, **more: Any) -> Judged:
    """The answer about a model with a figure of 0.8 at training."""
    said: dict[str, Any] = {
        "estimate": None,
        "trained": TRAINED,
        "approvals": None,
        "performance": [],
    }
    return judge(make_spec(), found, **(said | more))


def outcome(verdict: str, measure: str = "roc_auc", **more: Any) -> dict[str, Any]:
    row = {"measure": measure, "subject": "overall", "verdict": verdict, "value": 0.7, "n": 500}
    return {**row, "low": 0.66, "high": 0.74, "limit": 0.75, **more}


# The two questions are kept apart


def test_input_that_moves_without_the_scores_is_harmless() -> None:
    found = judged(result(income=3.0))
    assert (found.verdict, found.signs) == ("harmless", ())
    assert found.sentence.startswith("Moved, harmless so far: the scores are where they were")
    assert "no outcome has matured yet" in found.open


def test_scores_that_move_matter_also_where_no_feature_does() -> None:
    for income in (0.5, 3.0):
        found = judged(result(income=income, score=1.5))
        assert found.verdict == "matters"
        assert found.signs == ("the scores moved (effect 0.30, band 0.20, 200 cases)",)


def test_nothing_moved_is_none() -> None:
    assert judged(result()).verdict == "none"


def test_too_few_rows_are_unknown_unless_something_else_fails() -> None:
    few = result(income=3.0, score=3.0, known=False)
    assert few.verdict == "insufficient"
    assert judged(few).verdict == "unknown"
    assert judged(few, performance=[outcome("fail")]).verdict == "matters"


def test_input_that_moves_is_not_called_harmless_by_nobody() -> None:
    found = judged(result(income=3.0, score=None))
    assert found.verdict == "unknown"
    assert found.sentence.startswith("Whether it matters is not known. Not known yet: the scores")


def test_values_nobody_trusts_are_judged_by_nobody() -> None:
    untrusted = DriftResult(**{**vars(result(income=3.0)), "trusted": False})
    assert judged(untrusted).verdict == "unknown"


# What matured


@pytest.mark.parametrize("measure", ["roc_auc", "calibration_error"])
def test_performance_that_fails_matters(measure: str) -> None:
    for found in (result(), result(income=3.0)):
        told = judged(found, performance=[outcome("fail", measure)])
        assert told.verdict == "matters"
        assert told.signs[0].startswith(f"outcomes are worse: {measure.replace('_', ' ')} 0.700")


def test_performance_that_passes_or_is_too_little_does_not() -> None:
    passed = judged(result(income=3.0), performance=[outcome("pass")])
    assert passed.verdict == "harmless"
    assert passed.open == (
        "there are too few quiet nights of this version to compare decisions with",
    )
    few = judged(result(income=3.0), performance=[outcome("insufficient", value=None)])
    assert few.verdict == "harmless"
    assert "too few outcomes have matured for the roc auc (500)" in few.open


def test_only_judged_rows_of_the_night_and_of_all_cases_count(lake: Lake) -> None:
    spec = make_spec()
    assert judged_outcomes(lake, spec, DAY) == []
    rows = [
        outcome("fail"),
        outcome("", "roc_auc", subject="income=low"),
        outcome("fail", "roc_auc", subject="income=low"),
        outcome("", "log_loss"),
        outcome("pass", "calibration_error"),
    ]
    lake.ensure("parcels", PERFORMANCE, MEASURES_SCHEMA)
    lake.replace_day("parcels", PERFORMANCE, DAY - timedelta(days=1), measures(rows, "r", 1))
    assert judged_outcomes(lake, spec, DAY) == []
    lake.replace_day("parcels", PERFORMANCE, DAY, measures(rows, "r", 1))
    found = judged_outcomes(lake, spec, DAY)
    assert [(r["measure"], r["verdict"]) for r in found] == [
        ("roc_auc", "fail"),
        ("calibration_error", "pass"),
    ]


def test_outcomes_of_several_classes_are_judged_by_what_performance_judges(lake: Lake) -> None:
    model = make_spec().model.model_copy(update={"task": "multiclass", "metric": None})
    several = make_spec().model_copy(update={"model": model})
    lake.ensure("parcels", PERFORMANCE, MEASURES_SCHEMA)
    rows = [outcome("fail", "macro_f1"), outcome("", "log_loss")]
    lake.replace_day("parcels", PERFORMANCE, DAY, measures(rows, "r", 1))
    assert [r["measure"] for r in judged_outcomes(lake, several, DAY)] == ["macro_f1"]


# What the scores foresee


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 0.99)


def test_estimate_fires_only_when_surely_below() -> None:
    """The limit is 0.05 below the 0.8 of training."""
    falls = judged(result(), estimate=interval(0.6, 0.74))
    assert falls.verdict == "matters"
    assert falls.signs[0].startswith("by the scores alone the figure falls to roc_auc 0.670")
    holds = judged(result(income=2.0), estimate=interval(0.7, 0.76))
    assert holds.verdict == "harmless"
    # A figure that was 0.8 by chance may as well have been less.
    unsure = Trained(Interval(0.8, 0.75, 0.85), margin=0.05, smaller_is_better=False)
    assert judged(result(), estimate=interval(0.7, 0.72), trained=TRAINED).verdict == "matters"
    assert judged(result(), estimate=interval(0.7, 0.72), trained=unsure).verdict == "none"
    nobody = judged(result(income=2.0, score=None), estimate=interval(0.6, 0.7), trained=None)
    assert nobody.verdict == "unknown"


def test_estimate_is_what_labels_would_show() -> None:
    """Of calibrated scores the area foreseen is the one their outcomes have."""
    from sklearn.metrics import roc_auc_score

    draw = np.random.default_rng(3)
    spec = make_spec()
    wide, narrow = draw.beta(1, 3, 3000), draw.beta(20, 60, 3000)
    labels = draw.random(3000) < wide
    foreseen = estimated_metric(spec, wide)
    assert foreseen is not None
    assert foreseen.value == pytest.approx(roc_auc_score(labels, wide), abs=0.025)
    worse = estimated_metric(spec, narrow)
    assert worse is not None
    assert worse.high < foreseen.low
    assert estimated_metric(spec, wide[::-1]) == foreseen


def test_estimate_needs_scores_and_two_outcomes() -> None:
    few = make_spec(performance={"min_labels": 100})
    scores = np.linspace(0.1, 0.9, 99)
    assert estimated_metric(few, scores) is None
    assert estimated_metric(few, np.append(scores, 0.5)) is not None
    assert estimated_metric(few, np.zeros(200)) is None


# Decisions


def test_other_decisions_matter() -> None:
    quiet = {"usual": 0.6, "spread": 0.02, "nights": 20, "cases": 400}
    assert judged(result(), approvals=Approvals(tonight=0.4, **quiet)).verdict == "matters"
    silent = judged(result(income=2.0), approvals=Approvals(tonight=0.52, **quiet))
    assert silent.verdict == "harmless"
    assert silent.against[-1].startswith("as many are approved as usual: 52%, on 20 quiet nights")
    few = judged(result(), approvals=Approvals(tonight=0.1, **(quiet | {"nights": 4})))
    assert few.verdict == "none"


def test_quiet_nights_do_not_differ_beyond_what_they_may() -> None:
    """One more quiet night, after as few as five, is called different once in a thousand."""
    draw = np.random.default_rng(4)
    for nights, cases in ((5, 400), (30, 60)):
        shares = draw.binomial(cases, 0.6, size=(4000, nights + 1)) / cases
        found = [
            Approvals(one[-1], one[:-1].mean(), one[:-1].std(ddof=1), nights, cases)
            for one in shares
        ]
        assert np.mean([abs(one.tonight - one.usual) > one.far for one in found]) < 0.004


def night_of(lake: Lake, day: date, approved: int, verdict: str, version: int = 1) -> None:
    """A night of 100 decisions on record."""
    share = {"measure": "decision_share", "subject": "approve", "value": approved / 100, "n": 100}
    rows = [{"measure": "input_moved", "verdict": verdict}, share]
    lake.ensure("parcels", DRIFT, MEASURES_SCHEMA)
    lake.replace_day("parcels", DRIFT, day, measures(rows, "r", version))


def test_quiet_nights_of_the_same_version_are_the_usual(lake: Lake) -> None:
    own = [{"measure": "decision_share", "subject": "approve", "value": 0.3, "n": 100}]
    assert approvals(lake, "parcels", DAY, 1, own) is None
    for back, approved in enumerate((60, 62, 64, 58, 56), start=1):
        night_of(lake, DAY - timedelta(days=back), approved, "stable")
    night_of(lake, DAY - timedelta(days=6), 10, "moved")
    night_of(lake, DAY - timedelta(days=7), 10, "insufficient")
    night_of(lake, DAY - timedelta(days=8), 10, "stable", version=2)
    night_of(lake, DAY - timedelta(days=61), 10, "stable")
    night_of(lake, DAY, 10, "stable")
    found = approvals(lake, "parcels", DAY, 1, own)
    assert found is not None
    assert (found.tonight, found.nights, found.cases) == (0.3, 5, 100)
    assert found.usual == pytest.approx(0.6)
    assert found.spread == pytest.approx(0.0316, abs=1e-4)
    assert approvals(lake, "parcels", DAY, 1, []) is None
    nobody = approvals(lake, "parcels", DAY, 3, own)
    assert nobody is not None
    assert nobody.nights == 0


def test_shares_of_a_night_leave_the_withdrawn_out(lake: Lake) -> None:
    names = ["approve"] * 6 + ["refer"] * 3 + ["decline"]
    reason = {"feature": "income", "text": "low"}
    own: dict[str, Any] = {
        "decision": names,
        "rule": ["line"] * 8 + ["withdrawn"] * 2,
        "reasons": pa.array(
            [[]] * 6 + [[{f.name: reason.get(f.name) for f in _reason_fields()}]] * 4,
            DECISIONS_SCHEMA.field("reasons").type,
        ),
    }
    for table, schema, said in (
        (DECISIONS, DECISIONS_SCHEMA, own),
        (PREDICTIONS, PREDICTIONS_SCHEMA, {"score": [0.05] * 5 + [1.0] * 4 + [None]}),
    ):
        rows = {f.name: said.get(f.name, pa.nulls(10, f.type)) for f in schema}
        lake.ensure("parcels", table, schema)
        lake.replace_day("parcels", table, DAY, pa.table(rows).cast(schema))
    found = {(r["measure"], r["subject"]): r for r in mixes(make_spec(), lake, DAY)}
    approved = found["decision_share", "approve"]
    assert (approved["value"], approved["n"]) == (0.75, 8)
    assert approved["low"] < 0.75 < approved["high"]
    assert found["decision_share", "decline"]["value"] == 0
    assert found["reason_share", "income"]["value"] == 1
    assert found["confidence", "0.0-0.1"]["value"] == pytest.approx(5 / 9, abs=1e-6)
    assert found["confidence", "0.9-1.0"]["n"] == 9
    assert PARTITION not in {key[0] for key in found}


def _reason_fields() -> list[pa.Field]:
    kind = DECISIONS_SCHEMA.field("reasons").type.value_type
    return [kind.field(n) for n in range(kind.num_fields)]


# What the model leans on


def test_weighted_drift_is_one_at_the_end_of_the_noise() -> None:
    both = {"weight": 1.0, "income": 1.0}
    assert weighted_drift(result(income=1.6), both) == pytest.approx(1.0)
    assert weighted_drift(result(income=1.6), {"weight": 1.0, "income": -0.2}) == pytest.approx(0.4)
    assert weighted_drift(result(income=50.0), {"income": 0.1}) == 5.0
    assert weighted_drift(result(), {}) is None
    assert weighted_drift(result(known=False), both) is None

"""What is measured of matured cases: which ones, by whose scores, and what besides."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.features.columns import LABEL
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.performance import matured_cases
from assets.performance.holdout import holdout_measures
from assets.performance.matured_cases import bounded, due_cases, labelled, of_case
from assets.performance.measure import Measure, measures_table
from assets.performance.measured import Performance, measure_performance
from assets.performance.night_scores import night_scores
from assets.performance.override_rate import override_rate
from assets.performance.plots import performance_plot
from assets.performance.scored_anew import scored_anew
from assets.performance.slices import slices
from assets.performance.trend import trend
from assets.performance.words import performance_words
from assets.release.events import Champion
from assets.scoring.loader import ModelRefused, VerifiedModel
from assets.spec import UseCaseSpec
from assets.tables import (
    CHALLENGER_SCORES,
    CHALLENGER_SCORES_SCHEMA,
    MEASURES_SCHEMA,
    PERFORMANCE,
    REVIEWS,
    REVIEWS_SCHEMA,
    TRAINING_SET,
)
from assets.training.frame import feature_frame
from tests.matured_nights import (
    DAY,
    FIRST,
    TRAINED,
    WINDOW,
    boats_spec,
    decided_by,
    put,
    put_labels,
    trips,
    version,
    window,
)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def test_the_window_is_of_cases_that_came_due_and_outcomes_known_by_then(lake: Lake) -> None:
    spec = boats_spec()
    nights = [trips(10, day(n)) for n in range(-2, WINDOW + 2)]
    put(lake, spec, nights)
    found = due_cases(spec, lake, DAY, WINDOW, ["flag"])
    # Trips of five days: those of the sixth have not matured, and their outcome is not looked at.
    assert pc.unique(found.column(PARTITION)).to_pylist() == [day(n) for n in range(WINDOW)]
    assert labelled(found).num_rows == 50
    assert found.column(of_case("flag")).null_count == 0
    assert found.equals(due_cases(spec, lake, DAY, WINDOW, ["flag"]))
    # A correction that came before the close holds, one that came after it does not.
    night = trips(10, day(1))
    turned = night.set_column(
        night.column_names.index(LABEL), LABEL, pc.subtract(1, night.column(LABEL))
    )
    put_labels(lake, spec, pa.concat_tables([turned, nights[-2]]), DAY)
    corrected = due_cases(spec, lake, DAY, WINDOW).filter(pc.field(PARTITION) == day(1))
    assert corrected.column(LABEL).to_pylist() == turned.column(LABEL).to_pylist()
    before = due_cases(spec, lake, day(4), WINDOW).filter(pc.field(PARTITION) == day(1))
    assert before.column(LABEL).to_pylist() == night.column(LABEL).to_pylist()


def test_of_very_many_cases_only_the_latest_days_are_looked_at(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec()
    put(lake, spec, window(20))
    for most, days in ((100, 5), (60, 3), (50, 2), (5, 1)):
        monkeypatch.setattr(matured_cases, "MOST_CASES", most)
        found = due_cases(spec, lake, DAY, WINDOW)
        assert pc.unique(found.column(PARTITION)).to_pylist() == [
            day(n) for n in range(WINDOW - days, WINDOW)
        ]
    # Of the twenty of a day about one in four, the same whoever asks.
    assert 1 <= found.num_rows <= 12
    assert found.equals(due_cases(spec, lake, DAY, WINDOW))
    one = trips(20, day(WINDOW - 1))
    kept = bounded(one.take(pa.array(range(19, -1, -1)))).column("case_key").to_pylist()
    assert sorted(kept) == found.column("case_key").to_pylist()


def test_outcomes_have_a_share_a_delay_and_a_rate_whoever_scored(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec()
    nights = window(100)
    put(lake, spec, nights[:3], decided=False)
    put(lake, spec, nights[3:], decided=False, labelled=False)
    training = pa.table({LABEL: pa.array([1, 0, 0, 0], pa.int64()), "wind": [1.0, 2.0, 3.0, 4.0]})
    lake.ensure(spec.name, TRAINING_SET, training.schema)
    lake.replace_day(spec.name, TRAINING_SET, date(2026, 2, 28), training)
    decided_by(monkeypatch, version(training_set_version=1))
    found = measure_performance(spec, lake, home, DAY)
    share = found.find("matured_share", arm="")
    assert (share.value, share.n) == (0.6, 500)
    assert share.detail["with_outcome"] == 300
    for subject in ("p50", "p90"):
        delay = found.find("label_delay_days", subject, arm="")
        # Trips are after one in the morning, outcomes at midnight.
        assert delay.value == pytest.approx(23 / 24, abs=0.01)
        assert delay.low <= delay.value
    rate = found.find("label_rate", arm="")
    late = sum(pc.sum(night.column(LABEL)).as_py() for night in nights[:3])
    assert rate.value == pytest.approx(late / 300)
    assert (rate.detail["training"], rate.detail["training_n"]) == (0.25, 4)
    # A training set that was swept is no error.
    decided_by(monkeypatch, version(training_set_version=99))
    rate = measure_performance(spec, lake, home, DAY).find("label_rate", arm="")
    assert rate.detail["training"] is None


def beside(spec: UseCaseSpec, lake: Lake, nights: list[pa.Table], **columns: Any) -> None:
    """Version 2 scored the nights beside version 1, whose scores were theirs."""
    lake.ensure(spec.name, CHALLENGER_SCORES, CHALLENGER_SCORES_SCHEMA)
    for night in nights:
        rows = night.num_rows
        given = {
            **{name: night.column(name) for name in ("case_key", "entity_key", "event_timestamp")},
            "stage": ["shadow"] * rows,
            "arm": night.column("arm"),
            "version": [2] * rows,
            "score": night.column("score"),
            "champion_version": [1] * rows,
            "champion_score": night.column("score"),
            **columns,
        }
        table = {
            f.name: given.get(f.name, pa.nulls(rows, f.type)) for f in CHALLENGER_SCORES_SCHEMA
        }
        made = pa.table(table).cast(CHALLENGER_SCORES_SCHEMA)
        lake.replace_day(spec.name, CHALLENGER_SCORES, night.column(PARTITION)[0].as_py(), made)


def test_a_version_is_measured_in_every_part_it_had(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec()
    # Half of each night is decided by the canary, version 2; version 3 decided the first night.
    arms = np.where(np.arange(200) % 2 == 0, "champion", "canary")
    nights = window(200, arm=arms, model_version=np.where(arms == "canary", 2, 1))
    nights[0] = trips(200, FIRST, model_version=[3] * 200)
    put(lake, spec, nights)
    beside(spec, lake, nights[1:])
    decided_by(monkeypatch, version(1), version(2))
    scores = night_scores(spec, lake, FIRST, DAY)
    assert (scores.versions("champion"), scores.versions("canary")) == ([1, 3], [2])
    assert scores.challengers == [2]
    found = measure_performance(spec, lake, home, DAY)
    counts = {
        (one.arm, one.model_version): one.n for one in found.measures if one.measure == "roc_auc"
    }
    # The champion's scores of the canary's cases stand beside the canary's.
    assert counts == {
        ("champion", 1): 800,
        ("canary", 2): 400,
        ("challenger", 2): 800,
        ("former", 3): 200,
    }
    (gained,) = (one for one in found.measures if one.measure == "champion_gain")
    assert (gained.arm, gained.model_version, gained.n) == ("challenger", 2, 800)
    assert (gained.low, gained.value, gained.high) == (0.0, 0.0, 0.0)


def test_a_challenger_that_is_worse_loses(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec()
    nights = window(200)
    put(lake, spec, nights)
    beside(spec, lake, nights, score=trips(200, seed=9).column("score"))
    decided_by(monkeypatch, version(1), version(2))
    found = measure_performance(spec, lake, home, DAY)
    (gained,) = (one for one in found.measures if one.measure == "champion_gain")
    assert gained.high < 0
    assert gained.detail["metric"] == "roc_auc"
    # Two models nobody has matured cases of are not compared.
    decided_by(monkeypatch, version(1), version(2, window_last="2026-03-05T12:00:00+00:00"))
    found = measure_performance(spec, lake, home, DAY)
    (gained,) = (one for one in found.measures if one.measure == "champion_gain")
    assert gained.value is None
    assert "50 are needed" in gained.detail["why"]


def model(spec: UseCaseSpec) -> VerifiedModel:
    """Likelier late in more wind."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learnt = trips(400, FIRST - timedelta(days=30))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(feature_frame(spec, learnt), learnt.column(LABEL).to_numpy())
    return VerifiedModel(pipeline, pa.table({"case_key": pa.array(["x"])}))


def loaded(monkeypatch: pytest.MonkeyPatch, found: VerifiedModel | Exception) -> None:
    def load(*_: Any) -> VerifiedModel:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr("assets.scoring.loader.load_verified", load)


def test_cases_a_new_champion_was_never_shown_are_scored_anew(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec(performance={"slices": ["wind"]})
    nights = window(200, model_version=[3] * 200)
    put(lake, spec, nights)
    loaded(monkeypatch, model(spec))
    # It was trained up to noon of the second day: the rest it has not seen.
    seen = "2026-03-02T23:00:00+00:00"
    decided_by(monkeypatch, version(4, window_last=seen))
    found = measure_performance(spec, lake, home, DAY)
    area = found.find("roc_auc")
    assert area.verdict == "pass"
    assert area.model_version == 4
    assert area.detail["scored_anew"] == area.n == 600
    assert area.detail["scored_on_their_night"] == 0
    # What a gate stopped teaches nobody.
    monkeypatch.setattr("assets.performance.measured.stopped_nights", lambda *_: [day(3)])
    area = measure_performance(spec, lake, home, DAY).find("roc_auc")
    assert (area.n, area.detail["without_score"]) == (400, 200)
    # A model that cannot be loaded, or fails, is told of and is no error.
    for broken in (ModelRefused("no such file"), RuntimeError("a value of a case")):
        loaded(monkeypatch, broken)
        found = measure_performance(spec, lake, home, DAY)
        area = found.find("roc_auc")
        assert area.verdict == "insufficient"
        (problem,) = found.problems
        assert problem.startswith("version 4: ")
        assert "value of a case" not in problem


def test_the_latest_cases_are_scored_anew(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec()
    put(lake, spec, window(20), decided=False)
    loaded(monkeypatch, model(spec))
    monkeypatch.setattr("assets.performance.scored_anew.MOST", 30)
    cases = due_cases(spec, lake, DAY, WINDOW)
    found = scored_anew(spec, lake, home, DAY, cases, [version(4)])
    keys = found.of_version(4).column("case_key").to_pylist()
    assert len(keys) == 30
    assert min(keys) == "0304-00010"
    assert scored_anew(spec, lake, home, DAY, cases, []).of_version(4).num_rows == 0


def test_slices_keep_their_names_and_hide_what_is_rare() -> None:
    spec = boats_spec()
    winds = pa.chunked_array([np.arange(100.0)])
    found = slices(spec, "wind", pa.chunked_array([[1.0, 30.0, 60.0, 99.0, None]]), winds)
    assert sorted(found) == ["25-50", "50-74", "<25", ">=74", "not stated"]
    assert all(chosen.sum() == 1 for chosen in found.values())
    few = pa.chunked_array([[0.0, 1.0, 2.0]])
    values = pa.chunked_array([[0.0] * 60 + [1.0] * 55 + [7.5] * 3])
    found = slices(spec, "wind", values, few)
    assert {name: int(chosen.sum()) for name, chosen in found.items()} == {
        "0": 60,
        "1": 55,
        "other": 3,
    }
    texts = boats_spec().model_dump(exclude_unset=True)
    texts["sensitive"], texts["features"] = {}, {"request": ["wind", "flag"]}
    spec = UseCaseSpec.model_validate(texts)
    flags = pa.chunked_array([["a"] * 3 + [f"x{n // 60}" for n in range(600)] + ["rare"] * 9])
    found = slices(spec, "flag", flags, flags)
    # "a" is declared: it may be named however few there are.
    assert len(found) == 8
    assert found["a"].sum() == 3
    assert "rare" not in found
    assert sum(int(chosen.sum()) for chosen in found.values()) == 612


def test_every_slice_has_figures_or_says_why_not(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec(performance={"slices": ["wind"]})
    put(lake, spec, window(200))
    training = pa.table({LABEL: pa.array([0, 1] * 50, pa.int64()), "wind": np.linspace(-9, 0, 100)})
    lake.ensure(spec.name, TRAINING_SET, training.schema)
    lake.replace_day(spec.name, TRAINING_SET, date(2026, 2, 28), training)
    decided_by(monkeypatch, version(training_set_version=1))
    found = measure_performance(spec, lake, home, DAY)
    parts = [m for m in found.measures if m.measure == "roc_auc" and m.subject != "overall"]
    # No trip had less wind than a quarter of those trained on.
    assert {m.subject for m in parts} == {"wind=-6.8--4.5", "wind=-4.5--2.2", "wind=>=-2.2"}
    assert sum(m.n for m in parts) == 1000
    small = [m for m in parts if m.verdict == "insufficient"]
    assert small
    assert all(m.value is None and m.detail["why"] for m in small)
    large = [m for m in parts if m.n > 500]
    assert large
    assert all(m.low is not None and not m.verdict for m in large)


def test_what_decisions_cost_is_against_the_best_in_hindsight(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec(
        economics={
            "approve": {"good": 10.0, "bad": -90.0},
            "decline": {"good": -2.0, "bad": 0.0},
        }
    )
    decisions = ["approve"] * 40 + ["decline"] * 40 + ["refer"] * 20
    labels = np.r_[np.zeros(30), np.ones(10), np.zeros(30), np.ones(10), np.zeros(20)]
    nights = window(100, decision=decisions, **{LABEL: labels.astype("int64")})
    put(lake, spec, nights)
    # Of the referred cases of the first night one was approved; the others wait.
    first = nights[0]
    said = {
        **dict.fromkeys(REVIEWS_SCHEMA.names),
        "review_id": "r",
        "decision_id": first.column("decision_id")[80].as_py(),
        "revision": 1,
        "case_key": "0301-00080",
        "sequence": 1,
        "kind": "review",
        "outcome": "decline",
        "machine": "approve",
        "reviewer": "ann",
        "at": datetime(2026, 3, 3, tzinfo=UTC),
    }
    lake.ensure(spec.name, REVIEWS, REVIEWS_SCHEMA, append_only=True)
    row = pa.Table.from_pylist([said], schema=REVIEWS_SCHEMA)
    lake.append(spec.name, REVIEWS, row.append_column(PARTITION, pa.array([FIRST], pa.date32())))
    decided_by(monkeypatch, version())
    found = measure_performance(spec, lake, home, DAY)
    cost = found.find("cost_per_case", arm="")
    # A night: 10 late trips approved lose 90 each, 30 good ones declined 12 each. One review more.
    total = 5 * (10 * 90 + 30 * 12) + 12
    assert cost.n == 401
    assert cost.detail["waiting"] == 99
    assert cost.value == pytest.approx(total / 401)
    assert cost.detail["currency"] == "EUR"
    assert cost.low < cost.value < cost.high
    by_version = found.find("cost_per_case", "version=1")
    assert by_version.value == cost.value
    # The person overrode the machine; what is known later is not known on the night.
    share = override_rate(spec, lake, DAY, WINDOW + 1)
    assert (share.value, share.n, share.detail["reviews"]) == (1.0, 1, 1)
    early = override_rate(spec, lake, FIRST, WINDOW)
    assert early.value is None
    assert early.detail["reviews"] == 0
    free = measure_performance(boats_spec(), lake, home, DAY)
    assert free.find("cost_per_case", arm="") is None


def holdout(
    spec: UseCaseSpec, lake: Lake, home: Home, night: date, champion: Champion
) -> list[Measure]:
    """Measured, and put on record as the night's."""
    found = holdout_measures(spec, lake, home, night, champion)
    lake.ensure(spec.name, PERFORMANCE, MEASURES_SCHEMA)
    lake.replace_day(spec.name, PERFORMANCE, night, measures_table(found, "run"))
    return found


def test_the_frozen_holdout_says_every_week_what_it_said(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec()
    rows = trips(300, date(2026, 2, 20))
    put_labels(lake, spec, rows, date(2026, 2, 21))
    kept = rows.rename_columns({"case_key": "trip", "event_timestamp": "left_at"})
    training = kept.select(["trip", "left_at", "wind", LABEL])
    lake.ensure(spec.name, TRAINING_SET, training.schema)
    lake.replace_day(spec.name, TRAINING_SET, date(2026, 2, 28), training)
    loaded(monkeypatch, model(spec))
    champion = version(training_set_version=1)
    weeks = [date(2026, 2, 28) + timedelta(days=7 * n) for n in range(1, 5)]
    assert holdout_measures(spec, lake, home, weeks[0] - timedelta(days=1), champion) == []
    first = holdout(spec, lake, home, weeks[0], champion)
    assert {one.measure for one in first} == {
        "holdout_roc_auc", "holdout_average_precision", "holdout_log_loss"
    }  # fmt: skip
    assert all((one.n, one.verdict) == (300, "pass") for one in first)
    assert "nothing about how good" in first[0].detail["good_for"]
    again = holdout(spec, lake, home, weeks[1], champion)
    assert [one.value for one in again] == [one.value for one in first]
    assert again[0].detail["first_on"] == weeks[0].isoformat()
    # Outcomes were corrected: it moves, and may.
    turned = rows.slice(0, 60)
    turned = turned.set_column(
        turned.column_names.index(LABEL), LABEL, pc.subtract(1, turned.column(LABEL))
    )
    put_labels(lake, spec, turned, weeks[2] - timedelta(days=1))
    moved = holdout(spec, lake, home, weeks[2], champion)
    assert moved[0].value != first[0].value
    assert moved[0].verdict == "pass"
    assert moved[0].detail["outcomes_changed_since_training"] == 60
    # The model says other things of the same rows: that may not be.
    other = trips(400, date(2026, 1, 3), seed=5, noise=4.0)
    broken = model(spec)
    broken.pipeline.fit(feature_frame(spec, other), 1 - other.column(LABEL).to_numpy())
    loaded(monkeypatch, broken)
    lake.replace_day(spec.name, PERFORMANCE, weeks[2], measures_table([], "run"))
    failed = holdout_measures(spec, lake, home, weeks[1] + timedelta(days=7), champion)
    assert {one.verdict for one in failed} == {"pass"}  # outcomes differ from the first time's
    lake.replace_day(spec.name, "labels", weeks[2] - timedelta(days=1), _no_labels(lake, spec))
    failed = holdout_measures(spec, lake, home, weeks[3], champion)
    assert {one.verdict for one in failed} == {"fail"}
    said = performance_words(spec, Performance(weeks[3], "roc_auc", failed, champion))
    assert "no outcome was corrected since" in said
    assert "library versions" in said
    loaded(monkeypatch, ModelRefused("no such file"))
    (told,) = holdout_measures(spec, lake, home, weeks[3], champion)
    assert (told.measure, told.verdict) == ("holdout_roc_auc", "insufficient")


def _no_labels(lake: Lake, spec: UseCaseSpec) -> pa.Table:
    return lake.read(spec.name, "labels").slice(0, 0).drop_columns([PARTITION])


def test_without_time_the_golden_rows_are_the_holdout(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec()
    rows = trips(300, date(2026, 2, 20))
    put_labels(lake, spec, rows, date(2026, 2, 21))
    kept = rows.rename_columns({"case_key": "trip", "event_timestamp": "left_at"})
    training = kept.select(["trip", "left_at", "wind", LABEL])
    lake.ensure(spec.name, TRAINING_SET, training.schema)
    lake.replace_day(spec.name, TRAINING_SET, date(2026, 2, 28), training)
    golden = pa.table({"case_key": rows.column("case_key").slice(0, 80)})
    loaded(monkeypatch, VerifiedModel(model(spec).pipeline, golden))
    champion = version(training_set_version=1, split_at=None)
    found = holdout_measures(spec, lake, home, date(2026, 3, 7), champion)
    assert {one.n for one in found} == {80}
    assert "golden" in found[0].detail["rows"]
    gone = version(training_set_version=0, split_at=None)
    (told,) = holdout_measures(spec, lake, home, date(2026, 3, 7), gone)
    assert told.verdict == "insufficient"
    assert "not in the lake" in told.detail["why"]


def test_the_trend_is_what_the_nights_recorded_and_can_be_drawn(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec()
    decided_by(monkeypatch, version())
    put(lake, spec, window(200))
    lake.ensure(spec.name, PERFORMANCE, MEASURES_SCHEMA)
    for night in (DAY - timedelta(days=1), DAY):
        found = measure_performance(spec, lake, home, night)
        nights = trend(spec, lake, night, found.metric, found.find(found.metric))
        table = measures_table(found.measures, "run")
        lake.replace_day(spec.name, PERFORMANCE, night, table)
        assert performance_plot(found, nights)
    assert [one.day for one in nights] == [DAY - timedelta(days=1), DAY]
    assert 0.72 < nights[-1].limit < 0.75
    assert nights[-1].verdict == "pass"
    # Asked again, tonight is there once; a night without a figure is not.
    assert trend(spec, lake, DAY, found.metric, None) == nights[:1]
    far = DAY + timedelta(days=89)
    assert [one.day for one in trend(spec, lake, far, found.metric, None)] == [DAY]
    nothing = Performance(DAY, "roc_auc", [], None)
    assert performance_plot(nothing, [])


def test_rows_are_in_one_order_and_numbers_are_numbers() -> None:
    found = [
        Measure("b", float("nan"), n=2, detail={"why": float("inf"), "a": 0.123456789}),
        Measure("a", 0.12345678949, arm="canary", model_version=2),
        Measure("a", 1.0, arm="canary", model_version=1, limit=0.5),
    ]
    table = measures_table(found, "run")
    assert table.schema == MEASURES_SCHEMA
    assert table.equals(measures_table(reversed(found), "run"))
    first, second, last = table.to_pylist()
    assert (first["model_version"], second["value"]) == (1, 0.123456789)
    assert last["value"] is None
    assert json.loads(last["detail"]) == {"a": 0.123457, "why": None}
    with pytest.raises(ValueError, match="two figures"):
        measures_table([*found, found[1]], "run")


def test_a_model_that_learnt_from_a_case_is_not_praised_for_it(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = boats_spec()
    put(lake, spec, window(200))
    seen = (TRAINED + timedelta(days=3)).isoformat()
    decided_by(monkeypatch, version(window_last=seen))
    area = measure_performance(spec, lake, home, DAY).find("roc_auc")
    assert area.n == 400

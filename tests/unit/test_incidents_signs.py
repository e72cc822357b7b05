"""What the measures of a night say of each thing an incident could be about."""

from typing import Any

import pytest

from assets.incidents.signs import Signs, signs_of
from assets.spec import UseCaseSpec
from tests.incident_nights import (
    FIRST,
    SENTENCE,
    drift,
    economics,
    fairness,
    performance,
    row,
)
from tests.released import make_spec


@pytest.fixture(scope="module")
def spec() -> UseCaseSpec:
    return make_spec().model_copy(update={"sensitive": {"boat": object()}})


def signs(spec: UseCaseSpec, **tables: Any) -> Signs:
    return signs_of(spec, FIRST, tables, tables.pop("moves", []))


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("matters", "seen"),
        ("harmless", "quiet"),
        ("stable", "quiet"),
        ("insufficient", "unsure"),
        ("unknown", "unsure"),
    ],
)
def test_drift_counts_where_it_matters(spec: UseCaseSpec, verdict: str, said: str) -> None:
    found = signs(spec, drift=drift(verdict)).of("drift", "overall")
    assert found.verdict == said
    assert bool(found.happened) == (said == "seen")


def test_what_moved_is_told_in_words_with_figures(spec: UseCaseSpec) -> None:
    found = signs(spec, drift=drift("matters")).of("drift", "overall")
    assert found.happened == (
        "The input of boats moved on 2026-03-02, and it matters: wind, waves (210 cases, against "
        "5000 of 2026-01-01 to 2026-02-01); the largest move is 3.2 times what quiet nights show. "
        f"{SENTENCE}"
    )
    assert found.model_version == 1
    assert [one["measure"] for one in found.evidence["measures"]] == ["input_moved", "impact"]


def test_many_columns_are_counted_and_missing_details_left_out(spec: UseCaseSpec) -> None:
    columns = [f"c{number}" for number in range(9)]
    rows = [
        row("input_moved", "moved", n=70, detail={"drifted": columns}),
        row("impact", "matters"),
    ]
    words = signs(spec, drift=rows).of("drift", "overall").happened
    assert words.endswith("c0, c1, c2, c3, c4 and 4 more (70 cases).")


@pytest.mark.parametrize(
    ("verdict", "said"), [("fail", "seen"), ("pass", "quiet"), ("insufficient", "unsure")]
)
def test_only_the_champion_over_all_is_judged(spec: UseCaseSpec, verdict: str, said: str) -> None:
    found = signs(spec, performance=performance(verdict))
    assert found.of("performance", "roc_auc").verdict == said
    assert found.of("performance", "calibration_error").verdict == "quiet"


def test_a_breach_is_told_with_its_interval(spec: UseCaseSpec) -> None:
    found = signs(spec, performance=performance("fail", "fail"))
    assert found.of("performance", "roc_auc").happened == (
        "roc_auc of version 1 is 0.712 (95% interval 0.660 to 0.760, 412 matured cases of the last "
        "28 nights); at least 0.770 is asked for."
    )
    assert found.of("performance", "calibration_error").happened == (
        "The scores of version 1 are off by 0.130 on average (412 matured cases of the last 28 "
        "nights); at most 0.100 is allowed."
    )


@pytest.mark.parametrize(
    ("verdict", "said"), [("fail", "seen"), ("pass", "quiet"), ("insufficient", "unsure")]
)
def test_fairness_by_column(spec: UseCaseSpec, verdict: str, said: str) -> None:
    found = signs(spec, fairness=[*fairness(verdict), *fairness("pass", "age")])
    assert found.of("fairness", "boat").verdict == said
    assert found.of("fairness", "age").verdict == "quiet"
    if said == "seen":
        assert "0.55 times as often" in found.of("fairness", "boat").happened
        assert "640 cases of the last 28 nights" in found.of("fairness", "boat").happened


@pytest.mark.parametrize(("verdict", "said"), [("fail", "seen"), ("pass", "quiet"), ("", "quiet")])
def test_budget_and_queue(spec: UseCaseSpec, verdict: str, said: str) -> None:
    found = signs(spec, economics=economics(verdict, verdict))
    assert found.of("budget", "overall").verdict == said
    assert found.of("queue", "overall").verdict == said
    if said == "seen":
        assert found.of("budget", "overall").happened == (
            "The night cost 61.50 EUR for 210 cases, compute and review together; the budget is "
            "50.00 EUR."
        )
        assert found.of("queue", "overall").happened.startswith("3 cases at the desk are overdue")


def test_a_roll_back_is_an_incident_of_its_version(spec: UseCaseSpec) -> None:
    move = {"version": 2, "stage": "canary", "verdict": "roll_back", "message": "approval_shift"}
    found = signs(spec, moves=[move])
    assert found.of("release", "version 2").verdict == "seen"
    assert found.of("release", "version 2").model_version == 2
    held = signs(spec, moves=[{**move, "verdict": "hold"}])
    assert held.of("release", "version 2").verdict == "quiet"


def test_what_was_not_measured_is_unknown_and_what_is_not_watched_is_quiet(
    spec: UseCaseSpec,
) -> None:
    found = signs(spec)
    unknown = [
        ("drift", "overall"),
        ("performance", "roc_auc"),
        ("fairness", "boat"),
        ("budget", "overall"),
    ]
    assert [found.of(*one).verdict for one in unknown] == ["unsure"] * 4
    gone = [("performance", "log_loss"), ("fairness", "age"), ("release", "version 2")]
    assert [found.of(*one).verdict for one in gone] == ["quiet"] * 3

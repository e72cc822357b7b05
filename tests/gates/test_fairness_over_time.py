"""Whether the groups of a sensitive column are treated alike by the decisions of the nights."""

from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from assets.features.columns import LABEL
from assets.home import Home
from assets.lake import Lake
from assets.performance.assets import TREATED_ALIKE, fairness_asset
from assets.performance.group_rates import Fairness, measure_fairness
from assets.performance.measure import Measure
from assets.performance.plots import fairness_plot
from assets.performance.words import fairness_words
from assets.spec import UseCaseSpec
from assets.tables import FAIRNESS
from orchestration.resources.installation import Installation
from tests.matured_nights import DAY, FIRST, boats_spec, put, trips, window

LAST = DAY.replace(day=5)
"""The last of the five nights that were decided."""


def night(a: float, b: float, cases: int = 100, **more: Any) -> dict[str, Any]:
    """Columns of a night: as many cases of either flag, and the share of each that is approved."""
    flag = np.repeat(["a", "b"], cases)
    approved = np.r_[np.arange(cases) < a * cases, np.arange(cases) < b * cases]
    return {"flag": flag, "decision": np.where(approved, "approve", "refer"), **more}


def measured(lake: Lake, spec: UseCaseSpec, columns: dict[str, Any], cases: int = 200) -> Fairness:
    put(lake, spec, window(cases, **columns))
    return measure_fairness(spec, lake, LAST)


def ratio(found: Fairness) -> Measure:
    (one,) = found.of("approval_ratio")
    return one


def test_groups_that_are_treated_alike_pass(lake: Lake) -> None:
    spec = boats_spec()
    found = measured(lake, spec, night(0.6, 0.57))
    one = ratio(found)
    assert (one.subject, one.verdict, one.limit, one.n) == ("flag", "pass", 0.8, 1000)
    assert one.value == pytest.approx(0.57 / 0.6)
    assert one.low < one.value < one.high
    assert (one.detail["group"], one.detail["against"]) == ("b", "a")
    rates = {m.subject: m for m in found.of("approval_rate")}
    assert set(rates) == {"flag=a", "flag=b"}
    assert (rates["flag=a"].value, rates["flag=a"].n) == (0.6, 500)
    assert rates["flag=a"].low < 0.6 < rates["flag=a"].high
    assert "at least 0.8 is asked for" in fairness_words(spec, found)


def test_a_group_surely_approved_less_often_fails(lake: Lake) -> None:
    spec = boats_spec()
    found = measured(lake, spec, night(0.6, 0.36))
    one = ratio(found)
    assert one.verdict == "fail"
    assert one.high < 0.8
    assert found.failed == [one]
    said = fairness_words(spec, found)
    assert "surely less than 0.8" in said
    assert "36.0% of 500 cases against 60.0% of 500" in said
    # As far apart, but on a tenth of the cases: below the limit, and not surely.
    few = ratio(measured(lake, spec, night(0.6, 0.4, cases=10), cases=20))
    assert few.value < 0.8 < few.high
    assert few.verdict == "pass"


def test_several_cases_of_one_entity_count_for_less(lake: Lake) -> None:
    spec = boats_spec()
    # Five boats a group, each of them approved always or never.
    boats = np.char.add(np.repeat(["a", "b"], 100), np.tile(np.arange(100) // 20, 2).astype(str))
    found = measured(lake, spec, night(0.8, 0.4, entity_key=boats))
    one = ratio(found)
    assert one.value == pytest.approx(0.5)
    assert one.verdict == "pass"
    assert one.n == 1000


def test_too_small_groups_and_nights_without_a_model_are_not_judged(lake: Lake) -> None:
    spec = boats_spec(fairness={"min_cases": 501})
    one = ratio(measured(lake, spec, night(0.6, 0.1)))
    assert (one.verdict, one.value) == ("insufficient", None)
    assert "501 cases" in fairness_words(spec, measure_fairness(spec, lake, LAST))
    # What the fallback sent to people says nothing of the groups.
    spec = boats_spec()
    nights = window(200, **night(0.6, 0.6))
    nights[0] = trips(200, FIRST, **night(0.0, 0.0), fallback=["no champion"] * 200)
    put(lake, spec, nights)
    found = measure_fairness(spec, lake, LAST)
    assert (ratio(found).value, found.cases) == (1.0, 800)
    put(lake, spec, window(200, **night(0.0, 0.0), fallback=["no champion"] * 200))
    one = ratio(measure_fairness(spec, lake, LAST))
    assert one.verdict == "insufficient"
    assert "no model decided a case" in one.detail["why"]


def test_nothing_there_is_no_error(lake: Lake) -> None:
    found = measure_fairness(boats_spec(), lake, LAST)
    assert ratio(found).verdict == "insufficient"
    assert fairness_plot(found)
    none = measure_fairness(boats_spec(sensitive=False), lake, LAST)
    assert (none.measures, none.failed) == ([], [])
    assert "no sensitive column" in fairness_words(boats_spec(sensitive=False), none)
    regression = boats_spec(task="regression")
    found = measured(lake, regression, night(0.6, 0.2))
    assert "a regression approves nothing" in ratio(found).detail["why"]


def test_once_outcomes_matured_it_shows_who_is_held_back_rightly(lake: Lake) -> None:
    spec = boats_spec()
    # Of either flag half are late; of b every trip is held back, of a only the late ones.
    late = np.tile(np.arange(100) < 50, 2)
    held_back = late | (np.arange(200) >= 100)
    columns = night(0.5, 0.0, score=np.where(held_back, 0.7, 0.1))
    put(lake, spec, window(200, **columns, **{LABEL: late.astype("int64")}))
    # On the night itself nothing has matured; a day later four nights have.
    early = measure_fairness(spec, lake, FIRST)
    assert early.of("true_positive_rate") == []
    found = measure_fairness(spec, lake, LAST)
    true = {m.subject: (m.value, m.n) for m in found.of("true_positive_rate")}
    false = {m.subject: (m.value, m.n) for m in found.of("false_positive_rate")}
    assert true == {"flag=a": (1.0, 200), "flag=b": (1.0, 200)}
    assert false == {"flag=a": (0.0, 200), "flag=b": (1.0, 200)}
    assert {m.verdict for m in found.of("false_positive_rate")} == {""}


def test_a_group_nobody_declared_is_not_named_for_a_few_cases(lake: Lake) -> None:
    spec = boats_spec()
    columns = night(0.6, 0.6)
    columns["flag"] = np.r_[["rare"], columns["flag"][1:]]
    found = measured(lake, spec, columns)
    assert {m.subject for m in found.of("approval_rate")} == {"flag=a", "flag=b"}
    assert ratio(found).detail["not_judged"] == 1


def test_the_check_warns_in_dagster_and_a_second_run_changes_nothing(
    home: Home, lake: Lake
) -> None:
    spec = boats_spec()
    put(lake, spec, window(200, **night(0.6, 0.3)))

    def ran() -> dict[str, Any]:
        result = dg.materialize(
            [fairness_asset(spec)],
            partition_key=LAST.isoformat(),
            resources={"installation": Installation(root=str(home.root))},
        )
        (check,) = result.get_asset_check_evaluations()
        assert (check.check_name, check.passed) == (TREATED_ALIKE, False)
        assert check.severity == dg.AssetCheckSeverity.WARN
        (made,) = result.asset_materializations_for_node(f"boats__{FAIRNESS}")
        return {name: value.value for name, value in made.metadata.items()}

    told = ran()
    assert told["ratio by flag"].startswith("fail: 0.5 (")
    assert told["cases"] == 1000
    assert told["groups"].startswith("![share approved by group")
    rows = lake.read_day(spec.name, FAIRNESS, LAST)
    assert told["dagster/row_count"] == rows.num_rows
    assert pa.types.is_float64(rows.schema.field("value").type)
    assert ran() == {**told, "changed": False}

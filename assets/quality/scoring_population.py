"""The gate on the scoring population: Great Expectations decides whether a night may be scored."""

import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.content import content_digest
from assets.gate_results import GateResult, Verdict
from assets.home import Home
from assets.quality import data_docs as docs
from assets.quality.suite import build_suite, checked_columns, suite_name
from assets.spec import UseCaseSpec
from assets.tables import SCORING_SET

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult

GATE = "scoring_population"

NAMED = 3
"""Failing expectations a message spells out; the figures hold all of them."""


def evaluate(
    spec: UseCaseSpec,
    home: Home,
    day: date,
    scoring_set: pa.Table,
    *,
    data_docs: bool = True,
) -> GateResult:
    """Judge one day's scoring set against the use case's suite.

    ``scoring_set`` has the population's columns and one column per view feature (double, string,
    timestamp UTC). The verdict is ``insufficient`` below ``quality.min_rows`` (the suite still runs
    and is documented), ``fail`` when any expectation fails, else ``pass``. Figures and thresholds
    are per expectation: counts, shares and medians, never a cell.

    ``data_docs=False`` leaves no files behind.
    """
    wanted = [c for c in checked_columns(spec) if c in scoring_set.column_names]
    frame = scoring_set.select(wanted).to_pandas()
    result = docs.validate(home, spec.name, build_suite(spec), day, frame, data_docs=data_docs)
    figures: dict[str, Any] = {}
    threshold: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for one in result.results:
        config = one.expectation_config
        rule = config.meta["rule"]
        figures[rule] = _observed(one)
        threshold[rule] = _allowed(config.type, config.kwargs)
        if not one.success:
            failed[rule] = _complaint(one)
    verdict: Verdict = "fail" if failed else "pass"
    if scoring_set.num_rows < spec.quality.min_rows:
        verdict = "insufficient"
    return GateResult(
        gate=GATE,
        subject=SCORING_SET,
        verdict=verdict,
        message=_message(spec, day, scoring_set.num_rows, verdict, failed, len(figures)),
        figures=figures,
        threshold=threshold,
        evidence_digest=content_digest(scoring_set),
    )


def docs_page(spec: UseCaseSpec, home: Home, day: date) -> Path:
    """The night's page in Data Docs, for a link (whether or not it has been built)."""
    return docs.docs_page(home, spec.name, suite_name(spec), day)


def _observed(one: "ExpectationValidationResult") -> float | int | bool | None:
    """What was seen, as one JSON-safe number: a count or median, a share of nulls, or yes/no."""
    config, result = one.expectation_config, one.result
    if config.type == "expect_column_to_exist":
        return bool(one.success)
    if "observed_value" in result:
        return _number(result["observed_value"])
    if config.type == "expect_column_values_to_not_be_null" and result:
        return _number((result.get("unexpected_percent") or 0.0) / 100)
    return _number(result.get("unexpected_count"))


def _number(value: Any) -> float | int | None:
    if value is None or not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else round(float(value), 6)


def _allowed(kind: str, kwargs: Mapping[str, Any]) -> Any:
    if kind == "expect_column_to_exist":
        return True
    if kind == "expect_column_values_to_not_be_null":
        return round(1 - kwargs.get("mostly", 1.0), 6)
    if kind in ("expect_table_row_count_to_be_between", "expect_column_median_to_be_between"):
        return [kwargs.get("min_value"), kwargs.get("max_value")]
    return 0  # offending rows


def _complaint(one: "ExpectationValidationResult") -> str:
    kwargs, seen = one.expectation_config.kwargs, _observed(one)
    column, kind = kwargs.get("column"), one.expectation_config.type
    if kind == "expect_column_to_exist":
        return f"{column} is missing"
    if kind == "expect_table_row_count_to_be_between":
        return f"{seen} rows, allowed {_band(kwargs)}"
    if kind == "expect_column_median_to_be_between":
        what = "cannot be computed, no values" if seen is None else f"is {seen:g}"
        return f"median of {column} {what}, allowed {_band(kwargs)}"
    if seen is None:
        return f"{one.expectation_config.meta['rule']} could not be evaluated"
    if kind == "expect_column_values_to_not_be_null":
        return f"{seen:.1%} of {column} is null, allowed {1 - kwargs.get('mostly', 1.0):.1%}"
    if kind == "expect_column_values_to_be_unique":
        return f"{seen} rows share their {column} with another row"
    if kind == "expect_column_values_to_be_between":
        return f"{seen} values of {column} outside {_band(kwargs)}"
    return f"{seen} values of {column} outside {', '.join(map(str, kwargs['value_set']))}"


def _band(kwargs: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"


def _message(
    spec: UseCaseSpec,
    day: date,
    rows: int,
    verdict: Verdict,
    failed: Mapping[str, str],
    total: int,
) -> str:
    where = f"{spec.name} {day}"
    if verdict == "pass":
        return f"{where}: all {total} expectations hold on {rows} rows"
    source = spec.population.source
    if verdict == "insufficient":
        return (
            f"{where}: {rows} rows, fewer than quality.min_rows = {spec.quality.min_rows}, are too "
            f"few to judge. Check that the file of '{source}' for this day is complete and run the "
            "partition again"
        )
    named = list(failed.values())[:NAMED]
    more = f"; and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    return (
        f"{where}: {len(failed)} of {total} expectations fail on {rows} rows: {'; '.join(named)}"
        f"{more}. Compare the day's files of '{source}' and of the feature sources with earlier "
        "days (unit, encoding, missing delivery), land corrected files and run the partition "
        "again; if the new values are right, change 'quality' or the column's declaration in "
        "defs.yaml"
    )

"""The expectation suite of a use case: what its scoring population must look like, from the spec.

One expectation per promise, each with a ``rule`` (its short, stable name, which figures and
messages use) and a description in plain words (which Data Docs show).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assets.source_spec import ColumnSpec
from assets.spec import UseCaseSpec

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.expectations import Expectation


def suite_name(spec: UseCaseSpec) -> str:
    """Name of the suite, and the folder its results have in Data Docs."""
    return f"{spec.name}_scoring_population"


def build_suite(spec: UseCaseSpec) -> "ExpectationSuite":
    """The suite of a use case, not yet stored anywhere.

    Covers the scoring set: row count; every column there; key present and unique; event time and
    required request columns present; declared ranges and categories of request columns; and the
    medians and null shares under ``quality.columns``.
    """
    import great_expectations as gx

    return gx.ExpectationSuite(name=suite_name(spec), expectations=list(_expectations(spec)))


def checked_columns(spec: UseCaseSpec) -> list[str]:
    """Columns the suite looks at, in the order of the scoring set."""
    return list(
        dict.fromkeys([*spec.population_columns, *spec.feature_names, *spec.quality.columns])
    )


def _expectations(spec: UseCaseSpec) -> "Iterator[Expectation]":
    from great_expectations import expectations as gxe

    quality = spec.quality
    at_most = f" and at most {quality.max_rows}" if quality.max_rows is not None else ""
    yield gxe.ExpectTableRowCountToBeBetween(
        min_value=quality.min_rows,
        max_value=quality.max_rows,
        description=f"The day has at least {quality.min_rows}{at_most} cases.",
        meta=_meta("rows"),
    )
    for column in checked_columns(spec):
        yield gxe.ExpectColumnToExist(
            column=column,
            description=f"Column {column} is in the scoring set.",
            meta=_meta(f"{column}: exists"),
        )
    key, event = spec.population.key, spec.population.event_timestamp
    yield gxe.ExpectColumnValuesToBeUnique(
        column=key,
        description="No case appears twice.",
        meta=_meta(f"{key}: unique"),
    )
    declared = spec.sources[spec.population.source].columns
    required = [f for f in spec.features.request if declared[f].required]
    for column in dict.fromkeys([key, event, *required]):
        if column not in _stricter_elsewhere(spec):
            yield gxe.ExpectColumnValuesToNotBeNull(
                column=column,
                description=f"Every case has a value of {column}.",
                meta=_meta(f"{column}: not null"),
            )
    for column in spec.features.request:
        yield from _declared(column, declared[column])
    for column, wanted in quality.columns.items():
        if wanted.median is not None:
            low, high = wanted.median
            yield gxe.ExpectColumnMedianToBeBetween(
                column=column,
                min_value=low,
                max_value=high,
                description=f"The median of {column} lies between {low:g} and {high:g}.",
                meta=_meta(f"{column}: median"),
            )
        if wanted.null_share is not None:
            yield gxe.ExpectColumnValuesToNotBeNull(
                column=column,
                mostly=1 - wanted.null_share,
                description=f"At most {wanted.null_share:.1%} of the cases lack {column}.",
                meta=_meta(f"{column}: null share"),
            )


def _stricter_elsewhere(spec: UseCaseSpec) -> set[str]:
    """Columns whose ``null_share: 0`` already says what 'not null' would say again."""
    return {c for c, wanted in spec.quality.columns.items() if wanted.null_share == 0}


def _declared(column: str, declared: ColumnSpec) -> "Iterator[Expectation]":
    from great_expectations import expectations as gxe

    if declared.min is not None or declared.max is not None:
        unit = f" {declared.unit}" if declared.unit else ""
        low = f" at least {declared.min:g}{unit}" if declared.min is not None else ""
        high = f" at most {declared.max:g}{unit}" if declared.max is not None else ""
        joint = " and" if low and high else ""
        yield gxe.ExpectColumnValuesToBeBetween(
            column=column,
            min_value=declared.min,
            max_value=declared.max,
            description=f"Every value of {column} is{low}{joint}{high}.",
            meta=_meta(f"{column}: range"),
        )
    if declared.values is not None:
        yield gxe.ExpectColumnValuesToBeInSet(
            column=column,
            value_set=declared.values,
            description=f"Every value of {column} is one of: {', '.join(declared.values)}.",
            meta=_meta(f"{column}: values"),
        )


def _meta(rule: str) -> dict[str, Any]:
    return {"rule": rule}

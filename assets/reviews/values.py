"""The values of a case, with unit, description, and where they lie in the training set."""

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.errors import NightshiftError
from assets.reviews.reference import SHOWN, Reference
from assets.tables import SCORING_SET

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.reviews.decided import LiveDecision
    from assets.spec import UseCaseSpec

MOST_SHOWN = 12
"""Categories of a feature in a case file."""


@dataclass(frozen=True)
class NumberRange:
    """Where a number lies in the training set."""

    quantiles: dict[str, float]  # of '0.01', '0.05', '0.25', '0.5', '0.75', '0.95', '0.99'
    edges: tuple[float, ...]  # of the bars, from the 0.01 to the 0.99 quantile
    counts: tuple[int, ...]  # rows per bar; those beyond the ends are in the first and last
    missing: float  # share of rows without a value
    below: float | None  # about which share of the training values is smaller; None without a value


@dataclass(frozen=True)
class CategoryRange:
    """How common a category is in the training set."""

    shares: tuple[tuple[str, float], ...]  # the most frequent, with their share; rare ones are not
    other: float  # share of all the others
    missing: float
    share: float | None  # of this case's category; None without a value, 0 where (almost) unseen


@dataclass(frozen=True)
class Value:
    """A value that was known of the case."""

    name: str
    description: str
    unit: str | None
    value: float | int | str | bool | None
    missing: bool
    scored: bool  # a feature; False of a column that only a rule asks
    normal: NumberRange | CategoryRange | None  # None where there is no training set to compare


def shown_columns(spec: "UseCaseSpec") -> list[str]:
    """What a reviewer sees of a case: the features, then what rules and capacity ask beside them.

    Never a sensitive column: it is no feature, and the spec refuses a rule that asks one.
    """
    asked = [rule.column for rule in (*spec.policy.rules, *spec.fallback.rules)]
    capacity = spec.policy.capacity
    asked += [capacity.value] if capacity is not None and capacity.value else []
    wanted = dict.fromkeys([*spec.feature_names, *asked])
    return [name for name in wanted if name not in spec.sensitive]


def case_values(
    lake: "Lake", spec: "UseCaseSpec", decision: "LiveDecision", usual: Reference | None
) -> tuple[Value, ...]:
    """Every value of a case, from the scoring set as of the version the decision names.

    A value that is not there, no finite number, or can no longer be read is ``missing``.
    """
    row = _row(lake, spec, decision)
    return tuple(_value(spec, name, row.get(name), usual) for name in shown_columns(spec))


def _row(lake: "Lake", spec: "UseCaseSpec", decision: "LiveDecision") -> dict[str, Any]:
    import pyarrow.dataset as ds
    from deltalake.exceptions import DeltaError

    own = ds.field(spec.population.key).cast(pa.string()) == decision.row["case_key"]
    version, day = decision.row["scoring_set_version"], decision.day
    try:
        rows = lake.read(spec.name, SCORING_SET, where=own, first=day, last=day, version=version)
    except (NightshiftError, DeltaError, OSError, pa.ArrowException):
        # Vacuumed after its retention, say: all is shown as missing.
        return {}
    found: list[dict[str, Any]] = rows.to_pylist()
    return found[0] if found else {}


def _value(spec: "UseCaseSpec", name: str, given: Any, usual: Reference | None) -> Value:
    scored = name in spec.feature_names
    description, unit, kind = _declared(spec, name)
    if isinstance(given, float) and not math.isfinite(given):
        given = None
    value = given
    if given is not None and kind == "bool":
        value = bool(given)
    elif isinstance(given, float) and kind == "int" and given.is_integer():
        value = int(given)
    elif not isinstance(given, bool | int | float | str | None):
        value = str(given)
    normal = _normal((usual or {}).get(name), value)
    return Value(name, description, unit, value, value is None, scored, normal)


def _declared(spec: "UseCaseSpec", name: str) -> tuple[str, str | None, str]:
    """Description, unit and type of a column."""
    if name in spec.features.derived:
        return spec.features.derived[name].description, None, "float"
    source = spec.population.source
    if name not in spec.features.request:
        views = [v for v, declared in spec.features.views.items() if name in declared.columns]
        source = spec.view_source(views[0]) if views else source
    column = spec.sources[source].columns[name]
    return column.description, column.unit, column.type


def _normal(found: dict[str, Any] | None, value: Any) -> NumberRange | CategoryRange | None:
    if found is None:
        return None
    if found["kind"] == "number":
        grid = found["grid"]
        number = isinstance(value, int | float) and bool(grid)
        return NumberRange(
            quantiles={q: grid[round(float(q) * 100) - 1] for q in SHOWN} if grid else {},
            edges=tuple(found["edges"]),
            counts=tuple(found["counts"]),
            missing=found["missing"],
            below=bisect_left(grid, value) / 100 if number else None,
        )
    shares = [(str(name), float(share)) for name, share in found["shares"]]
    most = shares[:MOST_SHOWN]
    known = dict(shares)
    return CategoryRange(
        shares=tuple(most),
        other=max(0.0, 1 - found["missing"] - sum(share for _, share in most)),
        missing=found["missing"],
        share=None if value is None else known.get(str(value), 0.0),
    )

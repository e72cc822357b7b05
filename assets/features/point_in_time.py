"""The point-in-time join: what was known about each case when it arose.

For every case and view, the value is that of the fact of the same entity

- with ``timestamp <= event time`` (both ends of the window are inclusive),
- with ``timestamp + ttl >= event time``,
- with ``created <= event time`` where the view has a created column (late arrivals stay out),

that has the newest timestamp, and among those the newest created time. A case without such a fact
keeps its row, with nulls.

Feast is the registry, the contract and the usual path. From :data:`VOLUME` cases on the same views
are joined by :mod:`assets.features.asof`, which comes to the same values in half the time.
``tests/property/test_point_in_time.py`` holds both to a brute-force reference.
"""

from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.features.asof import asof_features
from assets.features.columns import check_joinable, feature_type, view_features
from assets.features.day_files import reading, require_published
from assets.features.feast_join import feast_features
from assets.home import Home
from assets.spec import UseCaseSpec

Path = Literal["feast", "asof"]

VOLUME = 200_000
"""Cases from which on the join does not go through Feast: there its frame and its strings cost more
than a second (``benchmarks/features.py``), and one million cases a gigabyte."""


class PointInTimeError(NightshiftError):
    """A join that cannot be trusted, or cases it cannot be done for. Nothing is returned."""


def path_for(rows: int) -> Path:
    """The path a join of so many cases takes."""
    return "feast" if rows < VOLUME else "asof"


def join(
    spec: UseCaseSpec,
    home: Home,
    cases: pa.Table,
    *,
    as_of: datetime,
    path: Path | None = None,
) -> pa.Table:
    """The cases with the columns of every feature view, known at each case's event time.

    ``cases`` carries at least the population's key, its event timestamp and every view's entity;
    all its columns come back first, rows and columns in the order given, followed by the views'
    columns (numbers and truth values double, categories string; null where nothing was known).
    ``as_of`` is the run's clock in UTC: a case that arose after it is refused, and as a fact counts
    only if it was known when its case arose, none from after ``as_of`` is ever used. ``path``: by
    Feast or by ASOF join, with the same result; by the number of cases when not given.

    Raises PointInTimeError for cases without key or event time, with a repeated key or from after
    ``as_of``, and when the answer is not exactly these cases; ViewNotPublishedError for a view that
    was never published or whose day files are damaged; FeatureSpecError for a spec that cannot be
    joined.
    """
    check_joinable(spec)
    _check_cases(spec, cases, as_of)
    wanted = view_features(spec)
    if not wanted:
        return cases
    if cases.num_rows == 0:
        found = pa.table({name: pa.array([], feature_type(spec, name)) for name in wanted})
    else:
        require_published(spec, home)
        ask = asof_features if (path or path_for(cases.num_rows)) == "asof" else feast_features
        with reading(spec, home):
            found = ask(spec, home, cases)
    if found.num_rows != cases.num_rows:
        raise PointInTimeError(
            f"{spec.name}: {cases.num_rows} cases went into the join, {found.num_rows} came out"
        )
    joined = cases
    for name in wanted:
        values = found.column(name).cast(feature_type(spec, name), safe=False)
        joined = joined.append_column(name, values)
    return joined


def _check_cases(spec: UseCaseSpec, cases: pa.Table, as_of: datetime) -> None:
    if as_of.tzinfo is None:
        raise PointInTimeError(f"as_of {as_of.isoformat()} has no time zone; pass it in UTC")
    population = spec.population
    needed = [population.key, population.event_timestamp]
    needed += [view.entity for view in spec.features.views.values()]
    for column in needed:
        if column not in cases.column_names:
            raise PointInTimeError(f"{spec.name}: the cases have no column '{column}'")
    for column in needed[:2]:
        if nulls := cases.column(column).null_count:
            raise PointInTimeError(
                f"{spec.name}: {nulls} of {cases.num_rows} cases have no '{column}'; declare it "
                "required in the source, so that such rows are quarantined"
            )
    distinct = pc.count_distinct(cases.column(population.key)).as_py()
    if distinct != cases.num_rows:
        raise PointInTimeError(
            f"{spec.name}: {cases.num_rows} cases carry only {distinct} different "
            f"'{population.key}'; a case may be there once"
        )
    newest = pc.max(cases.column(population.event_timestamp)).as_py()
    if newest is not None and newest > as_of:
        raise PointInTimeError(
            f"{spec.name}: a case has '{population.event_timestamp}' {newest.isoformat()}, after "
            f"the as-of time {as_of.astimezone(UTC).isoformat()}; name that column as 'timestamp' "
            f"of source '{population.source}', so that rows of another day are quarantined"
        )

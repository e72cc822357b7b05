"""By which values of a feature performance is told apart, the same night after night.

A category keeps its name, a number is in one of the quarters of the training's rows: edges that
moved with the cases would compare a group of tonight with another one of yesterday.
"""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.lake import PARTITION
from assets.performance.cost import cost_per_case
from assets.performance.matured_cases import taken
from assets.performance.measure import CHAMPION, Measure
from assets.performance.version_figures import SMALLEST, version_figures
from assets.spec import SensitiveSpec
from assets.tables import SCORING_SET
from assets.training.gates.groups import NOT_STATED, group_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from assets.lake import Lake
    from assets.performance.scored_anew import ScoredAnew
    from assets.release.events import Champion
    from assets.spec import UseCaseSpec

MOST_VALUES = 8
"""Of a feature; what there is beyond is taken together."""

OTHERS = "other"


def sliced(
    spec: "UseCaseSpec",
    lake: "Lake",
    own: pa.Table,
    anew: "ScoredAnew",
    trained: pa.Table,
    champion: "Champion",
    decided: pa.Table | None,
) -> "Iterator[Measure]":
    """The champion's metrics, and the cost of what was decided, by the values of a feature.

    ``own``: cases with label and scores; ``anew``: has the features of those the nights did not
    score; ``trained``: the champion's training set; ``decided``: of
    :func:`~assets.performance.cost.decided_cases`.
    """
    limits = spec.monitoring.performance
    keys, rows = _features(spec, lake, own, anew)
    for feature in limits.slices:
        values = taken(rows.column(feature), keys, own.column("case_key"))
        parts = slices(spec, feature, pa.chunked_array([values]), trained.column(feature))
        for name, chosen in parts.items():
            cases = own.filter(pa.array(chosen))
            subject = f"{feature}={name}"
            yield from version_figures(
                spec, cases, arm=CHAMPION, version=champion.version, subject=subject
            )
            if decided is not None:
                mine = pc.is_in(
                    decided.column("case_key"), cases.column("case_key").combine_chunks()
                )
                yield cost_per_case(
                    spec, decided.filter(mine), confidence=limits.confidence, subject=subject
                )


def _features(
    spec: "UseCaseSpec", lake: "Lake", own: pa.Table, anew: "ScoredAnew"
) -> tuple[pa.ChunkedArray, pa.Table]:
    """Keys and sliced features of the cases: as scored on their night, else as had now."""
    names = spec.monitoring.performance.slices
    key = spec.population.key
    keys, parts = [], []
    if own.num_rows and lake.exists(spec.name, SCORING_SET):
        span = pc.min_max(own.column(PARTITION)).as_py()
        rows = lake.read(
            spec.name,
            SCORING_SET,
            columns=list(dict.fromkeys([key, *names])),
            first=span["min"],
            last=span["max"],
        )
        keys.append(pc.cast(rows.column(key), pa.string()))
        parts.append(rows.select(names))
    if anew.features.num_rows:
        keys.append(anew.keys)
        schema = parts[0].schema if parts else anew.features.select(names).schema
        parts.append(anew.features.select(names).cast(schema))
    if not parts:
        return pa.chunked_array([], pa.string()), pa.table(
            {name: pa.array([], pa.float64()) for name in names}
        )
    chunks = [chunk for column in keys for chunk in column.chunks]
    return pa.chunked_array(chunks, pa.string()), pa.concat_tables(parts)


def slices(
    spec: "UseCaseSpec", feature: str, values: pa.ChunkedArray, trained: pa.ChunkedArray
) -> "dict[str, np.ndarray]":
    """Name of each slice to which of ``values`` are in it (bool), by name; what is in none is
    ``not stated`` or ``other``.

    ``trained``: the feature in the champion's training set. A category is named if the spec
    declares it or SMALLEST of the cases have it: a value of a few could be somebody's own.
    """
    import numpy as np

    names, safe = _names(spec, feature, values, trained)
    kinds, place = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    sizes = np.bincount(place, minlength=len(kinds))
    declared = _declared(spec, feature)
    ranked = sorted(
        range(len(kinds)), key=lambda k: (str(kinds[k]) not in declared, -sizes[k], str(kinds[k]))
    )
    kept = [
        k for k in ranked if safe or kinds[k] in (*declared, NOT_STATED) or sizes[k] >= SMALLEST
    ]
    if len(kept) > MOST_VALUES or len(kept) < len(kinds):
        kept = kept[: MOST_VALUES - 1]
    found = {str(kinds[k]): place == k for k in kept}
    rest = ~np.isin(place, kept)
    if rest.any():
        found[OTHERS] = found.get(OTHERS, np.zeros(len(place), dtype=bool)) | rest
    return dict(sorted(found.items()))


def _names(
    spec: "UseCaseSpec", feature: str, values: pa.ChunkedArray, trained: pa.ChunkedArray
) -> tuple[list[str], bool]:
    """Name of the slice of each value, and whether the names say nothing of any one case."""
    if feature in spec.categorical_features:
        return pc.fill_null(pc.cast(values, pa.string()), NOT_STATED).to_pylist(), False
    numbers = pc.cast(values, pa.float64())
    if spec.feature_type(feature) == "bool":
        named = pc.if_else(pc.not_equal(numbers, 0.0), pa.scalar("true"), pa.scalar("false"))
        return pc.fill_null(named, NOT_STATED).to_pylist(), True
    if pc.count_distinct(trained).as_py() < MOST_VALUES:
        return [NOT_STATED if n is None else f"{n:g}" for n in numbers.to_pylist()], False
    return group_names(SensitiveSpec(bins=_quarters(trained)), numbers), True


def _quarters(trained: pa.ChunkedArray) -> list[float]:
    """Edges between the quarters, to two digits: what people can keep in mind."""
    import numpy as np

    numbers = pc.drop_null(pc.cast(trained, pa.float64())).to_numpy()
    edges = np.quantile(numbers[np.isfinite(numbers)], [0.25, 0.5, 0.75])
    return sorted({float(f"{edge:.2g}") for edge in edges})


def _declared(spec: "UseCaseSpec", feature: str) -> list[str]:
    """Values the contract names."""
    for name, source in spec.sources.items():
        own = feature in spec.features.request and name == spec.population.source
        viewed = any(
            feature in view.columns and spec.view_source(view_name) == name
            for view_name, view in spec.features.views.items()
        )
        if own or viewed:
            return [str(value) for value in source.columns[feature].values or []]
    return []

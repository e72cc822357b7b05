"""The bare computation of a night: landing files to scores and drift distances, and nothing else.

What a short script would do: no contract, no pseudonyms, no gates, no records, no report, nothing
that protects what is there already. It is held to the road: the same score for every case.
"""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assets.features.derived import SIGNS
from assets.ingestion.landing import landed_files
from assets.ingestion.values import DUCKDB
from assets.scoring.loader import TRUSTED_TYPES

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from assets.source_spec import SourceSpec
    from assets.spec import DerivedSpec, UseCaseSpec

SCORE = "score"
SIDES: "tuple[Literal['left'], Literal['right']]" = ("left", "right")


def bare_night(
    spec: "UseCaseSpec", landing: Path, day: date, model: Path, reference: Path, predictions: Path
) -> dict[str, float]:
    """Score the cases of ``day`` and write them to ``predictions`` (Parquet: key, score).

    ``landing`` is the use case's landing folder, ``model`` the champion's skops file, ``reference``
    a Parquet file with the features and the score of the rows that drift is compared with. Returns
    the drift distance of each feature and of the score, over all rows of the night.
    """
    import duckdb
    import pandas as pd
    import skops.io

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        cases = _cases(connection, spec, landing, day)
    pipeline = skops.io.load(model, trusted=list(TRUSTED_TYPES))
    positive = list(pipeline.classes_).index(1)
    cases[SCORE] = pipeline.predict_proba(cases[spec.feature_names])[:, positive]
    cases[[spec.population.key, SCORE]].to_parquet(predictions)
    then = pd.read_parquet(reference)
    return {name: _distance(then[name], cases[name]) for name in [*spec.feature_names, SCORE]}


def _cases(
    connection: "duckdb.DuckDBPyConnection", spec: "UseCaseSpec", landing: Path, day: date
) -> "pd.DataFrame":
    """The day's cases with their features, point in time, typed as the model takes them."""
    population = spec.population
    event, source = population.event_timestamp, spec.sources[population.source]
    files = landed_files(landing / population.source, source)[day]
    connection.execute(f"CREATE TABLE cases AS SELECT * FROM {_reader(source, files)}")
    columns = [population.key, *(_feature(spec, f, "cases") for f in spec.features.request)]
    joins = []
    for name, view in spec.features.views.items():
        source = spec.sources[spec.view_source(name)]
        by_day = landed_files(landing / spec.view_source(name), source)
        files = [path for dated in sorted(by_day) if dated <= day for path in by_day[dated]]
        ttl = round(view.time_to_live.total_seconds())
        # ASOF takes one inequality; what was valid and known when the case arose is settled before.
        connection.execute(
            f"CREATE TABLE {name} AS SELECT cases.{population.key} AS asked_by, facts.* "
            f"FROM {_reader(source, files)} AS facts JOIN cases ON "
            f"facts.{view.entity} = cases.{view.entity} "
            f"AND facts.{view.created or view.timestamp} <= cases.{event} "
            f"AND facts.{view.timestamp} + INTERVAL '{ttl} seconds' >= cases.{event}"
        )
        columns += [_feature(spec, f, name) for f in view.columns]
        joins.append(
            f"ASOF LEFT JOIN {name} ON cases.{population.key} = {name}.asked_by "
            f"AND cases.{event} >= {name}.{view.timestamp}"
        )
    derived = [f"{_derived(one)} AS {name}" for name, one in spec.features.derived.items()]
    frame: pd.DataFrame = connection.sql(
        f"SELECT {', '.join(['*', *derived])} "
        f"FROM (SELECT {', '.join(columns)} FROM cases {' '.join(joins)})"
    ).df()
    return frame


def _derived(one: "DerivedSpec") -> str:
    first, second = one.operands
    if one.operation == "ratio":
        second = f"nullif({second}, 0)"
    return f"{first} {SIGNS[one.operation]} {second}"


def _reader(source: "SourceSpec", files: list[Path]) -> str:
    paths = ", ".join(f"'{path}'" for path in files)
    if source.format == "parquet":
        return f"read_parquet([{paths}])"
    types = ", ".join(f"'{name}': '{DUCKDB[c.type]}'" for name, c in source.columns.items())
    return f"read_csv([{paths}], header = true, auto_detect = false, columns = {{{types}}})"


def _feature(spec: "UseCaseSpec", name: str, table: str) -> str:
    kind = "VARCHAR" if name in spec.categorical_features else "DOUBLE"
    return f"CAST({table}.{name} AS {kind}) AS {name}"


def _distance(then: "pd.Series[Any]", now: "pd.Series[Any]") -> float:
    """Wasserstein distance of normal scores, by the ranks of the reference, for numbers;
    Jensen-Shannon (natural logarithm) for categories; nulls left out."""
    import numpy as np
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import norm, wasserstein_distance

    then, now = then.dropna(), now.dropna()
    if now.dtype != object:
        ordered = np.sort(then.to_numpy())

        def scores(values: "pd.Series[Any]") -> "np.ndarray":
            ends = [np.searchsorted(ordered, values.to_numpy(), side) for side in SIDES]
            share = (ends[0] + ends[1]) / (2 * len(ordered))
            edge = 1 / (2 * len(ordered))
            found: np.ndarray = norm.ppf(np.clip(share, edge, 1 - edge))
            return found

        before, after = scores(then), scores(now)
        return float(wasserstein_distance(before, after)) / (float(before.std()) or 1.0)
    counts = then.value_counts(), now.value_counts()
    categories = sorted({*counts[0].index, *counts[1].index})
    before, after = (np.array(one.reindex(categories, fill_value=0), float) for one in counts)
    return float(jensenshannon(before, after))

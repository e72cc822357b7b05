"""Matured cases the champion was never shown, scored by it now.

A version that was trained last week has decided nothing yet that has matured, and will not for as
long as an outcome takes. But cases that arose after its training data and have matured since are
there: it has not learnt from them, and what it makes of them on the features as known at each
case's event time is what it would have said on their night (the same code, the same values; see
:mod:`assets.release.since_training`, which asks the same of a challenger). Once the nights'
own scores are there, nothing is scored anew.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.lake import PARTITION
from assets.performance.matured_cases import labelled
from assets.spec import closes_at
from assets.tables import POPULATION, TIMESTAMP

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.events import Champion
    from assets.scoring.score import Scores
    from assets.spec import UseCaseSpec

MOST = 4_000
"""Cases scored anew, the latest: a metric of so many has an interval narrow enough to judge by."""


@dataclass(frozen=True)
class ScoredAnew:
    """Scores of versions on the same cases, and the cases' features."""

    keys: pa.ChunkedArray  # of the cases, text
    features: pa.Table  # of the same cases, in that order
    scores: dict[int, pa.Table] = field(default_factory=dict)
    """By version: ``case_key``, ``score`` and ``prediction``, as a night records them."""
    problems: dict[int, str] = field(default_factory=dict)  # why a version scored none

    def of_version(self, version: int) -> pa.Table:
        """``case_key``, ``score`` and ``prediction``."""
        return self.scores.get(version, NONE)


NONE = pa.table(
    {
        "case_key": pa.array([], pa.string()),
        "score": pa.array([], pa.float64()),
        "prediction": pa.array([], pa.string()),
    }
)

NOTHING = ScoredAnew(pa.chunked_array([], pa.string()), pa.table({}))


def is_unseen(cases: pa.Table, *versions: "Champion") -> pa.ChunkedArray:
    """Of each case (bool): did it arise after all that any of the versions learnt from?"""
    after = max(version.training_window[1] for version in versions)
    return pc.greater(cases.column("event_timestamp"), pa.scalar(after, TIMESTAMP))


def unseen(cases: pa.Table, *versions: "Champion") -> pa.Table:
    """The cases that did."""
    return cases.filter(is_unseen(cases, *versions))


def scored_anew(
    spec: "UseCaseSpec",
    lake: "Lake",
    home: "Home",
    day: date,
    cases: pa.Table,
    versions: "Collection[Champion]",
    *,
    without: Collection[date] = (),
) -> ScoredAnew:
    """What the versions make of ``cases`` (of :func:`~assets.performance.matured_cases.due_cases`)
    that have an outcome; the latest MOST. ``without``: days that a gate stopped.

    A version that cannot be loaded, or fails on the cases, scores none and has a problem: the
    night's own scoring is what raises the alarm. So has each, where the features cannot be had.
    """
    stopped = pc.is_in(cases.column(PARTITION), pa.array(sorted(without), pa.date32()))
    wanted = labelled(cases.filter(pc.invert(stopped)))
    wanted = wanted.slice(max(0, wanted.num_rows - MOST))
    if not wanted.num_rows or not versions:
        return NOTHING
    try:
        keys, features = _with_features(spec, lake, home, day, wanted)
    except (NightshiftError, OSError) as error:
        problems = {version.version: said(error) for version in versions}
        return ScoredAnew(NOTHING.keys, NOTHING.features, problems=problems)
    scores, problems = {}, {}
    for version in versions:
        try:
            found = _scores(spec, home, version, features)
        except Exception as error:  # whatever a broken model raises
            problems[version.version] = said(error)
            continue
        good = pa.array(found.usable(spec.model.task))
        score = pc.if_else(good, pa.array(found.likeliest, pa.float64()), pa.scalar(None))
        table = pa.table(
            {
                "case_key": keys,
                "score": pc.cast(score, pa.float64()),
                "prediction": found.prediction,
            }
        )
        scores[version.version] = table.filter(pc.is_valid(table.column("score")))
    return ScoredAnew(keys, features, scores, problems)


def _with_features(
    spec: "UseCaseSpec", lake: "Lake", home: "Home", day: date, wanted: pa.Table
) -> tuple[pa.ChunkedArray, pa.Table]:
    """Keys (text) and features of the cases, each as known at its event time."""
    from assets.features.derived import with_derived
    from assets.features.point_in_time import join

    key = spec.population.key
    days = wanted.column(PARTITION)
    rows = lake.read(
        spec.name,
        POPULATION,
        columns=spec.population_columns,
        first=pc.min(days).as_py(),
        last=pc.max(days).as_py(),
    )
    keys = pc.cast(rows.column(key), pa.string())
    rows = rows.filter(pc.is_in(keys, wanted.column("case_key").combine_chunks()))
    rows = rows.sort_by([(spec.population.event_timestamp, "ascending"), (key, "ascending")])
    # The path for many cases: the same values (tests/property/test_point_in_time.py holds them
    # equal), without Feast's fixed price of a third of a second.
    joined = with_derived(spec, join(spec, home, rows, as_of=closes_at(day), path="asof"))
    return pc.cast(joined.column(key), pa.string()), joined.select(spec.feature_names)


def _scores(spec: "UseCaseSpec", home: "Home", version: "Champion", rows: pa.Table) -> "Scores":
    from assets.scoring.loader import load_verified
    from assets.scoring.score import scores_of
    from assets.training.frame import feature_frame

    return scores_of(spec, load_verified(home, version), feature_frame(spec, rows), version)


def said(error: Exception) -> str:
    """What went wrong: our own words, or no more than the type, for a text may hold a value."""
    return str(error) if isinstance(error, NightshiftError) else type(error).__name__

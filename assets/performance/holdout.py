"""The champion on the frozen holdout, once a week: does it still say what it said?

The rows its training measured on are scored again by the model as a night loads it, against the
outcomes as they are known by now. The final model was fitted on these rows too, so the figure is no
estimate of how good it is; it is one that must not move. Where it does, outcomes were corrected
since (and then the figure says how much that matters), or the way from the lake through the
features and the loader to the score is not what it was.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.features.columns import LABEL, label_type
from assets.features.sets import last_labels
from assets.lake import PARTITION
from assets.performance.figures import Scored, figures
from assets.performance.matured_cases import taken
from assets.performance.measure import CHAMPION, FAIL, INSUFFICIENT, PASS, Measure, of_interval
from assets.performance.scored_anew import said
from assets.performance.scored_cases import scored_cases
from assets.spec import closes_at
from assets.tables import PERFORMANCE, TRAINING_SET

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.events import Champion
    from assets.spec import UseCaseSpec

PREFIX = "holdout_"
EVERY = 7
"""Days from one time to the next, counted from the day of the training."""

TOLERANCE = 1e-9
"""Difference that is none, of 1 or of the figure where that is larger: another processor may add in
another order (see :mod:`assets.scoring.golden_check`)."""

GOOD_FOR = (
    "The same rows, scored by the model as a night loads it: a figure that must stay what it was "
    "unless outcomes are corrected. It proves loading, features and labels. It says nothing about "
    "how good the model is on new cases, for the final model has learnt from these rows too"
)


def is_due(champion: "Champion", day: date) -> bool:
    """Is the night one on which the holdout is scored?"""
    return (day - trained_on(champion)).days % EVERY == 0


def trained_on(champion: "Champion") -> date:
    """Partition of the training set: the last day that had closed at its as-of time."""
    return champion.as_of.date() - timedelta(days=1)


def holdout_measures(
    spec: "UseCaseSpec", lake: "Lake", home: "Home", day: date, champion: "Champion"
) -> list[Measure]:
    """``holdout_<metric>`` of each metric of the task, on the nights when it is due; else none.

    Judged: ``fail`` where a figure moved from its first one though no outcome did, ``insufficient``
    where it could not be had.
    """
    if not is_due(champion, day):
        return []
    primary = _name(spec.model.metric_name)
    common: dict[str, Any] = {"arm": CHAMPION, "model_version": champion.version}
    try:
        cases, outcomes = _scored(spec, lake, home, day, champion)
    except Exception as error:  # a model that fails may raise anything
        why = {"why": f"could not be scored: {said(error)}", "good_for": GOOD_FOR}
        return [Measure(primary, None, verdict=INSUFFICIENT, detail=why, **common)]
    found = figures(cases, seed=spec.model.seed, confidence=spec.monitoring.performance.confidence)
    if not found:
        why = {"why": "no outcome of the holdout is known", "good_for": GOOD_FOR}
        return [Measure(primary, None, verdict=INSUFFICIENT, detail=why, **common)]
    first = _first(spec, lake, day, champion)
    measured = []
    for metric, interval in sorted(found.items()):
        name = _name(metric)
        before = first.get(name)
        moved = before is not None and not _same(before.value, interval.value)
        detail = {
            "good_for": GOOD_FOR,
            "first": before.value if before else interval.value,
            "first_on": (before.day if before else day).isoformat(),
            "outcomes_changed_since_training": outcomes.changed,
            "outcomes": outcomes.digest,
            "rows": _rows_of(champion),
        }
        corrected = before is not None and before.outcomes != outcomes.digest
        verdict = FAIL if moved and not corrected else PASS
        measured.append(
            of_interval(name, interval, n=len(cases), verdict=verdict, detail=detail, **common)
        )
    return measured


@dataclass(frozen=True)
class _First:
    """What the first time of a version found."""

    day: date
    value: float
    outcomes: str  # digest of the outcomes as known then


@dataclass(frozen=True)
class _Outcomes:
    """Of the holdout, as known by a night."""

    digest: str
    changed: int  # differ from what the training saw


def _first(spec: "UseCaseSpec", lake: "Lake", day: date, champion: "Champion") -> dict[str, _First]:
    """By measure, of nights before ``day``."""
    import json

    import pyarrow.dataset as ds

    if not lake.exists(spec.name, PERFORMANCE):
        return {}
    own = ds.field("model_version") == champion.version
    own &= pc.starts_with(ds.field("measure"), PREFIX) & ds.field("value").is_valid()
    rows = lake.read(
        spec.name,
        PERFORMANCE,
        columns=["measure", "value", "detail", PARTITION],
        where=own,
        first=trained_on(champion),
        last=day - timedelta(days=1),
    )
    found: dict[str, _First] = {}
    for row in rows.sort_by([(PARTITION, "descending")]).to_pylist():
        outcomes = str(json.loads(row["detail"]).get("outcomes", ""))
        found[row["measure"]] = _First(row[PARTITION], row["value"], outcomes)
    return found


def _scored(
    spec: "UseCaseSpec", lake: "Lake", home: "Home", day: date, champion: "Champion"
) -> tuple[Scored, _Outcomes]:
    """The holdout scored now, and its outcomes."""
    import hashlib

    from assets.scoring.loader import load_verified
    from assets.scoring.score import scores_of
    from assets.training.frame import feature_frame

    model = load_verified(home, champion)
    rows = _kept(spec, lake, champion, model.golden)
    keys = pc.cast(rows.column(spec.population.key), pa.string())
    then = pc.cast(rows.column(LABEL), label_type(spec))
    known = last_labels(spec, lake, closes_at(day))
    now = taken(
        pc.cast(known.column(LABEL), label_type(spec)),
        pc.cast(known.column(spec.population.key), pa.string()),
        keys,
    )
    # An outcome that is not on record any more was one when the model learnt from it.
    now = pc.coalesce(now, then.combine_chunks())
    changed = int(pc.sum(pc.not_equal(now, then.combine_chunks())).as_py() or 0)
    told = "\n".join(map(str, now.to_pylist()))
    outcomes = _Outcomes(hashlib.sha256(told.encode()).hexdigest()[:16], changed)
    found = scores_of(spec, model, feature_frame(spec, rows), champion)
    table = pa.table(
        {
            LABEL: now,
            "score": pa.array(found.likeliest, pa.float64()),
            "prediction": found.prediction,
        }
    )
    return scored_cases(spec, table)[1], outcomes


def _kept(spec: "UseCaseSpec", lake: "Lake", champion: "Champion", golden: pa.Table) -> pa.Table:
    """Rows of the training set that its candidates were measured on, by time and key."""
    day = trained_on(champion)
    rows = lake.read(
        spec.name, TRAINING_SET, first=day, last=day, version=champion.training_set_version
    )
    when, key = spec.population.event_timestamp, spec.population.key
    split_at = champion.evidence.get("split_at")
    if split_at:
        split = pa.scalar(datetime.fromisoformat(str(split_at)), rows.schema.field(when).type)
        rows = rows.filter(pc.greater_equal(rows.column(when), split))
    else:
        keys = pc.cast(rows.column(key), pa.string())
        rows = rows.filter(pc.is_in(keys, golden.column("case_key").combine_chunks()))
    if not rows.num_rows:
        raise HoldoutGone("the training set of the version is not in the lake any more")
    return rows.sort_by([(when, "ascending"), (key, "ascending")])


class HoldoutGone(NightshiftError):
    """The rows a training measured on cannot be had any more."""


def _rows_of(champion: "Champion") -> str:
    split = champion.evidence.get("split_at")
    return f"training rows from {split} on" if split else "golden rows of the version"


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE * max(1.0, abs(one))


def _name(metric: str) -> str:
    return f"{PREFIX}{metric}"

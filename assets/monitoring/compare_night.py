"""Gather what a night is compared by, compare it, and judge it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.gate_results import passed_days
from assets.lake import PARTITION
from assets.monitoring.columns import SCORE
from assets.monitoring.drift import DriftResult, direction, drift
from assets.monitoring.estimate import estimated_metric
from assets.monitoring.impact import Judged, judge, weighted_drift
from assets.monitoring.mixes import mixes
from assets.monitoring.night import approvals, judged_outcomes, measures, night_rows
from assets.monitoring.reference import reference_of, windows_of
from assets.monitoring.report import Report, drift_report, reference_sample, sample
from assets.performance.judgement import trained_figure
from assets.quality.scoring_population import GATE
from assets.scoring.gate_fallback import failed_gate
from assets.scoring.loader import ModelRefused, load_verified
from assets.signing import SigningKeyError
from assets.tables import PREDICTIONS, SCORING_SET, TRAINING_SET

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.events import Champion
    from assets.spec import UseCaseSpec

SCORED = 20_000
"""Rows of the training set that are scored for the reference; of more a seeded sample."""

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Compared:
    """A night, compared and judged."""

    result: DriftResult
    judged: Judged
    rows: pa.Table  # of MEASURES_SCHEMA
    report: Report | None


def compare_night(
    spec: "UseCaseSpec",
    lake: "Lake",
    home: "Home",
    day: date,
    champion: "Champion | None",
    run_id: str,
    warn: Warn,
) -> Compared:
    """The night's drift table, and its report written beside it.

    ``champion``: whose training window the night is held against; None: there is nothing to hold
    it against, and only what the night was made of is told. ``warn`` is told what could not be
    compared.
    """
    current, trusted = _current(spec, lake, day, champion)
    training, scored = _reference(spec, lake, home, champion, current, warn)
    reference = reference_of(spec, training, scored)
    result = replace(
        drift(spec, day, current, reference, reference_window=_span(spec, training)),
        trusted=trusted,
    )
    shown = reference_sample(spec, training if scored is None else scored)
    report = drift_report(spec, home, result, current, shown)
    made_of = mixes(spec, lake, day)
    scores = _scores(current) if trusted else None
    estimate = estimated_metric(spec, scores) if scores is not None else None
    trained = trained_figure(spec, champion, spec.model.metric_name) if champion else None
    judged = judge(
        spec,
        result,
        estimate=estimate,
        trained=trained,
        approvals=approvals(lake, spec.name, day, champion.version, made_of) if champion else None,
        performance=judged_outcomes(lake, spec, day),
    )
    importance: dict[str, Any] = dict(champion.evidence.get("importance", {})) if champion else {}
    rows = night_rows(
        spec,
        result,
        judged,
        words=direction(spec, current, shown, result.drifted),
        weighted=weighted_drift(result, importance),
        estimate=estimate,
        scores=0 if scores is None else len(scores),
        worst=trained.limit(estimate) if trained is not None else None,
        report=report.relative if report else None,
        snapshot=report.snapshot_id if report else None,
    )
    version = champion.version if champion else None
    return Compared(result, judged, measures([*rows, *made_of], run_id, version), report)


def _current(
    spec: "UseCaseSpec", lake: "Lake", day: date, champion: "Champion | None"
) -> tuple[pa.Table, bool]:
    """Cases of the nights that are looked at, with the champion's scores and the night; and whether
    tonight's values may be trusted."""
    first = day - timedelta(days=windows_of(spec)[-1] - 1)
    columns = [*spec.feature_names, spec.population.key, PARTITION]
    cases = lake.read(spec.name, SCORING_SET, columns=columns, first=first, last=day)
    tonight = cases.filter(pc.equal(cases.column(PARTITION), pa.scalar(day)))
    failed = failed_gate(lake, spec, day, (GATE,), lake.read_day(spec.name, SCORING_SET, day))
    # A night stopped at the gate was never decided on: it must not colour its successors. What has
    # moved in it is what people now have to know, so it is looked at by itself.
    nights = [day] if failed else passed_days(lake, spec.name, GATE, first, day)
    rows = (
        tonight
        if failed
        else cases.filter(pc.is_in(cases.column(PARTITION), pa.array(nights, pa.date32())))
    )
    key = rows.column(spec.population.key).cast(pa.string())
    rows = rows.select([*spec.feature_names, PARTITION]).append_column("case_key", key)
    if failed or champion is None:
        return rows.drop_columns(["case_key"]), not failed
    scores = lake.read(
        spec.name,
        PREDICTIONS,
        columns=["case_key", SCORE, "model_version", PARTITION],
        first=first,
        last=day,
    )
    # What another version made of a case says nothing about this one.
    own = pc.equal(scores.column("model_version"), pa.scalar(champion.version, pa.int64()))
    scores = scores.filter(pc.fill_null(own, False)).drop_columns(["model_version"])
    joined = rows.join(scores, keys=["case_key", PARTITION], join_type="left outer")
    ordered = joined.sort_by([(PARTITION, "ascending"), ("case_key", "ascending")])
    return ordered.drop_columns(["case_key"]), True


def _reference(
    spec: "UseCaseSpec",
    lake: "Lake",
    home: "Home",
    champion: "Champion | None",
    current: pa.Table,
    warn: Warn,
) -> tuple[pa.Table, pa.Table | None]:
    """The champion's training set, and some of its rows with the champion's scores."""
    if champion is None:
        return _nothing(spec, current), None
    as_of = champion.as_of.date() - timedelta(days=1)
    training = lake.read(
        spec.name, TRAINING_SET, first=as_of, last=as_of, version=champion.training_set_version
    )
    if SCORE not in current.column_names:
        return training, None
    some = sample(training, SCORED, spec.model.seed)
    try:
        scores = _scored(spec, home, champion, some)
    except (ModelRefused, SigningKeyError) as refusal:
        warn(f"features are compared, scores are not: {refusal}")
        return training, None
    return training, some.append_column(SCORE, scores)


def _nothing(spec: "UseCaseSpec", current: pa.Table) -> pa.Table:
    rows = current.select(spec.feature_names).slice(0, 0)
    moment = pa.array([], pa.timestamp("us", "UTC"))
    name = spec.population.event_timestamp
    return rows if name in rows.column_names else rows.append_column(name, moment)


def _scored(spec: "UseCaseSpec", home: "Home", champion: "Champion", rows: pa.Table) -> pa.Array:
    """What the champion makes of the rows, as a night records it (predictions.score)."""
    from assets.training.frame import feature_frame
    from assets.training.predict import predict

    pipeline = load_verified(home, champion).pipeline
    scores = predict(spec, pipeline, feature_frame(spec, rows))
    return pa.array(scores.max(axis=1) if scores.ndim == 2 else scores, pa.float64())


def _scores(current: pa.Table) -> Any:
    """Scores of the champion in the window (float64): one night is too few to foresee by."""
    if SCORE not in current.column_names:
        return None
    return current.column(SCORE).drop_null().to_numpy()


def _span(spec: "UseCaseSpec", training: pa.Table) -> tuple[date, date] | None:
    """First and last UTC day of the training set's events; None when it has no rows."""
    span = pc.min_max(training.column(spec.population.event_timestamp)).as_py()
    return (span["min"].date(), span["max"].date()) if span["min"] is not None else None

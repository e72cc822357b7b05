"""Training: candidates searched, fitted and measured, the winner fitted once more on all rows.

What the figures mean. Candidates are fitted on earlier rows and measured on later ones (or, for a
snapshot, across folds: see :mod:`assets.training.validation`). The winner is then fitted again,
with the settings found, on *all* matured rows, because the latest weeks are the most like the
nights to come. The reported figures are those of the first fit: the final model has seen the
held-out rows, so nothing honest can be measured on it any more. Where a calibration is kept, the
final one is learnt on the held-out rows, as scored by the model that had not seen them (of a
snapshot, on a seeded quarter of the rows, as scored by a model fitted on the others).
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.training.calibration import calibrated
from assets.training.candidate_run import Measured, may_calibrate, run_candidate
from assets.training.candidates import MONOTONE, build
from assets.training.choice import choose
from assets.training.distil import distilled, with_cheap_scores
from assets.training.evidence import Candidate, TrainedModel
from assets.training.frame import feature_frame
from assets.training.importance import importance, latest_rows
from assets.training.inputs import text_features
from assets.training.predict import predict
from assets.training.rows import latest_window, training_rows
from assets.training.search import Budget, Clock
from assets.training.sufficiency import Evidence, require_enough
from assets.training.threads import threads_for
from assets.training.validation import Plan, plan

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline

    from assets.spec import UseCaseSpec
    from assets.training.rows import TrainingRows

Say = Callable[[str], None]


def train(
    spec: "UseCaseSpec",
    training_set: pa.Table,
    *,
    progress: Say | None = None,
    clock: Clock = time.monotonic,
) -> TrainedModel:
    """Fit and measure every candidate of the spec, and fit the winner on all rows.

    ``training_set``: ``spec.population_columns``, the feature columns and ``label`` (0/1, class
    name or value, by the task), in any row order. ``clock`` counts seconds and decides only when
    the search's budget is spent. Same rows and spec give the same model.

    Raises TrainingRefused when there is too little evidence, FeatureError for a feature that
    cannot be used.
    """
    started = clock()
    latest = latest_window(spec, training_set)
    evidence = require_enough(spec, latest)
    with threads_for(evidence.rows):
        return _train(spec, latest, evidence, progress or (lambda _: None), clock, started)


def _train(
    spec: "UseCaseSpec",
    latest: pa.Table,
    evidence: Evidence,
    say: Say,
    clock: Clock,
    started: float,
) -> TrainedModel:
    import numpy as np

    rows = training_rows(spec, latest, evidence.classes)
    planned = plan(spec, rows)
    evaluated = np.sort(np.concatenate([fold.measured for fold in planned.folds]))
    fitted_rows = round(sum(len(fold.fitted) for fold in planned.folds) / len(planned.folds))
    say(_opening(spec, evidence, planned, fitted_rows, len(evaluated)))

    text = text_features(spec, rows.frame)
    budget = Budget(seconds=spec.model.search.minutes * 60, clock=clock)
    runs: dict[str, Measured] = {
        name: run_candidate(spec, name, rows, planned, evaluated, text, budget, say)
        for name in spec.model.candidates
    }
    candidates: dict[str, Candidate] = {name: run.candidate for name, run in runs.items()}
    winner, why = choose(spec, candidates)
    leant_on = latest_rows(rows, planned.folds[0].measured)
    ranking = importance(spec, runs[winner].pipeline, rows, leant_on)
    say(f"{why} Fitting it on all {evidence.rows} rows")
    final = _final(spec, runs[winner], rows, planned, text)
    cheap = distilled(spec, winner, runs[winner].pipeline, final, rows, planned)
    return TrainedModel(
        task=spec.model.task,
        classes=evidence.classes,
        winner=winner,
        why=why,
        pipeline=final,
        candidates=candidates,
        evaluation=rows.table.take(pa.array(evaluated)),
        labels=rows.labels[evaluated],
        validation=spec.model.validation,
        split_at=planned.split_at,
        embargo=planned.embargo,
        embargoed_rows=planned.embargoed_rows,
        importance=ranking,
        importance_rows=len(leant_on),
        first=rows.first,
        last=rows.last,
        rows=evidence.rows,
        positives=evidence.positives,
        fitted_rows=fitted_rows,
        seconds=clock() - started,
        golden=with_cheap_scores(spec, golden_rows(spec, final, rows.table), cheap),
        notes=[*planned.notes, *_notes(spec, winner, budget)],
        cheap=cheap,
    )


def _opening(
    spec: "UseCaseSpec", evidence: Evidence, planned: Plan, fitted: int, measured: int
) -> str:
    what = {
        "binary": f", {evidence.positives} positives",
        "multiclass": f", {len(evidence.classes)} classes (the rarest {evidence.positives} times)",
        "regression": "",
    }[spec.model.task]
    if planned.split_at is None:
        how = f"{len(planned.folds)} folds, fitting on about {fitted} rows each"
    else:
        gap = f"{planned.embargo / timedelta(days=1):g} days"
        how = (
            f"fitting on {fitted} before {planned.split_at:%Y-%m-%d %H:%M} UTC "
            f"({planned.embargoed_rows} left out by the embargo of {gap}), measuring on "
            f"{measured} after"
        )
    return f"{evidence.rows} rows{what}; {how}"


def _final(
    spec: "UseCaseSpec",
    run: Measured,
    rows: "TrainingRows",
    planned: Plan,
    text: tuple[str, ...],
) -> "Pipeline":
    """The winner on all rows, calibrated the way it was measured."""
    import numpy as np

    candidate, cut = run.candidate, planned.final
    settings = candidate.parameters
    full: Pipeline = rows.fit(
        build(candidate.name, spec, settings, text=text), np.arange(len(rows))
    )
    if cut is None or not may_calibrate(spec) or candidate.calibration == "none":
        return full
    early = run.uncalibrated
    if planned.split_at is None:  # no single earlier fit was measured: the folds had one each
        early = rows.fit(build(candidate.name, spec, settings, text=text), cut.earlier)
    return calibrated(full, early, rows, cut.later, candidate.calibration)


def _notes(spec: "UseCaseSpec", winner: str, budget: Budget) -> list[str]:
    notes = []
    if budget.cut_short:
        notes.append(
            f"The search budget of {spec.model.search.minutes:g} minutes was spent before every "
            f"setting was tried: {'; '.join(budget.cut_short)}. Another machine may find other "
            "settings; lower model.search.trials to fit"
        )
    if spec.model.monotone and winner not in MONOTONE:
        notes.append(
            f"{winner} cannot be held to the declared directions (model.monotone); whether it "
            "follows them is tested, not built in"
        )
    return notes


def golden_rows(spec: "UseCaseSpec", pipeline: "Pipeline", rows: pa.Table) -> pa.Table:
    """``spec.model.golden_rows`` of ``rows``, spread evenly, with the scores of ``pipeline``.

    ``rows`` are the training set's by rising time. Columns: ``case_key`` (string), the features,
    then ``score`` (float64), or for multiclass ``score_0``, ``score_1`` ... by class.
    """
    import numpy as np

    spread = np.linspace(0, rows.num_rows - 1, spec.model.golden_rows)
    some = rows.take(pa.array(np.unique(spread.astype("int64"))))
    golden = pa.table({"case_key": pc.cast(some.column(spec.population.key), pa.string())})
    for name in spec.feature_names:
        golden = golden.append_column(name, some.column(name))
    return add_scores(golden, predict(spec, pipeline, feature_frame(spec, some)))


def add_scores(table: pa.Table, scores: "np.ndarray") -> pa.Table:
    """The table with its scores: ``score`` (n,), or ``score_0`` and on of several (n x k)."""
    if scores.ndim == 1:
        return table.append_column("score", pa.array(scores, pa.float64()))
    for number in range(scores.shape[1]):
        column = pa.array(scores[:, number], pa.float64())
        table = table.append_column(f"score_{number}", column)
    return table

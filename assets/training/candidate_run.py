"""One candidate, from its search to its figures on rows it was not fitted on."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from assets.training.calibration import METHODS, calibrated, kept_method
from assets.training.candidates import SETTINGS, build
from assets.training.evidence import Candidate
from assets.training.measure import intervals, measure, resampled, standard_error
from assets.training.predict import predict
from assets.training.search import Budget, Trial, best, ranked, search

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline

    from assets.spec import UseCaseSpec
    from assets.training.rows import TrainingRows
    from assets.training.validation import Cut, Fold, Plan


@dataclass(frozen=True)
class Measured:
    """A candidate's evidence, and what it takes to make the final model of it."""

    candidate: Candidate
    uncalibrated: "Pipeline"  # of the first fold
    pipeline: "Pipeline"  # the same as it was measured, so calibrated where that was kept


@dataclass(frozen=True)
class _Fitted:
    """What became of one fold."""

    trials: list[Trial]
    method: str
    uncalibrated: "Pipeline"
    pipeline: "Pipeline"


def run_candidate(
    spec: "UseCaseSpec",
    name: str,
    rows: "TrainingRows",
    plan: "Plan",
    evaluated: "np.ndarray",
    text: tuple[str, ...],
    budget: Budget,
    say: Callable[[str], None],
) -> Measured:
    """Search, fit and measure the candidate ``name`` on every fold of the plan.

    ``evaluated`` are the positions of the evaluation rows: all measured rows of the folds, rising.
    The settings on record are those of the best mean figure over the folds; each fold was measured
    with the best of its own, so that no row had a say in the settings it is measured with.
    """
    import numpy as np

    place = [str(one) for one in spec.model.candidates].index(name)
    units = len(spec.model.candidates) * len(plan.folds)
    scores: np.ndarray | None = None
    fitted: list[_Fitted] = []
    for number, fold in enumerate(plan.folds, 1):
        if len(plan.folds) > 1:
            say(f"{name}: fold {number} of {len(plan.folds)}")
        share = (place * len(plan.folds) + number) / units
        fitted.append(_fit_fold(spec, name, rows, fold, text, budget, share, say))
        found = predict(spec, fitted[-1].pipeline, rows.frame.iloc[fold.measured])
        if scores is None:
            scores = np.full((len(evaluated), *found.shape[1:]), np.nan)
        scores[np.searchsorted(evaluated, fold.measured)] = found
    assert scores is not None  # a plan has folds
    settings = _settings(spec, name, [one.trials for one in fitted])
    labels, task = rows.labels[evaluated], spec.model.task
    figures = measure(task, labels, scores, rows.classes)
    again = resampled(task, labels, scores, rows.classes, seed=spec.model.seed)
    methods = Counter(one.method for one in fitted)
    candidate = Candidate(
        name=name,
        parameters=settings,
        metrics=figures,
        intervals=intervals(figures, again),
        standard_error=standard_error(again[spec.model.metric_name]),
        scores=scores,
        # Of equally many, the simpler.
        calibration=max(METHODS, key=lambda method: methods[method]),
        trials=max((len(one.trials) for one in fitted), default=1) or 1,
        iterations=settings.get("max_iter"),
    )
    say(
        f"{name}: {spec.model.metric_name} {figures[spec.model.metric_name]:.4f} on "
        f"{len(evaluated)} rows it was not fitted on (standard error "
        f"{candidate.standard_error:.4f}), calibration {candidate.calibration}"
    )
    return Measured(candidate, fitted[0].uncalibrated, fitted[0].pipeline)


def _fit_fold(
    spec: "UseCaseSpec",
    name: str,
    rows: "TrainingRows",
    fold: "Fold",
    text: tuple[str, ...],
    budget: Budget,
    share: float,
    say: Callable[[str], None],
) -> _Fitted:
    found: list[Trial] = []
    if fold.inner is not None and _needs_inner(spec, name):
        found = search(spec, name, rows, fold.inner, text, budget, share, say)
    settings = best(spec, found).settings if found else dict(SETTINGS[name])
    uncalibrated = rows.fit(build(name, spec, settings, text=text), fold.fitted)
    method, pipeline = "none", uncalibrated
    if fold.inner is not None and may_calibrate(spec):
        early = fit_earlier(spec, name, rows, fold.inner, text, best(spec, found))
        method = kept_method(spec, early, rows, fold.inner.later)
        pipeline = calibrated(uncalibrated, early, rows, fold.inner.later, method)
    return _Fitted(found, method, uncalibrated, pipeline)


def may_calibrate(spec: "UseCaseSpec") -> bool:
    return spec.model.calibration != "none" and spec.model.task != "regression"


def _needs_inner(spec: "UseCaseSpec", name: str) -> bool:
    """Whether anything is learnt on the later piece: settings, rounds or a calibration."""
    boosted = "max_iter" in SETTINGS[name]
    return spec.model.search.trials > 1 or boosted or may_calibrate(spec)


def fit_earlier(
    spec: "UseCaseSpec",
    name: str,
    rows: "TrainingRows",
    cut: "Cut",
    text: tuple[str, ...],
    trial: Trial,
) -> "Pipeline":
    """The trial's model with the rounds found: of a boosting, the trial itself went further."""
    if not trial.stopped:
        return trial.pipeline
    fitted: Pipeline = rows.fit(build(name, spec, trial.settings, text=text), cut.earlier)
    return fitted


def _settings(spec: "UseCaseSpec", name: str, folds: list[list[Trial]]) -> dict[str, Any]:
    """Settings of the best mean figure over the folds; the rounds are the median of theirs.

    Every fold tries the same list in the same order; where the budget cut one short, only what
    all of them tried can be compared.
    """
    tried = min(len(one) for one in folds)
    if not tried:
        return dict(SETTINGS[name])
    means = [
        sum(ranked(spec, one[number].figure) for one in folds) / len(folds)
        for number in range(tried)
    ]
    chosen = means.index(max(means))
    settings = dict(folds[0][chosen].settings)
    if "max_iter" in settings:
        settings["max_iter"] = round(median(one[chosen].settings["max_iter"] for one in folds))
    return settings

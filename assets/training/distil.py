"""The cheap model of a cascade: distilled from the winner, it decides the clear cases.

A logistic regression with the inputs of the candidate of that name, fitted on what the winner says
of the rows instead of on what happened to them (Hinton, Vinyals and Dean 2015, "Distilling the
knowledge in a neural network": soft targets). Each row counts once for either label, weighted by
the winner's probability of it, so that the loss is the cross-entropy between the two models.

Least squares on the winner's log-odds, which have a closed form, were tried beside it on the
held-out rows of four data sets under two winners each (boosted trees, explainable boosting): the
scores were further from the winner's in seven of eight (root mean square, up to a fifth more; equal
in the eighth), and their mean was off by up to 0.025 against 0.002. Squares chase the long tails of
log-odds; cross-entropy keeps the mean, so scores that stand still mean what they say. On how many
clear cases the policy would decide otherwise, neither was better throughout.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from assets.training.candidates import build
from assets.training.evidence import Distilled
from assets.training.predict import predict

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from sklearn.pipeline import Pipeline

    from assets.model_spec import CascadeSpec
    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel
    from assets.training.rows import TrainingRows
    from assets.training.validation import Plan

CHEAP = "logistic_regression"
"""Candidate the cheap model is built like. Where it is the winner itself nothing can be saved."""

CHEAP_SCORE = "cheap_score"
"""Column of the golden rows, after those of the winner."""

APPROVE, REFER, DECLINE = 0, 1, 2


def distilled(
    spec: "UseCaseSpec",
    winner: str,
    measured: "Pipeline",
    final: "Pipeline",
    rows: "TrainingRows",
    planned: "Plan",
) -> Distilled | None:
    """The cheap model of ``final`` and what one like it says of rows it was not fitted on.

    ``measured`` is the winner as it was measured on the first fold. Its cheap model is fitted on
    the rows of the fold ``measured`` was fitted on, and says its scores of the held-out ones: the
    figures have seen neither. None without ``model.cascade``, or where the winner is as cheap.
    """
    import numpy as np

    if spec.model.cascade is None or winner == CHEAP:
        return None
    fold = planned.folds[0]
    evaluated = np.sort(np.concatenate([one.measured for one in planned.folds]))
    scores = np.full(len(evaluated), np.nan)
    early = distil(spec, measured, rows, fold.fitted)
    scores[np.searchsorted(evaluated, fold.measured)] = predict(
        spec, early, rows.frame.iloc[fold.measured]
    )
    return Distilled(distil(spec, final, rows, np.arange(len(rows))), scores)


def distil(
    spec: "UseCaseSpec", teacher: "Pipeline", rows: "TrainingRows", chosen: "np.ndarray"
) -> "Pipeline":
    """A cheap pipeline fitted on the scores ``teacher`` gives the rows chosen by position."""
    import numpy as np

    frame = rows.frame.iloc[chosen]
    likely = predict(spec, teacher, frame)
    pipeline = build(CHEAP, spec)
    (_, inputs), (_, model) = pipeline.steps
    # Prepared once and then doubled: twice the rows would make a rare category a common one.
    prepared = inputs.fit_transform(frame)
    model.fit(
        np.concatenate([prepared, prepared]),
        np.repeat(np.array([0, 1]), len(prepared)),
        sample_weight=np.concatenate([1 - likely, likely]),
    )
    return pipeline


def clear_cases(cascade: "CascadeSpec", cheap: "np.ndarray") -> "np.ndarray":
    """Which cases lie outside the band by their cheap scores (bool, n). Its ends are inside, and so
    is what is no number: the winner scores those."""
    low, high = cascade.band
    found: np.ndarray = (cheap < low) | (cheap > high)
    return found


def advised(spec: "UseCaseSpec", scores: "np.ndarray") -> "np.ndarray":
    """What the policy's thresholds alone make of each score: APPROVE, REFER or DECLINE (int8).

    As :mod:`assets.decisions.policy` advises, rules and missing values aside: a decline stays one
    where a person has to confirm it, and what is no number is referred.
    """
    import numpy as np

    found = np.full(len(scores), REFER, dtype="int8")
    found[scores < spec.policy.approve_below] = APPROVE
    found[scores > spec.policy.decline_above] = DECLINE
    return found


def standing(spec: "UseCaseSpec", trained: "TrainedModel") -> "TrainedModel | None":
    """The model as its cascade is: rows measured by both, with the scores that would stand.

    For gates that judge scores: the winner's are the cheap model's where that decides, and
    ``pipeline`` is the cheap one. None without a cheap model.
    """
    import numpy as np
    import pyarrow as pa

    cascade, cheap = spec.model.cascade, trained.cheap
    if cascade is None or cheap is None:
        return None
    both = np.flatnonzero(np.isfinite(cheap.scores))
    scores = np.where(clear_cases(cascade, cheap.scores), cheap.scores, trained.scores)[both]
    winner = replace(trained.candidates[trained.winner], scores=scores)
    return replace(
        trained,
        pipeline=cheap.pipeline,
        candidates={**trained.candidates, trained.winner: winner},
        evaluation=trained.evaluation.take(pa.array(both)),
        labels=trained.labels[both],
    )


def with_cheap_scores(
    spec: "UseCaseSpec", golden: "pa.Table", cheap: Distilled | None
) -> "pa.Table":
    """The golden rows with the cheap model's scores of them (``cheap_score``), if there is one."""
    import pyarrow as pa

    from assets.training.frame import feature_frame

    if cheap is None:
        return golden
    scores = predict(spec, cheap.pipeline, feature_frame(spec, golden))
    return golden.append_column(CHEAP_SCORE, pa.array(scores, pa.float64()))

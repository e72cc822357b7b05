"""Better settings for a candidate: few trials, seeded, within a time budget.

A trial is fitted on the earlier piece of the rows to fit on and judged on the later one. The first
trial is the defaults. The rows that candidates are compared on take no part.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assets.training.candidates import SETTINGS, build
from assets.training.measure import measure
from assets.training.predict import predict

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from assets.spec import UseCaseSpec
    from assets.training.rows import TrainingRows
    from assets.training.validation import Cut

SPACE: dict[str, dict[str, list[Any]]] = {
    "logistic_regression": {"C": [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]},
    "ridge_regression": {"alpha": [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]},
    "hist_gradient_boosting": {
        "learning_rate": [0.03, 0.06, 0.12],
        "max_leaf_nodes": [7, 15, 31],
        "min_samples_leaf": [10, 20, 50],
        "l2_regularization": [0.0, 1.0, 10.0],
    },
    "explainable_boosting": {
        "max_leaves": [2, 3],
        "min_samples_leaf": [4, 20],
        "interactions": [0, 5, 10],
    },
    "tfidf_linear": {"C": [0.3, 1.0, 3.0, 10.0], "min_df": [2, 5]},
}
"""Values a setting may take in a search; settings left out keep their default."""

MOST_ROUNDS = 600
"""Boosting rounds at most."""

PATIENCE = 20
"""Rounds without a smaller loss on the later piece that end the boosting."""

Clock = Callable[[], float]


@dataclass
class Budget:
    """Seconds all searches together may take, and what they took by an injected clock."""

    seconds: float
    clock: Clock
    spent: float = 0.0
    cut_short: list[str] = field(default_factory=list)

    def share_left(self, share: float) -> bool:
        """Whether less than ``share`` of the budget (0 to 1) is spent."""
        return self.spent < self.seconds * share

    @property
    def percent(self) -> int:
        """Share spent, in percent."""
        return min(100, round(100 * self.spent / self.seconds))


@dataclass(frozen=True)
class Trial:
    """One setting, fitted on the earlier piece and judged on the later."""

    settings: dict[str, Any]  # with the rounds found, of a boosting
    figure: float  # of the spec's metric, on the later piece
    pipeline: "Pipeline"
    stopped: bool = False  # by early stopping: ``pipeline`` has more rounds than ``settings``


def trials(spec: "UseCaseSpec", name: str) -> list[dict[str, Any]]:
    """The settings a candidate is tried with: the defaults, then others drawn without repeat."""
    from sklearn.model_selection import ParameterGrid, ParameterSampler

    defaults, space = SETTINGS[name], SPACE[name]
    drawn = ParameterSampler(
        space,
        n_iter=min(spec.model.search.trials, len(ParameterGrid(space))),
        random_state=spec.model.seed,
    )
    others = [one for one in ({**defaults, **drawn_one} for drawn_one in drawn) if one != defaults]
    return [dict(defaults), *others][: spec.model.search.trials]


def search(
    spec: "UseCaseSpec",
    name: str,
    rows: "TrainingRows",
    cut: "Cut",
    text: tuple[str, ...],
    budget: Budget,
    share: float,
    say: Callable[[str], None],
) -> list[Trial]:
    """The trials of a candidate that the budget allowed, in order; the first always is.

    Trials after the first start only while less than ``share`` of the budget is spent.
    """
    found: list[Trial] = []
    wanted = trials(spec, name)
    for number, settings in enumerate(wanted, 1):
        if found and not budget.share_left(share):
            budget.cut_short.append(f"{name} ({number - 1} of {len(wanted)} settings tried)")
            break
        started = budget.clock()
        found.append(_tried(spec, name, rows, cut, text, settings))
        budget.spent += budget.clock() - started
        say(
            f"{name}: trial {number} of {len(wanted)}, {spec.model.metric_name} "
            f"{found[-1].figure:.4f}, best so far {best(spec, found).figure:.4f}, "
            f"{budget.percent} % of the search budget spent"
        )
    return found


def best(spec: "UseCaseSpec", found: list[Trial]) -> Trial:
    """The trial with the best figure; of equals the first, so the defaults before others."""
    return max(found, key=lambda trial: ranked(spec, trial.figure))


def ranked(spec: "UseCaseSpec", figure: float) -> float:
    """The figure as a number that is larger where the model is better; NaN is the worst."""
    return spec.model.sign * figure if figure == figure else float("-inf")


def _tried(
    spec: "UseCaseSpec",
    name: str,
    rows: "TrainingRows",
    cut: "Cut",
    text: tuple[str, ...],
    settings: Mapping[str, Any],
) -> Trial:
    settings = dict(settings)
    if name == "hist_gradient_boosting":
        pipeline, settings["max_iter"] = _stopped_early(spec, rows, cut, settings)
    else:
        pipeline = rows.fit(build(name, spec, settings, text=text), cut.earlier)
    scores = predict(spec, pipeline, rows.frame.iloc[cut.later])
    figures = measure(spec.model.task, rows.labels[cut.later], scores, rows.classes)
    return Trial(
        settings,
        figures[spec.model.metric_name],
        pipeline,
        stopped=name == "hist_gradient_boosting",
    )


def _stopped_early(
    spec: "UseCaseSpec", rows: "TrainingRows", cut: "Cut", settings: Mapping[str, Any]
) -> tuple["Pipeline", int]:
    """Boosting that ends when the loss on the later piece no longer falls, and its best round."""
    import numpy as np

    pipeline = build("hist_gradient_boosting", spec, {**settings, "max_iter": MOST_ROUNDS})
    inputs, model = pipeline.named_steps["inputs"], pipeline.named_steps["model"]
    model.set_params(early_stopping=True, n_iter_no_change=PATIENCE, validation_fraction=None)
    earlier, later = rows.frame.iloc[cut.earlier], rows.frame.iloc[cut.later]
    model.fit(
        inputs.fit_transform(earlier),
        rows.target[cut.earlier],
        X_val=inputs.transform(later),
        y_val=rows.target[cut.later],
    )
    # Place 0 is the score before the first round, and a score is the loss with its sign turned.
    return pipeline, max(1, int(np.argmax(model.validation_score_)))

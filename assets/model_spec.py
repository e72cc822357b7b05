"""What is true of a use case's model: candidates, validation, search, limits of its gates."""

from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from assets.source_spec import Block, parse_duration

Task = Literal["binary", "multiclass", "regression"]
CandidateName = Literal[
    "logistic_regression",
    "ridge_regression",
    "hist_gradient_boosting",
    "explainable_boosting",
    "tfidf_linear",
]
Metric = Literal["roc_auc", "average_precision", "log_loss", "macro_f1", "mae", "rmse", "r2"]

METRICS: dict[Task, tuple[Metric, ...]] = {
    "binary": ("roc_auc", "average_precision", "log_loss"),
    "multiclass": ("macro_f1", "log_loss"),
    "regression": ("mae", "rmse", "r2"),
}
"""Metrics a task can be judged by; the first is the default."""

SMALLER_IS_BETTER = ("log_loss", "mae", "rmse")

CANDIDATES: dict[Task, tuple[CandidateName, ...]] = {
    "binary": (
        "logistic_regression",
        "hist_gradient_boosting",
        "explainable_boosting",
        "tfidf_linear",
    ),
    "multiclass": ("logistic_regression", "hist_gradient_boosting", "tfidf_linear"),
    "regression": ("ridge_regression", "hist_gradient_boosting", "explainable_boosting"),
}
"""Candidates a task can have, the simplest first."""


class SearchSpec(Block):
    """How hard to look for better hyperparameters. Seeded; the first trial is the defaults."""

    trials: int = Field(default=4, ge=1, description="Settings tried per candidate.")
    minutes: float = Field(
        default=10,
        gt=0,
        description=(
            "Time budget of all searches together. Reaching it ends the search with what was "
            "found, says so, and makes the result depend on the machine: choose `trials` to fit."
        ),
    )


class LeakGateSpec(Block):
    """When a feature, or the whole model, knows too much."""

    single_feature: float = Field(
        default=0.95,
        gt=0.5,
        le=1,
        description="Largest discrimination (AUC, one against the rest) one feature may have.",
    )
    too_good: float = Field(
        default=0.995, gt=0.5, le=1, description="Held-out AUC above which nothing is believed."
    )
    shuffled: float = Field(
        default=0.1,
        gt=0,
        le=0.5,
        description="How far from chance a model of shuffled labels may score (AUC - 0.5).",
    )


class ChampionGateSpec(Block):
    """When a challenger is no worse than the champion on the same held-out rows."""

    margin: float = Field(
        default=0.01, ge=0, description="Loss of the metric that counts as no worse."
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=1000, ge=100, description="Of the paired bootstrap.")


class CalibrationGateSpec(Block):
    """When a probability means what it says. Not asked of a regression."""

    max_error: float = Field(
        default=0.05, gt=0, le=1, description="Largest expected calibration error."
    )
    bins: int = Field(default=10, ge=2, description="Of equal count.")
    min_rows: int = Field(default=200, ge=20, description="Fewer held-out rows: insufficient.")


class StabilityGateSpec(Block):
    """When a model is as good in every slice of time as over all."""

    slices: int = Field(default=3, ge=2)
    max_drop: float = Field(
        default=0.1, gt=0, description="How far the metric of a slice may be worse than over all."
    )
    min_rows: int = Field(default=100, ge=10, description="A smaller slice is not judged.")


class FairnessGateSpec(Block):
    """What may differ between the groups of a sensitive column."""

    min_group: int = Field(default=50, ge=2, description="Smaller groups are not judged.")
    min_ratio: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Smallest ratio of selection rates (the four-fifths rule, 29 CFR 1607.4 D).",
    )
    max_difference: float = Field(
        default=0.1, gt=0, le=1, description="Largest equal-opportunity difference."
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1)


class TrainingGatesSpec(Block):
    """Limits of the gates a trained model must pass before anyone may approve it."""

    insufficient: Literal["proceed", "stop"] = Field(
        default="proceed",
        description=(
            "What a gate without enough evidence means. proceed: the person who approves is told, "
            "and it is on record that they were. stop: as if it had failed."
        ),
    )
    leak: LeakGateSpec = LeakGateSpec()
    baseline_gain: float = Field(
        default=0.0, ge=0, description="How much better than the naive baseline it must be."
    )
    champion: ChampionGateSpec = ChampionGateSpec()
    calibration: CalibrationGateSpec = CalibrationGateSpec()
    stability: StabilityGateSpec = StabilityGateSpec()
    fairness: FairnessGateSpec = FairnessGateSpec()
    invariant_to: list[str] = Field(
        default=[],
        description=(
            "Personal attributes (features) whose value alone may not move a score. Denied and "
            "sensitive columns never reach the model in the first place."
        ),
    )


class CascadeSpec(Block):
    """A cheap model, distilled from the winner, decides the clear cases; the winner the others.

    ``band``: scores of the cheap model between which (both included) the winner scores a case.
    """

    band: tuple[float, float]
    max_disagreement: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description=(
            "Largest share of the cases outside the band on which the policy would decide "
            "otherwise by the winner's score. In training a gate; every night on a sample."
        ),
    )
    sample: int = Field(
        default=500, ge=50, description="Clear cases a night that both score, at most (seeded)."
    )

    @field_validator("band")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1] <= 1:
            raise ValueError("band: two rising scores from 0 to 1")
        return value


class ModelSpec(Block):
    """What is trained, and how it is judged. Estimators come from an allow-list by name."""

    task: Task = "binary"
    candidates: list[CandidateName] = Field(default=[], description="Default: by the task.")
    metric: Metric | None = Field(default=None, description="Default: by the task.")
    validation: Literal["time", "cross_validation"] = Field(
        default="time",
        description=(
            "time: measured on the latest rows. cross_validation: for snapshots, which have no "
            "time; the model card says so."
        ),
    )
    holdout: float = Field(default=0.25, gt=0, lt=1, description="Latest share of time held out.")
    folds: int = Field(default=5, ge=2, le=20, description="Of cross-validation.")
    embargo: str | None = Field(
        default=None,
        description=(
            "Gap between the rows fitted on and the rows measured on. Default: as long as a label "
            "takes to mature, for what was not yet known at the split cannot be learnt from."
        ),
    )
    window: str | None = Field(
        default=None, description="Only cases of the latest so many days, like 180d."
    )
    search: SearchSpec = SearchSpec()
    calibration: Literal["none", "sigmoid", "isotonic", "auto"] = Field(
        default="auto", description="auto: kept only where it makes the log loss smaller."
    )
    monotone: dict[str, Literal["increasing", "decreasing"]] = Field(
        default={}, description="Numeric features and how the score (or prediction) follows them."
    )
    min_rows: int = Field(default=200, ge=2, description="Fewer matured rows: training refuses.")
    min_positives: int = Field(
        default=20, ge=1, description="Fewer positives (or rows of any class): training refuses."
    )
    golden_rows: int = Field(default=200, ge=20, le=2000, description="Kept with each version.")
    gates: TrainingGatesSpec = TrainingGatesSpec()
    cascade: CascadeSpec | None = None
    seed: int = 20260601

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_task(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        task = given.get("task", "binary")
        if task not in METRICS:
            return given  # the field itself says what is allowed
        filled = dict(given)
        filled["metric"] = given.get("metric") or METRICS[task][0]
        common = [c for c in CANDIDATES[task] if c not in ("explainable_boosting", "tfidf_linear")]
        filled["candidates"] = given.get("candidates") or common
        return filled

    @field_validator("embargo", "window")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        if self.metric not in METRICS[self.task]:
            raise ValueError(
                f"metric '{self.metric}' is not for {self.task}: choose of "
                f"{', '.join(METRICS[self.task])}"
            )
        for name in self.candidates:
            if name not in CANDIDATES[self.task]:
                raise ValueError(
                    f"candidate '{name}' is not for {self.task}: choose of "
                    f"{', '.join(CANDIDATES[self.task])}"
                )
        return self

    @property
    def metric_name(self) -> Metric:
        """The metric candidates are compared by."""
        return self.metric or METRICS[self.task][0]

    @property
    def sign(self) -> int:
        """+1 where a larger metric is better, else -1."""
        return -1 if self.metric_name in SMALLER_IS_BETTER else 1

    @property
    def training_window(self) -> timedelta | None:
        return parse_duration(self.window) if self.window else None

"""The challenger's night: it scores every case beside the champion, and may decide its arm.

Whatever is wrong with it costs nobody a decision: the champion then decides its arm as well.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.ingestion.pseudonym import KeyRefused
from assets.scoring.golden_check import require_golden, require_same_shape
from assets.scoring.loader import ModelRefused, load_verified
from assets.scoring.score import Scores, label_of, predictions_of, scores_of
from assets.tables import CHALLENGER_SCORES_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd

    from assets.home import Home
    from assets.release.events import Champion
    from assets.spec import UseCaseSpec


class TooManyUnusable(ModelRefused):
    """More of a challenger's scores are unusable than the spec allows."""


@dataclass(frozen=True)
class ChallengerNight:
    """What became of the challenger in a night."""

    challenger: "Champion"
    stage: Literal["shadow", "canary"]
    predictions: pa.Table  # PREDICTIONS_SCHEMA: the champion's, the challenger's in its arm
    scores: pa.Table  # CHALLENGER_SCORES_SCHEMA, a row per case
    golden_difference: float | None = None
    refusal: NightshiftError | None = None  # why it decided nothing that it should have

    @property
    def decided(self) -> int:
        """Cases its own score stands for."""
        return int(pc.sum(pc.equal(self.predictions.column("arm"), "canary")).as_py() or 0)

    @property
    def unusable(self) -> int:
        """Cases it has no score for that anyone may look at."""
        return int(self.scores.column("score").null_count)


def challenged(
    spec: "UseCaseSpec",
    home: "Home",
    scoring_set: pa.Table,
    frame: "pd.DataFrame",
    predictions: pa.Table,
    champion: "Champion",
    challenger: "Champion",
    stage: Literal["shadow", "canary"],
    *,
    key: "Callable[[], bytes] | None" = None,
) -> ChallengerNight:
    """The night with the challenger in it.

    ``predictions`` are the champion's of all cases, ``frame`` their features. In the canary the
    challenger's prediction stands for the entities of its arm, unless it could not be loaded,
    failed, or gave more unusable scores than ``release.guardrails.invalid_scores``; a single
    unusable one falls to the champion. Raises nothing that is the challenger's fault.
    """
    night = ChallengerNight(challenger, stage, predictions, pa.table({}))
    rows, usable = scoring_set.num_rows, None
    refusal: NightshiftError | None = None
    try:
        model = load_verified(home, challenger)
        require_same_shape(spec, model, challenger)
        night = replace(night, golden_difference=require_golden(spec, model, challenger))
        found = scores_of(spec, model, frame, challenger)
        good = _good(spec, found, challenger, rows)
        usable = found
        _require_few(spec, challenger, int((~good).sum()), rows)
        if stage == "canary":
            arm = _arm(spec, home, challenger, scoring_set, key) & good
            own = predictions_of(
                spec,
                model,
                scoring_set.filter(pa.array(arm)),
                frame[arm].reset_index(drop=True),
                replace(found, values=found.values[arm], cheap=found.cheap[arm]),
                challenger,
                arm="canary",
            )
            night = replace(night, predictions=_merged(predictions, own, arm))
    except (TooManyUnusable, KeyRefused) as error:
        refusal = error  # what it scored stays on record: for some, or not its fault
    except Exception as error:
        # Whatever a broken model raises: the type alone, for the text may hold a value of a case.
        named = f"{label_of(challenger)} fails ({type(error).__name__})"
        refusal = error if isinstance(error, NightshiftError) else ModelRefused(named)
        usable = None
    scores = _beside(spec, night, predictions, champion, usable)
    return replace(night, refusal=refusal, scores=scores)


def _good(spec: "UseCaseSpec", found: Scores, challenger: "Champion", rows: int) -> "np.ndarray":
    several = spec.model.task == "multiclass"
    if found.values.ndim != (2 if several else 1) or len(found.values) != rows:
        raise ModelRefused(
            f"{label_of(challenger)} gave {found.values.shape} scores for {rows} cases, which a "
            f"{spec.model.task} model does not"
        )
    return found.usable(spec.model.task)


def _require_few(spec: "UseCaseSpec", challenger: "Champion", unusable: int, rows: int) -> None:
    limit = spec.release.guardrails.invalid_scores
    if unusable > limit * rows:
        raise TooManyUnusable(
            f"{label_of(challenger)}: {unusable} of {rows} scores are unusable (not finite, or no "
            f"probability), release.guardrails.invalid_scores allows a share of {limit:g}"
        )


def _arm(
    spec: "UseCaseSpec",
    home: "Home",
    challenger: "Champion",
    scoring_set: pa.Table,
    key: "Callable[[], bytes] | None",
) -> "np.ndarray":
    from assets.release.arms import canary_arm

    entities = pc.cast(scoring_set.column(spec.population.entity), pa.string())
    inside = canary_arm(home, spec, challenger.version, entities, key=key() if key else None)
    found: np.ndarray = inside.to_numpy(zero_copy_only=False).astype(bool)
    return found


def _of(scores: Scores, chosen: "np.ndarray") -> Scores:
    return replace(scores, values=scores.values[chosen], cheap=scores.cheap[chosen])


def _merged(predictions: pa.Table, own: pa.Table, arm: "np.ndarray") -> pa.Table:
    """The champion's rows, those of ``own`` (in the order of the arm) in their places."""
    import numpy as np

    places = np.arange(predictions.num_rows)
    places[arm] = predictions.num_rows + np.arange(own.num_rows)
    return pa.concat_tables([predictions, own]).take(pa.array(places))


def _beside(
    spec: "UseCaseSpec",
    night: ChallengerNight,
    predictions: pa.Table,
    champion: "Champion",
    found: Scores | None,
) -> pa.Table:
    """Both models' scores and what the policy makes of them, columns CHALLENGER_SCORES_SCHEMA."""
    rows = predictions.num_rows
    score: Any = pa.nulls(rows, pa.float64())
    prediction: Any = pa.nulls(rows, pa.string())
    if found is not None:
        good = pa.array(found.usable(spec.model.task))
        score = pc.if_else(good, pa.array(found.likeliest, pa.float64()), score)
        prediction = pc.if_else(good, found.prediction, prediction)
    columns = {
        "case_key": predictions.column("case_key"),
        "entity_key": predictions.column("entity_key"),
        "event_timestamp": predictions.column("event_timestamp"),
        "stage": pa.repeat(night.stage, rows),
        "arm": night.predictions.column("arm"),
        "version": pa.repeat(night.challenger.version, rows),
        "digest": pa.repeat(night.challenger.digest, rows),
        "score": score,
        "prediction": prediction,
        "advice": _advice(spec, predictions, score),
        "champion_version": pa.repeat(champion.version, rows),
        "champion_score": predictions.column("score"),
        "champion_prediction": predictions.column("prediction"),
        "champion_advice": _advice(spec, predictions, predictions.column("score")),
    }
    return pa.table(columns).select(CHALLENGER_SCORES_SCHEMA.names).cast(CHALLENGER_SCORES_SCHEMA)


def _advice(spec: "UseCaseSpec", predictions: pa.Table, score: Any) -> Any:
    """What the policy says of the scores; null where there is none."""
    from assets.decisions.policy import advice_of

    _, advice, _ = advice_of(spec, score, predictions)
    return pc.if_else(pc.is_valid(score), advice, pa.scalar(None, pa.string()))

"""A night's predictions: by the champion where it can be trusted, by nobody where it cannot.

What stops a night is what is wrong with its cases. What is wrong with a model never does: every
case then goes to a person (the use case's ``fallback``). A challenger scores beside the champion,
and decides its arm of a canary, only where both can be trusted.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.release.champion import NoChampion, NotApproved, require_champion
from assets.scoring.alias_check import require_alias
from assets.scoring.challenger import ChallengerNight, challenged
from assets.scoring.golden_check import require_golden, require_same_shape
from assets.scoring.loader import ModelRefused, load_verified
from assets.scoring.score import (
    fallback_predictions,
    label_of,
    predictions_of,
    require_cases,
    require_scores,
    scores_of,
)
from assets.signing import SigningKeyError
from assets.tables import CHALLENGER_SCORES_SCHEMA
from assets.training.frame import feature_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    import pyarrow as pa

    from assets.errors import NightshiftError
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.events import Champion
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class ScoredNight:
    """Either ``champion`` scored the night, or ``refusal`` says why no model did."""

    predictions: "pa.Table"  # PREDICTIONS_SCHEMA, a row per case
    champion: "Champion | None" = None
    golden_difference: float | None = None  # largest of the golden rows' scores, where checked
    refusal: "NightshiftError | None" = None
    beside: ChallengerNight | None = None  # the challenger's night, where there is one
    challenger_problem: str = ""  # why the challenger on record does not count
    cascade: "Mapping[str, Any] | None" = None  # figures of the champion's cascade
    failed_gate: str = ""  # why the cases themselves were not to be scored

    @property
    def challenger_scores(self) -> "pa.Table":
        """CHALLENGER_SCORES_SCHEMA: a row per case, none in a night without a challenger."""
        return self.beside.scores if self.beside else CHALLENGER_SCORES_SCHEMA.empty_table()


def score_night(
    spec: "UseCaseSpec",
    home: "Home",
    lake: "Lake",
    day: "date",
    scoring_set: "pa.Table",
    *,
    key: "Callable[[], bytes] | None" = None,
    canary: bool = True,
) -> ScoredNight:
    """Score the cases of ``day`` by its champion and challenger, or refer them all.

    Refused are: no champion, one nobody approved, an alias moved by hand, a model that is not as
    released, one for another task or other features, golden rows that score otherwise, scores that
    are none. Of a challenger each of these costs nothing but its part in the night.

    ``key`` gives the installation's pseudonym key, by default from the file in the home; asked only
    for the arms of a canary. ``canary=False`` lets the champion decide all, as when a canary's days
    are decided anew. Raises ScoringRefused and FeatureError for what is wrong with ``scoring_set``
    itself.
    """
    from assets.release.deciders import deciders_on

    require_cases(spec, scoring_set)
    try:
        deciders = deciders_on(lake, home, spec, day)
        champion = deciders.champion or require_champion(lake, home, spec, day)
        require_alias(home, lake, spec)
        model = load_verified(home, champion)
        require_same_shape(spec, model, champion)
        difference = require_golden(spec, model, champion)
        frame = feature_frame(spec, scoring_set)
        scores = scores_of(spec, model, frame, champion)
        require_scores(spec.model.task, label_of(champion), scores.values, scoring_set.num_rows)
        predictions = predictions_of(
            spec, model, scoring_set, frame, scores, champion, arm="champion"
        )
    except (NoChampion, NotApproved, ModelRefused, SigningKeyError) as refusal:
        reason = str(refusal)
        return ScoredNight(fallback_predictions(spec, scoring_set, reason), refusal=refusal)
    cascade = scores.cascade or None
    if deciders.challenger is None or deciders.stage is None or not canary:
        return ScoredNight(
            predictions,
            champion,
            difference,
            challenger_problem=deciders.problem,
            cascade=cascade,
        )
    beside = challenged(
        spec,
        home,
        scoring_set,
        frame,
        predictions,
        champion,
        deciders.challenger,
        deciders.stage,
        key=key,
    )
    return ScoredNight(beside.predictions, champion, difference, beside=beside, cascade=cascade)

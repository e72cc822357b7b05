"""A night's predictions: by the champion where it can be trusted, by nobody where it cannot.

What stops a night is what is wrong with its cases. What is wrong with a model never does: every
case then goes to a person (the use case's ``fallback``).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.release.champion import NoChampion, NotApproved, require_champion
from assets.scoring.alias_check import require_alias
from assets.scoring.golden_check import require_golden, require_same_shape
from assets.scoring.loader import ModelRefused, load_verified
from assets.scoring.score import fallback_predictions, require_cases, score
from assets.signing import SigningKeyError

if TYPE_CHECKING:
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


def score_night(
    spec: "UseCaseSpec", home: "Home", lake: "Lake", day: "date", scoring_set: "pa.Table"
) -> ScoredNight:
    """Score the cases of ``day`` by its champion, or refer them all.

    Refused are: no champion, one nobody approved, an alias moved by hand, a model that is not as
    released, one for another task or other features, golden rows that score otherwise, scores that
    are none. Raises ScoringRefused and FeatureError for what is wrong with ``scoring_set`` itself.
    """
    require_cases(spec, scoring_set)
    try:
        champion = require_champion(lake, home, spec, day)
        require_alias(home, lake, spec)
        model = load_verified(home, champion)
        require_same_shape(spec, model, champion)
        difference = require_golden(spec, model, champion)
        predictions = score(spec, model.pipeline, scoring_set, champion)
    except (NoChampion, NotApproved, ModelRefused, SigningKeyError) as refusal:
        reason = str(refusal)
        return ScoredNight(fallback_predictions(spec, scoring_set, reason), refusal=refusal)
    return ScoredNight(predictions, champion, difference)

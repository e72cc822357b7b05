"""Publishing a scored night: predictions, and the challenger's scores they can be judged by."""

from typing import TYPE_CHECKING

from assets.tables import (
    CHALLENGER_SCORES,
    CHALLENGER_SCORES_SCHEMA,
    PREDICTIONS,
    PREDICTIONS_SCHEMA,
    SCORING_SET,
)

if TYPE_CHECKING:
    from datetime import date

    from assets.lake import Commit, Lake
    from assets.scoring.night import ScoredNight
    from assets.spec import UseCaseSpec


def publish(
    lake: "Lake", spec: "UseCaseSpec", day: "date", night: "ScoredNight", *, run_id: str
) -> "Commit":
    """Make the night the content of its day in both tables; the commit of the predictions.

    A night like the one on record changes nothing. Without a challenger there are no rows of one,
    unless it scored that day before it was taken off the ladder.
    """
    beside = night.beside
    metadata = {
        "run_id": run_id,
        "spec_version": spec.version,
        "model_digest": night.champion.digest if night.champion else "",
        "challenger_digest": beside.challenger.digest if beside else "",
        "scoring_set_version": str(lake.version(spec.name, SCORING_SET)),
    }
    # First: a canary decides nothing that cannot be compared with what the champion would have. A
    # day whose challenger was since taken off the ladder keeps what it was judged by.
    taken_off = night.champion is not None and beside is None
    if beside is not None or (not taken_off and lake.exists(spec.name, CHALLENGER_SCORES)):
        lake.ensure(spec.name, CHALLENGER_SCORES, CHALLENGER_SCORES_SCHEMA)
        lake.replace_day(spec.name, CHALLENGER_SCORES, day, night.challenger_scores, metadata)
    lake.ensure(spec.name, PREDICTIONS, PREDICTIONS_SCHEMA)
    return lake.replace_day(spec.name, PREDICTIONS, day, night.predictions, metadata)

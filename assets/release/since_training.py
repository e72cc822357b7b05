"""Cases neither model learnt from, and whose outcome is known by now: what a paired test looks at.

When a version is trained, the outcomes of the latest cases have not matured, so nothing was learnt
from them. They mature night by night while the version stands in the shadow and the canary, long
before the cases of those nights do. Both models score them on features as known at each case's
event time, which is what either would have been given then.
"""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.features.sets import matured_since
from assets.release.matured import MOST
from assets.spec import closes_at

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from assets.home import Home
    from assets.lake import Lake
    from assets.release.events import Champion
    from assets.spec import UseCaseSpec


def since_training(
    spec: "UseCaseSpec",
    lake: "Lake",
    home: "Home",
    day: "date",
    champion: "Champion",
    challenger: "Champion",
    *,
    without: "Collection[date]" = (),
) -> pa.Table:
    """Cases later than any either learnt from, matured by the close of ``day``, scored by both.

    Columns ``case_key``, ``score``, ``prediction``, ``champion_score``, ``champion_prediction`` and
    ``label``, by event time and key; at most MOST, a seeded sample of more. ``without``: days that
    a gate stopped. Empty where there is none, or where either model cannot be loaded: that is told
    elsewhere, and proves nothing about the other.
    """
    after = max(champion.training_window[1], challenger.training_window[1])
    rows = matured_since(spec, lake, home, after, closes_at(day), most=MOST, without=without)
    if not rows.num_rows:
        return _empty(rows)
    columns = {"case_key": pc.cast(rows.column(spec.population.key), pa.string())}
    for whose, released in (("", challenger), ("champion_", champion)):
        try:
            score, prediction = _scored(spec, home, released, rows)
        except Exception:
            # Whatever a broken model raises: the check of its scores is what takes it off, and must
            # not be kept from it by this one.
            return _empty(rows)
        columns |= {f"{whose}score": score, f"{whose}prediction": prediction}
    found = pa.table({**columns, LABEL: rows.column(LABEL)})
    valid = pc.and_(pc.is_valid(found.column("score")), pc.is_valid(found.column("champion_score")))
    return found.filter(valid)


def _scored(
    spec: "UseCaseSpec", home: "Home", released: "Champion", rows: pa.Table
) -> tuple[pa.Array, pa.Array]:
    """Score (null where unusable) and likeliest class of each row."""
    from assets.scoring.loader import load_verified
    from assets.scoring.score import scores_of
    from assets.training.frame import feature_frame

    found = scores_of(spec, load_verified(home, released), feature_frame(spec, rows), released)
    usable = pa.array(found.usable(spec.model.task))
    score = pc.if_else(usable, pa.array(found.likeliest, pa.float64()), pa.scalar(None))
    return score.cast(pa.float64()), found.prediction


def _empty(rows: pa.Table) -> pa.Table:
    return pa.table(
        {
            "case_key": pa.array([], pa.string()),
            "score": pa.array([], pa.float64()),
            "prediction": pa.array([], pa.string()),
            "champion_score": pa.array([], pa.float64()),
            "champion_prediction": pa.array([], pa.string()),
            LABEL: pa.array([], rows.column(LABEL).type),
        }
    )

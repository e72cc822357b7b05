"""How often people decide otherwise than the machine: a signal that waits for no outcome."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.performance.measure import Measure
from assets.reviews.overrides import COLUMNS, work
from assets.spec import closes_at
from assets.tables import REVIEWS, TIMESTAMP

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

NAME = "override_rate"


def override_rate(spec: "UseCaseSpec", lake: "Lake", day: date, days: int) -> Measure:
    """Share of reviews that overrode the machine's advice, with Wilson's 95 % interval.

    Of decisions of the last ``days`` nights up to ``day``, by the reviews there were at its close.
    Reviews of cases on which the machine had no opinion do not count. ``detail``: ``reviews``, and
    of the blind sample ``blind`` and ``blind_agreed``.
    """
    first = day - timedelta(days=days - 1)
    if not lake.exists(spec.name, REVIEWS):
        return Measure(NAME, None, detail={"why": "nobody has reviewed a case yet"})
    rows = lake.read(spec.name, REVIEWS, columns=COLUMNS, first=first, last=day)
    by_then = pc.less_equal(rows.column("at"), pa.scalar(closes_at(day), TIMESTAMP))
    found = work(rows.filter(by_then), None)
    detail = {
        "reviews": found.reviews,
        "blind": found.blind.of,
        "blind_agreed": found.blind.hits,
        "confidence": 0.95,
    }
    share = found.overridden
    if share.share is None:
        why = f"no review of the last {days} nights was of a case the machine had an opinion on"
        return Measure(NAME, None, detail={**detail, "why": why})
    return Measure(NAME, share.share, low=share.low, high=share.high, n=share.of, detail=detail)

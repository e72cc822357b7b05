"""Did the input move? Nights and the window up to them against the champion's training window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.lake import PARTITION
from assets.monitoring.columns import SCORE, values_of
from assets.monitoring.effect import NEW, Kind, bins_of, effects
from assets.monitoring.noise import band, chance
from assets.monitoring.reference import ColumnReference, Reference, Side
from assets.spec import UseCaseSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Verdict = Literal["stable", "moved", "insufficient"]


@dataclass(frozen=True)
class ColumnDrift:
    """One column of some nights in a row against the reference."""

    column: str
    kind: Kind  # numeric | categorical | presence: what of the column lies furthest beyond
    effect: float
    band: float  # from which on it counts
    rows: int
    nights: int  # that were compared together
    missing: float  # share of rows without a value
    novelty: float  # share of rows with a category the reference never had
    known: bool  # False: too few rows to say
    note: str  # what a reader must know about it; empty in the ordinary case

    @property
    def times(self) -> float:
        """The effect in multiples of its band."""
        return self.effect / self.band

    @property
    def drifted(self) -> bool:
        return self.known and self.effect >= self.band


@dataclass(frozen=True)
class DriftResult:
    """What one night's comparison found."""

    use_case: str
    day: date
    verdict: Verdict
    night: tuple[ColumnDrift, ...]
    """Every column: the night, or the two nights up to it where those lie further beyond."""
    window: tuple[ColumnDrift, ...]  # of the whole window
    rows: int  # of the night
    reference_rows: int
    reference_days: int
    reference_window: tuple[date, date] | None
    trusted: bool = True
    """False: no model could be trusted with the night, and its score is not compared."""

    @property
    def features(self) -> list[ColumnDrift]:
        """All comparisons of features, which are the input."""
        return [one for one in (*self.night, *self.window) if one.column != SCORE]

    @property
    def scores(self) -> list[ColumnDrift]:
        """Comparisons of the score, which is what becomes of the input."""
        return [one for one in (*self.night, *self.window) if one.column == SCORE]

    @property
    def drifted(self) -> list[str]:
        """Names of the columns that have moved, the furthest first; ``score`` among them: it sees
        all features at once, and moves where none of them does so by itself."""
        far: dict[str, float] = {}
        for one in (*self.night, *self.window):
            if one.drifted:
                far[one.column] = max(one.times, far.get(one.column, 0.0))
        return sorted(far, key=lambda name: (-far[name], name))

    @property
    def largest(self) -> float | None:
        """The largest effect in multiples of its band; None of nothing known."""
        return max((one.times for one in (*self.night, *self.window) if one.known), default=None)


def drift(
    spec: UseCaseSpec,
    day: date,
    current: pa.Table,
    reference: Reference,
    *,
    reference_window: tuple[date, date] | None = None,
) -> DriftResult:
    """Compare the nights up to ``day`` with the reference.

    ``current``: feature columns, possibly ``score`` (double, null where the champion did not score
    the case), and the night (``partition_date``), of the window's nights. Per column and length of
    window the effect size (:mod:`assets.monitoring.effect`) is held against its noise band
    (:mod:`assets.monitoring.noise`). ``moved``: a column lies beyond; ``insufficient``: no length
    of window has ``min_rows``.
    """
    nights = current.column(PARTITION)
    found: dict[int, list[ColumnDrift]] = {}
    for length in reference.windows:
        first = pa.scalar(date.fromordinal(day.toordinal() - length + 1))
        rows = current.filter(pc.greater_equal(nights, first))
        there = len(pc.unique(rows.column(PARTITION)))
        found[length] = [
            _compare(spec, one, rows, there, length, reference) for one in reference.columns
        ]
    tonight = found[reference.windows[0]]
    last = found[reference.windows[-1]]
    pair = found.get(2, tonight)
    night = tuple(
        two if two.known and (not one.known or two.times > one.times) else one
        for one, two in zip(tonight, pair, strict=True)
    )
    result = DriftResult(
        use_case=spec.name,
        day=day,
        verdict="stable",
        night=night,
        window=tuple(last),
        rows=int(pc.sum(pc.equal(nights, pa.scalar(day))).as_py() or 0),
        reference_rows=reference.rows,
        reference_days=reference.days,
        reference_window=reference_window,
    )
    verdict: Verdict = "moved" if result.drifted else "stable"
    if not any(one.known for one in result.features):
        verdict = "insufficient"
    return replace(result, verdict=verdict)


def _compare(
    spec: UseCaseSpec,
    one: ColumnReference,
    rows: pa.Table,
    nights: int,
    length: int,
    reference: Reference,
) -> ColumnDrift:
    import numpy as np

    values, there = values_of(spec, rows, one.column)
    if one.column == SCORE:
        # Whom another version scored, or none, has no score of the champion's: that says nothing.
        there = there[there]
    present, total = int(there.sum()), len(there)
    missing = 1 - present / total if total else 0.0
    bins = bins_of(one.values.grid, values, one.known)
    counts = np.bincount(bins, minlength=one.values.grid.size).astype(np.float64)
    presence = np.array([present, total - present], dtype=np.float64)
    of_values = _held(spec, one.values, counts, nights, length, reference.tail)
    of_presence = _held(spec, one.presence, presence, nights, length, reference.tail)
    kind: Kind = one.values.grid.kind
    effect, limit = of_values
    before = one.presence.counts
    # Without rows on either side there is nothing to say, least of all that values are gone.
    gone = bool(total and before.sum()) and bool(before[0]) != bool(present)
    if gone or of_presence[0] / of_presence[1] > max(1.0, effect / limit):
        kind, (effect, limit) = "presence", of_presence
    new = float(counts[-1]) / total if total and NEW in one.values.grid.categories else 0.0
    return ColumnDrift(
        column=one.column,
        kind=kind,
        # Rounded: the order rows come in must not show in the last digits.
        effect=round(effect, 6),
        band=round(limit, 6),
        rows=total,
        nights=nights,
        missing=round(missing, 6),
        novelty=round(new, 6),
        known=total >= spec.monitoring.drift.min_rows and reference.rows > 1,
        note=_note(kind, missing, before, values, one.values.counts),
    )


def _held(
    spec: UseCaseSpec,
    side: Side,
    counts: "NDArray[np.float64]",
    nights: int,
    length: int,
    tail: float,
) -> tuple[float, float]:
    """The effect of the counts, and the band it is held against."""
    least = spec.monitoring.drift.column_threshold
    rows, others = int(counts.sum()), int(side.counts.sum())
    if not rows or not others:
        return 0.0, least
    effect = float(effects(side.grid, counts, side.counts))
    by_chance = chance(side.grid, side.counts, rows, others, tail, spec.model.seed).upper
    quiet = side.quiet
    return effect, band(quiet[1], quiet[length], nights, length, by_chance, tail, least)


def _note(
    kind: Kind,
    missing: float,
    before: "NDArray[np.float64]",
    values: "NDArray[np.generic]",
    reference: "NDArray[np.float64]",
) -> str:
    if kind == "presence":
        return f"no value in {missing:.1%} of rows, {before[1] / before.sum():.1%} before"
    notes = []
    if int((reference > 0).sum()) == 1:
        notes.append("constant in the reference")
    if values.size and bool((values == values[0]).all()):
        notes.append("constant now")
    return "; ".join(notes)


def direction(
    spec: UseCaseSpec, current: pa.Table, reference: pa.Table, names: Sequence[str]
) -> Mapping[str, str]:
    """What has become of the named columns in words: medians of numbers, the category that grew or
    fell most. Both tables hold the columns."""
    import numpy as np

    told = {}
    for name in names:
        now, _ = values_of(spec, current, name)
        then, _ = values_of(spec, reference, name)
        if not now.size or not then.size:
            told[name] = "no values" if not now.size else "values where there were none"
        elif now.dtype == object:
            told[name] = _category(now, then)
        else:
            told[name] = _median(now.astype(np.float64), then.astype(np.float64))
    return told


def _median(now: "NDArray[np.float64]", then: "NDArray[np.float64]") -> str:
    import numpy as np

    one, other = float(np.median(now)), float(np.median(then))
    if one == other:
        one, other = float(now.mean()), float(then.mean())
        return f"mean {one:.4g}, {other:.4g} before"
    return f"median {one:.4g}, {other:.4g} before"


def _category(now: "NDArray[np.generic]", then: "NDArray[np.generic]") -> str:
    import numpy as np

    names = np.unique(np.concatenate([now.astype(str), then.astype(str)]))
    shares = [
        np.bincount(np.searchsorted(names, one.astype(str)), minlength=len(names)) / len(one)
        for one in (now, then)
    ]
    most = int(np.argmax(np.abs(shares[0] - shares[1])))
    return f"'{names[most]}' {shares[0][most]:.0%}, {shares[1][most]:.0%} before"

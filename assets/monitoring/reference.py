"""What the champion learned from, as the nights are held against it: counts, and quiet days."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from assets.monitoring.columns import SCORE, compared_columns, values_of
from assets.monitoring.effect import Grid, bins_of, category_grid, numeric_grid
from assets.monitoring.noise import Quiet, quiet_days, tail_of
from assets.spec import UseCaseSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PRESENT, ABSENT = "value", "no value"


@dataclass(frozen=True)
class Side:
    """One way of looking at a column: its values, or whether there is one."""

    grid: Grid
    counts: "NDArray[np.float64]"
    quiet: dict[int, Quiet]  # by length of window in days


@dataclass(frozen=True)
class ColumnReference:
    """A column of the reference."""

    column: str
    values: Side
    presence: Side
    known: frozenset[str]  # names of all its categories


@dataclass(frozen=True)
class Reference:
    """The champion's training set, reduced to what nights are compared with."""

    columns: tuple[ColumnReference, ...]
    windows: tuple[int, ...]  # lengths in days, ascending, 1 first
    tail: float
    rows: int
    days: int


def windows_of(spec: UseCaseSpec) -> tuple[int, ...]:
    """A night, two of them (a shift that one night leaves open shows in two), and the window."""
    longest = spec.monitoring.drift.window_days
    return tuple(sorted({1, min(2, longest), longest}))


def reference_of(
    spec: UseCaseSpec, training_set: pa.Table, scored: pa.Table | None = None
) -> Reference:
    """Learn from a training set what is normal, and how much quiet days differ.

    ``training_set``: feature columns and the event timestamp (UTC). ``scored``: some of its rows
    with the ``score`` (double) that the champion gives them; None: scores are not compared. The
    order of rows does not matter.
    """
    import numpy as np

    sides: list[tuple[str, pa.Table]] = [
        (name, training_set) for name in compared_columns(spec, training_set)
    ]
    if scored is not None:
        sides.append((SCORE, scored))
    windows = windows_of(spec)
    # Every column, and whether it has a value where that is not always so.
    gaps = sum(0 < rows.column(name).null_count < rows.num_rows for name, rows in sides)
    tail = tail_of(spec.monitoring.drift.false_alarms, (len(sides) + gaps) * len(windows))
    whole = _days(spec, training_set)
    found = []
    for name, rows in sides:
        day_of, days = whole if rows is training_set else _days(spec, rows)
        values, there = values_of(spec, rows, name)
        text = values.dtype == object
        grid = (
            category_grid(values.astype(object))
            if text
            else numeric_grid(values.astype(np.float64))
        )
        known = frozenset(np.unique(values.astype(str)).tolist()) if text else frozenset()
        bins = bins_of(grid, values, known)
        presence = Grid("categorical", np.array([]), np.array([]), (PRESENT, ABSENT))
        found.append(
            ColumnReference(
                name,
                _side(spec, grid, bins, day_of[there], days, windows, tail),
                _side(spec, presence, (~there).astype(np.intp), day_of, days, windows, tail),
                known,
            )
        )
    return Reference(tuple(found), windows, tail, training_set.num_rows, whole[1])


def _side(
    spec: UseCaseSpec,
    grid: Grid,
    bins: "NDArray[np.intp]",
    day_of: "NDArray[np.intp]",
    days: int,
    windows: Sequence[int],
    tail: float,
) -> Side:
    import numpy as np

    cells = np.bincount(day_of * grid.size + bins, minlength=days * grid.size)
    by_day = cells.reshape(days, grid.size).astype(np.float64)
    seed = spec.model.seed
    quiet = {window: quiet_days(grid, by_day, window, tail, seed) for window in windows}
    return Side(grid, by_day.sum(axis=0), quiet)


def _days(spec: UseCaseSpec, rows: pa.Table) -> "tuple[NDArray[np.intp], int]":
    """The number of each row's day among those there are, and how many there are."""
    import numpy as np

    times = rows.column(spec.population.event_timestamp).cast(pa.timestamp("us"))
    days = times.to_numpy().astype("datetime64[D]")
    names, places = np.unique(days, return_inverse=True)
    return places.astype(np.intp), len(names)

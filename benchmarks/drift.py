"""How often drift cries wolf, and how soon it sees one: ``python -m benchmarks.drift [--seeds N]``.

A made-up population of 13 columns, 76 days of it for reference, and the nights after them through
the functions a night calls (:func:`assets.monitoring.reference.reference_of`,
:func:`assets.monitoring.drift.drift`) with the limits a spec has unless it says otherwise. Every
column is made of a normal value per case, so what days differ by, and what a shift is, is told in
standard deviations of that for each of them.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from datetime import time as clock
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assets.monitoring.reference import Reference
    from assets.spec import UseCaseSpec

DAYS, NIGHTS, WINDOW = 76, 28, 7
"""Days of reference, nights that are judged, and nights before them that fill the window."""

FIRST = date(2026, 1, 5)
"""A Monday."""

NUMBERS = ("normal", "normal", "normal", "log-normal", "log-normal", "integer", "integer", "gaps")
CATEGORIES = (2, 3, 5, 8, 20)
SHIFTED = "x0"
"""The column that is shifted: a normal one."""

SHIFTS = (0.5, 0.3)
STARTS = range(WINDOW, WINDOW + NIGHTS - WINDOW + 1, 6)
"""Nights on which a shift begins, each by itself."""

SEEDS = {60: 40, 200: 60, 1000: 10}
"""References by number of cases a night."""

RESTLESS = 10
"""References of the populations that are asked beside the main ones."""


@dataclass(frozen=True)
class Population:
    """What days differ by, in standard deviations."""

    name: str
    days: float = 0.0  # by a normal draw of every day and column
    weekends: float = 0.0  # Saturdays and Sundays, all columns
    references: int | None = None  # None: as SEEDS says


POPULATIONS = (
    Population("every day alike"),
    Population("days differ by 0.1 sd", days=0.1),
    Population("days differ by 0.2 sd", days=0.2, references=RESTLESS),
    Population("weekends 0.3 sd higher", weekends=0.3, references=RESTLESS),
)


@dataclass(frozen=True)
class Told:
    """What became of one reference and its nights."""

    moved: float  # share of the nights
    seen: dict[float, list[float]]  # by shift: share seen by night 1, 2, ... of it
    seconds: float  # CPU per night


def spec() -> "UseCaseSpec":
    """13 features, and monitoring as it is by default."""
    from assets.spec import UseCaseSpec

    numbers = {f"x{n}": {"type": "float", "required": False} for n in range(len(NUMBERS))}
    categories = {f"c{n}": {"type": "string", "required": False} for n in CATEGORIES}
    return UseCaseSpec.model_validate(
        {
            "name": "made_up",
            "start": FIRST.isoformat(),
            "sources": {
                "cases": {
                    "columns": {
                        "id": {"type": "string"},
                        "person": {"type": "string", "pii": "pseudonymise"},
                        "at": {"type": "timestamp"},
                        **numbers,
                        **categories,
                    }
                },
                "ends": {
                    "columns": {
                        "id": {"type": "string"},
                        "bad": {"type": "bool"},
                        "seen_at": {"type": "timestamp"},
                    }
                },
            },
            "population": {
                "source": "cases",
                "key": "id",
                "entity": "person",
                "event_timestamp": "at",
            },
            "label": {
                "source": "ends",
                "column": "bad",
                "positive": True,
                "observed_at": "seen_at",
                "matures_after": "20d",
            },
            "features": {"request": [*numbers, *categories]},
        }
    )


def cases(population: Population, size: int, seed: int) -> pa.Table:
    """All days and nights: features, ``at`` (noon, UTC) and the night."""
    from scipy.special import ndtri

    from assets.lake import PARTITION

    random = np.random.default_rng([seed, size])
    days = DAYS + WINDOW + NIGHTS
    dates = [FIRST + timedelta(days=n) for n in range(days)]
    weekend = np.array([day.weekday() >= 5 for day in dates]) * population.weekends
    rows = days * size

    def latent() -> "NDArray[np.float64]":
        apart = random.normal(0, population.days, days) + weekend
        return random.normal(size=rows) + np.repeat(apart, size)

    columns: dict[str, pa.Array] = {}
    for number, kind in enumerate(NUMBERS):
        values = latent()
        if kind == "log-normal":
            values = np.exp(8 + values)
        elif kind == "integer":
            values = np.round(np.exp(values) if number % 2 else 2 * values)
        gaps = random.random(rows) < 0.1 if kind == "gaps" else None
        columns[f"x{number}"] = pa.array(values, mask=gaps)
    for count in CATEGORIES:
        shares = random.dirichlet(np.full(count, 2.0))
        codes = np.searchsorted(ndtri(np.cumsum(shares)[:-1]), latent())
        gaps = random.random(rows) < 0.03 if count == CATEGORIES[-1] else None
        columns[f"c{count}"] = pa.array(np.array([f"k{n}" for n in range(count)])[codes], mask=gaps)
    noons = np.array([datetime.combine(day, clock(12)) for day in dates], "datetime64[us]")
    columns["at"] = pa.array(np.repeat(noons, size)).cast(pa.timestamp("us", "UTC"))
    columns[PARTITION] = pa.array(np.repeat(np.array(dates, "datetime64[D]"), size))
    return pa.table(columns)


def told(of: "UseCaseSpec", population: Population, size: int, seed: int) -> Told:
    """One reference, and the nights after it: unchanged, and with shifts."""
    from assets.monitoring.drift import drift
    from assets.monitoring.reference import reference_of

    every = cases(population, size, seed)
    reference = reference_of(of, every.slice(0, DAYS * size))
    nights = every.slice(DAYS * size)
    began = time.process_time()
    moved = [
        drift(of, day, current, reference).verdict == "moved"
        for day, current in _nights(nights, size, range(WINDOW, WINDOW + NIGHTS))
    ]
    seconds = (time.process_time() - began) / len(moved)
    seen = {
        shift: np.mean([_seen(of, nights, size, reference, shift, n) for n in STARTS], axis=0)
        for shift in SHIFTS
    }
    shares = {shift: found.tolist() for shift, found in seen.items()}
    return Told(float(np.mean(moved)), shares, seconds)


def _nights(nights: pa.Table, size: int, which: range) -> Iterator[tuple[date, pa.Table]]:
    """Each night with those of its window."""
    for night in which:
        day = FIRST + timedelta(days=DAYS + night)
        yield day, nights.slice((night - WINDOW + 1) * size, WINDOW * size)


def _seen(
    of: "UseCaseSpec", nights: pa.Table, size: int, reference: "Reference", shift: float, start: int
) -> "NDArray[np.bool_]":
    """Whether a shift that begins on that night is seen by then, by the next one, ... of a week."""
    from assets.monitoring.drift import drift

    values = nights.column(SHIFTED).to_numpy() + shift * (
        np.arange(nights.num_rows) // size >= start
    )
    shifted = nights.set_column(nights.column_names.index(SHIFTED), SHIFTED, pa.array(values))
    # The other columns are asked above; the noise band still is one of thirteen.
    alone = replace(
        reference, columns=tuple(one for one in reference.columns if one.column == SHIFTED)
    )
    found = [
        drift(of, day, current, alone).verdict == "moved"
        for day, current in _nights(shifted, size, range(start, start + WINDOW))
    ]
    by: NDArray[np.bool_] = np.logical_or.accumulate(found)
    return by


def _percent(found: "list[float]") -> str:
    """Mean and standard error over references, which are what is independent."""
    values = 100 * np.array(found)
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{values.mean():.2f} ± {error:.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=0, help="per row; 0: as in the docs")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--populations", type=int, nargs="+", default=range(len(POPULATIONS)))
    asked = parser.parse_args()
    of = spec()
    print(
        "| quiet days | cases a night | called moved, % of nights "
        "| 0.5 sd found by night 1, 2, 7, % | 0.3 sd, % | ms a night |\n|---|--:|--:|--:|--:|--:|"
    )
    for population in (POPULATIONS[n] for n in asked.populations):
        for size in asked.sizes:
            seeds = asked.seeds or population.references or SEEDS.get(size, RESTLESS)
            found = [told(of, population, size, seed) for seed in range(seeds)]
            shifts = " | ".join(
                ", ".join(
                    f"{100 * np.mean([one.seen[shift][night - 1] for one in found]):.0f}"
                    for night in (1, 2, WINDOW)
                )
                for shift in SHIFTS
            )
            alarms = _percent([one.moved for one in found])
            cost = 1000 * float(np.mean([one.seconds for one in found]))
            print(f"| {population.name} | {size} | {alarms} | {shifts} | {cost:.0f} |", flush=True)


if __name__ == "__main__":
    main()

"""The lender's customers: a fixed pool whose state at any moment follows from the seed alone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EPOCH = date(2026, 6, 1)
"""First day of the simulated world."""

REGIONS = ("east", "north", "south", "west")
HOUSING = ("mortgage", "own", "rent")

Stream = Literal["customers", "applications", "bureau_routine", "bureau_pulled", "outcomes"]
STREAMS: tuple[Stream, ...] = (
    "customers",
    "applications",
    "bureau_routine",
    "bureau_pulled",
    "outcomes",
)


def generator(seed: int, day: date, stream: Stream) -> np.random.Generator:
    """Randomness of one stream on one day, whatever else is drawn in the same call."""
    return np.random.default_rng([seed, day.toordinal(), STREAMS.index(stream)])


def midnight(day: date) -> int:
    """Seconds since 1970 at 00:00 UTC of ``day``."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def days_since_epoch(day: date) -> int:
    return (day - EPOCH) // timedelta(days=1)


def padded(numbers: Ints, digits: int) -> pa.Array:
    """Whole numbers as text with leading zeros."""
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), digits, "0")


@dataclass(frozen=True)
class Customers:
    """Latent state, one array element per customer; money per month, ages in years."""

    stress: Floats
    """Standard normal: how deep in debt. Not in any file; utilisation and the rest follow it."""
    income: Floats
    age: Ints
    employment_years: Floats
    region: Ints
    housing: Ints
    utilisation_logit: Floats
    utilisation_phase: Floats
    open_accounts: Ints
    delinquencies: Ints
    delinquency_age: Floats
    """Months since the last delinquency at EPOCH."""
    inquiry_rate: Floats
    report_phase: Ints
    """Which day of the bureau's 30-day round the customer is reported on."""
    known_to_bureau: npt.NDArray[np.bool_]

    @property
    def count(self) -> int:
        return len(self.stress)

    def utilisation(self, who: Ints, day: date) -> Floats:
        """Share of the credit limits used on ``day``; moves slowly over a few months."""
        season = np.sin(2 * np.pi * days_since_epoch(day) / 120 + self.utilisation_phase[who])
        return 1 / (1 + np.exp(-(self.utilisation_logit[who] + 0.4 * season)))

    def months_since_delinquency(self, who: Ints, day: date) -> Ints:
        """Whole months, 0 to 23; meaningful only where there is a delinquency."""
        months = self.delinquency_age[who] + days_since_epoch(day) / 30.4
        return np.floor(months % 24).astype(np.int64)


def customer_ids(who: Ints) -> pa.Array:
    return pc.binary_join_element_wise("C", padded(who, 7), "")


def draw_customers(seed: int, count: int) -> Customers:
    """The pool: the same seed and count give the same people."""
    rng = generator(seed, EPOCH, "customers")
    stress = rng.standard_normal(count)
    region = rng.integers(0, len(REGIONS), count)
    # One region is poorer: something for a fairness audit to find without any feature saying so.
    log_income = 8.1 + 0.42 * rng.standard_normal(count) - 0.08 * stress - 0.12 * (region == 2)
    age = np.clip(np.round(19 + rng.gamma(3.0, 8.0, count)), 18, 85).astype(np.int64)
    worked = np.minimum(rng.gamma(1.6, 4.0, count), np.maximum(age - 18.0, 0.0))
    owner = rng.random(count) + 0.006 * (age - 40) + 0.12 * (log_income - 8.1)
    return Customers(
        stress=stress,
        income=np.clip(np.exp(log_income), 900, 20_000),
        age=age,
        employment_years=np.round(worked, 1),
        region=region,
        housing=np.where(owner > 0.85, 1, np.where(owner > 0.5, 0, 2)).astype(np.int64),
        utilisation_logit=-0.8 + 0.95 * stress + 0.7 * rng.standard_normal(count),
        utilisation_phase=rng.uniform(0, 2 * np.pi, count),
        open_accounts=1 + rng.poisson(np.exp(1.5 + 0.15 * stress)),
        delinquencies=np.minimum(rng.poisson(np.exp(-1.6 + 0.75 * stress)), 12),
        delinquency_age=rng.uniform(0, 24, count),
        inquiry_rate=np.exp(0.1 + 0.45 * stress),
        report_phase=rng.integers(0, 30, count),
        known_to_bureau=rng.random(count) >= 0.03,
    )

"""A day's applications as they truly were, the file the lender exports, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from examples.loan_approval.customers import (
    HOUSING,
    REGIONS,
    Customers,
    Floats,
    Ints,
    customer_ids,
    generator,
    midnight,
    padded,
)
from examples.loan_approval.scenarios import Scenario, active

OUTCOME_AFTER = timedelta(days=14)
"""An outcome is known exactly this long after the application."""

OPENS_AT = 6 * 3600
"""Seconds after midnight UTC at which applications are taken; the bureau's round is over then."""

WEEKDAY_LOAD = (1.14, 1.10, 1.06, 1.02, 1.06, 0.86, 0.76)
PURPOSES = ("car", "debt_consolidation", "education", "home_improvement", "medical", "other")
PURPOSE_SHARES = (0.24, 0.27, 0.10, 0.19, 0.09, 0.11)
CHANNELS = ("branch", "partner", "web")
CHANNEL_SHARES = (0.22, 0.18, 0.60)
CHANNEL_SHARES_AT_BRANCH = (0.60, 0.18, 0.22)
TERMS = (12, 24, 36, 48, 60)
TERM_SHARES = (0.12, 0.22, 0.30, 0.20, 0.16)
FIRST_NAMES = ("Alex", "Blake", "Casey", "Devon", "Emery", "Finley", "Harper", "Jo", "Kai", "Lee")
LAST_NAMES = ("Ash", "Brook", "Clay", "Dale", "Field", "Glen", "Hill", "Lake", "Moor", "Stone")


@dataclass(frozen=True)
class Applications:
    """One day's applications, true values; amounts in currency units, incomes per month."""

    day: date
    who: Ints
    applied_at: Ints
    """Seconds since 1970, UTC, ascending."""
    amount: Floats
    term_months: Ints
    purpose: Ints
    monthly_income: Floats
    employment_stated: Floats
    """Years; NaN where the applicant did not say."""
    channel: Ints

    def ids(self) -> pa.Array:
        prefix = f"A{self.day:%Y%m%d}-"
        return pc.binary_join_element_wise(prefix, padded(np.arange(len(self.who)), 6), "")


def draw_applications(
    customers: Customers,
    day: date,
    *,
    seed: int,
    cases_per_day: int,
    scenarios: Sequence[Scenario] = (),
) -> Applications:
    """Who applied on ``day`` and for what. Only ``income_drift`` changes the truth."""
    rng = generator(seed, day, "applications")
    drifted = active(scenarios, "income_drift", day)
    wanted = int(rng.poisson(cases_per_day * WEEKDAY_LOAD[day.weekday()]))
    count = min(wanted, customers.count)
    # Weighted draw without replacement: the smallest of exponential clocks win.
    clocks = rng.exponential(size=customers.count)
    if drifted:
        clocks /= np.exp(1.1 * customers.stress)
    who = np.sort(np.argpartition(clocks, count - 1)[:count]) if count else np.arange(0)
    who = rng.permutation(who).astype(np.int64)
    hours = np.where(rng.random(count) < 0.7, rng.beta(3, 3, count), rng.random(count))
    seconds = np.floor(hours * (24 * 3600 - OPENS_AT)).astype(np.int64)
    applied_at = np.sort(midnight(day) + OPENS_AT + np.minimum(seconds, 24 * 3600 - OPENS_AT - 1))
    income = customers.income[who] * np.exp(0.05 * rng.standard_normal(count))
    # Asked for in proportion to the usual income: people in trouble do not ask for less.
    amount = income * np.exp(0.95 + 0.65 * rng.standard_normal(count))
    employment = np.where(rng.random(count) < 0.02, np.nan, customers.employment_years[who])
    return Applications(
        day=day,
        who=who,
        applied_at=applied_at,
        amount=np.clip(np.round(amount / 50) * 50, 500, 75_000),
        term_months=np.array(TERMS)[rng.choice(len(TERMS), count, p=TERM_SHARES)],
        purpose=rng.choice(len(PURPOSES), count, p=PURPOSE_SHARES),
        monthly_income=np.round(income * (0.6 if drifted else 1.0)),
        employment_stated=employment,
        channel=rng.choice(
            len(CHANNELS),
            count,
            p=CHANNEL_SHARES_AT_BRANCH
            if active(scenarios, "channel_shift", day)
            else CHANNEL_SHARES,
        ),
    )


def corrupted(truth: Applications, scenarios: Sequence[Scenario]) -> Applications:
    """What the export makes of the day: the truth, unless a unit error is switched on."""
    if active(scenarios, "unit_error", truth.day):
        return replace(truth, amount=truth.amount * 100)
    return truth


def default_probability(customers: Customers, applied: Applications) -> Floats:
    """True chance of default within 14 days, before luck.

    Logistic in burden, debt and history, with bends that a straight line cannot follow:
    utilisation hurts above one half, a delinquency hurts more when it is fresh or the limits are
    used up, and below a subsistence income everything is worse.
    """
    who = applied.who
    used = customers.utilisation(who, applied.day)
    late = np.minimum(customers.delinquencies[who], 4)
    fresh = customers.months_since_delinquency(who, applied.day) < 8
    burden = np.log(applied.amount / applied.monthly_income)
    logit = (
        -4.0
        + 1.25 * np.clip(burden, -1.0, 2.5)
        + 0.8 * used
        + 7.0 * np.clip(used - 0.5, 0, 0.3)
        + 0.5 * late
        + 1.0 * ((late > 0) & fresh)
        + 1.2 * ((late > 0) & (used > 0.5))
        + 1.2 * (applied.monthly_income < 1_800)
        - 0.6 * np.log1p(customers.employment_years[who])
        + 0.01 * (applied.term_months - 36)
    )
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float64)


def applications_table(customers: Customers, applied: Applications) -> pa.Table:
    """The export: one row an application, times as ISO text in UTC, personal data in the clear."""
    who = applied.who
    number = padded(who, 7)
    first = pa.array(FIRST_NAMES).take(pa.array(who % 10))
    last = pa.array(LAST_NAMES).take(pa.array(who // 10 % 10))
    return pa.table(
        {
            "application_id": applied.ids(),
            "customer_id": customer_ids(who),
            "full_name": pc.binary_join_element_wise(first, last, " "),
            "email": pc.binary_join_element_wise("customer", number, "@example.com", ""),
            # 555-0100 to 555-0199 is set aside for fiction.
            "phone": pc.binary_join_element_wise("+1-202-555-01", padded(who % 100, 2), ""),
            "applied_at": iso_text(applied.applied_at),
            "amount": applied.amount,
            "term_months": applied.term_months,
            "purpose": pa.array(PURPOSES).take(pa.array(applied.purpose)),
            "monthly_income": applied.monthly_income,
            "employment_years": pa.array(applied.employment_stated, from_pandas=True),
            "housing": pa.array(HOUSING).take(pa.array(customers.housing[who])),
            "channel": pa.array(CHANNELS).take(pa.array(applied.channel)),
            "region": pa.array(REGIONS).take(pa.array(customers.region[who])),
            "age": customers.age[who],
        }
    )


def outcomes_table(customers: Customers, applied: Applications, *, seed: int) -> pa.Table:
    """What became of a day's applications: application_id, defaulted (0/1), observed_at.

    Every application gets an outcome, as if all had been granted: the simulation leaves out the
    selection that real lending makes.
    """
    rng = generator(seed, applied.day, "outcomes")
    chance = default_probability(customers, applied)
    defaulted = (rng.random(len(chance)) < chance).astype(np.int64)
    observed = applied.applied_at + int(OUTCOME_AFTER.total_seconds())
    return pa.table(
        {
            "application_id": applied.ids(),
            "defaulted": defaulted,
            "observed_at": iso_text(observed),
        }
    )


def iso_text(seconds: Ints) -> pa.Array:
    """Seconds since 1970 as ``2026-06-01T08:30:00Z``."""
    return pc.strftime(pa.array(seconds).cast(pa.timestamp("s")), "%Y-%m-%dT%H:%M:%SZ")

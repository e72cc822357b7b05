"""The credit bureau: a round of reports every 30 days, and one pulled when somebody applies."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from examples.loan_approval.applications import OPENS_AT, Applications
from examples.loan_approval.customers import (
    EPOCH,
    Customers,
    Floats,
    Ints,
    customer_ids,
    days_since_epoch,
    generator,
    midnight,
)
from examples.loan_approval.scenarios import Scenario, active

HISTORY_DAYS = 60
"""The first file also brings the reports of this many days before the world began."""

ROUND_DAYS = 30
PULLED_SHARE = 0.7
FIGURES = (
    "utilisation",
    "open_accounts",
    "delinquencies_24m",
    "months_since_delinquency",
    "inquiries_6m",
)


def bureau_table(
    customers: Customers,
    applied: Applications,
    *,
    seed: int,
    scenarios: Sequence[Scenario] = (),
) -> pa.Table:
    """What the bureau reported on the day of ``applied`` (and, on the first day, before).

    ``reported_at`` and ``loaded_at`` are UTC microseconds; ``loaded_at`` is minutes to hours
    later, for one in fifty of the round a day later.
    """
    day = applied.day
    earlier = HISTORY_DAYS if day == EPOCH else 0
    days = [day - timedelta(days=n) for n in range(earlier, -1, -1)]
    parts = [_routine(customers, each, seed) for each in days]
    rows = pa.concat_tables([*parts, _pulled(customers, applied, seed)]).combine_chunks()
    if active(scenarios, "bureau_outage", day):
        for name in FIGURES:
            index = rows.column_names.index(name)
            nulls = pa.nulls(rows.num_rows, rows.schema.field(name).type)
            rows = rows.set_column(index, name, nulls)
    return rows


def _routine(customers: Customers, day: date, seed: int) -> pa.Table:
    """The round: everybody known, on their day of thirty, at night; one in ten is skipped."""
    rng = generator(seed, day, "bureau_routine")
    turn = customers.known_to_bureau & (
        customers.report_phase == days_since_epoch(day) % ROUND_DAYS
    )
    who = np.flatnonzero(turn)
    who = who[rng.random(len(who)) >= 0.1]
    # Over before the first application, so a customer never has two reports at one moment.
    reported = midnight(day) + rng.integers(3600, OPENS_AT - 3600, len(who))
    delay = np.clip(np.exp(7.5 + 1.0 * rng.standard_normal(len(who))), 120, 8 * 3600)
    delay = np.where(rng.random(len(who)) < 0.02, delay + 24 * 3600, delay)
    return _reports(customers, who, day, reported, reported + delay.astype(np.int64), rng)


def _pulled(customers: Customers, applied: Applications, seed: int) -> pa.Table:
    """A report asked for when somebody applies: there before the application is complete."""
    rng = generator(seed, applied.day, "bureau_pulled")
    asked = rng.random(len(applied.who)) < PULLED_SHARE
    pulled = asked & customers.known_to_bureau[applied.who]
    who, at = applied.who[pulled], applied.applied_at[pulled]
    reported = at - rng.integers(10 * 60, 40 * 60, len(who))
    loaded = reported + rng.integers(60, 8 * 60, len(who))
    return _reports(customers, who, applied.day, reported, loaded, rng)


def _reports(
    customers: Customers,
    who: Ints,
    day: date,
    reported: Ints,
    loaded: Ints,
    rng: np.random.Generator,
) -> pa.Table:
    late = customers.delinquencies[who]
    measured: Floats = customers.utilisation(who, day) + 0.03 * rng.standard_normal(len(who))
    order = np.argsort(reported, kind="stable")
    months = pa.array(customers.months_since_delinquency(who, day), mask=late == 0)
    rows = pa.table(
        {
            "customer_id": customer_ids(who),
            "reported_at": _timestamp(reported),
            "loaded_at": _timestamp(loaded),
            "utilisation": np.round(np.clip(measured, 0, 1.5), 3),
            "open_accounts": customers.open_accounts[who],
            "delinquencies_24m": late,
            "months_since_delinquency": months,
            "inquiries_6m": np.minimum(rng.poisson(customers.inquiry_rate[who]), 40),
        }
    )
    return rows.take(pa.array(order))


def _timestamp(seconds: Ints) -> pa.Array:
    return pa.array(seconds * 1_000_000).cast(pa.timestamp("us", tz="UTC"))

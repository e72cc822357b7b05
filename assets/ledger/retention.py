"""How long the tables behind the ledger stay readable as they were.

Delta forgets in two ways: ``vacuum`` deletes files no version needs since
``delta.deletedFileRetentionDuration`` (default: a week), and the log drops entries older than
``delta.logRetentionDuration`` (default: thirty days) by itself, whenever it writes a checkpoint of
its own. Either makes earlier versions unreadable. Both are set to ``audit.retention``.

https://docs.delta.io/latest/table-properties.html
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from assets.ledger.delta_log import change_settings, settings
from assets.tables import (
    CHALLENGER_SCORES,
    CHECKPOINTS,
    DECISIONS,
    GATE_RESULTS,
    PREDICTIONS,
    RELEASE_EVENTS,
    REVIEWS,
    SCORING_SET,
    SPECS,
    TRAINING_SET,
)

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

CITED = (
    CHECKPOINTS,
    SPECS,
    DECISIONS,
    REVIEWS,
    RELEASE_EVENTS,
    GATE_RESULTS,
    SCORING_SET,
    PREDICTIONS,
    CHALLENGER_SCORES,
    TRAINING_SET,
)
"""Tables whose versions the ledger or the release record names."""

DEFAULTS = {
    "delta.deletedFileRetentionDuration": timedelta(days=7),
    "delta.logRetentionDuration": timedelta(days=30),
}
"""Settings, and what holds where they are not set."""

INTERVAL = re.compile(r"\s*interval\s+(\d+)\s+(\w+?)s?\s*\Z", re.IGNORECASE)
UNITS = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1),
    "microsecond": timedelta(microseconds=1),
    "nanosecond": timedelta(0),
}


def retention_settings(keep: timedelta) -> dict[str, str]:
    """Properties of a Delta table whose versions stay readable for ``keep``."""
    hours = -(-keep // timedelta(hours=1))
    written = f"interval {hours // 24} days" if hours % 24 == 0 else f"interval {hours} hours"
    return dict.fromkeys(DEFAULTS, written)


def ensure_retention(lake: "Lake", spec: "UseCaseSpec", tables: Sequence[str] = CITED) -> list[str]:
    """Lengthen what undercuts ``spec.audit.retention``; the tables changed. Never shortens."""
    changed = []
    for table in tables:
        short = undercut(lake, spec, table)
        if short:
            wanted = retention_settings(spec.audit.keep)
            change_settings(lake, spec.name, table, {name: wanted[name] for name in short})
            changed.append(table)
    return changed


def undercut(lake: "Lake", spec: "UseCaseSpec", table: str) -> dict[str, str]:
    """Settings of a table that keep less than ``spec.audit.retention``, as they are; those of a
    table that is not there are none."""
    if not lake.exists(spec.name, table):
        return {}
    there = settings(lake, spec.name, table)
    short = {}
    for name, default in DEFAULTS.items():
        value = there.get(name)
        keeps = default if value is None else duration(value)
        if keeps < spec.audit.keep:
            short[name] = value or f"{default.days} days, the default"
    return short


def duration(text: str) -> timedelta:
    """A Delta interval like ``interval 30 days``; what cannot be read keeps nothing."""
    match = INTERVAL.match(text)
    unit = UNITS.get(match.group(2).lower()) if match else None
    return int(match.group(1)) * unit if match and unit is not None else timedelta(0)

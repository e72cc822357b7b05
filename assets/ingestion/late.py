"""Late rows: those a file brings for an earlier day, taken into that day as a new revision."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from assets.ingestion.csv_rows import quoted
from assets.ingestion.digests import input_digest
from assets.ingestion.duplicates import mark_known_late_keys
from assets.source_spec import SourceSpec

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset as ds

Profile = dict[str, Any]


def set_known_rows_aside(
    connection: "duckdb.DuckDBPyConnection",
    source: SourceSpec,
    day: date,
    lake_rows: "ds.Dataset | None",
    *,
    in_range: bool,
) -> None:
    """Mark late rows in ``judged`` whose key earlier files brought for the same day.

    ``lake_rows``: the validated table, None before the first. ``in_range``: table ``passed`` holds
    earlier days of the run. Files of later days do not count: what a day says must not depend on
    when it was run.
    """
    if not source.key:
        return
    names = list(source.columns)
    key = {f"value_{names.index(name)}": quoted(name) for name in source.key}
    columns = ", ".join([*key.values(), "partition_date"])
    span = (
        f"partition_date >= DATE '{day - timedelta(days=source.late.days)}' "
        f"AND partition_date < DATE '{day}' AND landed_on < DATE '{day}'"
    )
    known = []
    if lake_rows is not None:
        connection.register("lake_rows", lake_rows)
        known.append(f"SELECT {columns} FROM lake_rows WHERE {span}")
    if in_range:
        known.append(f"SELECT {columns} FROM passed WHERE {span}")
    mark_known_late_keys(connection, key, f"({' UNION ALL '.join(known)})")
    connection.unregister("lake_rows")


def late_days(connection: "duckdb.DuckDBPyConnection", day: date) -> dict[date, int]:
    """Rows that passed, by the earlier day they belong to."""
    counted = connection.execute(
        "SELECT own_day, count(*) FROM judged WHERE broken = 0 AND own_day < $day "
        "GROUP BY own_day ORDER BY own_day",
        {"day": day},
    ).fetchall()
    return {own: int(rows) for own, rows in counted}


def reopen(
    profiles: dict[date, Profile],
    day: date,
    late: Mapping[date, int],
    digest: str,
    within: int,
) -> list[date]:
    """Write into the profiles of earlier days what the files of ``day`` bring for them.

    ``profiles``: PROFILE_SCHEMA as mappings by day, changed in place. Returns the days whose rows
    are others than before, those that lost the late rows of an earlier run of ``day`` among them.
    """
    changed = []
    for back in range(1, within + 1):
        own = day - timedelta(days=back)
        if own not in profiles and own not in late:
            continue
        profile = profiles.setdefault(own, empty_profile())
        before = json.loads(profile["late_from"])
        after = {k: v for k, v in before.items() if k != str(day)}
        if own in late:
            after[str(day)] = digest
        if after != before:
            profile["late_from"] = json.dumps(after, sort_keys=True)
            profile["input_digest"] = input_digest(profile["own_digest"], after)
            changed.append(own)
    return sorted(changed)


def empty_profile() -> Profile:
    """Profile of a day that has no file of its own, only what came late."""
    counts = ("landed", "validated", "quarantined", "late", "future", "duplicates")
    return {
        **dict.fromkeys(counts, 0),
        "newest": None,
        "rows_hash": "",
        "own_digest": "",
        "late_from": "{}",
        "input_digest": input_digest("", {}),
        "columns": "{}",
        "run_id": "",
    }

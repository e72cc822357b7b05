"""A source's days through the door: files → validated rows and quarantine, published per day."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.home import Home
from assets.ingestion.contract import door
from assets.ingestion.csv_rows import quoted
from assets.ingestion.digests import input_digest
from assets.ingestion.judged_day import JudgedDay, judge_day
from assets.ingestion.landing import LandingError, file_day, files_for, landed_files
from assets.ingestion.late import reopen
from assets.ingestion.one_at_a_time import one_at_a_time
from assets.ingestion.publish import (
    earliest,
    ensure_tables,
    publish_profiles,
    publish_records,
    publish_rows,
    read_profiles,
    validated_schema,
)
from assets.ingestion.scratch import scratch
from assets.ingestion.source_days import PENDING
from assets.ingestion.vault import Vault
from assets.lake import PARTITION, Commit, Lake
from assets.source_spec import SourceSpec
from assets.spec import UseCaseSpec
from assets.storage_errors import storing
from assets.tables import FILES_SCHEMA, QUARANTINE_SCHEMA

if TYPE_CHECKING:
    import duckdb

PROGRESS_DAYS = 30


@dataclass
class Ingested:
    """Counts of what came through the door; ``landed == validated + quarantined`` must hold.

    ``unbalanced``: files for which it does not. ``reopened``: earlier days whose rows are others
    now, because late rows for them came (or no longer do). ``quarantine``: the refused rows,
    QUARANTINE_SCHEMA with the day. ``input_digest``: of the last day.
    """

    landed: int = 0
    validated: int = 0
    quarantined: int = 0
    files: list[str] = field(default_factory=list)
    days_without_file: list[date] = field(default_factory=list)
    extra_columns: list[str] = field(default_factory=list)
    forgiven: dict[str, str] = field(default_factory=dict)
    unbalanced: list[str] = field(default_factory=list)
    reopened: list[date] = field(default_factory=list)
    quarantine: pa.Table = field(default_factory=lambda: _dated(QUARANTINE_SCHEMA).empty_table())
    input_digest: str = ""
    version: int = 0
    changed: bool = False


def ingest(
    spec: UseCaseSpec,
    source: str,
    home: Home,
    lake: Lake,
    first: date,
    last: date,
    key: bytes,
    run_id: str,
    progress: Callable[[str], None] = lambda _: None,
) -> Ingested:
    """Bring the files of the days first..last of one source into the lake.

    One commit replaces the days, so a killed run leaves the old days or the new ones. A single
    day without its file is an error; in a range (history) the gap is reported and left empty,
    because a history with a hole is normal and a night without input is not.

    Raises LandingError for a file that is not there or must be refused whole, LakeError for a spec
    whose columns changed; nothing is written then.
    """
    # Looked up within: what another run published while this one waited is then seen.
    with storing(home.root), one_at_a_time(home, spec.name, source, progress):
        result = Ingested()
        by_day = _files(spec, source, home, first, last, result)
        vault = Vault(home.vault, key)
        days = []
        with scratch(home) as room, door(room) as connection:
            for number, (day, paths) in enumerate(by_day.items(), 1):
                one = judge_day(
                    spec, source, day, paths, connection, room, lake, key, vault, run_id, number > 1
                )
                days.append(one)
                if len(by_day) > 1:
                    _set_apart(connection, one, number == 1)
                if len(by_day) > 1 and number % PROGRESS_DAYS == 0:
                    progress(f"{source}: {number} of {len(by_day)} days")
            commit = _publish(spec, source, lake, first, last, days, connection, run_id, result)
        _sum_up(days, result)
        result.version, result.changed = commit.version, commit.changed
        return result


def _files(
    spec: UseCaseSpec, source: str, home: Home, first: date, last: date, result: Ingested
) -> dict[date, list[Path]]:
    """The files to take, by the day they are of, in order."""
    declared = spec.sources[source]
    folder = home.landing_source(spec.name, source)
    if declared.arrival == "snapshot":
        # The newest snapshot stands for the source; its rows live under the snapshot's own date.
        paths = files_for(folder, source, declared, last)
        return {file_day(paths[0]) or last: paths}
    if first == last:
        return {first: files_for(folder, source, declared, first)}
    landed = landed_files(folder, declared)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    found = {day: landed[day] for day in days if day in landed}
    result.days_without_file = [day for day in days if day not in landed]
    if not found and declared.arrival == "daily":
        raise LandingError(
            f"source '{source}': no file for any day of {first} to {last} in {folder}. "
            f"Expected {declared.format} files with their date in the name."
        )
    return found


def _set_apart(connection: "duckdb.DuckDBPyConnection", day: JudgedDay, start: bool) -> None:
    """Keep a day's rows in table ``passed``: ``judged`` is for the next day's."""
    into = "CREATE OR REPLACE TABLE passed AS" if start else "INSERT INTO passed"
    connection.execute(f"{into} {day.query}")


def _publish(
    spec: UseCaseSpec,
    source: str,
    lake: Lake,
    first: date,
    last: date,
    days: list[JudgedDay],
    connection: "duckdb.DuckDBPyConnection",
    run_id: str,
    result: Ingested,
) -> Commit:
    declared = spec.sources[source]
    ensure_tables(lake, spec.name, source, declared)
    snapshot = declared.arrival == "snapshot"
    if snapshot and days:
        first = last = days[0].day
    begin = earliest(declared, first)
    there = read_profiles(lake, spec.name, source, begin, last)
    profiles = {day: dict(profile) for day, profile in there.items() if day < first}
    for one in days:
        mine = {**one.profile, "late_from": there.get(one.day, one.profile)["late_from"]}
        profiles[one.day] = mine
    for one in days:
        reopen(profiles, one.day, one.late, one.profile["own_digest"], declared.late.days)
    for profile in profiles.values():
        profile["input_digest"] = input_digest(
            profile["own_digest"], json.loads(profile["late_from"])
        )
    metadata = {"run_id": run_id, "spec_version": spec.version}
    refused = pa.concat_tables([result.quarantine, *(one.quarantined for one in days)])
    balances = pa.Table.from_pylist(
        [{**balance, PARTITION: one.day} for one in days for balance in one.files],
        schema=_dated(FILES_SCHEMA),
    )

    if there and _digests(profiles) != _digests(there):
        # Before anything changes: a run killed on the way leaves days that no record fits.
        waiting = {day: {**one, "input_digest": PENDING} for day, one in there.items()}
        publish_profiles(lake, spec.name, source, waiting, (begin, last), metadata)
    publish_records(lake, spec.name, source, declared, (first, last), refused, balances, metadata)
    rows = _rows(days, declared)
    commit = publish_rows(
        lake,
        spec.name,
        source,
        declared,
        (first, last),
        connection,
        rows,
        metadata,
    )
    publish_profiles(lake, spec.name, source, profiles, (begin, last), metadata)
    result.quarantine = refused
    result.input_digest = profiles[days[-1].day]["input_digest"] if days else ""
    result.reopened = [
        day
        for day, one in sorted(profiles.items())
        if day < first and one["input_digest"] != there.get(day, {}).get("input_digest")
    ]
    return commit


def _digests(profiles: Mapping[date, Mapping[str, Any]]) -> dict[date, str]:
    return {day: profile["input_digest"] for day, profile in profiles.items()}


def _rows(days: list[JudgedDay], source: SourceSpec) -> str:
    """Query of all rows that passed, with their day."""
    if len(days) == 1:
        return days[0].query
    if days:
        return "SELECT * FROM passed"
    names = [*validated_schema(source).names, PARTITION]
    return f"SELECT {', '.join(f'NULL AS {quoted(name)}' for name in names)} WHERE false"


def _sum_up(days: list[JudgedDay], result: Ingested) -> None:
    extra: set[str] = set()
    for one in days:
        for balance in one.files:
            result.files.append(balance["file"])
            result.landed += balance["landed"]
            result.validated += balance["validated"]
            result.quarantined += balance["quarantined"]
            if balance["landed"] != balance["validated"] + balance["quarantined"]:
                result.unbalanced.append(balance["file"])
            if balance["forgiven"]:
                result.forgiven[balance["file"]] = balance["forgiven"]
            extra.update(filter(None, balance["extra_columns"].split(", ")))
    result.extra_columns = sorted(extra)


def _dated(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field(PARTITION, pa.date32()))

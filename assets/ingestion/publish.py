"""What came through the door into the lake: one commit a table, the profile last.

The profile is the mark that a day is complete. Before rows change it is set to pending, so a run
killed between the rows and their profile leaves a day that no gate's record fits.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.crash_points import reached
from assets.ingestion.contract import arrow_schema
from assets.lake import PARTITION, Commit, Lake
from assets.source_spec import SourceSpec
from assets.tables import (
    FILES_SCHEMA,
    LANDED_ON,
    PROFILE_SCHEMA,
    QUARANTINE_SCHEMA,
    files,
    profile,
    quarantine,
    validated,
)

if TYPE_CHECKING:
    import duckdb

BATCH = 100_000


def validated_schema(source: SourceSpec) -> pa.Schema:
    """Schema of a source's validated table, without the partition's day."""
    schema = arrow_schema(source)
    return schema.append(pa.field(LANDED_ON, pa.date32())) if source.late.days else schema


def ensure_tables(lake: Lake, use_case: str, name: str, source: SourceSpec) -> None:
    """All tables of a source, before any is written: a changed spec is refused with nothing half
    done. Raises LakeError."""
    lake.ensure(use_case, validated(name), validated_schema(source))
    lake.ensure(use_case, quarantine(name), QUARANTINE_SCHEMA)
    lake.ensure(use_case, files(name), FILES_SCHEMA)
    lake.ensure(use_case, profile(name), PROFILE_SCHEMA)


def publish_rows(
    lake: Lake,
    use_case: str,
    name: str,
    source: SourceSpec,
    span: tuple[date, date],
    connection: "duckdb.DuckDBPyConnection",
    query: str,
    metadata: Mapping[str, str],
) -> Commit:
    """Stream the rows of ``query`` (the validated table's columns) to the days of ``span``.

    Nothing is written when the same rows are there, in whatever order.
    """
    first, last = span
    table = validated(name)
    by = LANDED_ON if source.late.days else PARTITION
    whole = source.arrival == "snapshot"
    there = "true" if whole else f"{by} >= DATE '{first}' AND {by} <= DATE '{last}'"
    schema = validated_schema(source).append(pa.field(PARTITION, pa.date32()))
    connection.register("lake_rows", lake.dataset(use_case, table))
    columns = ", ".join('"' + column.replace('"', '""') + '"' for column in schema.names)
    before = f"SELECT {columns} FROM lake_rows WHERE {there}"
    same = _same(connection, before, query, columns)
    connection.unregister("lake_rows")
    if same:
        return Commit(lake.version(use_case, table), changed=False)
    reached("door.pending")
    rows = connection.sql(f"SELECT {columns} FROM ({query})")
    batches = _cast(rows.to_arrow_reader(BATCH), schema)
    if whole:
        commit = lake.stream_all(use_case, table, batches, metadata, varied=_varied(source))
    else:
        commit = lake.stream_days(
            use_case,
            table,
            first,
            last,
            batches,
            metadata,
            by=by,
            reach_back=source.late.days,
            varied=_varied(source),
        )
    reached("door.rows")
    return commit


def _varied(source: SourceSpec) -> list[str]:
    """Columns whose values hardly repeat: keys, tokens, measurements, times."""
    return [
        name
        for name, column in source.kept_columns.items()
        if name in source.key
        or column.pii
        or column.given == "row_id"
        or (column.type in ("float", "timestamp") and column.given is None)
    ]


def _same(
    connection: "duckdb.DuckDBPyConnection",
    before: str,
    query: str,
    columns: str,
) -> bool:
    """Do both queries give the same rows? Counted first: hashing is for when the counts agree."""
    counts = connection.execute(
        f"SELECT (SELECT count(*) FROM ({before})), (SELECT count(*) FROM ({query}))"
    ).fetchall()[0]
    if counts[0] != counts[1] or counts[0] == 0:
        return bool(counts[0] == counts[1])
    # Sums of two 64-bit hashes of the rows: order does not matter, the number of copies does.
    hashed = f"sum(hash({columns})), sum(hash({columns}, 'again'))"
    one = connection.execute(f"SELECT {hashed} FROM ({before})").fetchall()
    two = connection.execute(f"SELECT {hashed} FROM ({query})").fetchall()
    return bool(one == two)


def _cast(reader: pa.RecordBatchReader, schema: pa.Schema) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))


def publish_records(
    lake: Lake,
    use_case: str,
    name: str,
    source: SourceSpec,
    span: tuple[date, date],
    quarantined: pa.Table,
    landed_files: pa.Table,
    metadata: Mapping[str, str],
) -> None:
    """Quarantine and the balance of each file (both with the day), before the rows themselves."""
    first, last = span
    reached("door.judged")
    if source.arrival == "snapshot":
        lake.replace_all(use_case, quarantine(name), quarantined, metadata)
        first = last = _only_day(landed_files, last)
    else:
        lake.replace_days(use_case, quarantine(name), first, last, quarantined, metadata)
    reached("door.quarantine")
    lake.replace_days(use_case, files(name), first, last, landed_files, metadata)
    reached("door.files")


def publish_profiles(
    lake: Lake,
    use_case: str,
    name: str,
    profiles: Mapping[date, Mapping[str, Any]],
    span: tuple[date, date],
    metadata: Mapping[str, str],
) -> None:
    """The profiles of ``span``'s days, replacing what is there: written last."""
    schema = PROFILE_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    rows = [{**one, PARTITION: day} for day, one in sorted(profiles.items())]
    table = pa.Table.from_pylist(rows, schema=schema)
    lake.replace_days(use_case, profile(name), span[0], span[1], table, metadata)
    reached("door.profile")


def read_profiles(
    lake: Lake, use_case: str, name: str, first: date, last: date
) -> dict[date, dict[str, Any]]:
    """Profiles of the days first..last that have one."""

    if not lake.exists(use_case, profile(name)):
        return {}
    rows = lake.read(use_case, profile(name), first=first, last=last).to_pylist()
    return {row.pop(PARTITION): row for row in rows}


def _only_day(landed_files: pa.Table, otherwise: date) -> date:
    days = landed_files.column(PARTITION).to_pylist()
    return days[0] if days else otherwise


def earliest(source: SourceSpec, first: date) -> date:
    """First day that files from ``first`` on may bring rows for."""
    return first - timedelta(days=source.late.days)

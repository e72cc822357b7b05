"""The lake: Delta tables by use case. Owns paths, commits and reads; nobody else opens a path.

Arrow in, Arrow out. A day of a table is replaced by one Delta commit, and only when its content
differs from what is there: a re-run of a night leaves every table version as it was.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlparse

import pyarrow as pa

from assets.content import same_content
from assets.crash_points import reached
from assets.durable import make_folder, sync, sync_commits
from assets.errors import NightshiftError
from assets.storage_errors import storing

if TYPE_CHECKING:
    import pyarrow.dataset as ds
    from deltalake import DeltaTable, WriterProperties

PARTITION = "partition_date"
"""Name of the day column every partitioned table carries (date32, UTC day)."""

ROW_GROUP = 131_072
"""Rows of a Parquet row group: what the writer holds in memory at a time."""


SETTINGS = {"delta.checkpointInterval": "10"}
"""Of every table. Whoever opens one reads the log since its last checkpoint: with delta-rs' own 100
commits that comes to 15 ms an open, some 200 times a night. Spark's default is 10 as well."""


class LakeError(NightshiftError):
    """A table that is not there, or rows that do not fit it. The message says which and why."""


@dataclass(frozen=True)
class Commit:
    """What a write did: the table's version after it, and whether it changed anything."""

    version: int
    changed: bool


class Lake:
    """Delta tables under ``root/<use_case>/<table>``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, use_case: str, table: str) -> Path:
        return self.root / use_case / table

    def exists(self, use_case: str, table: str) -> bool:
        from deltalake import DeltaTable

        return bool(DeltaTable.is_deltatable(str(self.path(use_case, table))))

    def ensure(
        self,
        use_case: str,
        table: str,
        schema: pa.Schema,
        *,
        partitioned: bool = True,
        append_only: bool = False,
    ) -> None:
        """Create an empty table unless it is there. ``partitioned`` adds the day column.

        Raises LakeError when the table exists with another schema: a changed spec must not
        silently mix two meanings in one table.
        """
        from deltalake import DeltaTable

        if partitioned and PARTITION not in schema.names:
            schema = schema.append(pa.field(PARTITION, pa.date32()))
        path = self.path(use_case, table)
        if not self.exists(use_case, table):
            make_folder(path.parent)
            with storing(path):
                reached("lake.creating")
                DeltaTable.create(
                    str(path),
                    schema=schema,
                    partition_by=[PARTITION] if partitioned else None,
                    mode="ignore",
                    configuration=SETTINGS | ({"delta.appendOnly": "true"} if append_only else {}),
                )
                reached("lake.created")
                sync_commits(path, -1, 0)
                sync(path)
                sync(path.parent)
            return
        there = _schema(self._open(use_case, table))
        gone, new = set(there.names) - set(schema.names), set(schema.names) - set(there.names)
        other = [f.name for f in schema if f.name not in new and there.field(f.name).type != f.type]
        if gone or new or other:
            types = ", ".join(
                f"{name}: {there.field(name).type} then, {schema.field(name).type} now"
                for name in other
            )
            raise LakeError(
                f"table {use_case}/{table} was written with other columns or types "
                f"(missing now: {sorted(gone)}, new: {sorted(new)}, types: {types or 'the same'}). "
                f"The spec changed: move {path} away and rebuild the history, or restore them."
            )

    def version(self, use_case: str, table: str) -> int:
        return int(self._open(use_case, table).version())

    def identity(self, use_case: str, table: str) -> tuple[int, str]:
        """A table's version, and a SHA-256 over the names of the files it is made of.

        Delta never writes a file name twice: the same digest is the same content.
        """
        delta = self._open(use_case, table)
        names = sorted(uri.rsplit("/", 1)[-1] for uri in delta.file_uris())
        return int(delta.version()), hashlib.sha256("\n".join(names).encode()).hexdigest()

    def read(
        self,
        use_case: str,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        where: "ds.Expression | None" = None,
        first: date | None = None,
        last: date | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Rows that match ``where`` (pushed down), optionally as of a table version.

        ``first``, ``last``: only partitions from and up to these days; the files of others are not
        even looked at. Raises LakeError when the table is not there.
        """
        dataset = _of_days(self._open(use_case, table, version), first, last)
        return dataset.to_table(columns=list(columns) if columns else None, filter=where)

    def read_day(self, use_case: str, table: str, day: date) -> pa.Table:
        """One partition, without rows when the day is not there."""
        return self.read(use_case, table, first=day, last=day)

    def days(self, use_case: str, table: str) -> list[date]:
        """Days that have rows, ascending."""
        if not self.exists(use_case, table):
            return []
        import pyarrow.compute as pc

        column = self.read(use_case, table, columns=[PARTITION]).column(PARTITION)
        return sorted(d for d in pc.unique(column).to_pylist() if d is not None)

    def replace_day(
        self,
        use_case: str,
        table: str,
        day: date,
        rows: pa.Table,
        metadata: Mapping[str, str] | None = None,
    ) -> Commit:
        """Make ``rows`` the content of one day, in one commit, or not at all."""
        return self.replace_days(use_case, table, day, day, _with_day(rows, day), metadata)

    def replace_days(
        self,
        use_case: str,
        table: str,
        first: date,
        last: date,
        rows: pa.Table,
        metadata: Mapping[str, str] | None = None,
        *,
        since: int | None = None,
    ) -> Commit:
        """Make ``rows`` (which carry the day column) the content of the days first..last.

        ``since``: the version the rows were made from; another's commit after it is not lost but
        refuses this one. The table must exist (:meth:`ensure`). Raises LakeError for rows of
        another day, and deltalake's CommitFailedError when another writer got there first.
        """
        import pyarrow.compute as pc

        delta = self._open(use_case, table, since)
        rows = self._fitted(use_case, table, rows, _schema(delta))
        if rows.num_rows:
            span = pc.min_max(rows.column(PARTITION)).as_py()
            if span["min"] < first or span["max"] > last:
                raise LakeError(
                    f"rows of {span['min']}..{span['max']} offered for {use_case}/{table} "
                    f"{first}..{last}; nothing was written"
                )
        if same_content(_of_days(delta, first, last).to_table(), rows):
            return Commit(int(delta.version()), changed=False)
        predicate = f"{PARTITION} >= '{first}' AND {PARTITION} <= '{last}'"
        return _overwrite(delta, rows, metadata, predicate)

    def stream_days(
        self,
        use_case: str,
        table: str,
        first: date,
        last: date,
        batches: pa.RecordBatchReader,
        metadata: Mapping[str, str] | None = None,
        *,
        by: str = PARTITION,
        reach_back: int = 0,
        varied: Collection[str] = (),
    ) -> Commit:
        """Make ``batches`` the content of the days first..last, in one commit, a batch at a time.

        Not compared with what is there: that is for the caller, who knows what it streams. ``by``
        names the day column that says which rows are replaced, when it is not the partition; the
        rows then belong to partitions from ``reach_back`` days before ``first`` on. ``varied``:
        columns in which hardly a value repeats, which are written without a dictionary.
        """
        delta = self._open(use_case, table)
        predicate = f"{by} >= '{first}' AND {by} <= '{last}'"
        if by != PARTITION:
            # Of no other partition can a row be: without this every file of the table is looked at.
            earliest = first - timedelta(days=reach_back)
            predicate += f" AND {PARTITION} >= '{earliest}' AND {PARTITION} <= '{last}'"
        return _overwrite(delta, batches, metadata, predicate, varied)

    def stream_all(
        self,
        use_case: str,
        table: str,
        batches: pa.RecordBatchReader,
        metadata: Mapping[str, str] | None = None,
        *,
        varied: Collection[str] = (),
    ) -> Commit:
        """Make ``batches`` the whole content of a table, in one commit, a batch at a time."""
        return _overwrite(self._open(use_case, table), batches, metadata, None, varied)

    def dataset(self, use_case: str, table: str, version: int | None = None) -> "ds.Dataset":
        """The table for a scan by an engine that pushes its filters down (DuckDB, Arrow), as it is
        now or was at a version: what is written later does not show."""
        return _of_days(self._open(use_case, table, version))

    def replace_all(
        self,
        use_case: str,
        table: str,
        rows: pa.Table,
        metadata: Mapping[str, str] | None = None,
    ) -> Commit:
        """Make ``rows`` the whole content of an unpartitioned table."""
        delta = self._open(use_case, table)
        dataset = _of_days(delta)
        rows = self._fitted(use_case, table, rows, dataset.schema)
        if same_content(dataset.to_table(), rows):
            return Commit(int(delta.version()), changed=False)
        return _overwrite(delta, rows, metadata, None)

    def append(
        self,
        use_case: str,
        table: str,
        rows: pa.Table,
        metadata: Mapping[str, str] | None = None,
    ) -> Commit:
        """Add rows to an append-only table."""
        delta = self._open(use_case, table)
        rows = self._fitted(use_case, table, rows, _schema(delta))
        return _write(delta, rows, metadata, "append")

    def last_commit_metadata(self, use_case: str, table: str) -> dict[str, Any]:
        """Commit info of the newest version, with whatever metadata its writer gave."""
        return dict(self._open(use_case, table).history(1)[0])

    def _fitted(self, use_case: str, table: str, rows: pa.Table, schema: pa.Schema) -> pa.Table:
        """The rows with the table's columns, order and types."""
        try:
            return rows.select(schema.names).cast(schema)
        except (KeyError, pa.ArrowInvalid) as error:
            raise LakeError(
                f"rows offered for {use_case}/{table} do not fit it: {error}; nothing was written"
            ) from error

    def _open(self, use_case: str, table: str, version: int | None = None) -> Any:
        from deltalake import DeltaTable

        if not self.exists(use_case, table):
            raise LakeError(f"table {use_case}/{table} does not exist yet under {self.root}")
        return DeltaTable(str(self.path(use_case, table)), version=version)


def _schema(delta: "DeltaTable") -> pa.Schema:
    # Not by way of a dataset, which is made file by file.
    return pa.schema(delta.schema().to_arrow())


def _of_days(
    delta: "DeltaTable", first: date | None = None, last: date | None = None
) -> "ds.Dataset":
    """The table's files, without those of partitions before ``first`` or after ``last``.

    A dataset of a year of daily files takes 0.1 s to make, one of a day's file 0.003 s.
    """
    from urllib.request import url2pathname

    from pyarrow import fs

    bounds = [(PARTITION, ">=", str(first))] if first else []
    bounds += [(PARTITION, "<=", str(last))] if last else []
    # Arrow's own file system. That of delta-rs is Python, called by Arrow's threads: one of them
    # still at it when the interpreter ends brings the process down (exit code 134, all work done).
    place = url2pathname(delta.table_uri.removeprefix("file://"))
    files = fs.SubTreeFileSystem(place, fs.LocalFileSystem())
    return delta.to_pyarrow_dataset(filesystem=files, file_pruning_predicate=bounds or None)


def _overwrite(
    delta: "DeltaTable",
    rows: pa.Table | pa.RecordBatchReader,
    metadata: Mapping[str, str] | None,
    where: str | None,
    varied: Collection[str] = (),
) -> Commit:
    return _write(delta, rows, metadata, "overwrite", where, varied)


def _write(
    delta: "DeltaTable",
    rows: pa.Table | pa.RecordBatchReader,
    metadata: Mapping[str, str] | None,
    mode: Literal["append", "overwrite"],
    where: str | None = None,
    varied: Collection[str] = (),
) -> Commit:
    """One commit, on the disk when this returns. Raises StorageError when it cannot be written."""
    from deltalake import CommitProperties, write_deltalake

    path = Path(unquote(urlparse(delta.table_uri).path))
    before = int(delta.version())
    properties = CommitProperties(custom_metadata=dict(metadata or {}))
    with storing(path):
        reached("lake.writing")
        write: Any = write_deltalake  # whose overloads want one mode, written out
        write(
            delta,
            rows,
            mode=mode,
            predicate=where,
            commit_properties=properties,
            writer_properties=_writer(varied),
        )
        reached("lake.committed")
        delta.update_incremental()
        version = int(delta.version())
        sync_commits(path, before, version)
        reached("lake.synced")
    return Commit(version, changed=True)


def _writer(varied: Collection[str]) -> "WriterProperties":
    """How Parquet files are written: measured on 5 million rows of 14 columns, half the CPU and
    two thirds of the memory of the defaults."""
    from deltalake import ColumnProperties, WriterProperties

    without = {name: ColumnProperties(dictionary_enabled=False) for name in varied}
    return WriterProperties(
        max_row_group_size=ROW_GROUP,
        column_properties=without or None,
        default_column_properties=ColumnProperties(statistics_enabled="CHUNK"),
    )


def _with_day(rows: pa.Table, day: date) -> pa.Table:
    column = pa.array([day] * rows.num_rows, pa.date32())
    if PARTITION in rows.column_names:
        return rows.set_column(rows.column_names.index(PARTITION), PARTITION, column)
    return rows.append_column(PARTITION, column)

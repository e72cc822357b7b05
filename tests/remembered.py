"""A lake that keeps its tables in memory: for tests that need thousands of small commits."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from assets.lake import PARTITION, Commit, Lake


class RememberedLake(Lake):
    """As :class:`Lake`, for tables that are small; only its folders are on the disk."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.tables: dict[tuple[str, str], list[pa.Table]] = {}

    def exists(self, use_case: str, table: str) -> bool:
        return (use_case, table) in self.tables

    def ensure(
        self,
        use_case: str,
        table: str,
        schema: pa.Schema,
        *,
        partitioned: bool = True,
        append_only: bool = False,
    ) -> None:
        if partitioned and PARTITION not in schema.names:
            schema = schema.append(pa.field(PARTITION, pa.date32()))
        self.path(use_case, table).mkdir(parents=True, exist_ok=True)
        self.tables.setdefault((use_case, table), [schema.empty_table()])

    def version(self, use_case: str, table: str) -> int:
        return len(self.tables[use_case, table]) - 1

    def read(
        self,
        use_case: str,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        where: ds.Expression | None = None,
        first: date | None = None,
        last: date | None = None,
        version: int | None = None,
    ) -> pa.Table:
        rows = self.tables[use_case, table][-1 if version is None else version]
        if first is not None:
            rows = rows.filter(ds.field(PARTITION) >= first)
        if last is not None:
            rows = rows.filter(ds.field(PARTITION) <= last)
        rows = rows if where is None else rows.filter(where)
        return rows.select(list(columns)) if columns else rows

    def append(
        self, use_case: str, table: str, rows: pa.Table, metadata: Mapping[str, str] | None = None
    ) -> Commit:
        versions = self.tables[use_case, table]
        versions.append(pa.concat_tables([versions[-1], rows.cast(versions[-1].schema)]))
        return Commit(len(versions) - 1, changed=True)

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
        versions = self.tables[use_case, table]
        outside = (ds.field(PARTITION) < first) | (ds.field(PARTITION) > last)
        versions.append(
            pa.concat_tables([versions[-1].filter(outside), rows.cast(versions[-1].schema)])
        )
        return Commit(len(versions) - 1, changed=True)

    def dataset(self, use_case: str, table: str) -> Any:
        """Its days, by the folders their files would be in."""
        days = self.read(use_case, table).column(PARTITION).unique().to_pylist()
        return SimpleNamespace(
            get_fragments=lambda: [
                SimpleNamespace(partition_expression=ds.field(PARTITION) == pa.scalar(day))
                for day in days
            ]
        )

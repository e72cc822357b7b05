"""Tables as they were when they were first asked for.

Delta keeps the files of every version, so a table that is read again says the same while a night
writes the next one.
"""

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from assets.lake import PARTITION, Lake
from assets.tables import INSTALLATION
from nightshift.errors import ReadError
from nightshift.published import CASES, Published, published, why_not

if TYPE_CHECKING:
    import pyarrow.dataset as ds
    from deltalake import DeltaTable


class Snapshots:
    """The published tables under a lake's root, each at one version. Never makes a folder."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._opened: dict[tuple[str, str], DeltaTable] = {}
        self._scans: dict[tuple[str, str], ds.Dataset | pa.Table] = {}

    def use_cases(self) -> tuple[str, ...]:
        """Use cases that have tables, by name."""
        folders = [path.name for path in self.lake.root.iterdir() if path.is_dir()]
        named = [name for name in folders if name != INSTALLATION]
        return tuple(sorted(name for name in named if self._written(name)))

    def readable(self, use_case: str) -> list[str]:
        """Published tables of the use case that are written, by name."""
        return [name for name in self._written(use_case) if published(name)]

    def scan(self, use_case: str, name: str) -> "ds.Dataset | pa.Table":
        """What Arrow and DuckDB read a table through; nothing of it is read yet.

        Of a table no night has written yet an empty one. Raises ReadError where there is nothing to
        read, or nothing that may be.
        """
        key = (use_case, name)
        if key not in self._scans:
            delta = self._delta(use_case, name)
            self._scans[key] = (
                _columns_known(name).empty_table()
                if delta is None
                else self.lake.dataset(use_case, name, delta.version())
            )
        return self._scans[key]

    def schema(self, use_case: str, name: str) -> pa.Schema:
        """Columns of a table. Raises ReadError as :meth:`scan`."""
        delta = self._delta(use_case, name)
        return _columns_known(name) if delta is None else pa.schema(delta.schema().to_arrow())

    def span(self, use_case: str, name: str) -> tuple[list[date], int]:
        """Days that have rows, ascending, and rows in all; of the table's log alone.

        Raises ReadError as :meth:`scan`.
        """
        delta = self._delta(use_case, name)
        if delta is None:
            return [], 0
        files = pa.table(delta.get_add_actions(flatten=True))
        rows = files.column("num_records").to_pylist()
        column = f"partition.{PARTITION}"
        if column not in files.column_names:
            return [], sum(rows)
        days = files.column(column).to_pylist()
        return sorted({day for day, count in zip(days, rows, strict=True) if count}), sum(rows)

    def forget(self) -> None:
        """What is asked for next is as it is then."""
        self._opened.clear()
        self._scans.clear()

    def _written(self, use_case: str) -> list[str]:
        """Tables of the use case that are there, readable or not."""
        logs = (self.lake.root / use_case).glob("*/_delta_log")
        return sorted(log.parent.name for log in logs)

    def _delta(self, use_case: str, name: str) -> "DeltaTable | None":
        """The table; None: no night has written it yet, but what it will look like is known."""
        from deltalake import DeltaTable

        what = published(name)
        if what is None or name == CASES:
            raise self._no_such(use_case, name, what)
        if (use_case, name) not in self._opened:
            path = self.lake.path(use_case, name)
            if not (path / "_delta_log").is_dir():
                if what.schema is None:
                    raise self._no_such(use_case, name, what)
                return None
            self._opened[use_case, name] = DeltaTable(str(path))
        return self._opened[use_case, name]

    def _no_such(self, use_case: str, name: str, what: Published | None) -> ReadError:
        why = why_not(name)
        if why is not None:
            told = f"{use_case}.{name} is not published: {why}"
        elif what is not None:
            told = f"no night of {use_case} has written '{name}' yet"
        else:
            told = f"no table '{name}' of {use_case} is published"
        return ReadError(f"{told}. There is {', '.join(self.readable(use_case)) or 'nothing yet'}")


def _columns_known(name: str) -> pa.Schema:
    what = published(name)
    if what is None or what.schema is None:
        raise ReadError(f"nothing is known of the columns of '{name}'")
    return what.schema

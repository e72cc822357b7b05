"""The published tables of a home, to read: in SQL, as Arrow or as pandas."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from assets.home import Home
from assets.ingestion.csv_rows import quoted
from assets.lake import PARTITION, Lake
from assets.tables import (
    DECISIONS,
    DRIFT,
    INSTALLATION,
    LABELS,
    MEASURED,
    POPULATION,
    SCORING_SET,
)
from nightshift.about import UseCase, about, last_version
from nightshift.cases import cases_sql
from nightshift.errors import ReadError
from nightshift.published import CASES, PUBLISHED, published
from nightshift.queries import tables_of
from nightshift.result import Result, frame_of
from nightshift.snapshots import Snapshots

if TYPE_CHECKING:
    import pandas as pd

HOME_VARIABLE = "NIGHTSHIFT_HOME"
DEFAULT_HOME = ".nightshift"

CLOSED_IN = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
"""Of DuckDB: a query reads what was put before it, no files, no network, no Python variables."""


@dataclass(frozen=True)
class Table:
    """A readable table of a use case, as far as it is written."""

    name: str
    holds: str
    rows: int
    first: date | None
    """First day with rows; None: no rows, or a table without days."""
    last: date | None
    columns: dict[str, str]
    """Name to Arrow type."""


@dataclass(frozen=True)
class Window:
    """Nights somebody looks at, all of one use case."""

    use_case: str
    first: date
    last: date

    @property
    def days(self) -> dict[str, date]:
        """As parameters of a query: ``$first`` and ``$last``."""
        return {"first": self.first, "last": self.last}

    def __str__(self) -> str:
        return f"{self.use_case}, nights {self.first} to {self.last} (UTC)"


class ReadLake:
    """The published tables of a home. Made by :func:`open_lake`; for one thread.

    A table is read as it was when it was first asked for: answers about it agree with each other
    while a night is being written. :meth:`refresh` looks again.
    """

    def __init__(self, home: Home, use_case: str | None = None) -> None:
        import duckdb

        self.home = home.root
        self._lake = Lake(home.lake)
        self._snapshots = Snapshots(self._lake)
        self._known: set[tuple[str, str]] = set()
        self._facts: dict[str, UseCase] = {}
        self._default: str | None = None
        self._default = self._use_case(use_case) if use_case is not None else None
        # Where DuckDB puts what does not fit into memory: not in the folder one works in.
        self._spill = TemporaryDirectory(prefix="nightshift-")
        self._connection = duckdb.connect(config={**CLOSED_IN, "temp_directory": self._spill.name})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET lock_configuration = true")
        self._closed = False

    @property
    def use_cases(self) -> tuple[str, ...]:
        """Use cases that have tables, by name."""
        return self._snapshots.use_cases()

    def tables(self, use_case: str | None = None) -> tuple[Table, ...]:
        """What may be read of a use case: name, what it holds, rows, days, columns.

        Tables no night has written yet are listed without rows where their columns are known. Of
        the tables only the logs are read. Raises ReadError for a use case that is not there.
        """
        name = self._use_case(use_case)
        there = set(self._snapshots.readable(name))
        fixed = {table for table, one in PUBLISHED.items() if one.schema is not None}
        listed = {table: self._described(name, table) for table in there | fixed}
        if SCORING_SET in there and listed[DECISIONS].rows:
            decided = listed[DECISIONS]
            listed[CASES] = Table(
                CASES,
                PUBLISHED[CASES].holds,
                decided.rows,
                decided.first,
                decided.last,
                self._types_of_cases(name),
            )
        return tuple(one for _, one in sorted(listed.items()))

    def table(
        self,
        use_case: str,
        name: str,
        first: date | str | None = None,
        last: date | str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Rows of a table as Arrow: all, or those of the days ``first`` to ``last`` (both UTC and
        among them).

        Only the files of these days and the ``columns`` asked for are read. A table that no night
        has written yet has no rows. Raises ReadError for a table, column or day that is not there,
        saying what is.
        """
        use_case, name = self._use_case(use_case), name.lower()
        known = self._columns(use_case, name)
        strange = [column for column in columns or [] if column not in known]
        if strange:
            raise ReadError(
                f"{use_case}.{name} has no column {', '.join(strange)}; it has {', '.join(known)}"
            )
        since, until = _day(first, "first"), _day(last, "last")
        if since or until:
            if PARTITION not in known:
                raise ReadError(f"{use_case}.{name} is not kept by day: leave first and last out")
            self._require_days(use_case, name, since, until)
        return self.sql(
            f"SELECT {', '.join(quoted(column) for column in columns or known)} "
            f"FROM {_place(use_case, name)}{_between(since, until)}"
        ).to_arrow()

    def frame(
        self,
        use_case: str,
        name: str,
        first: date | str | None = None,
        last: date | str | None = None,
        columns: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """:meth:`table` as a pandas DataFrame; days are datetime64, times datetime64 in UTC."""
        return frame_of(self.table(use_case, name, first, last, columns))

    def measures(
        self,
        use_case: str,
        name: str,
        measures: Sequence[str] | None = None,
        first: date | str | None = None,
        last: date | str | None = None,
    ) -> "pd.DataFrame":
        """Rows of drift, performance, fairness or economics, with ``detail`` read from its JSON.

        Of all nights or those from ``first`` to ``last``, of all measures or those named; by day,
        measure, arm, version and subject. Without rows where no night measured it, which is no
        error. Raises ReadError for another table.
        """
        import json

        if name not in MEASURED:
            raise ReadError(f"'{name}' holds no measures; {', '.join(MEASURED)} do")
        wanted = _between(_day(first, "first"), _day(last, "last"))
        if measures is not None:
            wanted += f"{' AND' if wanted else ' WHERE'} list_contains($measures, measure)"
        found = self.sql(
            f"SELECT * EXCLUDE (run_id) FROM {_place(self._use_case(use_case), name)}{wanted} "
            f"ORDER BY {PARTITION}, measure, arm, model_version, subject",
            {"measures": list(measures)} if measures is not None else None,
        ).to_pandas()
        details: list[Any] = [json.loads(text) if text else {} for text in found["detail"]]
        # Typed though there be no rows; a version that may be missing is a whole number.
        return found.assign(detail=details).astype({"detail": object, "model_version": "Int64"})

    def sql(
        self, query: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> Result:
        """One SELECT in DuckDB's SQL over ``use_case.table``, read lazily.

        Only the columns and days the query needs are read from the files. ``parameters`` fill
        ``$name`` or ``?``. Without a schema a table is one of the use case given to
        :func:`open_lake`. Times are UTC. Raises ReadError for anything but a SELECT, for files and
        settings, for a table that is not there or may not be read, and for a query that is wrong.
        """
        import duckdb

        if self._closed:
            raise ReadError("this lake was closed: open it again with open_lake()")
        for named in tables_of(self._connection, query):
            schema = named.schema or self._default
            if schema is None:
                example = next(iter(self.use_cases), "use_case")
                raise ReadError(f"whose '{named.table}'? Write it as {example}.{named.table}")
            self._put_before(self._use_case(schema), named.table.lower())
        try:
            return Result(self._connection.sql(query, params=parameters))
        except duckdb.Error as error:
            raise ReadError(f"this query cannot be answered: {error}") from error

    def about(self, use_case: str | None = None) -> UseCase:
        """Names and meanings in a use case's tables: keys, features, units, when outcomes count.

        From the spec most decisions of the last night were made by. Raises ReadError before the
        first night was decided.
        """
        name = self._use_case(use_case)
        if name not in self._facts:
            version = last_version(self._lake, name, self._last_decided(name))
            self._facts[name] = about(self._lake, name, version)
        return self._facts[name]

    def window(
        self, use_case: str | None = None, last: date | str | None = None, nights: int = 90
    ) -> Window:
        """The ``nights`` nights up to ``last``, or to the last one on record.

        Raises ReadError where it is not clear which use case, or nothing of it is on record.
        """
        name = self._use_case(use_case)
        until = _day(last, "last")
        if until is None:
            days = [self._snapshots.span(name, table)[0] for table in (DECISIONS, DRIFT)]
            if POPULATION in self._snapshots.readable(name):
                days.append(self._snapshots.span(name, POPULATION)[0])
            until = max((there[-1] for there in days if there), default=None)
        if until is None:
            raise ReadError(f"no night of {name} is on record yet under {self.home}")
        return Window(name, until - timedelta(days=max(nights, 1) - 1), until)

    def refresh(self) -> None:
        """Look at the tables as they are now."""
        # Views on views: those made last first.
        for use_case, name in sorted(self._known, key=lambda one: one[1] != CASES):
            if use_case == self._default:
                self._connection.execute(f"DROP VIEW {quoted(name)}")
            self._connection.execute(f"DROP VIEW {_place(use_case, name)}")
        self._known.clear()
        self._facts.clear()
        self._snapshots.forget()

    def close(self) -> None:
        """Let go of everything; results not yet fetched are gone."""
        self._closed = True
        self._connection.close()
        self._spill.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<published tables of {', '.join(self.use_cases) or 'no use case'}: {self.home}>"

    def _use_case(self, asked: str | None) -> str:
        there = self.use_cases
        name = asked or self._default
        if name is None:
            if len(there) == 1:
                return there[0]
            raise ReadError(f"which use case? There is {', '.join(there) or 'none yet'}")
        if name.lower() in there:
            return name.lower()
        told = f"no use case '{name}' under {self.home}; there is {', '.join(there) or 'none yet'}"
        if name.lower() == INSTALLATION:
            told += ". What belongs to the installation (who may approve) is not published"
        raise ReadError(told)

    def _columns(self, use_case: str, name: str) -> list[str]:
        if name == CASES:
            return list(self._types_of_cases(use_case))
        return list(self._snapshots.schema(use_case, name).names)

    def _types_of_cases(self, use_case: str) -> dict[str, str]:
        return _types(self.sql(f"FROM {_place(use_case, CASES)} LIMIT 0").to_arrow().schema)

    def _described(self, use_case: str, name: str) -> Table:
        what = published(name)
        days, rows = self._snapshots.span(use_case, name)
        columns = _types(self._snapshots.schema(use_case, name))
        holds = what.holds if what else ""
        return Table(name, holds, rows, min(days, default=None), max(days, default=None), columns)

    def _put_before(self, use_case: str, name: str) -> None:
        """Make a table known to DuckDB under its name."""
        if (use_case, name) in self._known:
            return
        if name == CASES:
            source = f"({self._cases_sql(use_case)})"
        else:
            source = quoted(f"{use_case}/{name}")
            self._connection.register(f"{use_case}/{name}", self._snapshots.scan(use_case, name))
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(use_case)}")
        self._connection.execute(f"CREATE VIEW {_place(use_case, name)} AS FROM {source}")
        if use_case == self._default:
            place = _place(use_case, name)
            self._connection.execute(f"CREATE VIEW {quoted(name)} AS FROM {place}")
        self._known.add((use_case, name))

    def _cases_sql(self, use_case: str) -> str:
        facts, last = self.about(use_case), self._last_decided(use_case)
        labelled = LABELS in self._snapshots.readable(use_case)
        for table in (DECISIONS, SCORING_SET, *([LABELS] if labelled else [])):
            self._put_before(use_case, table)
        values = self._snapshots.schema(use_case, SCORING_SET).names
        return cases_sql(facts, values, last, labelled=labelled)

    def _last_decided(self, use_case: str) -> date:
        days, _ = self._snapshots.span(use_case, DECISIONS)
        if not days:
            raise ReadError(f"no night of {use_case} has been decided yet under {self.home}")
        return days[-1]

    def _require_days(
        self, use_case: str, name: str, first: date | None, last: date | None
    ) -> None:
        """Raise ReadError unless the table has rows of one of the days, or none at all."""
        days, _ = self._snapshots.span(use_case, DECISIONS if name == CASES else name)
        before = [day for day in days if first is not None and day < first]
        after = [day for day in days if last is not None and day > last]
        if len(before) + len(after) < len(days) or not days:
            return
        asked = f"on {first}" if first == last else f"from {first or '...'} to {last or '...'}"
        near = " and ".join(f"{day}" for day in before[-1:] + after[:1])
        raise ReadError(
            f"{use_case}.{name} has no rows {asked}; it has {len(days)} days from {days[0]} to "
            f"{days[-1]}, the nearest {near}"
        )


def open_lake(home: str | Path | None = None, *, use_case: str | None = None) -> ReadLake:
    """The published tables of a home, to read.

    ``home``: a folder; None: what ``NIGHTSHIFT_HOME`` names, else the ``.nightshift`` of the folder
    one works in, or of the nearest above it. ``use_case``: whose tables are meant where none is
    named. Nothing is ever written to the home. Raises ReadError where there is no such home or use
    case.
    """
    root = _root(home)
    if not (root / "lake").is_dir():
        raise ReadError(
            f"{root} is no home of Nightshift: it has no folder 'lake'. Name the folder that is "
            f"given to `nightshift --home`, or set {HOME_VARIABLE}; `make demo` makes one at "
            f"{DEFAULT_HOME}"
        )
    return ReadLake(Home(root), use_case)


def _root(asked: str | Path | None) -> Path:
    named = asked if asked is not None else os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named).expanduser().resolve()
    here = Path.cwd()
    homes = [folder / DEFAULT_HOME for folder in (here, *here.parents)]
    return next((home for home in homes if (home / "lake").is_dir()), homes[0])


def _place(use_case: str, name: str) -> str:
    return f"{quoted(use_case)}.{quoted(name)}"


def _between(first: date | None, last: date | None) -> str:
    """The WHERE of a range of days, empty without one."""
    bounds = [f"{PARTITION} >= DATE '{first}'"] if first else []
    bounds += [f"{PARTITION} <= DATE '{last}'"] if last else []
    return f" WHERE {' AND '.join(bounds)}" if bounds else ""


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: str(field.type) for field in schema}


def _day(asked: date | str | None, what: str) -> date | None:
    if asked is None:
        return None
    try:
        # A datetime is a date too, and would compare with none; its day is meant.
        return date.fromisoformat(str(asked)[:10])
    except ValueError:
        raise ReadError(f"{what}: '{asked}' is no day; write it as YYYY-MM-DD") from None

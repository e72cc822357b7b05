"""The contract of a source, and the door that holds a day's files to it.

One pass in DuckDB: every cell is read as text, cast to its declared type and checked; a row that
breaks a rule is set aside with the reason, each row on its own. A file is refused whole only when
its header, its encoding or a whole column of another type leaves its rows without meaning.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from assets.ingestion.corrections import is_correction
from assets.ingestion.csv_rows import quoted, rejected, relation
from assets.ingestion.duplicates import mark_known_keys, mark_repeated_keys
from assets.ingestion.file_form import FileForm, examine, require_complete, require_unchanged
from assets.ingestion.given import file_date_of, file_date_sql, row_id_sql, tell_alike_apart
from assets.ingestion.landing import LandingError
from assets.ingestion.pseudonym import hmac_pads, token_sql
from assets.ingestion.refused import REASON, first_broken, reason, refused_rows
from assets.ingestion.rules import Rule, rules
from assets.ingestion.values import ARROW, DUCKDB, MASK, given_sql, value_sql
from assets.source_spec import SourceSpec

if TYPE_CHECKING:
    import duckdb

WHOLE_COLUMN = 10
"""Values from which on a column without a single usable one is the wrong column, not bad luck."""

MEMORY = "900MB"
"""What DuckDB may hold; the rest of a large file goes to scratch."""


def arrow_schema(spec: SourceSpec) -> pa.Schema:
    """Schema of a source's validated table (without the day column)."""
    return pa.schema([(name, ARROW[c.type]) for name, c in spec.kept_columns.items()])


@contextmanager
def door(scratch: Path) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A DuckDB of its own for one source's files; what does not fit in memory goes to scratch."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute("SET temp_directory = ?", [str(scratch / "duckdb")])
        yield connection


@dataclass(frozen=True)
class JudgedFile:
    """One file of the day: its rows have ``file_no`` = ``number`` in table ``judged``."""

    number: int
    form: FileForm
    rules: list[Rule]
    rows: int
    rejected: pa.Table

    @property
    def landed(self) -> int:
        """Rows of the file, whatever becomes of them."""
        return self.rows + int(self.rejected.num_rows)


class Judgement:
    """The files of one day of a source in table ``judged`` of a connection.

    ``judged`` has, in file order: ``file_no``; ``value_N`` for each declared column N (typed; the
    token for a pseudonymised column; for a dropped one only whether it had a value of its type);
    ``own_day`` where the source has a timestamp; ``broken``, 0 for a row that passed, else the
    number of the rule, and then why (REASON). ``person``: the column that says whose a row is.
    """

    def __init__(
        self,
        connection: "duckdb.DuckDBPyConnection",
        source: SourceSpec,
        day: date | None,
        key: bytes,
        person: str | None = None,
    ) -> None:
        self.connection = connection
        self.source = source
        self.day = day
        self.key = key
        self.person = person
        self.files: list[JudgedFile] = []
        connection.execute(f"CREATE OR REPLACE TABLE judged ({self._columns()})")

    def take(self, form: FileForm) -> JudgedFile:
        """Judge the rows of one more file. Raises LandingError when it must be refused whole."""
        import duckdb

        number = len(self.files)
        found = rules(self.source, self.day, form.text_columns)
        stored = self._stored(file_date_of(form.path, self.source, self.day))
        before = self._count()
        given, parameters = cells(form, self.source)
        if any(column.pii == "pseudonymise" for column in self.source.columns.values()):
            parameters = parameters | hmac_pads(self.key)
        try:
            self.connection.execute(
                f"""INSERT INTO judged SELECT {number}, {", ".join(stored)}, broken,
                      {reason(found, self.source, self.person)}
                    FROM (SELECT *, {first_broken(found)} AS broken FROM ({given}))""",
                parameters,
            )
        except duckdb.Error as error:
            require_unchanged(form)
            raise _unreadable(form, self.source, error) from error
        refused = rejected(self.connection, form, self.source)
        require_unchanged(form)
        one = JudgedFile(number, form, found, self._count() - before, refused)
        require_complete(form, one.landed)
        self._require_types(one)
        self.files.append(one)
        return one

    def settle_keys(self) -> None:
        """Once all files are taken: set rows aside that share a key.

        Corrections are judged after what they correct: of rows in conflict the corrected one
        stands, but a row that nothing was wrong with is not replaced.
        """
        names = list(self.source.columns)
        for number, column in enumerate(self.source.columns.values()):
            if column.given == "row_id":
                tell_alike_apart(self.connection, f"value_{number}")
        key = [f"value_{names.index(column)}" for column in self.source.key]
        values = [f"value_{names.index(column)}" for column in self.source.kept_columns]
        corrections = [f.number for f in self.files if is_correction(f.form.path.name)]
        if not corrections:
            mark_repeated_keys(self.connection, key, values)
            return
        those = f"file_no IN ({', '.join(map(str, corrections))})"
        mark_repeated_keys(self.connection, key, values, f"NOT {those}")
        mark_repeated_keys(self.connection, key, values, those)
        mark_known_keys(self.connection, key, those)

    def passed_sql(self, *more: str) -> str:
        """Query of the rows that passed: the kept columns, and ``more`` expressions."""
        names = list(self.source.columns)
        columns = [
            f"value_{names.index(name)} AS {quoted(name)}" for name in self.source.kept_columns
        ]
        return f"SELECT {', '.join([*columns, *more])} FROM judged WHERE broken = 0"

    def refused(self, file: JudgedFile) -> pa.Table:
        """The refused rows of a file, see :func:`assets.ingestion.refused.refused_rows`."""
        return refused_rows(self.connection, file, self.source, self.person)

    def balance(self) -> dict[int, int]:
        """Rows that passed, by ``file_no``."""
        counted = self.connection.execute(
            "SELECT file_no, count(*) FROM judged WHERE broken = 0 GROUP BY file_no"
        ).fetchall()
        return {int(number): int(count) for number, count in counted}

    def _columns(self) -> str:
        columns = ["file_no INTEGER"]
        for number, (name, column) in enumerate(self.source.columns.items()):
            kept = name in self.source.kept_columns
            columns.append(f"value_{number} {DUCKDB[column.type] if kept else 'BOOLEAN'}")
        if self.source.timestamp is not None:
            columns.append("own_day DATE")
        return ", ".join([*columns, "broken USMALLINT", f"{REASON} VARCHAR"])

    def _stored(self, file_date: date | None) -> list[str]:
        """SQL of a row's columns in ``judged``, over the values of its cells."""
        columns = self.source.columns
        stored: dict[str, str] = {}
        for number, (name, column) in enumerate(columns.items()):
            value = f"value_{number}"
            if column.pii == "pseudonymise":
                stored[name] = token_sql(value)
            elif column.pii == "drop":
                stored[name] = f"nullif({value} IS NOT NULL, false)"
            elif column.given == "file_date" and file_date is not None:
                stored[name] = file_date_sql(file_date, column.type)
            else:
                stored[name] = value
        for name in [name for name, column in columns.items() if column.given == "row_id"]:
            kept = [one for one in self.source.kept_columns if columns[one].given != "row_id"]
            stored[name] = row_id_sql({one: (stored[one], columns[one].type) for one in kept})
        if self.source.timestamp is None:
            return list(stored.values())
        number = list(columns).index(self.source.timestamp)
        return [*stored.values(), f"CAST(value_{number} AS DATE)"]

    def _count(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM judged").fetchall()[0][0])

    def _require_types(self, file: JudgedFile) -> None:
        """Refuse a file in which a whole column is something else.

        Emptying the day into quarantine row by row would take away what is already there of it.
        """
        if file.rows < WHOLE_COLUMN:
            return
        names = list(self.source.columns)
        columns = enumerate(self.source.columns.values())
        in_file = [number for number, column in columns if column.given is None]
        counts = ", ".join(f"count(value_{number})" for number in in_file)
        *usable, spoilt = self.connection.execute(
            f"""SELECT {counts}, count(*) FILTER (broken > 0) FROM judged
                WHERE file_no = {file.number}"""
        ).fetchall()[0]
        # A column without values breaks nothing when it may be empty.
        counted = zip(in_file, usable, strict=True)
        suspects = [number for number, count in counted if count == 0] if spoilt else []
        if not suspects:
            return
        query, parameters = cells(file.form, self.source)
        wanted = ", ".join(
            f"count(given_{n}), left(any_value(CAST(given_{n} AS VARCHAR)), 80)" for n in suspects
        )
        found = self.connection.execute(f"SELECT {wanted} FROM ({query})", parameters).fetchall()
        rejected(self.connection, file.form, self.source)
        for at, number in enumerate(suspects):
            given, example = found[0][2 * at : 2 * at + 2]
            if given >= WHOLE_COLUMN:
                column = self.source.columns[names[number]]
                raise LandingError(
                    f"{file.form.path}: column '{names[number]}' has no {column.type} among its "
                    f"{given} values (one of them: '{MASK if column.pii else example}'). "
                    "Nothing of it was taken; ask the source for the agreed type, or change the "
                    "contract in defs.yaml."
                )


def cells(
    form: FileForm, source: SourceSpec, only: str | None = None
) -> tuple[str, dict[str, object]]:
    """Query giving the rows of a file with ``raw_N``, ``given_N`` and ``value_N`` for each column
    that is in the file.

    ``only``: a relation with a column ``row`` (1, 2, ... as in the file); nothing is computed for
    rows that are not in it.
    """
    rows, parameters = relation(form, source)
    if only is not None:
        numbered = f'SELECT *, row_number() OVER () AS "row" FROM {rows}'
        rows = f'(SELECT * FROM ({numbered}) JOIN {only} USING ("row"))'
    given, typed = [], []
    for number, (name, column) in enumerate(source.columns.items()):
        if column.given is not None:
            continue
        given.append(f"{given_sql(f'raw_{number}', column, source)} AS given_{number}")
        text = name in form.text_columns
        typed.append(f"{value_sql(f'given_{number}', column, source, text=text)} AS value_{number}")
    query = f"SELECT *, {', '.join(typed)} FROM (SELECT *, {', '.join(given)} FROM {rows})"
    return query, parameters


@dataclass(frozen=True)
class Passed:
    """What one file became. ``landed``, counted as read, must be ``validated + quarantined``."""

    file: Path
    form: FileForm
    landed: int
    validated: pa.Table
    quarantined: pa.Table

    @property
    def extra_columns(self) -> list[str]:
        return self.form.extra_columns


def pass_file(path: Path, spec: SourceSpec, day: date | None, key: bytes, scratch: Path) -> Passed:
    """Hold one file to the contract and keep the outcome in memory: to try a file out.

    ``day``: the UTC day the file is of (None: rows of any day). ``quarantined`` is as
    :func:`assets.ingestion.refused.refused_rows` gives it. Raises LandingError when the file cannot
    be read at all, lacks a declared column, or has something else altogether in one.
    """
    with door(scratch) as connection:
        judgement = Judgement(connection, spec, day, key)
        file = judgement.take(examine(path, spec, scratch))
        judgement.settle_keys()
        validated = connection.sql(judgement.passed_sql()).to_arrow_table()
        quarantined = judgement.refused(file)
    return Passed(
        file=path,
        form=file.form,
        landed=file.landed,
        validated=validated.cast(arrow_schema(spec)),
        quarantined=quarantined,
    )


def _unreadable(form: FileForm, spec: SourceSpec, error: Exception) -> LandingError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return LandingError(
        f"{form.path} cannot be read as {spec.format}: {reason}. Nothing of it was taken; "
        "replace the file and run the partition again."
    )

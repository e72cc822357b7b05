"""Columns the door gives to rows whose file has none: an id that tells them apart, and a time.

An id is made of what the row says, not of where it stands: the same rows have the same ids however
often, under whatever name, in whatever order and in whatever packing their file lands again, and a
corrected row changes its own id and no other. Made of

- the values of all other columns that pass the door, the file's date among them where the source
  has a ``file_date`` column (so the same row in the files of two days is two cases); of personal
  values only what they became: tokens of the installation's key, and nothing of dropped ones, or
  an id could be tried out until it gives them away;
- for rows of a day that are alike in all of that, their count: 1, 2, ...

So a row whose outcome is filled in later is another row. Where a source has a key of its own, that
is the better id.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from assets.ingestion.landing import LandingError, file_day
from assets.source_spec import ColumnType, SourceSpec

if TYPE_CHECKING:
    import duckdb

ID_HEX = 16
"""Hex digits of an id, 64 bits: two of a million rows share one with a chance of 3 in 10^8, and the
marts' test of the key would tell."""


LONG = 256
"""Bytes from which on a text goes into an id by its digest."""


def file_date_of(path: Path, source: SourceSpec, day: date | None) -> date | None:
    """The date a file's rows are given: the one in its name, else ``day``.

    None where no column asks for it. Raises LandingError where there is no date to give.
    """
    asking = [name for name, column in source.columns.items() if column.given == "file_date"]
    if not asking:
        return None
    found = file_day(path) or day
    if found is None:
        raise LandingError(
            f"{path} has no date in its name, and column '{asking[0]}' is to be given it. Rename "
            "it, like name_2026-06-01.csv."
        )
    return found


def file_date_sql(day: date, kind: ColumnType) -> str:
    """The date as a value of a column of type timestamp (00:00 UTC) or date."""
    return f"TIMESTAMPTZ '{day} 00:00:00+00'" if kind == "timestamp" else f"DATE '{day}'"


def row_id_sql(values: Mapping[str, tuple[str, ColumnType]]) -> str:
    """Id of a row as if it were the only one like it. ``values``: SQL and type of each column that
    it is made of, by name: their order in the spec does not matter."""
    texts = ", ".join(_text(sql, kind) for _, (sql, kind) in sorted(values.items()))
    return _digest(f"CAST(to_json([{texts}]) AS VARCHAR)")


def _text(value: str, kind: ColumnType) -> str:
    if kind == "timestamp":
        # Its text would depend on the session's zone.
        return f"CAST(epoch_us({value}) AS VARCHAR)"
    if kind == "string":
        # Thousands of long texts, each copied into JSON at once, are more than memory holds.
        return f"CASE WHEN strlen({value}) > {LONG} THEN sha256({value}) ELSE {value} END"
    return f"CAST({value} AS VARCHAR)"


def tell_alike_apart(connection: "duckdb.DuckDBPyConnection", column: str) -> None:
    """Give the second, third ... of rows that passed with the same id in table ``judged`` one of
    their own. ``column``: the id's.

    Alike in all that passes the door, they are interchangeable: which is the second says nothing.
    """
    connection.execute(
        f"""UPDATE judged SET {column} = {_digest(f"{column} || '#' || place")} FROM (
              SELECT judged.rowid AS at,
                     row_number() OVER (PARTITION BY {column} ORDER BY judged.rowid) AS place
              FROM judged SEMI JOIN (SELECT {column} FROM judged WHERE broken = 0
                                     GROUP BY {column} HAVING count(*) > 1) USING ({column})
              WHERE broken = 0) AS alike
            WHERE judged.rowid = alike.at AND place > 1"""
    )


def _digest(text: str) -> str:
    return f"left(sha256({text}), {ID_HEX})"

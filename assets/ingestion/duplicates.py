"""Rows of a day that share a key: sent twice, or saying two different things about one case."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

DUPLICATE, CONFLICT, KNOWN = 60001, 60002, 60003
"""Numbers of the rules that need more than one row to judge, after those of a single row."""

RULES = {DUPLICATE: "duplicate", CONFLICT: "conflict", KNOWN: "duplicate"}
REASONS = {
    DUPLICATE: "the same row came before, in this file or another of the day; the first one stands",
    CONFLICT: "another row of the day has this key and other values, so neither can be believed",
    KNOWN: "a row with this key is there already; that one stands",
}


def mark_repeated_keys(
    connection: "duckdb.DuckDBPyConnection",
    key: Sequence[str],
    values: Sequence[str],
    among: str = "true",
) -> None:
    """Set ``broken`` in table ``judged`` where rows that passed share a key.

    ``among``: SQL saying which rows are looked at. ``key`` and ``values``: SQL names of the key's
    columns and of all columns. Equal rows: the first stands, the others are duplicates. Rows that
    differ are in conflict, all of them. A key with a null in it is no key.
    """
    if not key:
        return
    if not _any_twice(connection, key, among):
        return
    keys = ", ".join(key)
    present = " AND ".join(f"{column} IS NOT NULL" for column in key)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE repeated AS
            SELECT {keys} FROM judged WHERE broken = 0 AND {among} AND {present}
            GROUP BY {keys} HAVING count(*) > 1"""
    )
    counted = connection.execute("SELECT count(*) FROM repeated").fetchall()
    if counted[0][0] == 0:
        return
    connection.execute(
        f"""UPDATE judged SET broken = verdict FROM (
              SELECT place, CASE WHEN alike < copies THEN {CONFLICT}
                              WHEN place > first_one THEN {DUPLICATE} ELSE 0 END AS verdict
              FROM (SELECT judged.rowid AS place,
                           count(*) OVER by_key AS copies,
                           count(*) OVER by_row AS alike,
                           min(judged.rowid) OVER by_key AS first_one
                    FROM judged SEMI JOIN repeated USING ({keys})
                    WHERE broken = 0 AND {among}
                    WINDOW by_key AS (PARTITION BY {keys}),
                           by_row AS (PARTITION BY {", ".join(values)}))
            ) AS found WHERE judged.rowid = found.place"""
    )


def mark_known_keys(
    connection: "duckdb.DuckDBPyConnection", key: Sequence[str], later: str
) -> None:
    """Set ``broken`` where a row of those that ``later`` (SQL) says has the key of another row."""
    if not key:
        return
    matches = " AND ".join(f"judged.{column} = others.{column}" for column in key)
    connection.execute(
        f"""UPDATE judged SET broken = {KNOWN}
            FROM (SELECT * FROM judged WHERE broken = 0 AND NOT {later}) AS others
            WHERE judged.broken = 0 AND judged.{later} AND {matches}"""
    )


def mark_known_late_keys(
    connection: "duckdb.DuckDBPyConnection",
    key: Mapping[str, str],
    known: str,
) -> None:
    """Set ``broken`` where the key of a late row is known for its own day already.

    ``key``: column of ``judged`` → column of the relation ``known``, which also has
    ``partition_date``. Without it a source that sends its late rows every night adds them every
    night.
    """
    matches = " AND ".join(f"{ours} = known.{theirs}" for ours, theirs in key.items())
    connection.execute(
        f"""UPDATE judged SET broken = {KNOWN} FROM (SELECT * FROM {known}) AS known
            WHERE broken = 0 AND own_day = known.partition_date AND {matches}"""
    )


def _any_twice(connection: "duckdb.DuckDBPyConnection", key: Sequence[str], among: str) -> bool:
    """May any key be there twice? Sorting 64-bit hashes costs a tenth of grouping by the keys."""
    hashes = connection.sql(
        f"SELECT hash({', '.join(key)}) AS hashed FROM judged WHERE broken = 0 AND {among}"
    ).fetchnumpy()["hashed"]
    hashes.sort()
    return bool((hashes[1:] == hashes[:-1]).any())

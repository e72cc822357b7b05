"""What a source's day looks like, column by column: what the gates at the door judge it by.

Shares, quantiles and counts of categories, never a row. Of a personal column only the share of
nulls is said.
"""

from typing import TYPE_CHECKING, Any

from assets.source_spec import SourceSpec

if TYPE_CHECKING:
    import duckdb

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
SAMPLE_ROWS = 100_000
"""Rows that quantiles and categories are taken from, about; fewer rows: all of them."""

CATEGORIES = 50
"""A text column with more different values in the sample has no categories to speak of."""

REPEATS = 4
"""Nor has one whose values come fewer times than this on average: those are names or numbers."""

LABEL = 80
"""Characters of a category's name that are kept."""

FEWEST_HASHED = 20
"""Fewer rows get no hash: of one row it could be tried out what the row says."""


def column_profiles(
    connection: "duckdb.DuckDBPyConnection", table: str, source: SourceSpec
) -> dict[str, Any]:
    """Figures of every declared column over the rows that passed; ready for JSON.

    ``table`` has ``broken`` (0: the row passed) and, for the column at each index of
    ``source.columns``, its typed values ``value_<index>``. By column name:

    - ``nulls``: share of nulls; None when no row passed. For personal columns, those of the key and
      those the door gives nothing else.
    - int, float: ``min``, ``max``, ``fraction_share`` (share of values with a fractional part)
      over all rows, ``quantiles`` at QUANTILES; None when the column has no value.
    - string: ``distinct`` (different values), and ``shares`` by category where the column declares
      its ``values`` or few values come again and again. bool: ``shares``.

    Quantiles and shares come from the same rows each time: all, or about SAMPLE_ROWS of them.
    """
    exact = _whole_table(connection, table, source)
    passing = exact[0]
    profiles: dict[str, Any] = {}
    position = 1
    for name, column in source.columns.items():
        present = exact[position]
        profiles[name] = {"nulls": (passing - present) / passing if passing else None}
        position += 1
        if _measured(source, name) and column.type in ("int", "float"):
            low, high, fractions = exact[position : position + 3]
            position += 3
            profiles[name] |= {
                "min": low,
                "max": high,
                "fraction_share": fractions / present if present else None,
            }
    # By hash and not every k-th row: files interleave (one row a sensor, say), and every k-th row
    # would then be the same sensor's.
    every = max(1, -(-passing // SAMPLE_ROWS))
    sample = f"{table} WHERE broken = 0" + (f" AND hash(rowid) % {every} = 0" if every > 1 else "")
    _add_quantiles(connection, sample, source, profiles)
    for number, (name, column) in enumerate(source.columns.items()):
        if _measured(source, name) and column.type in ("string", "bool"):
            declared = column.type == "bool" or column.values is not None
            profiles[name] |= _categories(connection, sample, f"value_{number}", declared)
    return profiles


def rows_hash(connection: "duckdb.DuckDBPyConnection", table: str, source: SourceSpec) -> str:
    """What tells a repeated day, whatever order its rows came in: ``duckdb<major>:<rows>:<hex>``.

    A sum of 64-bit hashes over all typed rows, those that did not pass too, without the column
    ``source.timestamp`` (yesterday's rows may come with today's times) and without the columns
    that are dropped at the door or given by it. DuckDB's hash is its own, so only values of one
    major version compare. Below FEWEST_HASHED rows, or without a column to hash, the last part is
    empty.
    """
    import duckdb

    values = ", ".join(
        f"value_{number}"
        for number, (name, column) in enumerate(source.columns.items())
        if name != source.timestamp and column.pii != "drop" and column.given is None
    )
    total = f"sum(hash({values}))" if values else "NULL"
    count, summed = connection.execute(f"SELECT count(*), {total} FROM {table}").fetchall()[0]
    shown = f"{summed:x}" if count >= FEWEST_HASHED and summed is not None else ""
    return f"duckdb{duckdb.__version__.split('.')[0]}:{count}:{shown}"


def _measured(source: SourceSpec, name: str) -> bool:
    """May more than the share of nulls be said of the column, and is it worth saying?"""
    column = source.columns[name]
    return column.pii is None and column.given is None and name not in source.key


def _whole_table(
    connection: "duckdb.DuckDBPyConnection", table: str, source: SourceSpec
) -> tuple[Any, ...]:
    wanted = ["count(*)"]
    for number, (name, column) in enumerate(source.columns.items()):
        value = f"value_{number}"
        wanted.append(f"count({value})")
        if not _measured(source, name) or column.type not in ("int", "float"):
            continue
        wanted += [f"min({value})", f"max({value})"]
        wanted.append(f"count_if({value} <> trunc({value}))" if column.type == "float" else "0")
    row: tuple[Any, ...] = connection.execute(
        f"SELECT {', '.join(wanted)} FROM {table} WHERE broken = 0"
    ).fetchall()[0]
    return row


def _add_quantiles(
    connection: "duckdb.DuckDBPyConnection",
    sample: str,
    source: SourceSpec,
    profiles: dict[str, Any],
) -> None:
    numeric = {
        name: f"quantile_disc(value_{number}, [{', '.join(map(str, QUANTILES))}])"
        for number, (name, column) in enumerate(source.columns.items())
        if _measured(source, name) and column.type in ("int", "float")
    }
    if not numeric:
        return
    (found,) = connection.execute(f"SELECT {', '.join(numeric.values())} FROM {sample}").fetchall()
    for name, quantiles in zip(numeric, found, strict=True):
        profiles[name]["quantiles"] = quantiles


def _categories(
    connection: "duckdb.DuckDBPyConnection", sample: str, value: str, declared: bool
) -> dict[str, Any]:
    present, distinct = connection.execute(
        f"SELECT count({value}), count(DISTINCT {value}) FROM {sample}"
    ).fetchall()[0]
    found: dict[str, Any] = {"distinct": distinct}
    if not declared and (distinct > CATEGORIES or distinct * REPEATS > present):
        return found
    counts = connection.execute(
        f"SELECT left(CAST({value} AS VARCHAR), {LABEL}) AS category, count(*) FROM {sample} "
        f"AND {value} IS NOT NULL GROUP BY category ORDER BY category"
    ).fetchall()
    return found | {"shares": {category: count / present for category, count in counts}}

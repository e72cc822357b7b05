"""The columns of a Parquet file against the declared ones."""

from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from assets.ingestion.header import places_of
from assets.ingestion.landing import unreadable
from assets.ingestion.unpack import PARQUET
from assets.source_spec import SourceSpec

if TYPE_CHECKING:
    import duckdb

ENCRYPTED = b"PARE"
SMALLEST = 12
GLOB = "*?["


def parquet_columns(
    path: Path, file: IO[bytes], spec: SourceSpec
) -> tuple[list[str], dict[str, int], frozenset[str], int]:
    """Names as in the file, the place of each declared column among them, the declared columns
    that are text, and the number of rows. Raises LandingError for what is no Parquet file, or
    lacks a declared column."""
    import duckdb

    _require_magic(path, file)
    at = literal_path(path)
    try:
        with _engine().cursor() as connection:
            nodes = connection.execute(
                "SELECT name, coalesce(num_children, 0) FROM parquet_schema(?)", [at]
            ).fetchall()
            read = connection.execute(
                "SELECT * FROM read_parquet(?, hive_partitioning = false) LIMIT 0", [at]
            )
            types = [str(column[1]) for column in read.description or ()]
            counted = connection.execute(
                "SELECT num_rows FROM parquet_file_metadata(?)", [at]
            ).fetchall()
    except duckdb.Error as error:
        raise unreadable(path, "parquet", str(error).strip().splitlines()[0]) from error
    names = _top_level(nodes)
    if len(names) != len(types):
        raise unreadable(path, "parquet", "its schema does not make sense")
    places = places_of(path, names, spec, [])
    text = frozenset(name for name, place in places.items() if types[place] == "VARCHAR")
    return names, places, text, int(counted[0][0])


@lru_cache(maxsize=1)
def _engine() -> "duckdb.DuckDBPyConnection":
    """One for the process: making one takes ten times as long as looking at a file."""
    import duckdb

    return duckdb.connect()


def literal_path(path: Path) -> str:
    """A path for DuckDB, which takes some characters of a file's name for wildcards."""
    return "".join(f"[{one}]" if one in GLOB else one for one in str(path.absolute()))


def _require_magic(path: Path, file: IO[bytes]) -> None:
    size = file.seek(0, 2)
    if size < SMALLEST:
        raise unreadable(path, "parquet", "it is empty" if not size else "it is cut off")
    file.seek(0)
    begin = file.read(4)
    file.seek(-4, 2)
    end = file.read(4)
    if ENCRYPTED in (begin, end):
        raise unreadable(path, "parquet", "it is encrypted; ask the source for a plain one")
    if begin != PARQUET:
        text = "it is no Parquet file; if it is CSV, declare format: csv for it"
        raise unreadable(path, "parquet", text)
    if end != PARQUET:
        raise unreadable(path, "parquet", "it is cut off: its end, which says what is in it, lacks")


def _top_level(nodes: list[tuple[str, int]]) -> list[str]:
    """Names of the columns from the nodes of a schema, each before its children, the root first."""
    names: list[str] = []
    within = [nodes[0][1]] if nodes else []
    for name, children in nodes[1:]:
        while within and not within[-1]:
            within.pop()
        if not within:
            break
        within[-1] -= 1
        if len(within) == 1:
            names.append(name)
        within.append(children)
    return names

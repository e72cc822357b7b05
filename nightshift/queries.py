"""What a query asks of the lake: whether it only reads, and which tables.

DuckDB's own parser says so (``json_serialize_sql``); no text is matched.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightshift.errors import ReadError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

READS = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
"""Kinds of query that change nothing. A common table expression may be an INSERT."""

FUNCTIONS = {"unnest", "range", "generate_series", "json_each", "json_tree"}
"""Functions that may stand for a table: they make rows of what they are given. Others read files,
settings or run text as SQL."""


@dataclass(frozen=True)
class Named:
    """A table as the query names it; ``schema`` is empty where it names none."""

    schema: str
    table: str


def tables_of(connection: "DuckDBPyConnection", query: str) -> list[Named]:
    """Tables a query reads, without its own common table expressions, in order of appearance.

    Raises ReadError for what is not one SELECT, for functions that stand for a table but are not
    in FUNCTIONS, and for text that is no SQL.
    """
    parsed = _parsed(connection, query)
    nodes = list(_nodes(parsed))
    kinds = {str(node.get("type")) for node in nodes}
    if any(kind.endswith("_NODE") and kind not in READS for kind in kinds):
        raise _not_a_select()
    own = {
        entry["key"].lower()
        for node in nodes
        for entry in (node.get("cte_map") or {}).get("map", [])
    }
    found: dict[Named, None] = {}
    for node in nodes:
        if node.get("type") == "TABLE_FUNCTION":
            name = str((node.get("function") or {}).get("function_name", "")).lower()
            if name not in FUNCTIONS:
                raise ReadError(
                    f"{name}() is not readable here: a query reads the published tables and "
                    f"nothing else, no files, network or settings. Of functions that stand for a "
                    f"table there are {', '.join(sorted(FUNCTIONS))}"
                )
        elif node.get("type") == "SHOW_REF" and node.get("table_name"):
            raise ReadError("SHOW knows only tables already read: ask open_lake().tables(USE_CASE)")
        elif node.get("type") == "BASE_TABLE":
            named = Named(str(node.get("schema_name", "")), str(node.get("table_name", "")))
            if named.schema or named.table.lower() not in own:
                found[named] = None
    return list(found)


def _parsed(connection: "DuckDBPyConnection", query: str) -> Any:
    import duckdb

    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise ReadError(f"this is no SQL DuckDB understands: {error}") from error
    kinds = [statement.type for statement in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        raise _not_a_select()
    ((text,),) = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
    answer = json.loads(text)
    if answer["error"]:
        raise ReadError(f"this query cannot be read: {answer['error_message']}")
    return answer["statements"]


def _not_a_select() -> ReadError:
    return ReadError(
        "the lake is read only: one SELECT at a time (WITH, FROM, VALUES, DESCRIBE, SUMMARIZE and "
        "PIVOT ... IN are SELECTs too)"
    )


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of the parsed query, outer ones first."""
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from _nodes(value)
    elif isinstance(part, list):
        for value in part:
            yield from _nodes(value)

"""Single cells held to a contract of the test's own making."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from assets.ingestion.rules import rules
from assets.ingestion.values import given_sql, value_sql
from assets.source_spec import SourceSpec


@dataclass(frozen=True)
class Judged:
    """What the door makes of a cell."""

    value: Any
    rule: str | None = None
    message: str | None = None


def judge(
    cells: Sequence[str | None] | pa.Array,
    column: dict[str, Any],
    *,
    day: date | None = None,
    **source: Any,
) -> list[Judged]:
    """Each cell as value of column ``x``: text of a CSV file, or an array of a Parquet file's."""
    text = not isinstance(cells, pa.Array)
    declared = {"columns": {"x": {"required": False, **column}}, **source}
    spec = SourceSpec.model_validate(declared)
    x = spec.columns["x"]
    found = rules(spec, day, ["x"] if text else [])
    number = " ".join(f"WHEN {rule.condition} THEN {n}" for n, rule in enumerate(found))
    message = " ".join(f"WHEN {rule.condition} THEN {rule.message}" for rule in found)
    table = pa.table({"raw_0": pa.array(cells, pa.string()) if text else cells})
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("cells", table)
        rows = connection.execute(
            f"""SELECT value_0, CASE {number or "WHEN false THEN 0"} END,
                  CASE {message or "WHEN false THEN ''"} END
                FROM (SELECT *, {value_sql("given_0", x, spec, text=text)} AS value_0
                      FROM (SELECT {given_sql("raw_0", x, spec)} AS given_0 FROM cells))"""
        ).fetchall()
    return [
        Judged(value) if n is None else Judged(None, found[n].name, said) for value, n, said in rows
    ]

"""What comes out of a landing file: its rows as DuckDB reads them, and those set aside."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.ingestion.csv_rows import located, rejected, relation
from assets.ingestion.file_form import FileForm, examine, require_complete
from assets.source_spec import SourceSpec

NAME = "rows_2026-03-01.csv"


def source(*names: str, **changes: Any) -> SourceSpec:
    """A source of text columns, ``a`` and ``b`` unless named."""
    columns = {name: {"type": "string", "required": False} for name in names or ("a", "b")}
    return SourceSpec.model_validate({"columns": columns, **changes})


@dataclass(frozen=True)
class Taken:
    """``lines``: of the rows. ``aside``: line, rule and text of each row that gave none."""

    form: FileForm
    rows: list[tuple[Any, ...]]
    lines: list[int]
    aside: list[tuple[int, str, str]]
    messages: list[str]


def taken(folder: Path, data: bytes, spec: SourceSpec | None = None, name: str = NAME) -> Taken:
    """Land the bytes, examine them and read all rows; every row is accounted for."""
    import duckdb

    spec = spec or source()
    path = folder / name
    path.write_bytes(data)
    form = examine(path, spec, folder / "scratch")
    query, parameters = relation(form, spec)
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT * FROM {query}", parameters).fetchall()
        refused = rejected(connection, form, spec)
        assert rejected(connection, form, spec).num_rows == len(form.broken)
    require_complete(form, len(rows) + refused.num_rows)
    where = located(form, spec, len(rows), refused)
    return Taken(
        form=form,
        rows=rows,
        lines=where.of_rows(list(range(1, len(rows) + 1)))[1],
        aside=[(row["line"], row["rule"], row["raw"]) for row in refused.to_pylist()],
        messages=refused.column("message").to_pylist(),
    )

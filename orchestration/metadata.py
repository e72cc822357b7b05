"""Metadata values that the Dagster UI renders: pictures, and columns with what they are made of."""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import pyarrow as pa


def picture(png: bytes, caption: str) -> dg.MarkdownMetadataValue:
    """A PNG shown inline in the UI; kept small, because it is stored in the event log."""
    return dg.MetadataValue.md(
        f"![{caption}](data:image/png;base64,{base64.b64encode(png).decode()})"
    )


def column_schema(
    schema: "pa.Schema", described: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The columns of an asset's table, as its page shows them; ``described``: column to words."""
    words = described or {}
    return {
        "dagster/column_schema": dg.TableSchema(
            [
                dg.TableColumn(field.name, str(field.type), description=words.get(field.name))
                for field in schema
            ]
        )
    }


def column_lineage(
    use_case: str, made_of: Mapping[str, Sequence[tuple[str, str]]]
) -> dict[str, Any]:
    """Column to the (asset, column) pairs of the use case it is made of."""
    return {
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep([use_case, table], name) for table, name in sources]
                for column, sources in made_of.items()
            }
        )
    }

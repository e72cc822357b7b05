"""Metadata values that the Dagster UI renders: pictures."""

import base64

import dagster as dg


def picture(png: bytes, caption: str) -> dg.MarkdownMetadataValue:
    """A PNG shown inline in the UI; kept small, because it is stored in the event log."""
    return dg.MetadataValue.md(
        f"![{caption}](data:image/png;base64,{base64.b64encode(png).decode()})"
    )

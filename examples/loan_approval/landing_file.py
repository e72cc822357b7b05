"""Dropping a file into the landing zone: whole or not at all, and never twice."""

from pathlib import Path

import pyarrow as pa


def csv_bytes(rows: pa.Table) -> bytes:
    """The table as CSV with a header, empty for null; refuses text that would need quotes."""
    import pyarrow.csv as pc

    sink = pa.BufferOutputStream()
    pc.write_csv(rows, sink, pc.WriteOptions(quoting_style="none", quoting_header="none"))
    content: bytes = sink.getvalue().to_pybytes()
    return content


def parquet_bytes(rows: pa.Table) -> bytes:
    """The table as Parquet."""
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def drop(path: Path, content: bytes) -> Path:
    """Put ``content`` at ``path``; a file that already says the same is left untouched.

    Written beside under a hidden name and renamed, so a reader never sees half a file.
    """
    if path.exists() and path.read_bytes() == content:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    beside.write_bytes(content)
    beside.replace(path)
    return path

"""What rows say, whatever order and chunks they come in: equal content is one digest."""

import pyarrow as pa

RUN = "run_id"
"""Who wrote a row. Not content: two runs that find the same facts leave one record, the first."""


def _sorted(rows: pa.Table) -> pa.Table:
    """Rows in a canonical order, so equal content compares equal however it was written.

    Which of the two ways orders them follows from the types alone: equal content takes the same.
    """
    import pyarrow.compute as pc

    for index, field in enumerate(rows.schema):
        # 0.0 and -0.0 sort as equals, in the order they came in: make them one zero.
        if pa.types.is_floating(field.type):
            one_zero = pc.add(rows.column(index), pa.scalar(0, field.type))
            rows = rows.set_column(index, field, one_zero)
    if rows.num_columns and not any(_unordered(field.type) for field in rows.schema):
        keys = [(name, "ascending") for name in rows.column_names]
        return rows.take(pc.sort_indices(rows, sort_keys=keys)).combine_chunks()
    return _sorted_by_duckdb(rows)


def _unordered(kind: pa.DataType) -> bool:
    """Has Arrow no order for it?"""
    return bool(
        pa.types.is_nested(kind) or pa.types.is_dictionary(kind) or pa.types.is_float16(kind)
    )


def _sorted_by_duckdb(rows: pa.Table) -> pa.Table:
    """For what Arrow does not order. Starting DuckDB takes 15 ms, which is most of it."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("incoming", rows)
        ordered: pa.Table = connection.sql("SELECT * FROM incoming ORDER BY ALL").to_arrow_table()
    return ordered.cast(rows.schema).combine_chunks()


def content_digest(rows: pa.Table) -> str:
    """SHA-256 over the rows in canonical order, whatever order or chunks they came in.

    The run column is left out: it says who wrote a row, not what it says.
    """
    return _digest(_sorted(_without_run(rows)))


def _digest(content: pa.Table) -> str:
    import hashlib

    sink = pa.BufferOutputStream()
    # Schema metadata (pandas index notes and the like) is not content.
    with pa.ipc.new_stream(sink, content.schema.remove_metadata()) as writer:
        writer.write_table(content.replace_schema_metadata(None))
    return hashlib.sha256(sink.getvalue()).hexdigest()


def same_content(there: pa.Table, rows: pa.Table) -> bool:
    """Is the content equal, in whatever order it is? A number that is NaN equals itself."""
    if there.num_rows != rows.num_rows:
        return False
    one, other = _sorted(_without_run(there)), _sorted(_without_run(rows))
    if one.equals(other):
        return True
    floating = any(pa.types.is_floating(field.type) for field in one.schema)
    return floating and _digest(one) == _digest(other)


def _without_run(rows: pa.Table) -> pa.Table:
    return rows.drop_columns([RUN]) if RUN in rows.column_names else rows

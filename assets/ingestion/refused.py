"""Refused rows with their reasons: what is set aside, before anything personal in it is sealed."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.ingestion.csv_rows import located, quoted, rejected
from assets.ingestion.duplicates import REASONS, RULES
from assets.ingestion.file_form import require_unchanged
from assets.ingestion.landing import LandingError
from assets.ingestion.rules import Rule
from assets.ingestion.sql_text import sql_text
from assets.ingestion.values import MASK
from assets.source_spec import SourceSpec

if TYPE_CHECKING:
    import duckdb

    from assets.ingestion.contract import JudgedFile

REFUSED_SCHEMA = pa.schema(
    [
        ("record", pa.int64()),  # number of the record in the file, the header counted
        ("line", pa.int64()),
        ("column", pa.string()),
        ("rule", pa.string()),
        ("message", pa.string()),
        ("original", pa.string()),  # JSON of the cells as written, personal ones masked
        ("personal", pa.string()),  # JSON of the personal cells, or the raw line; never stored so
        ("person", pa.string()),  # value of the person's column, as written; never stored so
    ]
)


REASON = "reason"
"""Column of table ``judged``: JSON of message, original, personal and person of a refused row, null
for the rest. One column, because each costs time for every row, and all but a few are good."""

TOLD = ("message", "original", "personal", "person")


def first_broken(rules: Sequence[Rule]) -> str:
    """SQL of the number of the first rule a row breaks, 0 for none."""
    cases = " ".join(f"WHEN {rule.condition} THEN {n}" for n, rule in enumerate(rules, 1))
    return f"CAST({f'CASE {cases} ELSE 0 END' if cases else '0'} AS USMALLINT)"


def reason(rules: Sequence[Rule], source: SourceSpec, person: str | None) -> str:
    """SQL of REASON, over the cells of a row and ``broken``.

    Computed as the file is read, and only for rows that broke a rule: reading it again for them
    would cost as much as the first time.
    """
    message = _by_rule([(n, rule.message) for n, rule in enumerate(rules, 1)])
    return f"CASE WHEN broken > 0 THEN {_told(message, source, person)} END"


def _told(message: str, source: SourceSpec, person: str | None) -> str:
    values = ", ".join([message, *_row(source, person)])
    return f"CAST(to_json([{values}]) AS VARCHAR)"


def _row(source: SourceSpec, person: str | None) -> tuple[str, str, str]:
    """SQL of ``original``, ``personal`` and ``person``."""
    numbered = [(n, one) for n, one in enumerate(source.columns.items()) if one[1].given is None]
    original = [
        (name, sql_text(MASK) if column.pii else f"CAST(raw_{n} AS VARCHAR)")
        for n, (name, column) in numbered
    ]
    personal = [(name, f"CAST(raw_{n} AS VARCHAR)") for n, (name, column) in numbered if column.pii]
    whose = f"CAST(given_{list(source.columns).index(person)} AS VARCHAR)" if person else "NULL"
    return _json(original), _json(personal) if personal else "NULL", whose


def _by_rule(values: Sequence[tuple[int, str]]) -> str:
    cases = " ".join(f"WHEN {n} THEN {value}" for n, value in values)
    return f"CASE broken {cases} END" if cases else "NULL::VARCHAR"


def refused_rows(
    connection: "duckdb.DuckDBPyConnection",
    file: "JudgedFile",
    source: SourceSpec,
    person: str | None,
) -> pa.Table:
    """REFUSED_SCHEMA of one file in file order. ``person``: the column that says whose a row is.

    For rows that only other rows made wrong (a key that came twice) the file is read again: their
    text was not kept, because they were good until then.
    """
    named = [(n, rule.column, rule.name) for n, rule in enumerate(file.rules, 1)]
    named += [(n, ", ".join(source.key), rule) for n, rule in RULES.items()]
    column = _by_rule([(n, sql_text(column)) for n, column, _ in named])
    rule = _by_rule([(n, sql_text(rule)) for n, _, rule in named])
    broken = f"FROM judged WHERE file_no = {file.number} AND broken > 0"
    any_broken = connection.execute(f"SELECT 1 {broken} LIMIT 1").fetchall()
    if not any_broken and file.rejected.num_rows == 0:
        return REFUSED_SCHEMA.empty_table()
    rows = connection.sql(
        f"""SELECT judged.rowid - first_one + 1 AS "row", {column} AS "column", {rule} AS rule,
                   broken, {REASON}
            FROM judged, (SELECT min(rowid) AS first_one FROM judged WHERE file_no = {file.number})
            WHERE file_no = {file.number} AND broken > 0 ORDER BY judged.rowid"""
    ).to_arrow_table()
    lines = located(file.form, source, file.rows, file.rejected)
    parts = []
    if rows.num_rows:
        rows = _with_text_of_repeated(connection, file, source, person, rows)
        records, starts = lines.of_rows(rows.column("row").to_pylist())
        rows = rows.append_column("record", pa.array(records, pa.int64()))
        rows = rows.append_column("line", pa.array(starts, pa.int64()))
        told = [json.loads(text) for text in rows.column(REASON).to_pylist()]
        for number, name in enumerate(TOLD):
            rows = rows.append_column(name, pa.array([one[number] for one in told], pa.string()))
        parts.append(rows.select(REFUSED_SCHEMA.names).cast(REFUSED_SCHEMA))
    if file.rejected.num_rows:
        parts.append(_uncut(file.rejected, lines.of_records, source))
    return pa.concat_tables(parts).sort_by("record")


def _with_text_of_repeated(
    connection: "duckdb.DuckDBPyConnection",
    file: "JudgedFile",
    source: SourceSpec,
    person: str | None,
    rows: pa.Table,
) -> pa.Table:
    """``rows`` with REASON also for those whose key was repeated."""
    import pyarrow.compute as pc

    from assets.ingestion.contract import cells

    repeated = pc.greater_equal(rows.column("broken"), min(RULES))
    wanted = rows.filter(repeated).select(["row", "column", "rule", "broken"])
    if wanted.num_rows == 0:
        return rows
    query, parameters = cells(file.form, source, "repeated_rows")
    message = _by_rule([(n, sql_text(text)) for n, text in REASONS.items()])
    connection.register("repeated_rows", wanted)
    found = connection.sql(
        f"""SELECT "row", "column", rule, broken, {_told(message, source, person)} AS {REASON}
            FROM ({query}) ORDER BY "row" """,
        params=parameters,
    ).to_arrow_table()
    connection.unregister("repeated_rows")
    rejected(connection, file.form, source)  # the second reading rejects the same rows again
    require_unchanged(file.form)
    if found.num_rows != wanted.num_rows:
        raise LandingError(
            f"{file.form.path} changed while it was read. Nothing of it was taken; run the "
            "partition again."
        )
    others = rows.filter(pc.invert(repeated))
    return pa.concat_tables([others, found.cast(others.schema)]).sort_by("row")


def _json(columns: list[tuple[str, str]]) -> str:
    cells = ", ".join(f"{quoted(name)} := {value}" for name, value in columns)
    return f"CAST(to_json(struct_pack({cells})) AS VARCHAR)"


def _uncut(rejected_rows: pa.Table, lines: dict[int, int], source: SourceSpec) -> pa.Table:
    """Rows without cells: where the source has personal columns any of them may be in any place."""
    personal = any(column.pii for column in source.columns.values())
    rows: list[dict[str, Any]] = []
    for row in rejected_rows.to_pylist():
        rows.append(
            {
                "record": row["record"],
                "line": lines[row["record"]],
                "column": None,
                "rule": row["rule"],
                "message": row["message"],
                "original": MASK if personal else row["raw"],
                "personal": row["raw"] if personal else None,
                "person": None,
            }
        )
    return pa.Table.from_pylist(rows, schema=REFUSED_SCHEMA)

"""The contract of a source, and the door that holds a file to it.

One pass in DuckDB: every cell is read as text, cast to its declared type, and checked; a row that
breaks a rule is set aside with the reason, each row on its own. A file is refused whole only when
its header, its encoding or a whole column of another type leaves its rows without meaning.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from assets.ingestion.landing import LandingError, file_digest
from assets.ingestion.pseudonym import pseudonymise
from assets.ingestion.raw_rows import MASK, REFUSED_SCHEMA, in_file_lines, load, quoted
from assets.source_spec import ColumnSpec, ColumnType, SourceSpec
from assets.tables import QUARANTINE_SCHEMA, TIMESTAMP

if TYPE_CHECKING:
    import duckdb

ARROW: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": TIMESTAMP,
    "date": pa.date32(),
}
DUCKDB: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",  # a time without an offset is UTC: the session's zone is
    "date": "DATE",
}
WHOLE_COLUMN = 10
"""Values from which on a column without a single usable one is the wrong column, not bad luck."""


@dataclass(frozen=True)
class Passed:
    """What one file became. ``landed``, counted as read, must be ``validated + quarantined``."""

    file: Path
    landed: int
    validated: pa.Table
    quarantined: pa.Table
    extra_columns: list[str]


def arrow_schema(spec: SourceSpec) -> pa.Schema:
    """Schema of a source's validated table (without the day column)."""
    return pa.schema([(name, ARROW[c.type]) for name, c in spec.kept_columns.items()])


def pass_file(path: Path, spec: SourceSpec, day: date | None, key: bytes, run_id: str) -> Passed:
    """Hold one file to the contract.

    ``day``: the UTC day rows must belong to when the source declares a ``timestamp`` (None: any).
    Raises LandingError when the file cannot be read at all, lacks a declared column, or has
    something else altogether in one.
    """
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        raw = load(connection, path, spec)
        connection.execute(f"CREATE TABLE judged AS {_judge(spec, day)}")
        _require_types(connection, path, spec)
        kept = ", ".join(
            f"value_{number} AS {quoted(name)}"
            for number, name in enumerate(spec.columns)
            if name in spec.kept_columns
        )
        validated = connection.sql(
            f'SELECT {kept} FROM judged WHERE violation IS NULL ORDER BY "row"'
        ).to_arrow_table()
        refused = connection.sql(
            'SELECT "row" AS line, violation."column" AS "column", violation.rule AS rule, '
            "violation.message AS message, original "
            'FROM judged WHERE violation IS NOT NULL ORDER BY "row"'
        ).to_arrow_table()
    validated = validated.cast(arrow_schema(spec))
    for name, column in spec.kept_columns.items():
        if column.pii == "pseudonymise":
            index = validated.column_names.index(name)
            validated = validated.set_column(index, name, pseudonymise(validated.column(name), key))
    refused = in_file_lines(path, spec, raw, refused.cast(REFUSED_SCHEMA))
    return Passed(
        file=path,
        landed=raw.landed,
        validated=validated,
        quarantined=_quarantine(refused, path, run_id),
        extra_columns=[name for name in raw.header if name not in spec.columns],
    )


def _require_types(connection: "duckdb.DuckDBPyConnection", path: Path, spec: SourceSpec) -> None:
    """Refuse a file in which a whole column is something else.

    Emptying the day into quarantine row by row would take away what is already there of it.
    """
    counts = ", ".join(
        f"count(text_{n}), count(value_{n}), left(any_value(CAST(text_{n} AS VARCHAR)), 80)"
        for n in range(len(spec.columns))
    )
    found = connection.execute(f"SELECT {counts} FROM judged").fetchall()[0]
    for number, (name, column) in enumerate(spec.columns.items()):
        given, usable, example = found[3 * number : 3 * number + 3]
        if given >= WHOLE_COLUMN and usable == 0:
            raise LandingError(
                f"{path}: column '{name}' has no {column.type} among its {given} values "
                f"(one of them: '{MASK if column.pii else example}'). Nothing of it was taken; ask "
                "the source for the agreed type, or change the contract in defs.yaml."
            )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _judge(spec: SourceSpec, day: date | None) -> str:
    """SQL giving per row the values as given and as typed, the first broken rule, the original."""
    nulls = ", ".join(_text(n) for n in spec.nulls)
    typed = []
    for number, column in enumerate(spec.columns.values()):
        given = f"raw_{number}"
        if spec.nulls:
            given = f"CASE WHEN CAST({given} AS VARCHAR) IN ({nulls}) THEN NULL ELSE {given} END"
        typed.append(f"{given} AS text_{number}")
        typed.append(f"TRY_CAST({given} AS {DUCKDB[column.type]}) AS value_{number}")
    rules = [
        rule
        for number, (name, column) in enumerate(spec.columns.items())
        for rule in _rules(number, name, column)
    ]
    if spec.timestamp is not None and day is not None:
        value = f"value_{list(spec.columns).index(spec.timestamp)}"
        rules.append(
            (
                f"CAST({value} AS DATE) <> DATE '{day}'",
                spec.timestamp,
                "wrong_day",
                f"'dated ' || strftime({value}, '%Y-%m-%d') || ', but this is the file of {day}'",
            )
        )
    cases = " ".join(
        f"WHEN {condition} THEN {{'column': {_text(column)}, 'rule': {_text(rule)}, "
        f"'message': {message}}}"
        for condition, column, rule, message in rules
    )
    original = ", ".join(
        f"{quoted(name)} := " + (_text(MASK) if column.pii else f"CAST(raw_{number} AS VARCHAR)")
        for number, (name, column) in enumerate(spec.columns.items())
    )
    return f"""
        WITH typed AS (SELECT *, {", ".join(typed)} FROM raw)
        SELECT *, CASE {cases} ELSE NULL END AS violation,
               CAST(to_json(struct_pack({original})) AS VARCHAR) AS original
        FROM typed"""


def _rules(number: int, name: str, column: ColumnSpec) -> list[tuple[str, str, str, str]]:
    """(condition that breaks it, column, rule name, SQL of the message), in order of judgement."""
    text, value = f"text_{number}", f"value_{number}"
    shown = _text(MASK) if column.pii else f"left(CAST({text} AS VARCHAR), 80)"
    rules = [
        (
            f"{text} IS NOT NULL AND {value} IS NULL",
            name,
            "type",
            f"'''' || {shown} || ''' is no {column.type}'",
        )
    ]
    if column.type == "int":
        # A cast to integer rounds 1.5 to 2: a value changed in silence is worse than one refused.
        rules.append(
            (
                f"TRY_CAST({text} AS DOUBLE) <> {value}",
                name,
                "type",
                f"'''' || {shown} || ''' is no whole number'",
            )
        )
    if column.type in ("timestamp", "date"):
        # DuckDB reads 'infinity' as a time; nothing downstream can hold it.
        rules.append(
            (
                f"NOT isfinite({value})",
                name,
                "type",
                f"'''' || {shown} || ''' is no {column.type}'",
            )
        )
    if column.required:
        rules.append((f"{text} IS NULL", name, "required", "'a value is required'"))
    if column.min is not None:
        rules.append((f"{value} < {column.min}", name, "range", f"{shown} || ' < {column.min}'"))
    if column.max is not None:
        rules.append((f"{value} > {column.max}", name, "range", f"{shown} || ' > {column.max}'"))
    if column.type == "float":
        rules.append((f"NOT isfinite({value})", name, "range", "'not a finite number'"))
    if column.values is not None:
        allowed = ", ".join(_text(v) for v in column.values)
        rules.append(
            (
                f"{value} IS NOT NULL AND {value} NOT IN ({allowed})",
                name,
                "values",
                f"'''' || {shown} || ''' is not an agreed value'",
            )
        )
    return rules


def _quarantine(refused: pa.Table, path: Path, run_id: str) -> pa.Table:
    count, digest = refused.num_rows, file_digest(path)
    columns = {
        "source": pa.array([path.parent.name] * count, pa.string()),
        "file": pa.array([path.name] * count, pa.string()),
        "file_sha256": pa.array([digest] * count, pa.string()),
        "run_id": pa.array([run_id] * count, pa.string()),
    }
    for name, values in columns.items():
        refused = refused.append_column(name, values)
    return refused.select(QUARANTINE_SCHEMA.names).cast(QUARANTINE_SCHEMA)

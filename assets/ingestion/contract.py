"""The contract of a source, and the door that holds a file to it.

One pass in DuckDB: every cell is read as text, cast to its declared type, and checked; a row that
breaks a rule is set aside with the reason, each row on its own. A file is refused whole only when
its header or encoding leaves its rows without meaning.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from assets.ingestion.landing import LandingError, file_digest
from assets.ingestion.pseudonym import pseudonymise
from assets.spec import ColumnSpec, ColumnType, SourceSpec
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
MASK = "(masked)"


@dataclass(frozen=True)
class Passed:
    """What one file became. ``landed`` is always ``validated + quarantined`` rows."""

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
    Raises LandingError when the file cannot be read at all or lacks a declared column.
    """
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            if spec.format == "csv":
                rejected = _read_csv(connection, path, spec)
            else:
                rejected = _read_parquet(connection, path)
        except (duckdb.Error, UnicodeDecodeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise LandingError(
                f"{path} cannot be read as {spec.format}: {reason}. Nothing of it was taken; "
                "replace the file and run the partition again."
            ) from error
        header = [name for name in connection.table("raw").columns if name != "_record"]
        missing = [name for name in spec.columns if name not in header]
        if missing:
            raise LandingError(
                f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(header)}. "
                "Ask the source for the agreed columns, or change the contract in defs.yaml."
            )
        connection.execute(f"CREATE TABLE judged AS {_judge(spec, day)}")
        kept = ", ".join(
            _quoted(f"v_{name}") + f" AS {_quoted(name)}" for name in spec.kept_columns
        )
        validated = connection.sql(
            f"SELECT {kept} FROM judged WHERE violation IS NULL ORDER BY _record"
        ).to_arrow_table()
        refused = connection.sql(
            'SELECT _record AS line, violation."column" AS "column", violation.rule AS rule, '
            "violation.message AS message, original "
            "FROM judged WHERE violation IS NOT NULL ORDER BY _record"
        ).to_arrow_table()
    validated = validated.cast(arrow_schema(spec))
    for name, column in spec.kept_columns.items():
        if column.pii == "pseudonymise":
            index = validated.column_names.index(name)
            validated = validated.set_column(index, name, pseudonymise(validated.column(name), key))
    quarantined = _quarantine(pa.concat_tables([refused, rejected]), path, run_id)
    return Passed(
        file=path,
        landed=validated.num_rows + quarantined.num_rows,
        validated=validated,
        quarantined=quarantined,
        extra_columns=[name for name in header if name not in spec.columns],
    )


REFUSED_SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("column", pa.string()),
        ("rule", pa.string()),
        ("message", pa.string()),
        ("original", pa.string()),
    ]
)


def _read_csv(connection: "duckdb.DuckDBPyConnection", path: Path, spec: SourceSpec) -> pa.Table:
    """Load a CSV as text into ``raw`` and return the rows whose shape made no sense."""
    connection.execute(
        """CREATE TABLE raw AS SELECT row_number() OVER () + 1 AS _record, * FROM read_csv(
             ?, header = true, delim = ?, quote = '"', escape = '"', all_varchar = true,
             auto_detect = true, sample_size = 1, store_rejects = true, nullstr = '',
             null_padding = false)""",
        [str(path), spec.delimiter],
    )
    personal = any(column.pii for column in spec.columns.values())
    return (
        connection.sql(
            f"""SELECT line, NULL::VARCHAR AS "column", 'shape' AS rule,
               any_value(error_message) AS message,
               {f"'{MASK}'" if personal else "any_value(csv_line)"} AS original
            FROM reject_errors GROUP BY line ORDER BY line"""
        )
        .to_arrow_table()
        .cast(REFUSED_SCHEMA)
    )


def _read_parquet(connection: "duckdb.DuckDBPyConnection", path: Path) -> pa.Table:
    connection.execute(
        "CREATE TABLE raw AS SELECT row_number() OVER () AS _record, * FROM read_parquet(?)",
        [str(path)],
    )
    return REFUSED_SCHEMA.empty_table()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _judge(spec: SourceSpec, day: date | None) -> str:
    """SQL giving per row the typed values (``v_``), the first broken rule, and the original."""
    nulls = ", ".join(_text(n) for n in spec.nulls)
    given = {
        name: f"CASE WHEN CAST({_quoted(name)} AS VARCHAR) IN ({nulls}) THEN NULL "
        f"ELSE {_quoted(name)} END"
        if spec.nulls
        else _quoted(name)
        for name in spec.columns
    }
    typed = ", ".join(
        f"{expression} AS {_quoted('t_' + name)}, "
        f"TRY_CAST({expression} AS {DUCKDB[spec.columns[name].type]}) AS {_quoted('v_' + name)}"
        for name, expression in given.items()
    )
    rules = [rule for name, column in spec.columns.items() for rule in _rules(name, column)]
    if spec.timestamp is not None and day is not None:
        value = _quoted("v_" + spec.timestamp)
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
        f"{_quoted(name)} := "
        + (_text(MASK) if column.pii else f"CAST({_quoted(name)} AS VARCHAR)")
        for name, column in spec.columns.items()
    )
    return f"""
        WITH typed AS (SELECT *, {typed} FROM raw)
        SELECT *, CASE {cases} ELSE NULL END AS violation,
               CAST(to_json(struct_pack({original})) AS VARCHAR) AS original
        FROM typed"""


def _rules(name: str, column: ColumnSpec) -> list[tuple[str, str, str, str]]:
    """(condition that breaks it, column, rule name, SQL of the message), in order of judgement."""
    text, value = _quoted("t_" + name), _quoted("v_" + name)
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

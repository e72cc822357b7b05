"""Rows that did not pass the door: how they are kept, found, counted and handed to a person."""

import hashlib
import json
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from assets.errors import NightshiftError
from assets.ingestion.pseudonym import token
from assets.ingestion.spreadsheet import sheet
from assets.ingestion.values import MASK
from assets.ingestion.vault import Vault
from assets.lake import PARTITION, Lake
from assets.source_spec import SourceSpec
from assets.spec import UseCaseSpec
from assets.tables import CLOSED, QUARANTINE_SCHEMA, quarantine

ROW = "row:"
"""Before the id of a row that nobody is known to be behind: it has a key of its own."""

FORGOTTEN = "(forgotten)"
RAW = "raw"
REASONS = ("quarantine_id", "rule", "column", "message", "file", "line", RAW)
"""Columns of the sheet before the source's own."""


class QuarantineError(NightshiftError):
    """What was asked of the quarantine does not exist. Says what there is."""


def person_column(spec: UseCaseSpec, source: str) -> str | None:
    """The column that says whom a row of the source is about, None without a pseudonymised one.

    The population's entity where the source has it; else the first pseudonymised column.
    """
    columns = spec.sources[source].columns.items()
    personal = [name for name, column in columns if column.pii == "pseudonymise"]
    entity = spec.population.entity
    return entity if entity in personal else next(iter(personal), None)


def quarantine_id(file_sha256: str, record: int) -> str:
    """Id of a row: the same wherever and whenever the same file is read."""
    return hashlib.sha256(f"{file_sha256}:{record}".encode()).hexdigest()[:16]


def quarantined(
    refused: pa.Table,
    *,
    source: str,
    file: str,
    file_sha256: str,
    run_id: str,
    person_key: bytes,
    vault: Vault,
) -> pa.Table:
    """QUARANTINE_SCHEMA of a file's refused rows, their personal values sealed.

    ``refused``: record, line (int64), column, rule, message, original (text, personal values
    masked), personal (text or null: what is to be sealed), person (text or null: the value that
    says whose the row is). A row without a person gets a key of its own. Raises VaultError.
    """
    rows = refused.to_pylist()
    ids = [quarantine_id(file_sha256, row["record"]) for row in rows]
    persons = [
        token(row["person"], person_key) if row["person"] is not None else ROW + one
        for row, one in zip(rows, ids, strict=True)
    ]
    named = list(zip(rows, ids, persons, strict=True))
    personal = [
        (who, row["personal"], one) for row, one, who in named if row["personal"] is not None
    ]
    sealed = dict(zip((one for _, _, one in personal), vault.seal(personal), strict=True))
    kept = [
        {
            **{name: row[name] for name in ("line", "column", "rule", "message", "original")},
            "quarantine_id": one,
            "source": source,
            "file": file,
            "file_sha256": file_sha256,
            "person": who,
            "sealed": sealed.get(one),
            "run_id": run_id,
        }
        for row, one, who in named
    ]
    return pa.Table.from_pylist(kept, schema=QUARANTINE_SCHEMA)


def open_rows(
    lake: Lake,
    spec: UseCaseSpec,
    *,
    source: str | None = None,
    day: date | None = None,
    rule: str | None = None,
    include_closed: bool = False,
) -> pa.Table:
    """Rows in quarantine: QUARANTINE_SCHEMA, partition_date (date32), closed (bool).

    Of one source, day of the file, or rule, if given; those closed by a correction only if asked
    for. Ordered by day, source, file and line. Raises QuarantineError for an unknown source.
    """
    known_source(spec, source)
    conditions = [ds.field(PARTITION) == ds.scalar(day)] if day else []
    conditions += [ds.field("rule") == rule] if rule else []
    where = reduce(operator.and_, conditions) if conditions else None
    found = [_schema().empty_table()]
    for name in spec.sources if source is None else [source]:
        if lake.exists(spec.name, quarantine(name)):
            rows = lake.read(spec.name, quarantine(name), where=where)
            found.append(rows.select(_schema().names).cast(_schema()))
    rows = pa.concat_tables(found).sort_by(
        [(name, "ascending") for name in (PARTITION, "source", "file", "line")]
    )
    answered = closed_keys(lake, spec) if rows.num_rows else set()
    closed = pa.array([key in answered for key in row_keys(rows)], pa.bool_())
    rows = rows.append_column("closed", closed)
    return rows if include_closed else rows.filter(pc.invert(closed))


def known_source(spec: UseCaseSpec, source: str | None) -> None:
    """Raises QuarantineError, naming those there are, for a source the use case has not."""
    if source is not None and source not in spec.sources:
        raise QuarantineError(
            f"use case '{spec.name}' has no source '{source}'. It has: {', '.join(spec.sources)}."
        )


def row_keys(rows: pa.Table) -> list[tuple[str, str, date]]:
    """Source, id and day of each row: the same file landed on two days has the same ids on both."""
    columns = ("source", "quarantine_id", PARTITION)
    return list(zip(*(rows.column(name).to_pylist() for name in columns), strict=True))


def closed_keys(lake: Lake, spec: UseCaseSpec) -> set[tuple[str, str, date]]:
    """What a correction has answered, as :func:`row_keys`."""
    if not lake.exists(spec.name, CLOSED):
        return set()
    columns = ["source", "quarantine_id", PARTITION]
    return set(row_keys(lake.read(spec.name, CLOSED, columns=columns)))


def broken_rules(rows: pa.Table) -> dict[str, int]:
    """Rows by ``column: rule``, the most frequent first."""
    columns = pc.fill_null(rows.column("column"), "(row)")
    named = pc.binary_join_element_wise(columns, rows.column("rule"), ": ")
    return _counted(pa.table({"named": named}), "named")


def top_messages(rows: pa.Table, n: int = 10) -> dict[str, int]:
    """The most frequent messages, personal values masked in them, and the rows that have each."""
    return dict(list(_counted(rows, "message").items())[:n])


@dataclass(frozen=True)
class Summary:
    """``counts``: one mapping (day, source, column, rule, rows) each; ``messages``: the ten most
    frequent; ``rows``: all."""

    rows: int
    counts: list[dict[str, Any]]
    messages: dict[str, int]


def summary(rows: pa.Table) -> Summary:
    """What :func:`open_rows` gave, counted by day, source, column and rule, newest day first."""
    names = [PARTITION, "source", "column", "rule"]
    counted = rows.group_by(names).aggregate([([], "count_all")]).to_pylist()
    counts = [
        {
            "day": one[PARTITION],
            **{name: one[name] for name in names[1:]},
            "rows": one["count_all"],
        }
        for one in counted
    ]
    counts.sort(key=lambda one: (one["source"], -one["rows"], one["column"] or "", one["rule"]))
    counts.sort(key=lambda one: one["day"], reverse=True)
    return Summary(rows.num_rows, counts, top_messages(rows))


def sheet_columns(source: SourceSpec) -> dict[str, str]:
    """Names in the sheet of REASONS: with an underscore where the source has such a column."""
    return {name: _free(name, source.file_columns) for name in REASONS}


def export(source: SourceSpec, rows: pa.Table, vault: Vault | None = None) -> bytes:
    """The rows of one source as CSV (UTF-8 with a byte order mark) for a person to correct.

    Columns: :func:`sheet_columns`, then the source's in declared order with the text as it came.
    Personal values are unsealed with ``vault``, masked without. A row that could not be cut into
    cells has its text under ``raw`` and empty cells. Formulas are neutralised.
    """
    header = [*sheet_columns(source).values(), *source.file_columns]
    lines = []
    for row, cells in zip(rows.to_pylist(), opened_cells(rows, vault), strict=True):
        reasons = [str(row[name] if row[name] is not None else "") for name in REASONS[:-1]]
        values = (
            [cells.get(name) for name in (RAW, *source.file_columns)]
            if uncut(row)
            else [
                None,
                *(cells.get(name) for name in source.file_columns),
            ]
        )
        lines.append([*reasons, *("" if value is None else value for value in values)])
    return sheet(header, lines, source.delimiter if source.format == "csv" else ",").encode()


def opened_cells(rows: pa.Table, vault: Vault | None) -> list[dict[str, str | None]]:
    """The cells of each row as they came, or ``{"raw": text}`` of a row that was not cut.

    Personal ones are as :func:`export` says, those of a forgotten person '(forgotten)'.
    """
    found = rows.to_pylist()
    opened: list[str | None] = [None] * len(found)
    sealed = [n for n, row in enumerate(found) if row["sealed"] is not None]
    if vault is not None:
        wanted = [
            (found[n]["person"], found[n]["sealed"], found[n]["quarantine_id"]) for n in sealed
        ]
        for n, text in zip(sealed, vault.unseal_all(wanted), strict=True):
            opened[n] = text
    cells = []
    for row, personal in zip(found, opened, strict=True):
        asked = vault is not None and row["sealed"] is not None
        cells.append(_cells(row, personal, FORGOTTEN if asked else MASK))
    return cells


def uncut(row: Mapping[str, Any]) -> bool:
    """Whether the reader could not cut the row into cells: then no column is to blame."""
    return row["column"] is None


def _cells(row: Mapping[str, Any], personal: str | None, instead: str) -> dict[str, str | None]:
    if uncut(row):
        masked = row["sealed"] is not None
        return {RAW: (personal if personal is not None else instead) if masked else row["original"]}
    cells: dict[str, str | None] = json.loads(row["original"])
    if personal is not None:
        cells.update(json.loads(personal))
        return cells
    return {name: instead if value == MASK else value for name, value in cells.items()}


def _counted(rows: pa.Table, column: str) -> dict[str, int]:
    counted = pc.value_counts(rows.column(column).combine_chunks()).to_pylist()
    counted.sort(key=lambda one: (-one["counts"], one["values"] or ""))
    return {one["values"]: one["counts"] for one in counted if one["values"] is not None}


def _free(name: str, taken: Mapping[str, Any] | Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _schema() -> pa.Schema:
    return QUARANTINE_SCHEMA.append(pa.field(PARTITION, pa.date32()))

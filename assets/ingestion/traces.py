"""Where a person's value still stands: in sealed rows of any version, and in landing files."""

import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.dataset as ds

from assets.ingestion.quarantine import ROW
from assets.ingestion.vault import Vault
from assets.lake import Lake
from assets.source_spec import SourceSpec
from assets.spec import UseCaseSpec
from assets.tables import quarantine

BLOCK = 1 << 20
UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, UnicodeError)


@dataclass
class Sealed:
    """Ids of quarantined rows, in every version of the table that is still there.

    ``own``: sealed under the person's key. ``nobodys``: rows with a key of their own that name the
    person. ``others``: rows sealed for someone else that name the person too.
    """

    own: set[str] = field(default_factory=set)
    nobodys: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)


def sealed_rows(lake: Lake, spec: UseCaseSpec, vault: Vault, person: str, value: str) -> Sealed:
    """Rows of a use case in which ``value`` is sealed; ``person`` is its token.

    Rows that do not open (sealed under an older key, forgotten already) cannot be looked into.
    """
    found = Sealed()
    wanted = _mention(value)
    for source in spec.sources:
        rows = _all_versions(lake, spec.name, quarantine(source)).to_pylist()
        sealed = [(row["person"], row["sealed"], row["quarantine_id"]) for row in rows]
        for row, text in zip(rows, vault.readable(sealed), strict=True):
            if text is None:
                continue
            if row["person"] == person:
                found.own.add(row["quarantine_id"])
            elif _names(text, row["column"] is None, value, wanted):
                whose = found.nobodys if row["person"].startswith(ROW) else found.others
                whose.add(row["quarantine_id"])
    return found


def _names(text: str, is_raw: bool, value: str, wanted: re.Pattern[str]) -> bool:
    if is_raw:
        return wanted.search(text) is not None
    return value in json.loads(text).values()


def _all_versions(lake: Lake, use_case: str, table: str) -> pa.Table:
    """Sealed rows of all data files of a table, also those that no newer version refers to."""
    schema = pa.schema([(n, pa.string()) for n in ("quarantine_id", "column", "person", "sealed")])
    paths = sorted(lake.path(use_case, table).rglob("*.parquet"))
    paths = [path for path in paths if "_delta_log" not in path.parts]
    if not paths:
        return schema.empty_table()
    files = ds.dataset([str(path) for path in paths], format="parquet", schema=schema)
    rows = files.to_table(filter=ds.field("sealed").is_valid() & (ds.field("sealed") != ""))
    return rows.group_by(schema.names).aggregate([])


def naming_files(folder: Path, source: SourceSpec, value: str) -> tuple[list[Path], list[Path]]:
    """Landing files of a source that hold ``value`` as a word of its own, and those that cannot be
    looked into. Told apart by their bytes, not by their names; Parquet by its personal columns."""
    naming, unreadable = [], []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if not path.is_file():
            continue
        try:
            if _file_names(path, source, value):
                naming.append(path)
        except UNREADABLE:
            unreadable.append(path)
    return naming, unreadable


def _file_names(path: Path, source: SourceSpec, value: str) -> bool:
    with path.open("rb") as file:
        start = file.read(4)
        if start == b"PAR1":
            return _parquet_names(path, source, value)
        file.seek(0)
        return any(_text_names(one, source, value) for one in _unpacked(file, start))


def _unpacked(file: IO[bytes], start: bytes) -> Iterator[IO[bytes]]:
    if start.startswith(b"\x1f\x8b"):
        with gzip.open(file) as stream:
            yield cast("IO[bytes]", stream)
    elif start == b"PK\x03\x04":
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                with archive.open(member) as stream:
                    yield stream
    else:
        yield file


def _text_names(file: IO[bytes], source: SourceSpec, value: str) -> bool:
    """Read a block at a time: a file may be larger than memory."""
    buffered = io.BufferedReader(file)  # type: ignore[type-var]
    mark = buffered.peek(2)[:2]
    encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else source.encoding
    # Another encoding than declared shows no more than that: it is looked through all the same.
    text = io.TextIOWrapper(buffered, encoding=encoding, errors="replace", newline="")
    wanted, keep = _mention(value), 2 * len(value) + 2
    before, first = "", True
    while True:
        block = text.read(BLOCK)
        here = before + block
        for match in wanted.finditer(here):
            # At either end of a block the neighbour is not in sight: it is in the other block.
            if (first or match.start() > 0) and (not block or match.end() < len(here)):
                return True
        if not block:
            return False
        before, first = here[-keep:], first and len(here) <= keep


def _parquet_names(path: Path, source: SourceSpec, value: str) -> bool:
    import duckdb

    try:
        with duckdb.connect() as connection:
            relation = connection.execute("SELECT * FROM read_parquet(?) LIMIT 0", [str(path)])
            there = {str(column[0]) for column in relation.description or ()}
            named = {source.headers[n] for n, c in source.file_columns.items() if c.pii}
            personal = sorted(named & there)
            if not personal:
                return False
            columns = ('"' + name.replace('"', '""') + '"' for name in personal)
            either = " OR ".join(f"CAST({column} AS VARCHAR) = $value" for column in columns)
            found = connection.execute(
                f"SELECT count(*) FROM read_parquet($path) WHERE {either}",
                {"path": str(path), "value": value},
            ).fetchall()
    except duckdb.Error as error:
        raise OSError(f"{path.name} is no Parquet file: {type(error).__name__}") from error
    return bool(found[0][0])


def _mention(value: str) -> re.Pattern[str]:
    """The value, as it stands or with its quotes doubled as in CSV, with no letter beside it."""
    spellings = {re.escape(value), re.escape(value.replace('"', '""'))}
    return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(spellings))})(?!\w)")

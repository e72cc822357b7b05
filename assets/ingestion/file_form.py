"""What a landing file is, found out by looking at its bytes once; odd ones get a plain copy."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from assets.ingestion.csv_text import Broken, Look, hashed, write_plain
from assets.ingestion.header import Header, extra_columns, header_of, no_header
from assets.ingestion.landing import LandingError, unreadable
from assets.ingestion.parquet_form import parquet_columns
from assets.ingestion.records import Records, cut
from assets.ingestion.transcode import Utf8Text
from assets.ingestion.unpack import Packing, blocks, packing_of, unpacked
from assets.source_spec import SourceSpec


@dataclass(frozen=True)
class FileForm:
    """A landing file as it was found.

    ``readable``: what DuckDB reads, the file itself or its plain copy. ``sha256``, ``size``: of the
    landed bytes. ``forgiven``: what the file had and need not have. ``header``: names as in the
    file, the declared ones where it has none. ``places``: of each declared column among them.
    ``text_columns``: declared columns that are text in the file. ``rows``: how many it has, those
    that cannot be read among them. ``broken``: records no reader could cut into cells; the plain
    copy is without them. ``identity``: inode, size and mtime_ns when examined.
    """

    path: Path
    readable: Path
    sha256: str
    size: int
    encoding: str
    forgiven: tuple[str, ...]
    header: list[str]
    places: dict[str, int]
    extra_columns: list[str]
    text_columns: frozenset[str]
    rows: int
    identity: tuple[int, int, int]
    packing: Packing = "none"
    has_header: bool = True
    line_end: str = "\n"
    blank_lines: int = 0
    quoted_line_ends: bool = False
    broken: tuple[Broken, ...] = field(default=(), repr=False)

    @property
    def is_copy(self) -> bool:
        return self.readable != self.path


def examine(path: Path, spec: SourceSpec, scratch: Path) -> FileForm:
    """Look at a file. Raises LandingError when its header or encoding leaves its rows without
    meaning, or it is no file of the declared format."""
    try:
        with path.open("rb") as file:
            identity = _identity(os.fstat(file.fileno()))
            found = _examined(path, file, identity, spec, scratch)
    except OSError as error:
        raise unreadable(path, spec.format, error.strerror or str(error)) from error
    require_unchanged(found)
    return found


def require_unchanged(form: FileForm) -> None:
    """Raises LandingError when the landed file is another than the one examined."""
    try:
        same = _identity(form.path.stat()) == form.identity
    except OSError:
        same = False
    if not same:
        raise LandingError(
            f"{form.path} changed while it was read. Nothing of it was taken; when it is complete, "
            "run the partition again (write beside and rename, and this cannot happen)."
        )


def require_complete(form: FileForm, landed: int) -> None:
    """Raises LandingError unless as many rows were read (or rejected) as the file has."""
    if landed != form.rows:
        raise LandingError(
            f"{form.path} has {form.rows} rows, and {landed} came out of it: its quotes or line "
            "ends are read in more than one way. Nothing of it was taken; ask the source for a "
            "file with every cell quoted."
        )


def records_again(form: FileForm, spec: SourceSpec) -> Iterator[Records]:
    """The records of an examined CSV file, from the landed bytes."""
    require_unchanged(form)
    with form.path.open("rb") as file:
        packing = packing_of(form.path, file.read(4))
        file.seek(0)
        text = _text(form.path, file, blocks(file), packing, spec, [])
        yield from cut(text, spec.delimiter)


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _text(
    path: Path,
    file: IO[bytes],
    landed: Iterator[bytes],
    packing: Packing,
    spec: SourceSpec,
    forgiven: list[str],
) -> Utf8Text:
    return Utf8Text(path, unpacked(path, file, landed, packing, forgiven), spec.encoding)


def _examined(
    path: Path,
    file: IO[bytes],
    identity: tuple[int, int, int],
    spec: SourceSpec,
    scratch: Path,
) -> FileForm:
    head = file.read(4)
    file.seek(0)
    digest = hashlib.sha256()
    # Closed here: left to the garbage collector, which may run in any thread at any moment, waiting
    # for the hashing thread can wait for itself.
    with closing(hashed(file, digest)) as landed:
        if spec.format == "parquet":
            _exhaust(landed)
            header, places, text_columns, rows = parquet_columns(path, file, spec)
            return FileForm(
                path=path,
                readable=path,
                sha256=digest.hexdigest(),
                size=identity[1],
                encoding="parquet",
                forgiven=(),
                header=header,
                places=places,
                extra_columns=extra_columns(path, header, places.values(), spec),
                text_columns=text_columns,
                rows=rows,
                identity=identity,
            )
        packing = packing_of(path, head)
        if packing == "zip":
            # Its members are found from its end; its bytes are hashed before.
            _exhaust(landed)
            file.seek(0)
        return _examined_csv(path, file, identity, spec, scratch, packing, landed, digest)


def _exhaust(landed: Iterator[bytes]) -> None:
    for _ in landed:
        continue


def _examined_csv(
    path: Path,
    file: IO[bytes],
    identity: tuple[int, int, int],
    spec: SourceSpec,
    scratch: Path,
    packing: Packing,
    landed: Iterator[bytes],
    digest: "hashlib._Hash",
) -> FileForm:
    unpacking: list[str] = []
    text = _text(path, file, landed, packing, spec, unpacking)
    reading: list[str] = []
    if packing == "gzip" and not path.name.lower().endswith(".gz"):
        reading.append("gzip, though its name does not say so")
    if text.mark:
        reading.append(f"{text.encoding.upper()} byte order mark")
    look, header = Look(), Header([], {}, [], there=False)
    for found in cut(text, spec.delimiter):
        if not look.records:
            header = header_of(path, found, spec, text.encoding, reading)
        look.add(found)
    if not look.records or (not spec.header and look.blank == look.records):
        what = "blank" if look.records else "empty"
        raise (
            no_header(path, spec, what) if spec.header else unreadable(path, "csv", f"it is {what}")
        )
    reading += look.told()
    # Where a row has a single cell, an empty line is a row.
    blank = look.blank if len(header.names) > 1 else 0
    if blank:
        reading.append(f"{blank} blank line{'s' if blank > 1 else ''}")
    readable, line_end = path, look.line_end
    odd = packing == "zip" or unpacking or text.changed or look.blanks or look.broken
    if odd or line_end is None:
        file.seek(0)
        again = _text(path, file, blocks(file), packing, spec, [])
        readable, line_end = write_plain(path, scratch, cut(again, spec.delimiter)), "\n"
        packing = "none"
    return FileForm(
        path=path,
        readable=readable,
        sha256=digest.hexdigest(),
        size=identity[1],
        encoding=text.encoding,
        forgiven=(*unpacking, *reading),
        header=header.names,
        places=header.places,
        extra_columns=header.extra,
        text_columns=frozenset(spec.file_columns),
        rows=look.records - blank - header.there,
        identity=identity,
        packing=packing,
        has_header=header.there,
        line_end=line_end,
        blank_lines=blank,
        quoted_line_ends=look.quoted_line_ends,
        broken=tuple(look.broken),
    )

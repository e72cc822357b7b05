"""The bytes of a landing file, unpacked, in blocks; what is packed wrongly is refused by name."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from assets.ingestion.landing import LandingError, unreadable

Packing = Literal["none", "gzip", "zip"]

BLOCK = 1 << 20
BOMB_BYTES = 10 << 30
BOMB_RATIO = 100
"""Unpacked to more than BOMB_BYTES and BOMB_RATIO times the packed size: made to fill the disk."""

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
PARQUET = b"PAR1"
WORKBOOK = "xl/workbook.xml"
JUNK_NAMES = ("thumbs.db", "desktop.ini", ".ds_store")
DAMAGED = (
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, struct.error),
    *(EOFError, OSError, ValueError, NotImplementedError),
)
BESIDE = (".txt", ".md", ".pdf", ".html", ".xml", ".json", ".sha256", ".md5", ".ctl")
"""Endings of what comes along with data in an archive, and is none."""


def packing_of(path: Path, head: bytes) -> Packing:
    """How a CSV file is packed, by its first bytes; the name alone says little.

    Raises LandingError when the file is something else altogether.
    """
    name = path.name.lower()
    if head.startswith(PARQUET):
        raise unreadable(path, "csv", "it is a Parquet file; declare format: parquet for it")
    if head.startswith((ZIP, EMPTY_ZIP)):
        return "zip"
    if head.startswith(GZIP):
        return "gzip"
    if name.endswith(".zip"):
        raise unreadable(path, "csv", "it is no zip archive, or the beginning is missing")
    if name.endswith(".gz"):
        raise unreadable(path, "csv", "it is no gzip file, or the beginning is missing")
    return "none"


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """A file's bytes as they are, from where it stands."""
    while block := file.read(BLOCK):
        yield block


def unpacked(
    path: Path, file: IO[bytes], landed: Iterator[bytes], packing: Packing, forgiven: list[str]
) -> Iterator[bytes]:
    """The unpacked bytes. ``landed``: the bytes of ``file``; not looked at for a zip archive.

    What was ignored is added to ``forgiven``. Raises LandingError for a damaged, encrypted or
    absurd file, or an archive without exactly one data file.
    """
    if packing == "none":
        yield from landed
        return
    try:
        if packing == "gzip":
            yield from _gunzipped(path, landed, forgiven)
        else:
            yield from _unzipped(path, file, forgiven)
    except DAMAGED as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise unreadable(path, "csv", f"the {packing} file is damaged ({reason})") from error


def _gunzipped(path: Path, landed: Iterator[bytes], forgiven: list[str]) -> Iterator[bytes]:
    """Members one after the other, checked by their sums; what follows the last is left."""
    member = zlib.decompressobj(wbits=31)
    members, packed, size, left, zeros, between = 1, 0, 0, 0, 0, False
    for block in landed:
        packed += len(block)
        rest = block
        while rest:
            if left:
                left += len(rest)
                break
            if between:
                # Tapes and some tools fill up with zeros.
                zeros += len(rest)
                rest = rest.lstrip(b"\0")
                zeros -= len(rest)
                if not rest:
                    break
                if not rest.startswith(GZIP[: len(rest)]):
                    left = len(rest)
                    break
                member, between, members = zlib.decompressobj(wbits=31), False, members + 1
            feed = rest
            while True:
                data = member.decompress(feed, BLOCK)
                size += len(data)
                _require_sane(path, size, packed)
                if data:
                    yield data
                if member.eof:
                    rest, between = member.unused_data, True
                    break
                feed = member.unconsumed_tail
                if not feed:
                    rest = b""
                    break
    if not between:
        raise EOFError("it is cut off")
    if members > 1:
        forgiven.append(f"{members} gzip members one after the other")
    if left + zeros:
        forgiven.append(f"{left + zeros} bytes after the end of the gzip data, ignored")


def _unzipped(path: Path, file: IO[bytes], forgiven: list[str]) -> Iterator[bytes]:
    with zipfile.ZipFile(file) as archive:
        member = _data_member(path, archive, forgiven)
        if member.flag_bits & 1:
            raise unreadable(path, "csv", "it is encrypted; ask the source for a plain one")
        _require_sane(path, member.file_size, member.compress_size)
        with archive.open(member) as data:
            yield from blocks(data)


def _data_member(path: Path, archive: zipfile.ZipFile, forgiven: list[str]) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if any(member.filename == WORKBOOK for member in members):
        raise unreadable(path, "csv", "it is a spreadsheet's workbook; have it saved as CSV")
    files = [member for member in members if not _is_junk(member.filename)]
    found = [member for member in files if member.filename.lower().endswith(".csv")]
    if not found:
        # Data under another name is taken when there is no doubt which it is.
        found = files if len(files) == 1 else []
        found = found or [m for m in files if not m.filename.lower().endswith(BESIDE)]
    if len(found) != 1:
        names = ", ".join(sorted(member.filename for member in found)) or "none"
        raise unreadable(
            path, "csv", f"the archive must hold one data file and holds {len(found)}: {names}"
        )
    ignored = sorted(member.filename for member in members if member is not found[0])
    if ignored:
        shown = ", ".join(ignored[:5]) + (", ..." if len(ignored) > 5 else "")
        plural = "member" if len(ignored) == 1 else "members"
        forgiven.append(f"zip with {len(ignored)} ignored {plural}: {shown}")
    return found[0]


def _is_junk(name: str) -> bool:
    *folders, last = name.split("/")
    return "__MACOSX" in folders or last.startswith(("._", "~")) or last.lower() in JUNK_NAMES


def _require_sane(path: Path, size: int, packed: int) -> None:
    if size > BOMB_BYTES and size > BOMB_RATIO * packed:
        raise LandingError(
            f"{path} unpacks to more than {BOMB_BYTES >> 30} GiB from {max(packed >> 20, 1)} MiB, "
            "as only a file made to fill a disk does. Nothing of it was taken; ask the source what "
            "it is, and deliver it in parts if it is real."
        )

"""A CSV file looked at once: what its text is made of, and a plain copy where it is odd."""

import os
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp
from typing import IO, TYPE_CHECKING, Any

from assets.ingestion.landing import LandingError
from assets.ingestion.quotes import CR
from assets.ingestion.records import Records
from assets.ingestion.transcode import shown
from assets.ingestion.unpack import blocks

if TYPE_CHECKING:
    import hashlib

RAW = 1 << 20
"""Bytes kept of a refused record's text."""


@dataclass(frozen=True)
class Broken:
    """A record that cannot be cut into cells: its number and line in the file, why, its text."""

    record: int
    line: int
    why: str
    raw: str


@dataclass
class Look:
    """What the records of a CSV text were so far. ``records``: all, whatever they are.

    ``crlf``, ``cr``: of the line ends behind records. ``quoted_line_ends``: whether there are
    line ends within cells. ``blanks``: whether there are spaces around quoted cells.
    """

    records: int = 0
    blank: int = 0
    lines: int = 0
    crlf: int = 0
    cr: int = 0
    unended: int = 0
    blanks: bool = False
    broken: list[Broken] = field(default_factory=list)

    def add(self, found: Records) -> None:
        import numpy as np

        self.blank += int(np.count_nonzero(found.stops == found.starts))
        self.crlf += int(np.sum(found.closes - found.stops))
        inside = found.closes[found.closes < len(found.data)]
        self.cr += int(np.count_nonzero(found.data[inside] == CR))
        self.unended += len(found.closes) - len(inside)
        self.blanks |= found.blanks is not None and len(found.blanks) > 0
        self.lines += found.line_count
        for index, why in sorted(found.broken.items()):
            number, line = self.records + index + 1, int(found.lines[index])
            self.broken.append(Broken(number, line, why, raw_text(found.record(index))))
        self.records += len(found)

    @property
    def lf(self) -> int:
        return self.records - self.unended - self.crlf - self.cr

    @property
    def quoted_line_ends(self) -> bool:
        return self.lines > self.records

    @property
    def line_end(self) -> str | None:
        """The one line end there is; None where they are mixed, or CR, which is made LF."""
        if self.cr or (self.crlf and self.lf):
            return None
        return "\r\n" if self.crlf else "\n"

    def told(self) -> Iterator[str]:
        """What the text had and need not have."""
        if self.cr and not self.lf and not self.crlf:
            yield "CR line ends"
        elif self.line_end is None:
            yield f"mixed line ends: {self.lf} LF, {self.crlf} CR LF, {self.cr} CR"
        if self.blanks:
            yield "blanks around quoted cells"


def raw_text(record: bytes) -> str:
    """A record's text as in the file; of a very long one only the beginning."""
    if len(record) <= RAW:
        return shown(record)
    return f"{shown(record[:RAW])} ... (cut here, {len(record)} bytes in all)"


HASHING = "hashing"
"""Name of the thread, and of nothing else."""


def hashed(file: IO[bytes], digest: "hashlib._Hash") -> Generator[bytes, None, None]:
    """The bytes of a file; ``digest`` is brought up to date beside, in a thread of its own.

    To be closed by who opens it: that ends the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix=HASHING) as worker:
        before: Future[None] | None = None
        for block in blocks(file):
            if before is not None:
                before.result()
            before = worker.submit(digest.update, block)
            yield block


def write_plain(path: Path, scratch: Path, records: Iterator[Records]) -> Path:
    """Write records as plain UTF-8 with LF to a new file only this user may read.

    Broken records are left out, blanks around quoted cells too; blank lines stay, and what is
    within a cell is kept to the byte. Raises LandingError when there is no room.
    """
    try:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = mkstemp(suffix=".csv", dir=scratch)
        try:
            with os.fdopen(handle, "wb") as copy:
                for found in records:
                    copy.write(_plain(found))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LandingError(
            f"{path} needs a plain copy to be read, and none could be written to {scratch} "
            f"({error.strerror or error}). Nothing of it was taken; make room there and run the "
            "partition again."
        ) from error
    return Path(name)


def _plain(found: Records) -> Any:
    import numpy as np

    crlf = found.closes > found.stops
    inside = found.closes[found.closes < len(found.data)]
    cr = inside[found.data[inside] == CR]
    if not (found.broken or found.blanks is not None or len(cr) or crlf.any()):
        return found.data
    data = found.data.copy()
    data[cr] = ord("\n")
    keep = np.ones(len(data), dtype=np.bool_)
    keep[found.stops[crlf]] = False
    if found.blanks is not None:
        # Spans do not overlap: one more open at its begin, one less at its end.
        edges = np.zeros(len(data) + 1, dtype=np.int8)
        edges[found.blanks[:, 0]] += 1
        edges[found.blanks[:, 1]] -= 1
        keep &= np.cumsum(edges[:-1], dtype=np.int8) == 0
    ends = np.append(found.starts[1:], len(data))
    for index in found.broken:
        keep[found.starts[index] : ends[index]] = False
    return data[keep]

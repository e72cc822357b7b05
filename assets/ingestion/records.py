"""Where the records of a CSV text begin and end, and which of them no reader could be sure of.

The reader of the bulk (DuckDB) is quick, but left alone with quotes that do not pair up it makes
rows of what is the text of one cell, or one cell of many rows, and passes over lines that are too
long, without a word. So records are cut here first, by rules of our own, and the reader is given
only what cannot be cut in two ways.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assets.ingestion.quotes import CR, LF, Pairing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]
    Places = npt.NDArray[np.int64]

LONGEST = 16 << 20
"""Bytes of a record; a longer one is refused."""

KEPT = 1 << 16
"""Bytes kept of a line that is longer than that."""

LINE_END = re.compile(b"\r\n|\r|\n")
TOO_LONG = f"longer than {LONGEST >> 20} MiB"
UNCLOSED = "a quote opens a cell and none closes it"
STRAY = "text behind the quote that closes a cell, or a quote within it that is not doubled"


@dataclass
class Records:
    """Consecutive whole records; positions are within ``data``.

    ``starts``: first byte of each. ``stops``: behind its last byte, without the line end.
    ``closes``: last byte of its line end, ``len(data)`` where there is none. ``lines``: 1-based
    line of the file each starts on (LF, CR LF and CR end a line). ``line_count``: lines in all.
    ``broken``: why a record cannot be cut into cells, by index. ``blanks``: begin and
    end of spaces around quoted cells, if there are any.
    """

    data: "Bytes"
    starts: "Places"
    stops: "Places"
    closes: "Places"
    lines: "Places"
    line_count: int
    broken: dict[int, str] = field(default_factory=dict)
    blanks: "Places | None" = None

    def __len__(self) -> int:
        return len(self.starts)

    def record(self, index: int) -> bytes:
        return self.data[self.starts[index] : self.stops[index]].tobytes()

    def first(self, count: int) -> "Records":
        """The first records, at least one less than all."""
        size = int(self.starts[count])
        return Records(
            data=self.data[:size],
            starts=self.starts[:count],
            stops=self.stops[:count],
            closes=self.closes[:count],
            lines=self.lines[:count],
            line_count=int(self.lines[count] - self.lines[0]) if count else 0,
            broken={index: why for index, why in self.broken.items() if index < count},
            blanks=_within(self.blanks, size),
        )


def cut(blocks: Iterable[bytes], delimiter: str) -> Iterator[Records]:
    """The records of a UTF-8 text given in blocks of any size.

    A record that does not end within LONGEST bytes, or whose quote is not closed before the file
    ends, is given up as far as its first line end: the lines behind it are records again.
    """
    cutter = _Cutter(delimiter.encode())
    waiting: list[bytes] = []
    size, wanted = 0, 1
    for block in blocks:
        waiting.append(block)
        size += len(block)
        if size < wanted:
            continue
        buffer = waiting[0] if len(waiting) == 1 else b"".join(waiting)
        taken = yield from cutter.take(buffer, final=False)
        waiting, size = [buffer[taken:]] if taken < len(buffer) else [], len(buffer) - taken
        # Twice as much before the next try, lest a long record is looked at over and over.
        wanted = 1 if taken else min(2 * size, LONGEST + 3)
    yield from cutter.take(b"".join(waiting), final=True)


class _Cutter:
    def __init__(self, delimiter: bytes) -> None:
        self.pairing = Pairing(delimiter)
        self.line = 1
        self.skipping = False

    def take(self, buffer: bytes, final: bool) -> Generator[Records, None, int]:
        """Records of a buffer that begins with one; returns how much of it they take up."""
        at = 0
        if self.skipping:
            at = _behind_line(buffer, 0, final)
            if at < 0:
                return _all_but_cr(buffer, final)
            self.skipping = False
        while at < len(buffer):
            found = self._records(buffer[at:] if at else buffer, final)
            long = _first_too_long(found)
            if long is not None:
                found = found.first(long)
            if len(found):
                yield self._numbered(found)
            at += len(found.data)
            rest = len(buffer) - at
            if not rest or not (final or long is not None or rest > LONGEST + 2):
                return at
            end = _behind_line(buffer, at, final)
            yield self._numbered(_given_up(buffer[at:] if end < 0 else buffer[at:end]))
            if end < 0:
                self.skipping = True
                return _all_but_cr(buffer, final)
            at = end
        return at

    def _numbered(self, found: Records) -> Records:
        found.lines = found.lines + self.line
        self.line += found.line_count
        return found

    def _records(self, buffer: bytes, final: bool) -> Records:
        """Whole records at the beginning of a buffer; ``lines`` count from 0."""
        import numpy as np

        data = np.frombuffer(buffer, dtype=np.uint8)
        has_cr = b"\r" in buffer
        line_ends = _line_ends(data, has_cr, final)
        size = int(line_ends[-1]) + 1 if len(line_ends) else 0
        if final and size < len(data):
            # The last line has no end: think of one behind it.
            line_ends, size = np.append(line_ends, len(data)), len(data)
        quotes = self.pairing.of(data[:size]) if b'"' in buffer else None
        closes = line_ends
        if quotes is not None and len(quotes.pairs):
            closes = line_ends[np.searchsorted(quotes.pairs, line_ends) % 2 == 0]
        if not len(closes):
            none = np.zeros(0, np.int64)
            return Records(data[:0], none, none, none, none, 0)
        size = min(int(closes[-1]) + 1, len(data))
        starts = np.concatenate([np.zeros(1, np.int64), closes[:-1] + 1])
        stops = closes
        if has_cr:
            stops = closes - _is_crlf(data, closes)
        whole = len(closes) == len(line_ends)
        lines = np.arange(len(starts)) if whole else np.searchsorted(line_ends, starts)
        found = Records(data[:size], starts, stops, closes, lines, len(line_ends))
        if not whole:
            found.line_count = int(np.searchsorted(line_ends, closes[-1])) + 1
        if quotes is not None:
            found.broken = {
                int(np.searchsorted(closes, stray)): STRAY
                for stray in quotes.strays
                if stray < size
            }
            found.blanks = _within(quotes.blanks, size)
        return found


def _within(spans: "Places | None", size: int) -> "Places | None":
    return None if spans is None else spans[spans[:, 1] <= size]


def _line_ends(data: "Bytes", has_cr: bool, final: bool) -> "Places":
    """Last byte of each line end. A CR that a block ends with is none yet: its LF may follow."""
    import numpy as np

    if not has_cr:
        return np.flatnonzero(data == LF)
    ends = data == LF
    ends |= data == CR
    ends[:-1] &= ~((data[:-1] == CR) & (data[1:] == LF))
    if not final and data[-1] == CR:
        ends[-1] = False
    return np.flatnonzero(ends)


def _is_crlf(data: "Bytes", closes: "Places") -> "npt.NDArray[np.bool_]":
    import numpy as np

    last = len(data) - 1
    is_lf = (closes <= last) & (data[np.minimum(closes, last)] == LF)
    is_pair: npt.NDArray[np.bool_] = is_lf & (closes > 0) & (data[closes - 1] == CR)
    return is_pair


def _first_too_long(found: Records) -> int | None:
    import numpy as np

    # Records within a buffer of that size cannot be.
    if len(found.data) <= LONGEST:
        return None
    long = np.flatnonzero(found.stops - found.starts > LONGEST)
    return int(long[0]) if len(long) else None


def _given_up(line: bytes) -> Records:
    """A record that is no more than its first line."""
    import numpy as np

    size = len(line.rstrip(b"\r\n"))
    why = UNCLOSED
    if size > LONGEST:
        size, why, line = KEPT, TOO_LONG, line[:KEPT]
    one = np.array([size], dtype=np.int64)
    zero = np.zeros(1, np.int64)
    data = np.frombuffer(line, dtype=np.uint8)
    return Records(data, zero, one, one, zero, 1, {0: why})


def _behind_line(buffer: bytes, at: int, final: bool) -> int:
    """Behind the first line end; -1 when it is not in the buffer, or not whole."""
    found = LINE_END.search(buffer, at)
    if found is None:
        return len(buffer) if final else -1
    if found[0] == b"\r" and found.end() == len(buffer) and not final:
        return -1
    return found.end()


def _all_but_cr(buffer: bytes, final: bool) -> int:
    return len(buffer) - (not final and buffer.endswith(b"\r"))

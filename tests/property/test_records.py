"""Records are where a slow reader that shares no code with ours finds them, byte by byte, and the
rows that come out are its rows: whatever the quotes, line ends and block sizes."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.ingestion import unpack
from assets.ingestion.landing import LandingError
from tests.landed import source, taken

Record = tuple[int, list[bytes] | None, bytes]
"""Line it starts on, its cells (None: it cannot be cut), its bytes."""


class Slow:
    """A reader of CSV one byte at a time."""

    def __init__(self, data: bytes, delimiter: bytes) -> None:
        self.data, self.delimiter = data, delimiter

    def line_end(self, at: int) -> int:
        if self.data.startswith(b"\r\n", at):
            return 2
        return int(self.data[at : at + 1] in (b"\r", b"\n"))

    def to_line_end(self, at: int) -> int:
        while at < len(self.data) and not self.line_end(at):
            at += 1
        return at

    def past_blanks(self, at: int) -> int:
        while self.delimiter != b" " and self.data.startswith(b" ", at):
            at += 1
        return at

    def quoted(self, at: int) -> tuple[bytes, int] | None:
        """The cell whose quote opens before ``at``, and where it closes."""
        cell = b""
        while at < len(self.data):
            if self.data.startswith(b'""', at):
                cell, at = cell + b'"', at + 2
            elif self.data.startswith(b'"', at):
                return cell, at + 1
            else:
                cell, at = cell + self.data[at : at + 1], at + 1
        return None

    def record(self, start: int) -> tuple[list[bytes] | None, int]:
        """The cells from ``start`` on, and where their line ends."""
        cells: list[bytes] = []
        at = start
        while True:
            quote = self.past_blanks(at)
            if self.data.startswith(b'"', quote):
                found = self.quoted(quote + 1)
                if found is None:
                    return None, self.to_line_end(start)
                cell, at = found[0], self.past_blanks(found[1])
                ended = at == len(self.data) or self.line_end(at)
                if not ended and not self.data.startswith(self.delimiter, at):
                    return None, self.to_line_end(at)
            else:
                begin = at
                while (
                    at < len(self.data)
                    and not self.line_end(at)
                    and not self.data.startswith(self.delimiter, at)
                ):
                    at += 1
                cell = self.data[begin:at]
            cells.append(cell)
            if at == len(self.data) or self.line_end(at):
                return cells, at
            at += len(self.delimiter)

    def records(self) -> Iterator[Record]:
        start, line = 0, 1
        while start < len(self.data):
            cells, stop = self.record(start)
            yield line, cells, self.data[start:stop]
            end = stop + self.line_end(stop)
            while start < end:
                step = self.line_end(start)
                line += step > 0
                start += step or 1


PIECES = [b"a", b"1", b'"', b'"', b'""', b" ", b"\n", b"\r\n", b"\r", b"#", b"'", b"\x00", b"\xff"]
CELLS = st.text(st.sampled_from("ab1 \"'\n\r;,"), max_size=4)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, str, int]:
    """Bytes, delimiter and the number of columns: some scrawl, some as a program writes them."""
    delimiter = draw(st.sampled_from([",", ";", "\t", " ", "\N{SECTION SIGN}"]))
    columns = draw(st.integers(1, 3))
    if draw(st.booleans()):
        pieces = st.sampled_from([*PIECES, delimiter.encode(), delimiter.encode()])
        return b"".join(draw(st.lists(pieces, max_size=60))), delimiter, columns
    ends = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    rows = draw(st.lists(st.lists(CELLS, min_size=columns, max_size=columns + 1), max_size=8))
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in rows]
    return "".join(delimiter.join(row) + ends for row in quoted).encode(), delimiter, columns


@given(file=files(), header=st.booleans(), block=st.sampled_from([1, 2, 3, 7, 1 << 20]))
@example(file=(b'x,"\n1,"y"z\n2,3\n', ",", 2), header=True, block=1)
@settings(max_examples=200, deadline=None)
def test_rows_and_their_lines_are_those_of_a_slow_reader(
    file: tuple[bytes, str, int], header: bool, block: int
) -> None:
    body, delimiter, columns = file
    names = [f"c{n}" for n in range(columns)]
    data = (delimiter.join(names) + "\n").encode() * header + body
    spec = source(*names, delimiter=delimiter, header=header)
    found, reason = None, ""
    with TemporaryDirectory() as folder, patch.object(unpack, "BLOCK", block):
        try:
            found = taken(Path(folder), data, spec)
        except LandingError as error:
            reason = str(error)
    if found is None:
        assert any(word in reason for word in ("is blank", "is empty", "UTF-16"))
        return
    rows, lines, aside = [], [], []
    for line, cells, raw in list(Slow(data, delimiter.encode()).records())[header:]:
        if not raw and columns > 1:
            continue
        # Delimiters that a row ends with are no cells more.
        fits = cells is not None and len(cells) >= columns and not any(cells[columns:])
        try:
            texts = [cell.decode() or None for cell in cells[:columns]] if fits and cells else []
        except UnicodeDecodeError:
            texts = []
        if texts:
            rows.append(tuple(texts))
            lines.append(line)
        else:
            aside.append((line, raw.decode("utf-8", "backslashreplace")))
    assert found.rows == rows
    assert found.lines == lines
    assert [(line, raw) for line, _, raw in found.aside] == aside

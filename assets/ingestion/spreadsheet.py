"""CSV that a person may open in a spreadsheet: no cell of it is run, and it reads back exactly."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from assets.errors import NightshiftError

BOM = "\ufeff"
"""In front of the file: without it spreadsheets take UTF-8 for the machine's own code page."""

DELIMITERS = (",", ";", "\t", "|")

# What spreadsheets take for a formula, the full-width forms of East Asian keyboards among them.
FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-](?:\d+(?:[.,' \u00a0\u202f]\d+)*[.,]?|[.,]\d+)(?:[eE][+-]?\d+)?")


class SheetError(NightshiftError):
    """A file that is no CSV sheet; says which file, which line and what to do."""


def neutralised(cell: str) -> str:
    """The cell with an apostrophe in front if a spreadsheet would run it; numbers stay.

    A cell that has one apostrophe or more before what would be run gets another, so that
    :func:`restored` gives back every cell as it was.
    """
    return f"'{cell}" if _would_run(cell) else cell


def restored(cell: str) -> str:
    """The cell without the apostrophe that :func:`neutralised` put there."""
    return cell[1:] if cell.startswith("'") and _would_run(cell[1:]) else cell


def _would_run(cell: str) -> bool:
    return FORMULA.match(cell) is not None and NUMBER.fullmatch(cell) is None


def sheet(header: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str) -> str:
    """CSV text with a byte order mark, every cell neutralised.

    ``delimiter`` is used if spreadsheets know it, else a comma.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter if delimiter in DELIMITERS else ",")
    writer.writerow([neutralised(cell) for cell in header])
    for row in rows:
        writer.writerow([neutralised(cell) for cell in row])
    return BOM + text.getvalue()


def read_sheet(content: bytes, name: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and rows, each with the line it starts on; cells as they were before neutralising.

    The delimiter may be another than we wrote: spreadsheets save in that of the machine. So may be
    the byte order mark; without one the text is UTF-8. Blank lines are skipped. Raises SheetError.
    """
    text = _decoded(content, name)
    first = text.splitlines()[0] if text.strip() else ""
    if not first:
        raise SheetError(f"{name} is empty. Export the rows again and correct that file.")
    delimiter = max(DELIMITERS, key=first.count)
    rows: list[tuple[int, list[str]]] = []
    with _cells_of_any_size():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                if any(cells):
                    rows.append((line, [restored(cell) for cell in cells]))
                line = reader.line_num + 1
        except csv.Error as error:
            raise SheetError(
                f"{name}, line {line}: {error}. A quote is probably missing or one too many; mend "
                "the line or export the rows again."
            ) from error
    (_, header), *found = rows
    for line, cells in found:
        if any(cells[len(header) :]):
            raise SheetError(
                f"{name}, line {line}: {len(cells)} cells where the header has {len(header)}. "
                "Mend the line, or delete it: its row then stays in quarantine."
            )
        # Some spreadsheets leave out the empty cells at the end of a line.
        cells[len(header) :] = []
        cells.extend([""] * (len(header) - len(cells)))
    return header, found


def _decoded(content: bytes, name: str) -> str:
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SheetError(
            f"{name} is not UTF-8 text (byte {error.start}). Save it from the spreadsheet as "
            "'CSV UTF-8'."
        ) from error


@contextmanager
def _cells_of_any_size() -> Iterator[None]:
    """The csv module refuses cells over 128 KiB unless told otherwise, for the whole process."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)

"""A CSV file's text as UTF-8, whatever it came in; what is no text stays findable."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from assets.ingestion.landing import LandingError, unreadable

MARKS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe\x00\x00": "utf-32-le",
    b"\x00\x00\xfe\xff": "utf-32-be",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
"""Byte order marks; a longer one before those it begins with."""

HEAD = 1 << 12
ESCAPED = re.compile("[\udc00-\udcff]")
FEW, MANY = 0.1, 0.4
"""Shares of NUL bytes in the even and odd places of UTF-16 that is mostly Latin."""


class Utf8Text:
    """An iterable, once, of a file's text in blocks of UTF-8 without byte order mark.

    Bytes that are no text in a foreign encoding become lone surrogates (U+DC00 plus the byte),
    which no reader takes for UTF-8: the row they are in is refused, and :func:`shown` tells them.

    ``encoding``: found or declared. ``mark``: whether there was a byte order mark. ``changed``:
    whether the bytes so far differ from the file's, a mark aside.
    """

    def __init__(self, path: Path, blocks: Iterable[bytes], declared: str) -> None:
        self.path, self.changed = path, False
        head, rest = _head(iter(blocks))
        mark = next((mark for mark in MARKS if head.startswith(mark)), b"")
        self.mark = bool(mark)
        self.encoding = MARKS[mark] if mark else _unmarked(path, head, declared)
        self._blocks = chain([head[len(mark) :]], rest)

    @property
    def is_utf8(self) -> bool:
        return self.encoding == "utf-8"

    def __iter__(self) -> Iterator[bytes]:
        if self.is_utf8:
            return iter(self._blocks)
        return self._decoded()

    def _decoded(self) -> Iterator[bytes]:
        codecs.register_error("nightshift_keep", _keep)
        try:
            decoder = codecs.getincrementaldecoder(self.encoding)("nightshift_keep")
            plain = _keeps_ascii(self.encoding)
            for block in self._blocks:
                if plain and not self.changed and block.isascii():
                    yield block
                    continue
                self.changed = True
                yield decoder.decode(block).encode("utf-8", "surrogatepass")
            if self.changed:
                yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
        except (LookupError, UnicodeError, TypeError, AttributeError) as error:
            raise unreadable(
                self.path, "csv", f"it cannot be read in encoding {self.encoding}"
            ) from error


def shown(record: bytes) -> str:
    """A record of the UTF-8 text for people: bytes that are no text as backslash escapes."""
    try:
        text = record.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return record.decode("utf-8", "backslashreplace")
    return ESCAPED.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)


def _keep(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    kept = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in kept), error.end


def _keeps_ascii(encoding: str) -> bool:
    """Whether ASCII bytes mean the same in the encoding, so that plain blocks need no copy."""
    plain = bytes(range(128))
    try:
        return plain.decode(encoding) == plain.decode("ascii")
    except UnicodeError:
        return False


def _head(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    head = b""
    for block in blocks:
        head += block
        if len(head) >= HEAD:
            break
    return head, blocks


def _unmarked(path: Path, head: bytes, declared: str) -> str:
    """The encoding to read in where no byte order mark tells it."""
    name = codecs.lookup(declared).name
    likely = _utf16_by_its_zeros(head[:HEAD])
    if name in ("utf-16", "utf-32"):
        return likely if name == "utf-16" and likely else f"{name}-le"
    if likely and _keeps_ascii(declared):
        raise LandingError(
            f"{path} is not {declared} text: every other byte of it is zero, as in UTF-16. Nothing "
            f"of it was taken; declare encoding: {likely} in defs.yaml, or ask the source for "
            f"{declared}."
        )
    return "utf-8" if name in ("utf-8", "utf-8-sig") else declared


def _utf16_by_its_zeros(head: bytes) -> str | None:
    even, odd = head[0::2], head[1::2]
    if len(odd) < 2:
        return None
    evens, odds = even.count(0) / len(even), odd.count(0) / len(odd)
    if odds > MANY and evens < FEW:
        return "utf-16-le"
    return "utf-16-be" if evens > MANY and odds < FEW else None

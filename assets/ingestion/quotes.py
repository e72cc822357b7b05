"""Which quotes of a CSV text open and close cells, by RFC 4180; blanks around them are forgiven."""

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]
    Places = npt.NDArray[np.int64]

LF, CR, QUOTE = 10, 13, 34
BLANKS = re.compile(b" *")
LINE_END = re.compile(b"[\r\n]")


@dataclass
class Quotes:
    """``pairs``: places of the quotes that open and close cells, in turn; an odd number of them
    leaves the last cell open. ``strays``: closing quotes with text behind them; the rest of their
    line counts as plain. ``blanks``: ranges of spaces between a delimiter and a quote."""

    pairs: "Places"
    strays: list[int] = field(default_factory=list)
    blanks: list[tuple[int, int]] = field(default_factory=list)


class Pairing:
    """Pairs the quotes of texts that begin with a record."""

    def __init__(self, delimiter: bytes) -> None:
        import numpy as np

        self.delimiter = delimiter
        self.blanks_count = delimiter == b" "
        self.bounds = np.zeros(256, dtype=np.bool_)
        self.bounds[[LF, CR, QUOTE, delimiter[0]]] = True

    def of(self, data: "Bytes") -> Quotes:
        import numpy as np

        quotes = np.flatnonzero(data == QUOTE)
        if not len(quotes):
            return Quotes(quotes)
        last = len(data) - 1
        before = np.where(quotes > 0, data[quotes - 1], LF)
        after = np.where(quotes < last, data[np.minimum(quotes + 1, last)], LF)
        # As a rule quotes open behind a delimiter and close before one, in turn; then that is all.
        in_turn = self.bounds[before[0::2]].all() and self.bounds[after[1::2]].all()
        if in_turn and len(self.delimiter) == 1:
            return Quotes(quotes)
        return self._one_by_one(data.tobytes(), quotes.tolist())

    def _one_by_one(self, data: bytes, quotes: list[int]) -> Quotes:
        import numpy as np

        pairs: list[int] = []
        strays: list[int] = []
        blanks: list[tuple[int, int]] = []
        at = behind = 0
        while at < len(quotes):
            quote = quotes[at]
            begin = quote
            if not self.blanks_count:
                begin = behind + len(data[behind:quote].rstrip(b" "))
            if not self._opens(data, begin):
                # A quote within a plain cell is a letter like any other.
                at, behind = at + 1, quote + 1
                continue
            if begin < quote:
                blanks.append((begin, quote))
            pairs.append(quote)
            at += 1
            while at + 1 < len(quotes) and quotes[at + 1] == quotes[at] + 1:
                at += 2  # a doubled quote stands for one
            if at == len(quotes):
                break
            close = quotes[at]
            pairs.append(close)
            end = close + 1 if self.blanks_count else _past(BLANKS, data, close + 1)
            if self._ends(data, end):
                if end > close + 1:
                    blanks.append((close + 1, end))
                at, behind = at + 1, end
            else:
                strays.append(close)
                behind = _line_end(data, end)
                at = bisect_left(quotes, behind)
        return Quotes(np.array(pairs, dtype=np.int64), strays, blanks)

    def _opens(self, data: bytes, begin: int) -> bool:
        return begin == 0 or data[begin - 1] in b"\r\n" or data.endswith(self.delimiter, 0, begin)

    def _ends(self, data: bytes, end: int) -> bool:
        return end == len(data) or data[end] in b"\r\n" or data.startswith(self.delimiter, end)


def _past(what: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = what.match(data, at)
    return found.end() if found else at


def _line_end(data: bytes, at: int) -> int:
    found = LINE_END.search(data, at)
    return found.start() if found else len(data)

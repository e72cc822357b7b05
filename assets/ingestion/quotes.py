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

LF, CR, SPACE, QUOTE = 10, 13, 32, 34
BLANKS = re.compile(b" *")
LINE_END = re.compile(b"[\r\n]")


@dataclass
class Quotes:
    """``pairs``: places of the quotes that open and close cells, in turn; an odd number of them
    leaves the last cell open. ``strays``: closing quotes with text behind them; the rest of their
    line counts as plain. ``blanks``: begin and end of spaces between a delimiter and a quote, an
    array of two columns; None when there are none."""

    pairs: "Places"
    strays: list[int] = field(default_factory=list)
    blanks: "Places | None" = None


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
        if len(self.delimiter) == 1:
            opens, closes = self.bounds[before[0::2]], self.bounds[after[1::2]]
            if opens.all() and closes.all():
                return Quotes(quotes)
            if not self.blanks_count and (before[0::2][~opens] == SPACE).all():
                found = self._with_blanks(data, quotes)
                if found is not None:
                    return found
        return self._one_by_one(data.tobytes(), quotes.tolist())

    def _with_blanks(self, data: "Bytes", quotes: "Places") -> Quotes | None:
        """The same where there may be spaces before and behind; None when that is not all."""
        import numpy as np

        places = np.arange(len(data), dtype=np.int32)
        black = data != SPACE
        back = np.maximum.accumulate(np.where(black, places, -1))
        ahead = np.minimum.accumulate(np.where(black, places, len(data))[::-1])[::-1]
        opening, closing = quotes[0::2], quotes[1::2]
        begin = np.where(opening > 0, back[opening - 1], -1) + 1
        end = np.append(ahead, len(data))[closing + 1]
        # With a blank between, a quote is no longer the other half of a doubled one.
        before = np.where(begin > 0, data[begin - 1], LF)
        after = np.where(end < len(data), data[np.minimum(end, len(data) - 1)], LF)
        fits = self.bounds[before] & ((before != QUOTE) | (begin == opening))
        if (
            not fits.all()
            or not (self.bounds[after] & ((after != QUOTE) | (end == closing + 1))).all()
        ):
            return None
        spans = np.concatenate(
            [np.column_stack([begin, opening]), np.column_stack([closing + 1, end])]
        )
        return Quotes(quotes, blanks=spans[spans[:, 0] < spans[:, 1]])

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
        spans = np.array(blanks, dtype=np.int64).reshape(-1, 2) if blanks else None
        return Quotes(np.array(pairs, dtype=np.int64), strays, spans)

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

"""What a person wrote as their reason: kept as given, or refused; never interpreted."""

import unicodedata
from typing import TYPE_CHECKING

from assets.reviews.refusals import BadRationale

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

LAYOUT = "\n\r\t"
"""Control characters that are part of a text."""

REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Of Unicode's bidirectional algorithm (UAX 9, section 2): with these a text shows otherwise than
it reads, which is no way to keep a record (CVE-2021-42574)."""


def require_rationale(spec: "UseCaseSpec", rationale: str) -> None:
    """Raise BadRationale, without quoting it, unless it is as long as the spec asks and readable.

    Blanks at its ends do not count towards the shortest; characters that take no place towards
    neither end are refused. What is left is anything a person can write, scripts among it: whoever
    shows it escapes it.
    """
    shortest, longest = spec.review.shortest_rationale, spec.review.longest_rationale
    if len(rationale) > longest:
        raise BadRationale(
            f"the rationale is {len(rationale):,} characters long, at most {longest:,} are kept. "
            "Nothing was recorded: say what counted, and leave out the rest"
        )
    written = len(rationale.strip())
    if written < shortest:
        raise BadRationale(
            f"a review needs a rationale of {shortest} characters or more; this one has {written}. "
            "Nothing was recorded: say what you looked at and why you decided so"
        )
    strange = sorted({one for one in rationale if _unseen(one)})
    if strange:
        codes = ", ".join(f"U+{ord(one):04X}" for one in strange[:3])
        raise BadRationale(
            f"the rationale holds characters nobody sees ({codes}). Nothing was recorded: write it "
            "without them"
        )


def _unseen(one: str) -> bool:
    if one in LAYOUT:
        return False
    return unicodedata.category(one) in ("Cc", "Cs") or one in REORDERING

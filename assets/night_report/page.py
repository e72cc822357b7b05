"""What a page is made of, before it becomes HTML: words and pictures in their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from markupsafe import Markup

Tone = Literal["good", "warn", "bad", ""]

NOTHING = Markup("")


@dataclass(frozen=True)
class Badge:
    """A word that stands out; the colour says no more than the word."""

    word: str
    tone: Tone = ""


@dataclass(frozen=True)
class Says:
    """A paragraph; with a tone a note that stands out."""

    kind: ClassVar = "says"
    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Points:
    """Lists of sentences, each under a few words."""

    kind: ClassVar = "points"
    lists: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class Reading:
    """One figure on a line: its name, what it is, the figure, how sure it is, a small picture."""

    name: str
    value: str
    sure: str = ""
    small: str = ""
    plot: Markup = NOTHING
    badge: Badge | None = None


@dataclass(frozen=True)
class Readings:
    """Lines below each other. ``key``: what the small pictures show, once for all of them."""

    kind: ClassVar = "readings"
    title: str
    items: Sequence[Reading]
    key: str = ""


@dataclass(frozen=True)
class Panel:
    """A small picture of many beside each other."""

    title: str
    now: str
    sure: str
    plot: Markup
    meaning: str = ""


@dataclass(frozen=True)
class Panels:
    """Small pictures of one size. ``key``: what lines and marks mean."""

    kind: ClassVar = "panels"
    title: str
    items: Sequence[Panel]
    key: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture with the words that stand for it."""

    kind: ClassVar = "picture"
    title: str
    said: str
    plot: Markup


@dataclass(frozen=True)
class Grid:
    """A table; ``numbers``: columns set to the right."""

    kind: ClassVar = "grid"
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | Badge]]
    numbers: Sequence[int] = ()


Block = Says | Points | Readings | Panels | Picture | Grid


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it. ``key``: its anchor."""

    key: str
    title: str
    blocks: Sequence[Block]

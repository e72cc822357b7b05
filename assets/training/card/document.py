"""What a card is made of, before it is HTML or Markdown: both say the same because of it."""

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "unknown", "plain"]


@dataclass(frozen=True)
class Badge:
    """A verdict in a cell: never told by its colour alone."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Mono:
    """A digest, a version, a name of the machine's."""

    text: str


Cell = str | Badge | Mono


@dataclass(frozen=True)
class Paragraph:
    text: str
    strong: bool = False


@dataclass(frozen=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """Something to type."""

    text: str


@dataclass(frozen=True)
class Pairs:
    """Names and values, one a line."""

    caption: str
    rows: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True)
class Table:
    """Rows under headings. The first column names its row; ``numbers`` are columns of figures."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A drawing (SVG text without a script) and the words that stand for it."""

    svg: str
    caption: str
    says: str  # what a person who cannot see it should know


Block = Paragraph | Bullets | Command | Pairs | Table | Picture


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True)
class Summary:
    """The box on top: a question and its answer in plain words, each."""

    answers: tuple[tuple[str, tuple[str, ...]], ...]
    gates: tuple[tuple[str, Badge], ...]
    command: str | None


@dataclass(frozen=True)
class Card:
    title: str
    subtitle: str
    status: Badge
    summary: Summary
    sections: tuple[Section, ...]

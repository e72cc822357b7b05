"""The card as Markdown (CommonMark with tables), for wherever HTML is not shown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from assets.training.card.approval import Approval
from assets.training.card.card import card
from assets.training.card.document import (
    Badge,
    Block,
    Bullets,
    Cell,
    Command,
    Mono,
    Pairs,
    Paragraph,
    Picture,
    Summary,
    Table,
)

SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")
STARTS = re.compile(r"^(\s*)([-+]|\d+[.)])(?=\s)")
"""What would begin a list at the start of a line."""


def render_markdown(facts: Mapping[str, Any], approvals: Sequence[Approval]) -> str:
    """The text of ``facts`` and ``approvals``: what the page says, tables in place of pictures."""
    shown = card(facts, approvals)
    parts = [
        f"# {_escape(shown.title)}",
        f"**{_escape(shown.status.text)}**. {_escape(shown.subtitle)}",
        *_summary(shown.summary),
    ]
    for section in shown.sections:
        parts.append(f"{'#' * section.level} {_escape(section.title)}")
        for block in section.blocks:
            parts += _block(block)
    return "\n\n".join(parts) + "\n"


def _summary(summary: Summary) -> Iterator[str]:
    for question, said in summary.answers:
        yield f"**{_escape(question)}**"
        yield from (_escape(one) for one in said)
    if summary.command:
        yield f"```sh\n{summary.command}\n```"
    if summary.gates:
        yield "\n".join(f"- {_escape(name)}: {_cell(badge)}" for name, badge in summary.gates)


def _escape(text: str) -> str:
    """Text that Markdown takes as it is, on one line."""
    flat = " ".join(escape(text, quote=False).split())
    return STARTS.sub(lambda m: f"{m[1]}{m[2][:-1]}\\{m[2][-1]}", SPECIAL.sub(r"\\\1", flat))


def _cell(cell: Cell) -> str:
    if isinstance(cell, Badge):
        return f"**{_escape(cell.text)}**"
    if isinstance(cell, Mono):
        # Nothing ends a code span but its own fence; a bar would end the cell.
        return f"`{cell.text}`" if not re.search(r"[`|\n]", cell.text) else _escape(cell.text)
    return _escape(cell)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield f"**{_escape(block.text)}**" if block.strong else _escape(block.text)
        case Bullets():
            yield "\n".join(f"- {_escape(item)}" for item in block.items)
        case Command():
            yield f"```sh\n{block.text}\n```"
        case Pairs():
            yield from _table(block.caption, ("", ""), block.rows, ())
        case Table():
            yield from _table(block.caption, block.columns, block.rows, block.numbers)
        case Picture():
            yield f"{_escape(block.caption)} {_escape(block.says)}"


def _table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    numbers: Sequence[int],
) -> Iterator[str]:
    if caption:
        yield f"**{_escape(caption)}**"
    rules = ["--:" if k in numbers else "---" for k in range(len(columns))]
    lines = [[_escape(name) for name in columns], rules]
    lines += [[_cell(cell) for cell in row] for row in rows]
    yield "\n".join(f"| {' | '.join(line)} |" for line in lines)

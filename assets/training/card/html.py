"""The card as one HTML page: nothing is fetched, nothing runs, everything is escaped."""

import re
from collections.abc import Mapping, Sequence
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
    Section,
    Summary,
    Table,
)
from assets.training.card.style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content security policy of the page: its own style and nothing else."""


def render_html(facts: Mapping[str, Any], approvals: Sequence[Approval]) -> str:
    """The page of ``facts`` and ``approvals`` (see :func:`assets.training.card.card.card`)."""
    shown = card(facts, approvals)
    numbered = _numbered(shown.sections)
    contents = "".join(
        f'<a href="#{_anchor(s.title)}">{number} {escape(s.title)}</a> '
        for number, s in numbered
        if s.level == 2
    )
    body = "".join(_section(number, section) for number, section in numbered)
    version = facts["version"]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(shown.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        '<div class="page">\n'
        f"<header><div><h1>{escape(shown.title)}</h1>"
        f'<p class="sub">{escape(shown.subtitle)}</p></div>{_cell(shown.status)}</header>\n'
        f"<main>\n{_summary(shown.summary)}\n"
        f'<nav aria-label="Sections">{contents}</nav>\n{body}</main>\n'
        "<footer>Headings after Mitchell et al., “Model Cards for Model Reporting”, FAT* 2019. "
        f"Model {escape(version['digest'][:12])}, spec {escape(version['spec_version'])}."
        "</footer>\n</div>\n</body>\n</html>\n"
    )


def _numbered(sections: Sequence[Section]) -> list[tuple[str, Section]]:
    found, whole, part = [], 0, 0
    for section in sections:
        whole, part = (whole + 1, 0) if section.level == 2 else (whole, part + 1)
        found.append((f"{whole}." if section.level == 2 else f"{whole}.{part}", section))
    return found


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _section(number: str, section: Section) -> str:
    level = section.level
    return (
        f'<h{level} id="{_anchor(section.title)}">{number} {escape(section.title)}</h{level}>\n'
        + "".join(_block(block) for block in section.blocks)
    )


def _summary(summary: Summary) -> str:
    answers = ""
    for k, (question, said) in enumerate(summary.answers):
        paragraphs = "".join(f"<p>{escape(one)}</p>" for one in said)
        typed = _block(Command(summary.command)) if summary.command and k == 3 else ""
        answers += f"<div><h2>{escape(question)}</h2>{paragraphs}{typed}</div>"
    gates = "".join(
        f"<li><span>{escape(name)}</span>{_cell(badge)}</li>" for name, badge in summary.gates
    )
    listed = f'<h2>Gates</h2><ul class="chips">{gates}</ul>' if gates else ""
    return (
        f'<section class="summary" aria-label="Summary"><div class="answers">{answers}</div>'
        f"{listed}</section>"
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, Badge):
        return f'<span class="badge {cell.tone}">{escape(cell.text)}</span>'
    if isinstance(cell, Mono):
        return f"<code>{escape(cell.text)}</code>"
    return escape(cell)


def _figure(cell: Cell) -> str:
    """A figure on one line, its interval on the next where there is no room for both."""
    return _cell(cell).replace(" ", "&nbsp;").replace("&nbsp;(", " (")


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            kind = ' class="strong"' if block.strong else ""
            return f"<p{kind}>{escape(block.text)}</p>\n"
        case Bullets():
            return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in block.items)}</ul>\n"
        case Command():
            return f"<pre>{escape(block.text)}</pre>\n"
        case Pairs():
            rows = "".join(
                f'<tr><th scope="row">{escape(name)}</th><td>{_cell(value)}</td></tr>'
                for name, value in block.rows
            )
            return f'<table class="pairs">{_caption(block.caption)}<tbody>{rows}</tbody></table>\n'
        case Table():
            return _table(block)
        case Picture():
            return (
                f"<figure>{block.svg}<figcaption>{escape(block.caption)} {escape(block.says)}"
                "</figcaption></figure>\n"
            )


def _caption(caption: str) -> str:
    return f"<caption>{escape(caption)}</caption>" if caption else ""


def _table(table: Table) -> str:
    def kind(column: int) -> str:
        return ' class="number"' if column in table.numbers else ""

    heads = "".join(
        f'<th scope="col"{kind(k)}>{escape(name)}</th>' for k, name in enumerate(table.columns)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{_cell(cell)}</th>'
            if k == 0
            else f"<td{kind(k)}>{_figure(cell) if k in table.numbers else _cell(cell)}</td>"
            for k, cell in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    narrow = ' class="narrow"' if len(table.numbers) >= len(table.columns) - 2 <= 3 else ""
    return (
        f'<div class="wide"><table{narrow}>{_caption(table.caption)}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>\n"
    )

"""Fairness: how the night's decisions, and what became of earlier ones, differ between groups."""

from collections import defaultdict
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING

from assets.night_report.charts import whisker
from assets.night_report.measures import Measure
from assets.night_report.names import name_of, subject_words
from assets.night_report.page import (
    NOTHING,
    Block,
    Grid,
    Reading,
    Readings,
    Says,
    Section,
)
from assets.night_report.panels import panels
from assets.night_report.trends import alike, ends, of_subject, told
from assets.night_report.verdicts import badge
from assets.night_report.words import between, count, figure, named
from assets.tables import FAIRNESS
from assets.training.card.charts import padded

if TYPE_CHECKING:
    from assets.night_report.reading import Record

BY_DECISION = ("approval_rate", "approval_ratio")
MOST_PANELS = 12


def fairness(record: "Record") -> Section:
    """Approval by group with intervals, matured outcomes by group, and both over the nights."""
    return Section("fairness", "Fairness between groups", tuple(_blocks(record)))


def _blocks(record: "Record") -> Iterator[Block]:
    days = record.spec.monitoring.fairness.window_days
    rates = _by_column(record.measures.all_of(FAIRNESS, "approval_rate", record.day))
    ratios = {m.subject: m for m in record.measures.all_of(FAIRNESS, "approval_ratio", record.day)}
    if not rates and not ratios:
        if not record.spec.sensitive:
            yield Says("The use case names no sensitive column, so no groups are compared.")
        else:
            yield Says("Nothing about groups is on record for this night.")
        return
    for column in sorted({*rates, *ratios}):
        items = [_group(record, one, rates[column]) for one in rates.get(column, [])]
        if column in ratios:
            items.append(_ratio(record, ratios[column]))
        yield Readings(
            f"Approved, by {named(column)}", items,
            f"Decisions of the last {days} nights, with 95 % intervals.",
        )  # fmt: skip
    yield from _outcomes(record)
    yield from _over_time(record, rates)


def _by_column(found: list[Measure]) -> dict[str, list[Measure]]:
    by: dict[str, list[Measure]] = defaultdict(list)
    for one in found:
        if one.group is not None:
            by[one.group[0]].append(one)
    return {column: sorted(rows, key=_place) for column, rows in by.items()}


def _place(one: Measure) -> tuple[float, str]:
    """Where a group stands: ``<30``, ``30-45``, ``>=60``; others by name."""
    name = one.group[1] if one.group is not None else ""
    if name.startswith(("<", ">")):
        return (-inf if name[0] == "<" else inf, name)
    head = name.partition("-")[0]
    return (float(head) if head.replace(".", "", 1).isdigit() else 0.0, name)


def _group(record: "Record", one: Measure, others: list[Measure]) -> Reading:
    assert one.group is not None
    low, high = ends(one, "share")
    value, known = told(record, one, name_of("approval_rate"))
    drawn = [v for m in others for v in (m.value, *ends(m, "share")) if v is not None]
    plot = NOTHING
    if one.value is not None and drawn:
        within = padded(drawn, within=(0.0, 1.0))
        said = f"{value} ({known})"
        plot = whisker(one.value, low, high, within=within, title=one.group[1], said=said)
    return Reading(one.group[1], value, known, plot=plot)


def _ratio(record: "Record", one: Measure) -> Reading:
    value, known = told(record, one, name_of("approval_ratio"))
    limit = f"at least {figure(one.limit, 'metric')}" if one.limit is not None else ""
    return Reading(
        name="Lowest rate against the highest",
        small="1 means that every group is approved equally often.",
        value=value,
        sure="; ".join(part for part in (known, limit) if part),
        badge=badge(one),
    )


def _outcomes(record: "Record") -> Iterator[Block]:
    """Matured outcomes by group, a table: rates beside each other."""
    measures = [
        name
        for name in record.measures.names(FAIRNESS, "")
        if name not in BY_DECISION and record.measures.all_of(FAIRNESS, name, record.day)
    ]
    if not measures:
        yield Says("Not enough known outcomes yet to compare the groups by what came of them.")
        return
    rows: list[list[str]] = []
    found = [m for n in measures for m in record.measures.all_of(FAIRNESS, n, record.day)]
    ordered = sorted(found, key=lambda m: (m.subject.partition("=")[0], *_place(m)))
    for subject in dict.fromkeys(m.subject for m in ordered):
        cells = [subject_words(subject)]
        for measure in measures:
            one = record.measures.of(FAIRNESS, measure, record.day, subject)
            cells.append(_cell(one, measure))
        rows.append(cells)
    yield Grid(
        "Where the outcome is known: rate, 95 % interval, known outcomes",
        ("Group", *(name_of(measure).title for measure in measures)),
        rows,
    )


def _cell(one: Measure | None, measure: str) -> str:
    unit = name_of(measure).unit
    if one is None or one.value is None:
        return figure(None, unit)
    low, high = ends(one, unit)
    known = [between(low, high, unit), f"n {count(one.n)}" if one.n is not None else ""]
    return f"{figure(one.value, unit)} ({', '.join(part for part in known if part)})"


def _over_time(record: "Record", rates: dict[str, list[Measure]]) -> Iterator[Block]:
    shown = []
    for column in sorted(rates):
        for one in rates[column]:
            title = subject_words(one.subject)
            shown.append(of_subject(record, FAIRNESS, "approval_rate", one.subject, title))
    if shown:
        left = len(shown) - MOST_PANELS
        more = "All on one scale."
        more += f" {left} more groups are in the table `fairness`." if left > 0 else ""
        yield panels(record, "Approved, over the last nights", alike(shown[:MOST_PANELS]), more)

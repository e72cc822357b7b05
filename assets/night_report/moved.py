"""Did the input move? Column by column, against what a column does between quiet nights."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from assets.night_report.before import before
from assets.night_report.charts import band
from assets.night_report.names import SCORE, Named, column_words, moved_words
from assets.night_report.page import Badge, Block, Reading, Readings, Says, Section
from assets.night_report.trends import ends, too_few
from assets.night_report.verdicts import badge
from assets.night_report.words import Unit, bare, count, counted, figure, listed, span, sure
from assets.tables import DRIFT

if TYPE_CHECKING:
    from assets.night_report.measures import Measure
    from assets.night_report.reading import Record

ABSENT = {
    "missing": "without a value",
    "novelty": "with a category the training window never had",
    "quarantined_share": "rows in quarantine",
}
MOST = 8
"""Columns of each that a page names."""

SHOWN = 25
"""Columns a page has room for, those furthest beyond their band first."""

PRESENCE = "presence"
"""How a column is compared whose values are there or not there otherwise than before."""


def moved(record: "Record") -> Section:
    """The section of the first question."""
    return Section("moved", "Did the input move?", tuple(_blocks(record)))


def _blocks(record: "Record") -> Iterator[Block]:
    overall = record.of(DRIFT, "input_moved")
    columns = record.measures.all_of(DRIFT, "drift", record.day)
    if overall is None and not columns:
        yield Says("No comparison of this night with the training window is on record.")
        return
    if overall is not None:
        yield Says(_answer(record, overall), "warn" if overall.verdict == "moved" else "")
    if columns:
        yield _columns(record, columns)
    yield from _presence(record)


def _answer(record: "Record", overall: "Measure") -> str:
    """The answer in a sentence or two, with what was compared."""
    rows, reference = overall.detail.get("rows", overall.n), overall.detail.get("reference_rows")
    against = f"{counted(rows or 0, 'case')} of the night against "
    against += f"{count(reference)} of " if reference else ""
    against += f"the training window{_window(overall)}"
    if overall.verdict == "insufficient":
        few = too_few(record, overall, Named("", "times"))
        return f"That cannot be said: {few or 'too few cases'} ({against})."
    compared = len(record.measures.all_of(DRIFT, "drift", record.day))
    drifted = [str(name) for name in overall.detail.get("drifted", ())]
    largest = figure(overall.value, "times")
    if overall.verdict != "moved":
        return f"No. The largest effect is {largest}, of {compared} columns compared ({against})."
    names = listed([column_words(record.spec, name)[0] for name in drifted[:4]])
    more = f" and {len(drifted) - 4} more" if len(drifted) > 4 else ""
    lie = "lies" if len(drifted) == 1 else "lie"
    return (
        f"Yes. {len(drifted)} of {compared} columns {lie} beyond what columns do between quiet "
        f"nights: {names}{more}. The largest effect is {largest} ({against})."
    )


def _window(overall: "Measure") -> str:
    window = overall.detail.get("reference_window")
    try:
        first, last = (date.fromisoformat(str(one)[:10]) for one in window or ())
    except ValueError:
        return ""
    return f", {span(first, last)}"


def _columns(record: "Record", columns: "list[Measure]") -> Readings:
    nights = record.spec.monitoring.drift.window_days
    window = {m.subject: m for m in record.measures.all_of(DRIFT, "drift_window", record.day)}
    beyond = {m.subject for m in (*columns, *window.values()) if m.verdict == "drifted"}

    def place(one: "Measure") -> tuple[bool, float, str]:
        both = (one, window.get(one.subject, one))
        return one.subject not in beyond, -max(m.times or 0.0 for m in both), one.subject

    ordered = sorted(columns, key=place)
    items = [_column(record, one, window.get(one.subject), nights) for one in ordered[:SHOWN]]
    left = len(ordered) - len(items)
    more = f" {counted(left, 'column')} with smaller effects are not shown." if left > 0 else ""
    ring = f" The ring is the same over the last {nights} nights." if window and nights > 1 else ""
    return Readings(
        "Effect on each column, those beyond their band first",
        items,
        "The grey room is the noise band: what the column does between quiet nights, its end the "
        f"dashed line. The dot is tonight, a diamond where it lies beyond.{ring} Effects of "
        "numbers are in standard deviations of the training window; those of categories are "
        "distances from 0 (the same mix) to 0.83 (nothing in common)." + more,
    )


def _column(record: "Record", one: "Measure", window: "Measure | None", nights: int) -> Reading:
    name, small = column_words(record.spec, one.subject)
    numeric = one.subject in (*record.spec.numeric_features, SCORE)
    kind = one.detail.get("kind", "")
    unit: Unit = "deviations" if numeric and kind != PRESENCE else "distance"
    value = figure(one.value, unit)
    said = moved_words(record.spec, one.subject, str(one.detail.get("words") or ""))
    said += f"{'; ' if said else ''}band {bare(one.limit, unit)}"
    said += f", {counted(one.n, 'case')}" if one.n is not None else ""
    together = one.detail.get("nights")
    said += f" of {together} nights" if isinstance(together, int) and together > 1 else ""
    if window is not None and window.value is not None and nights > 1:
        over = bare(window.value, unit)
        beyond = ", beyond its band" if window.verdict == "drifted" else ""
        said += f"; over {nights} nights {over}{beyond}"
    if note := str(one.detail.get("note") or ""):
        said += f"; {note}"
    times = figure(one.times, "times")
    return Reading(
        name=name,
        small=small,
        value=value,
        sure=said,
        plot=band(
            one.times,
            window.times if window is not None and nights > 1 else None,
            beyond=one.verdict == "drifted",
            title=f"{name} against its band",
            said=times,
        ),
        badge=_beyond(one, window, nights),
    )


def _beyond(one: "Measure", window: "Measure | None", nights: int) -> Badge | None:
    """What stands out of a column. A badge for each of many quiet ones would hide it."""
    if one.verdict == "stable" and window is not None and window.verdict == "drifted":
        return Badge(f"beyond its band over {nights} nights", "warn")
    return badge(one) if one.verdict != "stable" else None


def _presence(record: "Record") -> Iterator[Block]:
    """Values that are missing, categories nobody had before, rows the door kept."""
    found = []
    for measure, what in ABSENT.items():
        shown = [m for m in record.measures.all_of(DRIFT, measure, record.day) if m.value]
        for one in sorted(shown, key=lambda m: -(m.value or 0.0))[:MOST]:
            name, _ = column_words(record.spec, one.subject)
            of = "row" if measure == "quarantined_share" else "case"
            low, high = ends(one, "share")
            said = sure(low, high, one.n, "share", "", of)
            was, nights = before(record, DRIFT, measure, one.subject)
            if was is not None:
                said += f"; before {figure(was, 'share')} ({counted(nights, 'night')})"
            value = figure(one.value, "share")
            found.append(Reading(f"{name}: {what}", value, said, badge=badge(one)))
    if found:
        yield Readings("Missing and new", found)
    elif record.measures.has(DRIFT, record.day):
        yield Says("No column had missing values, no category was new, no row was in quarantine.")

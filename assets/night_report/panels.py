"""Trends as small pictures beside each other."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from assets.night_report.charts import trend
from assets.night_report.page import Panel, Panels
from assets.night_report.trends import Trend, business, model
from assets.night_report.words import listed

if TYPE_CHECKING:
    from assets.night_report.reading import Record

KEY = (
    "Line: the figure, with its interval as a band (95 % unless said otherwise). Dashed: the "
    "limit. Dotted: the figure at training. Diamond: beyond the limit. Cross: a night that was "
    "stopped or never came. Ring: this night."
)
"""What lines and marks mean."""


def panels(record: "Record", title: str, trends: Iterable[Trend], key: str = "") -> Panels:
    """The pictures of trends; of those without a single figure only the names."""
    shown = list(trends)
    items = [
        Panel(t.title, t.now, t.sure, trend(t, record.days, record.nights, record.day), t.meaning)
        for t in shown
        if not t.empty
    ]
    empty = [t.title.lower() for t in shown if t.empty]
    said = [key] if items and key else []
    said += [f"Nothing is on record of these nights about: {listed(empty)}."] if empty else []
    return Panels(title, items, " ".join(said))


def business_panels(record: "Record") -> Panels:
    """Business figures over the last nights."""
    return panels(record, "Business", business(record))


def model_panels(record: "Record") -> Panels:
    """Figures of the model over the last nights."""
    return panels(record, "Model", model(record), KEY)

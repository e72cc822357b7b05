"""What waits for people, what the night cost, and what its decisions are worth."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assets.night_report.matters import reading
from assets.night_report.measures import OVERALL
from assets.night_report.page import Block, Grid, Readings, Says, Section
from assets.night_report.words import DASH, figure, named
from assets.tables import ECONOMICS

if TYPE_CHECKING:
    from assets.night_report.reading import Record

QUEUE = ("queue_open", "queue_overdue", "queue_oldest_days")
COSTS = (
    *("night_cost", "review_cost", "review_minutes", "compute_cost", "compute_seconds"),
    *("cost_per_prediction", "automation_rate", "expected_value", "realised_value"),
)


def queue(record: "Record") -> Section:
    """Depth and age of what waits at the desk."""
    return Section("queue", "Waiting for people", tuple(_readings(record, QUEUE, "At the desk")))


def economics(record: "Record") -> Section:
    """Cost per stage, per night, per prediction; reviewers' time; value expected and realised."""
    return Section("economics", "Cost and value", tuple(_economics(record)))


def _readings(record: "Record", names: tuple[str, ...], title: str) -> Iterator[Block]:
    found = [(name, record.of(ECONOMICS, name)) for name in names]
    items = [reading(record, ECONOMICS, name, one) for name, one in found if one is not None]
    if items:
        yield Readings(title, items)
    else:
        yield Says("Nothing of it is on record for this night.")


def _economics(record: "Record") -> Iterator[Block]:
    if not record.measures.has(ECONOMICS, record.day):
        yield Says("What the night cost and is worth is not on record.")
        return
    yield from _readings(record, COSTS, "The night")
    if record.spec.economics.approve is None:
        yield Says(
            "What decisions are worth is not known: the spec does not say what an approved case "
            "brings (economics.approve)."
        )
    seconds = {
        m.subject: m for m in record.measures.all_of(ECONOMICS, "compute_seconds", record.day)
    }
    costs = {m.subject: m for m in record.measures.all_of(ECONOMICS, "compute_cost", record.day)}
    stages = [name for name in {**seconds, **costs} if name != OVERALL]
    if stages:
        currency = record.spec.economics.currency
        rows = []
        for name in stages:
            spent, cost = seconds.get(name), costs.get(name)
            rows.append(
                (
                    named(name),
                    figure(spent.value, "seconds") if spent else DASH,
                    figure(cost.value, "money", currency) if cost else DASH,
                )
            )
        yield Grid("Machine time by stage", ("Stage", "Time", "Cost"), rows, (1, 2))

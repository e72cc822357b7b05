"""A night's page: its line on top, both questions, and all that lies behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from assets.night_report import choices, groups, money
from assets.night_report.incident import Incident
from assets.night_report.matters import matters
from assets.night_report.moved import moved
from assets.night_report.page import Badge, Grid, Says, Section
from assets.night_report.panels import business_panels, model_panels
from assets.night_report.reading import DECIDED, NEVER, Record, Told
from assets.night_report.status_line import Status, status
from assets.night_report.verdicts import gate_badge
from assets.night_report.words import count, day, figure, named, sentence, span, sure
from assets.tables import ECONOMICS
from assets.training.gates.shares import Share

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class Stat:
    """A key figure on top of the page."""

    name: str
    value: str
    sure: str = ""


@dataclass(frozen=True)
class NightPage:
    """A night, ready to be shown."""

    spec: "UseCaseSpec"
    day: date
    status: Status
    stats: Sequence[Stat]
    incidents: Sequence[Incident]  # open that night, and closed by it
    alerts: Sequence[Told]
    sections: Sequence[Section]
    span: str  # of the trends

    @property
    def title(self) -> str:
        return f"{named(self.spec.name)}: night of {day(self.day)}"

    @property
    def before(self) -> date:
        return self.day - timedelta(days=1)

    @property
    def after(self) -> date:
        return self.day + timedelta(days=1)


def night_page(record: Record) -> NightPage:
    """The page of a record. A night without decisions has what is known of it and the trends."""
    sections = [_gates(record), trends(record)]
    if record.state == DECIDED:
        sections = [
            moved(record),
            matters(record),
            choices.decisions(record),
            choices.confidence(record),
            groups.fairness(record),
            choices.explanations(record),
            money.queue(record),
            money.economics(record),
            *sections,
        ]
    tonight = [one for one in record.incidents if one.is_open or one.closed_on == record.day]
    return NightPage(
        spec=record.spec,
        day=record.day,
        status=status(record),
        stats=_stats(record),
        incidents=tonight,
        alerts=record.alerts,
        sections=sections,
        span=span(record.days[0], record.day),
    )


def trends(record: Record) -> Section:
    """Business figures and those of the model, beside each other."""
    title = f"The nights {span(record.days[0], record.day)}"
    return Section("trends", title, (business_panels(record), model_panels(record)))


def _stats(record: Record) -> list[Stat]:
    decided = record.decided
    if decided is None:
        return []
    found = [
        Stat("Cases", count(decided.cases)),
        _part("Approved", decided.approved, decided.cases),
        _part("For people", decided.referred, decided.cases),
    ]
    if decided.declined:
        found.append(_part("Declined", decided.declined, decided.cases))
    version = record.version
    beside = f"version {decided.canary[0]} beside" if decided.canary else ""
    found.append(Stat("Decided by", f"Version {version}" if version else "nobody", beside))
    currency = record.spec.economics.currency
    for name, measure in (("Cost", "night_cost"), ("Expected value", "expected_value")):
        one = record.of(ECONOMICS, measure)
        if one is not None and one.value is not None:
            said = ""
            if measure == "night_cost" and one.limit is not None:
                said = f"budget {figure(one.limit, 'money', currency)}"
            found.append(Stat(name, figure(one.value, "money", currency), said))
    return found


def _part(name: str, hits: int, cases: int) -> Stat:
    if not cases:
        return Stat(name, count(hits))
    found = Share(hits, cases).interval(0.95)
    share = figure(found.value, "share")
    return Stat(name, count(hits), f"{share} ({sure(found.low, found.high, None, 'share')})")


def _gates(record: Record) -> Section:
    blocks: list[Says | Grid] = []
    if record.ladder:
        blocks.append(Says(sentence(record.ladder)))
    if not record.gates:
        what = "Nothing" if record.state == NEVER else "No gate"
        blocks.append(Says(f"{what} is on record for this night."))
        return Section("gates", "Gates of the night", blocks)
    failed = sum(gate.verdict == "fail" for gate in record.gates)
    unsure = sum(gate.verdict == "insufficient" for gate in record.gates)
    passed = len(record.gates) - failed - unsure
    said = f"{count(passed)} of {count(len(record.gates))} passed"
    said += f", {count(failed)} failed" if failed else ""
    said += f", {count(unsure)} had not enough evidence" if unsure else ""
    rows: list[tuple[str | Badge, ...]] = [
        (named(gate.name).replace(".", ": "), gate_badge(gate.verdict), gate.message)
        for gate in record.gates
    ]
    blocks.append(Grid(sentence(said), ("Gate", "Verdict", "What it found"), rows))
    return Section("gates", "Gates of the night", blocks)

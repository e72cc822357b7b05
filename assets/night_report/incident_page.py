"""An incident's own page: its course night by night, and its evidence in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from assets.night_report.incident import Incident
from assets.night_report.measures import OVERALL
from assets.night_report.names import name_of, subject_words
from assets.night_report.page import Tone
from assets.night_report.verdicts import VERDICTS
from assets.night_report.words import counted, day, figure, named, sentence, sure

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class Event:
    """A step of an incident's course."""

    day: date
    title: str
    said: str
    tone: Tone


@dataclass(frozen=True)
class IncidentPage:
    """An incident with its course and its evidence."""

    lead: str
    events: Sequence[Event]
    evidence: Sequence[str]
    nights: Sequence[tuple[date, bool]]
    """Night and whether it found the incident, the newest first."""


def incident_page(spec: "UseCaseSpec", nights: Sequence[Incident]) -> IncidentPage:
    """The page of an incident. ``nights``: its record of each night, ascending, at least one."""
    last = nights[-1]
    return IncidentPage(
        lead=_lead(last),
        events=tuple(_events(last)),
        evidence=tuple(evidence_words(spec, last.found)),
        nights=[(one.as_of, one.last_seen_on == one.as_of) for one in reversed(nights)],
    )


def _lead(one: Incident) -> str:
    found = f"found on {counted(one.nights, 'night')}"
    if one.is_open:
        quiet = f", {counted(one.quiet, 'quiet night')} since" if one.quiet else ""
        return f"Open since {day(one.opened_on)}: {found}{quiet}."
    closed = day(one.closed_on) if one.closed_on is not None else "an unknown day"
    return f"Opened on {day(one.opened_on)}, {found}, closed on {closed}."


def _events(one: Incident) -> Iterator[Event]:
    yield Event(
        one.opened_on, "Opened", "The first night that found it; one alert was raised.", "bad"
    )
    if one.training_asked_on is not None:
        asked = "The road asked for a training. What it makes still needs its approval."
        yield Event(one.training_asked_on, "Training asked for", asked, "warn")
    if one.last_seen_on > one.opened_on:
        said = f"{counted(one.nights, 'night')} found it in all."
        yield Event(one.last_seen_on, "Found last", said, "warn")
    if one.closed_on is not None:
        said = f"{counted(one.quiet, 'night')} in a row did not find it."
        yield Event(one.closed_on, "Closed by itself", said, "good")


def evidence_words(spec: "UseCaseSpec", found: Mapping[str, Any]) -> Iterator[str]:
    """What says so, a sentence each: measures with interval, cases and limit, and what the ladder
    did."""
    for one in found.get("measures") or ():
        if isinstance(one, Mapping) and one.get("measure"):
            yield _measured(spec, one)
    move = found.get("move")
    if isinstance(move, Mapping):
        version, stage = move.get("version"), named(str(move.get("stage")))
        yield sentence(f"Version {version}, in {stage}: {move.get('message')}")


def _measured(spec: "UseCaseSpec", one: Mapping[str, Any]) -> str:
    name = name_of(str(one["measure"]))
    currency = spec.economics.currency
    subject = str(one.get("subject") or OVERALL)
    said = name.title if subject == OVERALL else f"{name.title} of {subject_words(subject)}"
    value, limit = (_number(one.get(key)) for key in ("value", "limit"))
    if value is not None:
        said += f": {figure(value, name.unit, currency)}"
        n = one.get("n")
        known = sure(
            _number(one.get("low")), _number(one.get("high")), n if isinstance(n, int) else None,
            name.unit, currency, name.of,
        )  # fmt: skip
        said += f" ({known})" if known else ""
    if limit is not None:
        said += f"; limit {figure(limit, name.unit, currency)}"
    detail = one.get("detail")
    told = ""
    if isinstance(detail, Mapping):
        signs = "; ".join(str(sign) for sign in detail.get("signs") or ())
        told = signs or str(detail.get("sentence") or "")
    verdict = VERDICTS.get(str(one.get("verdict")), ("", ""))[0]
    said += f": {told}" if told else f"; {verdict}" if verdict else ""
    return sentence(said)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

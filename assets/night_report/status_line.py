"""How a night went, in one line a manager understands, and whether anybody has to do anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from assets.night_report.names import column_words, metric, moved_words, name_of, smaller_is_better
from assets.night_report.reading import DECIDED, NEVER, STOPPED
from assets.night_report.words import count, counted, figure, listed, named, sentence, short_day
from assets.release.non_inferiority import compared_by
from assets.tables import DRIFT, ECONOMICS, FAIRNESS, PERFORMANCE

if TYPE_CHECKING:
    from assets.night_report.measures import Measures
    from assets.night_report.reading import Record
    from assets.spec import UseCaseSpec

Tone = Literal["well", "look", "act", "none"]
WORDS: dict[Tone, str] = {
    "well": "All well",
    "look": "Have a look",
    "act": "Act",
    "none": "No night",
}
"""What a tone says; the colour beside it says no more."""

NAMED = 3
"""Columns a line names; of others it says how many."""


@dataclass(frozen=True)
class Status:
    """One line about one night."""

    tone: Tone
    line: str

    @property
    def word(self) -> str:
        return WORDS[self.tone]


def status(record: "Record") -> Status:
    """The night's line and tone. To act on: a night that was stopped, one no model could be trusted
    with, an input that moved and matters, an open incident."""
    night = f"Night of {short_day(record.day)}"
    if record.state == NEVER:
        return Status("none", f"{night}: nothing is on record of it; look whether it ran.")
    if record.state == STOPPED:
        return Status("act", sentence(f"{night}: stopped, and nothing was decided: {_why(record)}"))
    tone = tone_of(record.spec, record.measures, record.day, len(record.open_incidents))
    decided = record.decided
    if decided is not None and decided.cases and decided.fallback == decided.cases:
        tone = "act"
    said = "; ".join(part for part in _parts(record) if part)
    return Status(tone, sentence(f"{night}: {said}"))


def tone_of(spec: "UseCaseSpec", measures: "Measures", day: date, open_incidents: int) -> Tone:
    """The tone of a decided night, by what was measured of it."""
    impact = measures.of(DRIFT, "impact", day)
    if open_incidents or (impact is not None and impact.verdict == "matters"):
        return "act"
    moved = measures.of(DRIFT, "input_moved", day)
    # What nobody looked at is not well.
    if moved is None or moved.verdict != "stable":
        return "look"
    return "look" if any(_breaches(spec, measures, day)) else "well"


def tones(record: "Record") -> dict[date, Tone]:
    """The tone of every night of the record."""
    found: dict[date, Tone] = {}
    for day, state in record.nights.items():
        if state != DECIDED:
            found[day] = "act" if state == STOPPED else "none"
            continue
        open_then = sum(one.was_open(day) for one in record.incidents)
        found[day] = tone_of(record.spec, record.measures, day, open_then)
    return found


def _parts(record: "Record") -> Iterator[str]:
    yield _cases(record)
    yield input_line(record)
    yield from _breaches(record.spec, record.measures, record.day)
    yield _who(record)
    incidents = len(record.open_incidents)
    yield f"{counted(incidents, 'incident')} open" if incidents else ""


def _cases(record: "Record") -> str:
    decided = record.decided
    if decided is None:
        return "no decision is on record"
    if not decided.cases:
        return "there was no case to decide"
    if decided.fallback == decided.cases:
        why = decided.why_fallback.split(". ")[0]
        return (
            f"all {counted(decided.cases, 'case')} went to people, for no model scored them: {why}"
        )
    said = f"{counted(decided.cases, 'case')}, {count(decided.approved)} approved"
    said += f", {count(decided.referred)} for people"
    if decided.declined:
        said += f", {count(decided.declined)} declined"
    return said


def input_line(record: "Record") -> str:
    """Both questions in one clause: did the input move, and does it matter?"""
    moved, impact = record.of(DRIFT, "input_moved"), record.of(DRIFT, "impact")
    if moved is None and impact is None:
        return "whether the input moved is not on record"
    verdict = moved.verdict if moved is not None else ""
    told = _signs(impact.detail) if impact is not None else ""
    matters = impact.verdict if impact is not None else "unknown"
    columns = _columns(record.spec, moved.detail) if moved is not None else ""
    if matters == "matters":
        begun = "the input has moved and it matters" if verdict == "moved" else "it matters"
        begun = begun if verdict != "stable" else "the input is as before, but the model does worse"
        said = "; ".join(part for part in (columns, told) if part)
        return f"{begun}: {said}" if said else begun
    if verdict == "insufficient":
        few = f" ({counted(moved.n, 'case')})" if moved is not None and moved.n is not None else ""
        return f"too few cases to say whether the input moved{few}"
    if verdict != "moved":
        return "the input is as the model learnt it"
    which = f": {columns}" if columns else ""
    if matters == "unknown":
        return f"the input has moved{which}; whether it matters cannot be said yet"
    return f"the input has moved, harmless so far{which}"


def _breaches(spec: "UseCaseSpec", measures: "Measures", day: date) -> Iterator[str]:
    """What a limit of the spec calls too much, but for what the input line says already."""
    impact = measures.of(DRIFT, "impact", day)
    told = impact is not None and impact.verdict == "matters"
    for measure in (compared_by(spec), "calibration_error"):
        found = measures.of(PERFORMANCE, measure, day)
        if found is None or found.verdict != "fail" or told:
            continue
        unit = name_of(measure).unit
        name = metric(measure) if measure != "calibration_error" else "the calibration error"
        how, limit = ("above" if smaller_is_better(measure) else "below"), figure(found.limit, unit)
        yield f"{name} is {figure(found.value, unit)} on known outcomes, {how} its limit of {limit}"
    unequal = [
        named(m.subject)
        for m in measures.all_of(FAIRNESS, "approval_ratio", day)
        if m.verdict == "fail"
    ]
    if unequal:
        yield f"groups of {listed(unequal)} are approved too unequally"
    currency = spec.economics.currency
    cost = measures.of(ECONOMICS, "night_cost", day)
    if cost is not None and cost.verdict == "fail":
        spent, budget = figure(cost.value, "money", currency), figure(cost.limit, "money", currency)
        yield f"the night cost {spent}, over its budget of {budget}"
    overdue = measures.of(ECONOMICS, "queue_overdue", day)
    if overdue is not None and overdue.verdict == "fail" and overdue.value is not None:
        yield f"{counted(overdue.value, 'case')} at the desk overdue"


def _who(record: "Record") -> str:
    decided = record.decided
    if decided is None or record.version is None:
        return ""
    said = f"version {record.version} decides"
    if decided.canary is not None:
        version, cases = decided.canary
        said += f", version {version} on trial decides {count(cases)} of them"
    return said


def _columns(spec: "UseCaseSpec", detail: Mapping[str, Any]) -> str:
    """The columns that moved, the first with what became of it."""
    names = [str(name) for name in detail.get("drifted", ())]
    words = detail.get("words")
    told = words if isinstance(words, dict) else {}
    shown = [column_words(spec, name)[0] for name in names[:NAMED]]
    if shown and (said := moved_words(spec, names[0], str(told.get(names[0]) or ""))):
        shown[0] += f" ({said})"
    more = len(names) - len(shown)
    return listed([*shown, f"{more} more"] if more else shown)


def _signs(detail: Mapping[str, Any]) -> str:
    """What says that it matters, without the figures behind; of no signs the sentence."""
    signs = [str(sign).partition(" (")[0] for sign in detail.get("signs") or ()]
    if signs:
        return listed([named(sign) for sign in signs[:NAMED]])
    return str(detail.get("sentence") or "").strip().rstrip(".")


def _why(record: "Record") -> str:
    """What stopped it: the first sentence of the first gate that failed."""
    for gate in record.gates:
        if gate.verdict == "fail":
            return gate.message.split(". ")[0]
    return "no gate on record says why"

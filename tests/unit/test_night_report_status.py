"""The one line about a night, and whether anybody has to do anything: what each rests on."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from assets.night_report.decided import Decided
from assets.night_report.incident import Incident
from assets.night_report.measures import Measure, Measures
from assets.night_report.reading import Gate, Record
from assets.night_report.status_line import status, tones
from tests.nights_on_record import loans

DAY = date(2026, 8, 28)
STABLE = Measure("drift", DAY, "input_moved", value=0.6, n=234, verdict="stable")
MOVED = replace(
    STABLE, value=3.4, verdict="moved", detail={"drifted": ["monthly_income", "channel"]}
)
INCOME = "median 1690, 3123 before"
FEW = replace(STABLE, value=None, n=12, verdict="insufficient")


def impact(verdict: str, sentence: str = "", **detail: Any) -> Measure:
    said = {"sentence": sentence, **detail}
    return Measure("drift", DAY, "impact", verdict=verdict, detail=said)


def judged(
    table: str, measure: str, verdict: str, subject: str = "overall", **more: Any
) -> Measure:
    given = {"value": 0.45, "limit": 0.56, "n": 3800, **more}
    return Measure(table, DAY, measure, subject, verdict=verdict, **given)


def counts(**changes: Any) -> Decided:
    known = Decided(234, 148, 86, 0, 17, 0, 0, "", 4, None, {})
    return replace(known, **changes)


def record(*measures: Measure, **changes: Any) -> Record:
    made = Record(
        spec=loans(),
        day=DAY,
        first=DAY - timedelta(days=89),
        state="decided",
        decided=counts(),
        measures=Measures(measures),
        incidents=(),
        gates=(),
        alerts=(),
        ladder="",
        nights={DAY: "decided"},
    )
    return replace(made, **changes)


def incident(**changes: Any) -> Incident:
    known: dict[str, Any] = dict.fromkeys(Incident.__dataclass_fields__, "")
    known |= {"incident_id": "i", "kind": "drift", "subject": "overall", "state": "open"}
    known |= {"opened_on": DAY, "last_seen_on": DAY, "closed_on": None, "nights": 1, "quiet": 0}
    known |= {"model_version": 4, "training_asked_on": None, "as_of": DAY, "evidence": "{}"}
    return Incident(**(known | changes))


def test_a_quiet_night_is_well_and_says_who_decides() -> None:
    said = status(record(STABLE, impact("none")))
    assert said.tone == "well"
    assert said.word == "All well"
    assert said.line == (
        "Night of 28 Aug: 234 cases, 148 approved, 86 for people; the input is as the model "
        "learnt it; version 4 decides."
    )


@pytest.mark.parametrize(
    ("moved", "said_of_impact", "tone", "says"),
    [
        (
            MOVED,
            impact("matters", "income is far below what the model learnt."),
            "act",
            "it matters: monthly income and channel; income is far below what the model learnt;",
        ),
        (
            replace(MOVED, detail=MOVED.detail | {"words": {"monthly_income": INCOME}}),
            impact("matters", "", signs=["the scores moved (effect 0.6)", "other_decisions"]),
            "act",
            "the input has moved and it matters: monthly income (median 1690 EUR per month, 3123 "
            "before) and channel; the scores moved and other decisions; version 4",
        ),
        (
            MOVED,
            impact("harmless", "nothing follows"),
            "look",
            "the input has moved, harmless so far: monthly income and channel;",
        ),
        (MOVED, impact("unknown"), "look", "whether it matters cannot be said yet"),
        (MOVED, None, "look", "whether it matters cannot be said yet"),
        (FEW, impact("unknown"), "look", "too few cases to say whether the input moved (12 cases)"),
        (STABLE, impact("matters", "fewer are found"), "act", "but the model does worse: fewer"),
        (None, None, "look", "whether the input moved is not on record"),
    ],
)
def test_the_two_questions_have_one_clause(
    moved: Measure | None, said_of_impact: Measure | None, tone: str, says: str
) -> None:
    found = status(record(*[m for m in (moved, said_of_impact) if m is not None]))
    assert found.tone == tone
    assert says in found.line


BREACHES = [
    (
        judged("performance", "average_precision", "fail", arm="champion"),
        "below its limit of 0.560",
    ),
    (judged("performance", "calibration_error", "fail", value=0.2, limit=0.1), "above its limit"),
    (judged("fairness", "approval_ratio", "fail", "age"), "groups of age are approved too unequal"),
    (judged("economics", "night_cost", "fail", value=1300, limit=1200), "over its budget of 1"),
    (judged("economics", "queue_overdue", "fail", value=3.0), "3 cases at the desk overdue"),
]


@pytest.mark.parametrize(("one", "says"), BREACHES)
def test_a_limit_that_is_broken_is_said_and_looked_at(one: Measure, says: str) -> None:
    found = status(record(STABLE, impact("none"), one))
    assert found.tone == "look"
    assert says in found.line
    for verdict in ("pass", "insufficient", ""):
        silent = status(record(STABLE, impact("none"), replace(one, verdict=verdict)))
        assert silent.tone == "well", verdict
        assert says not in silent.line


def test_a_canary_or_a_challenger_does_not_speak_for_the_champion() -> None:
    other = judged("performance", "average_precision", "fail", arm="challenger")
    assert status(record(STABLE, impact("none"), other)).tone == "well"


def test_an_open_incident_is_to_be_acted_on_and_a_closed_one_is_not() -> None:
    found = status(record(STABLE, impact("none"), incidents=(incident(),)))
    assert (found.tone, "1 incident open" in found.line) == ("act", True)
    closed = incident(state="closed", opened_on=DAY - timedelta(days=9), closed_on=DAY)
    assert status(record(STABLE, impact("none"), incidents=(closed,))).tone == "well"


def test_a_night_nobody_could_be_trusted_with_says_why() -> None:
    broken = counts(fallback=234, approved=0, referred=234, version=None)
    broken = replace(broken, why_fallback="the manifest does not fit. Look at it")
    found = status(record(STABLE, impact("none"), decided=broken))
    assert found.tone == "act"
    assert "all 234 cases went to people, for no model scored them: the manifest" in found.line
    assert "version" not in found.line


def test_a_stopped_night_says_what_stopped_it() -> None:
    gate = Gate("a.unit_error", "a", "fail", "amount looks multiplied by 100. Ask the source")
    found = status(record(state="stopped", decided=None, gates=(gate,)))
    assert found.tone == "act"
    assert found.line.endswith("nothing was decided: amount looks multiplied by 100.")
    nobody = status(record(state="stopped", decided=None))
    assert "no gate on record says why" in nobody.line


def test_a_night_that_never_came() -> None:
    found = status(record(state="missing", decided=None))
    assert (found.tone, found.word) == ("none", "No night")


def test_a_canary_is_named() -> None:
    found = status(record(STABLE, impact("none"), decided=counts(canary=(5, 65), declined=2)))
    assert "2 declined" in found.line
    assert "version 4 decides, version 5 on trial decides 65 of them" in found.line


def test_a_night_without_cases() -> None:
    found = status(record(FEW, decided=counts(cases=0, version=None)))
    assert "there was no case to decide" in found.line


def test_every_night_of_the_calendar_has_the_tone_of_its_day() -> None:
    before, stopped, gone = (DAY - timedelta(days=n) for n in (1, 2, 3))
    quiet = replace(STABLE, day=before)
    nights = {gone: "missing", stopped: "stopped", before: "decided", DAY: "decided"}
    found = tones(record(quiet, MOVED, impact("harmless"), nights=nights))
    assert found == {gone: "none", stopped: "act", before: "well", DAY: "look"}
    closed = incident(opened_on=before, closed_on=DAY, state="closed")
    assert tones(record(quiet, STABLE, nights=nights, incidents=(closed,)))[before] == "act"

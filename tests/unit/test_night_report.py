"""A night's page from the lake: what it says of each kind of night, and what it never holds."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from assets.home import Home
from assets.lake import Lake
from assets.night_report.document import document
from assets.night_report.elsewhere import DAGSTER, EVIDENTLY, MLFLOW, REPORTS, Addresses, links
from assets.night_report.incident_page import evidence_words, incident_page
from assets.night_report.measures import Measure, Measures, measure_of
from assets.night_report.moved import moved
from assets.night_report.night import NightPage, night_page
from assets.night_report.page import Grid, Panels, Picture, Points, Readings, Says, Section
from assets.night_report.reading import Record, newest_night, read_incidents, read_record
from assets.tables import DECISIONS, DRIFT, PERFORMANCE
from tests import nights_on_record
from tests.nights_on_record import (
    FEW,
    HARM,
    HARM_ID,
    HARMLESS,
    LAST,
    MISSING,
    OPEN,
    PARTITION,
    SMALL,
    STOPPED,
    Told,
    cases_of,
    loans,
)

ADDRESSES = Addresses(
    {
        DAGSTER: "http://127.0.0.1:3000",
        MLFLOW: "http://127.0.0.1:3001/",
        EVIDENTLY: "http://127.0.0.1:3002",
        REPORTS: "http://127.0.0.1:3003",
    }
)


@pytest.fixture(scope="module")
def kept() -> Home:
    return nights_on_record.kept()


@pytest.fixture(scope="module")
def told(kept: Home) -> Told:
    return Told(loans(), LAST, 90)


@cache
def record_of(kept: Home, number: int) -> Record:
    spec = loans()
    return read_record(Lake(kept.lake), spec, Told(spec, LAST, 90).day(number))


@cache
def page(kept: Home, number: int) -> NightPage:
    return night_page(record_of(kept, number))


def section(found: NightPage, key: str) -> Section:
    return next(one for one in found.sections if one.key == key)


def text(one: Section) -> str:
    """All words of a section, spaces made plain."""

    def words() -> Iterator[str]:
        yield one.title
        for block in one.blocks:
            if isinstance(block, Says):
                yield block.text
            elif isinstance(block, Points):
                yield from (f"{title}\n{' '.join(lines)}" for title, lines in block.lists)
            elif isinstance(block, Readings):
                yield from (block.title, block.key)
                for item in block.items:
                    yield from (item.name, item.value, item.sure, item.small)
                    yield item.badge.word if item.badge else ""
            elif isinstance(block, Panels):
                yield from (block.title, block.key)
                yield from (f"{p.title}: {p.now} {p.sure}" for p in block.items)
            elif isinstance(block, Picture):
                yield from (block.title, block.said)
            elif isinstance(block, Grid):
                yield from (block.caption, *block.head)
                yield from (str(cell) for row in block.rows for cell in row)

    return "\n".join(words()).replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_the_two_questions_stand_apart_and_come_first(kept: Home) -> None:
    found = page(kept, HARM[3])
    assert [one.title for one in found.sections[:2]] == ["Did the input move?", "Does it matter?"]
    input_moved, matters = text(found.sections[0]), text(found.sections[1])
    assert "Yes. 2 of 14 columns lie beyond" in input_moved
    assert f"3.40 × its band ({cases_of(HARM[3])} cases of the night" in input_moved  # noqa: RUF001
    assert "precision" not in input_moved
    assert "Yes." in matters
    assert "What says that it does harm\nThe scores moved (effect 0.62" in matters
    assert "0.62 standard deviations" in matters
    assert found.status.tone == "act"
    (incident,) = found.incidents
    assert incident.title == "The input moved, and it matters"


def test_columns_beyond_their_band_come_first_with_band_and_n(kept: Home) -> None:
    blocks = section(page(kept, HARM[0]), "moved").blocks
    columns = next(b for b in blocks if isinstance(b, Readings))
    first, second, third = columns.items[:3]
    assert (first.name, second.name) == ("monthly income", "utilisation")
    assert first.small == "Stated net income (EUR per month)"
    said = r"median 1690 EUR per month, 3123 before; band 0\.25, \d+ cases"
    assert re.match(said, first.sure)
    assert re.match(r"band 0\.25, \d+ cases; over 3 nights", second.sure)
    assert first.badge is not None
    assert first.badge.word == "beyond its band"
    assert third.badge is None
    assert "<desc>3.40" in first.plot


def test_a_column_that_moved_over_several_nights_only_comes_first_too(kept: Home) -> None:
    record = record_of(kept, 30)
    given = {"day": record.day, "limit": 0.25, "n": 230}
    rows = [
        Measure(DRIFT, measure=measure, subject=name, value=value, verdict=verdict, **given)
        for measure, name, value, verdict in (
            ("drift", "amount", 0.2, "stable"),
            ("drift", "term_months", 0.1, "stable"),
            ("drift_window", "term_months", 0.3, "drifted"),
        )
    ]
    (columns,) = [
        block
        for block in moved(replace(record, measures=Measures(rows))).blocks
        if isinstance(block, Readings)
    ]
    first, second = columns.items
    assert (first.name, second.badge) == ("term months", None)
    assert first.badge is not None
    assert first.badge.word == "beyond its band over 3 nights"


def test_a_harmless_move_is_said_to_be_harmless(kept: Home) -> None:
    found = page(kept, HARMLESS[1])
    assert found.status.tone == "look"
    assert "moved, harmless so far: channel" in found.status.line
    assert "Not so far: the input moved, and nothing shows that it does harm." in text(
        found.sections[1]
    )
    assert found.incidents == []


def test_a_night_of_too_few_cases_answers_neither_question(kept: Home) -> None:
    found = page(kept, SMALL)
    assert "That cannot be said: not enough cases yet: 12 of 50" in text(found.sections[0])
    assert "That cannot be said yet." in text(found.sections[1])
    assert found.status.tone == "look"


def test_too_few_known_outcomes_are_counted(kept: Home) -> None:
    said = text(section(page(kept, FEW[3]), "matters"))
    assert "not enough known outcomes yet: 120 of 200" in said
    assert "not enough known outcomes yet" not in text(section(page(kept, 30), "matters"))


def test_performance_has_interval_limit_training_and_n(kept: Home) -> None:
    said = text(section(page(kept, OPEN[2]), "matters"))
    assert (
        "0.414 to 0.486 at 99 %, 3 800 known outcomes; at least 0.560; at the training of version "
        "4 0.610"
    ) in said
    assert "beyond its limit" in said
    assert re.search(r"In \d of 10 groups of scores the share that came true agrees", said)
    assert "channel branch\n0.500" in said


def test_every_other_part_says_its_figures_with_n(kept: Home) -> None:
    found = page(kept, OPEN[2])
    for key, says in {
        "decisions": r"before 6\d\.\d % \(\d+ nights\)",
        "confidence": r"of the scores lie from 0\.0 to 0\.1 \(189 cases\)",
        "fairness": r"60\.\d %|61\.\d %|62\.\d %",
        "explanations": r"utilisation: \d+\.\d % \d+\.\d to \d+\.\d %, 189 cases",
        "queue": r"Oldest case waiting\n2\.47 days\n88 open cases",
        "economics": r"621 EUR\n189 cases; at most 1 200 EUR",
        "gates": r"6 of 6 passed\.",
        "trends": r"Approved: 63\.5 % 56\.4 to 70\.0 %, 189 cases",
    }.items():
        assert re.search(says, text(section(found, key))), (key, text(section(found, key)))
    assert "88 open cases; at most 0" in text(section(found, "queue"))
    ages = next(b for b in section(found, "fairness").blocks if isinstance(b, Readings))
    names = [item.name for item in ages.items]
    assert names == ["<30", "30-45", "45-60", ">=60", "Lowest rate against the highest"]
    assert "training.leak" not in text(section(page(kept, 44), "gates"))


def test_a_stopped_night_and_one_that_never_came(kept: Home) -> None:
    stopped = page(kept, STOPPED)
    assert [one.key for one in stopped.sections] == ["gates", "trends"]
    assert "stopped, and nothing was decided: amount looks multiplied" in stopped.status.line
    assert len(stopped.alerts) == 1
    gone = page(kept, MISSING)
    assert gone.status.word == "No night"
    assert "Nothing is on record for this night." in text(section(gone, "gates"))
    over = text(section(gone, "trends"))
    assert "not on record this night; on 9 Jul" in over


def test_an_incident_closes_on_the_page_of_its_night(kept: Home) -> None:
    during, closing, after = (page(kept, n) for n in (HARM[4], HARM[-1] + 2, HARM[-1] + 4))
    assert [one.is_open for one in during.incidents] == [True]
    assert [one.is_open for one in closing.incidents] == [False]
    assert after.incidents == []
    assert "incident" not in after.status.line


def test_an_incident_has_its_course_and_its_evidence_in_words(kept: Home, told: Told) -> None:
    rows = read_incidents(Lake(kept.lake), told.spec.name, told.first, told.last)
    own = [one for one in rows if one.incident_id == HARM_ID]
    shown = incident_page(told.spec, own)
    titles = [event.title for event in shown.events]
    assert titles == ["Opened", "Training asked for", "Found last", "Closed by itself"]
    assert shown.lead == "Opened on 10 Aug 2026, found on 7 nights, closed on 18 Aug 2026."
    assert "222 cases); limit 1.00" in shown.evidence[0]
    assert shown.evidence[1].startswith("Does it matter: the scores moved (effect 0.62")
    assert [found for _, found in shown.nights] == [False, False] + [True] * 7
    move = {"move": {"version": 2, "stage": "canary", "verdict": "roll_back", "message": "too far"}}
    assert list(evidence_words(told.spec, move)) == ["Version 2, in canary: too far."]
    assert list(evidence_words(told.spec, {"measures": [{"n": 3}, "x"]})) == []


def test_the_file_for_mail_is_small_whole_and_alone(kept: Home) -> None:
    found = page(kept, HARM[3])
    style = Path("orchestration/desk/static/desk.css").read_text(encoding="utf-8")
    made = document(found, style)
    assert len(made.encode()) < 3_000_000
    again = night_page(read_record(Lake(kept.lake), loans(), found.day))
    assert document(again, style) == made
    assert "SECRET" not in made
    assert "<script" not in made
    assert not re.search(r"\s(on\w+|style)=", made)
    assert re.findall(r"(?:src|href|action)=\"(?!#)", made) == []
    assert re.findall(r"url\(|@import", made) == []
    assert made.count("<svg") > 40
    for piece in re.findall(r"<svg class=\"plot\".*?</svg>", made, re.DOTALL):
        assert "<title>" in piece
        assert "<desc>" in piece


def test_a_page_takes_less_than_two_seconds(kept: Home) -> None:
    began = time.process_time()
    document(night_page(read_record(Lake(kept.lake), loans(), LAST)), "")
    assert time.process_time() - began < 2


def test_a_home_without_these_tables_says_what_is_not_on_record(kept: Home, tmp_path: Path) -> None:
    old = Home(tmp_path / "home")
    spec = loans()
    shutil.copytree(kept.lake / spec.name / DECISIONS, old.lake / spec.name / DECISIONS)
    lake = Lake(old.lake)
    assert newest_night(lake, spec.name) == LAST
    found = night_page(read_record(lake, spec, LAST))
    assert found.status.tone == "look"
    assert "whether the input moved is not on record" in found.status.line
    assert [s.value for s in found.stats][:3] == ["189", "120", "69"]
    said = "\n".join(text(one) for one in found.sections)
    for missing in (
        "No comparison of this night with the training window is on record.",
        "Nothing is on record that would answer it for this night.",
        "No scores of this night are on record.",
        "Nothing about groups is on record for this night.",
        "What the night cost and is worth is not on record.",
        "No gate is on record for this night.",
        "Nothing is on record of these nights about: cases, approved",
    ):
        assert missing in said
    assert links(old, read_record(lake, spec, LAST), Addresses()) == []
    assert newest_night(Lake(tmp_path / "empty"), spec.name) is None


def test_a_torn_detail_is_no_detail() -> None:
    row = dict.fromkeys(("measure", "subject", "arm", "model_version", "value", "low", "high"))
    row |= dict.fromkeys(("n", "limit", "verdict"))
    torn = measure_of(DRIFT, {**row, "measure": "m", "subject": "overall", "detail": '{"a":',
                              PARTITION: LAST})  # fmt: skip
    assert torn.detail == {}
    assert torn.verdict == ""
    found = Measures([torn])
    assert found.of(DRIFT, "m", LAST) == torn
    assert found.of(PERFORMANCE, "m", LAST) is None
    assert found.of(DRIFT, "m", LAST - timedelta(days=1)) is None


def test_links_lead_to_exactly_that_night(kept: Home, told: Told, tmp_path: Path) -> None:
    spec, home = told.spec, Home(tmp_path)
    record = record_of(kept, 89)
    for path in (
        home.drift_report(spec.name, LAST),
        home.dbt_docs(spec.name),
        home.model_card(spec.name, 4),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a page")
    found = {link.title: link.address for link in links(home, record, ADDRESSES)}
    assert found["Drift report"] == (f"http://127.0.0.1:3003/drift/{spec.name}/{LAST}.html")
    assert found["Decisions of 28 Aug 2026 in Dagster"] == (
        f"http://127.0.0.1:3000/assets/{spec.name}/decisions?view=partitions&partition={LAST}"
    )
    assert found["MLflow run of version 4"] == f"http://127.0.0.1:3001/#/runs/{'4' * 32}"
    assert found["Model card of version 4"].endswith(f"/models/{spec.name}/version_4.html")
    assert found["dbt docs"] == f"http://127.0.0.1:3003/dbt/{spec.name}.html"
    assert found["Evidently report"].startswith("http://127.0.0.1:3002/projects/")
    assert "Great Expectations Data Docs" not in found  # nobody wrote one
    alone = links(home, record, Addresses())
    assert {link.title: link.path for link in alone} == {
        "Drift report": f"reports/drift/{spec.name}/{LAST}.html",
        "dbt docs": f"reports/dbt/{spec.name}.html",
        "Model card of version 4": f"reports/models/{spec.name}/version_4.html",
    }
    assert not any(link.address for link in alone)

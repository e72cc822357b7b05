"""The start page and what it leads to: who sees it, what it never shows, how fast it answers."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from assets.lake import Lake
from assets.night_report.elsewhere import Addresses
from assets.tables import DRIFT, INCIDENTS
from orchestration.desk.neighbours import VARIABLES, addresses_from_environment
from tests.nights_on_record import HARM, HARM_ID, LAST, MISSING, NIGHTS, OPEN_ID, STOPPED
from tests.ui.desk_client import Client, signed_in, words
from tests.ui.desk_home import Desk, app_on
from tests.ui.nights_desk import LOANS, NIGHT, NOW, make_nights_desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_nights_desk(tmp_path_factory.mktemp("start"))


@pytest.fixture(scope="module")
def ana(desk: Desk) -> Client:
    return signed_in(desk, "ana.analyst")


@pytest.fixture(autouse=True)
def _on_time(desk: Desk) -> Iterator[None]:
    yield
    desk.clock.now = NOW


def night(number: int) -> str:
    return f"/use-cases/{LOANS}/nights/{LAST - timedelta(days=NIGHTS - 1 - number)}"


PAGES = ["/", f"/use-cases/{LOANS}", "/use-cases/boats", NIGHT, night(HARM[2]), night(STOPPED),
         night(MISSING), "/incidents", f"/incidents/{HARM_ID}"]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_in_two_seconds_without_a_row_of_anybody(ana: Client, path: str) -> None:
    began = time.process_time()
    answer = ana.get(path)
    assert time.process_time() - began < 2
    assert answer.status_code == 200
    assert "SECRET" not in answer.text
    assert re.findall(r"<script(?![^>]* src=\"/static/)", answer.text) == []
    assert "<style" not in answer.text
    assert re.findall(r"\s(style|on\w+)=", answer.text) == []
    assert re.findall(r"(?:src|href|action)=\"(?!/|#)", answer.text) == []


def test_the_start_page_says_tonight_in_a_line_and_what_to_do_first(ana: Client) -> None:
    said = words(ana.get("/"))
    assert "Act. Night of 28 Aug: 189 cases, 120 approved, 69 for people" in said
    assert "version 4 decides; 1 incident open." in said
    assert said.index("Loan approval".lower()) < said.index("boats")
    assert "No night is on record yet." in said
    for title in (
        "Cases", "Approved", "Decided without a person", "Cost of the night",
        "Value of the decisions", "Waiting for people", "Oldest case waiting", "Input moved",
        "Average precision", "Calibration error",
    ):  # fmt: skip
        assert title in said
    assert f'href="/incidents/{OPEN_ID}"' in ana.get("/").text


def test_an_analyst_reads_nights_and_no_case(desk: Desk, ana: Client) -> None:
    start = ana.get("/").text
    for place in ("/queues", "/approvals", "/releases", "/oversight", "/look-up"):
        assert f'href="{place}"' not in start
        assert ana.get(place).status_code == 403
    assert ana.get(f"/records/{OPEN_ID}").status_code == 403
    reviewer = signed_in(desk, "rae.reviewer").get("/")
    assert reviewer.status_code == 200
    assert 'href="/queues"' in reviewer.text


def test_who_signs_in_comes_to_the_start_page(desk: Desk) -> None:
    client = Client(desk)
    assert client.get("/").status_code == 401
    answer = client.sign_in("ana.analyst")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_night_leads_to_the_nights_beside_it(ana: Client) -> None:
    last, middle = ana.get(NIGHT).text, ana.get(night(HARM[2])).text
    assert "27 Aug" in last
    assert 'rel="next"' not in last
    assert 'rel="next"' in middle
    assert 'rel="prev"' in middle
    said = words(ana.get(NIGHT))
    assert said.index("Did the input move?") < said.index("Does it matter?")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"/use-cases/{LOANS}/nights/2027-01-01", "the newest is that of 28 Aug 2026"),
        (f"/use-cases/{LOANS}/nights/2020-01-01", "it is before the first"),
        ("/use-cases/boats/nights/2026-08-28", "there is none yet"),
        ("/use-cases/ships", "boats, loan_approval"),
        (f"/incidents/{HARM_ID[:-1]}9", "no incident of this id|has an incident of this id"),
    ],
)
def test_what_is_not_on_record_is_a_clear_no(ana: Client, path: str, says: str) -> None:
    answer = ana.get(path)
    assert answer.status_code == 404
    assert re.search(says, words(answer))


def test_incidents_are_told_as_a_person_needs_them(ana: Client) -> None:
    listed = words(ana.get("/incidents"))
    assert listed.index("The champion is worse than it was (average precision) open") < (
        listed.index("The input moved, and it matters closed")
    )
    one = words(ana.get(f"/incidents/{HARM_ID}"))
    for part in (
        "What happened", "What the road did", "What a person should do", "What says so",
        "Training asked for", "Closed by itself", "7 nights found it in all.",
    ):  # fmt: skip
        assert part in one


def test_the_calendar_leads_to_every_night(ana: Client) -> None:
    page = ana.get(f"/use-cases/{LOANS}").text
    table = page[page.index('class="calendar"') : page.index("</table>")]
    assert table.count("<a ") == NIGHTS
    assert "10 Jul 2026: no night" in table
    assert "30 Jul 2026: act" in table


def test_a_night_that_does_not_come_is_said(desk: Desk, ana: Client) -> None:
    assert "No newer night is on record" not in words(ana.get("/"))
    desk.clock.go(days=3)
    again = signed_in(desk, "ana.analyst")
    assert "No newer night is on record: that one closed 3 days ago." in words(again.get("/"))


def test_a_use_case_that_cannot_be_read_does_not_hide_the_others(
    desk: Desk, tmp_path: Path
) -> None:
    shutil.copytree(desk.home.root, tmp_path / "home")
    home = type(desk.home)(tmp_path / "home")
    log = next((home.lake / LOANS / DRIFT / "_delta_log").glob("*.json"))
    log.write_text("{torn")
    session = type(desk.session)(home)
    session.__dict__["specs"] = desk.session.specs
    torn = replace(desk, home=home, session=session, app=app_on(session, desk.clock))
    client = signed_in(torn, "ana.analyst")
    for path in ("/", "/incidents"):
        answer = client.get(path)
        assert answer.status_code == 200
    assert "boats" in words(client.get("/"))
    assert "Its tables cannot be read (DeltaError)" in words(client.get("/"))


def test_a_night_that_is_made_anew_is_read_anew(desk: Desk, ana: Client) -> None:
    before = words(ana.get("/incidents"))
    lake = Lake(desk.home.lake)
    rows = lake.read_day(LOANS, INCIDENTS, LAST)
    assert "1 incident open" in words(ana.get(NIGHT))
    lake.replace_day(LOANS, INCIDENTS, LAST, rows.slice(0, 0))
    try:
        assert words(ana.get("/incidents")) != before
    finally:
        lake.replace_day(LOANS, INCIDENTS, LAST, rows)
    assert words(ana.get("/incidents")) == before


def test_links_lead_to_the_tools_that_are_there(
    desk: Desk, ana: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "http" not in ana.get("/").text.partition("More of this night")[2].partition("</ul>")[0]
    for tool, variable in VARIABLES.items():
        monkeypatch.setenv(variable, f"http://127.0.0.1:9/{tool}")
    monkeypatch.setenv(VARIABLES["mlflow"], "javascript:alert(1)")
    known = addresses_from_environment()
    assert sorted(known.known) == ["dagster", "evidently", "reports"]
    service = desk.app.state.service
    desk.app.state.service = replace(service, addresses=known)
    try:
        text = ana.get(NIGHT).text
    finally:
        desk.app.state.service = service
    assert (
        'href="http://127.0.0.1:9/dagster/assets/loan_approval/decisions'
        "?view=partitions&amp;partition=2026-08-28"
    ) in text
    assert "javascript" not in text
    assert Addresses().of("dagster", "x") == ""

"""The start page, a night, an incident in a real browser: read, followed, accessible, printed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from assets.night_report.document import document
from assets.night_report.night import night_page
from assets.night_report.reading import read_record
from orchestration.report_cli import STYLE
from tests.nights_on_record import HARM_ID, LAST, loans
from tests.ui.browser import chromium
from tests.ui.desk_home import Desk
from tests.ui.desk_server import DESKTOP, PHONE, page_of, served
from tests.ui.nights_desk import LOANS, NIGHT, make_nights_desk

pytestmark = pytest.mark.slow

PAGES = ("/", f"/use-cases/{LOANS}", NIGHT, f"/use-cases/{LOANS}/nights/2026-07-30", "/incidents",
         f"/incidents/{HARM_ID}")  # fmt: skip

DARK = ("/", NIGHT, f"/incidents/{HARM_ID}")


@dataclass
class Room:
    """A desk over the nights, where it listens, and the browser in front of it."""

    desk: Desk
    url: str
    browser: Browser

    def page(self, **context: object) -> Page:
        return page_of(self.browser, self.desk, self.url, "ana.analyst", **context)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    desk = make_nights_desk(tmp_path_factory.mktemp("nights"))
    with served(desk) as url, chromium() as browser:
        yield Room(desk, url, browser)


def test_from_the_start_to_the_night_to_its_incident(room: Room) -> None:
    page = room.page()
    page.goto(room.url)
    expect(page.get_by_role("heading", name="How the nights went")).to_be_visible()
    expect(page.locator(".status").first).to_contain_text("Act. Night of 28 Aug: 189 cases")
    page.get_by_role("link", name="The night of 28 Aug 2026").click()
    expect(page.get_by_role("heading", name="Did the input move?")).to_be_visible()
    expect(page.get_by_role("heading", name="Does it matter?")).to_be_visible()
    page.get_by_role("link", name="27 Aug").click()
    expect(page.get_by_role("heading", name="night of 27 Aug 2026")).to_be_visible()
    page.get_by_role("link", name="The champion is worse than it was").click()
    expect(page.get_by_role("heading", name="What says so")).to_be_visible()
    page.get_by_role("link", name="loan approval").click()
    page.get_by_role("link", name="10 Jul 2026: no night").click()
    expect(page.locator(".status")).to_contain_text("nothing is on record of it")
    expect(page.get_by_role("link", name="Queues")).to_have_count(0)


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_every_page_is_accessible_and_fits(room: Room, look: str) -> None:
    context = {"viewport": PHONE} if look == "phone" else {"color_scheme": look}
    page = room.page(**context)
    for path in PAGES if look != "dark" else DARK:
        page.goto(room.url + path)
        if look != "phone":
            # In the dark only the colours are others.
            asked = {"runOnly": ["color-contrast"]} if look == "dark" else None
            found = Axe().run(page, options=asked)["violations"]
            told = [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found]
            assert told == [], path
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{path} is {wide} px too wide"
    page.context.close()


CLASHES = """() => [...document.querySelectorAll('svg.plot')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].map(
    t => [t.textContent, t.getBoundingClientRect()]);
  const out = boxes.filter(([, b]) => b.left < frame.left - 1 || b.right > frame.right + 1
    || b.top < frame.top - 1 || b.bottom > frame.bottom + 1).map(([t]) => `outside: ${t}`);
  boxes.forEach(([t, a], i) => boxes.slice(i + 1).forEach(([u, b]) => {
    if (a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom)
      out.push(`over each other: ${t}, ${u}`);
  }));
  return out.map(said => `${svg.querySelector('title').textContent}: ${said}`);
})"""


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_words_of_a_picture_are_cut_or_lie_over_each_other(
    room: Room, viewport: dict[str, int]
) -> None:
    page = room.page(viewport=viewport)
    for path in ("/", NIGHT):
        page.goto(room.url + path)
        assert page.evaluate(CLASHES) == [], path
    page.context.close()


def test_the_file_for_mail_asks_nobody_and_prints_light(room: Room, tmp_path: Path) -> None:
    record = read_record(room.desk.lake, loans(), LAST)
    path = tmp_path / "night.html"
    path.write_text(document(night_page(record), STYLE.read_text(encoding="utf-8")))
    page = room.browser.new_context(color_scheme="dark").new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert asked == [path.as_uri()]
    expect(page.get_by_role("heading", name="Did the input move?")).to_be_visible()
    # The page itself is the desk's; what is around it is not.
    around = ["document-title", "html-has-lang", "landmark-one-main", "heading-order", "bypass"]
    assert Axe().run(page, options={"runOnly": around})["violations"] == []
    page.emulate_media(media="print", color_scheme="dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    assert page.locator(".contents").is_hidden()
    page.context.close()

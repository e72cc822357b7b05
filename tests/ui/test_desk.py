"""The review desk in a real browser: sign in, decide, conflict, keys, phone, accessible pages."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from assets.tables import REVIEWS
from tests.released import NAME as BOATS
from tests.ui.browser import chromium
from tests.ui.desk_home import PASSPHRASE, PASSWORD, Desk, make_desk
from tests.ui.desk_server import PHONE, page_of, served

pytestmark = pytest.mark.slow

WHY = "The weight was checked by hand and is right."


@dataclass
class Room:
    """A desk, where it listens, and the browser in front of it."""

    desk: Desk
    url: str
    browser: Browser
    used: int = 0

    def page(self, name: str = "", **context: object) -> Page:
        return page_of(self.browser, self.desk, self.url, name, **context)

    def case(self) -> str:
        """A referred case no test has touched."""
        self.used += 1
        return self.desk.decisions[self.used]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    desk = make_desk(tmp_path_factory.mktemp("desk"), cases=160)
    with served(desk) as url, chromium() as browser:
        yield Room(desk, url, browser)


def reviews_of(room: Room, case: str) -> list[dict[str, object]]:
    if not room.desk.lake.exists("widgets", REVIEWS):
        return []
    rows = room.desk.lake.read("widgets", REVIEWS).to_pylist()
    return [row for row in rows if row["decision_id"] == case]


def test_sign_in_open_a_case_decide_it(room: Room) -> None:
    page, case = room.page(), room.case()
    page.goto(f"{room.url}/cases/{case}")
    expect(page.get_by_text("Please sign in to see this page.").first).to_be_visible()
    page.get_by_label("Name").fill("rae.reviewer")
    page.get_by_label("Password").fill("not the password at all")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    # Back to where one was.
    expect(page).to_have_url(f"{room.url}/cases/{case}")
    page.get_by_label("Why").fill(WHY)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Recorded.").first).to_be_visible()
    expect(page).to_have_url(f"{room.url}/queues/widgets?done={case}")
    (row,) = reviews_of(room, case)
    assert (row["reviewer"], row["outcome"], row["rationale"]) == ("rae.reviewer", "approve", WHY)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{room.url}/queues")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_two_browsers_one_case(room: Room) -> None:
    first, second, case = room.page("rae.reviewer"), room.page("ben.reviewer"), room.case()
    for page in (first, second):
        page.goto(f"{room.url}/cases/{case}")
    first.get_by_label("Why").fill(WHY)
    second.get_by_label("Why").fill("I do not think so, and for long.")
    first.get_by_role("button", name="Approve").click()
    expect(first.get_by_text("Recorded.").first).to_be_visible()
    second.get_by_role("button", name="Decline").click()
    told = second.get_by_role("alert")
    for word in ("rae.reviewer", "approve"):
        expect(told).to_contain_text(word)
    expect(second.get_by_label("What you wrote")).to_have_value("I do not think so, and for long.")
    assert len(reviews_of(room, case)) == 1


def test_without_the_role_there_is_a_clear_no(room: Room) -> None:
    page = room.page("aud.auditor")
    answer = page.goto(f"{room.url}/cases/{room.desk.decisions[0]}")
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("main")).to_contain_text("It takes the role reviewer")
    expect(page.get_by_role("link", name="Queues")).to_have_count(0)


def test_a_form_of_another_site_is_refused(room: Room) -> None:
    """Another port is another origin of the same site: the strict cookie goes along."""
    page, case = room.page("rae.reviewer"), room.case()
    page.goto(f"{room.url}/cases/{case}")
    token = page.locator("#decide input[name=token]").input_value()
    form = (
        f"<form method=post action='{room.url}/cases/{case}/reviews'>"
        f"<input name=token value='{token}'><input name=seen value=0><input name=revision value=1>"
        f"<input name=rationale value='{WHY}'><input name=outcome value=decline></form>"
        "<script>document.forms[0].submit()</script>"
    )
    evil = page.context.new_page()
    evil.route(
        "http://127.0.0.1:9/", lambda route: route.fulfill(body=form, content_type="text/html")
    )
    evil.goto("http://127.0.0.1:9/")
    expect(evil.get_by_role("heading", name="Not from a form of this desk")).to_be_visible()
    # From elsewhere not even the cookie comes.
    evil.route(
        "http://evil.test/", lambda route: route.fulfill(body=form, content_type="text/html")
    )
    evil.goto("http://evil.test/")
    expect(evil.get_by_role("heading", name="Sign in")).to_be_visible()
    assert reviews_of(room, case) == []
    # And the visit goes on.
    page.reload()
    expect(page.get_by_role("heading", name="Your decision")).to_be_visible()


def test_a_script_in_a_rationale_is_shown_and_not_run(room: Room) -> None:
    page, case = room.page("rae.reviewer"), room.case()
    script = "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>"
    page.goto(f"{room.url}/cases/{case}")
    page.get_by_label("Why").fill(script)
    page.get_by_role("button", name="Decline").click()
    page.get_by_role("link", name="Look at it again").click()
    expect(page.locator("blockquote")).to_have_text(script)
    assert "ran" not in page.title()


def test_a_case_by_keys_alone(room: Room) -> None:
    page = room.page("rae.reviewer")
    page.goto(f"{room.url}/queues/widgets?order=due")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    links = page.locator(".cases a:not(.button)")
    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    case = str(links.nth(0).get_attribute("href")).rpartition("/")[2]
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{room.url}/cases/{case}")
    # The address is new before the page is: a key pressed in between goes nowhere.
    page.wait_for_load_state("load")
    page.keyboard.press("a")  # without a rationale
    expect(page.locator("#live")).to_contain_text("Write why first")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.type(WHY)
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    asked = page.get_by_role("dialog", name="Decline this case?")
    expect(asked).to_be_visible()
    page.keyboard.press("Escape")
    expect(asked).to_be_hidden()
    assert reviews_of(room, case) == []
    page.keyboard.press("a")
    expect(page.get_by_role("dialog", name="Approve this case?")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Recorded.").first).to_be_visible()
    (row,) = reviews_of(room, case)
    assert row["outcome"] == "approve"
    page.goto(f"{room.url}/cases/{case}")
    page.keyboard.press("u")
    expect(page).to_have_url(f"{room.url}/queues/widgets")


def test_the_queue_goes_on_and_is_filtered_in_place(room: Room) -> None:
    page = room.page("rae.reviewer")
    page.goto(f"{room.url}/queues/widgets")
    links = page.locator(".cases a:not(.button)")
    expect(links).to_have_count(50)
    page.get_by_role("link", name="Show more").click()
    expect(links).to_have_count(100)
    expect(page).to_have_url(f"{room.url}/queues/widgets")
    page.get_by_label("Show").select_option("decided")
    expect(page).to_have_url(f"{room.url}/queues/widgets?state=decided&order=risk")
    expect(page.locator("#shown")).not_to_have_text("100 cases")
    # Nothing of a case stays in the browser.
    kept = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
    assert kept == ["htmx-current-path-for-history"]


def test_without_scripts_everything_works(room: Room) -> None:
    page, case = room.page("rae.reviewer", java_script_enabled=False), room.case()
    page.goto(f"{room.url}/queues/widgets")
    page.get_by_role("link", name="Show more").click()
    expect(page.locator(".cases a:not(.button)").first).to_be_visible()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(f"{room.url}/queues/widgets?state=open&order=risk")
    page.goto(f"{room.url}/cases/{case}")
    page.get_by_label("Why").fill(WHY)
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("Recorded.").first).to_be_visible()


def test_ten_megabytes_in_a_browser(room: Room) -> None:
    page, case = room.page("rae.reviewer"), room.case()
    page.goto(f"{room.url}/cases/{case}")
    page.evaluate(
        "() => { const t = document.querySelector('#rationale'); t.removeAttribute('maxlength');"
        " t.value = 'x'.repeat(300000); }"
    )
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", name="That is too much text")).to_be_visible()
    assert reviews_of(room, case) == []


def test_an_owner_approves_a_version(room: Room) -> None:
    page = room.page("ola.owner")
    page.goto(f"{room.url}/approvals")
    page.get_by_role("link", name="Version 2").click()
    card = page.frame_locator("iframe")
    expect(card.get_by_role("heading", name="Model card: version 2")).to_be_visible()
    page.get_by_label("Why").fill("Card and gates read, figures checked.")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("blockquote")).to_have_text("Card and gates read, figures checked.")
    assert PASSPHRASE not in page.content()
    page.get_by_role("link", name="Release history").click()
    expect(page.get_by_text("Card and gates read, figures checked.")).to_be_visible()


PAGES = {
    "rae.reviewer": ["/queues", "/queues/widgets", "CASE", "BLIND", "/look-up", "RECORD"],
    "ola.owner": ["/approvals", f"/approvals/{BOATS}/2", "/releases", f"/releases/{BOATS}"],
    "aud.auditor": ["/oversight", f"/releases/{BOATS}", "/queues", "/nothing"],
    "": ["/sign-in", "/queues"],
}


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_and_fits(room: Room, name: str, look: str) -> None:
    named = {
        "CASE": f"/cases/{room.desk.decisions[0]}",
        "BLIND": f"/cases/{room.desk.blind[0]}",
        "RECORD": f"/records/{room.desk.decisions[0]}",
    }
    context = {"viewport": PHONE} if look == "phone" else {"color_scheme": look}
    page = room.page(name, **context)
    for path in PAGES[name]:
        page.goto(room.url + named.get(path, path))
        if look != "phone":
            # In the dark only the colours are others.
            asked = {"runOnly": ["color-contrast"]} if look == "dark" else None
            found = Axe().run(page, options=asked)["violations"]
            told = [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found]
            assert told == [], path
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{path} is {wide} px too wide"
    page.context.close()


def test_on_a_phone_targets_are_big_and_reasons_come_first(room: Room) -> None:
    page, case = room.page("rae.reviewer", viewport=PHONE, has_touch=True), room.case()
    page.goto(f"{room.url}/cases/{case}")
    for name in ("Approve", "Decline", "Sign out"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["height"] >= 44
    reasons = page.get_by_role("heading", name="What counts against it").bounding_box()
    score = page.get_by_role("heading", name="What the machine says").bounding_box()
    assert reasons is not None
    assert score is not None
    assert reasons["y"] < score["y"]
    page.get_by_label("Why").fill(WHY)
    page.get_by_role("button", name="Approve").tap()
    expect(page.get_by_text("Recorded.").first).to_be_visible()


def test_the_first_stop_skips_to_the_content(room: Room) -> None:
    page = room.page("rae.reviewer")
    page.goto(f"{room.url}/queues")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

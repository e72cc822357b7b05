"""The model card as a browser shows it: whole, within its width, and without asking anyone."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assets.training.card.facts import card_facts
from assets.training.card.html import render_html
from tests.card_case import make_gates, make_registered, make_spec, make_trained
from tests.ui.browser import Browser, chromium

FRAME = """<!doctype html><iframe id=f src="/card.html" width={width} height=9000></iframe>
<p id=said></p><script>
f.onload = () => {{
  const page = f.contentDocument, wide = page.documentElement.scrollWidth;
  const out = [...page.querySelectorAll("svg text")].filter(t => {{
    const b = t.getBBox(), v = t.ownerSVGElement.viewBox.baseVal;
    return b.x < 0 || b.y < 0 || b.x + b.width > v.width || b.y + b.height > v.height;
  }}).map(t => t.textContent);
  said.textContent = `wide ${{wide}} outside [${{out.join(", ")}}] end`;
}};
</script>"""


class Pages(ThreadingHTTPServer):
    """Serves what is in ``pages`` on loopback, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Pages

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        page = self.server.pages.get(self.path)
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write((page or "").encode())

    def log_message(self, *_: object) -> None:
        """Nothing: the test looks at ``asked``."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as program:
        yield Browser(program)


@pytest.fixture
def pages() -> Iterator[Pages]:
    with Pages() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def card(task: str) -> str:
    spec = make_spec(task)
    return render_html(
        card_facts(
            spec, make_trained(spec), make_registered(), make_gates(champion="insufficient")
        ),
        [],
    )


def test_a_card_is_read_without_asking_anyone(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "card.html"
    page.write_text(card("binary"))
    browser.shows(
        page.as_uri(),
        "Model card: widgets, version 3",
        "What does it decide? Will a widget break within ten days?",
        "Who approved it? Nobody has approved this version yet",
        'nightshift approve widgets 3 --reason "..."',
        "not enough evidence",
        "Scores of the evaluation cases",
        "Caveats and recommendations",
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_card_keeps_within_its_width(browser: Browser, pages: Pages, task: str) -> None:
    pages.pages = {"/card.html": card(task), "/frame.html": FRAME.format(width=1200)}
    words = browser.text(pages.url("frame.html"), "outside")
    found = re.search(r"wide (\d+) outside \[(.*?)\] end", words)
    assert found, words
    assert int(found[1]) <= 1200
    assert found[2] == ""
    assert set(pages.asked) <= {"/card.html", "/frame.html", "/favicon.ico"}

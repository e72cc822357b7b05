"""Pages as a person reads them: rendered by headless Chromium, reduced to their words."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import playwright.sync_api as play
import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# The text nodes of the page, its title's too, without its scripts and styles. React makes several
# nodes of what reads as one.
WORDS = """() => {
  const all = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
  let found = "";
  while (all.nextNode()) {
    const node = all.currentNode;
    if (!node.parentElement.closest("script, style")) {
      found += (node.previousSibling instanceof Text ? "" : " ") + node.data;
    }
  }
  return found.split(/\\s+/).filter(Boolean).join(" ");
}"""


@contextmanager
def chromium() -> Iterator[play.Browser]:
    """A headless Chromium. Skips the test where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on the path: install it (Debian: apt install chromium)")
    with play.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True)
class Browser:
    """One headless Chromium, a new profile for every page."""

    chromium: play.Browser

    def text(self, url: str, *wanted: str) -> str:
        """Words of the page at ``url`` once all that is wanted is there; where something stays
        missing the page is loaded anew, once, and waited for longer."""
        words = ""
        for seconds in (25, 90):
            # Lists render only the rows in sight.
            context = self.chromium.new_context(viewport={"width": 1600, "height": 2400})
            try:
                page = context.new_page()
                page.goto(url, timeout=seconds * 1000)
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    words = page.evaluate(WORDS)
                    if all(one in words for one in wanted):
                        return words
                    page.wait_for_timeout(200)
            finally:
                context.close()
        return words

    def shows(self, url: str, *wanted: str) -> None:
        """Assert that the rendered page at ``url`` has every wanted text."""
        words = self.text(url, *wanted)
        missing = [one for one in wanted if one not in words]
        assert not missing, f"{url} lacks {missing}. It reads: {words[:3000]}"

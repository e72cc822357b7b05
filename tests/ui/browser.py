"""Pages as a person reads them: rendered by headless Chromium, reduced to their words."""

import shutil
import subprocess
import time
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path


class _Text(HTMLParser):
    """The words of a page, without its scripts and styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += data.split()


@dataclass(frozen=True)
class Browser:
    """Headless Chromium, a new profile for every page."""

    program: str
    profiles: Path

    def text(self, url: str, *wanted: str) -> str:
        """Words of the page at ``url``, rendered; waits longer once where one is missing."""
        words = ""
        for budget in (25_000, 90_000):
            profile = self.profiles / f"{time.monotonic_ns()}"
            page = subprocess.run(
                [
                    self.program,
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    "--no-first-run",
                    f"--user-data-dir={profile}",
                    # Lists render only the rows in sight.
                    "--window-size=1600,2400",
                    f"--virtual-time-budget={budget}",
                    "--dump-dom",
                    url,
                ],
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            ).stdout
            shutil.rmtree(profile, ignore_errors=True)
            parser = _Text()
            parser.feed(page)
            words = " ".join(parser.words)
            if all(one in words for one in wanted):
                break
        return words

    def shows(self, url: str, *wanted: str) -> None:
        """Assert that the rendered page at ``url`` has every wanted text."""
        words = self.text(url, *wanted)
        missing = [one for one in wanted if one not in words]
        assert not missing, f"{url} lacks {missing}. It reads: {words[:3000]}"

"""A desk that listens on loopback, and real browsers in front of it."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from tests.ui.desk_client import signed_in
from tests.ui.desk_home import Desk

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


@contextmanager
def served(desk: Desk) -> Iterator[str]:
    """Address of the desk, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        config = uvicorn.Config(desk.app, log_level="error", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium. Skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on the path: install it (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def page_of(browser: Browser, desk: Desk, url: str, name: str = "", **context: Any) -> Page:
    """A page in a profile of its own, in which somebody is signed in already."""
    made = browser.new_context(**({"viewport": DESKTOP} | context))
    made.set_default_timeout(10_000)
    if name:
        client = signed_in(desk, name)
        for cookie, value in client.cookies.items():
            made.add_cookies([{"name": cookie, "value": value, "url": url, "sameSite": "Strict"}])
    return made.new_page()
